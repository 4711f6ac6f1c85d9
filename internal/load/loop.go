package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Call makes one RPC on connection conn and returns how it ended. seq
// numbers the RPCs of a run from 0. It must return soon after
// ctx ends. It is called from many goroutines at once.
type Call func(ctx context.Context, conn int, seq int64) End

// A Clock tells time as an offset from the common start and waits.
type Clock interface {
	// Now is the time since the common start; negative before it.
	Now() time.Duration
	// Until returns at t, or a little later, or much earlier when t is far away:
	// callers loop. It is called from one goroutine.
	Until(t time.Duration)
}

// Edges are read by the loop, from the goroutine that paces it, at the two ends
// of the window.
type Edges struct {
	// Open and Close are called at the beginning and the end of the window.
	Open, Close func()
	// Quiet, when not nil, is called early in the window at a moment with nothing in
	// flight, and again at the next if it did not like that one; started is the
	// number of RPCs started before, and every one of them has ended.
	Quiet func(started int64) (taken bool)
	// Second, when not nil, is given each second of a long window when it is over and
	// all of it has ended, in order; the Outcome's Intervals are those that follow.
	// Whoever takes them keeps the loop's memory flat.
	Second func(Interval) error
}

// Flow is the loop's own book of calls in flight, kept apart from the Book so
// that Little's law (mean number in flight = rate × mean time) can hold the two
// together.
type Flow struct {
	inFlight atomic.Int64
	started  atomic.Int64
	busy     atomic.Int64 // Σ (done − sent) over ok calls of the window, ns
	pacedTo  atomic.Int64 // every arrival of an open loop due before it is booked, ns
}

func (f *Flow) paced() time.Duration { return time.Duration(f.pacedTo.Load()) }

// InFlight is the number of calls that were started and have not ended.
func (f *Flow) InFlight() int64 { return f.inFlight.Load() }

// Started is the number of calls started so far.
func (f *Flow) Started() int64 { return f.started.Load() }

func (f *Flow) standing() Standing {
	// In this order a call that ends in between counts as in flight.
	inFlight := f.InFlight()
	return Standing{Started: f.Started(), InFlight: inFlight}
}

// Busy is Σ (done − sent) over the ok calls whose intended start lies in the
// window.
func (f *Flow) Busy() time.Duration { return time.Duration(f.busy.Load()) }

// run is what the two loops share: the account of what an engine tells.
type run struct {
	clock  Clock
	phases Phases
	book   *Book
	flow   *Flow
	// next is the closed loop's answer to Turns.Next; nil: there is none.
	next      func(after Op, now time.Duration) (Op, bool)
	cancelled atomic.Bool // what fails from now on was abandoned

	late sync.Mutex // what ends after cancel ends one by one
	over bool       // the book is closed; under late

	ends [2]Standing // at the window's two ends
}

func newRun(c Clock, p Phases, e Engine) *run {
	r := &run{clock: c, phases: p, book: NewBook(p), flow: &Flow{}}
	e.Bind(r)
	return r
}

// Standing is where a loop stood at one moment.
type Standing struct {
	Started  int64 // RPCs started before it
	InFlight int64 // of them, those that had not ended
}

// Ended is how many RPCs had ended.
func (s Standing) Ended() int64 { return s.Started - s.InFlight }

// watched is e with where the loop stands noted at both ends; Open and Close are
// never nil.
func (r *run) watched(e Edges) Edges {
	note := func(i int, then func()) func() {
		return func() {
			r.ends[i] = r.flow.standing()
			if then != nil {
				then()
			}
		}
	}
	return Edges{Open: note(0, e.Open), Close: note(1, e.Close), Quiet: e.Quiet, Second: e.Second}
}

// schedule books an arrival that is to be started.
func (r *run) schedule(seq int64, intended time.Duration) {
	r.book.Scheduled(seq, intended)
	r.flow.inFlight.Add(1)
	r.flow.started.Add(1)
}

// Now implements Turns.
func (r *run) Now() time.Duration { return r.clock.Now() }

// Sent implements Turns.
func (r *run) Sent(op Op) { r.book.Started(op.Seq, op.Intended, op.Sent) }

// Ended implements Turns.
func (r *run) Ended(op Op, end End, now time.Duration) {
	cancelled := r.cancelled.Load()
	if cancelled {
		r.late.Lock()
		defer r.late.Unlock()
		if r.over {
			return // it was given up
		}
	}
	if op.Waited {
		r.book.Waited(op.Seq, op.Intended)
	}
	if !end.Good() && cancelled {
		r.book.Abandoned(op.Seq, op.Intended)
	} else {
		r.book.Ended(op.Seq, Sample{Intended: op.Intended, Sent: op.Sent, Done: now, End: end})
	}
	if end.Good() && op.Intended >= r.phases.Warmup {
		r.flow.busy.Add(int64(now - op.Sent))
	}
	r.flow.inFlight.Add(-1)
}

// Next implements Turns.
func (r *run) Next(after Op, now time.Duration) (Op, bool) {
	if r.next == nil || r.cancelled.Load() {
		return Op{}, false
	}
	return r.next(after, now)
}

// cancel ends what is in flight.
func (r *run) cancel(e Engine) {
	r.cancelled.Store(true)
	e.Cancel()
}

// outcome closes the book after cancel. What is in flight then is given up; what comes
// of it later changes nothing.
func (r *run) outcome(stopped bool) (Outcome, error) {
	r.late.Lock()
	r.over = true
	r.late.Unlock()
	account, err := r.book.Close(r.flow.InFlight())
	if err != nil {
		return Outcome{}, err
	}
	clean := account.Warmup.Abandoned+account.Window.Abandoned == 0
	return Outcome{Account: account, Flow: r.flow, Ends: r.ends, Stopped: stopped, End: r.clock.Now(), Clean: clean}, nil
}

// graceAfterCancel is how long callers have to come back once their calls were
// cancelled. An honest transport needs microseconds.
const graceAfterCancel = time.Second

// drain waits until nothing is in flight, at most limit, and from when ctx has
// ended at most stopped; then it cancels and waits a moment more.
func drain(ctx context.Context, flow *Flow, limit, stopped time.Duration, cancel func()) {
	patient := within(limit)
	waitIdle(flow, func() bool { return patient() && ctx.Err() == nil })
	if ctx.Err() != nil {
		waitIdle(flow, within(min(limit, stopped)))
	}
	cancel()
	waitIdle(flow, within(graceAfterCancel))
}

// within says whether limit has not passed since it was called.
func within(limit time.Duration) func() bool {
	start := time.Now()
	return func() bool { return time.Since(start) < limit }
}

// waitIdle polls while patient: it runs after the window, and a millisecond is
// nothing there. Patience is asked of the clock, as a short sleep may last twice
// as long as asked.
func waitIdle(flow *Flow, patient func() bool) {
	for flow.InFlight() > 0 && patient() {
		time.Sleep(time.Millisecond)
	}
}
