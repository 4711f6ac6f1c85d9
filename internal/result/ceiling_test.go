package result

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"grpcbench/internal/ceiling"
	"grpcbench/internal/plan"
)

// climbing makes of the fixture a ceiling whose epochs are one window each, at one
// caller.
func climbing(change func(*Result)) func(*Result) {
	return func(r *Result) {
		r.Plan.Kind, r.Plan.Ceiling = plan.KindCeiling, &plan.Ceiling{MaxConcurrency: 2}
		for i := range r.Arms {
			a := &r.Arms[i]
			for j := range a.Epochs {
				e := &a.Epochs[j]
				e.Blocks = []Block{{Step: Step{Callers: 1, Ledger: e.Ledger, Latency: e.Latency, Lag: e.Lag}}}
			}
			a.Levels = []Level{{Step: Step{Callers: 1, Ledger: a.Ledger, Latency: a.Latency, Lag: a.Lag}, Windows: len(a.Epochs)}}
			a.Ceiling = &Ceiling{Outcome: Reached, Callers: 1, Bottleneck: "server_cpu", OfServer: true}
		}
		change(r)
	}
}

// rates makes of a ceiling of callers one of rates.
func rates(change func(*Result)) func(*Result) {
	return func(r *Result) {
		r.Plan.Ceiling = &plan.Ceiling{SLO: []plan.Threshold{{Metric: "latency_p99", Op: "<", Value: 5e6}}}
		r.Plan.Load.Loop = plan.Open
		change(r)
	}
}

func ceilingMutations() map[string][]mutation {
	blocks := func(r *Result) []Block { return first(r).Epochs[0].Blocks }
	return map[string][]mutation{
		"blocks_do_not_add_up": {
			{"a run", nothing, "", false},
			{"as they are", climbing(nothing), Valid, false},
			{"a window that is missing", climbing(func(r *Result) { first(r).Epochs[0].Blocks = nil }), Invalid, true},
			{"an RPC that is in no window", climbing(func(r *Result) { blocks(r)[0].Ledger.OK-- }), Invalid, true},
			{"a window that its level does not miss", climbing(func(r *Result) {
				b := &blocks(r)[0]
				l := &first(r).Levels[0]
				l.Ledger.Scheduled, l.Ledger.Started, l.Ledger.OK = l.Ledger.Scheduled-b.Ledger.Scheduled, l.Ledger.Started-b.Ledger.Started, l.Ledger.OK-b.Ledger.OK
				l.Latency.Count, l.Latency.Valued, l.Lag.Count = l.Latency.Count-b.Latency.Count, l.Latency.Valued-b.Latency.Valued, l.Lag.Count-b.Lag.Count
				first(r).Epochs[0].Blocks = nil
			}), Invalid, true},
			{"a latency that is in no window", climbing(func(r *Result) { blocks(r)[0].Latency.Count-- }), Invalid, true},
			{"a window of the search is of no level", climbing(func(r *Result) { blocks(r)[0].Search = true }), Invalid, true},
			{"a window that was measured again is of no level", climbing(func(r *Result) { blocks(r)[0].Again = true }), Invalid, true},
			{"a level that is missing", climbing(func(r *Result) { first(r).Levels = nil }), Invalid, true},
		},
		"ceiling_not_judged": {
			{"a run", nothing, "", false},
			{"judged", climbing(nothing), Valid, false},
			{"not reached, which is a bound", climbing(func(r *Result) { first(r).Ceiling.Outcome = NotReached }), Valid, false},
			{"too few epochs", climbing(func(r *Result) { first(r).Ceiling.Outcome = TooFew }), Invalid, true},
			{"no window at all", climbing(func(r *Result) { first(r).Ceiling = nil }), Invalid, true},
			{"interrupted before there were enough", climbing(func(r *Result) { first(r).Ceiling.Outcome, r.Interrupted = TooFew, "interrupt" }), Partial, true},
		},
		"windows_disturbed": {
			{"a run", nothing, "", false},
			{"a closed loop", climbing(nothing), "", false},
			{"none", climbing(rates(nothing)), Valid, false},
			{"one that was measured again", climbing(rates(func(r *Result) {
				blocks(r)[0].Disturbed, blocks(r)[0].Again = []ceiling.Disturbance{ceiling.Stall}, true
			})), Valid, true},
			{"one that counts all the same", climbing(rates(func(r *Result) { blocks(r)[0].Disturbed = []ceiling.Disturbance{ceiling.Steal} })), Valid, true},
			{"one of the search", climbing(rates(func(r *Result) {
				blocks(r)[0].Disturbed, blocks(r)[0].Search = []ceiling.Disturbance{ceiling.Steal}, true
			})), Valid, false},
		},
		"generator_limited": {
			{"a run", nothing, "", false},
			{"the server's", climbing(nothing), Valid, false},
			{"the generator's", climbing(func(r *Result) {
				first(r).Ceiling.Bottleneck, first(r).Ceiling.OfServer = "client_cpu", false
			}), Degraded, true},
			{"of both together", climbing(func(r *Result) {
				c := first(r).Ceiling
				c.OfServer, c.ClientShare, c.ServerShare = false, new(0.4), new(0.5)
			}), Valid, true},
			{"the generator's lateness", climbing(func(r *Result) {
				first(r).Ceiling.Bottleneck, first(r).Ceiling.OfServer = "generator_lag", false
			}), Degraded, true},
			{"no CPU was used up", climbing(func(r *Result) {
				c := first(r).Ceiling
				c.Bottleneck, c.OfServer, c.ClientShare, c.ServerShare = "neither", false, new(0.1), new(0.2)
			}), Valid, false},
			{"the server's CPU is not known", climbing(func(r *Result) {
				c := first(r).Ceiling
				c.Bottleneck, c.OfServer, c.ClientShare = "", false, new(0.1)
			}), Valid, false},
			{"too few epochs to say", climbing(func(r *Result) {
				first(r).Ceiling.OfServer, first(r).Ceiling.Outcome = false, TooFew
			}), Valid, false},
		},
	}
}

// A ceiling is overloaded on purpose: what would be a fault of a run is none of it.
func TestACeilingIsNotHeldToWhatItDoesOnPurpose(t *testing.T) {
	for _, code := range []string{"rpcs_lost", "dead_at_end", "not_started", "generator_behind", "rate_not_reached", "overloaded", "generator_busy", "client_limited", "machine_busy", "hiccups"} {
		r := good(t)
		climbing(func(r *Result) { first(r).Ledger.NotStarted = map[string]int64{"MAX_IN_FLIGHT": 1000} })(&r)
		q := checks()[slices.IndexFunc(checks(), func(c check) bool { return c.code == code })].askOf(&r)
		if !strings.HasPrefix(q.check().Skipped, "a ceiling loads client and server") {
			t.Errorf("%s: %+v, want it skipped", code, q.check())
		}
	}
}

func TestACeilingBesideBusyOthersSaysSo(t *testing.T) {
	share := func(v float64) *float64 { return &v }
	for _, c := range []struct {
		client, server, others *float64
		want                   bool
	}{
		{share(0.2), share(0.2), share(0.5), true},
		{share(0.2), nil, share(0.5), true},
		{share(0.2), share(0.6), share(0.5), false},
		{share(0.6), share(0.2), share(0.5), false},
		{share(0.2), share(0.2), nil, false},
		{share(0.01), share(0.01), share(0.02), false}, // nobody waits for anybody
	} {
		f := Ceiling{ClientShare: c.client, ServerShare: c.server, OthersShare: c.others, Outcome: Reached, Bottleneck: "neither"}
		r := Result{Arms: []Arm{{Ceiling: &f}}}
		if got := f.Use(r.Arms[0].Observed).OthersMost(); got != c.want {
			t.Errorf("client %v, server %v, others %v: %t", c.client, c.server, c.others, got)
		}
		q := question{r: &r}
		askWhoseCeiling(&q)
		if len(q.warnings) > 1 || c.want != (len(q.warnings) == 1 && strings.Contains(q.warnings[0].Text, "others used more")) {
			t.Errorf("client %v, server %v, others %v: %+v", c.client, c.server, c.others, q.warnings)
		}
	}
}

func TestAStepKeepsAnSLOByTheSharesItAllows(t *testing.T) {
	slo := []plan.Threshold{{Metric: "latency_p99", Op: "<", Value: 5e6}, {Metric: "failed", Op: "<", Value: 0.1}}
	step := func(late, failed, growth int64) Step {
		return Step{Ledger: Ledger{Scheduled: 1000}, Over: []int64{late, failed}, Growth: growth}
	}
	for _, c := range []struct {
		step Step
		want bool
	}{
		{step(0, 0, 0), true},
		{step(10, 0, 0), true},  // the 990th of 1000 is below
		{step(11, 0, 0), false}, // it is not
		{step(0, 99, 0), true},
		{step(0, 100, 0), false}, // 10 % is not below 10 %
		{step(0, 0, 25), true},   // 20 of 1000 and 5 that may be chance
		{step(0, 0, 26), false},
		{Step{Ledger: Ledger{Scheduled: 1000}}, false}, // not counted
	} {
		if got := c.step.Keeps(slo); got != c.want {
			t.Errorf("over %v, growth %d: kept %t, want %t", c.step.Over, c.step.Growth, got, c.want)
		}
		onIt := c.step.Over != nil && (c.step.Over[0] == 10 || c.step.Over[1] == 100) // the margin is 0, whatever the operator
		if p := c.step.Point(slo, 1); c.step.Over != nil && c.step.Growth == 0 && !onIt && c.want != (p.Margin < 0) {
			t.Errorf("over %v: margin %g", c.step.Over, p.Margin)
		}
	}
}

// A server on CPUs of its own does not wait for the generator.
func TestServersOnCPUsOfTheirOwnShareNone(t *testing.T) {
	f := Ceiling{ClientShare: new(0.4), ServerShare: new(0.5)}
	for seen, want := range map[*bool]bool{nil: true, new(true): true, new(false): false} {
		if got := f.Use(Observed{CPUsShared: seen}); got.Shared != want || got.Contended() != want {
			t.Errorf("cpus_shared %v: %+v", seen, got)
		}
	}
	f.ServerShare = nil
	if f.Use(Observed{}).Shared {
		t.Error("a server whose CPU is not known shares none that is known")
	}
}

func TestDisturbedWindowsAddUp(t *testing.T) {
	r := good(t)
	climbing(rates(func(r *Result) {
		e := &first(r).Epochs[0]
		by := []ceiling.Disturbance{ceiling.Stall}
		e.Blocks = []Block{{Again: true, Disturbed: by}, {Again: true, Disturbed: by}, {Disturbed: by}, {Search: true, Disturbed: by}, {}}
	}))(&r)
	q := question{r: &r}
	askDisturbed(&q)
	windows := 0
	for _, a := range r.Arms {
		for _, e := range a.Epochs {
			windows += len(e.Blocks)
		}
	}
	want := fmt.Sprintf("3 of %d windows were disturbed (stall of the machine 3); 2 of them were measured again, and 1 count", windows)
	if len(q.warnings) != 1 || !strings.HasPrefix(q.warnings[0].Text, want) {
		t.Errorf("%+v, want %q", q.warnings, want)
	}
}
