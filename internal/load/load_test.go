package load

import (
	"context"
	"errors"
	"math"
	"slices"
	"sort"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestUniformDoesNotDrift(t *testing.T) {
	// 333 333/s has no whole number of nanoseconds between arrivals: a truncated
	// gap of 3000 ns would be 1 µs early after one second.
	u := Uniform{Rate: 333_333, Duration: 2 * time.Second}
	i := 0
	for at := range u.Arrivals() {
		if want := float64(i) / u.Rate * 1e9; math.Abs(float64(at)-want) > 1 {
			t.Fatalf("arrival %d at %d ns, want %.1f", i, at, want)
		}
		i++
	}
	if i != 666_666 {
		t.Errorf("%d arrivals, want 666666", i)
	}
}

func TestUniformStartsAtItsPhase(t *testing.T) {
	got := slices.Collect(Uniform{Rate: 10, Duration: 350 * time.Millisecond, Phase: 25 * time.Millisecond}.Arrivals())
	want := []time.Duration{25e6, 125e6, 225e6, 325e6}
	if !slices.Equal(got, want) {
		t.Errorf("arrivals %v, want %v", got, want)
	}
}

func TestPoissonRepeatsForASeedOnly(t *testing.T) {
	p := Poisson{Rate: 1000, Duration: time.Second, Seed: 5}
	a, b := slices.Collect(p.Arrivals()), slices.Collect(p.Arrivals())
	if !slices.Equal(a, b) {
		t.Error("the same seed gave two schedules")
	}
	p.Seed = 6
	if slices.Equal(a, slices.Collect(p.Arrivals())) {
		t.Error("two seeds gave one schedule")
	}
	if !slices.IsSorted(a) || a[len(a)-1] >= p.Duration {
		t.Error("arrivals out of order or after the end")
	}
}

func TestPoissonRateIsWithinFourStandardErrors(t *testing.T) {
	const n = 200_000
	p := Poisson{Rate: 1000, Duration: n * time.Millisecond, Seed: 1}
	got := len(slices.Collect(p.Arrivals()))
	// The count of a Poisson process has variance n; a correct schedule leaves
	// 4 standard deviations for 1 seed in 16 000.
	if math.Abs(float64(got-n)) > 4*math.Sqrt(n) {
		t.Errorf("%d arrivals, want %d ± %.0f", got, n, 4*math.Sqrt(n))
	}
}

// Anderson–Darling against the exponential distribution with estimated mean:
// A*² = A²·(1 + 0.6/n) exceeds 1.959 for 1 % of correct samples (Stephens,
// JASA 69, 1974, table 1.3; D'Agostino & Stephens 1986, table 4.14). Of 100
// seeds 6 or more rejections have a probability below 0.06 %.
func TestPoissonGapsAreExponential(t *testing.T) {
	rejected := 0
	for seed := range uint64(100) {
		var gaps []float64
		last := time.Duration(0)
		for at := range (Poisson{Rate: 1000, Duration: time.Second, Seed: seed}).Arrivals() {
			gaps = append(gaps, float64(at-last))
			last = at
		}
		if andersonDarling(gaps) > 1.959 {
			rejected++
		}
	}
	if rejected > 5 {
		t.Errorf("%d of 100 seeds rejected at 1 %%, want at most 5", rejected)
	}
}

func andersonDarling(x []float64) float64 {
	sort.Float64s(x)
	n := float64(len(x))
	mean := 0.0
	for _, v := range x {
		mean += v / n
	}
	s := 0.0
	for i, v := range x {
		// ln F(x_i) + ln(1 − F(x_{n−1−i})), F(x) = 1 − exp(−x/mean)
		s += (2*float64(i) + 1) * (math.Log(-math.Expm1(-v/mean)) - x[len(x)-1-i]/mean)
	}
	return (-n - s/n) * (1 + 0.6/n)
}

func TestLedgerNamesTheSumThatDoesNotHold(t *testing.T) {
	good := Ledger{Scheduled: 10, NotStarted: map[string]int64{MaxInFlight: 2}, Started: 8, OK: 5, Failed: map[string]int64{"INTERNAL": 2}, Abandoned: 1}
	if err := good.Check(); err != nil || good.Lost() != 5 {
		t.Errorf("%v, lost %d, want a ledger that holds and 5 lost", err, good.Lost())
	}
	unscheduled, unended := good, good
	unscheduled.Scheduled++
	unended.OK--
	causes := func(of map[string]map[string]int64) Ledger {
		l := good
		l.Causes = of
		return l
	}
	if err := causes(map[string]map[string]int64{"INTERNAL": {"a": 1, "b": 1}}).Check(); err != nil {
		t.Errorf("causes that add up: %v", err)
	}
	for name, l := range map[string]Ledger{"unscheduled": unscheduled, "unended": unended,
		"a cause too few":              causes(map[string]map[string]int64{"INTERNAL": {"a": 1}}),
		"no cause":                     causes(map[string]map[string]int64{}),
		"a cause of what did not fail": causes(map[string]map[string]int64{"INTERNAL": {"a": 2}, "UNKNOWN": {"a": 1}}),
	} {
		if l.Check() == nil {
			t.Errorf("%s: a broken sum passed", name)
		}
	}
}

// What fails has its cause in the ledger, in the window and in the warm-up, and a part
// of which the causes are not known makes those of the sum unknown.
func TestCausesAreCountedByCode(t *testing.T) {
	b := NewBook(Phases{Warmup: time.Second, Window: 2 * time.Second})
	ends := []End{{"UNAVAILABLE", "connection refused"}, {"UNAVAILABLE", "connection reset"}, {"INTERNAL", ""}, Good}
	for seq := range int64(12) {
		at := time.Duration(seq%3) * time.Second
		b.Scheduled(seq, at)
		b.Started(seq, at, at)
		b.Ended(seq, Sample{Intended: at, Sent: at, Done: at, End: ends[seq%4]})
	}
	a, err := b.Close(0)
	if err != nil {
		t.Fatal(err)
	}
	one := map[string]map[string]int64{"UNAVAILABLE": {"connection refused": 1, "connection reset": 1}, "INTERNAL": {NotKnown: 1}}
	if diff := cmp.Diff(one, a.Warmup.Causes); diff != "" {
		t.Errorf("of the warm-up, -want +got:\n%s", diff)
	}
	two := map[string]map[string]int64{"UNAVAILABLE": {"connection refused": 2, "connection reset": 2}, "INTERNAL": {NotKnown: 2}}
	if diff := cmp.Diff(two, a.Window.Causes); diff != "" {
		t.Errorf("of the window, -want +got:\n%s", diff)
	}
	if err := errors.Join(a.Warmup.Check(), a.Window.Check()); err != nil {
		t.Error(err)
	}
	older := Ledger{Scheduled: 1, Started: 1, Failed: map[string]int64{"INTERNAL": 1}}
	sum := a.Window
	sum.Add(older)
	if err := sum.Check(); err != nil || sum.Causes != nil {
		t.Errorf("with a part of an older tool: causes %v, %v", sum.Causes, err)
	}
	older.Add(a.Window)
	if err := older.Check(); err != nil || older.Causes != nil {
		t.Errorf("added to a part of an older tool: causes %v, %v", older.Causes, err)
	}
}

// An end that was never booked must show: only as many calls are given up as the
// loop knows to be stuck.
func TestALostSampleBreaksTheLedger(t *testing.T) {
	b := NewBook(Phases{Window: time.Second})
	for seq := range int64(2) {
		b.Scheduled(seq, 0)
		b.Started(seq, 0, 1)
	}
	b.Ended(0, Sample{Sent: 1, Done: 2, End: Good})
	a, err := b.Close(0)
	if err != nil {
		t.Fatal(err)
	}
	if a.Window.Check() == nil {
		t.Errorf("window %+v holds although the end of RPC 1 was lost", a.Window)
	}
}

func TestRecordingDoesNotAllocate(t *testing.T) {
	b := NewBook(Phases{Window: time.Second})
	seq := int64(0)
	n := testing.AllocsPerRun(1000, func() {
		at := time.Duration(seq) * time.Microsecond
		b.Scheduled(seq, at)
		b.Started(seq, at, at+10)
		b.Ended(seq, Sample{Intended: at, Sent: at + 10, Done: at + 5000, End: Good})
		seq++
	})
	if n != 0 {
		t.Errorf("%v allocations an RPC, want 0", n)
	}
}

func TestEdgesAreReadAtTheWindowsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := SleepClock{Start: time.Now()}
		var opened, closed time.Duration
		quiet := int64(-1)
		phases := Phases{Warmup: time.Second, Window: 2 * time.Second}
		l := OpenLoop{Schedule: Uniform{Rate: 100, Duration: phases.End()}, Clock: clock, Phases: phases,
			Connections: 1, MaxInFlight: 10, Drain: time.Second,
			Edges: Edges{
				Open:  func() { opened = clock.Now() },
				Close: func() { closed = clock.Now() },
				Quiet: func(n int64) bool { quiet = n; return true },
			}}
		o, err := l.Run(t.Context(), callers(func(context.Context, int, int64) End { time.Sleep(time.Millisecond); return Good }))
		if err != nil {
			t.Fatal(err)
		}
		if opened != phases.Warmup || closed != phases.End() || quiet != 100 {
			t.Errorf("opened at %v, closed at %v, quiet after %d calls; want 1s, 3s, 100", opened, closed, quiet)
		}
		if o.Warmup.OK != 100 || o.Window.OK != 200 {
			t.Errorf("warm-up %d ok, window %d ok, want 100 and 200", o.Warmup.OK, o.Window.OK)
		}
	})
}

func TestConnectionsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := SleepClock{Start: time.Now()}
		var byConn [3]int
		phases := Phases{Window: time.Second}
		l := OpenLoop{Schedule: Uniform{Rate: 300, Duration: phases.End()}, Clock: clock, Phases: phases, Connections: 3, MaxInFlight: 10, Drain: time.Second}
		if _, err := l.Run(t.Context(), callers(func(_ context.Context, conn int, _ int64) End { byConn[conn]++; return Good })); err != nil {
			t.Fatal(err)
		}
		if byConn != [3]int{100, 100, 100} {
			t.Errorf("RPCs by connection %v, want 100 each", byConn)
		}
	})
}

func BenchmarkBook(b *testing.B) {
	book := NewBook(Phases{Window: time.Second})
	b.ReportAllocs()
	seq := int64(0)
	for b.Loop() {
		book.Scheduled(seq, 0)
		book.Started(seq, 0, 10)
		book.Ended(seq, Sample{Sent: 10, Done: 5000, End: Good})
		seq++
	}
}
