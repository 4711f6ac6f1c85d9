//go:build truth && linux

package truth

import (
	"context"
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/verify"
)

// serve is the role of a server; its argument names its wait.
func serve(args []string) error {
	wait := verify.Waits()[args[0]]
	if wait == nil {
		return fmt.Errorf("server %q: not known", args[0])
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { untilParentEnds(); cancel() }()
	return verify.ServeWait(ctx, "127.0.0.1:0", wait, os.Stdout)
}

// eachEngine runs a test with both engines: what is true does not depend on them.
func eachEngine(t *testing.T, test func(t *testing.T, engine string)) {
	for _, engine := range []string{plan.GRPC, plan.Wire} {
		t.Run(engine, func(t *testing.T) { test(t, engine) })
	}
}

// against measures the named server in plaintext, one epoch.
func against(f *findings, b bench, engine, server string, args ...string) result.Arm {
	f.Helper()
	p, address := start(f.T, "serve", server)
	defer p.end()
	r := b.run(append([]string{address, "--engine", engine, "--tls", "off", "--epochs", "1", "--server-pid", strconv.Itoa(p.Process.Pid)}, args...)...)
	a := r.Arms[0]
	f.want(a.Ledger.OK == a.Ledger.Scheduled, "%s: %d of %d RPCs ok", server, a.Ledger.OK, a.Ledger.Scheduled)
	little(f, a)
	return a
}

// little holds the loop's own Σ(done − sent) against that of the samples: by
// Little's law (1961) both are the mean number in flight.
func little(f *findings, a result.Arm) {
	for _, e := range a.Epochs {
		residual := math.Abs(e.Generator.BusySum-e.ServiceTime.Sum) / e.Generator.BusySum
		f.between("residual of Little's law", residual, 0, 0.01)
	}
}

// 1000/s against a server that stands still for 500 ms of every second: the
// arrival at offset o < 500 ms waits 500 − o, so 100 of 1000 wait more than 400 ms
// and 10 more than 490. What is above that is the server working off 500 calls.
func TestTruthOfAStall(t *testing.T) {
	b := build(t)
	eachEngine(t, func(t *testing.T, engine string) {
		measured(t, func(f *findings) {
			open := against(f, b, engine, "stall", "--rate", "1000", "--arrival", "uniform", "--window", "8s")
			f.between("open loop: latency p90, ms", ms(open.Latency.P90), 385, 440)
			f.between("open loop: latency p99, ms", ms(open.Latency.P99), 480, 540)
			f.between("open loop: service time p99, ms", ms(open.ServiceTime.P99), 400, 540) // the calls were in flight
			closed := against(f, b, engine, "stall", "--loop", "closed", "--concurrency", "10", "--window", "4s")
			f.between("closed loop: latency p90 as a share of the open loop's", ms(closed.Latency.P90)/ms(open.Latency.P90), 0, 0.1)
		})
	})
}

// 2 % of the calls take 500 ms and hold up nobody. A recorder that corrects for
// what it thinks was omitted, or a client that sends one call at a time on a
// connection, has p90 far above 20 ms.
func TestTruthOfTwoModes(t *testing.T) {
	b := build(t)
	eachEngine(t, func(t *testing.T, engine string) {
		measured(t, func(f *findings) {
			a := against(f, b, engine, "bimodal", "--rate", "1000", "--arrival", "uniform", "--window", "6s")
			f.between("latency p90, ms", ms(a.Latency.P90), 0, 20)
			f.between("latency p99, ms", ms(a.Latency.P99), 490, 530)
		})
	})
}

// The q-quantile of an exponential delay is −mean·ln(1−q); what a server without
// delay shows is taken off.
func TestTruthOfKnownDelays(t *testing.T) {
	b := build(t)
	eachEngine(t, func(t *testing.T, engine string) {
		measured(t, func(f *findings) {
			load := []string{"--rate", "400", "--arrival", "uniform", "--window", "6s"}
			base := against(f, b, engine, "prompt", load...)
			a := against(f, b, engine, "exponential", load...)
			for _, k := range []struct {
				name          string
				q, base, both float64
			}{
				{"p50", 0.5, ms(base.Latency.P50), ms(a.Latency.P50)},
				{"p90", 0.9, ms(base.Latency.P90), ms(a.Latency.P90)},
			} {
				want := -verify.MeanDelay.Seconds() * 1e3 * math.Log1p(-k.q)
				f.between(k.name+" of the delay, as a share of what it is", (k.both-k.base)/want, 0.90, 1.10)
			}
		})
	})
}
