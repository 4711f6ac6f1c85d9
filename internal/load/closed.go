package load

import (
	"context"
	"sync"
	"time"
)

// ClosedLoop keeps Concurrency callers busy: each starts its next RPC when its
// last one has ended. A stalled server is sampled once a caller, so its
// latencies leave out the arrivals that a stall delays, and are service times.
type ClosedLoop struct {
	Concurrency         int
	Connections         int // caller i uses connection i mod Connections
	Clock               Clock
	Phases              Phases
	Drain, DrainStopped time.Duration
	Edges               Edges // Quiet is not used
}

// Run calls until the window's end, or until ctx ends, and returns when all
// calls have ended or were given up.
func (l ClosedLoop) Run(ctx context.Context, e Engine) (Outcome, error) {
	r := newRun(l.Clock, l.Phases, e)
	stopFolding := foldEverySecond(r.book, l.Phases, l.Clock.Now, l.Edges.Second)
	starting, stop := context.WithCancel(ctx)
	defer stop()
	r.next = func(after Op, now time.Duration) (Op, bool) { return l.next(starting, r, after, now) }

	var edges sync.WaitGroup
	edges.Go(func() { l.edges(starting, r.watched(l.Edges)) })
	if sleepUntil(starting, l.Clock, 0) {
		l.begin(r, e)
	}
	sleepUntil(starting, l.Clock, l.Phases.End())
	stopped := ctx.Err() != nil
	edges.Wait()
	stop()
	drain(ctx, r.flow, l.Drain, l.DrainStopped, func() { r.cancel(e) })
	if err := stopFolding(); err != nil {
		return Outcome{}, err
	}
	return r.outcome(stopped)
}

// begin starts every caller's first RPC.
func (l ClosedLoop) begin(r *run, e Engine) {
	for i := range l.Concurrency {
		now := l.Clock.Now()
		r.schedule(int64(i), now)
		e.Start(Op{Seq: int64(i), Conn: i % l.Connections, Intended: now})
	}
	e.Flush()
}

// next is the RPC that a caller makes after another. Sequence numbers interleave
// with the other callers', so that they are distinct.
//
// It counts the RPC in flight before it asks whether to make it, so that nothing is
// begun behind the back of a drain that found nothing in flight.
func (l ClosedLoop) next(starting context.Context, r *run, after Op, now time.Duration) (Op, bool) {
	r.flow.inFlight.Add(1)
	if now >= l.Phases.End() || starting.Err() != nil {
		r.flow.inFlight.Add(-1)
		return Op{}, false
	}
	op := Op{Seq: after.Seq + int64(l.Concurrency), Conn: after.Conn, Intended: now}
	r.book.Scheduled(op.Seq, now)
	r.flow.started.Add(1)
	return op, true
}

func (l ClosedLoop) edges(ctx context.Context, e Edges) {
	if sleepUntil(ctx, l.Clock, l.Phases.Warmup) {
		e.Open()
	}
	if sleepUntil(ctx, l.Clock, l.Phases.End()) {
		e.Close()
	}
}

// sleepUntil returns true at t, or false as soon as ctx has ended.
func sleepUntil(ctx context.Context, clock Clock, t time.Duration) bool {
	return Sleep(ctx, t-clock.Now())
}

// Sleep returns true after d, or false as soon as ctx has ended.
func Sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
