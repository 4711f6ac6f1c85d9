package load

import (
	"context"
	"iter"
	"sync"
	"time"
)

// Renewals is a plan of which connection is replaced when: one after the other, at
// even distances. Like a Schedule it depends on its fields alone.
type Renewals struct {
	Rate        float64       // connections a second, of all together; > 0
	Duration    time.Duration // they are due before it
	Phase       time.Duration // of the first; keeps arms from replacing theirs together
	Connections int           // > 0
	First       int           // connection that is replaced first
}

// Due yields the instants at which a connection is to be replaced, as offsets from
// the start, and which one.
func (r Renewals) Due() iter.Seq2[time.Duration, int] {
	return func(yield func(time.Duration, int) bool) {
		conn := r.First % r.Connections
		for at := range (Uniform{Rate: r.Rate, Duration: r.Duration, Phase: r.Phase}).Arrivals() {
			if !yield(at, conn) {
				return
			}
			conn = (conn + 1) % r.Connections
		}
	}
}

// Churn replaces connections beside a loop. No goroutine of the loop takes part, so
// that a handshake that hangs holds up neither arrivals nor callers.
type Churn struct {
	Renewals Renewals
	Clock    Clock
	// Renew replaces a connection and returns when that is done or has failed. It
	// must return soon after ctx ends. It is called in a goroutine of its own, for
	// one connection once at a time.
	Renew func(ctx context.Context, conn int, due time.Duration)
	// Missed is told of a replacement that is not begun because the connection's last
	// one is still being made.
	Missed func(conn int, due time.Duration)
}

// Run replaces connections as they are due and returns when the last replacement has
// been made. When ctx ends it begins no more.
func (c Churn) Run(ctx context.Context) {
	var making sync.WaitGroup
	defer making.Wait()
	busy := make([]chan struct{}, c.Renewals.Connections)
	for i := range busy {
		busy[i] = make(chan struct{}, 1)
	}
	for due, conn := range c.Renewals.Due() {
		if !sleepUntil(ctx, c.Clock, due) {
			return
		}
		select {
		case busy[conn] <- struct{}{}:
			making.Go(func() {
				defer func() { <-busy[conn] }()
				c.Renew(ctx, conn, due)
			})
		default:
			c.Missed(conn, due)
		}
	}
}
