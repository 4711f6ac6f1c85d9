package runner

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"grpcbench/internal/load"
	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
	"grpcbench/internal/worker"
	benchv1 "grpcbench/proto/bench/v1"
)

const (
	// orderLimit bounds orders that take a child a moment.
	orderLimit = 10 * time.Second
	// lead is how far ahead a common start is set, besides leadPerArm: every child
	// must have its order by then.
	lead       = 20 * time.Millisecond
	leadPerArm = 2 * time.Millisecond
	// settle is waited after a connection stands, so that what its server still
	// does for it is read with it.
	settle = time.Millisecond
	// parallelStarts is how many children are started at once.
	parallelStarts = 4
)

// epoch is one repetition of all arms.
type epoch struct {
	index       int
	start       time.Time     // of the window
	arms        []*armEpoch   // in the plan's order
	took        time.Duration // of a handshake plan: to open the connections one at a time
	machine     *probe.Interval
	interrupted bool
}

// armEpoch is what one arm's processes showed in one epoch. Nil means that it
// could not be had.
type armEpoch struct {
	arm       plan.Arm
	host      *process // nil with a target
	gen       *process
	address   string
	hostCodec string
	pids      []int           // of the server's processes
	named     []probe.Process // those of them that were there already
	sha256    string          // of the server binary's file
	printed   []string        // the first lines that it printed before its address, harmless
	connected []connection
	probed    *worker.Probed // in the first epoch
	holders   *bool          // whether --server-pid was seen to hold the connections
	stranger  string         // who else holds them, in a later epoch than the first
	// cpusShared is whether generator and server may run on one CPU, of a ceiling; nil: not known.
	cpusShared *bool
	book       *book          // of a handshake plan
	silent     int            // connections of a handshake plan, the latest, that had no answer
	rushed     *worker.Rushed // of a handshake plan
	rushWhole  bool           // nothing cut rushed short
	measured   *worker.Measured
	server     [2]*worker.Reading // at the window's ends
	blocks     []block            // of a ceiling, in place of measured
	saturated  *worker.Saturated
	satServer  [2]*worker.Reading
	// finished and snapshot are what both sides counted, up to the same moment: the
	// epoch's end or, if the generator failed before it, the window's.
	finished *worker.Finished
	snapshot *benchv1.SnapshotResponse
	// counted is what a server that is not bundled counted over the generator's life, of
	// whomever; nil: it does not tell.
	counted *benchv1.SnapshotResponse
	failed  error // why one of the processes tells no more, if it was the window that was measured
}

// connection is one opened connection with both sides' costs.
type connection struct {
	worker.Connected
	serverCPU *int64
}

// epoch runs one repetition with fresh processes. It returns what was measured
// and what went wrong. A repetition is one of all arms at once: it is nil unless
// every generator has measured its window. What fails after that, and a server
// that fails in it, leaves the windows as they are.
func (r *run) epoch(ctx context.Context, index int) (*epoch, error) {
	if r.handshakes() {
		return r.handshakeEpoch(ctx, index)
	}
	began := time.Now()
	e := &epoch{index: index}
	// Everything random about an epoch but the arrivals, which have seeds of their
	// own.
	order := rand.New(rand.NewPCG(r.plan.Seed, uint64(index)))
	defer func() { stopAll(e.processes()) }()
	r.progress("starting", index)
	if err := r.start(ctx, e, order); err != nil {
		return nil, r.unlessStopped(ctx, err)
	}
	r.progress("connecting", index)
	err := r.connect(ctx, e, order)
	if err == nil {
		err = r.look(ctx, e)
	}
	if index == 0 {
		err = r.preflight(ctx, e, err)
	} else if err == nil {
		e.hold()
	}
	if err != nil {
		return nil, r.unlessStopped(ctx, err)
	}
	if ctx.Err() != nil {
		return nil, nil
	}
	defer context.AfterFunc(ctx, e.interrupt)()
	if r.plan.Kind == plan.KindCeiling {
		if e.interrupted = !r.climb(ctx, e, order); e.blocks() == 0 {
			return nil, r.failure(e)
		}
	} else if err := r.measure(ctx, e); err != nil {
		return nil, err
	}
	if ctx.Err() == nil && r.plan.Saturated > 0 {
		r.progress("saturating", index)
		r.saturate(ctx, e, order)
	}
	e.interrupted = e.interrupted || ctx.Err() != nil
	r.progress("finishing", index)
	for _, a := range e.arms {
		a.account(worker.DoFinish)
	}
	r.took(time.Since(began))
	return e, r.failure(e)
}

// interrupt asks all processes to end early what they do.
func (e *epoch) interrupt() {
	for _, p := range e.processes() {
		p.interrupt()
	}
}

// unlessStopped keeps an error that is not just the echo of an interrupt.
func (r *run) unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (e *epoch) processes() []*process {
	var all []*process
	for _, a := range e.arms {
		for _, p := range []*process{a.host, a.gen} {
			if p != nil {
				all = append(all, p)
			}
		}
	}
	return all
}

// start starts every arm's processes, in random order.
func (r *run) start(ctx context.Context, e *epoch, order *rand.Rand) error {
	for _, a := range r.plan.Arms {
		e.arms = append(e.arms, &armEpoch{arm: a, book: newBook()})
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelStarts)
	for _, i := range order.Perm(len(e.arms)) {
		group.Go(func() error { return r.armErr(e.arms[i].arm.Name, r.startArm(ctx, e, i)) })
	}
	return group.Wait()
}

func (r *run) startArm(ctx context.Context, e *epoch, i int) error {
	a := e.arms[i]
	err := r.startHost(ctx, a)
	if err != nil {
		return err
	}
	if a.gen, err = start(r.options.Command, Generator, "generator of arm "+a.arm.Name, r.secrets); err != nil {
		return err
	}
	return a.gen.ask(ctx, worker.Order{Do: worker.DoSetup, Setup: r.trial(a.arm, i, e.index, a.address)}, orderLimit, nil)
}

// connect opens the connections of all arms one at a time in random order:
// opened together they would measure the queue they form.
func (r *run) connect(ctx context.Context, e *epoch, order *rand.Rand) error {
	type one struct {
		arm   *armEpoch
		index int
	}
	var all []one
	for _, a := range e.arms {
		for i := range a.arm.Settings.Connections {
			all = append(all, one{a, i})
		}
	}
	order.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, c := range all {
		// With resumption the connection is opened once for its ticket, which the
		// one that is measured then presents.
		for _, ticket := range []bool{true, false} {
			if ticket && !c.arm.arm.Settings.Resumption {
				continue
			}
			if err := c.arm.open(ctx, worker.Connect{Index: c.index, Ticket: ticket}, worker.ConnectLimit(r.plan.ConnectTimeout)); err != nil {
				return r.armErr(c.arm.arm.Name, err)
			}
		}
	}
	return nil
}

// open opens one connection and reads the server's clock around it.
func (a *armEpoch) open(ctx context.Context, c worker.Connect, limit time.Duration) error {
	before, ok := a.usage(probe.Usage{})
	made := connection{}
	if err := a.gen.ask(ctx, worker.Order{Do: worker.DoConnect, Connect: &c}, limit, &made.Connected); err != nil {
		return err
	}
	time.Sleep(settle)
	made.serverCPU = a.spent(before, ok)
	a.connected = append(a.connected, made)
	return nil
}

// windows are those that the arm has measured.
func (a *armEpoch) windows() []*worker.Measured {
	var all []*worker.Measured
	if a.measured != nil {
		all = append(all, a.measured)
	}
	for _, b := range a.blocks {
		all = append(all, b.measured)
	}
	return all
}

// serverProcesses are those of the arm's server, if they are known.
func (a *armEpoch) serverProcesses() []int {
	if a.bundled() {
		return a.pids // of the host itself
	}
	return a.targetProcesses()
}

// bundled says whether the arm's server is one of ours, which tells what it saw.
func (a *armEpoch) bundled() bool { return a.host != nil && a.arm.Settings.ServerBinary == "" }

// preflight makes one RPC of each arm before any load. connected is how opening
// the connections ended, which is the first part of it.
func (r *run) preflight(ctx context.Context, e *epoch, connected error) error {
	if connected != nil {
		return fmt.Errorf("%w: %w", ErrPreflight, connected)
	}
	r.progress("preflight", e.index)
	for _, a := range e.arms {
		if err := a.checkHolders(a.links()...); err != nil {
			return fmt.Errorf("%w: %w", ErrPreflight, err)
		}
	}
	for _, a := range e.arms {
		if err := a.gen.ask(ctx, worker.Order{Do: worker.DoProbe}, probeLimit(a), &a.probed); err != nil {
			return fmt.Errorf("%w: %w", ErrPreflight, r.armErr(a.arm.Name, err))
		}
	}
	return nil
}

// links are those of the connections that a has opened.
func (a *armEpoch) links() []worker.Link {
	links := make([]worker.Link, len(a.connected))
	for i, c := range a.connected {
		links[i] = c.Link
	}
	return links
}

// hold asks anew, in a later epoch, who holds the connections: several servers may share a
// port, and another one may have it by now. It leaves a server of which nothing is known.
func (e *epoch) hold() {
	for _, a := range e.arms {
		if err := a.checkHolders(a.links()...); err != nil {
			a.stranger, a.pids = err.Error(), nil
		}
	}
}

// probeLimit bounds the order for a preflight.
func probeLimit(a *armEpoch) time.Duration {
	return worker.ProbeLimit(a.arm.Settings.Deadline) + orderLimit
}

// measure gives all arms a common start, waits for their windows and takes the
// account of what was counted until then.
func (r *run) measure(ctx context.Context, e *epoch) error {
	r.progress("measuring", e.index)
	at := probe.Monotonic() + int64(lead+leadPerArm*time.Duration(len(e.arms)))
	window := []int64{at + int64(r.plan.Warmup), at + int64(r.plan.Warmup+r.plan.Window)}
	e.start = r.machine.Now().Add(time.Duration(window[0] - probe.Monotonic()))
	limit := time.Duration(window[1]-probe.Monotonic()) + r.plan.Drain + orderLimit
	var observers sync.WaitGroup
	observers.Go(func() { e.machine = r.watch(ctx, e, window) })
	for _, a := range e.arms {
		observers.Go(func() { a.server = r.mark(ctx, a, window) })
	}
	group := errgroup.Group{}
	for _, a := range e.arms {
		group.Go(func() error {
			var m worker.Measured
			// Not ctx: an interrupted arm still answers, soon.
			err := a.gen.ask(context.WithoutCancel(ctx), worker.Order{Do: worker.DoRun, Run: &worker.Run{Start: at}}, limit+r.renewing(a), &m)
			a.measured = &m
			return r.armErr(a.arm.Name, err)
		})
	}
	err := group.Wait()
	observers.Wait()
	if err != nil {
		return err
	}
	for _, a := range e.arms {
		if a.account(worker.DoAccount); a.finished == nil {
			return r.armErr(a.arm.Name, a.failed)
		}
	}
	return nil
}

// renewing is how long the connections of an arm may take, after a window, that are made
// in place of others.
func (r *run) renewing(a *armEpoch) time.Duration {
	if !a.arm.Settings.Churns() {
		return 0
	}
	return worker.RenewLimit(r.plan.ConnectTimeout)
}

// account asks both sides what they have counted. A generator that does not tell
// leaves the account as it was, since the server's own would not fit to it; a
// server that does not leaves none of its own.
func (a *armEpoch) account(do string) {
	var f worker.Finished
	if err := a.gen.ask(context.Background(), worker.Order{Do: do}, orderLimit, &f); err != nil {
		a.fail(err)
		return
	}
	a.finished, a.snapshot, a.counted = &f, nil, nil
	if !a.bundled() {
		if f.Counted != nil {
			a.counted = f.Counted.SnapshotResponse
		}
		return
	}
	var s worker.Snapshot
	if err := a.host.ask(context.Background(), worker.Order{Do: worker.DoSnapshot}, orderLimit, &s); err != nil {
		a.fail(err)
		return
	}
	a.snapshot = s.SnapshotResponse
}

// fail notes the first failure.
func (a *armEpoch) fail(err error) {
	if a.failed == nil {
		a.failed = err
	}
}

// mark reads the server's clocks at the given two instants.
func (r *run) mark(ctx context.Context, a *armEpoch, at []int64) (read [2]*worker.Reading) {
	if a.host == nil {
		return r.markTarget(ctx, a, at)
	}
	var readings []worker.Reading
	limit := time.Duration(at[1]-probe.Monotonic()) + orderLimit
	// Not ctx: an interrupted host still answers, at once.
	err := a.host.ask(context.WithoutCancel(ctx), worker.Order{Do: worker.DoMark, Mark: &worker.Mark{At: at}}, limit, &readings)
	if err != nil || len(readings) != len(read) {
		if ctx.Err() == nil && err != nil {
			a.fail(r.withoutSecrets(a, err))
		}
		return read
	}
	return [2]*worker.Reading{&readings[0], &readings[1]}
}

// watch observes the machine during the window; nil if it was cut short.
func (r *run) watch(ctx context.Context, e *epoch, window []int64) *probe.Interval {
	if !sleepUntil(ctx, window[0]) {
		return nil
	}
	w := r.machine.Watch(r.pids(e)...)
	whole := sleepUntil(ctx, window[1])
	i := w.Stop()
	if !whole {
		return nil
	}
	return &i
}

// pids are the processes of an epoch, those of servers included.
func (r *run) pids(e *epoch) (pids []int) {
	for _, p := range e.processes() {
		pids = append(pids, p.pid())
	}
	for _, a := range e.arms {
		if !a.bundled() {
			pids = append(pids, a.serverProcesses()...)
		}
	}
	return pids
}

// sleepUntil is load.Sleep until an instant.
func sleepUntil(ctx context.Context, instant int64) bool {
	return load.Sleep(ctx, time.Duration(instant-probe.Monotonic()))
}

// saturate gives each arm the machine for itself, in random order. A block that
// was interrupted, or in which a process failed, has no figures.
func (r *run) saturate(ctx context.Context, e *epoch, order *rand.Rand) {
	for _, i := range order.Perm(len(e.arms)) {
		a := e.arms[i]
		var got worker.Saturated
		if r.atFullSpeed(ctx, a, worker.DoSaturate, &got) && a.failed == nil && ctx.Err() == nil {
			a.saturated = &got
		}
	}
}

// atFullSpeed has arm a carry out a saturated block, whose answer goes into got, and
// reads its server's clocks around the measured part; it reports whether there is an
// answer. An arm that has failed, or a run that is interrupted, has no block.
func (r *run) atFullSpeed(ctx context.Context, a *armEpoch, do string, got any) bool {
	if ctx.Err() != nil || a.failed != nil {
		return false
	}
	s := worker.Saturate{Start: probe.Monotonic() + int64(lead), Length: r.plan.Saturated, Concurrency: r.plan.Load.Concurrency}
	from, to := s.Measure()
	limit := r.plan.Saturated + r.plan.Drain + orderLimit + r.renewing(a)
	if r.handshakes() {
		limit += 2 * r.plan.Handshakes.Timeout
	}
	var wg sync.WaitGroup
	wg.Go(func() { a.satServer = r.mark(ctx, a, []int64{from, to}) })
	// Not ctx: an interrupted generator still answers, soon.
	err := a.gen.ask(context.WithoutCancel(ctx), worker.Order{Do: do, Saturate: &s}, limit, got)
	wg.Wait()
	if err != nil {
		a.fail(err)
	}
	return err == nil
}

// failure is that of the first arm that has one; nil if none has.
func (r *run) failure(e *epoch) error {
	for _, a := range e.arms {
		if a.failed != nil {
			return r.armErr(a.arm.Name, a.failed)
		}
	}
	return nil
}
