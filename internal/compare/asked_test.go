package compare_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/compare"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// sparse is an arm whose epochs have 19 observations above the median.
func sparse(name string) result.Arm {
	a := of(name, latencyP50, times(8, 1e6)...)
	for i := range a.Epochs {
		a.Epochs[i].Latency.Count = 38
	}
	return a
}

// TestNoGateIsGreenAboutWhatItDidNotLookAt: limits that nothing can be held against.
//
//	fault:   gates on metrics that nobody measured, of one arm beside a baseline, of arms that the baseline does not have, of too few epochs, of no arm
//	promise: each limit is answered for every arm that it is for; what cannot be judged fails as not judged and names the cause
//	figure:  each answer, word for word
func TestNoGateIsGreenAboutWhatItDidNotLookAt(t *testing.T) {
	cpu := func(name string, n int, v float64) result.Arm { return of(name, serverCPU, times(n, v)...) }
	bytes := func(name string, v float64) result.Arm { return of(name, sentBytes, times(8, v)...) }
	both := func(name string, n int, v float64) result.Arm {
		a := cpu(name, n, v)
		for i := range a.Epochs {
			sentBytes(&a.Epochs[i].Figures, 50)
		}
		return a
	}
	defaults := plan.Gates{Regressions: []string{"server_cpu_ns_per_rpc", "sent_bytes_per_rpc", "client_allocs_per_rpc"}, Defaulted: true}
	named := func(metrics ...string) plan.Gates { return plan.Gates{Regressions: metrics} }
	const alone = "every arm could not be compared: no arm has a control, and of two runs only arm/control is compared in it, because the machine differs: " +
		"measure both builds in one run (--vary server-binary=OLD,NEW or --vary target=OLD,NEW)"
	for _, row := range []struct {
		name  string
		asked plan.Gates
		base  *result.Result // nil: gates within the new result
		new   *result.Result
		want  []string
	}{
		{"one arm, twice as slow as the baseline", defaults, run("x", both("a", 8, 100)), run("b", both("a", 8, 200)), []string{
			"not judged, fail server_cpu_ns_per_rpc not slower: " + alone,
			"pass sent_bytes_per_rpc not slower: a is 0.0 [0.0, 0.0] % against result x"}},
		{"one arm, a relative limit", asking(t, "server_cpu_ns_per_rpc<+3%"), run("x", both("a", 8, 100)), run("b", both("a", 8, 200)), []string{
			"not judged, fail server_cpu_ns_per_rpc<+3%: " + alone}},
		{"an arm that the base does not have", named("server_cpu_ns_per_rpc", "sent_bytes_per_rpc"),
			run("x", both("a", 8, 100), both("b", 8, 110)), run("y", both("a", 8, 100), both("b", 8, 110), both("c", 8, 200)), []string{
				"pass server_cpu_ns_per_rpc not slower: b/a is 0.0 [0.0, 0.0] % against result x",
				"not judged, fail server_cpu_ns_per_rpc not slower: c/a could not be compared: the base result does not have this arm with its control",
				"pass sent_bytes_per_rpc not slower: a is 0.0 [0.0, 0.0] % against result x",
				"pass sent_bytes_per_rpc not slower: b is 0.0 [0.0, 0.0] % against result x",
				"not judged, fail sent_bytes_per_rpc not slower: c could not be compared: the base result does not have this arm with its control"}},
		{"a metric that the base does not have", named("server_cpu_ns_per_rpc"),
			run("x", bytes("a", 50), bytes("b", 50)), run("y", both("a", 8, 100), both("b", 8, 200)), []string{
				"not judged, fail server_cpu_ns_per_rpc not slower: b/a could not be compared: the base result does not have it"}},
		{"a default metric that the base does not have", defaults,
			run("x", bytes("a", 50), bytes("b", 50)), run("y", both("a", 8, 100), both("b", 8, 200)), []string{
				"not judged, fail server_cpu_ns_per_rpc not slower: b/a could not be compared: the base result does not have it",
				"pass sent_bytes_per_rpc not slower: a is 0.0 [0.0, 0.0] % against result x",
				"pass sent_bytes_per_rpc not slower: b is 0.0 [0.0, 0.0] % against result x"}},
		{"a metric that nobody measured", named("client_cpu_ns_per_rpc"), run("x", both("a", 8, 100), both("b", 8, 100)), run("y", both("a", 8, 100), both("b", 8, 200)), []string{
			"not judged, fail client_cpu_ns_per_rpc not slower: b/a could not be compared: it was not measured"}},
		{"a metric that one arm of three has", named("sent_bytes_per_rpc"), nil, run("y", bytes("a", 50), bytes("b", 50), cpu("c", 8, 100)), []string{
			"pass sent_bytes_per_rpc not slower: b is 0.0 [0.0, 0.0] % against a",
			"not judged, fail sent_bytes_per_rpc not slower: c could not be compared: epochs 0, 1, 2, 3, 4, 5, 6, 7 have no value; no epoch has both values"}},
		{"too few epochs, twice as slow", named("server_cpu_ns_per_rpc"), run("x", cpu("a", 5, 100), cpu("b", 5, 100)), run("y", cpu("a", 5, 100), cpu("b", 5, 200)), []string{
			"not judged, fail server_cpu_ns_per_rpc not slower: b/a is +100.0 % against result x; epochs 5: an interval needs 6, a verdict 8; " +
				"epochs are too few for 1 comparison to fail: use more --epochs or a longer --max-time, or gate fewer metrics"}},
		{"seven epochs, whose p is small and whose verdict is none", named("server_cpu_ns_per_rpc"), run("x", cpu("a", 7, 100), cpu("b", 7, 100)), run("y", cpu("a", 7, 100), cpu("b", 7, 200)), []string{
			"not judged, fail server_cpu_ns_per_rpc not slower: b/a is +100.0 [+100.0, +100.0] % against result x; epochs 7: a verdict needs 8; " +
				"epochs are too few for 1 comparison to fail: use more --epochs or a longer --max-time, or gate fewer metrics"}},
		{"too few observations above a quantile", named("latency_p50"), nil, run("y", sparse("a"), sparse("b")), []string{
			"not judged, fail latency_p50 not slower: b could not be compared: an epoch has 19 observations above the quantile, a comparison needs 20: use a longer --window or a higher --rate"}},
		{"a limit for a group that the result does not have", asking(t, "other: server_cpu_ns_per_rpc<1s", "other: server_cpu_ns_per_rpc<+3%"), nil, run("y", cpu("a", 8, 100), cpu("b", 8, 100)), []string{
			"not judged, fail server_cpu_ns_per_rpc<1s: there is no arm that it is for",
			"not judged, fail server_cpu_ns_per_rpc<+3%: every arm could not be compared: no arm has a control"}},
		{"every arm alone, within a run", named("server_cpu_ns_per_rpc"), nil, run("y", cpu("a", 8, 100)), []string{
			"not judged, fail server_cpu_ns_per_rpc not slower: every arm could not be compared: no arm has a control"}},
	} {
		row.new.Comparisons = compare.Arms(row.new)
		var b *compare.Between
		if row.base != nil {
			found, err := compare.Results(row.base, row.new, true)
			if err != nil {
				t.Fatalf("%s: %v", row.name, err)
			}
			b = &found
		}
		if diff := cmp.Diff(row.want, answers(compare.Gates(row.asked, row.new, b))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.name, diff)
		}
	}
}

// A default metric that neither result has is not asked about, and is named.
func TestWhatIsNotAskedByDefaultIsNamed(t *testing.T) {
	r := compared(of("a", serverCPU, times(8, 100)...), of("b", serverCPU, times(8, 100)...))
	asked := plan.Gates{Regressions: []string{"server_cpu_ns_per_rpc", "server_allocs_per_rpc"}}
	if got := compare.NotMeasured(asked, r, nil); len(got) != 0 {
		t.Errorf("named: %v are left out, want none", got)
	}
	asked.Defaulted = true
	b := between(t, r, r)
	if diff := cmp.Diff([]string{"server_allocs_per_rpc"}, compare.NotMeasured(asked, r, &b)); diff != "" {
		t.Errorf("by default (-want +got):\n%s", diff)
	}
}
