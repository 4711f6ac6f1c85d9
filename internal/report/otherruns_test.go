package report_test

import (
	"io"
	"strings"
	"testing"

	"grpcbench/internal/report"
	"grpcbench/internal/result"
)

// Beside the CPU that others used stands which of them was another run.
func TestAnotherRunStandsBesideTheCPUOfOthers(t *testing.T) {
	for form, write := range map[string]func(io.Writer, result.Result) error{
		"text":     func(w io.Writer, r result.Result) error { return report.Text(w, r, report.TextOptions{}) },
		"Markdown": func(w io.Writer, r result.Result) error { return report.Markdown(w, r) },
		"HTML":     func(w io.Writer, r result.Result) error { return report.HTML(w, r) },
	} {
		r := stored(t)
		const says = "another grpc-bench run (pid 4711) is using this machine"
		if strings.Contains(render(t, func(w io.Writer) error { return write(w, r) }), "another grpc-bench run") {
			t.Errorf("%s: another run, where there was none", form)
		}
		r.Machine.Epochs[0].OtherRuns = []int{4711}
		if text := strings.Join(strings.Fields(render(t, func(w io.Writer) error { return write(w, r) })), " "); !strings.Contains(text, says) {
			t.Errorf("%s does not say %q", form, says)
		}
	}
}
