package codec

import (
	"testing"
	"time"
)

func TestCountingDoesNotAllocate(t *testing.T) {
	c := newCounters(Names())
	allocs := testing.AllocsPerRun(100, func() {
		m := c.compress.startMessage()
		m.begin()
		m.end()
		c.compress.endMessage(2, 1, m)
		_ = c.Snapshot()
	})
	if allocs != 0 {
		t.Errorf("%v allocations a message, want 0", allocs)
	}
}

func TestMeterCountsOnlyBetweenBeginAndEnd(t *testing.T) {
	off := meter{}
	off.begin()
	off.end()
	if off != (meter{}) {
		t.Errorf("a meter that is off became %+v", off)
	}
	on := meter{on: true}
	on.begin()
	on.end()
	spin(20 * time.Millisecond)
	on.begin()
	on.end()
	// Two empty intervals are four clock reads, microseconds; the spinning
	// between them is twenty thousand.
	if on.cpu >= 10*time.Millisecond {
		t.Errorf("%v CPU time between begin and end, want none of the 20ms outside", on.cpu)
	}
}

// spin uses CPU time d of the calling thread; where that cannot be read it
// returns at once.
func spin(d time.Duration) {
	start, ok := threadCPU()
	for now := start; ok && now-start < d; {
		now, ok = threadCPU()
	}
}
