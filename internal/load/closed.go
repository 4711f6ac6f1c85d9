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
	// AfterFailure, when not nil, is called by a caller whose RPC failed, before
	// it tries again: it keeps a dead connection from being asked as fast as a
	// processor can fail.
	AfterFailure func(ctx context.Context, conn int)
}

// Run calls until the window's end, or until ctx ends, and returns when all
// calls have ended or were given up.
func (l ClosedLoop) Run(ctx context.Context, call Call) (Outcome, error) {
	calls, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	r := &run{clock: l.Clock, phases: l.Phases, book: NewBook(l.Phases), call: call, flow: &Flow{}, calls: calls}
	stopFolding := foldEverySecond(r.book, l.Phases, l.Clock.Now, l.Edges.Second)
	starting, stop := context.WithCancel(ctx)
	defer stop()

	var edges sync.WaitGroup
	edges.Go(func() { l.edges(starting, r.watched(l.Edges)) })
	sleepUntil(starting, l.Clock, 0)
	var callers sync.WaitGroup
	for i := range l.Concurrency {
		callers.Go(func() { l.caller(starting, r, i) })
	}
	sleepUntil(starting, l.Clock, l.Phases.End())
	stopped := ctx.Err() != nil
	edges.Wait()
	stop()
	stuck := drain(ctx, r.flow, l.Drain, l.DrainStopped, cancel)
	if stuck == 0 {
		callers.Wait()
	}
	if err := stopFolding(); err != nil {
		return Outcome{}, err
	}
	account, err := r.book.Close(stuck)
	if err != nil {
		return Outcome{}, err
	}
	clean := account.Warmup.Abandoned+account.Window.Abandoned == 0
	return Outcome{Account: account, Flow: r.flow, Ends: r.ends, Stopped: stopped, End: l.Clock.Now(), Clean: clean}, nil
}

// caller makes RPC after RPC. Its sequence numbers interleave with the other
// callers', so that they are distinct.
func (l ClosedLoop) caller(ctx context.Context, r *run, i int) {
	conn := i % l.Connections
	for seq := int64(i); ctx.Err() == nil; seq += int64(l.Concurrency) {
		now := l.Clock.Now()
		if now >= l.Phases.End() {
			return
		}
		r.book.Scheduled(seq, now)
		r.flow.inFlight.Add(1)
		r.flow.started.Add(1)
		if code := r.one(conn, seq, now); code != OK && l.AfterFailure != nil {
			l.AfterFailure(ctx, conn)
		}
	}
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
	d := t - clock.Now()
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
