package verify

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"grpcbench/internal/metric"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// proofs lists what is proven, in the order of the table; full: the long ones too. What
// takes seconds is tried twice where the machine is disturbed, so that all of it stays
// within three minutes, and five times beside long proofs.
func proofs(full bool) []proof {
	brief, minute := 2, 1
	if full {
		brief, minute = 5, 5
	}
	var all []proof
	for _, engine := range []string{plan.GRPC, plan.Wire} {
		all = append(all,
			proof{"stall, engine " + engine, func(ctx context.Context, o Options) (account, error) { return proveStall(ctx, o, engine) }, brief},
			proof{"two modes, engine " + engine, func(ctx context.Context, o Options) (account, error) { return proveTwoModes(ctx, o, engine) }, brief},
		)
	}
	all = append(all,
		proof{"known delay", proveDelay, brief},
		proof{"pacer and bytes", provePacer, brief},
		proof{"connections ended by GOAWAY", proveGoAway, brief},
		proof{"server restarted", proveRestart, brief},
		proof{"a tenth more work", proveWork, minute},
	)
	if full {
		all = append(all,
			proof{"a twentieth more work, again and again", proveChange, 1},
			proof{"equal servers, again and again", proveEqual, 1},
		)
	}
	return all
}

// against measures a specimen in plaintext, one epoch.
func (a *account) against(ctx context.Context, o Options, s *specimen, args []string, options ...grpc.ServerOption) (result.Arm, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return result.Arm{}, err
	}
	defer s.serve(l, options...)()
	return a.arm(ctx, o, s, l.Addr().String(), args)
}

// arm measures what is at an address, holds the ledger against what the server counted,
// and returns the only arm.
func (a *account) arm(ctx context.Context, o Options, s *specimen, address string, args []string) (result.Arm, error) {
	r, err := o.Run(ctx, slices.Concat([]string{address, "--tls", "off", "--epochs", "1", "--allow-failures", "1"}, args)...)
	if err != nil {
		return result.Arm{}, err
	}
	a.heed(r)
	if len(r.Arms) != 1 {
		return result.Arm{}, fmt.Errorf("%d arms were measured, must be 1", len(r.Arms))
	}
	arm := r.Arms[0]
	// Each has one fate, each that ended well was answered, and the server began none
	// that was not started.
	l := arm.LedgerTotal
	astray := max(l.Scheduled-l.OK-l.Lost(), l.OK+l.Lost()-l.Scheduled) + max(0, l.OK-s.ended.Load()) + max(0, s.started.Load()-l.Started)
	if s.started.Load() == 0 {
		return result.Arm{}, errors.New("the server saw no RPC")
	}
	a.want("RPCs not accounted for by both sides", float64(astray), 0, 0)
	return arm, nil
}

// ms is a quantile in milliseconds; one that there is not is in no bounds.
func ms(ns *int64) float64 {
	if ns == nil {
		return math.NaN()
	}
	return float64(*ns) / 1e6
}

// proveStall: of 1000 arrivals a second at even distances, the one at offset o < 500 ms
// into a stall waits 500 − o: 100 wait more than 400 ms and 10 more than 490. What is
// above that is the server working off 500 calls. A closed loop that calls itself open
// has a p90 near nothing.
func proveStall(ctx context.Context, o Options, engine string) (a account, err error) {
	arm, err := a.against(ctx, o, &specimen{wait: stall}, []string{"--engine", engine, "--rate", "1000", "--arrival", "uniform", "--window", "8s"})
	a.want("p90, ms", ms(arm.Latency.P90), 385, 440)
	a.want("p99, ms", ms(arm.Latency.P99), 480, 540)
	return a, err
}

// proveTwoModes: 2 % of the calls take 500 ms and hold up nobody. A recorder that
// corrects for what it thinks was omitted, or a client that sends one call at a time on
// a connection, has p90 far above 20 ms.
func proveTwoModes(ctx context.Context, o Options, engine string) (a account, err error) {
	arm, err := a.against(ctx, o, &specimen{wait: twoModes()}, []string{"--engine", engine, "--rate", "1000", "--arrival", "uniform", "--window", "6s"})
	a.want("p90, ms", ms(arm.Latency.P90), 0, 20)
	a.want("p99, ms", ms(arm.Latency.P99), 490, 530)
	return a, err
}

// proveDelay: the q-quantile of an exponential delay is −mean·ln(1−q); what a server
// without delay shows is taken off.
func proveDelay(ctx context.Context, o Options) (a account, err error) {
	load := []string{"--rate", "400", "--arrival", "uniform", "--window", "5s"}
	base, err := a.against(ctx, o, &specimen{wait: prompt}, load)
	if err != nil {
		return a, err
	}
	arm, err := a.against(ctx, o, &specimen{wait: exponential()}, load)
	delay := func(q float64, with, without *int64) float64 {
		return (ms(with) - ms(without)) / (-meanDelay.Seconds() * 1e3 * math.Log1p(-q))
	}
	a.want("p50, of what it is", delay(0.5, arm.Latency.P50, base.Latency.P50), 0.90, 1.10)
	a.want("p90, of what it is", delay(0.9, arm.Latency.P90, base.Latency.P90), 0.90, 1.10)
	return a, err
}

// provePacer: a Foo in plaintext is 30 bytes out (frame 9, eight fields that HPACK knows,
// DATA of 9 and 5 without a message) and 36 in; a byte that is not in its table now and
// then. Arrivals are released by a thread that spins at the end of its sleep, and sent by a
// goroutine that it wakes: two wakes, which cannot be held to less than twice what the
// machine gives a thread that does nothing but sleep.
func provePacer(ctx context.Context, o Options) (a account, err error) {
	arm, err := a.against(ctx, o, &specimen{wait: prompt}, []string{"--rate", "1000", "--arrival", "uniform", "--window", "5s"})
	if err != nil {
		return a, err
	}
	p50, p99 := math.NaN(), math.NaN()
	for _, e := range arm.Epochs { // one
		p50, p99 = float64(e.Generator.ReleaseP50)/1e3, float64(e.Generator.ReleaseP99)/1e3
	}
	const most = 500 * time.Microsecond
	late := ""
	if 2*a.late > most {
		late = fmt.Sprintf("a sleeping thread woke %v late or later once in a hundred times", a.late.Round(10*time.Microsecond))
	}
	a.want("release − intended p50, µs", p50, 0, 5)
	a.bounds = append(a.bounds, bound{"release − intended p99, µs", p99, 0, most.Seconds() * 1e6, late})
	a.want("lag p50, µs", 1e3*ms(arm.Lag.P50), 0, 100)
	a.bounds = append(a.bounds, bound{"lag p99, µs", 1e3 * ms(arm.Lag.P99), 0, 1000, late})
	a.want("bytes out of an RPC", or(arm.SentBytes), 30, 30.2)
	a.want("bytes in of an RPC", or(arm.ReceivedBytes), 36, 36.2)
	return a, nil
}

// or is v, or what is in no bounds.
func or(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

// proveGoAway: a server that asks clients to leave five times a second loses nothing.
func proveGoAway(ctx context.Context, o Options) (a account, err error) {
	age := grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: 200 * time.Millisecond, MaxConnectionAgeGrace: time.Second})
	arm, err := a.against(ctx, o, &specimen{wait: prompt}, []string{"--rate", "500", "--window", "4s"}, age)
	a.want("RPCs lost", float64(arm.LedgerTotal.Lost()), 0, 0)
	a.want("connections opened again", float64(arm.Observed.Reconnects), 10, math.MaxFloat64)
	return a, err
}

// proveRestart: a server that is away for a second of six loses what was due then, not
// all, and the rate is back.
func proveRestart(ctx context.Context, o Options) (a account, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return a, err
	}
	address, s := l.Addr().String(), &specimen{wait: prompt}
	stop := s.serve(l)
	back := make(chan error, 1)
	go func() {
		pause(4 * time.Second)
		stop()
		pause(time.Second)
		again, err := net.Listen("tcp", address)
		if err == nil {
			stop = s.serve(again)
		}
		back <- err
	}()
	arm, err := a.arm(ctx, o, s, address, []string{"--rate", "200", "--arrival", "uniform", "--window", "8s", "--warmup", "0s"})
	if err := <-back; err != nil {
		return a, err
	}
	stop()
	a.want("RPCs lost, of a second's", float64(arm.LedgerTotal.Lost())/200, 0.1, 2.5)
	last := math.NaN()
	for _, w := range arm.Windows {
		last = float64(w.OK)
	}
	a.want("RPCs ok in the last second", last, 190, 210)
	return a, err
}

// ordinary is the CPU time that both servers of proveWork spend in an RPC. A handler
// that takes longer than nothing has Go's scheduler wake more threads, which costs
// server CPU too: against one that does nothing a tenth more is 15 to 17 % more.
const ordinary = 50 * time.Microsecond

// proveWork: two servers that differ in CPU time that is known, by the clock of the
// thread that spends it, side by side; the A/A arm is equal to the control.
func proveWork(ctx context.Context, o Options) (a account, err error) {
	work, err := a.calibrate(ctx, o, 0.1)
	if err != nil {
		return a, err
	}
	r, err := o.servers(ctx, ordinary, ordinary+work, "16")
	if err != nil {
		return a, err
	}
	a.heed(r)
	wrong, ratio, p := 0, math.NaN(), math.NaN()
	equal := math.NaN() // verdicts on equal arms
	for _, c := range r.Comparisons {
		m, _ := metric.Named(c.Metric)
		switch arm, _ := r.Plan.Arm(c.Arm); {
		case arm.AA && m.Primary:
			if decided(c) {
				wrong++
			}
			equal = float64(wrong)
		case !arm.AA && c.Metric == metric.ServerCPU:
			ratio, p = 100*or(c.Ratio), or(c.P)
		}
	}
	a.want("server CPU/RPC, % of the control's", ratio, 104, 119) // nine runs: 111.7, standard deviation 2.6
	a.want("p of the difference", p, 0, 0.01)
	a.want("verdicts on equal arms (A/A)", equal, 0, 0)
	return a, nil
}
