package probe

import (
	"bytes"
	"slices"
	"strconv"
	"time"
)

// processStat is what /proc/PID/stat says (proc_pid_stat(5)).
type processStat struct {
	parent  int
	ended   bool          // and its parent has not waited for it
	waited  time.Duration // CPU time of children that were waited for
	started uint64        // in ticks since the machine has
}

// statOf is that of a process; ok is false if there is none.
func (m Machine) statOf(pid int) (s processStat, ok bool) {
	b, ok := m.read("/proc/" + strconv.Itoa(pid) + "/stat")
	if !ok {
		return s, false
	}
	return parseProcessStat(b)
}

// parseProcessStat reads fields 3 (state), 4 (ppid), 16 and 17 (cutime and cstime), 20
// (num_threads) and 22 (starttime). The second one, the program's name in parentheses, may
// hold anything, parentheses and spaces too.
func parseProcessStat(b []byte) (s processStat, ok bool) {
	const first, state, ppid, cutime, cstime, threads, starttime = 3, 3, 4, 16, 17, 20, 22
	end := bytes.LastIndexByte(b, ')')
	if end < 0 {
		return s, false
	}
	fields := bytes.Fields(b[end+1:])
	if len(fields) <= starttime-first {
		return s, false
	}
	parent, err := strconv.Atoi(string(fields[ppid-first]))
	user, ok1 := parseTicks(fields[cutime-first])
	system, ok2 := parseTicks(fields[cstime-first])
	started, err2 := strconv.ParseUint(string(fields[starttime-first]), 10, 64)
	return processStat{
		parent: parent,
		// The main thread of a process may end before others, as a zombie.
		ended:   slices.Contains([]string{"Z", "X", "x"}, string(fields[state-first])) && !more(fields[threads-first]),
		waited:  user + system,
		started: started,
	}, err == nil && err2 == nil && ok1 && ok2
}

// Ancestors are a process and all that it descends from, the nearest first.
func Ancestors(pid int) []int { return Machine{}.ancestors(pid) }

func (m Machine) ancestors(pid int) (all []int) {
	for pid > 0 && !slices.Contains(all, pid) { // 0: none that is to be seen
		all = append(all, pid)
		s, _ := m.statOf(pid) // of no parent if it cannot be read
		pid = s.parent
	}
	return all
}

// more reports whether a number is greater than one.
func more(field []byte) bool {
	n, err := strconv.Atoi(string(field))
	return err == nil && n > 1
}
