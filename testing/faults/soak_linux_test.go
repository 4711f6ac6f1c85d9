//go:build soak

package faults

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// SOAK is how long a soak lasts, ten minutes unless it says otherwise. Each of its
// servers has a tenth of it.
const (
	soakVariable = "SOAK"
	soakLength   = 10 * time.Minute
	soakLeast    = time.Minute
	servers      = 10
)

// mostGrowth is by how much a generator's memory may grow after that was taken:
// after a tenth, but not before the seconds that it holds open, and the collector's
// pace, have settled.
func mostGrowth(early int64) int64 { return early/10 + 8<<20 }

const settled = 15 * time.Second

// TestSoak: at full speed for ten minutes, with a server that ends each minute and
// another one in its place, which together must have answered what the generator
// counted.
//
//	fault:   ten minutes at full speed, the server ended and started again each minute
//	promise: memory stays flat, nothing is left open, the ledger is exact
//	figure:  memory at the end ≤ 1.10 × that after a minute + 8 MiB; {servers} servers' counts add up
func TestSoak(t *testing.T) {
	lane.Long(t, "starts processes")
	length := soakLength
	if text := os.Getenv(soakVariable); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil || length < soakLeast {
			t.Fatalf("%s %q: must be a duration of %v or more: %v", soakVariable, text, soakLeast, err)
		}
	}
	notes := t.TempDir()
	s := serve(t, address(t))
	ended := soak(t, notes, s.addr, length)
	until(t, "the load", func() bool { return s.answered() > minTraffic })
	pid := childrenOf(t, os.Getpid(), runner.Generator)[0]
	var early, last int64
	settles := time.After(max(settled, length/servers))
	var all counted
	add := func(c counted) {
		wantTraffic(t, "of one server", c.OK)
		t.Logf("%d RPCs, generator's memory %d MiB", c.OK, last>>20)
		all.Started, all.OK = all.Started+c.Started, all.OK+c.OK
		if len(c.Failed) > 0 {
			t.Errorf("a server failed %v", c.Failed)
		}
	}
	sample, next := time.NewTicker(time.Second), time.NewTicker(length/servers)
	defer sample.Stop()
	defer next.Stop()
	for n := 1; ; {
		select {
		case r := <-ended:
			add(s.stop())
			wantSoaked(t, r, all)
			if last > early+mostGrowth(early) {
				t.Errorf("generator's memory grew from %d to %d bytes, want at most %d more", early, last, mostGrowth(early))
			}
			wantNothingLeft(t, notes, runner.Generator)
			return
		case <-sample.C:
			if rss, ok := probe.RSSOf(pid); ok && rss > 0 { // it may have ended
				last = rss
			}
		case <-settles:
			early = last
			t.Logf("generator's memory settled at %d MiB", early>>20)
		case <-next.C:
			if n < servers {
				add(s.stop())
				s = serve(t, s.addr)
				n++
			}
		}
	}
}

// soak runs a closed loop for that long; its result comes when it has ended.
func soak(t *testing.T, notes, addr string, length time.Duration) <-chan *result.Result {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var c plan.Config
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	c.Flags(flags)
	if err := flags.Parse([]string{"--tls", "off", "--loop", "closed", "--epochs", "1", "--warmup", "0s", "--window", length.String(),
		"--connections", strconv.Itoa(servers)}); err != nil {
		t.Fatal(err)
	}
	c.TargetArg = addr
	p, err := c.Plan()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan *result.Result, 1)
	go func() {
		defer close(ended)
		r, err := runner.Run(t.Context(), p, runner.Options{Command: []string{self, notes}})
		if err != nil {
			t.Error(err)
			return
		}
		result.Examine(r)
		ended <- r
	}()
	return ended
}

// wantSoaked holds the result against what all servers counted.
func wantSoaked(t *testing.T, r *result.Result, all counted) {
	t.Helper()
	if r == nil {
		t.Fatal("no result")
	}
	wantWhole(t, *r)
	l := r.Arms[0].LedgerTotal
	t.Logf("%d RPCs ok, %v failed while no server listened", l.OK, l.Failed)
	if all.OK != l.OK || all.Started != l.OK || l.Failures() != l.Failed["UNAVAILABLE"] || l.Abandoned != 0 {
		t.Errorf("servers counted %d ok of %d, ledger %+v, want the same and none but UNAVAILABLE between", all.OK, all.Started, l)
	}
	if n := r.Arms[0].Observed.Reconnects; n < servers-1 {
		t.Errorf("void: %d reconnects, want one for every server at least", n)
	}
}
