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

// targetProcesses are those of a server that is not bundled: the ones that were named, or
// that a server binary had started when it listened, and their descendants.
func (a *armEpoch) targetProcesses() []int {
	if len(a.pids) == 0 {
		return nil
	}
	return probe.Descendants(a.pids, a.own())
}

// own are the processes of the run, which are not the server's even if they descend from
// it, and those between: a server may have started what measures it.
func (a *armEpoch) own() []int {
	pids := slices.DeleteFunc(probe.Ancestors(os.Getpid()), func(pid int) bool { return slices.Contains(a.pids, pid) })
	if a.gen != nil {
		pids = append(pids, a.gen.pid())
	}
	return pids
}

// usage is the CPU time of a's server. That of processes that were named is not known once
// one of them has ended, whichever has its number then.
func (a *armEpoch) usage(before probe.Usage) (u probe.Usage, ok bool) {
	switch {
	case len(a.pids) == 0:
		return u, false
	case a.bundled():
		u.NS, ok = probe.CPUOf(a.host.pid())
		return u, ok
	case a.host != nil:
		return probe.UsageOf(nil, a.pids, nil, before)
	}
	u, ok = probe.UsageOf(a.pids, nil, a.own(), before)
	return u, ok && !slices.ContainsFunc(a.named, func(p probe.Process) bool { return !p.Runs() })
}

// spent is the CPU time that a's server has used since a usage, if that and this one are
// known.
func (a *armEpoch) spent(before probe.Usage, known bool) *int64 {
	after, still := a.usage(before)
	ns, whole := after.Since(before)
	if !known || !still || !whole {
		return nil
	}
	return positive(ns)
}

// positive is the CPU time of a server that has answered: one that has used none at all is
// not the process whose clock was read.
func positive(ns int64) *int64 {
	if ns <= 0 {
		return nil
	}
	return &ns
}

// markTarget reads the clocks of a local server that was not started by the run.
// One arm has it for itself; the CPU of several cannot be told apart.
func (r *run) markTarget(ctx context.Context, a *armEpoch, at []int64) (read [2]*worker.Reading) {
	if len(a.pids) == 0 || len(r.plan.Arms) > 1 {
		return read
	}
	var before, after probe.Usage
	for i, u := range []*probe.Usage{&before, &after} {
		if !sleepUntil(ctx, at[i]) {
			return read
		}
		var ok bool
		if *u, ok = a.usage(before); !ok {
			return read
		}
	}
	ns, whole := after.Since(before)
	if !whole {
		return read
	}
	return [2]*worker.Reading{{CPU: new(int64(0))}, {CPU: &ns}}
}

// checkHolders refuses --server-pid if others hold connections of a: their CPU would be
// taken for the server's, or a proxy before it would be left out; and likewise a server
// binary that is not what answers. Where the holders cannot be seen it notes that.
func (a *armEpoch) checkHolders(links ...worker.Link) error {
	if a.bundled() || len(a.pids) == 0 {
		return nil
	}
	var ends []probe.Ends
	for _, l := range links {
		ends = append(ends, probe.Ends{Local: l.Local, Remote: l.Remote})
	}
	h := newHolding(probe.Holders(ends), a.serverProcesses())
	if a.host != nil {
		return a.strangers(h)
	}
	a.holders = &h.seen
	above := probe.Ancestors(os.Getpid())
	for _, pid := range a.pids {
		if slices.Contains(above, pid) && !slices.Contains(h.all, pid) {
			return h.counted(pid)
		}
	}
	if len(h.others) == 0 {
		return nil
	}
	them := "it"
	if len(h.others) > 1 {
		them = "them, or the process they descend from,"
	}
	return fmt.Errorf("--server-pid %s: %s the connections: name %s too, or instead", pidList(a.pids), processList(h.others)+" "+verb(h.others), them)
}

// strangers refuses a server binary whose connections are held by a process that is no
// descendant of it: one that has put itself in the background can neither be measured nor
// ended, and another server is not the one that was given.
func (a *armEpoch) strangers(h holding) error {
	if len(h.others) == 0 {
		return nil
	}
	return fmt.Errorf("--server-binary: %s the connections, and does not descend from the command: give a server that stays in the foreground, and end that one",
		processList(h.others)+" "+verb(h.others))
}

// holding is who holds connections.
type holding struct {
	seen        bool  // of each it is known
	all, others []int // sorted; others have connections that no process named has
}

// newHolding is that of the holders of each connection, and the processes named.
func newHolding(holders [][]int, named []int) holding {
	h := holding{seen: true}
	for _, pids := range holders {
		h.seen = h.seen && len(pids) > 0
		h.all = append(h.all, pids...)
		if !slices.ContainsFunc(pids, func(pid int) bool { return slices.Contains(named, pid) }) {
			h.others = append(h.others, pids...)
		}
	}
	for _, pids := range []*[]int{&h.all, &h.others} {
		slices.Sort(*pids)
		*pids = slices.Compact(*pids)
	}
	return h
}

// counted refuses pid, from which the run descends or which it is, and which is not itself
// the server: whatever else descends from it would be counted as the server's.
func (h holding) counted(pid int) error {
	why, instead := "this run descends from it, and so may much that is not the server", "the server's own process"
	if pid == os.Getpid() {
		why = "is this run itself"
	}
	if len(h.all) > 0 {
		instead = fmt.Sprintf("%s, which %s the connections", processList(h.all), verb(h.all))
	}
	return fmt.Errorf("--server-pid %d: %s: name %s", pid, why, instead)
}

// mostNamed is how many processes are named; the others are counted.
const mostNamed = 5

// processList names processes by their numbers and their programs.
func processList(pids []int) string {
	var names []string
	for _, pid := range pids[:min(len(pids), mostNamed)] {
		names = append(names, fmt.Sprintf("%d (%s)", pid, mask.New().Clean(probe.ProgramOf(pid))))
	}
	text := strings.Join(names, ", ")
	if more := len(pids) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	if len(pids) == 1 {
		return "process " + text
	}
	return "processes " + text
}

func verb(pids []int) string {
	if len(pids) == 1 {
		return "holds"
	}
	return "hold"
}

func pidList(pids []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(pids), " ", ", "), "[]")
}
