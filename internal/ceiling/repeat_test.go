package ceiling_test

import (
	"slices"
	"testing"
	"time"

	"grpcbench/internal/ceiling"
)

func TestADisturbanceComesFromOutside(t *testing.T) {
	stall := func(d time.Duration) *time.Duration { return &d }
	for name, c := range map[string]struct {
		seen ceiling.Seen
		want []ceiling.Disturbance
	}{
		"nothing known":       {ceiling.Seen{}, nil},
		"a quiet machine":     {ceiling.Seen{Stall: stall(time.Millisecond), Steal: new(0.0), Others: new(0.1), CPUs: 2}, nil},
		"as long as allowed":  {ceiling.Seen{Stall: stall(40 * time.Millisecond)}, nil},
		"a stall":             {ceiling.Seen{Stall: stall(41 * time.Millisecond)}, []ceiling.Disturbance{ceiling.Stall}},
		"steal":               {ceiling.Seen{Steal: new(0.06)}, []ceiling.Disturbance{ceiling.Steal}},
		"half a CPU of two":   {ceiling.Seen{Others: new(0.25), CPUs: 2}, nil},
		"more":                {ceiling.Seen{Others: new(0.26), CPUs: 2}, []ceiling.Disturbance{ceiling.Others}},
		"more, of sixteen":    {ceiling.Seen{Others: new(0.04), CPUs: 16}, []ceiling.Disturbance{ceiling.Others}},
		"everything together": {ceiling.Seen{Stall: stall(time.Second), Steal: new(0.5), Others: new(0.5), CPUs: 2}, []ceiling.Disturbance{ceiling.Stall, ceiling.Steal, ceiling.Others}},
	} {
		if got := c.seen.Disturbed(40 * time.Millisecond); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	short := ceiling.Seen{Stall: stall(15 * time.Millisecond)}
	if got := short.Disturbed(5 * time.Millisecond); got != nil {
		t.Errorf("a stall that full CPUs make themselves: %v", got)
	}
}

// ask measures windows, of which the said are disturbed, and returns how many it took.
func ask(r *ceiling.Repeats, windows int, disturbed func(i int) bool) (measured int) {
	for range windows {
		for attempt := 1; ; attempt++ {
			measured++
			if !r.Again(attempt, disturbed(measured)) {
				break
			}
		}
	}
	return measured
}

func TestDisturbedWindowsAreMeasuredAgainWithinBounds(t *testing.T) {
	for name, c := range map[string]struct {
		disturbed func(i int) bool
		want      int // windows, of 100 that count
	}{
		"none":              {func(int) bool { return false }, 100},
		"one in ten":        {func(i int) bool { return i%10 == 0 }, 111},
		"a pair":            {func(i int) bool { return i == 50 || i == 51 }, 102},
		"the first four":    {func(i int) bool { return i <= 4 }, 103}, // the first three are attempts of one, whose third counts
		"all, from a start": {func(int) bool { return true }, 103},     // four of eight, then it is the machine
		"all of the second": {func(i int) bool { return i > 50 }, 134},
	} {
		var r ceiling.Repeats
		if got := ask(&r, 100, c.disturbed); got != c.want {
			t.Errorf("%s: %d windows, want %d", name, got, c.want)
		}
	}
}
