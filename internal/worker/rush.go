package worker

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"grpcbench/internal/channel"
	"grpcbench/internal/load"
)

// Rushed is a block in which connections were opened at full speed, each closed as soon
// as the server's SETTINGS had come.
type Rushed struct {
	Connections int64  `json:"connections"` // as asked for, and opened in the measured part
	CPU         *int64 `json:"cpu_ns,omitempty"`
	Allocs      uint64 `json:"allocs"` // heap objects of this process in the measured part
	// Full, Resumed and Failed are what became of all connections of the block.
	Full    int64            `json:"full"`
	Resumed int64            `json:"resumed"`
	Failed  map[string]int64 `json:"failed,omitempty"` // by class
}

// rush opens connections, s.Concurrency of them at once.
func (g *generator) rush(ctx context.Context, s Saturate) (any, error) {
	if s.Concurrency < 1 {
		return nil, errors.New("rush: concurrency must be at least 1")
	}
	g.shaken.drop()
	ctx, cancel := g.until(ctx)
	defer cancel()
	r := &rush{generator: g, measured: [2]time.Time{commonStart(s.Start + int64(s.Length/5)), commonStart(s.Start + int64(s.Length))}}
	var openers sync.WaitGroup
	var failed error
	var once sync.Once
	for range s.Concurrency {
		openers.Go(func() {
			var o opening
			err := r.prepare(ctx, &o)
			if err == nil {
				load.Sleep(ctx, time.Until(commonStart(s.Start)))
				err = r.open(ctx, &o)
			}
			if err != nil {
				once.Do(func() { failed = err })
			}
		})
	}
	var used [2]Reading
	for i, at := range r.measured {
		load.Sleep(ctx, time.Until(at))
		used[i] = read(&g.runtime)
	}
	r.over.Store(true)
	openers.Wait()
	r.CPU, r.Allocs = sub(used[1].CPU, used[0].CPU), used[1].Allocs-used[0].Allocs
	return r.Rushed, failed
}

// rush is a block under way.
type rush struct {
	generator *generator
	measured  [2]time.Time
	over      atomic.Bool

	mu sync.Mutex
	Rushed
}

// prepare gets an opener's options and, for resumption, its first ticket.
func (r *rush) prepare(ctx context.Context, o *opening) error {
	if err := o.renew(r.generator.trial, &r.generator.presented, nil); err != nil || o.tickets == nil {
		return err
	}
	l, err := r.generator.engine.attempt(ctx, o.options)
	r.book(l, err)
	if err != nil {
		return nil // booked; the next one is full, and the account tells
	}
	_, _ = r.generator.engine.once(ctx, l) // by then a ticket has come, if one comes at all
	return l.Close()
}

// open opens one connection after another until the block is over.
func (r *rush) open(ctx context.Context, o *opening) error {
	for !r.over.Load() && ctx.Err() == nil {
		l, err := r.generator.engine.attempt(ctx, o.options)
		r.book(l, err)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}

// book accounts for one connection.
func (r *rush) book(l link, err error) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		if r.Failed == nil {
			r.Failed = map[string]int64{}
		}
		r.Failed[channel.Class(err)]++
		return
	}
	state := l.Connections()[0].State
	resumed := state != nil && state.DidResume
	if resumed {
		r.Resumed++
	} else {
		r.Full++
	}
	if resumed == r.generator.trial.Settings.Resumption && !now.Before(r.measured[0]) && now.Before(r.measured[1]) {
		r.Connections++
	}
}
