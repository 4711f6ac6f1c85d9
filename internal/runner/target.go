package runner

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"grpcbench/internal/mask"
	"grpcbench/internal/probe"
	"grpcbench/internal/worker"
)

// targetProcesses are those of a server that was there already: the named ones and their
// descendants.
func (a *armEpoch) targetProcesses() []int {
	if len(a.pids) == 0 {
		return nil
	}
	return probe.Descendants(a.pids, a.own())
}

// own are the processes of the run, which are not the server's even if they descend from
// it: a shell that started both may have been named.
func (a *armEpoch) own() []int {
	var pids []int
	if self := os.Getpid(); !slices.Contains(a.pids, self) {
		pids = append(pids, self)
	}
	if a.gen != nil {
		pids = append(pids, a.gen.pid())
	}
	return pids
}

// targetCPU is the CPU time of a server that was there already.
func (a *armEpoch) targetCPU() (ns int64, ok bool) {
	if len(a.pids) == 0 {
		return 0, false
	}
	return probe.CPUOfTree(a.pids, a.own())
}

// spent is the CPU time that a's server has used from one reading to another. A server that
// was there already and has used none at all is not the one that was named.
func (a *armEpoch) spent(before, after int64) *int64 {
	if a.host == nil && after <= before {
		return nil
	}
	return new(after - before)
}

// markTarget reads the clocks of a local server that was not started by the run.
// One arm has it for itself; the CPU of several cannot be told apart.
func (r *run) markTarget(ctx context.Context, a *armEpoch, at []int64) (read [2]*worker.Reading) {
	if len(a.pids) == 0 || len(r.plan.Arms) > 1 {
		return read
	}
	var ns [2]int64
	for i, t := range at {
		if !sleepUntil(ctx, t) {
			return read
		}
		var ok bool
		if ns[i], ok = a.targetCPU(); !ok {
			return read
		}
	}
	if a.spent(ns[0], ns[1]) == nil {
		return read
	}
	return [2]*worker.Reading{{CPU: &ns[0]}, {CPU: &ns[1]}}
}

// checkHolders refuses --server-pid if others hold the connections of a: their CPU would be
// taken for the server's, or a proxy before it would be left out. Where the holders cannot
// be seen it notes that.
func (a *armEpoch) checkHolders() error {
	if a.host != nil || len(a.pids) == 0 {
		return nil
	}
	named := a.targetProcesses()
	seen := true
	others := map[int]bool{}
	for _, c := range a.connected {
		holders := probe.Holders(c.Link.Local, c.Link.Remote)
		seen = seen && len(holders) > 0
		if slices.ContainsFunc(holders, func(pid int) bool { return slices.Contains(named, pid) }) {
			continue
		}
		for _, pid := range holders {
			others[pid] = true
		}
	}
	a.holders = &seen
	if len(others) == 0 {
		return nil
	}
	var names []string
	for pid := range others {
		names = append(names, fmt.Sprintf("%d (%s)", pid, mask.New().Clean(probe.ProgramOf(pid))))
	}
	slices.Sort(names)
	return fmt.Errorf("--server-pid %s: process %s holds the connections: name it too, or instead", pidList(a.pids), strings.Join(names, ", "))
}

func pidList(pids []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(pids), " ", ", "), "[]")
}
