package probe

import (
	"bytes"
	"strconv"
	"time"
)

// tick is the unit of /proc/stat: USER_HZ is 100 on every architecture that Go
// has on Linux (proc_stat(5)).
const tick = 10 * time.Millisecond

// cpuTimes is how all CPUs of the machine together have spent their time since it
// started, in whole ticks. The rest of the time they were busy. The kernel also
// counts that, by looking at each tick what runs; idle it measures from clock to
// clock (Linux, kernel/time/tick-sched.c), so that many short bursts of work, which
// the ticks miss (15 % seen of 20 %), are missing from idle all the same.
type cpuTimes struct {
	idle  time.Duration // nothing to run, or waiting for a disk
	steal time.Duration // ready to run, while the hypervisor ran another machine
	cpus  int           // online
}

// parseStat reads /proc/stat (proc_stat(5)). Its first line holds user, nice,
// system, idle, iowait, irq, softirq, steal and more, for all CPUs; lines for each
// of them follow. ok is false if that line is cut short or no CPU follows.
func parseStat(b []byte) (t cpuTimes, ok bool) {
	const idle, iowait, steal = 4, 5, 8 // the name of the line is field 0
	for line := range bytes.Lines(b) {
		fields := bytes.Fields(line)
		if len(fields) == 0 || !bytes.HasPrefix(fields[0], []byte("cpu")) {
			continue
		}
		if len(fields[0]) > len("cpu") {
			t.cpus++
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
		t.idle, t.steal, ok = i+w, s, true
	}
	return t, ok && t.cpus > 0
}

func parseTicks(field []byte) (d time.Duration, ok bool) {
	n, err := strconv.ParseUint(string(field), 10, 38) // so that two of them fit a Duration
	return time.Duration(n) * tick, err == nil
}
