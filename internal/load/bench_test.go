package load

import (
	"testing"
	"time"
)

// nothing is an Engine whose RPCs end at once, when the benchmark says so.
type nothing struct{ turns Turns }

func (n *nothing) Bind(t Turns) { n.turns = t }
func (*nothing) Start(Op)       {}
func (*nothing) Flush()         {}
func (*nothing) Cancel()        {}

// BenchmarkTurn is what a closed loop does about one RPC: the account of its start
// and its end, and the choice of the next one.
func BenchmarkTurn(b *testing.B) {
	e := &nothing{}
	l := ClosedLoop{Concurrency: 1, Connections: 1, Clock: SleepClock{Start: time.Now()}, Phases: Phases{Window: time.Hour}}
	r := newRun(l.Clock, l.Phases, e)
	r.next = func(after Op, now time.Duration) (Op, bool) { return l.next(b.Context(), r, after, now) }
	op := Op{}
	now := time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		op.Sent = now
		r.Sent(op)
		now += 300 * time.Microsecond % time.Second
		r.Ended(op, Good, now)
		op, _ = r.Next(op, now)
		if now > time.Second {
			now, op.Intended = 0, 0
		}
	}
}
