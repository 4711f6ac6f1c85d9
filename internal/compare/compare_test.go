package compare_test

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"grpcbench/internal/compare"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// of builds an arm with one epoch for each value; set stores a value in it.
func of(name string, set func(*result.Figures, float64), values ...float64) result.Arm {
	a := result.Arm{Name: name, Settings: plan.Settings{TLS: name}}
	for i, v := range values {
		e := result.Epoch{Index: i}
		set(&e.Figures, v)
		a.Epochs = append(a.Epochs, e)
	}
	return a
}

func serverCPU(f *result.Figures, v float64)  { f.ServerCPU = &v }
func serverSat(f *result.Figures, v float64)  { f.Saturated = &result.Saturated{ServerCPU: &v} }
func sentBytes(f *result.Figures, v float64)  { f.SentBytes = &v }
func allocs(f *result.Figures, v float64)     { f.ClientAllocs = &v }
func latencyP50(f *result.Figures, v float64) { f.Latency.Count, f.Latency.P50 = 40, ns(v) }

func ns(v float64) *int64 { n := int64(v); return &n }

func ptr(v float64) *float64 { return &v }

// one returns the only comparison of arm b with control a.
func one(t *testing.T, a, b result.Arm) result.Comparison {
	t.Helper()
	got := both(a, b)
	if len(got) != 1 {
		t.Fatalf("%d comparisons, want 1: %+v", len(got), got)
	}
	return got[0]
}

// both returns the comparisons of arm b with control a.
func both(a, b result.Arm) []result.Comparison {
	return compare.Arms(&result.Result{
		Arms:   []result.Arm{a, b},
		Groups: []plan.Group{{Name: "g", Control: a.Name, Arms: []string{a.Name, b.Name}}},
	})
}

// times returns n values of v.
func times(n int, v float64) []float64 { return slices.Repeat([]float64{v}, n) }

func TestArmsJudgesEachMetricByItsOwnDelta(t *testing.T) {
	// Eight equal positive log-ratios: every sign agrees, so p = 2/2⁸, the estimate
	// and both ends of the interval are the one ratio, and its spread is zero.
	p8 := ptr(2.0 / 256)
	// Eight differences of zero have no sign: p = 1. exp and log round, hence EquateApprox.
	tests := []struct {
		name         string
		set          func(*result.Figures, float64)
		control, arm float64
		metric, unit string
		delta        float64
		ratio        float64
		p            *float64
		verdict      string
	}{
		{"more CPU is slower", serverCPU, 200, 220, "server_cpu_ns_per_rpc", "ns", .03, 1.1, p8, "slower"},
		{"less CPU is faster", serverCPU, 200, 180, "server_cpu_ns_per_rpc", "ns", .03, .9, p8, "faster"},
		// ln 1.01 is below ln(1 + 0.03/2): significant, but of no interest.
		{"CPU within half a delta is the same", serverCPU, 200, 202, "server_cpu_ns_per_rpc", "ns", .03, 1.01, p8, "same"},
		{"equal CPU is the same", serverCPU, 200, 200, "server_cpu_ns_per_rpc", "ns", .03, 1, ptr(1), "same"},
		{"saturated CPU is a metric of its own", serverSat, 20, 22, "saturated_server_cpu_ns_per_rpc", "ns", .03, 1.1, p8, "slower"},
		{"allocations", allocs, 100, 110, "client_allocs_per_rpc", "count", .03, 1.1, p8, "slower"},
		// 2 % is below half of p50's 5 %.
		{"p50 has a wider delta", latencyP50, 1000, 1020, "latency_p50", "ns", .05, 1.02, p8, "same"},
		{"bytes above a byte and half a percent", sentBytes, 31, 53, "sent_bytes_per_rpc", "bytes", .005, 53.0 / 31, p8, "slower"},
		// 2.6 %, far above delta, but 0.8 bytes.
		{"bytes below one byte are the same", sentBytes, 31, 31.8, "sent_bytes_per_rpc", "bytes", .005, 31.8 / 31, p8, "same"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := one(t, of("a", tt.set, times(8, tt.control)...), of("b", tt.set, times(8, tt.arm)...))
			want := result.Comparison{
				Group: "g", Arm: "b", Control: "a", Metric: tt.metric, Unit: tt.unit, Delta: tt.delta,
				Epochs: 8, Ratio: &tt.ratio, Low: &tt.ratio, High: &tt.ratio,
				P: tt.p, Verdict: tt.verdict, MDE: ptr(0),
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-12, 1e-12)); diff != "" {
				t.Errorf("comparison (-want +got):\n%s", diff)
			}
		})
	}
}

func TestArmsGivesNoVerdictOnBytesThatScatterAboutZero(t *testing.T) {
	// Differences of ±8 bytes centre on zero, but their interval is far wider than a byte.
	got := one(t, of("a", sentBytes, times(8, 1000)...), of("b", sentBytes, 992, 1008, 992, 1008, 992, 1008, 992, 1008))
	if got.Verdict != "inconclusive" {
		t.Errorf("verdict %q, want inconclusive", got.Verdict)
	}
}

func TestArmsSwappedChangesTheSignAlone(t *testing.T) {
	values := [2][]float64{{200, 211, 190, 260, 233, 199, 205, 222, 240}, {215, 230, 199, 259, 250, 215, 219, 221, 266}}
	a, b := of("a", serverCPU, values[0]...), of("b", serverCPU, values[1]...)
	forth, back := one(t, a, b), one(t, b, a)
	if *forth.P != *back.P || *forth.MDE != *back.MDE {
		t.Errorf("p %v and mde %v, swapped %v and %v", *forth.P, *forth.MDE, *back.P, *back.MDE)
	}
	for _, pair := range [][2]*float64{{forth.Ratio, back.Ratio}, {forth.Low, back.High}, {forth.High, back.Low}} {
		if product := *pair[0] * *pair[1]; math.Abs(product-1) > 1e-15 {
			t.Errorf("ratio %v, swapped %v: product %v, want 1", *pair[0], *pair[1], product)
		}
	}
}

func TestArmsSaysWhatTooFewEpochsAreShortOf(t *testing.T) {
	tests := []struct {
		epochs   int
		interval bool
		reason   string
	}{
		{1, false, "epochs 1: an interval needs 6, a verdict 8"},
		{5, false, "epochs 5: an interval needs 6, a verdict 8"},
		{6, true, "epochs 6: a verdict needs 8"},
		{7, true, "epochs 7: a verdict needs 8"},
	}
	for _, tt := range tests {
		got := one(t, of("a", serverCPU, times(tt.epochs, 100)...), of("b", serverCPU, times(tt.epochs, 200)...))
		if got.Ratio == nil || (got.Low != nil) != tt.interval || got.MDE != nil {
			t.Errorf("%d epochs: ratio %v, low %v, mde %v; want a ratio, interval %t, no mde",
				tt.epochs, got.Ratio, got.Low, got.MDE, tt.interval)
		}
		if got.Verdict != "inconclusive" || got.Reason != tt.reason {
			t.Errorf("%d epochs: %s, %q; want inconclusive, %q", tt.epochs, got.Verdict, got.Reason, tt.reason)
		}
	}
}

func TestArmsLeavesOutEpochsWithoutAValueAndNamesThem(t *testing.T) {
	a, b := of("a", serverCPU, times(11, 100)...), of("b", serverCPU, times(11, 110)...)
	a.Epochs[2].ServerCPU = nil
	b.Epochs[5].ServerCPU = ptr(0)
	b.Epochs = b.Epochs[:10] // the last epoch of the control has no partner
	got := one(t, a, b)
	if want := "epochs 2, 5, 10 have no value"; got.Epochs != 8 || got.Reason != want || got.Verdict != "slower" {
		t.Errorf("%d epochs, %q, %s; want 8, %q, slower", got.Epochs, got.Reason, got.Verdict, want)
	}
}

func TestArmsPairsEpochsByIndex(t *testing.T) {
	values := []float64{100, 200, 300, 400, 500, 600, 700, 800}
	a, b := of("a", serverCPU, values...), of("b", serverCPU, values...)
	slices.Reverse(b.Epochs)
	if got := one(t, a, b); *got.Ratio != 1 || *got.Low != 1 || *got.High != 1 {
		t.Errorf("ratio %v [%v, %v], want 1 [1, 1]", *got.Ratio, *got.Low, *got.High)
	}
}

func TestArmsSaysThatAFigureOfOneArmHasNoPartner(t *testing.T) {
	got := one(t, of("a", serverCPU, 100), result.Arm{Name: "b", Epochs: []result.Epoch{{}}})
	if want := "epoch 0 has no value; no epoch has both values"; got.Ratio != nil || got.Reason != want {
		t.Errorf("ratio %v, %q; want none, %q", got.Ratio, got.Reason, want)
	}
}

func TestArmsComparesAQuantileOnlyWithTwentyObservationsAboveIt(t *testing.T) {
	arm := func(name string, count int64) result.Arm {
		a := result.Arm{Name: name}
		for i := range 8 {
			a.Epochs = append(a.Epochs, result.Epoch{Index: i, Figures: result.Figures{Latency: result.Distribution{
				Count: 2000, P50: ns(100), P90: ns(200), P99: ns(300),
			}}})
		}
		a.Epochs[7].Latency.Count = count
		return a
	}
	compared := func(count int64) (metrics []string, reason string) {
		r := result.Result{
			Arms:   []result.Arm{arm("a", 2000), arm("b", count)},
			Groups: []plan.Group{{Control: "a", Arms: []string{"a", "b"}}},
		}
		for _, c := range compare.Arms(&r) {
			if c.Ratio != nil {
				metrics = append(metrics, c.Metric)
			}
			reason = c.Reason
		}
		return metrics, reason
	}
	// The p99 of 2000 is rank 1980, with 20 above; that of 1999 is rank 1980, with 19.
	if got, _ := compared(2000); len(got) != 3 {
		t.Errorf("2000 observations: compared %v, want p50, p90 and p99", got)
	}
	got, reason := compared(1999)
	if want := []string{"latency_p50", "latency_p90"}; !slices.Equal(got, want) {
		t.Errorf("1999 observations: compared %v, want %v", got, want)
	}
	if want := "an epoch has 19 observations above the quantile, a comparison needs 20"; reason != want {
		t.Errorf("reason %q, want %q", reason, want)
	}
}

func TestArmsComparesEachArmOfAGroupWithItsControlAndTheAAArmToo(t *testing.T) {
	arm := func(name string) result.Arm { return of(name, serverCPU, times(8, 100)...) }
	aa := arm("aa")
	aa.AA = true
	r := result.Result{
		Arms: []result.Arm{arm("off"), arm("1.3"), arm("gzip"), aa},
		Groups: []plan.Group{
			{Name: "tls", Control: "off", Arms: []string{"off", "1.3", "aa"}},
			{Name: "compression", Control: "1.3", Arms: []string{"1.3", "gzip"}},
		},
	}
	var got [][3]string
	for _, c := range compare.Arms(&r) {
		got = append(got, [3]string{c.Group, c.Arm, c.Control})
	}
	want := [][3]string{{"tls", "1.3", "off"}, {"tls", "aa", "off"}, {"compression", "gzip", "1.3"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("matches (-want +got):\n%s", diff)
	}
}

func TestArmsComparesNothingThatWasNotMeasured(t *testing.T) {
	r := result.Result{
		Arms:   []result.Arm{{Name: "a", Epochs: []result.Epoch{{}}}, {Name: "b"}},
		Groups: []plan.Group{{Control: "a", Arms: []string{"a", "b", "absent"}}, {Control: "absent", Arms: []string{"a"}}},
	}
	if got := compare.Arms(&r); len(got) != 0 {
		t.Errorf("comparisons %+v, want none", got)
	}
}

// The ninth window was cut short: its one RPC says nothing of a quantile, and its
// figures are of another length than the others'.
func TestArmsLeavesOutEpochsThatWereCutShort(t *testing.T) {
	control, arm := of("a", latencyP50, times(9, 1000)...), of("b", latencyP50, append(times(8, 1100), 5000)...)
	for _, a := range []*result.Arm{&control, &arm} {
		a.Epochs[8].Interrupted, a.Epochs[8].Latency.Count = true, 1
	}
	got := one(t, control, arm)
	// Eight log-ratios of 1.1: all signs agree, so p = 2/2⁸ is below 1 %.
	if got.Epochs != 8 || got.Verdict != "slower" || got.Reason != "" {
		t.Errorf("epochs %d, verdict %s (%s); want 8, slower and no reason", got.Epochs, got.Verdict, got.Reason)
	}
	if len(arm.Epochs) != 9 {
		t.Errorf("the result has %d epochs left, want 9", len(arm.Epochs))
	}
}
