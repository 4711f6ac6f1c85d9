package compare

import (
	"testing"

	"grpcbench/internal/result"
)

func TestResolvedLooksAtTheWidthOfPrimaryIntervalsOnly(t *testing.T) {
	interval := func(metric string, low, high float64) result.Comparison {
		return result.Comparison{Metric: metric, Delta: 0.03, Low: &low, High: &high}
	}
	for _, c := range []struct {
		name string
		all  []result.Comparison
		want bool
	}{
		{"narrow and far from 1", []result.Comparison{interval("server_cpu_ns_per_rpc", 1.20, 1.23)}, true},  // 2.5 %
		{"wide and containing 1", []result.Comparison{interval("server_cpu_ns_per_rpc", 0.98, 1.02)}, false}, // 4.1 %
		{"wide, but not primary", []result.Comparison{interval("latency_p99", 0.5, 2)}, true},
		{"without an interval", []result.Comparison{{Metric: "latency_p50", Delta: 0.05}}, false},
		{"nothing to compare", nil, true},
	} {
		if got := Resolved(c.all); got != c.want {
			t.Errorf("%s: resolved %v, want %v", c.name, got, c.want)
		}
	}
}
