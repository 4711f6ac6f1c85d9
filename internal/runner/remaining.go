package runner

import "time"

// curves is how far the windows of a search's curves have come. Lengths are as planned, and
// of windows that count.
type curves struct {
	began time.Duration // into the run: the search of every arm has ended; 0: it has not
	done  time.Duration
	todo  time.Duration // of the present epoch
	epoch int           // whose todo it is, from 1; 0: none's
}

// measured notes a window.
func (c *curves) measured(length time.Duration) {
	c.done += length
	c.todo = max(0, c.todo-length) // a rate that was added in the epoch was not in it
}

// planned is how long a window at a rate takes, with what comes before it.
func (r *run) planned(rate float64) time.Duration {
	return r.plan.Warmup + r.plan.WindowAt(rate) + lead
}

// grid is how long the windows of an epoch take.
func (r *run) grid() (length time.Duration) {
	for _, rates := range r.grids {
		for _, rate := range rates {
			length += r.planned(rate)
		}
	}
	return length
}

// remaining is how long the run still takes if all epochs take as long as the latest.
// How long a search takes is not known before it has ended: 0.
func (r *run) remaining(elapsed time.Duration) time.Duration {
	if c := r.plan.Ceiling; c != nil && len(c.SLO) > 0 {
		return r.remainingCurves(elapsed)
	}
	each := r.last
	if each == 0 {
		each = r.estimate()
	}
	return max(0, each*time.Duration(r.plan.Epochs.Max-r.epochs)-(elapsed-r.spent))
}

// remainingCurves is how long the windows take that are still to come if each takes as much
// longer than planned as those did that have been: for its drain, its repeats, and its share of
// an epoch's start.
func (r *run) remainingCurves(elapsed time.Duration) time.Duration {
	if r.curves.began == 0 {
		return 0
	}
	left := r.grid() * time.Duration(r.plan.Epochs.Max-r.epochs)
	if r.curves.epoch == r.epochs+1 { // the present epoch has begun its own
		left += r.curves.todo - r.grid()
	}
	if r.curves.done == 0 {
		return max(0, left)
	}
	pace := float64(elapsed-r.curves.began) / float64(r.curves.done)
	return max(0, time.Duration(pace*float64(left)))
}

// estimate is how long an epoch should take: its phases, and what starting and
// connecting two processes an arm takes.
func (r *run) estimate() time.Duration {
	if r.handshakes() {
		return r.estimateHandshakes()
	}
	arms := time.Duration(len(r.plan.Arms))
	if c := r.plan.Ceiling; c != nil {
		return arms * time.Duration(max(8, len(c.Callers()))) * (r.plan.Warmup + r.plan.Window + lead)
	}
	return r.plan.Warmup + r.plan.Window + arms*(r.plan.Saturated+100*time.Millisecond)
}
