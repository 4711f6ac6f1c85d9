package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"grpcbench/internal/history"
	"grpcbench/internal/metric"
	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
	"grpcbench/internal/report"
)

func newTrackCommand() *cobra.Command {
	var dir, name, metrics, arm string
	c := &cobra.Command{
		Use:   "track",
		Short: "Says since when a figure is higher or lower, from all stored results",
		Long: `Track puts all results and baselines of a directory in order of their commits, as
git has them here, or else of time, and says where a figure changed its level. A
series is one metric of one arm against its control, as each run of the same plan
measured it on the same system; bytes and allocations are tracked by themselves.
INVALID and interrupted runs are gaps. A nomination needs 14 runs: shorter series
are not judged.

What it finds is a nomination. A fresh A/B of the two builds confirms it or not;
the command for that is printed.

Formats:
` + trackFormatsHelp(),
		Example: `  grpc-bench track
  grpc-bench track --metric all --arm tls=1.3
  grpc-bench track --format csv >series.csv`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("track: must be given no arguments, got %d", len(args))}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			i, err := formatIn(trackFormatNames(), name)
			if err != nil {
				return usageError{err}
			}
			recoverRuns(dir, c.ErrOrStderr())
			h, unreadable := history.Read(dir, placesIn(c.Context(), dir))
			if len(h.Runs) == 0 && unreadable == nil {
				return fmt.Errorf("--results %s: must hold a result", dir)
			} else if len(h.Runs) == 0 {
				return unreadable
			}
			show, err := shown(h, metrics, arm)
			if err != nil {
				return usageError{err}
			}
			t := report.Track{History: h, Show: show, Plan: history.Plans(dir)}
			return errors.Join(report.TrackFormats(textOptions(c.OutOrStdout()))[i].Render(c.OutOrStdout(), t), unreadable)
		},
	}
	c.Flags().StringVar(&dir, "results", "results", "`directory` of the results")
	c.Flags().StringVar(&metrics, "metric", "usual", "text, Markdown and HTML show these `METRICS`, or all, beside what is nominated; usual: "+strings.Join(metric.Usual(), ","))
	c.Flags().StringVar(&arm, "arm", "", "text, Markdown and HTML show the `ARM` of this name alone, beside what is nominated")
	c.Flags().StringVar(&name, "format", "text", "one of the `FORMAT`s above")
	offer(c, "format", trackFormatNames())
	offer(c, "metric", trackedMetrics())
	return c
}

// placesIn is the order of commits in the repository of the working directory, whose
// commits runs are tagged with, or, if it has none of them, in that of the results.
func placesIn(ctx context.Context, results string) history.Places {
	return func(commits []string) map[string]int {
		if here := probe.Places(ctx, ".", commits); len(here) > 0 {
			return here
		}
		return probe.Places(ctx, results, commits)
	}
}

// shown says which series of h have a line. Metrics and an arm that no series has are
// refused.
func shown(h history.History, metrics, arm string) (func(history.Series) bool, error) {
	if err := oneOfSeries(h, "--arm", arm, func(s history.Series) string { return s.Arm }); arm != "" && err != nil {
		return nil, err
	}
	ofArm := func(s history.Series) bool { return arm == "" || arm == s.Arm }
	switch metrics {
	case "all":
		return ofArm, nil
	case "usual":
		usual := h.Usual()
		return func(s history.Series) bool { return ofArm(s) && usual(s) }, nil
	}
	var names []string
	for text := range strings.SplitSeq(metrics, ",") {
		name := text
		if known, err := plan.ParseMetric(text); err == nil {
			name = known // p50 is latency_p50
		}
		if err := oneOfSeries(h, "--metric", name, func(s history.Series) string { return s.Metric }); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return func(s history.Series) bool { return ofArm(s) && slices.Contains(names, s.Metric) }, nil
}

// trackedMetrics are what --metric may name, if the results have it.
func trackedMetrics() []string {
	tracked := metric.Where(func(m metric.Metric) bool { return m.Against == metric.Control })
	return append([]string{"usual", "all"}, metric.Names(tracked)...)
}

// oneOfSeries refuses a value that no series has.
func oneOfSeries(h history.History, flag, value string, of func(history.Series) string) error {
	var all []string
	for _, s := range h.Series {
		all = append(all, of(s))
	}
	slices.Sort(all)
	if all = slices.Compact(all); slices.Contains(all, value) {
		return nil
	}
	if len(all) == 0 {
		return fmt.Errorf("%s %q: the results have no series", flag, value)
	}
	const most = 20
	more := ""
	if len(all) > most {
		all, more = all[:most], ", …"
	}
	return fmt.Errorf("%s %q: must be of a series of these results: %s%s", flag, value, strings.Join(all, ", "), more)
}

func trackFormatNames() []string {
	var names []string
	for _, f := range report.TrackFormats(report.TextOptions{}) {
		names = append(names, f.Name)
	}
	return names
}

func trackFormatsHelp() string {
	var lines []string
	for _, f := range report.TrackFormats(report.TextOptions{}) {
		lines = append(lines, formatHelp(f.Name, f.Doc))
	}
	return strings.Join(lines, "\n")
}
