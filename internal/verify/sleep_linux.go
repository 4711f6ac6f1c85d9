package verify

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// sleep is the kernel's, without the slack of 50 µs that it gives a thread: Go's
// timers are late by up to a millisecond.
func sleep(d time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // refused: somewhat late
	ts := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&ts, nil) // a signal shortens one of many
}

// spend keeps the thread busy until it has used d of CPU time by its own clock.
func spend(d time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for end := threadCPU() + int64(d); threadCPU() < end; {
	}
}

func threadCPU() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 1 << 62 // no clock: nothing is spent, and the proof fails
	}
	return ts.Nano()
}
