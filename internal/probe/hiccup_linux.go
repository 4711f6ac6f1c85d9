package probe

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// withSleeper runs f on a goroutine with a thread of its own; ok says whether the
// machine can do it. The thread sleeps in the kernel: time.Sleep of an idle Go
// process is late by up to a millisecond, which netpoll rounds up to.
func withSleeper(f func(sleeper)) (ok bool) {
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		// Subtle: the thread is given back and not ended, since a child started
		// from it with a parent death signal would die with it (prctl(2),
		// PR_SET_PDEATHSIG). So its timer slack must be given back too; 0 is the
		// thread's default. Errors only leave the 50 µs of slack in the lateness.
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
		defer func() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) }()
		f(monotonicSleeper{})
	}()
	return true
}

// monotonicSleeper sleeps by CLOCK_MONOTONIC.
type monotonicSleeper struct{}

func (monotonicSleeper) now() int64 { return Monotonic() }

func (monotonicSleeper) sleepUntil(due int64) error {
	ts := unix.NsecToTimespec(due)
	for {
		err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil)
		if err != unix.EINTR { // a signal of the Go runtime; due stays the same
			return err
		}
	}
}
