package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"grpcbench/internal/report"
	"grpcbench/internal/result"
)

func newReportCommand() *cobra.Command {
	var dir, name string
	c := &cobra.Command{
		Use:   "report ID…",
		Short: "Renders stored results again",
		Long:  "Report renders stored results again.\n\nFormats:\n" + formatsHelp(),
		Example: `  grpc-bench report 20261123T181500Z-k3f2q2xa
  grpc-bench report results/20261123T181500Z-k3f2q2xa --format markdown
  grpc-bench report ID --format html >report.html
  grpc-bench report results/2*/ --format csv >runs.csv
  grpc-bench report ID --format bench | benchstat -col /arm -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("report: must be given the ID or directory of a result")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			format, err := formatNamed(name, c.OutOrStdout())
			if err != nil {
				return usageError{err}
			}
			recoverRuns(dir, c.ErrOrStderr())
			// One unreadable result does not keep the others from being shown.
			var failed []error
			var readable []result.Result
			for _, id := range args {
				r, err := readExamined(dir, id)
				if err != nil {
					failed = append(failed, err)
					continue
				}
				readable = append(readable, r)
			}
			if len(readable) > 0 {
				failed = append(failed, format.Render(c.OutOrStdout(), readable...))
			}
			return errors.Join(failed...)
		},
	}
	c.Flags().StringVar(&dir, "results", "results", "`directory` of the results")
	c.Flags().StringVar(&name, "format", "text", "one of the `FORMAT`s above")
	offer(c, "format", formatNames())
	return c
}

// readExamined reads a result. What is shown of it is what its content says, whoever
// wrote the file.
func readExamined(dir, ref string) (result.Result, error) {
	r, err := result.Read(dir, ref)
	if err == nil {
		result.Examine(&r)
	}
	return r, err
}

// formatsHelp is a line for each format.
func formatsHelp() string {
	var lines []string
	for _, f := range report.Formats(report.TextOptions{}) {
		lines = append(lines, formatHelp(f.Name, f.Doc))
	}
	return strings.Join(lines, "\n")
}

func formatHelp(name, doc string) string { return fmt.Sprintf("  %-10s%s", name, doc) }

func formatNames() []string {
	var names []string
	for _, f := range report.Formats(report.TextOptions{}) {
		names = append(names, f.Name)
	}
	return names
}

// textOptions is how text for w is written.
func textOptions(w io.Writer) report.TextOptions {
	return report.TextOptions{Color: isTerminal(w) && os.Getenv("NO_COLOR") == ""}
}

// formatNamed is the report format of that name, for the writer it will go to.
func formatNamed(name string, w io.Writer) (report.Format, error) {
	i, err := formatIn(formatNames(), name)
	if err != nil {
		return report.Format{}, err
	}
	return report.Formats(textOptions(w))[i], nil
}

// formatIn is the index of name in names.
func formatIn(names []string, name string) (int, error) {
	if i := slices.Index(names, name); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("--format %q: must be one of %s", name, strings.Join(names, ", "))
}
