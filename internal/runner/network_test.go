package runner_test

import (
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"grpcbench/internal/call"
	"grpcbench/internal/load"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	benchv1 "grpcbench/proto/bench/v1"
	"grpcbench/testing/faultproxy"
	"grpcbench/testing/lane"
)

// wantServerAgrees fails unless the server saw all that were ok, and nothing that
// was not started.
func wantServerAgrees(t *testing.T, l load.Ledger, s *target) {
	t.Helper()
	if n := int64(s.rpcs()); n < l.OK || n > l.Started {
		t.Errorf("the server saw %d RPCs, want between %d ok and %d started", n, l.OK, l.Started)
	}
}

// aged are the options of a server that ends its connections after a while.
func aged(age, grace time.Duration) grpc.ServerOption {
	return grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: age, MaxConnectionAgeGrace: grace})
}

// TestOldConnectionsAreReplacedWithoutAFailure: the server says GOAWAY, waits and
// closes. Counted by attempts, some RPCs would be failures.
//
//	fault:   MaxConnectionAge {age}, long grace, 32 callers on 4 connections
//	promise: no RPC fails, none is counted twice; the result says how often was reconnected
//	figure:  0 failed; ok equal on both sides; at least {minTraffic} RPCs on {connections} connections
func TestOldConnectionsAreReplacedWithoutAFailure(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const (
		age         = 30 * time.Millisecond
		connections = 14
	)
	eachEngine(t, func(t *testing.T, engine string) {
		s := newTarget(t, nil, aged(age, longest))
		a := measureUntil(t, func() bool { return s.rpcs() >= minTraffic && s.connections() >= connections },
			"--engine", engine, "--loop", "closed", "--concurrency", "32", "--connections", "4", s.addr)
		l := a.LedgerTotal
		if n := int64(s.rpcs()); l.Failures() != 0 || l.OK != n {
			t.Errorf("ledger %+v, want 0 failed and the server's %d ok", l, n)
		}
		if n := a.Observed.Reconnects; n < connections-4 {
			t.Errorf("%d reconnects, want those of at least %d connections", n, connections)
		}
	})
}

// connections is how many connections brought RPCs.
func (s *target) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.peers)
}

// TestRPCsCutByAShortGraceFailOnce: handlers that outlast the grace are cut off.
//
//	fault:   MaxConnectionAge {age}, grace {grace}, handlers of {handler}, 8 callers
//	promise: each RPC that is cut off is one failure
//	figure:  all failures UNAVAILABLE; server's count in [ok, started]; at least {leastFailed} failed, {leastOK} ok
func TestRPCsCutByAShortGraceFailOnce(t *testing.T) {
	t.Parallel()
	const (
		age     = 100 * time.Millisecond
		grace   = 10 * time.Millisecond
		handler = 60 * time.Millisecond
		// grpc-go's server says goodbye a second before it hangs up, so a few are
		// enough.
		leastFailed, leastOK = 8, 8
	)
	eachEngine(t, func(t *testing.T, engine string) {
		s := newTarget(t, nil, aged(age, grace))
		s.hold = waiting(handler)
		g := connectTo(t, engine, s.addr, 1, call.Options{})
		l := g.during(t, 8, func() {
			g.moreFailed(t, leastFailed)
			g.moreOK(t, leastOK)
		})
		wantOnly(t, l, "UNAVAILABLE")
		wantServerAgrees(t, l, s)
		if l.OK < leastOK || l.Failures() < leastFailed {
			t.Errorf("ledger %+v, want at least %d ok and %d failed", l, leastOK, leastFailed)
		}
	})
}

// TestABrokenConnectionFailsWhatWasOnIt: each breach is survived by a new
// connection.
//
//	fault:   the connection is reset, or half closed, {breaches} times; or ends in the middle of a frame after {limit} bytes, by FIN or RST; {callers} callers
//	promise: what was on it fails once; RPCs succeed again
//	figure:  all failures UNAVAILABLE, at most {callers} a breach; server's count in [ok, started]; at least {around} RPCs ok around each
func TestABrokenConnectionFailsWhatWasOnIt(t *testing.T) {
	t.Parallel()
	const (
		callers, breaches = 4, 5
		around            = 200
		limit             = 9_001 // about 250 RPCs of 36 bytes, and a part
	)
	eachEngine(t, func(t *testing.T, engine string) {
		for _, of := range []struct {
			name   string
			faults faultproxy.Faults
			breach func(*faultproxy.Proxy)
			count  func(faultproxy.Counts) int64
		}{
			{"reset", faultproxy.Faults{}, (*faultproxy.Proxy).Reset, func(c faultproxy.Counts) int64 { return c.Resets }},
			{"half closed", faultproxy.Faults{}, (*faultproxy.Proxy).HalfClose, func(c faultproxy.Counts) int64 { return c.HalfClosed }},
			{"closed in a frame", faultproxy.Faults{Limit: limit}, nil, func(c faultproxy.Counts) int64 { return c.Limited }},
			{"reset in a frame", faultproxy.Faults{Limit: limit, LimitResets: true}, nil, func(c faultproxy.Counts) int64 { return c.Limited }},
		} {
			t.Run(of.name, func(t *testing.T) {
				t.Parallel()
				s := newTarget(t, nil)
				p := newProxy(t, s.addr)
				p.Set(of.faults)
				g := connectTo(t, engine, p.Address(), 1, call.Options{})
				l := g.during(t, callers, func() {
					for range breaches {
						g.moreOK(t, around)
						if of.breach == nil {
							g.moreFailed(t, 1)
						} else {
							of.breach(p)
						}
					}
					g.moreOK(t, around)
				})
				n := of.count(p.Counts())
				if n < breaches || g.reconnects() < breaches {
					t.Fatalf("%d breaches, %d reconnects, want at least %d", n, g.reconnects(), breaches)
				}
				wantOnly(t, l, "UNAVAILABLE")
				wantServerAgrees(t, l, s)
				if most := callers * n; l.Failures() > most {
					t.Errorf("%d failed in %d breaches, want at most %d", l.Failures(), n, most)
				}
			})
		}
	})
}

// TestABlackHoleEndsAtTheDeadline: nothing is lost but time, and what comes too
// late changes no outcome.
//
//	fault:   the network keeps everything for a while, {callers} callers with a deadline of {deadline}
//	promise: each RPC fails at its deadline; afterwards RPCs succeed on the same connection
//	figure:  all failures DEADLINE_EXCEEDED; server's count in [ok, started]; at least {minTraffic} ok before and after, {callers} failed
func TestABlackHoleEndsAtTheDeadline(t *testing.T) {
	t.Parallel()
	const (
		callers  = 4
		deadline = 200 * time.Millisecond
	)
	eachEngine(t, func(t *testing.T, engine string) {
		s := newTarget(t, nil)
		p := newProxy(t, s.addr)
		g := connectTo(t, engine, p.Address(), 1, call.Options{Deadline: deadline})
		l := g.during(t, callers, func() {
			g.moreOK(t, minTraffic)
			p.Set(faultproxy.Faults{BlackHole: true})
			g.moreFailed(t, callers)
			p.Set(faultproxy.Faults{})
			g.moreOK(t, minTraffic)
		})
		if n := p.Counts().Held; n == 0 {
			t.Fatal("nothing was held")
		}
		wantOnly(t, l, "DEADLINE_EXCEEDED")
		wantServerAgrees(t, l, s)
		if n := g.reconnects(); n != 0 {
			t.Errorf("%d reconnects, want the connection kept", n)
		}
	})
}

// TestAServerThatAcceptsAndFallsSilentCostsNoMoreThanTheDeadline: a new connection
// gets no SETTINGS.
//
//	fault:   connections are reset, and accepted anew by something that never answers
//	promise: each RPC fails at its deadline; RPCs succeed again once a server answers
//	figure:  failures DEADLINE_EXCEEDED or, of the reset, UNAVAILABLE; at least {minTraffic} ok before and after, {silent} failed meanwhile
func TestAServerThatAcceptsAndFallsSilentCostsNoMoreThanTheDeadline(t *testing.T) {
	t.Parallel()
	const silent = 20
	eachEngine(t, func(t *testing.T, engine string) {
		s := newTarget(t, nil)
		p := newProxy(t, s.addr)
		g := connectTo(t, engine, p.Address(), 1, call.Options{Deadline: 200 * time.Millisecond})
		l := g.during(t, 4, func() {
			g.moreOK(t, minTraffic)
			p.Set(faultproxy.Faults{Silent: true})
			p.Reset()
			g.moreFailed(t, silent)
			p.Set(faultproxy.Faults{})
			p.Reset()
			g.moreOK(t, minTraffic)
		})
		if n := p.Counts().Silenced; n == 0 {
			t.Fatal("no connection was silenced")
		}
		if l.Failed["DEADLINE_EXCEEDED"] == 0 || l.Failures() != l.Failed["DEADLINE_EXCEEDED"]+l.Failed["UNAVAILABLE"] {
			t.Errorf("failed %v, want DEADLINE_EXCEEDED and UNAVAILABLE alone", l.Failed)
		}
		wantServerAgrees(t, l, s)
	})
}

// TestASlowNetworkIsInTheLatencyAndLosesNothing: a proxy can only be slower than it
// is told, so the figures are lower bounds.
//
//	fault:   a network with latency and jitter, or narrow, or that cuts everything to 1 byte
//	promise: no RPC fails; the latency holds what the network took
//	figure:  0 lost; ok equal on both sides; min ≥ 2 × {oneWay}, or ≥ {body} bytes at {bandwidth} bytes/s; at least {least} RPCs
func TestASlowNetworkIsInTheLatencyAndLosesNothing(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const (
		oneWay    = 20 * time.Millisecond
		body      = 4_000
		bandwidth = 1_000_000
		least     = 10 // of 30 that are expected: fewer come 5 times in a million
	)
	eachEngine(t, func(t *testing.T, engine string) {
		for _, of := range []struct {
			name   string
			faults faultproxy.Faults
			args   []string
			min    time.Duration
		}{
			{"latency", faultproxy.Faults{Latency: oneWay, Jitter: 10 * time.Millisecond}, nil, 2 * oneWay},
			{"bandwidth", faultproxy.Faults{Bandwidth: bandwidth}, []string{"--payload", "4000", "--rate", "100"}, body * time.Second / bandwidth},
			{"slices of 1 byte", faultproxy.Faults{Slice: 1}, []string{"--payload", "100"}, 0},
		} {
			t.Run(of.name, func(t *testing.T) {
				t.Parallel()
				s := newTarget(t, nil)
				p := newProxy(t, s.addr)
				p.Set(of.faults)
				args := append([]string{"--engine", engine, "--tls", "off", "--window", "300ms", "--drain", "20s"}, of.args...)
				pl := planOf(t, append(args, p.Address())...)
				pl.Saturated = 100 * time.Millisecond
				r := measure(t, t.Context(), pl, runner.Options{})
				a := r.Arms[0]
				if n := int64(s.rpcs()); a.LedgerTotal.Lost() != 0 || a.LedgerTotal.OK != n || a.Ledger.OK < least {
					t.Errorf("ledger %+v, want 0 lost and the server's %d ok", a.LedgerTotal, n)
				}
				if got := time.Duration(a.ServiceTime.Min); got < of.min {
					t.Errorf("least service time %v, want at least %v", got, of.min)
				}
				if c := p.Counts(); of.faults.Slice == 1 && c.Writes != c.Up+c.Down {
					t.Errorf("%d writes of %d bytes, want one each", c.Writes, c.Up+c.Down)
				}
			})
		}
	})
}

// TestARunEndsOnTimeInABlackHole: the server is there and says nothing any more.
//
//	fault:   the network keeps everything from the middle of the window on, with and without --deadline
//	promise: the run ends by itself; with a deadline RPCs fail by it, without they are abandoned after --drain; INVALID
//	figure:  at least {before} ok, then failed or abandoned alone, at least {least}; server's count in [ok, started]; over within {most}, where 2 s would do
func TestARunEndsOnTimeInABlackHole(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const (
		before = 50
		least  = 10
		most   = 30 * time.Second
	)
	eachEngine(t, func(t *testing.T, engine string) {
		for name, of := range map[string]struct {
			args []string
			lost func(load.Ledger) int64
		}{
			"with a deadline":    {[]string{"--deadline", "200ms", "--drain", "5s"}, func(l load.Ledger) int64 { return l.Failed["DEADLINE_EXCEEDED"] }},
			"without a deadline": {[]string{"--drain", "300ms"}, func(l load.Ledger) int64 { return l.Abandoned }},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := newTarget(t, nil)
				p := newProxy(t, s.addr)
				var watching sync.WaitGroup
				watching.Go(func() {
					poll(t.Context(), func() bool { return s.rpcs() >= 2*before })
					p.Set(faultproxy.Faults{BlackHole: true})
				})
				start := time.Now()
				pl := planOf(t, append(of.args, "--engine", engine, "--tls", "off", "--window", "1s", p.Address())...)
				r := measure(t, t.Context(), pl, runner.Options{})
				if took := time.Since(start); took > most {
					t.Errorf("the run took %v, want at most %v", took, most)
				}
				watching.Wait()
				l := r.Arms[0].LedgerTotal
				if lost := of.lost(l); l.OK < before || lost < least || l.Lost() != lost {
					t.Errorf("ledger %+v, want at least %d ok and %d lost in this way, none in another", l, before, least)
				}
				if r.Verdict != result.Invalid {
					t.Errorf("verdict %s, want INVALID", r.Verdict)
				}
				wantServerAgrees(t, l, s)
			})
		}
	})
}

// TestClosedChannelsLeaveNothing is not parallel: what it counts is the process's.
//
//	fault:   {rounds} times 1 to 8 channels opened and closed, every other time while RPCs run
//	promise: nothing is left of them
//	figure:  goroutines and descriptors as before within {soon}, where milliseconds would do
func TestClosedChannelsLeaveNothing(t *testing.T) {
	const (
		rounds = 20
		soon   = 30 * time.Second
	)
	s := newTarget(t, nil)
	round := func(i int) {
		g := connectTo(t, []string{plan.GRPC, plan.Wire}[i/2%2], s.addr, 1+i%8, call.Options{Echo: &benchv1.EchoRequest{Body: make([]byte, 1000)}})
		l := g.during(t, 4, func() {
			g.moreOK(t, 20)
			if i%2 == 0 {
				g.close()
				g.moreFailed(t, 4)
			}
		})
		if failed := l.Failures() > 0; failed != (i%2 == 0) {
			t.Errorf("round %d: failed %v, want some: %t", i, l.Failed, i%2 == 0)
		}
		g.close()
	}
	round(0) // whatever is made once
	before := held(t)
	for i := range rounds {
		round(i)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); ; <-tick.C {
		left := held(t)
		if left.goroutines <= before.goroutines && left.descriptors <= before.descriptors {
			return
		}
		if time.Since(start) > soon {
			buffer := make([]byte, 1<<20)
			t.Fatalf("%+v are left, %+v were before\n%s", left, before, buffer[:runtime.Stack(buffer, true)])
		}
	}
}

// close closes all channels, whatever they are doing. Closing twice does nothing.
func (g *inProcess) close() {
	for _, c := range g.links {
		_ = c.Close() // again says that it is closed
	}
}

// resources are what a process can run out of.
type resources struct{ goroutines, descriptors int }

func held(t *testing.T) resources {
	t.Helper()
	open, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return resources{runtime.NumGoroutine(), len(open)}
}
