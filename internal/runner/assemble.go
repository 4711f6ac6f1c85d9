package runner

import (
	"fmt"
	"strings"
	"time"

	"grpcbench/internal/probe"
	"grpcbench/internal/result"
	"grpcbench/internal/worker"
)

// result puts together what the epochs measured. Comparisons and checks are
// made of it by others.
func (r *run) result(failure error, interrupted string) (*result.Result, error) {
	out := &result.Result{
		Schema: result.Schema, ID: r.options.ID, Name: r.plan.Name, Created: r.created.UTC(),
		Interrupted: interrupted, Tool: tool(), Machine: r.machineFacts(), Plan: r.plan, Groups: r.plan.Groups,
	}
	if failure != nil {
		out.Failure = failure.Error()
	}
	counts := r.attribute()
	for i := range r.plan.Arms {
		arm, err := r.assembleArm(i)
		if err != nil {
			return nil, fmt.Errorf("arm %s: %w", r.plan.Arms[i].Name, err)
		}
		arm.Observed.ServerCount = counts[i]
		out.Arms = append(out.Arms, arm)
		out.Warnings = append(out.Warnings, r.printed(i)...)
	}
	return out, nil
}

// printed is a warning if the server binary of arm i printed lines before its address:
// another line may have been meant.
func (r *run) printed(i int) []result.Warning {
	for _, e := range r.epochs {
		if a := e.arms[i]; len(a.printed) > 0 {
			return []result.Warning{{Code: "server_printed", Arm: a.arm.Name,
				Text: fmt.Sprintf("the server binary printed %s before %s, which was taken for its address", strings.Join(a.printed, ", "), a.address)}}
		}
	}
	return nil
}

func (r *run) assembleArm(i int) (result.Arm, error) {
	if r.handshakes() {
		return r.assembleHandshakes(i)
	}
	of := r.plan.Arms[i]
	arm := result.Arm{Name: of.Name, AA: of.AA, Settings: of.Settings}
	all, seen := newTally(r.plan), newWitness()
	for _, e := range r.epochs {
		a := e.arms[i]
		one := newTally(r.plan)
		for _, t := range []*tally{all, one} {
			if err := t.add(a); err != nil {
				return arm, err
			}
		}
		figures, err := one.figures(false)
		if err != nil {
			return arm, err
		}
		measured := result.Epoch{
			Index: e.index, Start: e.start, Interrupted: e.interrupted || a.stopped(), Figures: figures,
			Handshake: handshakes(a.connected), Churn: one.churn.result(), Generator: generatorHealth(a.windows()),
		}
		if measured.Blocks, err = r.resultBlocks(a, e.first()); err != nil {
			return arm, err
		}
		arm.Epochs = append(arm.Epochs, measured)
		for i, m := range a.windows() {
			arm.Windows = append(arm.Windows, windows(e.index, m, a.offset(i, e.first()))...)
		}
		seen.add(a)
	}
	var err error
	if r.plan.Ceiling != nil {
		if arm.Levels, err = r.levels(i); err != nil {
			return arm, err
		}
	}
	arm.Figures, err = all.figures(true)
	arm.Handshake, arm.Churn = handshakes(all.connections), all.churn.result()
	arm.Observed = seen.observed()
	return arm, err
}

func windows(epoch int, m *worker.Measured, offset int64) []result.Window {
	var out []result.Window
	for _, iv := range m.Seconds() {
		w := result.Window{Epoch: epoch, Start: offset + int64(iv.Start), Scheduled: iv.Ledger.Scheduled, OK: iv.Ledger.OK,
			LatencyHDR: iv.Latency.HDR.Text(), ServiceHDR: iv.Service.HDR.Text(), LagHDR: iv.Lag.HDR.Text()}
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
func generatorHealth(all []*worker.Measured) result.Generator {
	if len(all) == 0 {
		return result.Generator{}
	}
	g := windowHealth(all[len(all)-1])
	if len(all) == 1 {
		return g
	}
	g.CPUShare, g.GCCPUShare, g.BusySum, g.MeanInFlight, g.ReleaseP50, g.ReleaseP99 = 0, nil, 0, 0, 0, 0
	for _, m := range all {
		one, n := windowHealth(m), float64(len(all))
		g.CPUShare += one.CPUShare / n
		g.MeanInFlight += one.MeanInFlight / n
		g.BusySum += one.BusySum
		g.ReleaseP50, g.ReleaseP99 = max(g.ReleaseP50, one.ReleaseP50), max(g.ReleaseP99, one.ReleaseP99)
	}
	return g
}

func windowHealth(m *worker.Measured) result.Generator {
	g := result.Generator{Gomaxprocs: m.GOMAXPROCS, RSSBytes: m.RSS, ReleaseP50: m.ReleaseP50, ReleaseP99: m.ReleaseP99,
		MeanInFlight: float64(m.Busy) / float64(m.Window), InFlight: m.InFlight, BusySum: float64(m.Busy)}
	if m.CPU != nil && m.Elapsed > 0 {
		// Readings of two clocks are not of one instant.
		g.CPUShare = min(1, float64(*m.CPU)/(float64(m.Elapsed)*m.Capacity))
		if *m.CPU > 0 {
			g.GCCPUShare = new(min(1, float64(m.GCCPU)/float64(*m.CPU)))
		}
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

func (r *run) machineFacts() result.Machine {
	f := r.machine.Fingerprint()
	m := result.Machine{OS: f.OS, Arch: f.Arch, Kernel: f.Kernel, CPU: f.CPU, CPUs: f.CPUs, GOMAXPROCS: f.GOMAXPROCS,
		MemBytes: f.MemBytes, CgroupCPUs: f.CgroupCPUs, Virtual: f.Virtual, Environment: probe.Environment()}
	for _, e := range r.epochs {
		if e.machine != nil {
			m.Epochs = append(m.Epochs, machineEpoch(*e.machine))
		}
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
