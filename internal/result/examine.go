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
	of   scope
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
	if why := c.of.excuse(r); why != "" {
		q.skip(why)
		return q
	}
	c.ask(&q)
	return q
}

// isCheck reports whether a warning of the code is made by a check.
func isCheck(code string) bool {
	return slices.ContainsFunc(checks(), func(c check) bool { return c.code == code })
}

// checks lists every question in the order of reports: is the account whole, was
// the right thing measured, was it measured in time, was the machine fit.
func checks() []check {
	return []check{
		{"nothing_measured", ofAll, "every arm has at least one epoch with a scheduled RPC", askMeasured},
		{"run_failed", ofAll, "nothing ended the run before its last epoch", askFailed},
		{"ledger_unbalanced", ofRuns, "scheduled = started + not started; started = ok + failed + abandoned; the causes of each code add up to its count and are of the list; the windows lie inside the whole life", askLedgers},
		{"epochs_do_not_add_up", ofRuns, "the sum over epochs is the arm", askEpochSums},
		{"windows_do_not_add_up", ofRuns, "the sum over one-second windows is the epoch", askWindowSums},
		{"blocks_do_not_add_up", ofCeilings, "the sum over a ceiling's windows is the epoch, and by callers or rate the level", askBlocks},
		{"histogram_disagrees", ofRuns, "histogram counts are ledger counts, and the quantiles are the histogram's", askHistograms},
		{"quantiles_out_of_order", ofRuns, "0 ≤ min ≤ p50 ≤ p90 ≤ p99 ≤ p999 ≤ max and min ≤ mean ≤ max", askOrder},
		{"values_clamped", ofRuns, "no value lay outside 0 to 1 h", askClamped},
		{"server_disagrees", ofRuns, "the bundled server started at least the ok and at most the started RPCs and answered at least the ok ones", askServer},
		{"rpcs_lost", ofKept, "failed + not started + abandoned is at most 0.1 % of scheduled, and never above the allowed share", askLost},
		{"dead_at_end", ofPaced, "some RPC of the last second of every window is ok", askEnd},
		{"not_started", ofKept, "every scheduled RPC was started", askStarted},
		{"settings_not_observed", ofAll, "every setting was seen as asked", askSettings},
		{"churn_incomplete", ofAll, "at most 0.1 % of the connections due to be replaced were not, and never more than the allowed share", askChurn},
		{"handshakes_disagree", ofRuns, "connections opened are those that were asked for", askHandshakes},
		{"connections_unaccounted", ofHandshakes, "planned = not started + full + resumed + failed, the sum over epochs is the arm, and histogram counts are the ledger's", askConnections},
		{"resumptions_disagree", ofHandshakes, "as many connections were full, and as many resumed, as the plan says", askResumptions},
		{"server_saw_other_handshakes", ofHandshakes, "the bundled server counted at least the connections that were made and at most those that were begun", askServerHandshakes},
		{"connections_lost", ofHandshakes, "failed connections, and those whose RPCs failed, are at most 0.1 % of the planned, those of saturated blocks apart, and never above the allowed share", askConnectionsLost},
		{"responses_not_as_asked", ofAll, "the responses of an arm without a compressor came uncompressed, and some of one with a compressor compressed", askResponses},
		{"metadata_not_indexed", ofRuns, "metadata that is the same in each RPC is sent once a connection", askIndexed},
		{"responses_differ", ofAll, "arms that call one method with one message got responses of one size in the preflight", askResponseSizes},
		{"server_restarted", ofAll, "one bundled server served each epoch", askInstances},
		{"same_server_binary", ofAll, "server binaries of different names are different files", askBinaries},
		{"reconnected", ofRuns, "no connection was opened after the clock started, but in place of a good one as asked", askReconnects},
		{"waited_for_streams", ofPaced, "no RPC waited in the client for one of the streams that the server allows on a connection", askStreams},
		{"streams_refused", ofAll, "the server refused no stream", askRefused},
		{"connections_ended", ofRuns, "the server ended no connection by GOAWAY", askGoAways},
		{"still_warming", ofPaced, "latency p50 does not fall from the first to the last second of the windows", askWarming},
		{"timed_from_actual_start", ofRuns, "Σ latency = Σ service time + Σ lag, and lag is not zero", askTiming},
		{"samples_missing", ofRuns, "the loop's own Σ(done − sent) is the histogram's", askLittle},
		{"generator_behind", ofPaced, "lag is small beside latency", askLag},
		{"rate_not_reached", ofPaced, "achieved rate is at least 99.5 % of the offered", askRate},
		{"overloaded", ofPaced, "what was started in a window ended in it, but for 2 %", askOverload},
		{"generator_busy", ofPaced, "generators use at most half of their cores", askGeneratorCPU},
		{"client_limited", ofPaced, "in a closed loop generators use at most 90 % of their cores", askClientLimited},
		{"ceiling_not_judged", ofCeilings, "there are enough whole epochs to say what every arm's ceiling is", askJudged},
		{"windows_disturbed", ofCeilings, "no window of a search was disturbed by a stall, by the hypervisor or by other processes", askDisturbed},
		{"generator_limited", ofCeilings, "the generator is not what limits a ceiling", askWhoseCeiling},
		{"generator_gc", ofRuns, "garbage collection takes at most 5 % of the CPUs that a generator may use", askGC},
		{"machine_busy", ofPaced, "this run's processes use at most 70 % of the machine", askOurs},
		{"server_pid_unseen", ofAll, "the processes of --server-pid were seen to hold the connections", askServerPID},
		{"competing_cpu", ofAll, "other processes leave the machine to the run", askCompeting},
		{"steal", ofAll, "the hypervisor takes at most 1 % of the machine", askSteal},
		{"hiccups", ofPaced, "a sleeping thread wakes at most 1 ms late", askHiccups},
		{"throttled", ofAll, "no cgroup quota held the run back", askThrottled},
		{"clock_stepped", ofAll, "wall clock and monotonic clock agree", askClock},
		{"control_differs_from_itself", ofAll, "the A/A arm is no different from its control", askAA},
		{"few_epochs", ofAll, "there are at least 8 epochs to compare", askEpochs},
		{"epochs_missing", ofAll, "as many epochs were measured as were planned", askPlanned},
		{"interrupted", ofAll, "the run was not interrupted", askInterrupted},
		{"unfinished", ofAll, "the run stored its result itself", askUnfinished},
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
