package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"
	"time"

	"grpcbench/internal/compare"
	"grpcbench/internal/report"
	"grpcbench/internal/result"
)

// keeper keeps what a run has finished, in its draft.
type keeper struct {
	draft  *result.Draft
	failed error // why the last checkpoint could not be written
	gates  gatekeeper
}

// begin makes the place of a run, and results of what dead runs had finished.
func begin(dir string, stderr io.Writer) (*keeper, error) {
	if dir == "" {
		return nil, usageError{errors.New("--results \"\": must be a directory")}
	}
	d, err := result.Begin(dir, time.Now())
	if err != nil {
		return nil, fmt.Errorf("--results %q: %w", dir, err)
	}
	recoverRuns(dir, stderr)
	return &keeper{draft: d}, nil
}

// recoverRuns says which results were made of runs that died. That others cannot
// be made is told and ends nothing.
func recoverRuns(dir string, stderr io.Writer) {
	ids, err := result.Recover(dir, complete, reports)
	for _, id := range ids {
		fmt.Fprintf(stderr, "grpc-bench: a run ended without storing its result; what it had finished is %s\n", id)
	}
	if err != nil {
		say(stderr, err)
	}
}

// complete makes a result of the epochs that a run had finished when it died. It is PARTIAL at
// best, so that its gates need no baseline.
func complete(r *result.Result) error {
	if err := r.Total(); err != nil {
		return err
	}
	compare.Judge(r)
	r.Gates = compare.Gates(r.Plan.Gates, r, nil)
	return nil
}

// checkpoint is runner.Options.Finished: it keeps the epochs so far, as those of a
// run that does not live to store its result.
func (k *keeper) checkpoint(r *result.Result) {
	sofar := *r
	sofar.Unfinished, sofar.Warnings = true, k.unkept(r.Warnings)
	k.failed = k.draft.Save(sofar)
}

// unkept adds to warnings that epochs could not be kept, if so.
func (k *keeper) unkept(warnings []result.Warning) []result.Warning {
	if k.failed == nil {
		return warnings
	}
	return append(slices.Clone(warnings), result.Warning{Code: "no_checkpoint",
		Text: fmt.Sprintf("what was finished could not be kept while the run lasted: %v", reason(k.failed))})
}

// judge fills in what is made of the numbers.
func (k *keeper) judge(r *result.Result) {
	r.Warnings = k.unkept(r.Warnings)
	compare.Judge(r)
	r.Gates = k.gates.judge(r)
}

// reason is what the system says, without the path.
func reason(err error) error {
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e
	}
	return err
}

// store writes the result's directory with its reports beside it, and reads it
// back.
func (k *keeper) store(r result.Result) (result.Result, error) {
	path, err := k.draft.Publish(r, reports)
	if err != nil {
		return result.Result{}, err
	}
	return result.Read("", path)
}

// reports are the files that stand beside a result for people to read.
func reports(r result.Result) ([]result.File, error) {
	var md, html bytes.Buffer
	err := errors.Join(report.Markdown(&md, r), report.HTML(&html, r))
	return []result.File{{Name: "report.md", Data: md.Bytes()}, {Name: "report.html", Data: html.Bytes()}}, err
}

// close gives up the place. What is left of it the next run clears away.
func (k *keeper) close() { _ = k.draft.Close() }
