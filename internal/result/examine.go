package result

import (
	"fmt"
	"reflect"
	"slices"

	"grpcbench/internal/plan"
)

// Examine asks r every question that its own content can answer and fills
// Checks, Warnings and Verdict. It may be called again on a result that was read
// from disk: the same content gives the same answers. Warnings whose code is not
// a check's, which come from elsewhere, are kept and come first.
func Examine(r *Result) {
	table := checks()
	r.Warnings = slices.DeleteFunc(slices.Clone(r.Warnings), func(w Warning) bool {
		return slices.ContainsFunc(table, func(c check) bool { return c.code == w.Code })
	})
	r.Checks = make([]Check, 0, len(table))
	r.Verdict = Valid
	for _, c := range table {
		q := c.askOf(r)
		r.Checks = append(r.Checks, q.check())
		r.Warnings = append(r.Warnings, q.warnings...)
		r.Verdict = worse(r.Verdict, q.verdict)
	}
}

// Recheck examines r anew and returns an error that names the first stored
// answer that is not what its content says. r is not changed.
func Recheck(r Result) error {
	fresh := r
	Examine(&fresh)
	if fresh.Verdict != r.Verdict {
		return fmt.Errorf("verdict %s: must be %s by the result's own content", r.Verdict, fresh.Verdict)
	}
	for i, c := range fresh.Checks {
		if i >= len(r.Checks) {
			return fmt.Errorf("check %s: must be in the result", c.Code)
		}
		if r.Checks[i] != c {
			return fmt.Errorf("check %s: must be %s %s by the result's own content", c.Code, c.Verdict, c.Text)
		}
	}
	if len(fresh.Warnings) != len(r.Warnings) || !reflect.DeepEqual(codes(fresh.Warnings), codes(r.Warnings)) {
		return fmt.Errorf("warnings %v: must be %v by the result's own content", codes(r.Warnings), codes(fresh.Warnings))
	}
	return nil
}

func codes(ws []Warning) []string {
	out := make([]string, len(ws))
	for i, w := range ws {
		out[i] = w.Code
	}
	return out
}

// severity orders verdicts from best to worst.
func severity(v Verdict) int {
	return slices.Index([]Verdict{Valid, Degraded, Partial, Invalid}, v)
}

func worse(a, b Verdict) Verdict {
	if severity(b) > severity(a) {
		return b
	}
	return a
}

// check is one question. Its code names what is wrong when the answer is bad.
type check struct {
	code string
	doc  string // what must hold
	ask  func(*question)
}

// scope is the kind of plan that a check is about.
type scope int

const (
	ofAll        scope = iota
	ofRuns             // a load of RPCs
	ofHandshakes       // connections opened for their own sake
	ofCeilings         // loads up to what a server can take
	ofPaced            // a load that leaves room: no ceiling
	ofKept             // a load that is kept: no search for a rate
)

// of is the scope of c. A check of which nothing is said here is asked of every plan.
func (c check) of() scope {
	switch c.code {
	case "connections_unaccounted", "resumptions_disagree", "server_saw_other_handshakes", "connections_lost":
		return ofHandshakes
	case "blocks_do_not_add_up", "generator_limited", "windows_disturbed":
		return ofCeilings
	case "dead_at_end", "generator_behind", "rate_not_reached", "overloaded", "generator_busy", "client_limited", "machine_busy", "hiccups", "waited_for_streams", "still_warming":
		return ofPaced
	case "rpcs_lost", "not_started":
		return ofKept
	case "ledger_unbalanced", "epochs_do_not_add_up", "windows_do_not_add_up", "histogram_disagrees", "quantiles_out_of_order", "values_clamped",
		"server_disagrees", "handshakes_disagree", "reconnected", "connections_ended", "timed_from_actual_start", "samples_missing", "generator_gc":
		return ofRuns
	}
	return ofAll
}

// excuse says why a check of the scope cannot be asked of r; "" if it can.
func (s scope) excuse(r *Result) string {
	handshakes := r.Plan.Kind == plan.KindHandshake
	switch {
	case (s == ofRuns || s == ofPaced || s == ofKept) && handshakes:
		return "a handshake plan has no load"
	case s == ofPaced && r.seeksCeiling(), s == ofKept && r.seeksCeiling() && r.openLoop():
		return "a ceiling loads client and server until they have no more to give"
	case s == ofCeilings && !r.seeksCeiling():
		return "no ceiling was looked for"
	case s == ofHandshakes && !handshakes:
		return "no connection was opened for its own sake"
	}
	return ""
}

// askOf asks c of r.
func (c check) askOf(r *Result) question {
	q := question{r: r, code: c.code, verdict: Valid}
	if why := c.of().excuse(r); why != "" {
		q.skip(why)
		return q
	}
	c.ask(&q)
	return q
}

// checks lists every question in the order of reports: is the account whole, was
// the right thing measured, was it measured in time, was the machine fit.
func checks() []check {
	return []check{
		{"nothing_measured", "every arm has at least one epoch with a scheduled RPC", askMeasured},
		{"run_failed", "nothing ended the run before its last epoch", askFailed},
		{"ledger_unbalanced", "scheduled = started + not started; started = ok + failed + abandoned; the causes of each code add up to its count and are of the list; the windows lie inside the whole life", askLedgers},
		{"epochs_do_not_add_up", "the sum over epochs is the arm", askEpochSums},
		{"windows_do_not_add_up", "the sum over one-second windows is the epoch", askWindowSums},
		{"blocks_do_not_add_up", "the sum over a ceiling's windows is the epoch, and by callers or rate the level", askBlocks},
		{"histogram_disagrees", "histogram counts are ledger counts, and the quantiles are the histogram's", askHistograms},
		{"quantiles_out_of_order", "0 ≤ min ≤ p50 ≤ p90 ≤ p99 ≤ p999 ≤ max and min ≤ mean ≤ max", askOrder},
		{"values_clamped", "no value lay outside 0 to 1 h", askClamped},
		{"server_disagrees", "the bundled server started at least the ok and at most the started RPCs and answered at least the ok ones", askServer},
		{"rpcs_lost", "failed + not started + abandoned is at most 0.1 % of scheduled, and never above the allowed share", askLost},
		{"dead_at_end", "some RPC of the last second of every window is ok", askEnd},
		{"not_started", "every scheduled RPC was started", askStarted},
		{"settings_not_observed", "every setting was seen as asked", askSettings},
		{"churn_incomplete", "at most 0.1 % of the connections due to be replaced were not, and never more than the allowed share", askChurn},
		{"handshakes_disagree", "connections opened are those that were asked for", askHandshakes},
		{"connections_unaccounted", "planned = not started + full + resumed + failed, the sum over epochs is the arm, and histogram counts are the ledger's", askConnections},
		{"resumptions_disagree", "as many connections were full, and as many resumed, as the plan says", askResumptions},
		{"server_saw_other_handshakes", "the bundled server counted at least the connections that were made and at most those that were begun", askServerHandshakes},
		{"connections_lost", "failed connections, and those whose RPCs failed, are at most 0.1 % of the planned, those of saturated blocks apart, and never above the allowed share", askConnectionsLost},
		{"responses_not_as_asked", "the responses of an arm without a compressor came uncompressed, and some of one with a compressor compressed", askResponses},
		{"responses_differ", "arms that call one method with one message got responses of one size in the preflight", askResponseSizes},
		{"server_restarted", "one bundled server served each epoch", askInstances},
		{"same_server_binary", "server binaries of different names are different files", askBinaries},
		{"reconnected", "no connection was opened after the clock started, but in place of a good one as asked", askReconnects},
		{"waited_for_streams", "no RPC waited in the client for one of the streams that the server allows on a connection", askStreams},
		{"streams_refused", "the server refused no stream", askRefused},
		{"connections_ended", "the server ended no connection by GOAWAY", askGoAways},
		{"still_warming", "latency p50 does not fall from the first to the last second of the windows", askWarming},
		{"timed_from_actual_start", "Σ latency = Σ service time + Σ lag, and lag is not zero", askTiming},
		{"samples_missing", "the loop's own Σ(done − sent) is the histogram's", askLittle},
		{"generator_behind", "lag is small beside latency", askLag},
		{"rate_not_reached", "achieved rate is at least 99.5 % of the offered", askRate},
		{"overloaded", "what was started in a window ended in it, but for 2 %", askOverload},
		{"generator_busy", "generators use at most half of their cores", askGeneratorCPU},
		{"client_limited", "in a closed loop generators use at most 90 % of their cores", askClientLimited},
		{"windows_disturbed", "no window of a search was disturbed by a stall, by the hypervisor or by other processes", askDisturbed},
		{"generator_limited", "the generator is not what limits a ceiling", askWhoseCeiling},
		{"generator_gc", "garbage collection takes at most 5 % of the CPUs that a generator may use", askGC},
		{"machine_busy", "this run's processes use at most 70 % of the machine", askOurs},
		{"server_pid_unseen", "the processes of --server-pid were seen to hold the connections", askServerPID},
		{"competing_cpu", "other processes leave the machine to the run", askCompeting},
		{"steal", "the hypervisor takes at most 1 % of the machine", askSteal},
		{"hiccups", "a sleeping thread wakes at most 1 ms late", askHiccups},
		{"throttled", "no cgroup quota held the run back", askThrottled},
		{"clock_stepped", "wall clock and monotonic clock agree", askClock},
		{"control_differs_from_itself", "the A/A arm is no different from its control", askAA},
		{"few_epochs", "there are at least 8 epochs to compare", askEpochs},
		{"epochs_missing", "as many epochs were measured as were planned", askPlanned},
		{"interrupted", "the run was not interrupted", askInterrupted},
		{"unfinished", "the run stored its result itself", askUnfinished},
	}
}

// question is a check while it is being asked.
type question struct {
	r        *Result
	code     string
	verdict  Verdict
	text     string
	skipped  string
	warnings []Warning
}

// skip says that the question cannot be asked, and why.
func (q *question) skip(why string) { q.skipped = why }

// check is the answer. What could be asked of some arms counts as asked.
func (q *question) check() Check {
	if q.skipped != "" && len(q.warnings) == 0 {
		return Check{Code: q.code, Skipped: q.skipped}
	}
	return Check{Code: q.code, Verdict: q.verdict, Text: q.text}
}

// finding is something that is not as it must be.
type finding struct {
	verdict Verdict // Valid: a warning only
	arm     string  // "" for the whole run
	text    string
	values  map[string]float64
}

// find takes note of f; of findings equally bad the first one is the answer.
func (q *question) find(f finding) {
	if q.text == "" || severity(f.verdict) > severity(q.verdict) {
		q.text = f.text
		if f.arm != "" {
			q.text = f.arm + ": " + f.text
		}
	}
	q.verdict = worse(q.verdict, f.verdict)
	q.warnings = append(q.warnings, Warning{Code: q.code, Arm: f.arm, Text: f.text, Values: f.values})
}

// invalid takes note of a contradiction in an arm's account.
func (q *question) invalid(arm, format string, args ...any) {
	q.find(finding{verdict: Invalid, arm: arm, text: fmt.Sprintf(format, args...)})
}

// limits are the values above which a figure is a warning, DEGRADED, INVALID;
// 0: there is no such limit.
type limits struct{ warn, degraded, invalid float64 }

// milder is one grade milder: what was INVALID is DEGRADED, what was DEGRADED a
// warning.
func (l limits) milder() limits { return limits{warn: l.degraded, degraded: l.invalid} }

// judge returns the verdict on x and whether there is anything to say.
func (l limits) judge(x float64) (v Verdict, found bool) {
	switch above := func(limit float64) bool { return limit > 0 && x > limit }; {
	case above(l.invalid):
		return Invalid, true
	case above(l.degraded):
		return Degraded, true
	default:
		return Valid, above(l.warn)
	}
}

// openLoop says whether arrivals do not wait for answers.
func (r *Result) openLoop() bool { return r.Plan.Load.Loop != "closed" }

// whole are the epochs whose window was not cut short.
func (a Arm) whole() []Epoch {
	return slices.DeleteFunc(slices.Clone(a.Epochs), func(e Epoch) bool { return e.Interrupted })
}

// paired says whether arms were alive together, so that whatever the machine
// did, it did to all of them.
func (r *Result) paired() bool { return len(r.Arms) > 1 }

// bundled says whether the arm's server was one of grpc-bench's own, which tells what
// it saw.
func (r *Result) bundled(s plan.Settings) bool {
	return r.Plan.Target == nil && s.Target == "" && s.ServerBinary == ""
}
