package probe

import "golang.org/x/sys/unix"

// Monotonic is the time in nanoseconds since an arbitrary instant that all
// processes of the machine share (CLOCK_MONOTONIC): a time agreed on by several
// processes is a reading of it. It never steps, and stands still while the machine
// is suspended. A reading is a system call; inside one process time.Since is
// cheaper. Where the kernel is not Linux it is the wall clock, which can step.
func Monotonic() int64 {
	ns, _ := clock(unix.CLOCK_MONOTONIC) // Linux always has it
	return ns
}

// ProcessCPU is the CPU time this process has used in all its threads, user and
// system together, in nanoseconds (CLOCK_PROCESS_CPUTIME_ID).
func ProcessCPU() (ns int64, ok bool) { return clock(unix.CLOCK_PROCESS_CPUTIME_ID) }

// ThreadCPU is the CPU time the calling thread has used, in nanoseconds
// (CLOCK_THREAD_CPUTIME_ID). The caller must have locked its goroutine to the
// thread, or two readings may be of different threads.
func ThreadCPU() (ns int64, ok bool) { return clock(unix.CLOCK_THREAD_CPUTIME_ID) }

// CPUOf is the CPU time the process pid has used, user and system together, in
// nanoseconds. It is exact where /proc/PID/stat counts ticks of 10 ms. ok is false
// if there is no such process; one that has ended is read until it is waited for.
//
// The clock's number is the one clock_getcpuclockid(3) returns: the complement of
// the process id shifted by three bits, and 2 (CPUCLOCK_SCHED) for the scheduler's
// own account (Linux, include/linux/posix-timers_types.h).
func CPUOf(pid int) (ns int64, ok bool) {
	const sched, maxPID = 2, 1 << 22 // PID_MAX_LIMIT: more would reach the bits of other clocks
	if pid <= 0 || pid >= maxPID {
		return 0, false
	}
	return clock(^int32(pid)<<3 | sched)
}

// clock reads the clock of clock_gettime(2) with the number id, in nanoseconds.
func clock(id int32) (ns int64, ok bool) {
	var ts unix.Timespec
	err := unix.ClockGettime(id, &ts)
	return ts.Nano(), err == nil
}
