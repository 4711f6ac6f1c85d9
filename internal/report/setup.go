package report

import (
	"fmt"
	"strconv"
	"strings"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// shape says how large the run was: arms, epochs, load, seed.
func shape(r result.Result) []string {
	arms, aa := 0, ""
	for _, a := range r.Arms {
		if a.AA {
			aa = " + A/A"
		} else {
			arms++
		}
	}
	p := r.Plan
	seed := "seed " + strconv.FormatUint(p.Seed, 10)
	if opened(r) {
		return append(append([]string{plural(arms, "arm") + aa}, pace(r)...), seed)
	}
	items := []string{plural(arms, "arm") + aa, measuredEpochs(r) + " × " + span(p.Window)}
	if ceilings(r) {
		return append(append(items, ceilingShape(p)...), "seed "+strconv.FormatUint(p.Seed, 10))
	}
	if p.Load.Loop == plan.Closed {
		items = append(items, fmt.Sprintf("closed loop, %d callers", p.Load.Concurrency))
	} else {
		arrival := plan.Poisson
		if p.Load.Arrival == plan.Uniform {
			arrival = plan.Uniform
		}
		items = append(items, rate(p.Load.Rate)+" RPC/s "+arrival)
	}
	return append(items, seed)
}

// measuredEpochs says how many epochs there were, beside the range that they could be of.
func measuredEpochs(r result.Result) string {
	if e := r.Plan.Epochs; e.Min != e.Max {
		return fmt.Sprintf("%d of %s", wholeEpochs(r), epochs(e))
	}
	return epochs(r.Plan.Epochs)
}

// target is the server that was measured if it was not the run's own: not safe
// to print.
func target(r result.Result) string {
	if r.Plan.Target == nil {
		return ""
	}
	return r.Plan.Target.Address
}

// machine says where it ran and what else ran there; not safe to print.
func machine(r result.Result) []string {
	m := r.Machine
	items := []string{strings.TrimSpace(m.OS + "/" + m.Arch + " " + m.Kernel)}
	cpu := plural(m.CPUs, "CPU")
	if m.CPU != "" {
		cpu += " " + m.CPU
	}
	if m.Virtual {
		cpu += ", virtual"
	}
	items = append(items, cpu, r.Tool.Go, "grpc-go "+r.Tool.GRPCGo, strings.TrimSpace("grpc-bench "+r.Tool.Version+" "+r.Tool.Revision))
	if v, ok := mean(m.Epochs, oursShare); ok {
		items = append(items, "CPU used by the run "+share(v))
	}
	if v, ok := mean(m.Epochs, func(e result.MachineEpoch) *float64 { return e.CompetingShare }); ok {
		items = append(items, "by others "+share(v))
	}
	if text := m.OtherRuns(); text != "" {
		items = append(items, text)
	}
	if v, ok := mean(m.Epochs, func(e result.MachineEpoch) *float64 { return e.StealShare }); ok {
		items = append(items, "stolen "+share(v))
	}
	return items
}

// oursShare is nil where the stored 0 says that it is not known.
func oursShare(e result.MachineEpoch) *float64 {
	if e.OursShare == 0 {
		return nil
	}
	return &e.OursShare
}

// mean averages a share over the epochs that have it; ok is false if none has.
func mean(es []result.MachineEpoch, get func(result.MachineEpoch) *float64) (v float64, ok bool) {
	n := 0
	for _, e := range es {
		if s := get(e); s != nil {
			v += *s
			n++
		}
	}
	return v / float64(max(n, 1)), n > 0
}
