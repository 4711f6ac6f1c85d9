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
	r.epochs = make([]*epoch, 3) // one with a search, of 60 s, and two of 10 s
	r.longest, r.last, r.spent = 60*time.Second, 10*time.Second, 80*time.Second
	if got := r.remaining(84 * time.Second); got != 46*time.Second {
		t.Errorf("%v, want 46s: five of 10 s, four of them over", got)
	}
	if got := r.remaining(200 * time.Second); got != 0 {
		t.Errorf("%v, want none", got)
	}
}

func TestWhatRemainsOfASearchIsNotKnown(t *testing.T) {
	r := &run{plan: plan.Plan{Epochs: plan.Epochs{Min: 8, Max: 8}, Window: time.Second, Ceiling: &plan.Ceiling{SLO: []plan.Threshold{{}}}}}
	if got := r.remaining(time.Second); got != 0 {
		t.Errorf("%v in the first epoch, want 0, not known", got)
	}
	r.epochs, r.last, r.spent = make([]*epoch, 1), 10*time.Second, 60*time.Second
	if got := r.remaining(60 * time.Second); got != 70*time.Second {
		t.Errorf("%v after it, want 70s", got)
	}
}
