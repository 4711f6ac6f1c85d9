package runner_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"grpcbench/internal/call"
	"grpcbench/internal/channel"
	"grpcbench/internal/load"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/internal/wire"
	"grpcbench/internal/worker"
	"grpcbench/testing/faultproxy"
)

// inProcess is an arm's generator without its process: what connects, calls and
// accounts, driven by a test that follows every outcome.
type inProcess struct {
	links []link
	loop  func() load.Engine // a new one for each loop

	ok, failed atomic.Int64 // outcomes so far
}

// link is a channel of either engine.
type link interface {
	Connections() []channel.Connection
	Reconnects() int64
	Close() error
}

// eachEngine runs a test with both engines.
func eachEngine(t *testing.T, test func(t *testing.T, engine string)) {
	t.Helper()
	for _, engine := range []string{plan.GRPC, plan.Wire} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			test(t, engine)
		})
	}
}

// connectTo opens connections for RPCs of options.
func connectTo(t *testing.T, engine, addr string, connections int, options call.Options) *inProcess {
	t.Helper()
	g := &inProcess{}
	if engine == plan.Wire {
		g.connectWire(t, addr, connections, options)
	} else {
		g.connectGRPC(t, addr, connections, options)
	}
	t.Cleanup(g.close)
	return g
}

func (g *inProcess) connectGRPC(t *testing.T, addr string, connections int, options call.Options) {
	t.Helper()
	channels, conns := make([]*channel.Channel, connections), make([]grpc.ClientConnInterface, connections)
	for i := range conns {
		c, err := channel.Open(t.Context(), channel.Options{Address: addr})
		if err != nil {
			t.Fatal(err)
		}
		g.links, channels[i], conns[i] = append(g.links, c), c, c.ClientConn
	}
	caller, err := call.New(options, conns)
	if err != nil {
		t.Fatal(err)
	}
	g.loop = func() load.Engine {
		return load.NewCallers(caller.Call, func(ctx context.Context, conn int) { channels[conn].AwaitChange(ctx, 10*time.Millisecond) })
	}
}

func (g *inProcess) connectWire(t *testing.T, addr string, connections int, options call.Options) {
	t.Helper()
	request, _, err := worker.WireRequest(options)
	if err != nil {
		t.Fatal(err)
	}
	channels := make([]*wire.Channel, connections)
	for i := range channels {
		if channels[i], err = wire.Open(t.Context(), wire.Options{Address: addr, Request: request}); err != nil {
			t.Fatal(err)
		}
		g.links = append(g.links, channels[i])
	}
	g.loop = func() load.Engine { return wire.Engine{Channels: channels} }
}

// watched is an engine of which g follows every outcome; once there were as many
// as enough, when that is not 0, it ends the loop with the last of them.
type watched struct {
	load.Engine
	load.Turns
	g      *inProcess
	enough int64
	end    func()
}

// Bind implements load.Engine.
func (w *watched) Bind(t load.Turns) {
	w.Turns = t
	w.Engine.Bind(w)
}

// Ended implements load.Turns.
func (w *watched) Ended(op load.Op, end load.End, now time.Duration) {
	if w.Turns.Ended(op, end, now); end.Code == load.OK {
		w.g.ok.Add(1)
	} else {
		w.g.failed.Add(1)
	}
	if w.g.ok.Load()+w.g.failed.Load() == w.enough {
		w.end()
	}
}

// times makes n RPCs one after the other and returns their account.
func (g *inProcess) times(t *testing.T, n int64) load.Ledger {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	return g.closed(t, ctx, 1, &watched{Engine: g.loop(), g: g, enough: n, end: cancel})
}

// during keeps callers busy while the test acts, and returns their account.
func (g *inProcess) during(t *testing.T, concurrency int, act func()) load.Ledger {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	acted := make(chan struct{})
	go func() {
		defer close(acted)
		defer cancel()
		act()
	}()
	l := g.closed(t, ctx, concurrency, &watched{Engine: g.loop(), g: g})
	<-acted
	return l
}

// longest bounds a run that a test ends by itself: only one that hangs gets
// there.
const longest = 30 * time.Second

// closed runs a closed loop until ctx ends and holds its account together.
func (g *inProcess) closed(t *testing.T, ctx context.Context, concurrency int, engine load.Engine) load.Ledger {
	t.Helper()
	o, err := load.ClosedLoop{
		Concurrency: concurrency, Connections: len(g.links), Clock: load.SleepClock{Start: time.Now()},
		Phases: load.Phases{Window: longest}, Drain: longest, DrainStopped: longest,
		Edges: load.Edges{Open: func() {}, Close: func() {}},
	}.Run(ctx, engine)
	if err != nil {
		t.Fatal(err)
	}
	if !o.Stopped || !o.Clean {
		t.Errorf("stopped %t, clean %t: the run must end when told, with nothing in flight", o.Stopped, o.Clean)
	}
	if err := o.Window.Check(); err != nil {
		t.Error(err)
	}
	if l := o.Window; o.Latency.Count() != l.OK || o.Service.Count() != l.OK || o.Lag.Count() != l.Started {
		t.Errorf("histograms of %d, %d and %d samples, want %d ok twice and %d started",
			o.Latency.Count(), o.Service.Count(), o.Lag.Count(), l.OK, l.Started)
	}
	return o.Window
}

// moreOK waits until n more RPCs have succeeded: traffic around a fault, without
// which it would prove nothing. It is called by act of during, whose goroutine is
// not the test's.
func (g *inProcess) moreOK(t *testing.T, n int64) { more(t, "ok", &g.ok, n) }

// moreFailed waits until n more RPCs have failed.
func (g *inProcess) moreFailed(t *testing.T, n int64) { more(t, "failed", &g.failed, n) }

func more(t *testing.T, what string, count *atomic.Int64, n int64) {
	t.Helper()
	want := count.Load() + n
	if !poll(t.Context(), func() bool { return count.Load() >= want }) {
		t.Errorf("%d RPCs %s, want %d", count.Load(), what, want)
	}
}

// poll returns true as soon as done says so; false if it never does.
func poll(ctx context.Context, done func() bool) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); !done(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
		if time.Since(start) > longest/2 {
			return false
		}
	}
	return true
}

// measureUntil runs a plan until enough has happened, so that the speed of the
// machine decides how long that takes and nothing else.
func measureUntil(t *testing.T, enough func() bool, args ...string) result.Arm {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var watching sync.WaitGroup
	watching.Go(func() {
		poll(ctx, enough)
		cancel(errStop)
	})
	p := planOf(t, append([]string{"--tls", "off", "--window", "1m"}, args...)...)
	r := measure(t, ctx, p, runner.Options{})
	cancel(nil)
	watching.Wait()
	if !enough() {
		t.Fatal("the run ended before enough had happened")
	}
	return r.Arms[0]
}

// reconnects is how many connections were made after the first ones.
func (g *inProcess) reconnects() (n int) {
	for _, c := range g.links {
		n += int(c.Reconnects())
	}
	return n
}

// newPeer is a server that misbehaves until the test ends.
func newPeer(t *testing.T, script faultproxy.Script) *faultproxy.Peer {
	t.Helper()
	p, err := faultproxy.NewPeer(script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// newProxy is a proxy before addr, without faults so far.
func newProxy(t *testing.T, addr string) *faultproxy.Proxy {
	t.Helper()
	p, err := faultproxy.New(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// wantOnly fails unless RPCs failed, and only with that code.
func wantOnly(t *testing.T, l load.Ledger, code string) {
	t.Helper()
	if l.Failed[code] == 0 || l.Failures() != l.Failed[code] {
		t.Errorf("failed %v, want %s alone", l.Failed, code)
	}
}
