package worker

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// interruptible is what an interrupt ends: the order being carried out, and every
// later one that asks.
type interruptible struct {
	mu      sync.Mutex
	stopped bool
	cancel  context.CancelFunc
}

// until returns a context that interrupt ends.
func (i *interruptible) until(ctx context.Context) (context.Context, context.CancelFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	i.cancel = cancel
	if i.stopped {
		cancel()
	}
	return ctx, cancel
}

func (i *interruptible) interrupt() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.stopped = true
	if i.cancel != nil {
		i.cancel()
	}
}

// handler carries out one order. Until it returns it may send parts of its answer,
// one at a time.
type handler func(ctx context.Context, o Order, send func(part any) error) (any, error)

// obey reads orders until in ends and answers each on out. Orders are carried
// out one after the other; stop is called at once, whatever is being done.
func obey(ctx context.Context, in io.Reader, out io.Writer, handle handler, stop func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	orders := make(chan Order)
	go func() {
		defer cancel() // the parent is gone: end what is being done
		defer close(orders)
		d := json.NewDecoder(bufio.NewReader(parked(in)))
		for {
			var o Order
			if err := d.Decode(&o); err != nil {
				return
			}
			if o.Do == DoStop {
				stop()
				continue
			}
			select {
			case orders <- o:
			case <-ctx.Done():
				return
			}
		}
	}()
	e := json.NewEncoder(out)
	for o := range orders {
		value, err := handle(ctx, o, func(part any) error { return e.Encode(Answer{Part: part}) })
		a := Answer{Value: value}
		if err != nil {
			a = Answer{Error: err.Error()}
		}
		if err := e.Encode(a); err != nil {
			return fmt.Errorf("answer %s: %w", o.Do, err)
		}
	}
	return nil
}
