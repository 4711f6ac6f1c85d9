package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"grpcbench/internal/compare"
	"grpcbench/internal/plan"
	"grpcbench/internal/report"
	"grpcbench/internal/result"
)

func newCompareCommand() *cobra.Command {
	var o compareOptions
	var name string
	c := &cobra.Command{
		Use:   "compare BASE NEW",
		Short: "Says what got slower from one stored result to another",
		Long: `Compare says what got slower from one stored result to another. BASE and NEW are
IDs, directories of results, their result.json, or baseline:NAME.

What is judged is each arm against its control, as each run measured it: whatever
the machine did, it did to both. Absolute figures of two runs are shown; of them
only bytes and allocations are judged.

Gates hold NEW against BASE: exit code 3 and a sentence for each that failed, or
could not be judged because the results do not have what it is about.

Formats:
` + betweenFormatsHelp(),
		Example: `  grpc-bench compare 20261123T181500Z-k3f2q2xa 20261124T090000Z-m5t7wq3b
  grpc-bench compare baseline:main results/20261124T090000Z-m5t7wq3b --format markdown
  grpc-bench compare baseline:main ID --format html >shift.html
  grpc-bench compare baseline:main ID --fail-on-regression --inconclusive fail`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError{fmt.Errorf("compare: must be given BASE and NEW, got %d", len(args))}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			i, err := formatIn(betweenFormatNames(), name)
			if err != nil {
				return usageError{err}
			}
			recoverRuns(o.dir, c.ErrOrStderr())
			gates, err := o.gates.Gates()
			if err != nil {
				return usageError{err}
			}
			b, err := o.between(args[0], args[1], gates)
			if err != nil {
				return err
			}
			if b.Base.ID == b.New.ID {
				say(c.ErrOrStderr(), fmt.Errorf("BASE and NEW are one result, %s: nothing can differ", b.New.ID))
			}
			if err := report.BetweenFormats(textOptions(c.OutOrStdout()))[i].Render(c.OutOrStdout(), b); err != nil {
				return err
			}
			return tellGates(b.Gates, b.NotMeasured, gates.Inconclusive, c.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&o.dir, "results", "results", "`directory` of the results")
	c.Flags().BoolVar(&o.force, "force", false, "compare results of unlike plans as far as they have arms in common")
	c.Flags().StringVar(&name, "format", "text", "one of the `FORMAT`s above")
	offer(c, "format", betweenFormatNames())
	o.gates.GateFlags(c.Flags())
	offerPlan(c)
	return c
}

// compareOptions are the flags of compare that say what is compared.
type compareOptions struct {
	dir   string
	force bool
	gates plan.Config
}

// between compares what two references stand for, and holds the new one against
// gates.
func (o compareOptions) between(base, new string, gates plan.Gates) (compare.Between, error) {
	b, err := readExamined(o.dir, base)
	n, err2 := readExamined(o.dir, new)
	if err := errors.Join(err, err2); err != nil {
		return compare.Between{}, err
	}
	if n.Plan.Kind != "" && gates.Asked() {
		return compare.Between{}, usageError{fmt.Errorf("--threshold, --fail-on-regression: cannot be used with results of grpc-bench %s: gates are about the figures of a run", n.Plan.Kind)}
	}
	if b.ID == n.ID && gates.Asked() {
		return compare.Between{}, usageError{fmt.Errorf("compare %s with %s: they are one result, %s, beside which no gate can fail: give another one", base, new, b.ID)}
	}
	between, err := compare.Results(&b, &n, o.force)
	if errors.Is(err, compare.ErrUnlike) {
		err = fmt.Errorf("%w: --force compares what they have in common", err)
	}
	if err != nil {
		err = fmt.Errorf("compare %s with %s: %w", base, new, err)
	}
	if errors.Is(err, compare.ErrUnlike) || errors.Is(err, compare.ErrKinds) || errors.Is(err, compare.ErrNothingCommon) {
		err = usageError{err}
	}
	between.Base.Baseline, _ = result.BaselineName(base)
	between.New.Baseline, _ = result.BaselineName(new)
	if err == nil {
		between.Gates, between.NotMeasured = compare.Gates(gates, &n, &between), compare.NotMeasured(gates, &n, &between)
	}
	return between, err
}

func betweenFormatNames() []string {
	var names []string
	for _, f := range report.BetweenFormats(report.TextOptions{}) {
		names = append(names, f.Name)
	}
	return names
}

func betweenFormatsHelp() string {
	var lines []string
	for _, f := range report.BetweenFormats(report.TextOptions{}) {
		lines = append(lines, formatHelp(f.Name, f.Doc))
	}
	return strings.Join(lines, "\n")
}
