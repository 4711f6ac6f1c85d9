package faults

import (
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/testing/lane"
)

const (
	// rate is that of the open loops, in RPC/s, evenly spaced so that it is known
	// how many are due.
	rate = 200
	// minTraffic is how many RPCs must have been affected by each part of a fault,
	// and how many not, for a test to say something.
	minTraffic = 50
	// mostRSS is what a generator's memory may be, whatever fails.
	mostRSS = 64 << 20
)

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

// openLoop is a run of one epoch without a warm-up against addr, at rate, whose
// windows hold rate × window RPCs.
func openLoop(t *testing.T, engine, addr string, window time.Duration, more ...string) *bench {
	t.Helper()
	return begin(t, nil, append([]string{addr, "--engine", engine, "--tls", "off", "--epochs", "1", "--warmup", "0s", "--arrival", "uniform",
		"--rate", strconv.Itoa(rate), "--window", window.String()}, more...)...)
}

// onlyArm returns the run's arm and fails unless all that was due in the window is
// in it and, besides, the one RPC of the preflight.
func onlyArm(t *testing.T, r result.Result, window time.Duration) result.Arm {
	t.Helper()
	a := r.Arms[0]
	if due := int64(window.Seconds() * rate); a.Ledger.Scheduled != due || a.LedgerTotal.Scheduled != due+1 {
		t.Errorf("scheduled %d, and %d in all, want %d and one more", a.Ledger.Scheduled, a.LedgerTotal.Scheduled, due)
	}
	return a
}

// wantSmall fails if the generator's memory grew with what failed.
func wantSmall(t *testing.T, a result.Arm) {
	t.Helper()
	if rss := a.Epochs[0].Generator.RSSBytes; rss == nil || *rss > mostRSS {
		t.Errorf("generator's memory %v bytes, want at most %d", rss, mostRSS)
	} else {
		t.Logf("generator's memory %d MiB", *rss>>20)
	}
}

// wantTraffic makes a test void without enough RPCs.
func wantTraffic(t *testing.T, what string, n int64) {
	t.Helper()
	if n < minTraffic {
		t.Fatalf("void: %d RPCs %s, want at least %d", n, what, minTraffic)
	}
}

// TestAServerKilledForGoodEndsTheRunOnTime.
//
//	fault:   server killed in the window, never started again
//	promise: all that was due is accounted for; INVALID, exit 4; on time; small
//	figure:  at least {minTraffic} RPCs before and after; memory ≤ {mostRSS}; result ≤ {mostJSON}
func TestAServerKilledForGoodEndsTheRunOnTime(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const window = 2 * time.Second
	eachEngine(t, func(t *testing.T, engine string) {
		s := serve(t, address(t))
		b := openLoop(t, engine, s.addr, window, "--drain", "1s")
		s.await(rate / 2)
		s.kill()
		code, r := b.result(window + time.Second)
		a := onlyArm(t, r, window)
		wantSmall(t, a)
		wantTraffic(t, "before", a.Ledger.OK)
		wantTraffic(t, "after", a.Ledger.Failed["UNAVAILABLE"])
		if code != invalid || checkOf(t, r, "dead_at_end").Verdict != result.Invalid || checkOf(t, r, "rpcs_lost").Verdict != result.Invalid {
			t.Errorf("exit code %d, checks %+v, want INVALID for the dead end and for what was lost", code, r.Checks)
		}
		if l := a.Ledger; l.OK+l.Failed["UNAVAILABLE"] != l.Scheduled {
			t.Errorf("ledger %+v, want all ok or UNAVAILABLE", l)
		}
		if last := a.Windows[len(a.Windows)-1]; last.OK != 0 || last.P50 != nil {
			t.Errorf("last second %+v, want none ok and no latency", last)
		}
	})
}

// TestFailingCallersAreHeldBack: an RPC that finds no server fails within
// microseconds, so callers that asked again at once would measure that.
//
//	fault:   server killed under a closed loop
//	promise: attempts are paced; every one is accounted for; small
//	figure:  at most {mostAttempts} failures a caller in 2 s; memory ≤ {mostRSS}
func TestFailingCallersAreHeldBack(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const (
		window  = 2 * time.Second
		callers = 8
		// One in 10 ms is 200; each change of the channel's state is one more, two for
		// every attempt to connect, of which there are a dozen in 2 s of backoff.
		mostAttempts = 250
	)
	eachEngine(t, func(t *testing.T, engine string) {
		s := serve(t, address(t))
		b := begin(t, nil, s.addr, "--engine", engine, "--tls", "off", "--epochs", "1", "--warmup", "0s", "--window", window.String(),
			"--loop", "closed", "--concurrency", strconv.Itoa(callers))
		s.await(10 * minTraffic)
		s.kill()
		code, r := b.result(window)
		a := r.Arms[0]
		wantSmall(t, a)
		wantTraffic(t, "before", a.Ledger.OK)
		wantTraffic(t, "after", a.Ledger.Failures())
		if n := a.Ledger.Failures(); n > callers*mostAttempts || code != invalid {
			t.Errorf("exit code %d with %d failures, want INVALID with at most %d", code, n, callers*mostAttempts)
		}
	})
}

// TestARestartedServerIsFoundAgain.
//
//	fault:   server killed and started again on its port
//	promise: the ledger is exact; RPCs succeed again; --allow-failures is obeyed
//	figure:  at least {minTraffic} RPCs before, meanwhile and after; the last second is served
func TestARestartedServerIsFoundAgain(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const window = 3 * time.Second
	eachEngine(t, func(t *testing.T, engine string) {
		first := serve(t, address(t))
		b := openLoop(t, engine, first.addr, window, "--allow-failures", "0.9")
		first.await(rate / 2)
		first.kill()
		<-time.After(time.Second / 2) // without a server
		second := serve(t, first.addr)
		_, r := b.result(window)
		a, c := onlyArm(t, r, window), second.stop()
		wantTraffic(t, "before", a.LedgerTotal.OK-c.OK)
		wantTraffic(t, "meanwhile", a.Ledger.Failures())
		wantTraffic(t, "after", c.OK)
		if c.Started != c.OK || a.Observed.Reconnects != int64(a.Settings.Connections) {
			t.Errorf("the second server counted %+v, %d reconnects, want none failed and each of %d connections once", c, a.Observed.Reconnects, a.Settings.Connections)
		}
		if last := a.Windows[len(a.Windows)-1]; last.OK == 0 || checkOf(t, r, "dead_at_end").Verdict != result.Valid {
			t.Errorf("last second %+v, want RPCs that are ok", last)
		}
		if c := checkOf(t, r, "rpcs_lost"); c.Verdict != result.Degraded {
			t.Errorf("check %+v, want DEGRADED, as most RPCs may be lost", c)
		}
		if c := checkOf(t, r, "reconnected"); c.Text == "" {
			t.Errorf("check %+v, want a warning", c)
		}
	})
}

// TestAServerReplacedByAnotherIsCountedWithIt: the first lets its RPCs end, so
// that what both counted is what the client counted, to the last one.
//
//	fault:   server ended by SIGTERM under load, another one on its port
//	promise: no RPC that reached a server is lost; both counts add up to the ledger
//	figure:  at least {minTraffic} RPCs each; ok = ok of both servers, exactly
func TestAServerReplacedByAnotherIsCountedWithIt(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const window = 3 * time.Second
	eachEngine(t, func(t *testing.T, engine string) {
		first := serve(t, address(t))
		b := openLoop(t, engine, first.addr, window)
		first.await(rate / 2)
		one := first.stop()
		second := serve(t, first.addr)
		_, r := b.result(window)
		a, two := onlyArm(t, r, window), second.stop()
		wantTraffic(t, "of the first server", one.OK)
		wantTraffic(t, "of the second server", two.OK)
		l := a.LedgerTotal
		if one.OK+two.OK != l.OK || one.Started+two.Started != l.OK || one.Instance == two.Instance {
			t.Errorf("servers counted %+v and %+v, want together %d started and ok", one, two, l.OK)
		}
		want := map[string]int64{}
		if lost := l.Scheduled - l.OK; lost > 0 { // while nobody listened
			want["UNAVAILABLE"] = lost
		}
		if diff := cmp.Diff(want, l.Failed); diff != "" {
			t.Errorf("failed (-want +got):\n%s", diff)
		}
	})
}

// TestAFrozenServerDelaysWhatWasDueAndLosesNothing: the arrivals of the second in
// which the server is frozen wait for its end, each as long as is left of it.
//
//	fault:   server frozen for a second of the window
//	promise: every RPC ends well; the stall is in the latency
//	figure:  0 lost of {due}; max ≥ 0.9 s; p90 ≥ 0.4 s
func TestAFrozenServerDelaysWhatWasDueAndLosesNothing(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const (
		window = 2500 * time.Millisecond
		due    = 500 // rate × window
		frozen = time.Second
	)
	eachEngine(t, func(t *testing.T, engine string) {
		s := serve(t, address(t))
		b := openLoop(t, engine, s.addr, window)
		s.await(rate / 2)
		s.send(syscall.SIGSTOP)
		<-time.After(frozen)
		s.send(syscall.SIGCONT)
		_, r := b.result(window)
		a, c := onlyArm(t, r, window), s.stop()
		if l := a.LedgerTotal; a.Ledger.OK != due || c.OK != l.OK || c.Started != l.Started || a.Observed.Reconnects != 0 {
			t.Errorf("ledger %+v, server counted %+v, %d reconnects, want %d ok on the same connections", l, c, a.Observed.Reconnects, due)
		}
		// 200 of 500 arrivals meet the stall and wait for what is left of it: the 50th
		// longest has met three quarters.
		if q := a.Latency.P90; q == nil || *q < 400e6 {
			t.Errorf("latency p90 %v ns, want the stall's 0.75 s or nearly", q)
		}
		if q := a.Latency.Max; q == nil || *q < 900e6 {
			t.Errorf("latency max %v ns, want the stall's second", q)
		}
	})
}

// TestAServerFrozenForGoodMissesEveryDeadline.
//
//	fault:   server frozen until the end, RPCs with a deadline
//	promise: each ends with DEADLINE_EXCEEDED, the run on time, INVALID
//	figure:  at least {minTraffic} RPCs before and after; 0 abandoned
func TestAServerFrozenForGoodMissesEveryDeadline(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const window = 1500 * time.Millisecond
	eachEngine(t, func(t *testing.T, engine string) {
		s := serve(t, address(t))
		b := openLoop(t, engine, s.addr, window, "--deadline", "300ms")
		s.await(rate / 2)
		s.send(syscall.SIGSTOP)
		code, r := b.result(window)
		l := onlyArm(t, r, window).Ledger
		wantTraffic(t, "before", l.OK)
		wantTraffic(t, "after", l.Failed["DEADLINE_EXCEEDED"])
		if l.OK+l.Failed["DEADLINE_EXCEEDED"] != l.Scheduled || code != invalid {
			t.Errorf("exit code %d, ledger %+v, want INVALID with all ok or DEADLINE_EXCEEDED", code, l)
		}
	})
}

// TestAServerFrozenForGoodIsGivenUpAfterTheDrain.
//
//	fault:   server frozen until the end, RPCs without a deadline
//	promise: what never ends is abandoned after --drain; the run ends on time, INVALID
//	figure:  at least {minTraffic} RPCs before and after; drain 500 ms
func TestAServerFrozenForGoodIsGivenUpAfterTheDrain(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const window = 1500 * time.Millisecond
	eachEngine(t, func(t *testing.T, engine string) {
		s := serve(t, address(t))
		b := openLoop(t, engine, s.addr, window, "--drain", "500ms")
		s.await(rate / 2)
		s.send(syscall.SIGSTOP)
		code, r := b.result(window)
		l := onlyArm(t, r, window).Ledger
		wantTraffic(t, "before", l.OK)
		wantTraffic(t, "after", l.Abandoned)
		if l.OK+l.Abandoned != l.Scheduled || code != invalid {
			t.Errorf("exit code %d, ledger %+v, want INVALID with all ok or abandoned", code, l)
		}
	})
}
