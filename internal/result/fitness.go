package result

import (
	"fmt"
	"math"
	"net"
	"slices"

	"grpcbench/internal/stats"
)

const unknown = "the machine does not tell"

// Our own share of the machine above which arms queue behind each other, and the
// share to aim at instead.
const (
	oursDegraded = 0.70
	oursAim      = 0.60
)

func askOurs(q *question) {
	if !q.r.openLoop() {
		q.skip(closedLoop + ", so it fills the machine on purpose")
		return
	}
	ours, ok := q.r.machineMean(func(e MachineEpoch) *float64 {
		if e.OursShare == 0 {
			return nil
		}
		return &e.OursShare
	})
	if !ok {
		q.skip(unknown)
		return
	}
	if ours <= oursDegraded {
		return
	}
	rate := twoDigits(q.r.Plan.Load.Rate * oursAim / ours)
	q.find(finding{verdict: Degraded,
		text:   fmt.Sprintf("this run's own processes used %s of the machine, so arms waited for each other: take --rate %g", percent(ours), rate),
		values: map[string]float64{"share": ours, "rate": rate}})
}

// twoDigits rounds x down to two significant digits.
func twoDigits(x float64) float64 {
	if x <= 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(x))-1)
	return math.Floor(x/unit) * unit
}

// competingLimits are on the share of the machine that other processes used.
//
// For arms alive together common noise cancels, so only a core that is taken
// away matters. A process that burns one of n cores for the whole run shows as
// 1/n, less what ours take back of that core; one that burns it 0.2 s of every
// 0.5 s shows as 0.4/n. Half a core, 0.5/n, lies between: where a burner shows
// as less, ours had more than half of its core and all they wanted of the
// others. On more than ten cores 5 % of the machine is the limit.
func competingLimits(paired bool, cpus int) limits {
	if !paired {
		return limits{degraded: 0.05, invalid: 0.30}
	}
	return limits{warn: 0.05, degraded: max(0.05, 0.5/float64(max(cpus, 1)))}
}

// full is the share of a machine from which on an RPC waits for a CPU more often than not.
const full = 0.9

func askCompeting(q *question) {
	if q.r.localTarget() {
		q.skip("the target runs on this machine and is not told from other processes (--server-pid)")
		if text := q.r.Machine.OtherRuns(); text != "" {
			q.find(finding{verdict: Valid, text: text + ": read " + q.r.disturbed() + " with care"})
		}
		used, ok := q.r.machineMean(func(e MachineEpoch) *float64 {
			if e.CompetingShare == nil {
				return nil
			}
			return new(e.OursShare + *e.CompetingShare)
		})
		if ok && used > full && q.r.openLoop() && !q.r.seeksCeiling() {
			q.find(finding{verdict: Degraded, values: map[string]float64{"share": used},
				text: fmt.Sprintf("the CPUs of this machine were used up (%s), by the server or by other processes: which is not known (use --server-pid)", percent(used))})
		}
		return
	}
	remedy := "stop them"
	if text := q.r.Machine.OtherRuns(); text != "" {
		remedy = text + ": begin when it has ended"
	}
	q.machine(func(e MachineEpoch) *float64 { return e.CompetingShare }, competingLimits(q.r.paired(), q.r.Machine.CPUs),
		"other processes used %s of the machine: "+remedy+", or read "+q.r.disturbed()+" with care")
}

// localTarget says whether a server that is not ours, and whose process is not
// known, runs on this machine.
func (r *Result) localTarget() bool {
	return r.Plan.Target != nil && r.Plan.Target.ServerPID == 0 && slices.ContainsFunc(r.Arms, r.local)
}

// askServerPID: CPU of a process that does not serve says nothing of the server.
func askServerPID(q *question) {
	q.skip("no --server-pid, or a result of an older tool")
	for _, a := range q.r.Arms {
		seen := a.Observed.ServerPIDSeen
		if seen == nil {
			continue
		}
		q.skip("")
		known := a.ServerCPU != nil || slices.ContainsFunc(a.Levels, func(l Level) bool { return l.ServerCPU != nil })
		if !known && a.Ledger.Started > 0 && len(q.r.Arms) == 1 {
			q.find(finding{verdict: Valid, arm: a.Name,
				text: "the processes of --server-pid used no CPU in a window, or one has ended, or a child of theirs that nobody waited for: the server's CPU is not known"})
		}
		if !*seen {
			q.find(finding{verdict: Valid, arm: a.Name,
				text: "which process holds its connections could not be seen (another user's process, a server behind a translated address, or a Unix socket on a kernel without CONFIG_UNIX_DIAG): whether --server-pid is the server is not known"})
		}
	}
}

// local says whether a's server is on this machine: by where its connections went, and
// by how its address is written if that is not known. A name may be any machine's, and one's own
// address is written in many ways.
func (r *Result) local(a Arm) bool {
	if a.Observed.Local != nil {
		return *a.Observed.Local
	}
	addresses := []string{a.Settings.Target}
	if r.Plan.Target != nil {
		addresses = append(addresses, r.Plan.Target.Address)
	}
	return slices.ContainsFunc(addresses, func(address string) bool {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return false
		}
		ip := net.ParseIP(host)
		return host == "localhost" || ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
	})
}

func askSteal(q *question) {
	l := limits{degraded: 0.01, invalid: 0.05}
	if q.r.paired() {
		l = l.milder()
	}
	q.machine(func(e MachineEpoch) *float64 { return e.StealShare }, l,
		"the hypervisor took %s of the machine: read "+q.r.disturbed()+" with care")
}

// disturbed is what the machine's noise harms: of arms that are compared the
// width of the intervals, of one arm whatever is a time.
func (r *Result) disturbed() string {
	if r.paired() {
		return "the intervals"
	}
	return "latencies and CPU"
}

// machine judges a share of the machine.
func (q *question) machine(share func(MachineEpoch) *float64, l limits, format string) {
	x, ok := q.r.machineMean(share)
	if !ok {
		q.skip(unknown)
		return
	}
	if v, found := l.judge(x); found {
		q.find(finding{verdict: v, text: fmt.Sprintf(format, percent(x)), values: map[string]float64{"share": x}})
	}
}

// machineMean is the mean over the epochs that know the share; they are equally
// long.
func (r *Result) machineMean(share func(MachineEpoch) *float64) (mean float64, ok bool) {
	var sum float64
	var n int
	for _, e := range r.Machine.Epochs {
		if v := share(e); v != nil {
			sum, n = sum+*v, n+1
		}
	}
	return sum / max(float64(n), 1), n > 0
}

// askHiccups takes the epoch in the middle: one hiccup in one epoch is what
// repeating is for.
func askHiccups(q *question) {
	if !q.r.openLoop() {
		q.skip(closedLoop + ", so it fills the machine on purpose")
		return
	}
	var p99 []int64
	for _, e := range q.r.Machine.Epochs {
		if e.HiccupP99NS != nil {
			p99 = append(p99, *e.HiccupP99NS)
		}
	}
	if len(p99) == 0 {
		q.skip(unknown)
		return
	}
	slices.Sort(p99)
	middle := p99[len(p99)/2]
	l := limits{degraded: 1e6, invalid: 10e6}
	if q.r.paired() {
		l = l.milder()
	}
	if v, found := l.judge(float64(middle)); found {
		q.find(finding{verdict: v,
			text: fmt.Sprintf("a sleeping thread woke %s late or later once in a hundred times: the machine stalls, and so do latencies",
				FormatDuration(float64(middle))),
			values: map[string]float64{"hiccup_p99_ns": float64(middle)}})
	}
}

// askLess is how the user asks for less work.
func (r *Result) askLess() string {
	if r.openLoop() {
		return "lower --rate"
	}
	return "lower --concurrency"
}

func askThrottled(q *question) {
	var sum int64
	known := false
	for _, e := range q.r.Machine.Epochs {
		if e.ThrottledNS != nil {
			sum, known = sum+*e.ThrottledNS, true
		}
	}
	if !known {
		q.skip(unknown)
		return
	}
	measured := float64(q.r.Plan.Window) * float64(len(q.r.Machine.Epochs))
	if q.r.seeksCeiling() {
		measured = q.r.blocksLength()
	}
	if sum == 0 || measured <= 0 {
		return
	}
	share := float64(sum) / measured
	v := Valid
	if share > 0.01 {
		v = Degraded
	}
	q.find(finding{verdict: v,
		text:   fmt.Sprintf("a cgroup quota stopped the run for %s: raise the quota or %s", FormatDuration(float64(sum)), q.r.askLess()),
		values: map[string]float64{"throttled_ns": float64(sum)}})
}

func askClock(q *question) {
	if len(q.r.Machine.Epochs) == 0 {
		q.skip(unknown)
		return
	}
	allowed := 50e6 + 1e-4*float64(q.r.Plan.Window)
	for i, e := range q.r.Machine.Epochs {
		if math.Abs(float64(e.ClockStepNS)) > allowed {
			q.find(finding{verdict: Valid,
				text: fmt.Sprintf("epoch %d: the wall clock stepped by %s; durations are not affected, times of day are",
					i, FormatDuration(float64(e.ClockStepNS))),
				values: map[string]float64{"step_ns": float64(e.ClockStepNS)}})
		}
	}
}

// askAA reads the comparisons of an arm with its equal. One false verdict in a
// run is to be expected now and then, as each is wrong once in a hundred times;
// two or more mean that equal things did not look equal.
func askAA(q *question) {
	asked := 0
	var different []string
	for _, c := range q.r.Comparisons {
		if !q.r.isAA(c.Arm) {
			continue
		}
		asked++
		if c.Verdict == "slower" || c.Verdict == "faster" {
			different = append(different, c.Metric)
		}
	}
	if asked == 0 {
		q.skip("no A/A arm was compared")
		return
	}
	v := Valid
	if len(different) > 1 {
		v = Degraded
	}
	if len(different) > 0 {
		q.find(finding{verdict: v,
			text: fmt.Sprintf("the A/A arm, equal to its control, differs from it in %v: read differences of that size with care", different)})
	}
}

func (r *Result) isAA(arm string) bool {
	return slices.ContainsFunc(r.Arms, func(a Arm) bool { return a.AA && a.Name == arm })
}

func askEpochs(q *question) {
	if !q.r.paired() && !q.r.seeksCeiling() {
		q.skip("one arm: nothing is compared")
		return
	}
	n := q.r.epochs()
	text := ""
	switch {
	case n < stats.MinInterval:
		text = fmt.Sprintf("epochs %d: fewer than %d give no interval and fewer than %d no verdict", n, stats.MinInterval, stats.MinVerdict)
	case n < stats.MinVerdict:
		text = fmt.Sprintf("epochs %d: fewer than %d give no verdict", n, stats.MinVerdict)
	default:
		return
	}
	q.find(finding{verdict: Valid, text: text, values: map[string]float64{"epochs": float64(n)}})
}

// epochs is the number of whole epochs that every arm has.
func (r *Result) epochs() int {
	n := 0
	for i, a := range r.Arms {
		if whole := len(a.whole()); i == 0 || whole < n {
			n = whole
		}
	}
	return n
}

func askPlanned(q *question) {
	n, planned := q.r.epochs(), q.r.Plan.Epochs.Min
	if n >= planned {
		return
	}
	v, why := Degraded, "some could not be done"
	switch {
	case q.r.Interrupted != "":
		v, why = Partial, "the run was interrupted"
	case q.r.Unfinished:
		v, why = Partial, "the run did not come to its end"
	case q.r.Plan.MaxTime > 0:
		v, why = Valid, "--max-time was up"
	}
	q.find(finding{verdict: v, text: fmt.Sprintf("%d of %d planned epochs were measured: %s", n, planned, why),
		values: map[string]float64{"epochs": float64(n), "planned": float64(planned)}})
}

func askInterrupted(q *question) {
	if q.r.Interrupted != "" {
		q.find(finding{verdict: Partial, text: fmt.Sprintf("interrupted by %s: what was measured until then is whole", q.r.Interrupted)})
	}
}

func askUnfinished(q *question) {
	if q.r.Unfinished {
		q.find(finding{verdict: Partial,
			text:   fmt.Sprintf("the run ended without storing its result: it was killed, or the machine stopped; the %d epochs that were finished are whole", q.r.epochs()),
			values: map[string]float64{"epochs": float64(q.r.epochs())}})
	}
}
