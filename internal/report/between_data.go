package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"

	"grpcbench/internal/compare"
)

// BetweenJSON writes b indented by two spaces. Characters that act on a terminal are
// written as \u escapes.
func BetweenJSON(w io.Writer, b compare.Between) error {
	data, err := encode(b)
	if err != nil {
		return fmt.Errorf("encode comparison: %w", err)
	}
	_, err = w.Write(data)
	return err
}

// betweenColumns names the columns. Within the format columns are only added, at the
// end.
func betweenColumns() []string {
	return []string{"base_run", "base_verdict", "new_run", "new_verdict", "kind", "group", "arm", "control", "metric", "unit", "quantile",
		"base", "new", "estimate_ratio", "ci_low", "ci_high", "p", "verdict", "mde", "delta", "base_epochs", "new_epochs", "reason"}
}

// BetweenCSV writes b as one table (RFC 4180): a row for each change of arm/control,
// of kind "ratio", one for each of an arm's own figures, "absolute", and one for each
// quantile of the merged latencies, "quantile". The error is that of w.
//
// Texts are made safe as in [CSV].
func BetweenCSV(w io.Writer, b compare.Between) error {
	t := csvTable{out: csv.NewWriter(w)}
	t.out.UseCRLF = true
	t.row(betweenColumns())
	var head []string
	for _, s := range sides(b) {
		head = append(head, csvText(s.ID), csvText(string(s.Verdict)))
	}
	t.changes(append(head, "ratio"), b.Ratios)
	t.changes(append(head, "absolute"), b.Absolutes)
	for _, d := range b.Distributions {
		for _, s := range d.Shifts {
			row := append(append([]string{}, head...), "quantile", "", csvText(d.Arm), "", "latency", "ns", number(s.Quantile), csvTime(s.Base), csvTime(s.New))
			t.row(append(row, make([]string, len(betweenColumns())-len(row))...))
		}
	}
	t.out.Flush()
	return t.out.Error()
}

func (t csvTable) changes(head []string, all []compare.Change) {
	for _, c := range all {
		t.row(append(append([]string{}, head...), csvText(c.Group), csvText(c.Arm), csvText(c.Control), csvText(c.Metric), csvText(c.Unit), "",
			csvNumber(c.Base), csvNumber(c.New), csvNumber(c.Ratio), csvNumber(c.Low), csvNumber(c.High), csvNumber(c.P), csvText(c.Verdict),
			csvNumber(c.MDE), number(c.Delta), strconv.Itoa(c.BaseEpochs), strconv.Itoa(c.NewEpochs), csvText(c.Reason)))
	}
}

// csvTime prints a quantile; one among the RPCs that never ended well is infinite.
func csvTime(ns *int64) string {
	v := math.Inf(1)
	if ns != nil {
		v = float64(*ns)
	}
	return csvNumber(&v)
}
