package report

import (
	"encoding/csv"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"grpcbench/internal/metric"
	"grpcbench/internal/result"
)

// csvHead names the columns. Within the format columns are only added, at the
// end.
func csvHead() []string {
	return []string{"run", "run_verdict", "kind", "group", "arm", "control", "aa", "epoch", "interrupted", "metric", "unit",
		"value", "count", "estimate_ratio", "ci_low", "ci_high", "p", "verdict", "mde", "delta", "epochs", "reason", "callers", "rate_rpc_per_s"}
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
		if ceilings(r) {
			t.ceiling(head, a)
			continue
		}
		t.figures(append(head, "figure", "", csvText(a.Name), "", strconv.FormatBool(a.AA), "all", "false"), append(measurements(&a, a.Figures, a.Handshake), churnFigures(a.Churn)...))
		for _, e := range a.Epochs {
			t.figures(append(head, "figure", "", csvText(a.Name), "", strconv.FormatBool(a.AA), strconv.Itoa(e.Index), strconv.FormatBool(e.Interrupted)),
				append(measurements(&e, e.Figures, e.Handshake), churnFigures(e.Churn)...))
		}
	}
	for _, c := range r.Comparisons {
		t.row(append(head, "comparison", csvText(c.Group), csvText(c.Arm), csvText(c.Control), strconv.FormatBool(aa[c.Arm]), "all", "false",
			csvText(c.Metric), csvText(c.Unit), "", "", csvNumber(c.Ratio), csvNumber(c.Low), csvNumber(c.High), csvNumber(c.P), csvText(c.Verdict),
			csvNumber(c.MDE), number(c.Delta), strconv.Itoa(c.Epochs), csvText(c.Reason), "", ""))
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

// ceiling writes a row of kind "ceiling" for what was found of an arm and of each of its
// epochs, and rows of kind "level", "window" and "search" for the numbers of its levels
// and of every window.
func (t csvTable) ceiling(head []string, a result.Arm) {
	of := func(kind, epoch string, interrupted bool) []string {
		return append(slices.Clone(head), kind, "", csvText(a.Name), "", strconv.FormatBool(a.AA), epoch, strconv.FormatBool(interrupted))
	}
	found := func(row []string, value, low, high *float64, outcome, text, callers string) {
		t.row(append(row, metric.CeilingRate, string(metric.Rate), csvNumber(value), "", "", csvNumber(low), csvNumber(high), "", csvText(outcome), "", "", "",
			csvText(text), callers, ""))
	}
	if c := a.Ceiling; c != nil {
		e := result.Estimate{}
		var value *float64
		if c.Rate != nil {
			e, value = *c.Rate, &c.Rate.Value
		}
		found(of("ceiling", "all", false), value, e.Low, e.High, c.Outcome, c.Text, number(float64(c.Callers)))
	}
	for _, l := range a.Levels {
		t.step(of("level", "all", false), l.Step)
	}
	for _, e := range a.Epochs {
		if e.CeilingRate != nil {
			found(of("ceiling", strconv.Itoa(e.Index), e.Interrupted), e.CeilingRate, nil, nil, "", "", "")
		}
		for _, b := range e.Blocks {
			kind := "window"
			switch {
			case b.Again:
				kind = "measured_again"
			case b.Search:
				kind = "search"
			}
			t.step(of(kind, strconv.Itoa(e.Index), e.Interrupted || b.Interrupted), b.Step)
		}
	}
}

// step writes a row for each number of s.
func (t csvTable) step(head []string, s result.Step) {
	e := result.Epoch{Figures: result.Figures{Ledger: s.Ledger, Offered: s.Offered, Achieved: s.Achieved, Latency: s.Latency, Lag: s.Lag,
		ClientCPU: s.ClientCPU, ServerCPU: s.ServerCPU}}
	list := measurements(&e, e.Figures, nil)
	for _, share := range []struct {
		metric string
		value  *float64
	}{{"client_cpu_share", s.ClientShare}, {"server_cpu_share", s.ServerShare}} {
		if share.value != nil {
			list = append(list, measurement{metric: share.metric, unit: "ratio", value: *share.value})
		}
	}
	for _, m := range list {
		count := ""
		if m.count > 0 {
			count = strconv.FormatInt(m.count, 10)
		}
		row := append(slices.Clone(head), csvText(m.metric), m.unit, csvNumber(&m.value), count)
		row = append(row, make([]string, len(csvHead())-len(row)-2)...)
		t.row(append(row, strconv.Itoa(s.Callers), number(s.Rate)))
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
