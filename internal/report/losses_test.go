package report

import (
	"slices"
	"testing"

	"grpcbench/internal/result"
)

// TestTheLedgerLineExplainsEveryLoss: scheduled is ok and all that it lists.
func TestTheLedgerLineExplainsEveryLoss(t *testing.T) {
	window := result.Ledger{Scheduled: 3929, Started: 3927, OK: 3925, NotStarted: map[string]int64{"MAX_IN_FLIGHT": 2},
		Failed: map[string]int64{"UNAVAILABLE": 1}, Causes: map[string]map[string]int64{"UNAVAILABLE": {"connection ended": 1}}, Abandoned: 1}
	life := window
	life.Add(result.Ledger{Scheduled: 4, Started: 4, OK: 1, Failed: map[string]int64{"UNAVAILABLE": 3},
		Causes: map[string]map[string]int64{"UNAVAILABLE": {"connection ended": 1, "GOAWAY NO_ERROR": 2}}})
	r := result.Result{Arms: []result.Arm{{Figures: result.Figures{Ledger: window, LedgerTotal: life}}}}
	want := []string{"2 not started", "1 UNAVAILABLE", "1 abandoned", "3 UNAVAILABLE (in the warm-up: GOAWAY NO_ERROR 2, connection ended 1)"}
	if got := lostOf(r); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	r.Arms[0].Ledger.Causes, r.Arms[0].LedgerTotal.Causes = nil, nil
	want[3] = "3 UNAVAILABLE (in the warm-up)"
	if got := lostOf(r); !slices.Equal(got, want) {
		t.Errorf("of an older tool: %q, want %q", got, want)
	}
}

func TestAFailureNamesItsCauses(t *testing.T) {
	l := result.Ledger{Failed: map[string]int64{"UNAVAILABLE": 595, "NOT_FOUND": 2},
		Causes: map[string]map[string]int64{"UNAVAILABLE": {"connection refused": 590, "connection reset": 5}, "NOT_FOUND": {"server status": 2}}}
	if got, want := failedBy(l), "UNAVAILABLE 595: connection refused 590, connection reset 5; NOT_FOUND 2: server status"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	l.Causes["UNAVAILABLE"] = map[string]int64{"a": 590, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1, "g": 1}
	if got, want := failedBy(l), "UNAVAILABLE 595: a 590, b 1, c 1, d 1, e 1, f 1, 1 other cause 1; NOT_FOUND 2: server status"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	l.Causes = nil
	if got, want := failedBy(l), "UNAVAILABLE 595, NOT_FOUND 2"; got != want {
		t.Errorf("of an older tool: %s, want %s", got, want)
	}
}
