package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"grpcbench/internal/compare"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/internal/verify"
)

func newVerifyCommand() *cobra.Command {
	var full bool
	c := &cobra.Command{
		Use:   "verify",
		Short: "Proves on this machine that what is measured is true",
		Long: `Verify measures servers whose behaviour is known and holds what comes out against
what must: servers that stand still, that are slow in a known way, that end their
connections, that restart, and two of which one works a tenth more. It takes some
two minutes, and wants a machine that does nothing else.

With --full it also counts how often a verdict is wrong and how often a change is
missed: equal servers 20 times, 20 times more beside a process that burns a core in
bursts, and 10 times two of which one works a twentieth more. That takes three quarters of an hour.

Exit code 0: every row passed. 1: a row failed, or is void: then the machine was
disturbed so much that it may be the machine, and the row has proven nothing. What
takes seconds is tried once more first, with --full up to five times.`,
		Example: "  grpc-bench verify\n  grpc-bench verify --full",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("verify: must be given no arguments, got %d", len(args))}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(c.Context())
			defer stop()
			return prove(ctx, full, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().BoolVar(&full, "full", false, "count wrong and missed verdicts too: three quarters of an hour")
	return c
}

// plainly returns a link to a program, whose path is a word of a command whatever the
// program's own holds: a space, a comma.
func plainly(program string) (link string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "grpc-bench-")
	if err != nil {
		return "", nil, fmt.Errorf("link own program: %w", err)
	}
	remove = func() { _ = os.RemoveAll(dir) } // a link may stay
	link = filepath.Join(dir, "grpc-bench")
	if err := os.Symlink(program, link); err != nil {
		remove()
		return "", nil, fmt.Errorf("link own program: %w", err)
	}
	return link, remove, nil
}

// prove prints each row as it is known.
func prove(ctx context.Context, full bool, stdout, stderr io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	link, remove, err := plainly(self)
	if err != nil {
		return err
	}
	defer remove()
	line := startProgress(stderr, columns(stderr))
	defer line.stop()
	fmt.Fprintln(stdout, verifyRow("", "must be", "is", ""))
	about := ""
	o := verify.Options{
		Self:      link + " specimen --listen {addr} --work %d",
		Full:      full,
		Neighbour: func() (func(), error) { return verify.StartNeighbour(self, "specimen", "--burn") },
		Run: func(ctx context.Context, args ...string) (result.Result, error) {
			return measure(ctx, self, line, args)
		},
		Found: func(r verify.Row) {
			if r.About != about {
				about = r.About
				fmt.Fprintln(stdout, about+tried(r.Tries))
			}
			fmt.Fprintln(stdout, verifyRow("  "+r.What, bounds(r.Low, r.High), figure(r.Got), string(r.Outcome)))
			if r.Reason != "" {
				fmt.Fprintln(stdout, "    "+r.Reason)
			}
		},
	}
	rows, err := verify.Prove(ctx, o)
	times := make(map[verify.Outcome]int)
	for _, r := range rows {
		times[r.Outcome]++
	}
	if err != nil {
		if code, ok := exitInterrupted[context.Cause(ctx)]; ok {
			return code
		}
		return fmt.Errorf("verify %w", err)
	}
	fmt.Fprintln(stdout, verifyTally(len(rows), times))
	if len(rows) == 0 || times[verify.Pass] < len(rows) {
		return exitError(exitFailed)
	}
	return nil
}

// verifyTally counts rows; what was void has proven nothing, and is no failure either.
func verifyTally(rows int, times map[verify.Outcome]int) string {
	text := fmt.Sprintf("%d of %d passed, %d failed", times[verify.Pass], rows, rows-times[verify.Pass]-times[verify.Void])
	if n := times[verify.Void]; n > 0 {
		text += fmt.Sprintf(", %d void: not proven, because the machine was disturbed", n)
	}
	return text
}

// tried says that a disturbed machine was given another chance.
func tried(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(" (try %d: the machine was disturbed before)", n)
}

// measure is `grpc-bench run` without storing.
func measure(ctx context.Context, self string, line *progress, args []string) (result.Result, error) {
	var config plan.Config
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	config.Flags(flags)
	if err := flags.Parse(args); err != nil {
		return result.Result{}, err
	}
	config.TargetArg = strings.Join(flags.Args(), " ")
	p, err := config.Plan()
	if err != nil {
		return result.Result{}, err
	}
	r, err := runner.Run(ctx, p, runner.Options{Command: []string{self}, Progress: line.update, ID: result.NewID(time.Now()), Enough: enough(p, p.GateEpochs())})
	if err != nil {
		return result.Result{}, err
	}
	if r.Interrupted != "" {
		return result.Result{}, context.Cause(ctx)
	}
	compare.Judge(r)
	return *r, nil
}

// verifyRow is a line of 80 columns.
func verifyRow(what, must, is, outcome string) string {
	return strings.TrimRight(fmt.Sprintf("%-40s %-18s %-12s %s", what, must, is, outcome), " ")
}

func bounds(low, high float64) string {
	switch {
	case low == high:
		return figure(low)
	case high == math.MaxFloat64:
		return "≥ " + figure(low)
	case low == 0:
		return "≤ " + figure(high)
	}
	return figure(low) + " to " + figure(high)
}

func figure(v float64) string {
	if math.IsNaN(v) {
		return "none"
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// newSpecimenCommand is a server that verify measures.
func newSpecimenCommand() *cobra.Command {
	var listen string
	var work int64
	var burn bool
	c := &cobra.Command{Use: "specimen", Hidden: true, Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		ctx, stop := untilSignal(c.Context())
		defer stop()
		if burn {
			verify.Burn(c.InOrStdin())
			return nil
		}
		return verify.Serve(ctx, listen, time.Duration(work), c.OutOrStdout())
	}}
	c.Flags().StringVar(&listen, "listen", "", "")
	c.Flags().Int64Var(&work, "work", 0, "")
	c.Flags().BoolVar(&burn, "burn", false, "")
	return c
}
