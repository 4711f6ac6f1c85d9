package runner

import (
	"testing"
	"time"

	"grpcbench/internal/plan"
)

func TestWhatRemainsFollowsTheLatestEpoch(t *testing.T) {
	r := &run{plan: plan.Plan{Epochs: plan.Epochs{Min: 8, Max: 8}, Window: 2 * time.Second, Warmup: time.Second}}
	if got := r.remaining(time.Second); got != 23*time.Second { // 8 of 3 s
		t.Errorf("%v before the first epoch has ended, want 23s", got)
	}
	r.epochs = 3 // one with a search, of 60 s, and two of 10 s
	r.longest, r.last, r.spent = 60*time.Second, 10*time.Second, 80*time.Second
	if got := r.remaining(84 * time.Second); got != 46*time.Second {
		t.Errorf("%v, want 46s: five of 10 s, four of them over", got)
	}
	if got := r.remaining(200 * time.Second); got != 0 {
		t.Errorf("%v, want none", got)
	}
}

func TestWhatRemainsOfASearchIsThatOfItsCurves(t *testing.T) {
	r := &run{plan: plan.Plan{Epochs: plan.Epochs{Min: 8, Max: 8}, Window: time.Second, Warmup: 500*time.Millisecond - lead,
		Ceiling: &plan.Ceiling{SLO: []plan.Threshold{{Metric: "latency_p99", Op: "<", Value: 5e6}}}}}
	if got := r.remaining(time.Second); got != 0 {
		t.Errorf("%v in a search, want 0, not known", got)
	}
	r.grids = [][]float64{{100, 1000}, {1000}} // of 5.5, 1.5 and 1.5 s: 8 times 8.5 s
	r.curves.began = 20 * time.Second
	if got := r.remaining(20 * time.Second); got != 68*time.Second {
		t.Errorf("%v after the search, want 68s", got)
	}
	r.curves.epoch, r.curves.todo = 1, 8500*time.Millisecond
	r.curves.measured(5500 * time.Millisecond)
	if got := r.remaining(31 * time.Second); got != 125*time.Second {
		t.Errorf("%v where windows take twice as long as planned, want 125s", got) // 2 · (68 − 5.5)
	}
	r.grids[1] = append(r.grids[1], 1500) // in the second epoch: 10 s each from now on
	r.epochs, r.curves.epoch, r.curves.todo, r.curves.done = 1, 2, 0, 10*time.Second
	if got := r.remaining(30 * time.Second); got != 60*time.Second {
		t.Errorf("%v at the end of the second epoch, want 60s: six of 10 s", got)
	}
	r.epochs = 2
	if got := r.remaining(30 * time.Second); got != 60*time.Second {
		t.Errorf("%v between epochs, want 60s", got)
	}
	r.epochs, r.curves.epoch = 7, 8
	if got := r.remaining(30 * time.Second); got != 0 {
		t.Errorf("%v after the last window, want none", got)
	}
}
