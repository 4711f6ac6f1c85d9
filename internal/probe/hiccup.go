package probe

import (
	"sync/atomic"
	"time"

	"grpcbench/internal/hist"
)

// hiccupEvery is the distance of the hiccup meter's wakes, in nanoseconds. A wake of
// an idle virtual CPU costs some 100 µs, half of them the kernel's, so that this
// distance costs 0.6 % of a core and 5 ms would cost 2.2 %.
const hiccupEvery = int64(20 * time.Millisecond)

// sleeper is a clock that one thread can sleep by, in nanoseconds.
type sleeper interface {
	now() int64
	sleepUntil(due int64) error // returns at once when due is past
}

// hiccups measures how late a thread wakes that has nothing to do but sleep: what
// the machine, not the program under test, adds to a latency (Tene, jHiccup).
type hiccups struct {
	stop atomic.Bool
	late chan *hist.Histogram // receives once, when the meter has ended; nil if it could not sleep
}

// startHiccups begins to measure; nil where threads cannot be made to sleep
// exactly. The caller must wait.
func startHiccups() *hiccups {
	h := &hiccups{late: make(chan *hist.Histogram, 1)}
	if !withSleeper(func(s sleeper) { h.late <- measureHiccups(s, h.stop.Load) }) {
		return nil
	}
	return h
}

// wait ends the meter and returns the wakes' lateness in nanoseconds; nil if its
// thread could not sleep.
func (h *hiccups) wait() *hist.Histogram {
	h.stop.Store(true)
	return <-h.late
}

// measureHiccups sleeps to instants hiccupEvery apart, once at least and until
// stop, and records how late each wake was. The instants are fixed at the start:
// after a stall those it covered follow at once, each late by its own distance from
// the stall's end, so that the quantiles are of time and not of wakes.
func measureHiccups(s sleeper, stop func() bool) *hist.Histogram {
	late := hist.New()
	for due := s.now() + hiccupEvery; ; due += hiccupEvery {
		if s.sleepUntil(due) != nil {
			return nil // a thread that does not sleep would run without end
		}
		late.Record(s.now() - due)
		if stop() {
			return late
		}
	}
}
