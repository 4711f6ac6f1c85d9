// Package load decides when each RPC starts and accounts for every one of them:
// schedules, the open and the closed loop, and the book of what became of each
// arrival. It knows nothing of gRPC, of sockets or of the operating system but
// its clock.
//
// Inside a run, time is an offset (time.Duration) from the common start.
//
// A loop and its engine call each other. The loop has one goroutine; an engine calls
// back from whichever goroutine sent, read or gave up:
//
//	Schedule ─► OpenLoop.Run ──waits on the Clock──┐
//	                                               │ an arrival is due
//	                     Engine.Start(op) ◄────────┤ (or booked: not started)
//	                     Engine.Flush()   ◄────────┘ nothing else is due now
//	                          │
//	                          ├─► Turns.Sent(op)            right before the RPC goes out
//	                          ├─► Turns.Ended(op, end, now) once for each that was sent
//	                          └─► Turns.Next(op, now)       closed loop: the caller's next one,
//	                                                        made without a turn of the loop
//
// Sent and Ended book the RPC and count what is in flight; when the window and the drain are
// over, Engine.Cancel ends what is left, which is booked as abandoned.
package load

import (
	"iter"
	"math"
	"math/rand/v2"
	"time"
)

// A Schedule is a plan of arrivals.
//
// Arrivals yields the intended start of each arrival as an offset from the
// start, in order. It depends on the schedule's fields alone: ranging over it
// twice yields the same offsets, so a schedule is tested without a clock and a
// run can be repeated.
type Schedule interface {
	Arrivals() iter.Seq[time.Duration]
}

// Uniform spaces arrivals evenly: arrival i is due at Phase + i/Rate.
type Uniform struct {
	Rate     float64       // RPC/s; > 0
	Duration time.Duration // arrivals are due before it
	Phase    time.Duration // of the first arrival; keeps arms from arriving together
}

// Arrivals implements Schedule. Each offset is rounded once, so the rate does
// not drift with the number of arrivals.
func (u Uniform) Arrivals() iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		for i := 0; ; i++ {
			at := u.Phase + time.Duration(math.Round(float64(i)/u.Rate*1e9))
			if at >= u.Duration || !yield(at) {
				return
			}
		}
	}
}

// Poisson draws independent exponential gaps of mean 1/Rate. Several Poisson
// streams side by side are the same as one stream of the summed rate whose
// arrivals are dealt out at random, which is what lets arms run together.
type Poisson struct {
	Rate     float64       // RPC/s; > 0
	Duration time.Duration // arrivals are due before it
	Seed     uint64
}

// Arrivals implements Schedule. Gaps are summed in float64 nanoseconds and
// rounded only when yielded.
func (p Poisson) Arrivals() iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		r := rand.New(rand.NewPCG(p.Seed, 0x9e3779b97f4a7c15))
		for at := 0.0; ; {
			at += r.ExpFloat64() / p.Rate * 1e9
			if at >= float64(p.Duration) || !yield(time.Duration(at)) {
				return
			}
		}
	}
}
