// Package runner executes a plan: it starts the processes of every arm, gives
// them a common start, repeats that for each epoch, and returns what they
// measured as a Result. It measures nothing itself but the machine, and
// presents nothing.
package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"grpcbench/internal/ceiling"
	"grpcbench/internal/mask"
	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
	"grpcbench/internal/result"
)

// Options are how a plan is executed.
type Options struct {
	// Command starts a child: the role, Host or Generator, is added as its last
	// argument. Usually it is the running program and a hidden command.
	Command []string
	// Progress, when not nil, is called at each step, from the goroutine that
	// called Run.
	Progress func(Progress)
	// ID is the id of the result; "" is a new one.
	ID string
	// Machine is where the run takes place; the zero value is this machine.
	Machine probe.Machine
	// Finished, when not nil, is given the result so far after each epoch that
	// nothing ended early, without what result.Total works out. It may change it.
	Finished func(*result.Result)
	// Enough, when not nil, is asked after each epoch from the plan's least number
	// on whether more are needed; of the same result.
	Enough func(*result.Result) bool
}

// Roles of a child.
const (
	Host      = "host"
	Generator = "generator"
)

// Progress is where a run is.
type Progress struct {
	Step      string // what is being done
	Epoch     int    // from 1; 0: not begun
	Epochs    int    // at most
	Elapsed   time.Duration
	Remaining time.Duration // estimate; 0: unknown
	Rate      float64       // offered by all arms together, RPC/s; 0 in a closed loop
	Failures  int64         // failed, abandoned and not started so far
}

// ErrPreflight marks what was found wrong before any load: the sentence names
// the cause and the flag to change.
var ErrPreflight = errors.New("preflight")

// Run executes p. When ctx ends it stops starting RPCs, drains for a second and
// returns what was measured, marked as interrupted.
//
// The error says why nothing could be measured. Once an epoch has been measured
// there is a Result, and what ended the run early is one of its warnings.
func Run(ctx context.Context, p plan.Plan, o Options) (*result.Result, error) {
	r := &run{plan: p, secrets: mask.New(p.Confidential()...), options: o, began: time.Now(), created: o.Machine.Now(), machine: o.Machine}
	if r.options.ID == "" {
		r.options.ID = result.NewID(r.created)
	}
	if err := r.checkLimits(); err != nil {
		return nil, err
	}
	if err := r.certificates(); err != nil {
		return nil, err
	}
	var failure error
	for i := 0; i < p.Epochs.Max && r.timeFor(i); i++ {
		e, err := r.epoch(ctx, i)
		if failure = err; e != nil {
			failure = errors.Join(err, r.finish(e))
		}
		if failure != nil || ctx.Err() != nil {
			break
		}
		if r.enough() {
			break
		}
	}
	if r.found == nil {
		if failure == nil {
			failure = context.Cause(ctx)
		}
		return nil, failure
	}
	interrupted := ""
	if ctx.Err() != nil {
		interrupted = context.Cause(ctx).Error()
	}
	return r.result(failure, interrupted)
}

// finish takes in what an epoch has measured.
func (r *run) finish(e *epoch) error {
	r.epochs++
	for _, a := range e.arms {
		r.lost += a.lost()
	}
	return r.collect(e)
}

// run is a plan being executed.
type run struct {
	plan    plan.Plan
	secrets mask.Secrets // of the plan
	options Options
	machine probe.Machine
	began   time.Time      // monotonic
	created time.Time      // of the result, by the machine's wall clock
	epochs  int            // that have been measured
	lost    int64          // failed, abandoned and not started in them
	found   *result.Result // in these; nil: none
	longest time.Duration  // of the epochs so far
	last    time.Duration  // the latest epoch; 0: none
	spent   time.Duration  // until its end
	// grids are the rates that every epoch of a ceiling measures, by arm.
	grids   [][]float64
	curves  curves          // how far the windows of these are
	repeats ceiling.Repeats // of a ceiling's windows
	named   []probe.Process // by --server-pid
	identity
}

// enough hands out the result so far and says whether it suffices.
func (r *run) enough() bool {
	n, o := r.epochs, r.options
	asked := o.Enough != nil && n >= r.plan.Epochs.Min && n < r.plan.Epochs.Max
	if o.Finished == nil && !asked {
		return false
	}
	sofar := r.found.Clone()
	if o.Finished != nil {
		o.Finished(sofar)
	}
	return asked && o.Enough(sofar)
}

// timeFor says whether the epoch after n ones still fits into --max-time.
func (r *run) timeFor(n int) bool {
	return n == 0 || r.hasTime(r.longest)
}

// hasTime says whether so much still fits into --max-time.
func (r *run) hasTime(more time.Duration) bool {
	return r.plan.MaxTime == 0 || time.Since(r.began)+more <= r.plan.MaxTime
}

func (r *run) progress(step string, epoch int) {
	if r.options.Progress == nil {
		return
	}
	p := Progress{Step: step, Epoch: epoch + 1, Epochs: r.plan.Epochs.Max, Elapsed: time.Since(r.began), Rate: r.plan.Load.Rate, Failures: r.lost}
	p.Remaining = r.remaining(p.Elapsed)
	r.options.Progress(p)
}

// took notes how long an epoch took that has ended.
func (r *run) took(d time.Duration) {
	r.longest, r.last, r.spent = max(r.longest, d), d, time.Since(r.began)
}

func (r *run) armErr(arm string, err error) error {
	if len(r.plan.Arms) == 1 || err == nil {
		return err
	}
	return fmt.Errorf("arm %s: %w", arm, err)
}
