package probe

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
)

// Descendants returns the processes roots and all that descend from them, but for except
// and what descends from those, sorted. A child whose parent has ended belongs to another
// one. It costs a system call or three for each process of the machine.
func Descendants(roots, except []int) []int {
	children := map[int][]int{}
	for _, pid := range processes() {
		if s, ok := (Machine{}).statOf(pid); ok {
			children[s.parent] = append(children[s.parent], pid)
		}
	}
	found := map[int]bool{}
	for left := slices.Clone(roots); len(left) > 0; left = left[1:] {
		if pid := left[0]; !found[pid] && !slices.Contains(except, pid) {
			found[pid] = true
			left = append(left, children[pid]...)
		}
	}
	all := make([]int, 0, len(found))
	for pid := range found {
		all = append(all, pid)
	}
	slices.Sort(all)
	return all
}

// CPUOfTree is the CPU time of the processes that [Descendants] returns, in nanoseconds, and
// of those that have ended and were waited for by one of them, in ticks of 10 ms. ok is false
// if a root has ended.
func CPUOfTree(roots, except []int) (ns int64, ok bool) {
	u, ok := UsageOf(roots, nil, except, Usage{})
	return u.NS, ok
}

// UsageOf is what CPUOfTree gives, with the account of each process, and with those of
// others that run, and their descendants. Those of an earlier usage count on, with their
// descendants, even if they have lost their parents since then.
func UsageOf(roots, others, except []int, before Usage) (u Usage, ok bool) {
	all := slices.Concat(roots, others)
	for p := range before.of {
		if p.Runs() {
			all = append(all, p.PID)
		}
	}
	u.of = map[Process]spent{}
	for _, pid := range Descendants(all, except) {
		own, alive := CPUOf(pid)
		s, there := Machine{}.statOf(pid)
		root := slices.Contains(roots, pid)
		if root && (!alive || !there || s.ended) {
			return Usage{}, false
		}
		if !alive || !there {
			continue // its parent has waited for it meanwhile, or will
		}
		u.of[Process{pid, s.started}] = spent{own, int64(s.waited)}
		u.NS += own + int64(s.waited)
	}
	return u, true
}

// processes are all of the machine that are to be seen.
func processes() (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// ProgramOf is the name of the program of a process, as the kernel has it: at most 15 bytes,
// which its owner may have chosen; "" if there is no such process.
func ProgramOf(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)) // unreadable is empty
	return string(bytes.TrimSpace(b))
}
