package compare_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/compare"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// asking are the gates of thresholds, each as a flag has it; "group: " before one
// makes it a group's.
func asking(t *testing.T, texts ...string) plan.Gates {
	t.Helper()
	var g plan.Gates
	for _, text := range texts {
		group, rest, ok := strings.Cut(text, ": ")
		if !ok {
			group, rest = "", text
		}
		threshold, err := plan.ParseThreshold(rest)
		if err != nil {
			t.Fatal(err)
		}
		threshold.Group = group
		g.Thresholds = append(g.Thresholds, threshold)
	}
	return g
}

// answers are the outcomes and sentences of gates.
func answers(gates []result.Gate) (lines []string) {
	for _, g := range gates {
		outcome := g.Outcome
		if g.NotJudged {
			outcome = "not judged, " + outcome
		}
		lines = append(lines, outcome+" "+g.Asked+": "+g.Text)
	}
	return lines
}

// answer is the outcome and the sentence of a gate.
func answer(g result.Gate) string {
	_, text, _ := strings.Cut(answers([]result.Gate{g})[0], ": ")
	outcome := g.Outcome
	if g.NotJudged {
		outcome = "not judged, " + outcome
	}
	return outcome + " " + text
}

// compared is run with its comparisons.
func compared(arms ...result.Arm) *result.Result {
	r := run("a", arms...)
	r.Comparisons = compare.Arms(r)
	return r
}

// about are n values around the middle that alternate by the given share.
func about(n int, middle, share float64) (values []float64) {
	for i := range n {
		values = append(values, middle*(1+share*float64(2*(i%2)-1)))
	}
	return values
}

func TestRelativeGates(t *testing.T) {
	for _, row := range []struct {
		name      string
		arm       []float64 // beside a control of 100
		threshold string
		want      []string
	}{
		{"clearly above", times(8, 110), "server_cpu_ns_per_rpc<+3%",
			[]string{"fail server_cpu_ns_per_rpc<+3%: b is +10.0 [+10.0, +10.0] % against a"}},
		{"slower and below the limit", times(8, 110), "server_cpu_ns_per_rpc<+20%",
			[]string{"pass server_cpu_ns_per_rpc<+20%: b is +10.0 [+10.0, +10.0] % against a"}},
		{"faster", times(8, 90), "server_cpu_ns_per_rpc<+0%",
			[]string{"pass server_cpu_ns_per_rpc<+0%: b is -10.0 [-10.0, -10.0] % against a"}},
		// Of eight differences +20 and −10 the interval holds both.
		{"uncertain", about(8, 105, 0.15), "server_cpu_ns_per_rpc<+3%",
			[]string{"inconclusive server_cpu_ns_per_rpc<+3%: b is +3.8 [-10.8, +20.8] % against a"}},
		// Six differences have no p-value below 2/2⁶ = 3 %.
		{"too few epochs", times(6, 150), "server_cpu_ns_per_rpc<+3%",
			[]string{"not judged, fail server_cpu_ns_per_rpc<+3%: b is +50.0 [+50.0, +50.0] % against a; epochs 6: a verdict needs 8; " +
				"epochs are too few for 1 comparison to fail: use more --epochs or a longer --max-time, or gate fewer metrics"}},
		// δ of CPU is 3 %, so that +1.2 % is no verdict; the limit is finer.
		{"above a limit finer than the verdict", times(8, 101.2), "server_cpu_ns_per_rpc<+1%",
			[]string{"fail server_cpu_ns_per_rpc<+1%: b is +1.2 [+1.2, +1.2] % against a"}},
		{"equal", times(8, 100), "server_cpu_ns_per_rpc<=+0%",
			[]string{"pass server_cpu_ns_per_rpc<=+0%: b is 0.0 [0.0, 0.0] % against a"}},
		{"equal is not below", times(8, 100), "server_cpu_ns_per_rpc<+0%",
			[]string{"inconclusive server_cpu_ns_per_rpc<+0%: b is 0.0 [0.0, 0.0] % against a"}},
		{"not measured", times(8, 100), "latency_p50<+3%",
			[]string{"not judged, fail latency_p50<+3%: b could not be compared: it was not measured"}},
	} {
		r := compared(of("a", serverCPU, times(len(row.arm), 100)...), of("b", serverCPU, row.arm...))
		if diff := cmp.Diff(row.want, answers(compare.Gates(asking(t, row.threshold), r, nil))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.name, diff)
		}
	}
}

func TestMustNotBeSlower(t *testing.T) {
	for want, arm := range map[string][]float64{
		"fail": times(8, 110), "pass": times(8, 101), "inconclusive": about(8, 102, 0.15),
	} {
		r := compared(of("a", serverCPU, times(8, 100)...), of("b", serverCPU, arm...))
		gates := compare.Gates(plan.Gates{Regressions: []string{"server_cpu_ns_per_rpc"}}, r, nil)
		if len(gates) != 1 || gates[0].Outcome != want || gates[0].Asked != "server_cpu_ns_per_rpc not slower" {
			t.Errorf("%v: %v, want %s", arm, answers(gates), want)
		}
	}
}

// With nine epochs of which the least differs to the other side p = 4/2⁹ = .0078. One such
// comparison can fail a gate of .01; of two, Holm's method asks .005 of the clearer one.
// With eight epochs no two comparisons have p = .005, whatever they show.
func TestTheMoreGatesCompareTheClearerEachMustBe(t *testing.T) {
	clear := append(times(8, 110), 99.99)
	one := compared(of("a", serverCPU, times(9, 100)...), of("b", serverCPU, clear...))
	two := compared(of("a", serverCPU, times(9, 100)...), of("b", serverCPU, clear...), of("c", serverCPU, clear...))
	gates := asking(t, "server_cpu_ns_per_rpc<+3%")
	if got := compare.Gates(gates, one, nil); len(got) != 1 || got[0].Outcome != result.Fail || *got[0].P != 4.0/512 {
		t.Errorf("one comparison: %v", answers(got))
	}
	const why = "; p 1.6 % after Holm's adjustment for 2 comparisons, must be 1 %"
	if got := compare.Gates(gates, two, nil); len(got) != 2 || got[0].Outcome != result.Undecided || *got[0].P != 8.0/512 || !strings.HasSuffix(got[0].Text, why) {
		t.Errorf("two comparisons: %v", answers(got))
	}
	eight := compared(of("a", serverCPU, times(8, 100)...), of("b", serverCPU, times(8, 110)...), of("c", serverCPU, times(8, 110)...))
	const few = "; epochs are too few for 2 comparisons to fail: use more --epochs or a longer --max-time, or gate fewer metrics"
	if got := compare.Gates(gates, eight, nil); len(got) != 2 || !got[0].NotJudged || !strings.HasSuffix(got[0].Text, few) {
		t.Errorf("eight epochs: %v", answers(got))
	}
	// The same comparison asked about twice is one comparison.
	twice := asking(t, "server_cpu_ns_per_rpc<+3%", "server_cpu_ns_per_rpc<=+5%")
	if got := compare.Gates(twice, one, nil); len(got) != 2 || got[0].Outcome != result.Fail || got[1].Outcome != result.Fail {
		t.Errorf("asked twice: %v", answers(got))
	}
}

// An epoch in which a quantile is lost in the arm alone is worse than its value: a limit
// is not kept by the others, nor is the arm the same.
func TestAnEpochOfLostRPCsKeepsNoLimit(t *testing.T) {
	const lost = "b is 0.0 [0.0, 0.0] % against a; epoch 3 has no value; in 1 of them the quantile of one side lies among the RPCs that did not end well"
	for name, c := range map[string]struct {
		arm, control bool // loses the quantile of epoch 3
		verdict      string
		want         []string
	}{
		"none":    {false, false, "same", []string{"pass latency_p50<+3%: b is 0.0 [0.0, 0.0] % against a", "pass latency_p50 not slower: b is 0.0 [0.0, 0.0] % against a"}},
		"arm":     {true, false, "inconclusive", []string{"inconclusive latency_p50<+3%: " + lost, "inconclusive latency_p50 not slower: " + lost}},
		"control": {false, true, "inconclusive", []string{"pass latency_p50<+3%: " + lost, "inconclusive latency_p50 not slower: " + lost}},
		"both": {true, true, "same", []string{"pass latency_p50<+3%: b is 0.0 [0.0, 0.0] % against a; epoch 3 has no value",
			"pass latency_p50 not slower: b is 0.0 [0.0, 0.0] % against a; epoch 3 has no value"}},
	} {
		a, b := of("a", latencyP50, times(9, 1e6)...), of("b", latencyP50, times(9, 1e6)...)
		if c.arm {
			b.Epochs[3].Latency.P50 = nil
		}
		if c.control {
			a.Epochs[3].Latency.P50 = nil
		}
		r := compared(a, b)
		if got := r.Comparisons[0]; got.Verdict != c.verdict || (got.Beyond == 1) != (c.arm && !c.control) {
			t.Errorf("%s: verdict %s, beyond in %d epochs, want %s", name, got.Verdict, got.Beyond, c.verdict)
		}
		gates := asking(t, "latency_p50<+3%")
		gates.Regressions = []string{"latency_p50"}
		if diff := cmp.Diff(c.want, answers(compare.Gates(gates, r, nil))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A metric that nobody named, and nobody measured, is not asked about.
func TestDefaultMetricsThatWereNotMeasuredAreLeftOut(t *testing.T) {
	r := compared(of("a", serverCPU, times(8, 100)...), of("b", serverCPU, times(8, 100)...))
	gates := plan.Gates{Regressions: []string{"server_cpu_ns_per_rpc", "server_allocs_per_rpc"}}
	if got := compare.Gates(gates, r, nil); len(got) != 2 {
		t.Errorf("named: %v, want both", answers(got))
	}
	gates.Defaulted = true
	if got := compare.Gates(gates, r, nil); len(got) != 1 || got[0].Outcome != result.Pass {
		t.Errorf("by default: %v, want the one that was measured", answers(got))
	}
}

func TestAFewObservationsAboveAQuantileKeepNoLimit(t *testing.T) {
	for count, want := range map[int64]string{
		9000:  "not judged, fail a: 9 observations above the quantile, a limit needs 10: use a longer --window or more --epochs",
		10000: "pass a has 1ms",
	} {
		a := result.Arm{Name: "a"}
		a.Latency = result.Distribution{Count: count, P999: new(int64(1e6))}
		gates := compare.Gates(asking(t, "p999<2ms"), run("a", a), nil)
		if len(gates) != 1 || answer(gates[0]) != want {
			t.Errorf("%d observations: %v, want %s", count, answers(gates), want)
		}
	}
}

func TestGatesLeaveTheAAArmOut(t *testing.T) {
	aa := of("A/A", serverCPU, times(8, 150)...)
	aa.AA = true
	r := compared(of("a", serverCPU, times(8, 100)...), of("b", serverCPU, times(8, 100)...), aa)
	r.Plan.Arms[2].AA = true
	gates := compare.Gates(asking(t, "server_cpu_ns_per_rpc<+3%", "server_cpu_ns_per_rpc<1s"), r, nil)
	for _, g := range gates {
		if g.Arm == "A/A" {
			t.Errorf("%s is a gate of the A/A arm", g.Asked)
		}
	}
	if len(gates) != 3 { // b/a, and both by themselves
		t.Errorf("%v, want three gates", answers(gates))
	}
}

func TestAGroupsThresholdIsForItsArms(t *testing.T) {
	r := run("a", of("a", serverCPU, times(8, 100)...), of("b", serverCPU, times(8, 110)...), of("c", serverCPU, times(8, 110)...))
	r.Groups = []plan.Group{{Name: "x", Control: "a", Arms: []string{"a", "b"}}, {Name: "y", Control: "a", Arms: []string{"a", "c"}}}
	r.Comparisons = compare.Arms(r)
	want := []string{
		"not judged, fail server_cpu_ns_per_rpc<1s: a: it was not measured", // of all epochs together
		"not judged, fail server_cpu_ns_per_rpc<1s: c: it was not measured",
		"fail server_cpu_ns_per_rpc<+3%: b is +10.0 [+10.0, +10.0] % against a",
	}
	got := answers(compare.Gates(asking(t, "y: server_cpu_ns_per_rpc<1s", "x: server_cpu_ns_per_rpc<+3%"), r, nil))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAbsoluteGates(t *testing.T) {
	a := result.Arm{Name: "a"}
	a.Latency = result.Distribution{Count: 2000, Valued: 1997, P50: new(int64(1500000)), P99: nil}
	a.Ledger = result.Ledger{Scheduled: 2000, Started: 1998, OK: 1997, Abandoned: 1, NotStarted: map[string]int64{"MAX_IN_FLIGHT": 2}}
	a.Achieved, a.ServerCPU = 99.5, ptr(20000.25)
	a.Handshake = &result.Handshakes{Full: &result.Handshake{Count: 4, SentBytes: 1636, ReceivedBytes: 1963}}
	r := run("a", a)
	for threshold, want := range map[string]string{
		"p50<2ms":                            "pass a has 1.5ms",
		"p50<1.5ms":                          "fail a has 1.5ms",
		"p50<=1.5ms":                         "pass a has 1.5ms",
		"p99<10s":                            "fail a: the quantile lies among the RPCs that did not end well",
		"failed<0.1%":                        "fail a has 0.15%", // 3 of 2000
		"failed<=0.15%":                      "pass a has 0.15%",
		"achieved>=99.5":                     "pass a has 99.5",
		"achieved>99.5":                      "fail a has 99.5",
		"server_cpu_ns_per_rpc<20us":         "fail a has 20µs",
		"client_allocs_per_rpc<100":          "not judged, fail a: it was not measured",
		"saturated_server_cpu_ns_per_rpc<1s": "not judged, fail a: it was not measured",
		"handshake_full_sent_bytes<1636":     "fail a has 1636.0",
		"handshake_full_received_bytes<2KiB": "pass a has 1963.0",
		"handshake_resumed_sent_bytes<2KiB":  "not judged, fail a: it was not measured",
	} {
		gates := compare.Gates(asking(t, threshold), r, nil)
		if len(gates) != 1 || answer(gates[0]) != want {
			t.Errorf("%s: %v, want %s", threshold, answers(gates), want)
		}
	}
}

func TestOnlyUsableResultsPass(t *testing.T) {
	for _, row := range []struct {
		verdict, base result.Verdict
		allow         bool
		want          []string
	}{
		{result.Valid, "", false, []string{"pass"}},
		{result.Degraded, "", false, []string{"fail VALID: the result is DEGRADED, and only a VALID one passes, or with --allow-degraded a DEGRADED one", "pass"}},
		{result.Degraded, "", true, []string{"pass"}},
		{result.Invalid, "", true, []string{"fail VALID: the result is INVALID, and only a VALID one passes", "not judged, fail server_cpu_ns_per_rpc<+3%: the result is INVALID"}},
		{result.Partial, "", true, []string{"fail VALID: the result is PARTIAL, and only a VALID one passes", "not judged, fail server_cpu_ns_per_rpc<+3%: the result is PARTIAL"}},
		{result.Valid, result.Degraded, false, []string{"fail VALID: the base result is DEGRADED, and only a VALID one passes, or with --allow-degraded a DEGRADED one", "pass"}},
	} {
		r := compared(of("a", serverCPU, times(8, 100)...), of("b", serverCPU, times(8, 100)...))
		r.Verdict = row.verdict
		asked := asking(t, "server_cpu_ns_per_rpc<+3%")
		asked.AllowDegraded = row.allow
		var b *compare.Between
		if row.base != "" {
			base := *r
			base.Verdict = row.base
			found := between(t, &base, r)
			b = &found
		}
		got := answers(compare.Gates(asked, r, b))
		for i, line := range got {
			if strings.HasPrefix(line, "pass server_cpu") {
				got[i] = "pass"
			}
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s, base %q (-want +got):\n%s", row.verdict, row.base, diff)
		}
	}
}

// Both arms got a tenth slower, which the machine may have done, and one of them
// another tenth; both send a byte more, which the machine did not do.
func TestGatesAgainstABaselineCompareRatiosAndWhatLasts(t *testing.T) {
	with := func(name string, cpu, bytes float64) result.Arm {
		a := of(name, serverCPU, times(10, cpu)...)
		for i := range a.Epochs {
			a.Epochs[i].SentBytes = ptr(bytes)
		}
		return a
	}
	base := run("20261123T181500Z-k3f2q2xa", with("off", 100, 50), with("1.3", 120, 70))
	new := run("b", with("off", 110, 51), with("1.3", 110*1.2*1.1, 71))
	b := between(t, base, new)
	gates := asking(t, "server_cpu_ns_per_rpc<+3%", "sent_bytes_per_rpc<+0%")
	want := []string{
		"fail server_cpu_ns_per_rpc<+3%: 1.3/off is +10.0 [+10.0, +10.0] % against result 20261123T181500Z-k3f2q2xa",
		"fail sent_bytes_per_rpc<+0%: off is +2.0 [+2.0, +2.0] % against result 20261123T181500Z-k3f2q2xa",
		"fail sent_bytes_per_rpc<+0%: 1.3 is +1.4 [+1.4, +1.4] % against result 20261123T181500Z-k3f2q2xa",
	}
	if diff := cmp.Diff(want, answers(compare.Gates(gates, new, &b))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Handshakes of other certificates have other bytes, which only another run can show.
func TestHandshakeBytesAreHeldAgainstABaseline(t *testing.T) {
	arm := func(sent float64) result.Arm {
		a := of("a", serverCPU, times(8, 100)...)
		for i := range a.Epochs {
			a.Epochs[i].Handshake = &result.Handshakes{Full: &result.Handshake{Count: 4, SentBytes: sent, ReceivedBytes: 2000}}
		}
		return a
	}
	base, now := run("20261123T181500Z-k3f2q2xa", arm(1600)), run("b", arm(1700))
	b := between(t, base, now)
	got := answers(compare.Gates(plan.Gates{Regressions: []string{"handshake_full_sent_bytes", "handshake_full_received_bytes"}}, now, &b))
	want := []string{"fail handshake_full_sent_bytes not slower: a is +6.2 [+6.2, +6.2] % against result " + base.ID,
		"pass handshake_full_received_bytes not slower: a is 0.0 [0.0, 0.0] % against result " + base.ID}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNothingAskedNothingAnswered(t *testing.T) {
	r := compared(of("a", serverCPU, times(8, 100)...), of("b", serverCPU, times(8, 150)...))
	if got := compare.Gates(plan.Gates{}, r, nil); got != nil {
		t.Errorf("%v, want none", answers(got))
	}
}

func TestARangeOfEpochsWaitsForTheMetricsOfGates(t *testing.T) {
	wide := []result.Comparison{{Metric: "latency_p99", Delta: .15, Low: ptr(.5), High: ptr(2.0)}}
	if !compare.Resolved(wide) || compare.Resolved(wide, "latency_p99") {
		t.Error("must wait for latency_p99 where it is named, and there alone")
	}
}
