package report

import (
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"grpcbench/internal/compare"
	"grpcbench/internal/metric"
	"grpcbench/internal/svg"
	"grpcbench/internal/webpage"
)

// BetweenHTML writes b as a page of its own, as [HTML] writes a result. The error is
// that of w.
func BetweenHTML(w io.Writer, b compare.Between) error {
	return fitting(w, webpage.Page.Write, func(d detail) webpage.Page { return betweenPage(b, d) })
}

// BetweenPart writes what [BetweenHTML] does to stand inside of another page; see
// [webpage.Page.WritePart]. The error is that of w.
func BetweenPart(w io.Writer, b compare.Between) error {
	return fitting(w, webpage.Page.WritePart, func(d detail) webpage.Page { return betweenPage(b, d) })
}

func betweenPage(b compare.Between, d detail) webpage.Page {
	p := webpage.Page{
		Title: "From " + clean(b.Base.ID) + " to " + clean(b.New.ID), Headline: outcome(b),
		Notes: append(gateNotes(b.Gates, b.NotMeasured), differenceNotes(b)...),
		Foot:  "grpc-bench compare · this file loads nothing and runs no script but its own",
	}
	p.Verdict, p.Tone = badge(b)
	for _, s := range sides(b) {
		p.Facts = append(p.Facts, webpage.Fact{Name: s.role, Text: strings.Join(s.items(clean), " · ")})
	}
	for _, s := range []webpage.Section{betweenAnswer(b, d), betweenShift(b, d), betweenFigures(b, d)} {
		if len(s.Blocks) == 0 {
			continue
		}
		if f := betweenFlag(b); f != "" {
			s.Flag = f
		}
		p.Sections = append(p.Sections, s)
	}
	return p
}

// differenceNotes are what else than the server may have made a difference.
func differenceNotes(b compare.Between) []webpage.Note {
	var notes []webpage.Note
	for _, group := range []struct {
		tone, head string
		all        []compare.Difference
	}{{"bad", "PLANS DIFFER", b.Unlike}, {"doubt", "ALSO DIFFERENT", b.Fingerprint}} {
		for _, d := range group.all {
			base, new := sideValues(d)
			notes = append(notes, webpage.Note{Tone: group.tone, Head: group.head, Text: clean(head(d)) + ": base " + clean(base) + ", new " + clean(new)})
		}
	}
	for _, l := range unmatched(b) {
		notes = append(notes, webpage.Note{Tone: "unknown", Head: "NOT COMPARED", Text: clean(l)})
	}
	return capped(notes, 100, func(n int) webpage.Note { return webpage.Note{Head: "AND", Text: plural(n, "more difference")} })
}

// drawn is a metric of a kind of run, and what it is called over a chart.
type drawn struct{ metric, title string }

// everyAnswer are the metrics of results of all kinds, each once: a comparison has those
// of its own kind.
func everyAnswer() (all []drawn) {
	for _, kind := range []metric.Scope{metric.Load, metric.Handshake, metric.Ceiling} {
		for _, m := range answers(kind) {
			if !slices.ContainsFunc(all, func(other drawn) bool { return other.metric == m.Name }) {
				all = append(all, drawn{m.Name, titled(m, kind)})
			}
		}
	}
	return all
}

// betweenAnswer draws how each arm's ratio to its control changed.
func betweenAnswer(b compare.Between, d detail) webpage.Section {
	s := webpage.Section{ID: "answer", Title: "What changed",
		Lead: "Each arm against its control, as each run measured it: what the machine did to both cancels. " + betweenChance(b) + "."}
	for _, t := range ratioTables(b) {
		block := webpage.Block{Heading: clean(t.group) + ": arm against " + clean(t.control)}
		for _, m := range everyAnswer() {
			plot := svg.Forest{Title: "Change of " + m.title + " from base to new in " + clean(t.group), Axis: "change of arm/control from base to new, %"}
			for _, c := range b.Ratios {
				if c.Group == t.group && c.Metric == m.metric && c.Ratio != nil && len(plot.Rows) < d.arms {
					plot.Rows = append(plot.Rows, estimate(clean(c.Arm), asComparison(c)))
				}
			}
			if len(plot.Rows) > 0 {
				block.Figures = append(block.Figures, webpage.Figure{Title: m.title, SVG: plot.Draw()})
			}
		}
		s.Blocks = append(s.Blocks, block, webpage.Block{Folded: "All changes of " + clean(t.group) + " as a table", Table: changeTable(
			"Arm against "+clean(t.control)+" in %; change in % [95 % interval]", t.blocks, d)})
	}
	if len(s.Blocks) == 0 {
		return s
	}
	s.Blocks = append([]webpage.Block{{Keys: answerKeys()}}, s.Blocks...)
	var list []string
	for _, reason := range betweenReasons(b) {
		list = append(list, clean(reason))
	}
	if len(list) > 0 {
		s.Blocks = append(s.Blocks, webpage.Block{List: capped(list, d.rows, func(n int) string { return plural(n, "more reason") })})
	}
	return s
}

// changeTable is a table of blocks.
func changeTable(caption string, blocks []block, d detail) *webpage.Table {
	t := &webpage.Table{Caption: caption, Head: []string{"arm", "metric", "base", "new", "change"}}
	for _, b := range blocks[:min(len(blocks), d.arms)] {
		for _, l := range b.lines {
			t.Rows = append(t.Rows, webpage.Row{Name: clean(b.arm), Cells: append(webpage.Text(clean(l.metric), l.base, l.new), webpage.Cell{Text: l.change.text, Tone: tones[l.change.mark]})})
		}
	}
	t.Rows = capped(t.Rows, 20*d.arms, func(n int) webpage.Row { return webpage.Row{Name: "and", Cells: webpage.Text(plural(n, "more"))} })
	return t
}

// betweenShift draws how whole distributions moved.
func betweenShift(b compare.Between, d detail) webpage.Section {
	s := webpage.Section{ID: "latency", Title: "Latency, quantile by quantile",
		Lead: "How far each quantile of an arm's own latency lies above that of the base result, all epochs together. Two runs, two states of the machine: this is shown and not judged."}
	all := b.Distributions[:min(len(b.Distributions), d.arms)]
	if f, ok := shiftFigure(all); ok {
		s.Blocks = append(s.Blocks, webpage.Block{Wide: true, Figures: []webpage.Figure{f}, Table: shiftKey(all)})
	}
	t := &webpage.Table{Caption: "Latency by quantile, all epochs together; not judged", Head: []string{"arm", "quantile", "base", "new", "change in %"}}
	for _, x := range all {
		for i, l := range shiftLines(x) {
			row := webpage.Row{Name: clean(x.Arm), Cells: webpage.Text(l.quantile, l.base, l.new, l.change)}
			row.Cells[1].Value, row.Cells[1].Key = exactTime(x.Shifts[i].Base), "base_ns"
			row.Cells[2].Value, row.Cells[2].Key = exactTime(x.Shifts[i].New), "new_ns"
			t.Rows = append(t.Rows, row)
		}
	}
	if len(t.Rows) > 0 {
		s.Blocks = append(s.Blocks, webpage.Block{Folded: "All quantiles as a table", Table: t})
	}
	return s
}

// shiftClass is the color of the i-th arm.
func shiftClass(i int) string {
	class := "a" + strconv.Itoa(i%(colors+1))
	if i > colors {
		class += " again"
	}
	return class
}

func shiftFigure(all []compare.Distribution) (f webpage.Figure, ok bool) {
	qs := quantilesOf(all)
	if len(qs) == 0 {
		return f, false
	}
	plot := svg.Lines{Title: "Change of latency from base to new, by quantile", X: qs, Width: 860, Height: 320,
		XAxis: svg.Ticked("quantile: share of all RPCs that were at least as fast", svg.Tail(max(0.9, qs[len(qs)-1])), 0, percentile)}
	data := &webpage.Data{Unit: "percent"}
	for _, q := range qs {
		data.Labels = append(data.Labels, percentile(q))
	}
	low, high := -2.0, 2.0
	for i, d := range all {
		y := make([]float64, len(qs))
		for k, q := range qs {
			y[k] = shiftAt(d, q)
			if !math.IsNaN(y[k]) {
				low, high, ok = min(low, y[k]), max(high, y[k]), true
			}
		}
		plot.Lines = append(plot.Lines, svg.Line{Class: shiftClass(i), Y: y})
		data.Names, data.Class, data.Values = append(data.Names, clean(d.Arm)), append(data.Class, shiftClass(i)), append(data.Values, known(y))
	}
	margin := 0.05 * (high - low)
	plot.YAxis = svg.Ticked("change from base to new, %", svg.Linear(low-margin, high+margin), 6, short)
	f = webpage.Figure{Title: "Quantile shift: new against base", Data: data}
	f.SVG, data.Places = plot.Draw()
	return f, ok
}

// quantilesOf are the quantiles below 1 of all distributions, rising.
func quantilesOf(all []compare.Distribution) []float64 {
	var qs []float64
	for _, d := range all {
		for i, s := range d.Shifts {
			if s.Quantile > 0 && s.Quantile < 1 && len(qs) <= i && (i == 0 || s.Quantile > qs[i-1]) {
				qs = append(qs, s.Quantile)
			}
		}
	}
	return qs
}

// shiftAt is the change at a quantile in percent; NaN if one side does not have it.
func shiftAt(d compare.Distribution, q float64) float64 {
	for _, s := range d.Shifts {
		if s.Quantile == q && s.Base != nil && s.New != nil && *s.Base > 0 {
			return 100 * (float64(*s.New)/float64(*s.Base) - 1)
		}
	}
	return math.NaN()
}

// shiftKey is the key to the colors of a shift, with the medians.
func shiftKey(all []compare.Distribution) *webpage.Table {
	t := &webpage.Table{Caption: "p50 of each arm's latency", Head: []string{"arm", "base", "new", "change in %"}}
	for i, d := range all {
		row := webpage.Row{Class: shiftClass(i), Name: clean(d.Arm), Cells: webpage.Text(absent, absent, absent)}
		for k, l := range shiftLines(d) {
			if d.Shifts[k].Quantile == 0.5 {
				row.Cells = webpage.Text(l.base, l.new, l.change)
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// betweenFigures are the arms' own figures in two runs.
func betweenFigures(b compare.Between, d detail) webpage.Section {
	s := webpage.Section{ID: "figures", Title: "Absolute figures of two runs",
		Lead: "Of these only bytes and allocations are judged: the rest moves with the machine."}
	if blocks := absoluteBlocks(b); len(blocks) > 0 {
		s.Blocks = append(s.Blocks, webpage.Block{Table: changeTable("Arms' own figures; change in % [95 % interval]", blocks, d)})
	}
	return s
}
