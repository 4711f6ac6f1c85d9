//go:build truth && linux

package truth

import (
	"context"
	"runtime"
	"testing"
	"time"

	"grpcbench/internal/hist"
	"grpcbench/internal/load"
)

// lead is how far ahead a common start lies.
const lead = 50 * time.Millisecond

// paced releases 1000 arrivals a second for 5 s to calls that end at once.
func paced(t *testing.T, clock func(start time.Time) load.Clock) load.Outcome {
	t.Helper()
	// One processor more than there are, as a generator has.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 1))
	phases := load.Phases{Warmup: time.Second, Window: 5 * time.Second}
	l := load.OpenLoop{Schedule: load.Uniform{Rate: 1000, Duration: phases.End()}, Clock: clock(time.Now().Add(lead)), Phases: phases,
		Connections: 1, MaxInFlight: 1000, Drain: time.Second}
	var o load.Outcome
	var err error
	done := make(chan struct{})
	go func() { // a Pacer keeps its thread until its goroutine ends
		defer close(done)
		o, err = l.Run(t.Context(), load.NewCallers(func(context.Context, int, int64) load.End { return load.Good }, nil))
	}()
	<-done
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// us is a quantile in microseconds.
func us(h *hist.Histogram, q float64) float64 {
	ns, _ := h.Quantile(q, h.Count()) // there is one, as every arrival has a value
	return float64(ns) / 1e3
}

func TestTruthOfThePacer(t *testing.T) {
	measured(t, func(f *findings) {
		o := paced(t, func(start time.Time) load.Clock { return load.NewPacer(start) })
		f.between("release − intended p50, µs", us(o.Released, 0.50), 0, 5)
		f.between("release − intended p99, µs", us(o.Released, 0.99), 0, 500)
		f.between("lag p50, µs", us(o.Lag, 0.50), 0, 100)
		f.between("lag p99, µs", us(o.Lag, 0.99), 0, 1000)
	})
}

// Go's own timers miss what the pacer keeps, by far: the test above can fail.
func TestTruthOfASleepInPlaceOfThePacer(t *testing.T) {
	measured(t, func(f *findings) {
		o := paced(t, func(start time.Time) load.Clock { return load.SleepClock{Start: start} })
		f.between("release − intended p50, µs", us(o.Released, 0.50), 200, 2000)
		f.between("lag p50, µs", us(o.Lag, 0.50), 200, 2000)
	})
}
