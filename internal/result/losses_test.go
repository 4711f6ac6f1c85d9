package result

import (
	"slices"
	"strings"
	"testing"
	"time"

	"grpcbench/internal/load"
	"grpcbench/internal/plan"
)

// The server was gone where connections say so; elsewhere the code is named, and RPCs
// that were given up were not answered in time.
func TestWhyNoneOfTheLastSecondWasOK(t *testing.T) {
	one := func(code, cause string) func(*Result) {
		return func(r *Result) { ended(r, 0, 40, load.End{Code: code, Cause: cause}) }
	}
	for name, of := range map[string]struct {
		change func(*Result)
		want   string
	}{
		"refused":        {one("UNAVAILABLE", "connection refused"), "was ok: the server was gone (of the window: UNAVAILABLE 40: connection refused)"},
		"a GOAWAY":       {one("UNAVAILABLE", "GOAWAY NO_ERROR"), "was ok: the server was gone (of the window: UNAVAILABLE 40: GOAWAY NO_ERROR)"},
		"a proxy":        {one("UNAVAILABLE", "HTTP 502"), "was ok (of the window: UNAVAILABLE 40: HTTP 502)"},
		"its own status": {one("UNAVAILABLE", "server status"), "was ok (of the window: UNAVAILABLE 40: server status)"},
		"a deadline":     {one("DEADLINE_EXCEEDED", "client deadline"), "was ok (of the window: DEADLINE_EXCEEDED 40: client deadline)"},
		"abandoned":      {func(r *Result) { ended(r, 40, 0, load.End{}) }, "was answered within --drain 1s: the server is slow, or has stopped answering"},
		"more were given up": {func(r *Result) { ended(r, 30, 10, load.End{Code: "INTERNAL", Cause: "server status"}) },
			"was answered within --drain 1s: the server is slow, or has stopped answering"},
		"not started": {func(r *Result) { ended(r, 0, 0, load.End{}) }, "was ok (of the window: not started MAX_IN_FLIGHT 40)"},
		"an older tool": {func(r *Result) {
			ended(r, 0, 40, load.End{Code: "UNAVAILABLE"}) // which copies the epochs
			first(r).Epochs[0].Ledger.Causes = nil
		}, "was ok (of the window: UNAVAILABLE 40)"},
	} {
		r := fixture(t)
		r.Plan.Drain = plan.Duration(time.Second)
		of.change(&r)
		q := question{r: &r}
		askEnd(&q)
		if q.verdict != Invalid || !strings.HasSuffix(q.text, "none of the 40 RPCs of the window's last second "+of.want) {
			t.Errorf("%s: %q, want %q", name, q.text, of.want)
		}
	}
}

// ended makes of the last second of an arm's first window one of 40 RPCs, none ok.
func ended(r *Result, abandoned, failed int64, end load.End) {
	a := first(r)
	for i := range a.Windows {
		w := &a.Windows[i]
		if w.Epoch == 0 && w.Start+1_000_000_000 > int64(r.Plan.Window)-1_000_000_000 {
			w.Scheduled, w.OK = 0, 0
			w.Failed, w.NotStarted = new(int64(0)), new(int64(0))
			if w.Start == int64(r.Plan.Window)-1_000_000_000 {
				w.Scheduled, w.Failed, w.NotStarted = 40, new(failed), new(40-failed-abandoned)
			}
		}
	}
	a.Epochs = slices.Clone(a.Epochs)
	l := &a.Epochs[0].Ledger
	l.Abandoned, l.Failed, l.Causes, l.NotStarted = abandoned, nil, nil, nil
	if failed > 0 {
		l.Fail(end, failed)
	}
	if rest := 40 - failed - abandoned; rest > 0 {
		l.NotStarted = map[string]int64{"MAX_IN_FLIGHT": rest}
	}
}

func TestLossesNameTheirCauses(t *testing.T) {
	l := Ledger{Abandoned: 3, Failed: map[string]int64{"UNAVAILABLE": 595, "INTERNAL": 7},
		Causes: map[string]map[string]int64{"UNAVAILABLE": {"connection refused": 590, "connection reset": 5}, "INTERNAL": {"RST_STREAM INTERNAL_ERROR": 7}}}
	if got, want := losses(l), "UNAVAILABLE 595: connection refused 590, connection reset 5; INTERNAL 7: RST_STREAM INTERNAL_ERROR; abandoned 3"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	l.Causes["UNAVAILABLE"] = map[string]int64{"HTTP 500": 588, "HTTP 501": 1, "HTTP 502": 1, "HTTP 503": 1, "HTTP 504": 1, "HTTP 505": 1, "HTTP 506": 1, "HTTP 507": 1}
	if got, want := losses(l), "UNAVAILABLE 595: HTTP 500 588, HTTP 501 1, HTTP 502 1, HTTP 503 1, HTTP 504 1, HTTP 505 1, 2 other causes 2; "; !strings.HasPrefix(got, want) {
		t.Errorf("%s, want %s…", got, want)
	}
	l.Causes = nil
	if got, want := losses(l), "UNAVAILABLE 595, INTERNAL 7, abandoned 3"; got != want {
		t.Errorf("of an older tool: %s, want %s", got, want)
	}
}
