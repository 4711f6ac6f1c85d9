package ui_test

import (
	"strings"
	"testing"

	"grpcbench/internal/result"
	"grpcbench/testing/lane"
)

// TestTheHistoryOfTooFewRunsIsNotJudged: one run, runs that may not be used, two machines, and enough runs of one.
//
//	fault:   a directory with one run, with INVALID runs alone, or with results of two machines, in the browser
//	promise: the page of the history says NOT JUDGED, in another class, where no series has the runs that a nomination needs; another machine is a series of its own and blamed on no commit
//	figure:  word and class of each; every system named
func TestTheHistoryOfTooFewRunsIsNotJudged(t *testing.T) {
	lane.Long(t, "works for seconds: stores dozens of results")
	t.Parallel()
	const cpu = "Other CPU 9000"
	elsewhere := func(r *result.Result) {
		slower("tls=1.3", 1.2)(r)
		r.Machine.CPU = cpu
	}
	for name, row := range map[string]struct {
		runs   int
		change func(i int) func(*result.Result)
		badge  string
		cpus   bool
	}{
		"one run":      {1, func(int) func(*result.Result) { return nil }, `badge unknown">NOT JUDGED<`, false},
		"13 runs":      {13, func(int) func(*result.Result) { return nil }, `badge unknown">NOT JUDGED<`, false},
		"14 runs":      {14, func(int) func(*result.Result) { return nil }, `badge good">NO CHANGE`, false},
		"14 cut short": {14, func(int) func(*result.Result) { return func(r *result.Result) { r.Interrupted = "SIGINT" } }, `badge unknown">NOT JUDGED<`, false},
		"two machines": {16, func(i int) func(*result.Result) { return map[bool]func(*result.Result){true: elsewhere}[i >= 8] }, `badge unknown">NOT JUDGED<`, true},
		"a slower half": {16, func(i int) func(*result.Result) {
			return map[bool]func(*result.Result){true: slower("tls=1.3", 1.2)}[i >= 8]
		}, `badge doubt">◆ `, false},
	} {
		dir := t.TempDir()
		for i := range row.runs {
			store(t, dir, i, row.change(i))
		}
		got := serve(t, dir).ask(t, "/part/history", nil).body
		if !strings.Contains(got, row.badge) || strings.Contains(got, cpu) != row.cpus {
			t.Errorf("%s: the page does not hold %s, and another CPU %t:\n%.700s", name, row.badge, row.cpus, got)
		}
	}
}

// A comparison of results with one arm judges neither latency nor CPU, and does not look
// as if it had.
func TestTheComparisonOfOneArmIsNotJudged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	alone := func(r *result.Result) {
		r.Arms, r.Plan.Arms, r.Groups, r.Plan.Groups = r.Arms[:1], r.Plan.Arms[:1], nil, nil
	}
	base, now := store(t, dir, 0, alone), store(t, dir, 1, func(r *result.Result) {
		slower(r.Plan.Arms[0].Name, 2)(r)
		alone(r)
	})
	got := serve(t, dir).ask(t, "/part/compare?base="+base+"&new="+now, nil).body
	if !strings.Contains(got, `badge unknown">NOT JUDGED<`) || !strings.Contains(got, "latency and CPU are not judged") {
		t.Errorf("the page of one arm:\n%.700s", got)
	}
}

// The run before is one of the same system: another machine's would show what the machines
// differ in.
func TestTheRunBeforeIsOfTheSameSystem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := store(t, dir, 0, nil)
	store(t, dir, 1, func(r *result.Result) { r.Machine.CPUs++ })
	last := store(t, dir, 2, nil)
	if got := serve(t, dir).ask(t, "/part/run?ref="+last, nil).body; !strings.Contains(got, "/compare?base="+first+"&amp;new="+last) {
		t.Errorf("no link to a comparison with %s:\n%.500s", first, got)
	}
}
