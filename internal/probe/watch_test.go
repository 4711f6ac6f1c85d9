package probe

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// window returns the readings of the machine in testdata, ten seconds apart on the
// monotonic clock and 300 ms more on the wall clock, of which our processes used
// 5 s of CPU.
func window() (a, b reading) {
	a = Machine{Root: "testdata/start"}.reading(nil)
	b = Machine{Root: "testdata/end"}.reading(nil)
	a.at = time.Date(2026, 11, 23, 18, 15, 0, 0, time.UTC)
	b.at = a.at.Add(10 * time.Second)
	a.wall, b.wall = a.at, b.at.Add(300*time.Millisecond)
	a.ours, b.ours = new(3*time.Second), new(8*time.Second)
	return a, b
}

// The expected shares are those of testdata/README.md: of 20 s of CPU, 8.4 s were
// idle and 1.6 s stolen, so 10 s were busy, 5 s of them ours, which may have 15 s. The
// others' 5 s are what the quota leaves to them.
func TestWindowSeesStealCompetitionThrottlingAndClockStep(t *testing.T) {
	got := between(window())
	want := Interval{
		Elapsed:        10 * time.Second,
		CPUs:           2,
		OursShare:      new(1.0 / 3),
		CompetingShare: new(0.0),
		StealShare:     new(0.08),
		Throttled:      new(300 * time.Millisecond), // 250 at the own level, 50 above
		ClockStep:      300 * time.Millisecond,
		MemAvailable:   new(int64(7_000_000 << 10)), // at the end, where it is lower
	}
	const rounding = 1e-12 // of the sum of four shares
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, rounding)); diff != "" {
		t.Errorf("between (-want +got):\n%s", diff)
	}
}

// Shares are of what the run may use: without a quota of all CPUs, under one of that, and
// of what others take beyond the rest of the machine.
func TestSharesAreOfWhatTheRunMayUse(t *testing.T) {
	for _, of := range []struct{ quota, ours, competing float64 }{
		{0, 0.25, 0.25}, // of 20 s: 5 s, and 5 s
		{2, 0.25, 0.25},
		{4, 0.25, 0.25},              // more than there is
		{1, 0.5, 0},                  // of 10 s: 5 s; the others had 5 s of the 10 s that are theirs
		{1.75, 5 / 17.5, 2.5 / 17.5}, // of 17.5 s: the others' 5 s are 2.5 s more than the rest
		{0.25, 1, 0},                 // never above 1
	} {
		a, b := window()
		a.quota, b.quota = of.quota, of.quota
		got := between(a, b)
		if math.Abs(*got.OursShare-of.ours) > 1e-9 || math.Abs(*got.CompetingShare-of.competing) > 1e-9 {
			t.Errorf("quota %v: ours %v, competing %v, want %v and %v", of.quota, *got.OursShare, *got.CompetingShare, of.ours, of.competing)
		}
	}
}

func TestProcessThatEndedLeavesOnlyOurShareAndCompetitionAbsent(t *testing.T) {
	a, b := window()
	b.ours = nil
	got := between(a, b)
	if got.OursShare != nil || got.CompetingShare != nil {
		t.Errorf("ours %v, competing %v, want both absent", got.OursShare, got.CompetingShare)
	}
	if got.StealShare == nil || *got.StealShare != 0.08 {
		t.Errorf("steal %v, want 0.08", got.StealShare)
	}
}

// The machine's account is rounded and our processes' is not, so it may show less.
func TestCompetitionIsNeverNegative(t *testing.T) {
	a, b := window()
	b.ours = new(*a.ours + 11*time.Second) // of 10 s busy
	if got := between(a, b).CompetingShare; got == nil || *got != 0 {
		t.Errorf("competing share %v, want 0", got)
	}
}

func TestSharesAreAbsentWhenTheNumberOfCPUsChanged(t *testing.T) {
	a, b := window()
	b.cpus.cpus++
	if got := between(a, b); got.CPUs != 0 || got.OursShare != nil || got.StealShare != nil {
		t.Errorf("got %+v, want no CPUs and no share", got)
	}
}

func TestCounterThatRanBackwardsIsAbsent(t *testing.T) {
	b, a := window()
	b.at, a.at = a.at, b.at
	got := between(a, b)
	if got.StealShare != nil || got.CompetingShare != nil || got.OursShare != nil || got.Throttled != nil {
		t.Errorf("got %+v, want no share and no throttling", got)
	}
}

func TestMachineWithoutFilesHasNoFactsButTime(t *testing.T) {
	m := Machine{Root: t.TempDir()}
	a, b := m.reading(nil), m.reading(nil)
	b.at, b.wall = a.at.Add(time.Second), a.wall.Add(time.Second)
	if diff := cmp.Diff(Interval{Elapsed: time.Second}, between(a, b)); diff != "" {
		t.Errorf("between (-want +got):\n%s", diff)
	}
}

// TestAWallClockThatStepsChangesNoDuration: what passes between the readings of the
// two clocks is far below a minute.
//
//	fault:   wall clock stepped by an hour, either way, during a window
//	promise: the window's length is the monotonic clock's; the step is reported
//	figure:  2 of 2 steps
func TestAWallClockThatStepsChangesNoDuration(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -time.Hour} {
		var stepped time.Duration
		m := Machine{Wall: func() time.Time { return time.Now().Add(stepped) }}
		before := time.Now()
		w := m.Watch()
		stepped = step
		i := w.Stop()
		if i.Elapsed <= 0 || i.Elapsed > time.Since(before) {
			t.Errorf("step %v: elapsed %v, want at most %v", step, i.Elapsed, time.Since(before))
		}
		if off := (i.ClockStep - step).Abs(); off > time.Minute {
			t.Errorf("step %v: seen as %v", step, i.ClockStep)
		}
	}
}
