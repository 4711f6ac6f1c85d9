package verify

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"grpcbench/internal/metric"
	"grpcbench/internal/result"
	"grpcbench/internal/stats"
)

// What the long proofs repeat.
const (
	equalRuns  = 20 // with and without a neighbour, each
	changeRuns = 10
	// mostWrong is the share of verdicts on equal servers, in percent, that may be
	// wrong: each is wrong in 1 % at most, and those of one run come together.
	mostWrong = 3
	// change is by how much one server costs more CPU than the other.
	change = 0.05
)

// brief is what the runs of long proofs have in common.
var brief = []string{"--tls", "off", "--window", "1s", "--warmup", "500ms"}

// servers measures two servers that spend the given CPU time in an RPC, and the A/A arm.
func (o Options) servers(ctx context.Context, first, second time.Duration, epochs string) (result.Result, error) {
	return o.Run(ctx, slices.Concat(brief, []string{"--epochs", epochs, "--vary", "server-binary=" +
		fmt.Sprintf(o.Self, first.Nanoseconds()) + "," + fmt.Sprintf(o.Self, second.Nanoseconds())})...)
}

// timed are the figures that a machine moves. Bytes and allocations hardly err, and would
// hide among them how often the others do.
func timed(name string) bool { return !metric.Lasts(name) }

func decided(c result.Comparison) bool {
	return c.Verdict == string(stats.Slower) || c.Verdict == string(stats.Faster)
}

// equals is what measuring equal servers again and again came to.
type equals struct {
	verdicts, wrong int
	widths          []float64 // of the 95 % intervals, as ratios high/low
	busy            float64   // CPU time of others, in cores, summed over the epochs
	epochs          int
}

func (e *equals) add(r result.Result) {
	for _, c := range r.Comparisons {
		if !timed(c.Metric) || c.P == nil {
			continue
		}
		e.verdicts++
		if decided(c) {
			e.wrong++
		}
		if c.Low != nil && c.High != nil {
			e.widths = append(e.widths, *c.High / *c.Low)
		}
	}
	for _, m := range r.Machine.Epochs {
		if m.CompetingShare != nil {
			e.busy += *m.CompetingShare * float64(r.Machine.CPUs)
			e.epochs++
		}
	}
}

// wrongShare is in percent; none without a verdict.
func (e *equals) wrongShare() float64 { return 100 * float64(e.wrong) / float64(e.verdicts) }

// width is the typical width of an interval, on the scale of logarithms.
func (e *equals) width() float64 { return math.Log(stats.Median(e.widths)) }

// proveEqual: equal servers get verdicts as rarely as is promised, and as rarely when
// a neighbour keeps a core busy in bursts; it then takes wider intervals. Runs with and
// without the neighbour take turns.
func proveEqual(ctx context.Context, o Options) (a account, err error) {
	var alone, beside equals
	for range equalRuns {
		r, err := o.servers(ctx, ordinary, ordinary+1, "8")
		if err != nil {
			return a, err
		}
		alone.add(r)
		if r, err = o.withNeighbour(ctx, ordinary, ordinary+1, "8"); err != nil {
			return a, err
		}
		beside.add(r)
	}
	a.want("verdicts in all", float64(alone.verdicts+beside.verdicts), 200, math.MaxFloat64)
	a.want("wrong verdicts, %", alone.wrongShare(), 0, mostWrong)
	a.want("wrong verdicts beside a neighbour, %", beside.wrongShare(), 0, mostWrong)
	// 0.4 on an idle machine; the processes measured take about half of it on two cores.
	a.want("the neighbour's CPU, cores", beside.busy/float64(beside.epochs)-alone.busy/float64(alone.epochs), 0.1, 0.5)
	a.want("intervals beside it, times as wide", beside.width()/alone.width(), 1, math.MaxFloat64)
	return a, nil
}

func (o Options) withNeighbour(ctx context.Context, first, second time.Duration, epochs string) (r result.Result, err error) {
	stop, err := o.Neighbour()
	if err != nil {
		return r, fmt.Errorf("start a neighbour: %w", err)
	}
	defer stop()
	return o.servers(ctx, first, second, epochs)
}

// proveChange: a twentieth more CPU is found by nearly every run, in as many epochs as
// its intervals take, at most 40.
func proveChange(ctx context.Context, o Options) (a account, err error) {
	work, err := a.calibrate(ctx, o, change)
	if err != nil {
		return a, err
	}
	found, ratios, epochs := 0, []float64{}, []float64{}
	for range changeRuns {
		r, err := o.servers(ctx, ordinary, ordinary+work, "8..40")
		if err != nil {
			return a, err
		}
		a.heed(r)
		for _, c := range r.Comparisons {
			if arm, _ := r.Plan.Arm(c.Arm); arm.AA || c.Metric != metric.ServerCPU {
				continue
			}
			ratios, epochs = append(ratios, or(c.Ratio)), append(epochs, float64(c.Epochs))
			if c.Verdict == string(stats.Slower) {
				found++
			}
		}
	}
	a.want(fmt.Sprintf("runs of %d that find it", changeRuns), float64(found), changeRuns-1, changeRuns)
	a.want("server CPU/RPC, median, % of control", 100*stats.Median(ratios), 103, 109)
	a.want("epochs that it took, median", stats.Median(epochs), 8, 40)
	return a, nil
}

// calibrate returns the CPU time that is the given share of what an RPC costs the
// server here.
func (a *account) calibrate(ctx context.Context, o Options, share float64) (time.Duration, error) {
	r, err := o.servers(ctx, ordinary, ordinary+1, "2")
	if err != nil {
		return 0, err
	}
	a.heed(r)
	if len(r.Arms) == 0 || r.Arms[0].ServerCPU == nil {
		return 0, errors.New("the CPU time of a server cannot be read here")
	}
	return time.Duration(share * *r.Arms[0].ServerCPU), nil
}
