// Package verify proves a measurement against servers whose behaviour is known: it
// starts them, has them measured as a user would, and holds what was measured against
// what must come out.
package verify

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"grpcbench/internal/result"
)

// Outcome says what came of a row.
type Outcome string

// Outcomes. Only Pass proves anything.
const (
	Pass Outcome = "pass"
	Fail Outcome = "FAIL"
	// Void: the figure is outside its bounds, and the machine was disturbed so much
	// that it may be the machine.
	Void Outcome = "void"
)

// Row is one figure that must lie in bounds.
type Row struct {
	About   string // what was measured: "stall, grpc"
	What    string // the figure with its unit: "p90, ms"
	Low     float64
	High    float64
	Got     float64 // NaN: there is none
	Outcome Outcome
	Reason  string // of a void row: what disturbed it
	Tries   int    // how often the proof was tried until then; the row is of the last time
}

// Run measures as `grpc-bench run` with these arguments does, and returns the examined
// result, INVALID or not.
type Run func(ctx context.Context, args ...string) (result.Result, error)

// Options is what a proof needs.
type Options struct {
	Run Run
	// Self is the command, a server binary, of what Serve does; %d stands for the CPU
	// time, in ns, that it spends in each RPC.
	Self string
	// Full asks for the long proofs too: measurements that are repeated until it shows how
	// often they err.
	Full bool
	// Neighbour starts a process that disturbs the machine in bursts, and returns what
	// ends it. The long proofs need it.
	Neighbour func() (stop func(), err error)
	// Found is called with each row as soon as it is known.
	Found func(Row)
}

// A proof is one known server and what must come out of measuring it.
type proof struct {
	about string
	prove func(ctx context.Context, o Options) (account, error)
	// tries is how often it is tried at most: again where rows are void. What is wrong is
	// wrong on a quiet machine too, and fails there.
	tries int
}

// account is what a proof found: bounds on figures, and what disturbed the machine.
type account struct {
	bounds    []bound
	disturbed string
	late      time.Duration // p99 of how late a thread that only sleeps woke, in the worst epoch
}

// bound is a figure and what it must lie between.
type bound struct {
	what      string
	got       float64
	low, high float64
	excuse    string // what of the machine makes this row void rather than failed; "": only what disturbed all
}

// Prove runs every proof. The rows are in the order of the proofs. An error is that of
// a measurement which could not be made; the rows until then are there.
func Prove(ctx context.Context, o Options) ([]Row, error) {
	var rows []Row
	for _, p := range proofs(o.Full) {
		found, err := p.settle(ctx, o)
		if err != nil {
			return rows, fmt.Errorf("%s: %w", p.about, err)
		}
		for _, r := range found {
			o.Found(r)
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// settle tries p until no row is void, or often enough.
func (p proof) settle(ctx context.Context, o Options) ([]Row, error) {
	for try := 1; ; try++ {
		a, err := p.prove(ctx, o)
		if err != nil {
			return nil, err
		}
		rows := a.rows(p.about, try)
		if try >= p.tries || !slices.ContainsFunc(rows, func(r Row) bool { return r.Outcome == Void }) {
			return rows, nil
		}
	}
}

func (a account) rows(about string, try int) []Row {
	var rows []Row
	for _, b := range a.bounds {
		r := Row{About: about, What: b.what, Low: b.low, High: b.high, Got: b.got, Outcome: Pass, Tries: try}
		if !(b.low <= b.got && b.got <= b.high) {
			r.Outcome = Fail
			if reason := cmp.Or(a.disturbed, b.excuse); reason != "" {
				r.Outcome, r.Reason = Void, reason
			}
		}
		rows = append(rows, r)
	}
	return rows
}

// want adds a bound.
func (a *account) want(what string, got, low, high float64) {
	a.bounds = append(a.bounds, bound{what: what, got: got, low: low, high: high})
}

// heed notes what disturbed the machine while r was measured, by the checks that ask
// about the machine alone.
func (a *account) heed(r result.Result) {
	about := []string{"competing_cpu", "steal", "hiccups", "throttled", "clock_stepped"}
	for _, c := range r.Checks {
		if slices.Contains(about, c.Code) && (c.Verdict == result.Degraded || c.Verdict == result.Invalid) {
			a.disturbed = strings.TrimPrefix(a.disturbed+"; "+c.Text, "; ")
		}
	}
	for _, e := range r.Machine.Epochs {
		if e.HiccupP99NS != nil {
			a.late = max(a.late, time.Duration(*e.HiccupP99NS))
		}
	}
}
