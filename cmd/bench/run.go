package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"grpcbench/internal/compare"
	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
)

func newRunCommand() *cobra.Command {
	var config plan.Config
	c := &cobra.Command{
		Use:   "run [TARGET]",
		Short: "Measures the arms of a plan, all at once, and stores and prints the result",
		Long: `Run measures what settings cost. Every choice of settings is an arm with a
generator process of its own and, without TARGET, a bundled server of its own.
All arms are alive together; each epoch repeats them with fresh processes.

Without arguments it measures the built-in suite "overheads": TLS, metadata and
compression. A TARGET (HOST:PORT, unix:PATH or unix-abstract:NAME) or a setting
measures one arm; --vary compares.`,
		Example: `  grpc-bench run
  grpc-bench run --quick
  grpc-bench run --vary tls=off,1.2,1.3 --vary metadata-size=0,1KiB,1KiB:unique
  grpc-bench run --payload 4KiB:json --vary compression=none,gzip:low,zstd:low
  grpc-bench run localhost:1337 --cacert server.crt --metadata foo=bar
  grpc-bench run api:443 --method /pkg.Service/Get --request @get.bin --rate 50
  grpc-bench run --suite suite.yaml --tag commit=1a2b3c
  grpc-bench run --save-baseline main
  grpc-bench run --baseline main --fail-on-regression --threshold 'p99<5ms'`,
		Args: oneTarget,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				config.TargetArg = args[0]
			}
			return runPlan(c.Context(), config, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	config.Flags(c.Flags())
	offerPlan(c)
	offer(c, "format", formatNames())
	return c
}

// oneTarget refuses more than one argument.
func oneTarget(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usageError{fmt.Errorf("TARGET: must be one HOST:PORT, got %d arguments", len(args))}
	}
	return nil
}

// runPlan measures, stores and prints. What is printed is read back from the
// disk first.
func runPlan(ctx context.Context, config plan.Config, stdout, stderr io.Writer) error {
	format, err := formatNamed(config.Format, stdout)
	if err != nil {
		return usageError{err}
	}
	p, err := config.Plan()
	if err != nil {
		return usageError{err}
	}
	sayProxies(stderr, p)
	p.Tags = tagged(ctx, p.Tags, stderr)
	gates, err := readGates(config, p)
	if err != nil {
		return err
	}
	keep, err := begin(config.Results, stderr)
	if err != nil {
		return err
	}
	defer keep.close()
	keep.gates = gates
	ctx, stop := untilSignal(ctx)
	defer stop()
	r, err := execute(ctx, p, keep, stderr)
	if err != nil {
		if code, ok := exitInterrupted[context.Cause(ctx)]; ok {
			fmt.Fprintln(stderr, "grpc-bench: interrupted before anything was measured")
			return code
		}
		return err
	}
	stored, err := keep.store(*r)
	if err != nil {
		// Nothing is lost: what was measured is shown, though it could not be kept.
		return errors.Join(fmt.Errorf("store result: %w", err), format.Render(stdout, *r))
	}
	if stored.Interrupted != "" {
		fmt.Fprintf(stderr, "grpc-bench: stored in %s\n", filepath.Join(config.Results, stored.ID))
	}
	if err := format.Render(stdout, stored); err != nil {
		return fmt.Errorf("print report: %w", err)
	}
	told := tellGates(stored.Gates, p.Gates.NotMeasured, p.Gates.Inconclusive, stderr)
	saved := gates.saveBaseline(stored, stderr)
	return exitOf(stored, context.Cause(ctx), told, saved)
}

// tagged adds the commit of the working directory to tags, unless one is given. What of it
// is not known is said.
func tagged(ctx context.Context, tags map[string]string, stderr io.Writer) map[string]string {
	if _, given := tags["commit"]; given {
		return tags
	}
	commit, err := probe.Commit(ctx, ".")
	switch {
	case err != nil && commit == "":
		say(stderr, fmt.Errorf("no tag commit (use --tag commit=HASH): %w", err))
	case err != nil:
		say(stderr, fmt.Errorf("tag commit=%.12s, which does not say whether files are changed (use --tag commit=HASH): %w", commit, err))
	}
	if commit == "" {
		return tags
	}
	all := map[string]string{"commit": commit}
	maps.Copy(all, tags)
	return all
}

// execute measures p.
func execute(ctx context.Context, p plan.Plan, keep *keeper, stderr io.Writer) (*result.Result, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	line := startProgress(stderr, columns(stderr))
	defer line.stop()
	defer context.AfterFunc(ctx, func() { line.interrupted(context.Cause(ctx)) })()
	r, err := runner.Run(ctx, p, runner.Options{
		Command: []string{self}, Progress: line.update, ID: keep.draft.ID(), Finished: keep.checkpoint, Enough: enough(p, keep.gates.epochs),
	})
	if err != nil {
		return nil, err
	}
	keep.judge(r)
	return r, nil
}

// enough says of a result so far whether a range of epochs may stop there, after at
// least so many.
func enough(p plan.Plan, least int) func(*result.Result) bool {
	return func(r *result.Result) bool {
		r.Comparisons = compare.Arms(r)
		return len(r.Machine.Epochs) >= least && compare.Resolved(r.Comparisons, p.Gates.Compared()...)
	}
}

// exitOf is the exit code of a stored result whose gates said told and which was saved
// as a baseline or not. What the result is comes first, then what it says.
func exitOf(r result.Result, cause, told, saved error) error {
	if code, ok := exitInterrupted[cause]; ok && r.Interrupted != "" {
		return code
	}
	if r.Verdict == result.Invalid {
		return exitError(exitInvalid)
	}
	return cmp.Or(told, saved)
}

// columns is how wide w is, if it is a terminal on which a line can be written
// over; else nil.
func columns(w io.Writer) func() int {
	if !isTerminal(w) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	fd := int(w.(*os.File).Fd())
	return func() int {
		n, _, err := term.GetSize(fd)
		if err != nil {
			return 80
		}
		return n
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
