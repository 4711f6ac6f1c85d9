package result

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/plan"
)

// mutation is one thing done to the fixture and what a check says of it.
type mutation struct {
	name   string
	change func(*Result)
	want   Verdict
	warns  bool // the check says something, even if the verdict stays VALID
}

// arm returns an arm of the fixture by name.
func arm(r *Result, name string) *Arm {
	return &r.Arms[slices.IndexFunc(r.Arms, func(a Arm) bool { return a.Name == name })]
}

func first(r *Result) *Arm { return &r.Arms[0] }

// shares sets a share of the machine in every epoch.
func shares(set func(*MachineEpoch)) func(*Result) {
	return func(r *Result) {
		for i := range r.Machine.Epochs {
			set(&r.Machine.Epochs[i])
		}
	}
}

func generators(set func(*Generator)) func(*Result) {
	return func(r *Result) {
		for i := range first(r).Epochs {
			set(&first(r).Epochs[i].Generator)
		}
	}
}

// collecting is a generator that uses 40 % of its CPUs, and that share of all for garbage.
func collecting(share float64) func(*Generator) {
	return func(g *Generator) { g.CPUShare, *g.GCCPUShare = 0.4, share/0.4 }
}

func closedLoopOf(change func(*Result)) func(*Result) {
	return func(r *Result) { r.Plan.Load.Loop = "closed"; change(r) }
}

// alone leaves one arm, so that nothing is compared and noise does not cancel.
func alone(change func(*Result)) func(*Result) {
	return func(r *Result) { r.Arms = r.Arms[:1]; change(r) }
}

func nothing(*Result) {}

func accountMutations() map[string][]mutation {
	return map[string][]mutation{
		"nothing_measured": {
			{"no arm", func(r *Result) { r.Arms = nil }, Invalid, true},
			{"an arm without epochs", func(r *Result) { first(r).Epochs = nil }, Invalid, true},
			{"an arm without arrivals", func(r *Result) { first(r).Ledger = Ledger{} }, Invalid, true},
			{"interrupted in the first warm-up", func(r *Result) { first(r).Ledger, r.Interrupted = Ledger{}, "SIGINT" }, Partial, true},
			{"as it is", nothing, Valid, false},
		},
		"run_failed": {
			{"in an epoch", func(r *Result) { r.Failure = "arm tls=1.3: start server: exited" }, Invalid, true},
			{"as it is", nothing, Valid, false},
		},
		"ledger_unbalanced": {
			{"an RPC started twice in an epoch", func(r *Result) { first(r).Epochs[3].Ledger.Started++ }, Invalid, true},
			{"one of ten thousand lost in the arm", func(r *Result) { first(r).Ledger.OK-- }, Invalid, true},
			{"one scheduled and forgotten in the whole life", func(r *Result) { first(r).LedgerTotal.Scheduled++ }, Invalid, true},
			{"a negative count that balances", func(r *Result) {
				for _, l := range []*Ledger{&first(r).Ledger, &first(r).LedgerTotal} {
					l.Abandoned, l.Failed = 1, map[string]int64{"UNAVAILABLE": -1}
				}
			}, Invalid, true},
			{"a failure that only the window knows", func(r *Result) {
				first(r).Ledger.OK, first(r).Ledger.Failed = first(r).Ledger.OK-1, map[string]int64{"INTERNAL": 1}
			}, Invalid, true},
			{"a failure in both", func(r *Result) {
				for _, l := range []*Ledger{&first(r).Ledger, &first(r).LedgerTotal} {
					l.OK, l.Failed = l.OK-1, map[string]int64{"INTERNAL": 1}
				}
			}, Valid, false},
		},
		"epochs_do_not_add_up": {
			{"an epoch counts one more", func(r *Result) { first(r).Epochs[9].Ledger.OK++ }, Invalid, true},
			{"the server's count is one less", func(r *Result) { first(r).ServerLedger.OK-- }, Invalid, true},
			{"a failure by another code", func(r *Result) { first(r).Epochs[0].Ledger.Failed = map[string]int64{"INTERNAL": 1} }, Invalid, true},
			{"a compressed message less", func(r *Result) { first(r).Figures.Compressed++ }, Invalid, true},
			{"an observation more", func(r *Result) { first(r).Lag.Count++ }, Invalid, true},
			{"a server that did not tell once", func(r *Result) { first(r).ServerLedger, first(r).Epochs[2].ServerLedger = nil, nil }, Valid, false},
			{"an empty failure", func(r *Result) { first(r).Epochs[0].Ledger.Failed = map[string]int64{"INTERNAL": 0} }, Valid, false},
		},
		"windows_do_not_add_up": {
			{"a second counts one less", func(r *Result) { first(r).Windows[4].OK-- }, Invalid, true},
			{"a second is in the wrong epoch", func(r *Result) { first(r).Windows[4].Epoch = 0 }, Invalid, true},
			{"a second failed one more", func(r *Result) { *first(r).Windows[4].Failed++ }, Invalid, true},
			{"a second did not start one", func(r *Result) { *first(r).Windows[4].NotStarted++ }, Invalid, true},
			{"seconds of a tool that told less", func(r *Result) {
				for i := range first(r).Windows {
					first(r).Windows[i].Failed, first(r).Windows[i].NotStarted = nil, nil
				}
			}, Valid, false},
			{"a second is missing", func(r *Result) { first(r).Windows = first(r).Windows[1:] }, Invalid, true},
			{"seconds in another order", func(r *Result) { slices.Reverse(first(r).Windows) }, Valid, false},
		},
		"histogram_disagrees": {
			{"a sample is missing", func(r *Result) { first(r).ServiceTime.Valued-- }, Invalid, true},
			{"an epoch's sample is missing", func(r *Result) { first(r).Epochs[2].Latency.Count-- }, Invalid, true},
			{"the median is another", func(r *Result) { *first(r).Latency.P50 += 2000 }, Invalid, true},
			{"a quantile is null without a reason", func(r *Result) { first(r).Latency.P99 = nil }, Invalid, true},
			{"the histogram is another's", func(r *Result) { first(r).Latency.HDR = first(r).Lag.HDR }, Invalid, true},
			{"the histogram is torn", func(r *Result) { first(r).Lag.HDR = first(r).Lag.HDR[:40] }, Invalid, true},
			{"the histogram is absent", func(r *Result) { first(r).Lag.HDR = "" }, Invalid, true},
			{"the median within its bucket", func(r *Result) { *first(r).Latency.P50++ }, Valid, false},
		},
		"quantiles_out_of_order": {
			{"p90 below p50", func(r *Result) { *first(r).Latency.P90 = *first(r).Latency.P50 - 1 }, Invalid, true},
			{"max below p999 in an epoch", func(r *Result) { *first(r).Epochs[1].Lag.Max = 1 }, Invalid, true},
			{"mean above max", func(r *Result) { *first(r).Lag.Mean = float64(*first(r).Lag.Max) * 1.01 }, Invalid, true},
			{"mean below min", func(r *Result) { *first(r).Lag.Mean = 1 }, Invalid, true},
			{"a negative latency", func(r *Result) { first(r).Latency.Min = -1 }, Invalid, true},
			{"quantiles beyond", func(r *Result) { first(r).Latency.P999, first(r).Latency.Max, first(r).Latency.Mean = nil, nil, nil }, Valid, false},
		},
	}
}

// lossMutations are about RPCs that did not end well.
func lossMutations() map[string][]mutation {
	return map[string][]mutation{
		"values_clamped": {
			{"one value", func(r *Result) { first(r).Latency.Clamped = 1 }, Degraded, true},
			{"none", nothing, Valid, false},
		},
		"server_disagrees": {
			{"the server started more than the client", func(r *Result) { first(r).Epochs[0].ServerLedger.Started++ }, Invalid, true},
			{"the server answered fewer than were ok", func(r *Result) { first(r).Epochs[0].ServerLedger.OK-- }, Invalid, true},
			{"the server answered what it did not start", func(r *Result) { first(r).Epochs[0].ServerLedger.Started-- }, Invalid, true},
			{"the server did not tell", func(r *Result) { first(r).Epochs[0].ServerLedger = nil }, Degraded, true},
			{"a failed RPC that did not reach it", func(r *Result) {
				e := &first(r).Epochs[0]
				e.LedgerTotal.OK, e.LedgerTotal.Failed = e.LedgerTotal.OK-1, map[string]int64{"UNAVAILABLE": 1}
				e.ServerLedger.Started, e.ServerLedger.OK = e.LedgerTotal.OK, e.LedgerTotal.OK
			}, Valid, false},
		},
		// The arm has 7500 scheduled RPCs: 0.1 % is 7.5, 1 % is 75.
		"rpcs_lost": {
			{"76 of 7500", func(r *Result) { first(r).Ledger.Failed = map[string]int64{"UNAVAILABLE": 76} }, Invalid, true},
			{"76 of 7500 that may be lost", func(r *Result) {
				first(r).Ledger.NotStarted = map[string]int64{"MAX_IN_FLIGHT": 76}
				r.Plan.AllowFailures = 0.02
			}, Degraded, true},
			{"8 of 7500", func(r *Result) { first(r).Ledger.Abandoned = 8 }, Degraded, true},
			{"one when none may be", func(r *Result) { first(r).Ledger.Abandoned, r.Plan.AllowFailures = 1, 0 }, Invalid, true},
			{"76 of 7500 given up when the run was interrupted", func(r *Result) {
				first(r).Ledger.Abandoned, first(r).Epochs[9].Ledger.Abandoned, first(r).Epochs[9].Interrupted = 76, 76, true
			}, Valid, false},
			{"7 of 7500", func(r *Result) { first(r).Ledger.Abandoned = 7 }, Valid, true},
			{"none", nothing, Valid, false},
		},
		"dead_at_end": {
			{"nothing ok in the last second of an epoch", func(r *Result) { first(r).Windows[5].OK = 0 }, Invalid, true},
			{"nothing ok at the end of a window cut short", func(r *Result) { first(r).Windows[5].OK, first(r).Epochs[1].Interrupted = 0, true }, Valid, false},
			{"nothing ok in the second before", func(r *Result) { first(r).Windows[4].OK = 0 }, Valid, false},
			{"nothing scheduled in it", func(r *Result) { first(r).Windows[5].Scheduled, first(r).Windows[5].OK = 0, 0 }, Valid, false},
		},
		"not_started": {
			{"one", func(r *Result) { first(r).Ledger.NotStarted = map[string]int64{"MAX_IN_FLIGHT": 1} }, Valid, true},
			{"none", nothing, Valid, false},
		},
	}
}

func timingMutations() map[string][]mutation {
	return map[string][]mutation{
		"timed_from_actual_start": {
			{"latency is service time", func(r *Result) { first(r).Latency.Sum = first(r).ServiceTime.Sum }, Invalid, true},
			{"latency is more than its parts", func(r *Result) { first(r).Latency.Sum *= 1.001 }, Invalid, true},
			{"the actual start is called intended", func(r *Result) {
				first(r).Lag.Min, *first(r).Lag.P50, first(r).Lag.Sum = 0, 0, 0
				first(r).Latency.Sum = first(r).ServiceTime.Sum
			}, Invalid, true},
			{"latency is service time, and an RPC failed", func(r *Result) {
				first(r).Latency.Sum = first(r).ServiceTime.Sum
				first(r).Ledger.OK--
			}, Invalid, true},
			{"a failed RPC has lag and no latency", func(r *Result) { first(r).Ledger.OK--; first(r).Lag.Sum += 30_000 }, Valid, false},
			{"as it is", nothing, Valid, false},
		},
		// The loop's sum is what it is; a share x of the samples' time is missing.
		"samples_missing": {
			{"2 % of samples", func(r *Result) { first(r).ServiceTime.Sum *= 0.98 }, Invalid, true},
			{"half a percent", func(r *Result) { first(r).ServiceTime.Sum *= 0.995 }, Degraded, true},
			{"the loop missed 2 %", func(r *Result) { first(r).Epochs[0].Generator.BusySum *= 0.8 }, Invalid, true},
			{"rounding", func(r *Result) { first(r).ServiceTime.Sum *= 1 + 1e-9 }, Valid, false},
		},
		"generator_behind": {
			{"p50 51 %", func(r *Result) { *first(r).Lag.P50 = *first(r).Latency.P50 * 51 / 100 }, Invalid, true},
			{"p50 26 %", func(r *Result) { *first(r).Lag.P50 = *first(r).Latency.P50 * 26 / 100 }, Degraded, true},
			{"p99 76 %", func(r *Result) { *first(r).Lag.P99 = *first(r).Latency.P99 * 76 / 100 }, Valid, true},
			{"p50 25 %, p99 75 %", func(r *Result) {
				*first(r).Lag.P50, *first(r).Lag.P99 = *first(r).Latency.P50/4, *first(r).Latency.P99*3/4
			}, Valid, false},
			{"closed loop", closedLoopOf(func(r *Result) { *first(r).Lag.P50 = *first(r).Latency.P50 }), "", false},
		},
		"rate_not_reached": {
			{"97.9 %", func(r *Result) { first(r).Achieved = 0.979 * first(r).Offered }, Invalid, true},
			{"97.9 % when 5 % may be lost", func(r *Result) { first(r).Achieved, r.Plan.AllowFailures = 0.979*first(r).Offered, 0.05 }, Degraded, true},
			{"99.4 %", func(r *Result) { first(r).Achieved = 0.994 * first(r).Offered }, Degraded, true},
			{"97.9 % with a window cut short", func(r *Result) {
				first(r).Achieved, first(r).Epochs[9].Interrupted = 0.979*first(r).Offered, true
			}, Valid, false},
			{"99.6 %", func(r *Result) { first(r).Achieved = 0.996 * first(r).Offered }, Valid, false},
			{"closed loop", closedLoopOf(func(r *Result) { first(r).Achieved = 1 }), "", false},
		},
		"overloaded": {
			{"21 % left", left(0.21), Invalid, true},
			{"3 % left", left(0.03), Degraded, true},
			{"1 % left", left(0.01), Valid, false},
			{"as much at both ends", func(r *Result) { first(r).Epochs[0].Generator.InFlight = [2]int64{1e6, 1e6} }, Valid, false},
			{"closed loop", closedLoopOf(left(0.9)), "", false},
		},
		"generator_busy": {
			{"81 %", generators(func(g *Generator) { g.CPUShare = 0.81 }), Invalid, true},
			{"51 %", generators(func(g *Generator) { g.CPUShare = 0.51 }), Degraded, true},
			{"49 %", generators(func(g *Generator) { g.CPUShare = 0.49 }), Valid, false},
			{"closed loop", closedLoopOf(generators(func(g *Generator) { g.CPUShare = 0.99 })), "", false},
			{"unknown of an arm alone", alone(generators(func(g *Generator) { g.CPUShare = 0 })), "", false},
		},
		"client_limited": {
			{"91 %", closedLoopOf(generators(func(g *Generator) { g.CPUShare = 0.91 })), Valid, true},
			{"89 %", closedLoopOf(generators(func(g *Generator) { g.CPUShare = 0.89 })), Valid, false},
			{"open loop", generators(func(g *Generator) { g.CPUShare = 0.99 }), "", false},
		},
		"generator_gc": {
			{"21 %", generators(collecting(0.21)), Invalid, true},
			{"6 %", generators(collecting(0.06)), Degraded, true},
			{"4 %", generators(collecting(0.04)), Valid, false},
			{"much of little", generators(func(g *Generator) { g.CPUShare, *g.GCCPUShare = 0.01, 4.1 }), Valid, false},
			{"closed loop, 21 %", closedLoopOf(generators(collecting(0.21))), Valid, true},
			{"unknown everywhere", func(r *Result) {
				for i := range r.Arms {
					for k := range r.Arms[i].Epochs {
						r.Arms[i].Epochs[k].Generator.GCCPUShare = nil
					}
				}
			}, "", false},
		},
	}
}

func machineMutations() map[string][]mutation {
	competing := func(x float64) func(*Result) {
		return shares(func(e *MachineEpoch) { e.CompetingShare = &x })
	}
	steal := func(x float64) func(*Result) { return shares(func(e *MachineEpoch) { e.StealShare = &x }) }
	hiccup := func(ns int64) func(*Result) { return shares(func(e *MachineEpoch) { e.HiccupP99NS = &ns }) }
	ours := func(x float64) func(*Result) { return shares(func(e *MachineEpoch) { e.OursShare = x }) }
	targetAt := func(address string, pid int) func(*Result) {
		return func(r *Result) {
			r.Plan.Target = &plan.Target{Address: address, ServerPID: pid}
			competing(0.4)(r)
		}
	}
	beside := func(share float64, pids ...int) func(*Result) {
		return shares(func(e *MachineEpoch) { e.CompetingShare, e.OtherRuns = &share, pids })
	}
	return map[string][]mutation{
		"machine_busy": {
			{"71 %", ours(0.71), Degraded, true},
			{"69 %", ours(0.69), Valid, false},
			{"closed loop", closedLoopOf(ours(0.99)), "", false},
			{"not told", ours(0), "", false},
			{"unknown", func(r *Result) { r.Machine.Epochs = nil }, "", false},
		},
		// Two cores: one burned for the whole run is 50 %, less what ours take back;
		// burned 0.2 s of every 0.5 s it is 20 %, beside 2 % of others.
		"competing_cpu": {
			{"a core burned throughout", competing(0.45), Degraded, true},
			{"a core burned throughout, half of it taken back", competing(0.26), Degraded, true},
			{"a core burned 0.2 s of every 0.5 s", competing(0.22), Valid, true},
			{"4 %", competing(0.04), Valid, false},
			{"eight cores, one burned", func(r *Result) { r.Machine.CPUs = 8; competing(0.12)(r) }, Degraded, true},
			{"one arm, 31 %", alone(competing(0.31)), Invalid, true},
			{"one arm, 6 %", alone(competing(0.06)), Degraded, true},
			{"one arm, 4 %", alone(competing(0.04)), Valid, false},
			{"a target on this machine", targetAt("localhost:1337", 0), "", false},
			{"a target at a loopback address", targetAt("[::1]:1337", 0), "", false},
			{"a target on this machine, which is full", func(r *Result) { targetAt("localhost:1337", 0)(r); competing(0.55)(r) }, Degraded, true},
			{"a target on this machine, which is full in a closed loop", func(r *Result) { targetAt("localhost:1337", 0)(r); competing(0.55)(r); r.Plan.Load.Loop = "closed" }, "", false},
			{"a target on this machine, its process known", targetAt("127.0.0.1:1337", 4711), Degraded, true},
			{"a target elsewhere", targetAt("example.org:1337", 0), Degraded, true},
			{"another run, which leaves the machine alone", beside(0.04, 4711), Valid, false},
			{"another run", beside(0.22, 4711), Valid, true},
			{"another run and a target on this machine", func(r *Result) { targetAt("localhost:1337", 0)(r); beside(0.22, 4711)(r) }, Valid, true},
			{"unknown", shares(func(e *MachineEpoch) { e.CompetingShare = nil }), "", false},
		},
		"steal": {
			{"6 %", steal(0.06), Degraded, true},
			{"2 %", steal(0.02), Valid, true},
			{"one arm, 6 %", alone(steal(0.06)), Invalid, true},
			{"one arm, 2 %", alone(steal(0.02)), Degraded, true},
			{"0.9 %", steal(0.009), Valid, false},
			{"unknown", shares(func(e *MachineEpoch) { e.StealShare = nil }), "", false},
		},
		"hiccups": {
			{"11 ms", hiccup(11_000_000), Degraded, true},
			{"2 ms", hiccup(2_000_000), Valid, true},
			{"one arm, 11 ms", alone(hiccup(11_000_000)), Invalid, true},
			{"one arm, 2 ms", alone(hiccup(2_000_000)), Degraded, true},
			{"0.9 ms", hiccup(900_000), Valid, false},
			{"11 ms in one epoch of ten", func(r *Result) { *r.Machine.Epochs[0].HiccupP99NS = 11_000_000 }, Valid, false},
			{"closed loop", closedLoopOf(hiccup(11_000_000)), "", false},
			{"unknown", shares(func(e *MachineEpoch) { e.HiccupP99NS = nil }), "", false},
		},
		// Ten windows of 3 s: 1 % is 0.3 s.
		"throttled": {
			{"0.4 s", func(r *Result) { *r.Machine.Epochs[0].ThrottledNS = 400_000_000 }, Degraded, true},
			{"0.2 s", func(r *Result) { *r.Machine.Epochs[0].ThrottledNS = 200_000_000 }, Valid, true},
			{"no quota", nothing, Valid, false},
			{"unknown", shares(func(e *MachineEpoch) { e.ThrottledNS = nil }), "", false},
		},
		// 50 ms + 0.01 % of 3 s = 50.3 ms.
		"clock_stepped": {
			{"back by 51 ms", func(r *Result) { r.Machine.Epochs[0].ClockStepNS = -51_000_000 }, Valid, true},
			{"50.2 ms", func(r *Result) { r.Machine.Epochs[0].ClockStepNS = 50_200_000 }, Valid, false},
			{"unknown", func(r *Result) { r.Machine.Epochs = nil }, "", false},
		},
	}
}

func runMutations() map[string][]mutation {
	different := func(metrics int) func(*Result) {
		return func(r *Result) {
			for i := range r.Comparisons {
				if r.Comparisons[i].Arm == "A/A" && metrics > 0 {
					r.Comparisons[i].Verdict, metrics = "faster", metrics-1
				}
			}
		}
	}
	// binaries are the first two arms' commands, each with the checksum of its file.
	binaries := func(command1, sum1, command2, sum2 string) func(*Result) {
		return func(r *Result) {
			r.Arms[0].Settings.ServerBinary, r.Arms[0].Observed.ServerSHA256 = command1, sum1
			r.Arms[1].Settings.ServerBinary, r.Arms[1].Observed.ServerSHA256 = command2, sum2
		}
	}
	epochs := func(n int) func(*Result) {
		return func(r *Result) {
			for i := range r.Arms {
				r.Arms[i].Epochs = r.Arms[i].Epochs[:n]
			}
		}
	}
	return map[string][]mutation{
		"control_differs_from_itself": {
			{"in two metrics", different(2), Degraded, true},
			{"in one metric", different(1), Valid, true},
			{"in none", nothing, Valid, false},
			{"not compared", func(r *Result) { r.Comparisons = nil }, "", false},
		},
		"few_epochs": {
			{"five", epochs(5), Valid, true},
			{"seven", epochs(7), Valid, true},
			{"eight, one cut short", func(r *Result) { epochs(8)(r); first(r).Epochs[7].Interrupted = true }, Valid, true},
			{"eight", epochs(8), Valid, false},
			{"one arm", alone(epochs(1)), "", false},
		},
		"epochs_missing": {
			{"one could not be done", epochs(9), Degraded, true},
			{"interrupted", func(r *Result) { epochs(9)(r); r.Interrupted = "SIGINT" }, Partial, true},
			{"killed", func(r *Result) { epochs(9)(r); r.Unfinished = true }, Partial, true},
			{"time was up", func(r *Result) { epochs(9)(r); r.Plan.MaxTime = 60e9 }, Valid, true},
			{"all there", nothing, Valid, false},
		},
		"unfinished": {
			{"its process was killed", func(r *Result) { r.Unfinished = true }, Partial, true},
			{"as it is", nothing, Valid, false},
		},
		"interrupted": {
			{"by a signal", func(r *Result) { r.Interrupted = "SIGTERM" }, Partial, true},
			{"not", nothing, Valid, false},
		},
		"server_restarted": {
			{"eleven servers in ten epochs", func(r *Result) { first(r).Observed.ServerInstances = 11 }, Degraded, true},
			{"ten in ten", nothing, Valid, false},
		},
		"same_server_binary": {
			{"two names", binaries("./v1 {addr}", "a", "./v2 {addr}", "a"), Valid, true},
			{"one name with other flags", binaries("./v1 {addr}", "a", "./v1 {addr} --fast", "a"), "", false},
			{"two files", binaries("./v1 {addr}", "a", "./v2 {addr}", "b"), Valid, false},
			{"bundled", nothing, "", false},
		},
		"reconnected": {
			{"once", func(r *Result) { first(r).Observed.Reconnects = 1 }, Valid, true},
			{"never", nothing, Valid, false},
		},
		"handshakes_disagree": {
			{"one not timed", func(r *Result) { first(r).Handshake.Full.Count-- }, Degraded, true},
			{"resumed ones count apart", func(r *Result) {
				a := arm(r, "tls=1.3")
				a.Settings.Resumption = true
				a.Handshake.Resumed = &Handshake{Count: 40}
			}, Valid, false},
		},
	}
}

func mutations() []map[string][]mutation {
	return []map[string][]mutation{accountMutations(), causeMutations(), lossMutations(), observedMutations(), encodingMutations(), processMutations(), churnMutations(), timingMutations(), machineMutations(), runMutations(), warmingMutations(), protocolMutations(), ceilingMutations()}
}

// causeMutations are those of why RPCs failed.
func causeMutations() map[string][]mutation {
	return map[string][]mutation{
		"ledger_unbalanced": {
			{"a failure with its cause", causes(map[string]int64{"RST_STREAM INTERNAL_ERROR": 2}), Valid, false},
			{"of which none is known", causes(map[string]int64{"not known": 2}), Valid, false},
			{"a cause too many", causes(map[string]int64{"server status": 2, "HTTP 502": 1}), Invalid, true},
			{"a cause of no list", causes(map[string]int64{"a server's own words": 2}), Invalid, true},
			{"a negative count of a cause", causes(map[string]int64{"server status": 3, "HTTP 502": -1}), Invalid, true},
			{"a cause that only the window knows", func(r *Result) {
				causes(map[string]int64{"HTTP 502": 2})(r)
				first(r).LedgerTotal.Causes = map[string]map[string]int64{"INTERNAL": {"HTTP 503": 2}}
			}, Invalid, true},
		},
		"epochs_do_not_add_up": {
			{"a failure of another cause", func(r *Result) {
				causes(map[string]int64{"HTTP 502": 2})(r)
				first(r).Epochs[0].Ledger.OK, first(r).Epochs[0].Ledger.Failed = first(r).Epochs[0].Ledger.OK-2, map[string]int64{"INTERNAL": 2}
				first(r).Epochs[0].Ledger.Causes = map[string]map[string]int64{"INTERNAL": {"HTTP 503": 2}}
			}, Invalid, true},
		},
	}
}

// causes makes two RPCs of an arm fail with INTERNAL, for those causes.
func causes(of map[string]int64) func(*Result) {
	return func(r *Result) {
		for _, l := range []*Ledger{&first(r).Ledger, &first(r).LedgerTotal} {
			l.OK, l.Failed, l.Causes = l.OK-2, map[string]int64{"INTERNAL": 2}, map[string]map[string]int64{"INTERNAL": of}
		}
	}
}

func TestEachCheckSaysWhatIsWrongAndNothingElse(t *testing.T) {
	for _, table := range mutations() {
		for code, rows := range table {
			for _, m := range rows {
				t.Run(code+"/"+m.name, func(t *testing.T) {
					r := good(t)
					m.change(&r)
					q := checks()[slices.IndexFunc(checks(), func(c check) bool { return c.code == code })].askOf(&r)
					c := q.check()
					if c.Verdict != m.want || (c.Skipped != "") != (m.want == "") || (c.Text != "") != m.warns {
						t.Errorf("%+v, want verdict %q, a finding: %t", c, m.want, m.warns)
					}
					if got := slices.Contains(codes(q.warnings), code); got != m.warns {
						t.Errorf("a warning: %t, want %t", got, m.warns)
					}
				})
			}
		}
	}
}

func TestEveryCheckIsTurnedOnAndLeftOff(t *testing.T) {
	on, off := map[string]bool{}, map[string]bool{}
	for _, table := range append(mutations(), connectionMutations()) {
		for code, rows := range table {
			for _, m := range rows {
				on[code] = on[code] || m.warns
				off[code] = off[code] || !m.warns && m.want == Valid
			}
		}
	}
	for _, c := range checks() {
		if !on[c.code] || !off[c.code] {
			t.Errorf("%s: turned on by a row: %t, left off by a row: %t", c.code, on[c.code], off[c.code])
		}
	}
}

func TestTheWorstFindingDecides(t *testing.T) {
	r := good(t)
	first(&r).Latency.Clamped = 1 // DEGRADED, here and in the sum over epochs: INVALID
	r.Interrupted = "SIGINT"
	Examine(&r)
	if r.Verdict != Invalid {
		t.Errorf("verdict %s, want INVALID", r.Verdict)
	}
	r = good(t)
	r.Interrupted = "SIGINT"
	shares(func(e *MachineEpoch) { e.OursShare = 0.9 })(&r)
	Examine(&r)
	if r.Verdict != Partial {
		t.Errorf("verdict %s, want PARTIAL, which is worse than DEGRADED", r.Verdict)
	}
}

func TestABusyMachineIsToldTheRateToTake(t *testing.T) {
	r := good(t)
	r.Plan.Load.Rate = 1500
	shares(func(e *MachineEpoch) { e.OursShare = 0.8 })(&r)
	Examine(&r)
	// 1500 · 0.60 / 0.80 = 1125, to two digits and not above: 1100.
	if w := r.Warnings[0]; w.Code != "machine_busy" || w.Values["rate"] != 1100 {
		t.Errorf("%+v, want machine_busy with rate 1100", w)
	}
}

func TestAFindingNamesItsArmAndWhatToDo(t *testing.T) {
	r := good(t)
	l := &arm(&r, "tls=1.3").Ledger
	l.Failed, l.NotStarted, l.Abandoned = map[string]int64{"UNAVAILABLE": 90}, map[string]int64{"MAX_IN_FLIGHT": 10}, 1
	Examine(&r)
	i := slices.IndexFunc(r.Warnings, func(w Warning) bool { return w.Code == "rpcs_lost" })
	want := Warning{Code: "rpcs_lost", Arm: "tls=1.3",
		Text:   "101 of 7500 scheduled RPCs (1.35 %) did not end well: UNAVAILABLE 90, not started MAX_IN_FLIGHT 10, abandoned 1; they rank above every latency",
		Values: map[string]float64{"lost": 101, "share": 101.0 / 7500}}
	if diff := cmp.Diff(want, r.Warnings[i]); diff != "" {
		t.Error(diff)
	}
}

func TestExamineKeepsTheWarningsOfOthersAndReplacesItsOwn(t *testing.T) {
	r := good(t)
	r.Warnings = []Warning{{Code: "steal", Text: "stale"}, {Code: "insecure_skip_verify", Text: "not verified"}}
	Examine(&r)
	if got := codes(r.Warnings); !slices.Equal(got, []string{"insecure_skip_verify"}) {
		t.Errorf("warnings %v, want the one that is not a check's", got)
	}
	once := fmt.Sprint(r.Checks, r.Warnings, r.Verdict)
	Examine(&r)
	if twice := fmt.Sprint(r.Checks, r.Warnings, r.Verdict); twice != once {
		t.Errorf("a second examination changed the answers:\n%s\n%s", once, twice)
	}
}

func TestRecheckRefusesAnswersThatTheContentDoesNotGive(t *testing.T) {
	tests := map[string]func(*Result){
		"a better verdict":   func(r *Result) { r.Interrupted = "SIGINT" },
		"a worse verdict":    func(r *Result) { r.Verdict = Degraded },
		"a changed count":    func(r *Result) { first(r).Ledger.OK-- },
		"a missing check":    func(r *Result) { r.Checks = r.Checks[:3] },
		"a check made good":  func(r *Result) { r.Checks[0].Skipped = "not asked" },
		"a missing warning":  func(r *Result) { first(r).Observed.Reconnects = 1 },
		"an invented answer": func(r *Result) { r.Warnings = []Warning{{Code: "steal"}} },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			r := good(t)
			if err := Recheck(r); err != nil {
				t.Fatalf("the fixture: %v", err)
			}
			change(&r)
			if err := Recheck(r); err == nil {
				t.Error("no error")
			}
		})
	}
}

// left leaves a share of every window's RPCs of the first arm in flight at its
// end, besides the five that may be chance.
func left(share float64) func(*Result) {
	return func(r *Result) {
		for i := range first(r).Epochs {
			e := &first(r).Epochs[i]
			e.Generator.InFlight[1] = 5 + int64(math.Ceil(share*float64(e.Ledger.Scheduled)))
		}
	}
}
