package load

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSecondsThatAreGivenAwayAreThoseThatWouldBeKept: 60 s of 100 RPCs each, the
// second of sequence number 2550 (25 s) with one that takes 3 s, which holds back
// that second and the ones after it.
func TestSecondsThatAreGivenAwayAreThoseThatWouldBeKept(t *testing.T) {
	run := func(take func(Interval) error) (o Outcome) {
		synctest.Test(t, func(t *testing.T) {
			clock := SleepClock{Start: time.Now()}
			l := OpenLoop{Schedule: Uniform{Rate: 100, Duration: minute.End()}, Clock: clock, Phases: minute,
				Connections: 1, MaxInFlight: 10_000, Drain: time.Minute, Edges: Edges{Second: take}}
			var err error
			o, err = l.Run(t.Context(), NewCallers(against(clock, func(now time.Duration, seq int64) time.Duration {
				if seq == 2550 {
					return now + 3*time.Second
				}
				return now + time.Millisecond
			}), nil))
			if err != nil {
				t.Fatal(err)
			}
		})
		return o
	}
	kept := run(nil)
	var given []Interval
	rest := run(func(iv Interval) error {
		given = append(given, iv)
		return nil
	})
	balanced(t, kept)
	if len(given) < 50 {
		t.Errorf("%d of 60 seconds given away, want all but the last few", len(given))
	}
	if diff := cmp.Diff(kept.Intervals, slices.Concat(given, rest.Intervals)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(kept.Window, rest.Window); diff != "" {
		t.Error(diff)
	}
}

// gathering is an Engine that sends when it is told to flush, and whose RPCs take a
// millisecond from then.
type gathering struct {
	turns    Turns
	started  []Op
	gathered int // most that waited for a flush
}

func (g *gathering) Bind(t Turns) { g.turns = t }
func (g *gathering) Start(op Op) {
	op.Sent = g.turns.Now()
	g.turns.Sent(op)
	g.started = append(g.started, op)
	g.gathered = max(g.gathered, len(g.started))
}

func (g *gathering) Flush() {
	for _, op := range g.started {
		time.AfterFunc(time.Millisecond, func() { g.turns.Ended(op, Good, g.turns.Now()) })
	}
	g.started = nil
}

func (g *gathering) Cancel() {
	for _, op := range g.started {
		g.turns.Ended(op, End{Code: "CANCELLED"}, g.turns.Now())
	}
}

// TestWhatWasStartedIsSentHoweverLateTheLoopIs: the generator is blocked from before
// the last arrivals until after the end, or it is interrupted there.
func TestWhatWasStartedIsSentHoweverLateTheLoopIs(t *testing.T) {
	phases := Phases{Window: 10 * time.Second}
	for name, until := range map[string]time.Duration{"late": 11 * time.Second, "interrupted": 9900 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				e := &gathering{}
				clock := &blocked{SleepClock: SleepClock{Start: time.Now()}, at: 9 * time.Second, until: until}
				if name == "interrupted" {
					time.AfterFunc(until, cancel)
				}
				l := OpenLoop{Schedule: Uniform{Rate: 1000, Duration: phases.End()}, Clock: clock, Phases: phases,
					Connections: 1, MaxInFlight: 100_000, Drain: time.Second, DrainStopped: time.Second}
				o, err := l.Run(ctx, e)
				if err != nil {
					t.Fatal(err)
				}
				balanced(t, o)
				if o.Window.OK < 9000 || o.Window.Abandoned != 0 {
					t.Errorf("%d ok, %d abandoned, want all that was started", o.Window.OK, o.Window.Abandoned)
				}
				if e.gathered > atOnce {
					t.Errorf("%d RPCs waited to be sent, want at most %d", e.gathered, atOnce)
				}
			})
		})
	}
}

// deaf is an Engine whose RPCs end when release is called, whatever it is told.
type deaf struct {
	turns Turns
	mu    sync.Mutex
	ops   []Op
}

func (d *deaf) Bind(t Turns) { d.turns = t }
func (d *deaf) Flush()       {}
func (d *deaf) Cancel()      {}
func (d *deaf) Start(op Op) {
	op.Sent = d.turns.Now()
	d.turns.Sent(op)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ops = append(d.ops, op)
}

// release ends the first n RPCs, each in a goroutine of its own.
func (d *deaf) release(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, op := range d.ops[:n] {
		go func() { d.turns.Ended(op, End{Code: "CANCELLED"}, d.turns.Now()) }()
	}
}

// TestRPCsThatComeBackWhileTheBookIsClosedAreGivenUp: however many of them end before,
// in and after that moment, and what ends after it changes nothing.
func TestRPCsThatComeBackWhileTheBookIsClosedAreGivenUp(t *testing.T) {
	const rpcs = 500
	for range 20 {
		e, phases := &deaf{}, Phases{Window: time.Second}
		r := newRun(SleepClock{Start: time.Now()}, phases, e)
		for seq := range int64(rpcs) {
			r.schedule(seq, 0)
			e.Start(Op{Seq: seq})
		}
		r.cancel(e)
		e.release(rpcs - 1) // one is left
		o, err := r.outcome(false)
		if err != nil {
			t.Fatal(err)
		}
		balanced(t, o)
		if o.Window.Abandoned != rpcs {
			t.Errorf("%d abandoned, want %d", o.Window.Abandoned, rpcs)
		}
		before := o.Flow.InFlight()
		r.Ended(e.ops[rpcs-1], End{Code: "CANCELLED"}, r.Now())
		if after := o.Flow.InFlight(); before < 1 || after != before {
			t.Errorf("%d in flight, then %d, want at least 1, and as many", before, after)
		}
	}
}
