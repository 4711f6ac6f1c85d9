package runner_test

import (
	"strings"
	"testing"
	"time"

	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// killing is twoEpochs, in whose first one every child of the role is killed when
// the run comes to the step.
func killing(t *testing.T, role, step string, delay time.Duration) result.Result {
	t.Helper()
	c := newChildren(t)
	p := twoEpochs(t)
	p.Saturated = 500 * time.Millisecond
	act := func() { c.kill(t, role) }
	hook := whenever(step, 1, delay, act)
	if delay == 0 { // at once: whoever calls Progress waits for it
		hook = func(p runner.Progress) {
			if p.Step == step && p.Epoch == 1 {
				act()
			}
		}
	}
	r := measure(t, t.Context(), p, runner.Options{Command: c.command(t), Progress: hook})
	if r.Verdict != result.Invalid || len(r.Arms[0].Epochs) != 1 {
		t.Fatalf("verdict %s with %d epochs, want INVALID with the one of the failure", r.Verdict, len(r.Arms[0].Epochs))
	}
	return r
}

// wantFailure fails unless the result says what ended, and while doing what.
func wantFailure(t *testing.T, r result.Result, child, doing string) {
	t.Helper()
	if !strings.Contains(r.Failure, child) || !strings.Contains(r.Failure, "ended") || !strings.Contains(r.Failure, "asked to "+doing) {
		t.Errorf("failure %q: must name the %s that ended and the order %s", r.Failure, child, doing)
	}
}

// TestAGeneratorKilledUnderSaturationLeavesItsWindow: the windows were measured
// before, with all arms alive; only the saturated figures are lost.
//
//	fault:   generators killed in a saturated block
//	promise: the windows are kept with both sides' accounts; the generator is named
//	figure:  1 epoch of 2; the ledger is exact at the window's end
func TestAGeneratorKilledUnderSaturationLeavesItsWindow(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	r := killing(t, runner.Generator, "saturating", 50*time.Millisecond)
	wantFailure(t, r, "generator of arm", "saturate")
	for _, a := range r.Arms {
		l := a.LedgerTotal
		if a.Ledger.OK == 0 || a.Ledger.Lost() != 0 {
			t.Errorf("arm %s: ledger %+v, want a window without a loss", a.Name, a.Ledger)
		}
		if s := a.ServerLedger; s == nil || s.OK != l.OK || s.Started != l.Started {
			t.Errorf("arm %s: the server counted %+v, want the client's %d of %d before the block", a.Name, s, l.OK, l.Started)
		}
		if a.Saturated != nil {
			t.Errorf("arm %s: saturated %+v, though no block came to its end", a.Name, a.Saturated)
		}
	}
}

// TestAGeneratorKilledAfterItsBlocksLeavesItsWindow.
//
//	fault:   generators killed when all is measured
//	promise: windows and saturated figures are kept; the generator is named
//	figure:  1 epoch of 2; the ledger is exact at the window's end
func TestAGeneratorKilledAfterItsBlocksLeavesItsWindow(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	r := killing(t, runner.Generator, "finishing", 0)
	wantFailure(t, r, "generator of arm", "finish")
	for _, a := range r.Arms {
		if s, l := a.ServerLedger, a.LedgerTotal; a.Ledger.OK == 0 || s == nil || s.OK != l.OK {
			t.Errorf("arm %s: ledger %+v, the server counted %+v, want what both counted in the window", a.Name, l, s)
		}
		if a.Saturated == nil {
			t.Errorf("arm %s: no saturated figures, though its block came to its end", a.Name)
		}
	}
}

// TestAServerKilledAfterItsBlocksLeavesTheClientsAccount.
//
//	fault:   servers killed when all is measured
//	promise: windows, saturated figures and the client's ledger are kept; the server is named
//	figure:  1 epoch of 2; the client's ledger is exact, the server's is absent
func TestAServerKilledAfterItsBlocksLeavesTheClientsAccount(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	r := killing(t, runner.Host, "finishing", 0)
	wantFailure(t, r, "server of arm", "snapshot")
	for _, a := range r.Arms {
		if a.ServerLedger != nil || a.Saturated == nil || a.LedgerTotal.OK <= a.Ledger.OK {
			t.Errorf("arm %s: server %+v, saturated %+v, ledger %+v, want all but the server's count", a.Name, a.ServerLedger, a.Saturated, a.LedgerTotal)
		}
	}
}

// TestAServerKilledInTheWarmUpIsNamed: its RPCs are refused and counted.
//
//	fault:   servers killed in the warm-up
//	promise: every RPC of the window is accounted for; the server is named
//	figure:  0 ok of all scheduled
func TestAServerKilledInTheWarmUpIsNamed(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	c := newChildren(t)
	p := twoEpochs(t)
	p.Warmup = time.Second
	// The common start is 24 ms ahead, so that some of the warm-up is served.
	r := measure(t, t.Context(), p, runner.Options{
		Command: c.command(t), Progress: whenever("measuring", 1, 200*time.Millisecond, func() { c.kill(t, runner.Host) }),
	})
	wantFailure(t, r, "server of arm", "mark")
	for _, a := range r.Arms {
		if l := a.Ledger; l.OK != 0 || l.Scheduled == 0 || l.Failed["UNAVAILABLE"] != l.Scheduled || a.LedgerTotal.OK == 0 {
			t.Errorf("arm %s: window %+v, whole life %+v, want a window of RPCs that found no server after some that did", a.Name, l, a.LedgerTotal)
		}
	}
}
