package runner_test

import (
	"slices"
	"testing"
	"time"

	"grpcbench/internal/probe"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// TestAWallClockThatStepsChangesNothingButLabels: every reading of the wall clock
// is an hour off from the one before, to and fro.
//
//	fault:   wall clock stepped by ±1 h at every reading
//	promise: schedule, ledger and rates are those asked for; warning clock_stepped
//	figure:  {due} RPCs scheduled in each of {epochs} windows
func TestAWallClockThatStepsChangesNothingButLabels(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const (
		due    = 30 // 300 RPC/s for 100 ms
		epochs = 2
	)
	midnight := time.Date(2026, 10, 25, 0, 59, 0, 0, time.UTC)
	readings := 0
	wall := func() time.Time {
		readings++
		return midnight.Add(time.Duration(readings%2) * time.Hour)
	}
	p := planOf(t, "--tls", "off", "--arrival", "uniform", "--rate", "300", "--window", "100ms", "--epochs", "2")
	r := measure(t, t.Context(), p, runner.Options{Machine: probe.Machine{Wall: wall}})
	if readings < 2*epochs {
		t.Fatalf("void: the wall clock was read %d times", readings)
	}
	if !slices.ContainsFunc(r.Warnings, func(w result.Warning) bool { return w.Code == "clock_stepped" }) {
		t.Errorf("warnings %+v: must hold clock_stepped", r.Warnings)
	}
	if d := r.Created.Sub(midnight); d != 0 && d != time.Hour {
		t.Errorf("created %v, want one of the clock's two times", r.Created)
	}
	a := r.Arms[0]
	if len(a.Epochs) != epochs || a.Offered != 300 || a.Latency.Clamped != 0 || a.Lag.Clamped != 0 {
		t.Errorf("%d epochs at %g RPC/s, %d latencies out of range, want %d at 300 and none", len(a.Epochs), a.Offered, a.Latency.Clamped, epochs)
	}
	for _, e := range a.Epochs {
		if e.Ledger.Scheduled != due {
			t.Errorf("epoch %d: %d RPCs scheduled, want %d", e.Index, e.Ledger.Scheduled, due)
		}
	}
}
