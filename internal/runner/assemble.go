package runner

import (
	"fmt"
	"strings"
	"time"

	"grpcbench/internal/probe"
	"grpcbench/internal/result"
	"grpcbench/internal/worker"
)

// result is what the run has found. Comparisons and checks are made of it by others.
func (r *run) result(failure error, interrupted string) (*result.Result, error) {
	out := r.found
	out.Interrupted = interrupted
	if failure != nil {
		out.Failure = failure.Error()
	}
	return out, out.Total()
}

// collect adds what an epoch has measured to what the run has found.
func (r *run) collect(e *epoch) error {
	one := &result.Result{
		Schema: result.Schema, ID: r.options.ID, Name: r.plan.Name, Created: r.created.UTC(),
		Tool: tool(), Machine: r.machineFacts(e), Plan: r.plan, Groups: r.plan.Groups,
	}
	for i := range r.plan.Arms {
		arm, err := r.collectArm(e, i)
		if err != nil {
			return fmt.Errorf("arm %s: %w", r.plan.Arms[i].Name, err)
		}
		one.Arms = append(one.Arms, arm)
		if e.index == 0 {
			one.Warnings = append(one.Warnings, e.arms[i].warnings()...)
		}
	}
	if r.found == nil {
		r.found = one
		return nil
	}
	var err error
	r.found, err = result.Merge(r.found, one)
	return err
}

// warnings has one if the server binary printed lines before its address: another line may
// have been meant.
func (a *armEpoch) warnings() []result.Warning {
	if len(a.printed) == 0 {
		return nil
	}
	return []result.Warning{{Code: "server_printed", Arm: a.arm.Name,
		Text: fmt.Sprintf("the server binary printed %s before %s, which was taken for its address", strings.Join(a.printed, ", "), a.address)}}
}

// collectArm is what arm i measured in an epoch.
func (r *run) collectArm(e *epoch, i int) (result.Arm, error) {
	a := e.arms[i]
	one := result.Epoch{Index: e.index, Start: e.start, Took: e.took, Interrupted: e.interrupted}
	one.Sums = &result.Sums{}
	var err error
	if r.handshakes() {
		one.Seen = e.shaken(a)
		if one.Handshake, err = a.handshakes(r.plan.Saturated); err != nil {
			return result.Arm{}, err
		}
		one, err = result.NewEpoch(one)
		return r.arm(i, one, []result.Window{}), err
	}
	one.Seen, one.LedgerTotal, one.Interrupted = e.seen(a), a.finished.Total, e.interrupted || a.stopped()
	windows := []result.Window{}
	for i, m := range a.windows() {
		one.Ledger.Add(m.Ledger)
		if err := one.Sums.Add(windowSums(m)); err != nil {
			return result.Arm{}, err
		}
		windows = append(windows, seconds(e.index, m, a.offset(i, e.first()))...)
	}
	work := a.finished.Compressed
	one.Sums.Requests = codecSums(work.Messages, work.In, work.Out, work.CPU)
	if m := a.measured; m != nil {
		if !m.Stopped {
			a.costSums(one.Sums)
		}
		if one.Churn, err = replaced(m); err != nil {
			return result.Arm{}, err
		}
	}
	one.Saturated, one.Generator = a.saturatedSums(r.plan.Saturated), generatorHealth(a.windows())
	if one.Handshake, err = opened(a.connected); err != nil {
		return result.Arm{}, err
	}
	one.Blocks = a.resultBlocks(r.plan, e.first())
	one, err = result.NewEpoch(one)
	return r.arm(i, one, windows), err
}

// arm is arm i of one epoch.
func (r *run) arm(i int, e result.Epoch, windows []result.Window) result.Arm {
	of := r.plan.Arms[i]
	return result.Arm{Name: of.Name, AA: of.AA, Settings: of.Settings, Epochs: []result.Epoch{e}, Windows: windows}
}

// seconds are the timeline of a window.
func seconds(epoch int, m *worker.Measured, offset int64) []result.Window {
	var out []result.Window
	for _, iv := range m.Seconds() {
		w := result.Window{Epoch: epoch, Start: offset + int64(iv.Start), Scheduled: iv.Ledger.Scheduled, OK: iv.Ledger.OK,
			Latency: iv.Latency, Service: iv.Service, Lag: iv.Lag}
		w.Failed, w.NotStarted = new(iv.Ledger.Failures()), new(iv.Ledger.Unstarted())
		if iv.Ledger.Started > 0 {
			w.LagP99 = new(iv.LagP99)
		}
		if iv.HasP50 {
			w.P50 = &iv.P50
		}
		if iv.HasP99 {
			w.P99 = &iv.P99
		}
		if iv.Ledger.Scheduled > 0 && iv.Ledger.Lost() == 0 {
			w.Max = &iv.Max
		}
		out = append(out, w)
	}
	return out
}

// generatorHealth is that of a generator over its windows of an epoch; a ceiling has
// several, of which the last one says what was in flight and how large the process was.
func generatorHealth(all []*worker.Measured) (g result.Generator) {
	for _, m := range all {
		g.Gomaxprocs, g.RSSBytes, g.InFlight = m.GOMAXPROCS, m.RSS, m.InFlight
		g.BusySum += float64(m.Busy)
		g.ReleaseP50, g.ReleaseP99 = max(g.ReleaseP50, m.ReleaseP50), max(g.ReleaseP99, m.ReleaseP99)
	}
	return g
}

func tool() result.Tool {
	b := probe.Tool()
	t := result.Tool{Version: b.Version, Revision: b.Revision, Go: b.Go, GRPCGo: b.GRPCGo}
	if b.Dirty {
		t.Revision += "+dirty"
	}
	return t
}

func (r *run) machineFacts(e *epoch) result.Machine {
	f := r.machine.Fingerprint()
	m := result.Machine{OS: f.OS, Arch: f.Arch, Kernel: f.Kernel, CPU: f.CPU, CPUs: f.CPUs, GOMAXPROCS: f.GOMAXPROCS,
		MemBytes: f.MemBytes, CgroupCPUs: f.CgroupCPUs, Virtual: f.Virtual, Environment: probe.Environment()}
	if e.machine != nil {
		m.Epochs = append(m.Epochs, machineEpoch(*e.machine))
	}
	return m
}

func machineEpoch(i probe.Interval) result.MachineEpoch {
	e := result.MachineEpoch{
		CompetingShare: i.CompetingShare, StealShare: i.StealShare, HiccupP99NS: nanoseconds(i.HiccupP99),
		HiccupMaxNS: nanoseconds(i.HiccupMax), ThrottledNS: nanoseconds(i.Throttled),
		ClockStepNS: int64(i.ClockStep), MemAvailableMin: i.MemAvailable, OtherRuns: i.OtherRuns,
	}
	if i.OursShare != nil {
		e.OursShare = *i.OursShare
	}
	return e
}

func nanoseconds(d *time.Duration) *int64 {
	if d == nil {
		return nil
	}
	return new(int64(*d))
}
