package report

import (
	"encoding/csv"
	"io"
	"math"
	"strconv"
	"strings"

	"grpcbench/internal/result"
)

// csvHead names the columns. Within the format columns are only added, at the
// end.
func csvHead() []string {
	return []string{"run", "run_verdict", "kind", "group", "arm", "control", "aa", "epoch", "interrupted", "metric", "unit",
		"value", "count", "estimate_ratio", "ci_low", "ci_high", "p", "verdict", "mde", "delta", "epochs", "reason"}
}

// CSV writes rs as one table (RFC 4180) in long form: a row for each number of
// each arm and epoch, of kind "figure", and one for each comparison, of kind
// "comparison". The error is that of w.
//
// A text that a spreadsheet would take for a formula begins with an apostrophe;
// what acts on a terminal is replaced, as everywhere.
func CSV(w io.Writer, rs ...result.Result) error {
	t := csvTable{out: csv.NewWriter(w)}
	t.out.UseCRLF = true
	t.row(csvHead())
	for _, r := range rs {
		t.result(r)
	}
	t.out.Flush()
	return t.out.Error()
}

// csvTable is a table under way. Its writer keeps the first error for the end.
type csvTable struct {
	out *csv.Writer
}

func (t csvTable) row(cells []string) { _ = t.out.Write(cells) }

func (t csvTable) result(r result.Result) {
	head := []string{csvText(r.ID), csvText(string(r.Verdict))}
	aa := make(map[string]bool)
	for _, a := range r.Arms {
		aa[a.Name] = a.AA
		t.figures(append(head, "figure", "", csvText(a.Name), "", strconv.FormatBool(a.AA), "all", "false"), append(measurements(a.Figures, a.Handshake), churnFigures(a.Churn)...))
		for _, e := range a.Epochs {
			t.figures(append(head, "figure", "", csvText(a.Name), "", strconv.FormatBool(a.AA), strconv.Itoa(e.Index), strconv.FormatBool(e.Interrupted)),
				append(measurements(e.Figures, e.Handshake), churnFigures(e.Churn)...))
		}
	}
	for _, c := range r.Comparisons {
		t.row(append(head, "comparison", csvText(c.Group), csvText(c.Arm), csvText(c.Control), strconv.FormatBool(aa[c.Arm]), "all", "false",
			csvText(c.Metric), csvText(c.Unit), "", "", csvNumber(c.Ratio), csvNumber(c.Low), csvNumber(c.High), csvNumber(c.P), csvText(c.Verdict),
			csvNumber(c.MDE), number(c.Delta), strconv.Itoa(c.Epochs), csvText(c.Reason)))
	}
}

// figures writes a row for each measurement; the columns of comparisons are empty.
func (t csvTable) figures(head []string, ms []measurement) {
	for _, m := range ms {
		count := ""
		if m.count > 0 {
			count = strconv.FormatInt(m.count, 10)
		}
		row := append(append([]string{}, head...), csvText(m.metric), m.unit, csvNumber(&m.value), count)
		t.row(append(row, make([]string, len(csvHead())-len(row))...))
	}
}

// csvNumber prints v with all its digits, nothing if there is none. Infinity is
// spelled as pandas and R read it.
func csvNumber(v *float64) string {
	switch {
	case v == nil:
		return ""
	case math.IsInf(*v, 1):
		return "Inf"
	}
	return number(*v)
}

// csvText makes a text safe to show in a terminal and to open in a spreadsheet,
// which takes what begins with one of these for a formula (OWASP, CSV injection).
func csvText(s string) string {
	safe := clean(s)
	if strings.HasPrefix(s, "\t") || strings.HasPrefix(s, "\r") || strings.HasPrefix(s, "\n") ||
		strings.IndexAny(strings.TrimSpace(safe), "=+-@＝＋－＠") == 0 {
		return "'" + safe
	}
	return safe
}
