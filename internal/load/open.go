package load

import (
	"context"
	"time"

	"grpcbench/internal/hist"
)

// OpenLoop starts RPCs when the schedule says so, whether or not earlier ones
// have ended (Schroeder, Wierman, Harchol-Balter, NSDI 2006). Every field but
// Edges is required.
type OpenLoop struct {
	Schedule    Schedule
	Clock       Clock
	Phases      Phases
	Connections int // conn of arrival i is i mod Connections
	MaxInFlight int // arrivals beyond it are booked as not started; never queued, never dropped unseen
	// Drain is how long calls in flight are waited for after the last arrival, and
	// DrainStopped how long at most once ctx has ended, before that or meanwhile.
	Drain, DrainStopped time.Duration
	Edges               Edges
}

// Outcome is what a loop did.
type Outcome struct {
	*Account
	Flow     *Flow
	Released *hist.Histogram // release − intended of each arrival of the window: the pacer's own lateness, ns; nil for a closed loop
	Ends     [2]Standing     // at the window's two ends; what is in flight at the second was not done in the window
	Stopped  bool            // ctx ended before the last arrival
	End      time.Duration   // when nothing was left in flight
	Clean    bool            // nothing had to be abandoned
}

// Run releases every arrival of the schedule at its intended start and returns
// when all calls have ended or were given up. When ctx ends it stops starting.
//
// The calling goroutine paces; with a Pacer it should be one that ends after Run.
func (l OpenLoop) Run(ctx context.Context, e Engine) (Outcome, error) {
	r := newRun(l.Clock, l.Phases, e)
	stopFolding := foldEverySecond(r.book, l.Phases, r.flow.paced, l.Edges.Second)

	released := hist.New()
	stopped := l.pace(ctx, r, e, released)
	drain(ctx, r.flow, l.Drain, l.DrainStopped, func() { r.cancel(e) })
	if err := stopFolding(); err != nil {
		return Outcome{}, err
	}
	o, err := r.outcome(stopped)
	o.Released = released
	return o, err
}

// atOnce is how many arrivals that are due are gathered at most before they are sent:
// a loop that is behind must send too.
const atOnce = 64

// pace releases the arrivals one by one; it reports whether ctx ended first.
func (l OpenLoop) pace(ctx context.Context, r *run, e Engine, released *hist.Histogram) (stopped bool) {
	defer e.Flush() // what was started last, however pacing ended
	edges := r.watched(l.Edges)
	seq := int64(0)
	for intended := range l.Schedule.Arrivals() {
		if intended >= l.Phases.Warmup && edges.Open != nil {
			l.wait(ctx, r, e, l.Phases.Warmup)
			edges.Open()
			edges.Open = nil
		}
		if !l.wait(ctx, r, e, intended) {
			return true
		}
		if intended >= l.Phases.Warmup {
			if edges.Quiet != nil && edges.Open == nil && r.flow.InFlight() == 0 && edges.Quiet(r.flow.Started()) {
				edges.Quiet = nil
			}
			released.Record(int64(l.Clock.Now() - intended))
		}
		l.release(r, e, seq, intended)
		if seq++; seq%atOnce == 0 {
			e.Flush()
		}
	}
	if edges.Open != nil {
		l.wait(ctx, r, e, l.Phases.Warmup)
		edges.Open()
	}
	if !l.wait(ctx, r, e, l.Phases.End()) {
		return true
	}
	edges.Close()
	return false
}

// patience bounds one wait, so that an interrupt is noticed soon at any rate.
const patience = 50 * time.Millisecond

// wait returns true at t, or false as soon as ctx has ended. No arrival due before
// t is left to release.
func (l OpenLoop) wait(ctx context.Context, r *run, e Engine, t time.Duration) bool {
	for {
		if ctx.Err() != nil {
			return false
		}
		now := l.Clock.Now()
		if now >= t {
			r.flow.pacedTo.Store(int64(t))
			return true
		}
		r.flow.pacedTo.Store(int64(now))
		e.Flush() // all that was due, in one go
		l.Clock.Until(min(t, now+patience))
	}
}

// release starts one arrival, or books that the cap forbids it.
func (l OpenLoop) release(r *run, e Engine, seq int64, intended time.Duration) {
	if r.flow.InFlight() >= int64(l.MaxInFlight) {
		r.book.Scheduled(seq, intended)
		r.book.NotStarted(seq, intended, MaxInFlight)
		return
	}
	r.schedule(seq, intended)
	e.Start(Op{Seq: seq, Conn: int(seq) % l.Connections, Intended: intended})
}

// foldEverySecond keeps the book small while a long window runs. The returned
// function ends it and gives its error.
//
// reached is how far the loop has come: whatever it books later is not due before.
// It is not the time, since a loop that was held up has yet to book what it missed.
func foldEverySecond(b *Book, p Phases, reached func() time.Duration, second func(Interval) error) (stop func() error) {
	if p.Window <= openIntervals*intervalLength {
		return func() error { return nil }
	}
	quit, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(intervalLength)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				failed <- nil
				return
			case <-tick.C:
				if err := b.Fold(reached(), second); err != nil {
					failed <- err
					return
				}
			}
		}
	}()
	return func() error { close(quit); return <-failed }
}
