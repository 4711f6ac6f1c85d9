package runner_test

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// whenever calls act once, after the delay, when the run comes to the step of
// the epoch, which counts from 1.
func whenever(step string, epoch int, delay time.Duration, act func()) func(runner.Progress) {
	done := false
	return func(p runner.Progress) {
		if p.Step == step && p.Epoch == epoch && !done {
			done = true
			time.AfterFunc(delay, act)
		}
	}
}

// twoEpochs is a plan of two arms with windows long enough to do something in
// the middle of one.
func twoEpochs(t *testing.T) plan.Plan {
	p := planOf(t, "--vary", "tls=off,1.3", "--aa", "off", "--epochs", "2", "--window", "600ms", "--drain", "2s")
	p.Saturated = 100 * time.Millisecond
	return p
}

const middle = 350 * time.Millisecond // of warm-up and window together

func TestAServerKilledInTheWindowMakesTheRunInvalid(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	c := newChildren(t)
	r := measure(t, t.Context(), twoEpochs(t), runner.Options{
		Command: c.command(t), Progress: whenever("measuring", 1, middle, func() { c.kill(t, runner.Host) }),
	})
	if r.Verdict != result.Invalid {
		t.Errorf("verdict %s, want INVALID", r.Verdict)
	}
	if !strings.Contains(r.Failure, "server of arm") || !strings.Contains(r.Failure, "ended while asked") {
		t.Errorf("failure %q: must name the server that ended", r.Failure)
	}
	for _, a := range r.Arms {
		if a.Ledger.OK == 0 || a.Ledger.Failed["UNAVAILABLE"] == 0 {
			t.Errorf("arm %s: ledger %+v, want RPCs that were ok and RPCs that found no server", a.Name, a.Ledger)
		}
		if len(a.Epochs) != 1 {
			t.Errorf("arm %s: %d epochs, want the one of the failure and none after it", a.Name, len(a.Epochs))
		}
	}
}

func TestAServerKilledUnderSaturationMakesTheRunInvalid(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	c := newChildren(t)
	p := twoEpochs(t)
	p.Saturated = 500 * time.Millisecond
	r := measure(t, t.Context(), p, runner.Options{
		Command: c.command(t), Progress: whenever("saturating", 1, middle, func() { c.kill(t, runner.Host) }),
	})
	if r.Verdict != result.Invalid || !strings.Contains(r.Failure, "server of arm") {
		t.Errorf("verdict %s, failure %q, want INVALID and the server named", r.Verdict, r.Failure)
	}
}

func TestAGeneratorKilledInTheFirstEpochIsNamed(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	c := newChildren(t)
	_, err := runner.Run(t.Context(), twoEpochs(t), runner.Options{
		Command: c.command(t), Progress: whenever("measuring", 1, middle, func() { c.kill(t, runner.Generator) }),
	})
	if err == nil || !strings.Contains(err.Error(), "generator of arm") || !strings.Contains(err.Error(), "ended while asked to run") {
		t.Errorf("error %v: must name the generator that ended", err)
	}
}

func TestAGeneratorKilledLaterLeavesTheEpochsBefore(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	c := newChildren(t)
	r := measure(t, t.Context(), twoEpochs(t), runner.Options{
		Command: c.command(t), Progress: whenever("measuring", 2, middle, func() { c.kill(t, runner.Generator) }),
	})
	if r.Verdict != result.Invalid || !strings.Contains(r.Failure, "generator of arm") {
		t.Errorf("verdict %s, failure %q, want INVALID and the generator named", r.Verdict, r.Failure)
	}
	if n := len(r.Arms[0].Epochs); n != 1 {
		t.Errorf("%d epochs, want the one that was measured", n)
	}
}

var errStop = errors.New("SIGINT")

// interrupted runs twoEpochs with an interrupt.
func interrupted(t *testing.T, step string, epoch int, delay time.Duration) (*result.Result, error) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	r, err := runner.Run(ctx, twoEpochs(t), runner.Options{
		Command: newChildren(t).command(t), Progress: whenever(step, epoch, delay, func() { cancel(errStop) }),
	})
	if r != nil {
		result.Examine(r)
		wantSums(t, *r)
	}
	return r, err
}

// Checks that a machine with more to do than these tests may fail.
var busyMachine = []string{
	"generator_behind", "rate_not_reached", "generator_busy", "generator_gc", "competing_cpu", "steal", "hiccups", "overloaded",
}

func TestAnInterruptedRunIsPartialAndItsAccountWhole(t *testing.T) {
	lane.Long(t, "starts processes")
	for _, at := range []struct {
		name, step string
		epoch      int
		delay      time.Duration
		epochs     int // measured, the one cut short included
	}{
		{"in the first warm-up", "measuring", 1, 40 * time.Millisecond, 1},
		{"in the first window", "measuring", 1, middle, 1},
		{"under saturation", "saturating", 1, 50 * time.Millisecond, 1},
		{"while the second epoch starts", "starting", 2, 0, 1},
		{"while the second epoch connects", "connecting", 2, 0, 1},
		{"in the second warm-up", "measuring", 2, 40 * time.Millisecond, 2},
		{"in the second window", "measuring", 2, middle, 2},
	} {
		t.Run(at.name, func(t *testing.T) {
			t.Parallel()
			r, err := interrupted(t, at.step, at.epoch, at.delay)
			if err != nil {
				t.Fatal(err)
			}
			if c := checkOf(t, *r, "interrupted"); c.Verdict != result.Partial || r.Interrupted != errStop.Error() || r.Failure != "" {
				t.Errorf("check %+v, interrupted %q, failure %q, want PARTIAL by %v and no failure", c, r.Interrupted, r.Failure, errStop)
			}
			for _, c := range r.Checks {
				if c.Verdict == result.Invalid && !slices.Contains(busyMachine, c.Code) {
					t.Errorf("check %s: %s", c.Code, c.Text)
				}
			}
			for _, a := range r.Arms {
				if n := len(a.Epochs); n != at.epochs {
					t.Errorf("arm %s: %d epochs, want %d", a.Name, n, at.epochs)
				}
				if s := a.ServerLedger; s == nil || s.OK < a.LedgerTotal.OK {
					t.Errorf("arm %s: server counted %+v, must be all of %d ok", a.Name, s, a.LedgerTotal.OK)
				}
				if a.LedgerTotal.Failures() != 0 || a.LedgerTotal.Abandoned != 0 {
					t.Errorf("arm %s: ledger %+v: an interrupt must let RPCs in flight end", a.Name, a.LedgerTotal)
				}
			}
		})
	}
}

func TestARunInterruptedBeforeAnyLoadHasNoResult(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	for _, step := range []string{"starting", "connecting", "preflight"} {
		t.Run(step, func(t *testing.T) {
			r, err := interrupted(t, step, 1, 0)
			// The interrupt may come too late to keep an epoch from its warm-up.
			if r == nil && !errors.Is(err, errStop) {
				t.Errorf("error %v, want %v", err, errStop)
			}
		})
	}
}

// stalling is a target that answers nothing in the first half of every second.
func stalling(t *testing.T) *target {
	s := newTarget(t, nil)
	began := time.Now()
	s.hold = func(ctx context.Context) {
		if in := time.Since(began) % time.Second; in < time.Second/2 {
			waiting(time.Second/2 - in)(ctx)
		}
	}
	return s
}

func TestAStallIsInTheLatencyOfAnOpenLoop(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	s := stalling(t)
	p := planOf(t, "--tls", "off", "--window", "2s", "--rate", "200", s.addr)
	r := measure(t, t.Context(), p, runner.Options{})
	a := r.Arms[0]
	// Half of the arrivals meet a stall, and what is left of its 500 ms: the p90
	// is 400 ms, since a tenth of all is a fifth of them.
	if q := a.Latency.P90; q == nil || *q < 300e6 || *q > 600e6 {
		t.Errorf("latency p90 %v ns, want about 400 ms", *q)
	}
	if got := int64(s.rpcs()); a.Ledger.Lost() != 0 || got != a.LedgerTotal.OK {
		t.Errorf("ledger %+v, server saw %d: a stalled RPC must end well", a.LedgerTotal, got)
	}
}

// A closed loop stops asking while the server stalls: the same stall is a few of
// its many samples, which is why the open loop is the headline.
func TestAClosedLoopHidesAStall(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	s := stalling(t)
	p := planOf(t, "--tls", "off", "--window", "2s", "--loop", "closed", "--concurrency", "4", s.addr)
	r := measure(t, t.Context(), p, runner.Options{})
	a := r.Arms[0]
	if q := a.Latency.P90; q == nil || *q > 30e6 {
		t.Errorf("latency p90 %v ns, want a tenth of an open loop's at most", *q)
	}
	if got := int64(s.rpcs()); got != a.LedgerTotal.OK {
		t.Errorf("ledger %+v, server saw %d", a.LedgerTotal, got)
	}
}

func TestPreflightNamesTheFlagBeforeAnyLoad(t *testing.T) {
	lane.Long(t, "starts processes")
	id, elsewhere := newIdentities(t), newIdentities(t, "elsewhere.example")
	small := grpc.MaxHeaderListSize(8 << 10)
	mutual := id.server.Clone()
	mutual.ClientAuth = tls.RequireAndVerifyClientCert
	for _, of := range []struct {
		name   string
		target func(t *testing.T) *target
		args   []string
		want   []string // in the sentence
		rpcs   int      // the probe, where it can reach the server
	}{
		{"wrong authority", func(t *testing.T) *target { return newTarget(t, id.server) },
			[]string{"--cacert", id.other}, []string{"is not signed by the authority in --cacert (give that of the server)"}, 0},
		{"authority of the system", func(t *testing.T) *target { return newTarget(t, id.server) },
			nil, []string{"not trusted (use --cacert FILE)"}, 0},
		{"wrong host", func(t *testing.T) *target { return newTarget(t, elsewhere.server) },
			[]string{"--cacert", elsewhere.ca}, []string{"elsewhere.example", "127.0.0.1", "--server-name"}, 0},
		{"no client certificate", func(t *testing.T) *target { return newTarget(t, mutual) },
			[]string{"--cacert", id.ca}, []string{"client certificate", "--cert", "--key-file"}, 0},
		{"TLS against plaintext", func(t *testing.T) *target { return newTarget(t, nil) },
			[]string{"--cacert", id.ca}, []string{"does not speak TLS", "--tls off"}, 0},
		{"plaintext against TLS", func(t *testing.T) *target { return newTarget(t, id.server) },
			[]string{"--tls", "off"}, []string{"--tls 1.2 or 1.3"}, 0},
		{"unknown method", func(t *testing.T) *target { return lacking(t) },
			[]string{"--tls", "off", "--method", "/other.Service/Get"}, []string{"UNIMPLEMENTED", "--method"}, 1},
		{"no bench.v1", func(t *testing.T) *target { return lacking(t) },
			[]string{"--tls", "off", "--payload", "1KiB"}, []string{"bench.v1", "--payload"}, 1},
		{"unknown codec", func(t *testing.T) *target { return newTarget(t, nil) },
			[]string{"--tls", "off", "--compression", "zstd", "--payload", "1KiB"}, []string{"does not know the compressor", "--compression"}, 1},
		{"oversize metadata", func(t *testing.T) *target { return newTarget(t, nil, small) },
			[]string{"--tls", "off", "--metadata-size", "16KiB"}, []string{"metadata is larger", "--metadata-size"}, 0},
		{"oversize message", func(t *testing.T) *target { return newTarget(t, nil, grpc.MaxRecvMsgSize(1<<10)) },
			[]string{"--tls", "off", "--payload", "2KiB"}, []string{"message is larger", "--payload"}, 1},
		{"response of another type", func(t *testing.T) *target { return newTarget(t, nil, garbled()) },
			[]string{"--tls", "off"}, []string{"the server's response", "--method"}, 1},
	} {
		t.Run(of.name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine string) {
				s := of.target(t)
				err := refusal(t, engine, append(of.args, s.addr))
				for _, want := range of.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("error %q: must say %q", err, want)
					}
				}
				if got := s.rpcs(); got > of.rpcs {
					t.Errorf("the server saw %d RPCs, want %d", got, of.rpcs)
				}
			})
		})
	}
}

// garbled makes every response bytes that are no message of protobuf.
func garbled() grpc.ServerOption { return grpc.ForceServerCodecV2(noMessage{}) }

type noMessage struct{}

func (noMessage) Name() string { return "proto" }
func (noMessage) Marshal(any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer("\xff")}, nil
}
func (noMessage) Unmarshal(mem.BufferSlice, any) error { return nil }

// refusal is why a run did not begin.
func refusal(t *testing.T, engine string, args []string) error {
	t.Helper()
	p := planOf(t, append([]string{"--engine", engine}, args...)...)
	_, err := runner.Run(t.Context(), p, runner.Options{Command: newChildren(t).command(t)})
	if !errors.Is(err, runner.ErrPreflight) {
		t.Fatalf("error %v, want one of the preflight", err)
	}
	t.Log(err)
	return err
}

func TestPreflightNamesATargetThatRefuses(t *testing.T) {
	lane.Long(t, "starts processes")
	eachEngine(t, func(t *testing.T, engine string) {
		s := newTarget(t, nil)
		s.stop()
		err := refusal(t, engine, []string{"--tls", "off", s.addr})
		if !strings.Contains(err.Error(), "nothing listens") || !strings.Contains(err.Error(), "TARGET") {
			t.Errorf("error %q: must say that nothing listens there", err)
		}
	})
}

func TestPreflightShowsNoMetadataOfTheUser(t *testing.T) {
	lane.Long(t, "starts processes")
	eachEngine(t, func(t *testing.T, engine string) {
		s := newTarget(t, nil)
		s.refuse = "token tok-4711-secret is not valid"
		err := refusal(t, engine, []string{"--tls", "off", "--metadata", "authorization=Bearer tok-4711-secret", s.addr})
		if strings.Contains(err.Error(), "4711") || !strings.Contains(err.Error(), "--metadata") {
			t.Errorf("error %q: must name --metadata and hide its value", err)
		}
	})
}
