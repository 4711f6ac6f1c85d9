package compare

import (
	"slices"
	"testing"

	"grpcbench/internal/hist"
	"grpcbench/internal/metric"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// distributionOf is n latencies that rise to n times unit, with the histogram.
func distributionOf(t *testing.T, n, unit int64) result.Distribution {
	t.Helper()
	h := hist.New()
	for i := range n {
		h.Record(unit * (i + 1))
	}
	d, err := result.Summarize(h, n, true)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A quantile that is a row and no field is compared, and held against limits, under the
// name that limits have for it.
func TestAQuantileIsComparedByItsRow(t *testing.T) {
	metric.With(t, metric.Latency(0.95, 0.10))
	r := &result.Result{Verdict: result.Valid, Groups: []plan.Group{{Name: "g", Control: "a", Arms: []string{"a", "b"}}}}
	for i, name := range []string{"a", "b"} {
		a := result.Arm{Name: name}
		a.Latency = distributionOf(t, 1000, 1000*int64(1+i))
		for k := range 8 {
			e := result.Epoch{Index: k}
			e.Latency = distributionOf(t, 1000, 1000*int64(1+i))
			a.Epochs = append(a.Epochs, e)
		}
		r.Arms = append(r.Arms, a)
	}
	r.Comparisons = Arms(r)
	i := slices.IndexFunc(r.Comparisons, func(c result.Comparison) bool { return c.Metric == "latency_p95" })
	if i < 0 || r.Comparisons[i].Ratio == nil || *r.Comparisons[i].Ratio < 1.9 || r.Comparisons[i].Verdict != "slower" {
		t.Fatalf("%d comparisons, the p95 is not among them or not twice as long: %+v", len(r.Comparisons), r.Comparisons)
	}
	relative, err := plan.ParseThreshold("p95<+3%")
	if err != nil {
		t.Fatal(err)
	}
	absolute, err := plan.ParseThreshold("p95<1.5ms")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range Gates(plan.Gates{Thresholds: []plan.Threshold{relative, absolute}, Regressions: []string{"latency_p95"}}, r, nil) {
		want := result.Fail
		if g.Arm == "a" {
			want = result.Pass
		}
		if g.Outcome != want || g.NotJudged {
			t.Errorf("%s of %s: %s, want %s: %s", g.Asked, g.Arm, g.Outcome, want, g.Text)
		}
	}
}
