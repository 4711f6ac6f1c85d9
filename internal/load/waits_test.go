package load

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slots is a connection that allows so many streams.
type slots struct{ taken, most, left atomic.Int64 }

func (s *slots) Leave() { s.taken.Add(-1); s.left.Add(1) }

// Waits for a stream are counted by intended start, as the RPCs themselves are: those of
// the window alone count in its ledger, whatever became of them.
func TestWaitsForStreamsAreInTheLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slots{}
		s.most.Store(2)
		callers := NewCallers(func(ctx context.Context, _ int, seq int64) End {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return End{Code: "CANCELLED"}
			}
			if seq%2 == 0 {
				return End{Code: "UNAVAILABLE"}
			}
			return Good
		}, nil)
		callers.Enter = func(int) (Stream, bool) { return s, s.taken.Add(1) > s.most.Load() }
		// An RPC each 250 ms that takes 1 s: 4 in flight, so that all but the first two wait.
		l := OpenLoop{Schedule: Uniform{Rate: 4, Duration: 4 * time.Second}, Clock: SleepClock{Start: time.Now()},
			Phases: Phases{Warmup: time.Second, Window: 3 * time.Second}, Connections: 1, MaxInFlight: 100, Drain: 300 * time.Millisecond}
		o, err := l.Run(t.Context(), callers)
		if err != nil {
			t.Fatal(err)
		}
		if o.Warmup.Started != 4 || o.Warmup.StreamWaits != 2 || o.Window.Started != 12 || o.Window.StreamWaits != 12 || o.Window.Abandoned == 0 || o.Window.Failures() == 0 {
			t.Errorf("warm-up %+v, window %+v: want 2 of 4 and 12 of 12 to wait", o.Warmup, o.Window)
		}
		if n := s.left.Load(); n != 16 || s.taken.Load() != 0 {
			t.Errorf("%d of 16 RPCs left", n)
		}
		if err := (Ledger{Started: 1, Scheduled: 1, OK: 1, StreamWaits: 2}).Check(); err == nil {
			t.Error("more waits than RPCs")
		}
	})
}
