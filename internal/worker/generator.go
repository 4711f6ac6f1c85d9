package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"grpcbench/internal/call"
	"grpcbench/internal/channel"
	"grpcbench/internal/codec"
	"grpcbench/internal/hist"
	"grpcbench/internal/load"
	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
)

// Generate carries out orders for one arm's generator until in ends.
func Generate(ctx context.Context, in io.Reader, out io.Writer) error {
	g := &generator{}
	defer g.close()
	return obey(ctx, in, out, g.handle, g.interrupt)
}

// generator is the state of one arm's generator process.
type generator struct {
	trial    Trial
	options  call.Options
	configs  []func() (channel.Options, error)
	channels []link
	atStart  []channel.Connection // of each channel, when the clock started
	counters *codec.Counters
	engine   engine
	inUse    bool    // the channels are the engine's
	shaken   opening // of a handshake plan
	runtime  probe.Runtime
	total    load.Ledger
	churn    churn
	backends backends
	evidence evidence
	// presented: a server asked for the client certificate.
	presented atomic.Bool

	interruptible
}

func (g *generator) close() {
	g.shaken.drop()
	for _, c := range g.channels {
		if c != nil {
			_ = c.Close() // the process ends; nothing is lost by a connection that will not close
		}
	}
}

func (g *generator) handle(ctx context.Context, o Order, send func(part any) error) (any, error) {
	switch {
	case o.Do == DoSetup && o.Setup != nil && g.counters == nil:
		return struct{}{}, g.setup(*o.Setup)
	case g.counters == nil:
		return nil, fmt.Errorf("order %q: must come after setup", o.Do)
	case o.Do == DoConnect && o.Connect != nil:
		return g.connect(ctx, *o.Connect)
	case o.Do == DoLook:
		return struct{}{}, g.look(ctx)
	case o.Do == DoProbe:
		return g.probe(ctx)
	case o.Do == DoRun && o.Run != nil:
		return g.run(ctx, *o.Run, send)
	case o.Do == DoSaturate && o.Saturate != nil:
		return g.saturate(ctx, *o.Saturate)
	case o.Do == DoShake && o.Shake != nil:
		return g.shake(ctx, *o.Shake)
	case o.Do == DoAsk:
		return g.ask(ctx)
	case o.Do == DoRush && o.Saturate != nil:
		return g.rush(ctx, *o.Saturate)
	case o.Do == DoAccount:
		return g.account(ctx), nil
	case o.Do == DoFinish:
		return g.finish(ctx), nil
	}
	return nil, fmt.Errorf("order %q: not known to a generator", o.Do)
}

// How far a generator's heap grows over what lives in it before it is collected.
// What lives is small and constant, and collections are lag.
const (
	// At 400 a generator at full speed took 126 MB, twice what is promised.
	grpcGCPercent = 150
	// The wire engine allocates nothing for an RPC: what is collected are the folded
	// seconds of a long window.
	wireGCPercent = 10
)

func (g *generator) setup(t Trial) error {
	var err error
	if g.options, err = Options(t.Settings, t.Secrets, t.Request, t.Body); err != nil {
		return err
	}
	g.options.Expect = t.Expect
	g.trial = t
	g.counters = codec.Install(t.Settings.Accepts(), t.Settings.Compression)
	if g.engine, err = g.newEngine(); err != nil {
		return err
	}
	g.channels = make([]link, t.Connections)
	g.configs = make([]func() (channel.Options, error), t.Connections)
	for i := range g.configs {
		g.configs[i] = sync.OnceValues(func() (channel.Options, error) { return t.Channel(&g.presented) })
	}
	return nil
}

func (g *generator) newEngine() (engine, error) {
	if g.trial.Settings.Engine == plan.Wire {
		debug.SetGCPercent(wireGCPercent)
		return newWireEngine(g.options)
	}
	debug.SetGCPercent(grpcGCPercent)
	return &grpcEngine{options: g.options, counters: g.counters, churns: g.trial.Settings.Churns()}, nil
}

// connect opens one connection, and times nothing else meanwhile.
func (g *generator) connect(ctx context.Context, c Connect) (any, error) {
	if c.Index < 0 || c.Index >= len(g.channels) {
		return nil, fmt.Errorf("connection %d: must be in [0, %d)", c.Index, len(g.channels))
	}
	options, err := g.configs[c.Index]()
	if err != nil {
		return nil, err
	}
	options.Limit = g.limitOf(c.Index)
	if !c.Ticket {
		options.Made = g.backends.made
	}
	before, ok := probe.ProcessCPU()
	ch, err := g.engine.open(ctx, options)
	if err != nil {
		return nil, err
	}
	made := Connected{}
	if after, still := probe.ProcessCPU(); ok && still {
		used := after - before
		made.CPU = &used
	}
	made.Sent, made.Received = ch.Bytes()
	first := ch.Connections()[0]
	made.TCP, made.TLS, made.HTTP2, made.Link = first.TCP, first.TLS, first.HTTP2, LinkOf(first)
	if c.Ticket {
		return made, ch.Close()
	}
	g.channels[c.Index] = ch
	return made, nil
}

// look asks the server what it had counted before the first RPC.
func (g *generator) look(ctx context.Context) error {
	ctx, cancel := g.until(ctx)
	defer cancel()
	g.evidence.look(ctx, g.trial)
	return nil
}

// prepare gives the channels to the engine once all connections stand.
func (g *generator) prepare() error {
	if g.inUse {
		return nil
	}
	for i, c := range g.channels {
		if c == nil {
			return fmt.Errorf("connection %d: must be open before anything is measured", i)
		}
		all := c.Connections()
		g.atStart = append(g.atStart, all[len(all)-1])
	}
	g.inUse = true
	debug.FreeOSMemory() // what the handshakes took
	return g.engine.use(g.channels)
}

// finish gives the last account and closes the connections.
func (g *generator) finish(ctx context.Context) Finished {
	f := g.account(ctx)
	g.close()
	g.channels, g.engine = nil, nil
	return f
}

// account is what the generator did so far.
func (g *generator) account(ctx context.Context) Finished {
	f := Finished{Total: g.total, Method: g.options.Name(), Codec: g.trial.Settings.Compression.Implementation(), Backends: g.backends.all()}
	for i, c := range g.channels {
		if c == nil {
			continue
		}
		f.Reconnects += c.Reconnects()
		f.GoAways.Add(c.GoAways()...)
		f.Refused += c.Refused()
		if s := c.Settings(); s != nil {
			f.Settings = append(f.Settings, s)
		}
		if i < len(g.atStart) {
			link := LinkOf(g.atStart[i])
			link.ClientCertificate = g.presented.Load()
			f.Links = append(f.Links, link)
		}
	}
	if g.engine != nil {
		f.Compressed, f.Decompressed = g.engine.work()
		f.Received = g.engine.received()
	}
	if g.trial.Settings.Churns() {
		f.Replaced = g.churn.replaced(g.channels, g.presented.Load())
	}
	f.Counted = g.evidence.counted(ctx, g.trial)
	return f
}

func workOf(w codec.Work) Work {
	out := Work{Messages: w.Messages, In: w.BytesIn, Out: w.BytesOut}
	if cpu, ok := w.CPU(); ok {
		ns := int64(cpu)
		out.CPU = &ns
	}
	return out
}

// drainStopped is how long an interrupted run waits for calls in flight.
const drainStopped = time.Second

// edges collects readings at the window's two ends.
type edges struct {
	g       *generator
	at      [2]time.Time
	reading [2]Reading
	pacer   [2]*int64
	traffic [2]traffic
	begun   traffic  // before the first RPC of the warm-up
	quiet   *traffic // at the quiet moment; nil if there was none
	work    codec.Counts
}

// traffic is the bytes of all connections at one moment, without those of opening
// connections in place of others.
type traffic struct {
	sent, received int64
	load.Standing
}

func (g *generator) traffic() (t traffic) {
	sent, received := g.churn.bytes()
	t.sent, t.received = -sent, -received
	for _, c := range g.channels {
		sent, received := c.Bytes()
		t.sent += sent
		t.received += received
	}
	return t
}

// read is called at edge i; pacer says that the calling thread is the pacer's.
func (e *edges) read(i int, pacer bool) {
	e.at[i] = time.Now()
	e.reading[i] = read(&e.g.runtime)
	e.traffic[i] = e.g.traffic()
	if i == 0 {
		e.work = e.g.counters.Snapshot()
	}
	if ns, ok := probe.ThreadCPU(); ok && pacer {
		e.pacer[i] = &ns
	}
}

// whole says whether both ends were reached.
func (e *edges) whole() bool { return !e.at[0].IsZero() && !e.at[1].IsZero() }

// run makes the warm-up, the window and the drain.
func (g *generator) run(ctx context.Context, r Run, send func(part any) error) (any, error) {
	if err := g.prepare(); err != nil {
		return nil, err
	}
	ctx, cancel := g.until(ctx)
	defer cancel()
	if b := r.Block; b != nil {
		g.trial.Load, g.trial.Seed, g.trial.Window = b.Load, b.Seed, b.Window
	}
	e := &edges{g: g, begun: g.traffic()}
	start := commonStart(r.Start)
	g.churn.measure(start.Add(g.trial.Warmup), start.Add(g.trial.Warmup+g.trial.Window))
	wait := g.churning(ctx, start, g.trial.Warmup+g.trial.Window)
	outcome, err := g.loop(ctx, start, e, send)
	wait()
	if err != nil {
		return nil, err
	}
	g.total.Add(outcome.Warmup)
	g.total.Add(outcome.Window)
	return g.measured(outcome, e)
}

// commonStart is an instant as a time of this process's monotonic clock.
func commonStart(instant int64) time.Time {
	return time.Now().Add(time.Duration(instant - probe.Monotonic()))
}

// loop makes the RPCs, numbered on from those of earlier windows, so that no unique
// metadata comes again.
func (g *generator) loop(ctx context.Context, start time.Time, e *edges, send func(part any) error) (load.Outcome, error) {
	t := g.trial
	phases := load.Phases{Warmup: t.Warmup, Window: t.Window}
	open := t.Load.Loop == plan.Open
	at := load.Edges{Open: func() { e.read(0, open) }, Close: func() { e.read(1, open) },
		Second: func(iv load.Interval) error { return send(iv) }}
	if !open {
		l := load.ClosedLoop{Concurrency: t.Load.Concurrency, Connections: t.Connections, Clock: load.SleepClock{Start: start},
			Phases: phases, Drain: t.Drain, DrainStopped: drainStopped, Edges: at}
		return l.Run(ctx, g.engine.loop(g.total.Scheduled, true))
	}
	at.Quiet = func(started int64) bool {
		if !g.churn.still() {
			return false // half of a handshake would be taken for RPCs' bytes
		}
		e.quiet = new(g.traffic())
		e.quiet.Started = started
		return true
	}
	l := load.OpenLoop{Schedule: t.schedule(), Clock: load.NewPacer(start), Phases: phases, Connections: t.Connections,
		MaxInFlight: t.maxInFlight(), Drain: t.Drain, DrainStopped: drainStopped, Edges: at}
	var outcome load.Outcome
	var err error
	done := make(chan struct{})
	go func() { // the pacer's own: it keeps its thread until it ends
		defer close(done)
		outcome, err = l.Run(ctx, g.engine.loop(g.total.Scheduled, false))
	}()
	<-done
	return outcome, err
}

// afterFailureWait is how long a closed loop's caller waits, at most, before it
// asks a connection again that is not ready.
const afterFailureWait = 10 * time.Millisecond

func (t Trial) schedule() load.Schedule {
	end := t.Warmup + t.Window
	if t.Load.Arrival == plan.Uniform {
		return load.Uniform{Rate: t.Load.Rate, Duration: end, Phase: t.Phase}
	}
	return load.Poisson{Rate: t.Load.Rate, Duration: end, Seed: t.Seed}
}

// maxInFlight is the cap asked for, or room for 4 s of arrivals.
func (t Trial) maxInFlight() int {
	if t.Load.MaxInFlight > 0 {
		return t.Load.MaxInFlight
	}
	return max(1000, int(4*t.Load.Rate))
}

// measured puts together what one epoch of the arm showed.
func (g *generator) measured(o load.Outcome, e *edges) (any, error) {
	m := Measured{Window: g.trial.Window, Ledger: o.Window, Intervals: o.Intervals, CPUs: runtime.NumCPU(), Capacity: probe.Machine{}.Capacity(), GOMAXPROCS: runtime.GOMAXPROCS(0), Busy: o.Flow.Busy(), Stopped: o.Stopped}
	var err error
	for _, f := range []struct {
		to   *hist.Encoded
		from *hist.Histogram
	}{{&m.Latency, o.Latency}, {&m.Service, o.Service}, {&m.Lag, o.Lag}} {
		if *f.to, err = f.from.Encode(); err != nil {
			return nil, err
		}
	}
	if o.Released != nil {
		m.ReleaseP50, _ = o.Released.Quantile(0.50, o.Released.Count())
		m.ReleaseP99, _ = o.Released.Quantile(0.99, o.Released.Count())
	}
	if ns, ok := probe.RSS(); ok {
		m.RSS = &ns
	}
	if g.trial.Settings.Churns() {
		c, err := g.churn.inWindow()
		if err != nil {
			return nil, err
		}
		m.Churn = &c
	}
	if !e.whole() {
		return m, nil // interrupted before the window's end: its CPU and bytes are unknown
	}
	m.InFlight = [2]int64{o.Ends[0].InFlight, o.Ends[1].InFlight}
	m.Elapsed = e.at[1].Sub(e.at[0])
	m.CPU = sub(e.reading[1].CPU, e.reading[0].CPU)
	m.PacerCPU = sub(e.pacer[1], e.pacer[0])
	m.Allocs = e.reading[1].Allocs - e.reading[0].Allocs
	m.GCCPU = e.reading[1].GCCPU - e.reading[0].GCCPU
	m.MessageCodec = workOf(g.counters.Snapshot().Sub(e.work).Compress)
	g.countBytes(&m, o, e)
	return m, nil
}

// countBytes counts bytes up to the moment after the drain, when nothing is in flight,
// or, where calls had to be abandoned, up to the window's end.
func (g *generator) countBytes(m *Measured, o load.Outcome, e *edges) {
	e.traffic[0].Standing, e.traffic[1].Standing = o.Ends[0], o.Ends[1]
	to := e.traffic[1]
	if o.Clean {
		to = g.traffic()
		to.Started = o.Flow.Started()
	}
	m.Sent, m.Received = e.until(to)
}

// until is what was sent and received until a moment, and the calls it belongs to. From
// a quiet moment early in the window it is exact: no call is counted whose bytes are
// not. Where there was none the window's beginning is taken: what was sent belongs to
// calls that had started, what was received to calls that had ended, but for what was
// under way.
//
// What had started and was not sent yet, as on a machine that is busy, makes the bytes of
// a call too many. So does counting from before the first call, where nothing is under
// way, by what the first calls on a connection spell out. The smaller of the two is the
// nearer one.
func (e *edges) until(to traffic) (sent, received Traffic) {
	from := e.traffic[0]
	if e.quiet != nil {
		from = *e.quiet
	}
	sent, received = from.sentUntil(to), Traffic{Bytes: to.received - from.received, Calls: to.Ended() - from.Ended()}
	if whole := e.begun.sentUntil(to); e.quiet == nil && to.InFlight == 0 && whole.perCall() < sent.perCall() {
		sent = whole
	}
	return sent, received
}

func (t traffic) sentUntil(to traffic) Traffic {
	return Traffic{Bytes: to.sent - t.sent, Calls: to.Started - t.Started}
}

// perCall is +Inf without a call.
func (t Traffic) perCall() float64 {
	if t.Calls <= 0 {
		return math.Inf(1)
	}
	return float64(t.Bytes) / float64(t.Calls)
}

func sub(a, b *int64) *int64 {
	if a == nil || b == nil {
		return nil
	}
	d := *a - *b
	return &d
}

// saturate runs a closed loop at full speed.
func (g *generator) saturate(ctx context.Context, s Saturate) (any, error) {
	if err := g.prepare(); err != nil {
		return nil, err
	}
	if s.Concurrency < 1 {
		return nil, errors.New("saturate: concurrency must be at least 1")
	}
	ctx, cancel := g.until(ctx)
	defer cancel()
	var cpu [2]*int64
	reading := func(i int) func() {
		return func() {
			if ns, ok := probe.ProcessCPU(); ok {
				cpu[i] = &ns
			}
		}
	}
	start := commonStart(s.Start)
	l := load.ClosedLoop{Concurrency: s.Concurrency, Connections: len(g.channels), Clock: load.SleepClock{Start: start},
		Phases: load.Phases{Warmup: s.Length / 5, Window: s.Length - s.Length/5}, Drain: g.trial.Drain, DrainStopped: drainStopped,
		Edges: load.Edges{Open: reading(0), Close: reading(1)}}
	wait := g.churning(ctx, start, s.Length)
	// The block's RPCs are numbered on, so that no unique metadata comes again.
	o, err := l.Run(ctx, g.engine.loop(g.total.Scheduled, true))
	wait()
	if err != nil {
		return nil, err
	}
	g.total.Add(o.Warmup)
	g.total.Add(o.Window)
	return Saturated{Calls: o.Window.OK, CPU: sub(cpu[1], cpu[0])}, nil
}
