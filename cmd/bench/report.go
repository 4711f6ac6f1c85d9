package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"grpcbench/internal/report"
	"grpcbench/internal/result"
)

// laterFormats are announced and not in this version.
var laterFormats = []string{"csv", "html", "bench", "hgrm"}

func newReportCommand() *cobra.Command {
	var dir, name string
	c := &cobra.Command{
		Use:   "report ID…",
		Short: "Renders stored results again",
		Example: `  grpc-bench report 20261123T181500Z-k3f2q2xa
  grpc-bench report results/20261123T181500Z-k3f2q2xa --format markdown`,
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
			// One unreadable result does not keep the others from being shown.
			var failed []error
			for _, id := range args {
				r, err := result.Read(dir, id)
				if err == nil {
					result.Examine(&r) // what is shown is what the content says, whoever wrote the file
					err = format.Render(c.OutOrStdout(), r)
				}
				failed = append(failed, err)
			}
			return errors.Join(failed...)
		},
	}
	c.Flags().StringVar(&dir, "results", "results", "`directory` of the results")
	c.Flags().StringVar(&name, "format", "text", "text, markdown or json")
	return c
}

// textOptions is how text for w is written.
func textOptions(w io.Writer) report.TextOptions {
	return report.TextOptions{Color: isTerminal(w) && os.Getenv("NO_COLOR") == ""}
}

// formatNamed is the report format of that name, for the writer it will go to.
func formatNamed(name string, w io.Writer) (report.Format, error) {
	var names []string
	for _, f := range report.Formats(textOptions(w)) {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	for _, later := range laterFormats {
		if name == later {
			return report.Format{}, fmt.Errorf("--format %s: must be one of %s: this version does not have it", name, strings.Join(names, ", "))
		}
	}
	return report.Format{}, fmt.Errorf("--format %q: must be one of %s", name, strings.Join(names, ", "))
}
