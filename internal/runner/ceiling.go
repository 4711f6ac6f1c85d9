package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"grpcbench/internal/ceiling"
	"grpcbench/internal/hist"
	"grpcbench/internal/metric"
	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
	"grpcbench/internal/result"
	"grpcbench/internal/worker"
)

// block is one window of a ceiling's epoch.
type block struct {
	callers   int     // 0 in an open loop
	rate      float64 // 0 in a closed loop
	search    bool
	disturbed []ceiling.Disturbance
	again     bool  // it was measured again: nothing is estimated from it
	start     int64 // instant of its window
	measured  *worker.Measured
	server    [2]*worker.Reading
	room      float64 // CPUs that the server may use at once; 0: not known
	showed    result.Step
}

// errCut ends a climb that cannot go on: what failed is the arm's, or nothing did and
// the run was interrupted.
var errCut = errors.New("the climb was cut short")

// climb measures the windows of one epoch of a ceiling. Each arm has the machine for
// itself in its windows, whose order is random: arm by arm the machine's state would
// differ, and so would that of few callers from that of many. It is false if it was cut
// short.
func (r *run) climb(ctx context.Context, e *epoch, order *rand.Rand) (whole bool) {
	e.start = r.machine.Now()
	for _, a := range e.arms {
		if a.account(worker.DoAccount); a.failed != nil {
			return false
		}
	}
	w := r.machine.Watch(r.pids(e)...)
	defer func() {
		i := w.Stop()
		e.machine = &i
	}()
	var err error
	if len(r.plan.Ceiling.SLO) == 0 {
		err = r.crowd(ctx, e, order)
	} else {
		err = r.rates(ctx, e, order)
	}
	return err == nil
}

// step is one window to come.
type step struct {
	arm int
	block
}

// shuffled measures steps in random order.
func (r *run) shuffled(ctx context.Context, e *epoch, order *rand.Rand, steps []step) error {
	order.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
	for _, s := range steps {
		if _, err := r.undisturbed(ctx, e, e.arms[s.arm], s.block); err != nil {
			return err
		}
	}
	return nil
}

// crowd measures every number of callers.
func (r *run) crowd(ctx context.Context, e *epoch, order *rand.Rand) error {
	var steps []step
	for i := range e.arms {
		for _, n := range r.plan.Ceiling.Callers() {
			steps = append(steps, step{i, block{callers: n}})
		}
	}
	return r.shuffled(ctx, e, order, steps)
}

// rates searches, in the first epoch, and measures the rates around what was found.
func (r *run) rates(ctx context.Context, e *epoch, order *rand.Rand) error {
	c := r.plan.Ceiling
	s := ceiling.Search{First: c.FirstRate, Least: r.plan.LeastRate(), Most: c.MaxRate}
	if e.index == 0 {
		r.grids = make([][]float64, len(e.arms))
		for _, i := range order.Perm(len(e.arms)) {
			found, err := s.Find(func(rate float64) (bool, error) {
				b, err := r.undisturbed(ctx, e, e.arms[i], block{rate: rate, search: true})
				return err == nil && b.Keeps(c.SLO), err
			})
			if err != nil {
				return err
			}
			r.grids[i] = s.Grid(found)
		}
		r.curves.began = time.Since(r.began)
	}
	r.curves.todo, r.curves.epoch = r.grid(), e.index+1
	var steps []step
	for i, grid := range r.grids {
		for _, rate := range grid {
			steps = append(steps, step{i, block{rate: rate}})
		}
	}
	if err := r.shuffled(ctx, e, order, steps); err != nil {
		return err
	}
	for i, a := range e.arms {
		for rate, more := s.Further(r.points(a)); more; rate, more = s.Further(r.points(a)) {
			if _, err := r.undisturbed(ctx, e, a, block{rate: rate}); err != nil {
				return err
			}
			// The later epochs measure it too: a rate that only the better ones are asked
			// at would seem better than it is.
			r.grids[i] = append(r.grids[i], rate)
		}
	}
	return nil
}

// undisturbed measures a window, again if the machine disturbed it, within bounds.
func (r *run) undisturbed(ctx context.Context, e *epoch, a *armEpoch, b block) (result.Step, error) {
	for attempt := 1; ; attempt++ {
		s, err := r.block(ctx, e, a, b)
		if err != nil || b.rate == 0 {
			return s, err
		}
		last := &a.blocks[len(a.blocks)-1]
		if last.again = r.repeats.Again(attempt, len(last.disturbed) > 0); last.again {
			continue
		}
		if !b.search {
			r.curves.measured(r.planned(b.rate))
		}
		return s, nil
	}
}

// seen is what was observed of the machine during a window. Where a server is among the
// others these are not told apart from it.
func (r *run) seen(e *epoch, i probe.Interval) ceiling.Seen {
	s := ceiling.Seen{Stall: i.HiccupMax, Steal: i.StealShare, Others: i.CompetingShare, CPUs: i.CPUs}
	own := probe.LocalAddresses()
	for _, a := range e.arms {
		if a.host == nil && len(a.pids) == 0 && slices.ContainsFunc(a.connected, func(c connection) bool { return own.Has(c.Link.Remote) }) {
			s.Others = nil
		}
	}
	return s
}

// stall is the shortest one that breaks a limit of the SLO alone, in a window of a length:
// it delays all RPCs that are due in it, and those of its last part by less than the limit.
func stall(c plan.Ceiling, window time.Duration) time.Duration {
	shortest := time.Duration(math.MaxInt64)
	for _, t := range c.SLO {
		if t.Metric != metric.Failed {
			shortest = min(shortest, time.Duration(t.Value+t.Allows()*float64(window)))
		}
	}
	return shortest
}

// points are what the windows of a's epoch say of the SLO; those of the search are not
// among them, nor those that were measured again.
func (r *run) points(a *armEpoch) []ceiling.Point {
	var points []ceiling.Point
	for i := range a.blocks {
		if b := &a.blocks[i]; !b.search && !b.again {
			points = append(points, b.showed.Point(r.plan.Ceiling.SLO, 1))
		}
	}
	return points
}

// block measures one window and takes the account of what was counted until then.
func (r *run) block(ctx context.Context, e *epoch, a *armEpoch, b block) (result.Step, error) {
	if ctx.Err() != nil {
		return result.Step{}, errCut
	}
	if e.index == 0 && !r.hasTime(r.planned(b.rate)) {
		a.fail(fmt.Errorf("--max-time %v was up in the first epoch, before there was a whole one: raise it, or use a shorter --window", r.plan.MaxTime))
		return result.Step{}, errCut
	}
	load := r.plan.Load
	load.Concurrency, load.Rate = b.callers, b.rate
	if b.rate > 0 {
		load.MaxInFlight = r.plan.SearchInFlight(b.rate)
		r.progress(fmt.Sprintf("%s at %.4g RPC/s", a.arm.Name, b.rate), e.index)
	} else {
		r.progress(fmt.Sprintf("%s with %d callers", a.arm.Name, b.callers), e.index)
	}
	at := probe.Monotonic() + int64(lead)
	length := r.plan.WindowAt(b.rate)
	window := []int64{at + int64(r.plan.Warmup), at + int64(r.plan.Warmup+length)}
	b.start = window[0]
	seed := plan.ArmSeed(r.plan.Seed, e.index, fmt.Sprintf("%s\x00%d", a.arm.Name, len(a.blocks)))
	var wg sync.WaitGroup
	wg.Go(func() { b.server = r.mark(ctx, a, window) })
	serverCPUs := r.machine.CPUsOf(a.serverProcesses())
	b.room = serverCPUs.Room()
	if shared, ok := r.machine.CPUsOf([]int{a.gen.pid()}).Overlap(serverCPUs); ok {
		a.cpusShared = &shared
	}
	if b.rate > 0 {
		wg.Go(func() {
			if i := r.watch(ctx, e, []int64{at, window[1]}); i != nil {
				b.disturbed = r.seen(e, *i).Disturbed(stall(*r.plan.Ceiling, length))
			}
		})
	}
	var m worker.Measured
	// Not ctx: an interrupted arm still answers, soon.
	err := a.gen.ask(context.WithoutCancel(ctx), worker.Order{Do: worker.DoRun,
		Run: &worker.Run{Start: at, Block: &worker.Block{Load: load, Seed: seed, Window: length}}},
		time.Duration(window[1]-probe.Monotonic())+r.plan.Drain+orderLimit, &m)
	wg.Wait()
	if err != nil {
		a.fail(err)
		return result.Step{}, errCut
	}
	b.measured = &m
	a.account(worker.DoAccount)
	if b.showed, err = b.step(r.plan); err != nil {
		a.fail(err)
		return result.Step{}, errCut
	}
	a.blocks = append(a.blocks, b)
	if len(a.blocks) == 1 && e.blocks() == 1 {
		e.start = r.machine.Now().Add(time.Duration(b.start - probe.Monotonic()))
	}
	r.stillThere(ctx, a, m)
	if a.failed != nil || ctx.Err() != nil || m.Stopped {
		return result.Step{}, errCut
	}
	return b.showed, nil
}

// stillThere asks a server of which no RPC of a window ended well for one more: one that
// is gone has no ceiling.
func (r *run) stillThere(ctx context.Context, a *armEpoch, m worker.Measured) {
	if a.failed != nil || ctx.Err() != nil || m.Stopped || m.Ledger.Scheduled == 0 || m.Ledger.OK > 0 {
		return
	}
	if err := a.gen.ask(ctx, worker.Order{Do: worker.DoProbe}, probeLimit(a), nil); err != nil && ctx.Err() == nil {
		what := "no RPC was ok"
		if result.ServerGone(m.Ledger) {
			what = "the server was gone"
		}
		a.fail(fmt.Errorf("%s: none of %d RPCs of a window ended well, nor did one more: %w", what, m.Ledger.Scheduled, err))
	}
}

// blocks counts the windows of all arms.
func (e *epoch) blocks() (n int) {
	for _, a := range e.arms {
		n += len(a.blocks)
	}
	return n
}

// step is what a block showed.
func (b *block) step(p plan.Plan) (result.Step, error) {
	m := b.measured
	s := result.Step{Callers: b.callers, Rate: b.rate, Growth: max(0, m.InFlight[1]-m.InFlight[0])}
	s.Ledger.Add(m.Ledger)
	over, err := overs(p.Ceiling.SLO, m)
	if err != nil {
		return s, err
	}
	s.Over = over
	sums := windowSums(m)
	sums.Service, sums.GC = hist.Encoded{}, result.Quotient{}
	if m.Stopped {
		sums.ClientTime = result.Quotient{}
	} else {
		sums.ClientCPU, sums.ServerCPU = result.Spent(withoutPacer(m), m.Ledger.Scheduled), result.Spent(used(b.server), m.Ledger.Scheduled)
		sums.ServerTime = result.Spent(used(b.server), int64(float64(m.Elapsed)*cmp.Or(b.room, m.Capacity)))
	}
	return result.NewStep(s, sums)
}

// overs counts the RPCs of a window that broke each limit of an SLO; nil: there is none.
func overs(slo []plan.Threshold, m *worker.Measured) ([]int64, error) {
	if len(slo) == 0 {
		return nil, nil
	}
	latency, err := hist.Decode(m.Latency)
	if err != nil {
		return nil, err
	}
	over := make([]int64, len(slo))
	for i, limit := range slo {
		over[i] = m.Ledger.Scheduled - m.Ledger.OK
		switch {
		case limit.Metric == metric.Failed:
		case limit.Op == "<":
			over[i] += latency.AtLeast(int64(math.Ceil(limit.Value)))
		default:
			over[i] += latency.AtLeast(int64(limit.Value) + 1)
		}
	}
	return over, nil
}

// resultBlocks are the windows of an arm's epoch as they are stored.
func (a *armEpoch) resultBlocks(p plan.Plan, first int64) (all []result.Block) {
	for _, b := range a.blocks {
		block := result.Block{Step: b.showed, Search: b.search, Disturbed: b.disturbed, Again: b.again, Start: b.start - first, Interrupted: b.measured.Stopped}
		if b.measured.Window != p.Window {
			block.Length = int64(b.measured.Window)
		}
		all = append(all, block)
	}
	return all
}

// first is when the first window of an epoch began, of all arms.
func (e *epoch) first() int64 {
	first := int64(math.MaxInt64)
	for _, a := range e.arms {
		for _, b := range a.blocks {
			first = min(first, b.start)
		}
	}
	return first
}

// offset is how long after the epoch's first window the arm's window i began.
func (a *armEpoch) offset(i int, first int64) int64 {
	if len(a.blocks) == 0 {
		return 0
	}
	return a.blocks[i].start - first
}

// stopped says whether a window was cut short.
func (a *armEpoch) stopped() bool {
	return slices.ContainsFunc(a.windows(), func(m *worker.Measured) bool { return m.Stopped })
}
