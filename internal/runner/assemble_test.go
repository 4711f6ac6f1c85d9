package runner

import (
	"testing"
	"time"

	"grpcbench/internal/plan"
	"grpcbench/internal/worker"
)

// Two processors busy for the whole second are all there is, whatever GOMAXPROCS
// has room for.
func TestAGeneratorThatUsesEveryProcessorUsesAllOfItsShare(t *testing.T) {
	cpu := int64(2 * time.Second)
	m := &worker.Measured{Window: time.Second, CPU: &cpu, Elapsed: time.Second, CPUs: 2, Capacity: 2, GOMAXPROCS: 3}
	if got := windowSums(m).ClientTime.Value(); got == nil || *got != 1 {
		t.Errorf("share %v, want 1", got)
	}
}

// A server with one CPU to itself that uses all of it is at 1, beside a generator that may
// use two.
func TestTheServersShareIsOfItsOwnCPUs(t *testing.T) {
	cpu := func(d time.Duration) *worker.Reading { return &worker.Reading{CPU: new(int64(d))} }
	m := &worker.Measured{Window: time.Second, Elapsed: time.Second, Capacity: 2, CPU: new(int64(time.Second))}
	for _, c := range []struct{ room, client, server float64 }{{1, 0.5, 0.9}, {4, 0.5, 0.225}, {0, 0.5, 0.45}} {
		b := block{measured: m, room: c.room, server: [2]*worker.Reading{cpu(0), cpu(900 * time.Millisecond)}}
		s, err := b.step(plan.Plan{Ceiling: &plan.Ceiling{}})
		if err != nil {
			t.Fatal(err)
		}
		if *s.ClientShare != c.client || *s.ServerShare != c.server {
			t.Errorf("room %g: client %g, server %g, want %g and %g", c.room, *s.ClientShare, *s.ServerShare, c.client, c.server)
		}
	}
}
