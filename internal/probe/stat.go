package probe

import (
	"bytes"
	"strconv"
	"time"
)

// tick is the unit of /proc/stat: USER_HZ is 100 on every architecture that Go
// has on Linux (proc_stat(5)).
const tick = 10 * time.Millisecond

// cpuTimes is how CPUs of the machine together have spent their time since it
// started, in whole ticks. The rest of the time they were busy. The kernel also
// counts that, by looking at each tick what runs; idle it measures from clock to
// clock (Linux, kernel/time/tick-sched.c), so that many short bursts of work, which
// the ticks miss (15 % seen of 20 %), are missing from idle all the same.
type cpuTimes struct {
	idle  time.Duration // nothing to run, or waiting for a disk
	steal time.Duration // ready to run, while the hypervisor ran another machine
	cpus  int           // online
}

// parseStat reads of /proc/stat (proc_stat(5)) the CPUs that usable holds; nil: all. A
// line for each of them holds user, nice, system, idle, iowait, irq, softirq, steal and
// more. ok is false if one is cut short or there is none.
func parseStat(b []byte, usable map[int]bool) (t cpuTimes, ok bool) {
	const idle, iowait, steal = 4, 5, 8 // the name of the line is field 0
	for line := range bytes.Lines(b) {
		fields := bytes.Fields(line)
		if len(fields) == 0 {
			continue
		}
		name, isCPU := bytes.CutPrefix(fields[0], []byte("cpu"))
		number, err := strconv.Atoi(string(name))
		if !isCPU || err != nil || usable != nil && !usable[number] { // the first line is of all together
			continue
		}
		if len(fields) <= steal {
			return cpuTimes{}, false
		}
		i, ok1 := parseTicks(fields[idle])
		w, ok2 := parseTicks(fields[iowait])
		s, ok3 := parseTicks(fields[steal])
		if !ok1 || !ok2 || !ok3 {
			return cpuTimes{}, false
		}
		t.idle, t.steal, t.cpus = t.idle+i+w, t.steal+s, t.cpus+1
		if t.idle < 0 || t.steal < 0 { // more than 292 years
			return cpuTimes{}, false
		}
	}
	return t, t.cpus > 0
}

func parseTicks(field []byte) (d time.Duration, ok bool) {
	n, err := strconv.ParseUint(string(field), 10, 38) // so that two of them fit a Duration
	return time.Duration(n) * tick, err == nil
}
