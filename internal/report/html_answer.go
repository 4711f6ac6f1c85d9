package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"grpcbench/internal/metric"
	"grpcbench/internal/result"
	"grpcbench/internal/svg"
	"grpcbench/internal/webpage"
)

// answers are the metrics that are drawn as differences in results of a kind of run, in
// order.
func answers(kind metric.Scope) []metric.Metric {
	return metric.Where(func(m metric.Metric) bool { return m.In(kind) && m.Title != "" })
}

// titled is what m is called over a chart of a kind of run.
func titled(m metric.Metric, kind metric.Scope) string {
	switch {
	case m.Saturated() && kind == metric.Ceiling:
		return m.Title + " at the ceiling"
	case m.Saturated():
		return m.Title + ", saturated"
	}
	return m.Title
}

// answer is what the run was for: each arm against its control.
func (h htmlBook) answer() webpage.Section {
	s := webpage.Section{ID: "answer", Title: "What it costs"}
	compared := false
	for _, g := range h.groupsOf() {
		t, ok := h.table(g.Group)
		if !ok && ceilings(h.Result) {
			continue // each arm has its curve
		} else if !ok {
			s.Blocks = append(s.Blocks, h.alone(g)...)
			continue
		}
		compared = true
		b := webpage.Block{Heading: fmt.Sprintf("%s against %s", clean(g.Name), clean(t.control)), Lead: strings.TrimSpace(h.verdicts(g) + " " + h.rest(g))}
		for _, m := range answers(kindOf(h.Result)) {
			if f, ok := h.forest(g, m); ok {
				b.Figures = append(b.Figures, f)
			}
		}
		s.Blocks = append(s.Blocks, b, webpage.Block{Folded: "All figures of " + clean(g.Name) + " as a table", Table: h.changes(t)})
	}
	if !compared {
		s.Title = "What was measured"
		return s
	}
	s.Lead = "Change of each arm against the control of its group, estimated over epochs: " + strings.Join(chance(h.Result), ", ") + "."
	s.Blocks = append([]webpage.Block{{Keys: answerKeys()}}, s.Blocks...)
	if reasons := h.reasons(); len(reasons) > 0 {
		var list []string
		for _, reason := range reasons {
			list = append(list, clean(reason))
		}
		s.Blocks = append(s.Blocks, webpage.Block{List: capped(list, h.detail.rows, func(n int) string { return plural(n, "more reason") })})
	}
	s.Blocks = append(s.Blocks, h.comparisonsBlock())
	return s
}

// answerKeys explain a forest plot.
func answerKeys() []webpage.Key {
	return []webpage.Key{
		{Class: "dot higher", Text: "▲ higher (p ≤ 1 %)"}, {Class: "dot lower", Text: "▼ lower (p ≤ 1 %)"}, {Class: "dot same", Text: "= same, within the shaded band"},
		{Class: "dot unsure", Text: "~ cannot tell"}, {Class: "band", Text: "counts as the same"},
		{Class: "seen", Text: "changes too small to be seen"},
	}
}

// verdicts counts what was found about g.
func (h htmlBook) verdicts(g groupOf) string {
	times, n := map[string]int{}, 0
	for _, c := range h.Comparisons {
		if c.Group == g.Name && c.Ratio != nil {
			times[c.Verdict]++
			n++
		}
	}
	return fmt.Sprintf("Of %s %d higher, %d lower, %d the same, %d that this run cannot tell.",
		plural(n, "comparison"), times["slower"], times["faster"], times["same"], n-times["slower"]-times["faster"]-times["same"])
}

// forest draws one metric of g; ok is false if nothing could be compared by it.
func (h htmlBook) forest(g groupOf, m metric.Metric) (f webpage.Figure, ok bool) {
	if !h.compared(g.Group, m.Name) {
		return f, false
	}
	title := titled(m, kindOf(h.Result))
	control := g.arms[0]
	point := " at " + rate(control.Offered) + " RPC/s an arm"
	switch {
	case opened(h.Result) && m.Saturated():
		point = " at " + rate(rushOf(control).Achieved) + " connections/s"
	case opened(h.Result):
		point = ", one at a time"
	case ceilings(h.Result):
		point = ""
	case m.Saturated():
		point = " at " + rate(saturated(control).Achieved) + " RPC/s"
	case h.Plan.Load.Loop != "open":
		point = " in a closed loop"
	}
	plot := svg.Forest{Title: title + point + ": change of each arm against " + clean(control.Name),
		Axis: "change against " + clean(g.key.strip(control)) + ", %"}
	for i, a := range h.drawn(g) {
		if i == 0 {
			plot.Rows = append(plot.Rows, svg.Estimate{Name: clean(g.key.strip(a)), Kind: svg.Control, Text: h.shown(a, m)})
			continue
		}
		c := h.comparisons[[3]string{g.Name, a.Name, m.Name}]
		if c == nil {
			continue
		}
		plot.Rows = append(plot.Rows, estimate(clean(g.key.strip(a)), *c))
	}
	return webpage.Figure{Title: title + point, SVG: plot.Draw()}, true
}

// estimate is the row of a comparison.
func estimate(name string, c result.Comparison) svg.Estimate {
	e := svg.Estimate{Name: name, Kind: svg.Missing, Text: "not compared", Delta: c.Delta}
	if c.Ratio == nil {
		return e
	}
	text := change(c)
	e.Ratio, e.Kind = *c.Ratio, map[mark]svg.Kind{slower: svg.Higher, faster: svg.Lower, same: svg.Same, unsure: svg.Unsure}[text.mark]
	e.Text, _, _ = strings.Cut(text.text, " = ±")
	if text.mark == same {
		e.Text += " ="
	}
	if c.Low != nil && c.High != nil {
		e.Low, e.High = *c.Low, *c.High
	}
	if c.MDE != nil && *c.MDE > 0 {
		e.Seen, e.SeenText = *c.MDE, "±"+shortShare(*c.MDE)
	}
	return e
}

// shortShare prints a share in percent with two digits.
func shortShare(v float64) string {
	if p := 100 * v; p >= 9.5 {
		return strconv.FormatFloat(math.Min(p, 1e6), 'f', 0, 64) + " %"
	}
	return strconv.FormatFloat(100*v, 'f', 1, 64) + " %"
}

// shown prints an arm's own figure of a metric.
func (h htmlBook) shown(a *result.Arm, m metric.Metric) string {
	if ceilings(h.Result) {
		return h.atCeiling(a, m)
	}
	return h.own(a, m)
}

// changes is the table of a group as the other formats have it.
func (h htmlBook) changes(t groupTable) *webpage.Table {
	table := &webpage.Table{Caption: clean(t.group) + " against " + clean(t.control) + ": change in % [95 % interval]; the control, and figures that are not compared, in their units", Head: []string{"arm"}}
	for _, c := range t.columns {
		table.Head = append(table.Head, clean(c.head)+"\n"+clean(c.point))
	}
	for _, r := range t.rows[:min(len(t.rows), h.detail.arms)] {
		row := webpage.Row{Name: clean(r.name)}
		for _, c := range r.cells {
			row.Cells = append(row.Cells, webpage.Cell{Text: c.text, Tone: tones[c.mark]})
		}
		table.Rows = append(table.Rows, row)
	}
	return table
}

// tones are how verdicts look.
var tones = map[mark]string{slower: "higher", faster: "lower", same: "same", unsure: "unsure"}

// alone shows arms that are compared with nothing.
func (h htmlBook) alone(g groupOf) []webpage.Block {
	var blocks []webpage.Block
	for _, a := range h.drawn(g) {
		l := h.list(a)
		t := &webpage.Table{Caption: "Figures of " + clean(l.name), Head: []string{"figure", "value"}}
		for _, n := range l.lines {
			t.Rows = append(t.Rows, webpage.Row{Name: n.head, Cells: webpage.Text(strings.Join(n.items, " · "))})
		}
		blocks = append(blocks, webpage.Block{Heading: clean(l.name), Table: t, Lead: h.rest(g)})
	}
	return blocks
}

// comparisonsBlock is every comparison with the numbers behind its verdict.
func (h htmlBook) comparisonsBlock() webpage.Block {
	t := &webpage.Table{Caption: "p of the exact signed-rank test over epochs; mde is the smallest change that would probably have been seen",
		Head: []string{"arm", "group", "metric", "change", "epochs", "p", "mde", "reason"}}
	for _, c := range h.Comparisons {
		cell := webpage.Cell{Text: absent}
		if c.Ratio != nil {
			text := change(c)
			cell = webpage.Cell{Text: text.text, Tone: tones[text.mark], Value: exact(*c.Ratio), Key: "estimate_ratio"}
		}
		row := webpage.Row{Name: clean(c.Arm), Cells: append(webpage.Text(clean(c.Group), clean(c.Metric)), cell)}
		row.Cells = append(row.Cells, webpage.Text(strconv.Itoa(c.Epochs), maybe(c.P, func(p float64) string { return fmt.Sprintf("%.4f", p) }),
			maybe(c.MDE, share))...)
		row.Cells = append(row.Cells, webpage.Cell{Text: clean(c.Reason), Long: true})
		t.Rows = append(t.Rows, row)
	}
	t.Rows = capped(t.Rows, 20*h.detail.arms, func(n int) webpage.Row {
		return webpage.Row{Name: "and", Cells: webpage.Text(plural(n, "more comparison"))}
	})
	return webpage.Block{Folded: "Every comparison with its p and the smallest change that could have been seen", Table: t}
}

// exact prints a number in full, as the result's JSON holds it.
func exact(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// shortName is what a metric is called beside a drawing.
func shortName(metric string) string {
	if name, ok := strings.CutPrefix(metricName(metric), "saturated "); ok {
		return strings.TrimSuffix(name, "/RPC") + ", sat."
	}
	return metricName(metric)
}

// noise is what two equal arms show: the band within which differences mean nothing.
func (h htmlBook) noise() webpage.Section {
	s := webpage.Section{ID: "noise", Title: "What is noise"}
	for _, g := range h.groupsOf() {
		for i, a := range g.arms {
			if !a.AA || i == 0 {
				continue
			}
			plot := svg.Forest{Title: "A/A: differences between two equal arms", Axis: "difference of the A/A arm from " + clean(g.key.strip(g.arms[0])) + ", %"}
			for _, m := range answers(kindOf(h.Result)) {
				if c := h.comparisons[[3]string{g.Name, a.Name, m.Name}]; c != nil && c.Ratio != nil {
					plot.Rows = append(plot.Rows, estimate(shortName(m.Name), *c))
				}
			}
			if len(plot.Rows) > 0 {
				s.Blocks = append(s.Blocks, webpage.Block{Figures: []webpage.Figure{{Title: "The A/A arm, equal to " + clean(g.arms[0].Name), SVG: plot.Draw()}}})
			}
		}
	}
	s.Lead = "One more arm is equal to the control on purpose. Whatever differs between the two is noise, and differences of that size mean nothing in the other arms either."
	return s
}
