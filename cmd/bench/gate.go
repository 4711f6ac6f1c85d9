package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"grpcbench/internal/compare"
	"grpcbench/internal/mask"
	"grpcbench/internal/plan"
	"grpcbench/internal/report"
	"grpcbench/internal/result"
)

// gatekeeper holds the result of a run against its gates. The zero value asks for
// nothing.
type gatekeeper struct {
	gates   plan.Gates
	base    *result.Result // what relative gates compare with; nil: the control
	epochs  int            // that they need to be able to fail
	results string
	save    string // name of the baseline that the result becomes; "": none
}

// readGates makes sure, before any load, that the gates of p can be answered and the
// baseline saved.
func readGates(config plan.Config, p plan.Plan) (gatekeeper, error) {
	g := gatekeeper{gates: p.Gates, epochs: p.GateEpochs(), results: config.Results, save: config.SaveBaseline}
	if g.save != "" {
		if err := result.CheckBaseline(g.results, g.save); err != nil {
			return g, usageError{fmt.Errorf("--save-baseline: %w", err)}
		}
	}
	name := p.Gates.Baseline
	if name == "" {
		return g, nil
	}
	base, err := readExamined(g.results, reference(name))
	if err == nil {
		var few error
		g.epochs, few = p.EpochsBeside(wholeEpochs(base))
		err = errors.Join(compare.Alike(base.Plan, p), few)
	}
	if err == nil && !compare.Passes(base.Verdict, p.Gates) {
		err = fmt.Errorf("must be VALID, or DEGRADED with --allow-degraded, and is %s", base.Verdict)
	}
	if err == nil {
		err = rehearse(p.Gates, base)
	}
	if err != nil {
		return g, usageError{fmt.Errorf("--baseline %s: %w", name, err)}
	}
	g.base = &base
	return g, nil
}

// rehearse refuses relative gates for which the baseline has nothing that a result could
// be compared with: beside itself it has all that it can have.
func rehearse(gates plan.Gates, base result.Result) error {
	gates.Thresholds = slices.DeleteFunc(slices.Clone(gates.Thresholds), func(t plan.Threshold) bool { return !t.Relative })
	b, err := compare.Results(&base, &base, false)
	if err != nil {
		return err
	}
	base.Comparisons = compare.Arms(&base)
	var errs []error
	for _, g := range compare.Gates(gates, &base, &b) {
		if g.NotJudged && g.Ratio == nil {
			errs = append(errs, fmt.Errorf("%s cannot be judged: %s", g.Asked, g.Text))
		}
	}
	return errors.Join(errs...)
}

// reference is what result.Read calls a baseline or the id of a result.
func reference(name string) string {
	if result.IsID(name) {
		return name
	}
	return "baseline:" + name
}

// wholeEpochs is the number of epochs that every arm of r has whole.
func wholeEpochs(r result.Result) int {
	n := plan.MaxEpochs
	for _, a := range r.Arms {
		whole := 0
		for _, e := range a.Epochs {
			if !e.Interrupted {
				whole++
			}
		}
		n = min(n, whole)
	}
	return n
}

// judge answers the gates of r, which has been examined.
func (g gatekeeper) judge(r *result.Result) []result.Gate {
	if g.base == nil || r.Verdict == result.Invalid || r.Verdict == result.Partial {
		return compare.Gates(g.gates, r, nil)
	}
	b, err := compare.Results(g.base, r, false)
	if err != nil {
		return []result.Gate{{Asked: "baseline " + g.gates.Baseline, Outcome: result.Fail, Text: err.Error()}}
	}
	b.Base.Baseline, _ = result.BaselineName(reference(g.gates.Baseline))
	return compare.Gates(g.gates, r, &b)
}

// saveBaseline saves r as the baseline that was asked for, if it may be one, and says
// so; the error is the exit code.
func (g gatekeeper) saveBaseline(r result.Result, stderr io.Writer) error {
	if g.save == "" {
		return nil
	}
	if !compare.Passes(r.Verdict, g.gates) {
		say(stderr, fmt.Errorf("--save-baseline %s: not saved: the result must be VALID, or DEGRADED with --allow-degraded, and is %s", g.save, r.Verdict))
		return exitError(exitFailed)
	}
	path, err := result.SaveBaseline(g.results, g.save, r)
	if err != nil {
		say(stderr, fmt.Errorf("--save-baseline: %w", err))
		return exitError(exitFailed)
	}
	fmt.Fprintf(stderr, "grpc-bench: saved %s\n", path)
	return nil
}

// tellGates says which gates failed, were not judged or could not be answered, and how
// many there were; the error is their exit code.
func tellGates(gates []result.Gate, notMeasured []string, inconclusive string, stderr io.Writer) error {
	var err error
	unjudged := make(map[string]bool) // by cause: an INVALID result is told once, and the count has the rest
	for _, g := range gates {
		said := ""
		switch {
		case g.NotJudged:
			if err = exitError(exitGate); !unjudged[g.Text] {
				said, unjudged[g.Text] = "gate not judged, which fails", true
			}
		case g.Outcome == result.Fail:
			said, err = "gate failed", exitError(exitGate)
		case g.Outcome == result.Undecided && inconclusive == plan.InconclusiveFails:
			said, err = "gate inconclusive, which fails", exitError(exitGate)
		case g.Outcome == result.Undecided && inconclusive == plan.InconclusiveWarns:
			said = "gate inconclusive"
		}
		if said != "" {
			fmt.Fprintf(stderr, "grpc-bench: %s: %s\n", said, mask.Harmless(g.Asked+": "+g.Text))
		}
	}
	if tally := report.GateTally(gates, notMeasured); tally != "" {
		fmt.Fprintf(stderr, "grpc-bench: %s\n", mask.Harmless(tally))
	}
	return err
}
