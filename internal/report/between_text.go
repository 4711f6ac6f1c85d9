package report

import (
	"io"

	"grpcbench/internal/compare"
	"grpcbench/internal/result"
)

// BetweenText writes b as tables for a terminal. The error is that of w.
func BetweenText(w io.Writer, b compare.Between, o TextOptions) error {
	p := o.page()
	p.flag = betweenFlag(b)
	p.betweenHead(b)
	p.gates(b.Gates, b.NotMeasured)
	p.differences("PLANS DIFFER", "what both have is compared", b.Unlike)
	p.differences("FINGERPRINTS DIFFER", "what else may have made a difference", b.Fingerprint)
	if alone := unmatched(b); len(alone) > 0 {
		p.title("NOT COMPARED", "only one of the results has it")
		for _, l := range alone {
			p.prose("  ", l)
		}
	}
	for _, t := range ratioTables(b) {
		p.title(t.group, "arm against "+t.control+" in %", "change in % [95 % interval]")
		p.blocks(t.blocks)
	}
	p.title("ABSOLUTE FIGURES", "of two runs", "change in % [95 % interval]")
	p.blocks(absoluteBlocks(b))
	p.shifts(b.Distributions)
	p.blank()
	p.items("", append(signs(), betweenChance(b)))
	for _, reason := range betweenReasons(b) {
		p.prose("- ", reason)
	}
	_, err := io.WriteString(w, p.out.String())
	return err
}

func (p *page) betweenHead(b compare.Between) {
	p.items("", []string{"grpc-bench compare", outcome(b)})
	for _, s := range sides(b) {
		hue := red
		switch s.Verdict {
		case result.Valid:
			hue = green
		case result.Degraded:
			hue = yellow
		}
		p.paint(hue, func() { p.items(pad(s.role, 6), s.items(clean)) })
	}
}

// differences writes one line for each, if there are any.
func (p *page) differences(title, remark string, all []compare.Difference) {
	if len(all) == 0 {
		return
	}
	p.title(title, remark)
	for _, d := range all {
		base, new := sideValues(d)
		p.items("  "+head(d)+"  ", []string{"base " + clean(base), "new " + clean(new)})
	}
}

// The columns of changes stand below each other in all tables of a page.
const (
	metricWidth = 26
	valueWidth  = 9
)

// blocks writes a table for each arm.
func (p *page) blocks(blocks []block) {
	for _, b := range blocks {
		g := grid{head: []row{textRow(b.arm, []string{pad("base", valueWidth), pad("new", valueWidth), "change"})}}
		for _, l := range b.lines {
			g.rows = append(g.rows, row{pad(l.metric, metricWidth), []cell{{text: pad(l.base, valueWidth)}, {text: pad(l.new, valueWidth)}, l.change}})
		}
		p.grid(g)
	}
}

func (p *page) shifts(all []compare.Distribution) {
	if len(all) == 0 {
		return
	}
	p.title("LATENCY", "quantile by quantile, all epochs together", "not judged")
	for _, d := range all {
		g := grid{head: []row{textRow(d.Arm, []string{pad("base", valueWidth), pad("new", valueWidth), "change in %"})}}
		for _, l := range shiftLines(d) {
			g.rows = append(g.rows, textRow(pad(l.quantile, metricWidth), []string{pad(l.base, valueWidth), pad(l.new, valueWidth), l.change}))
		}
		p.grid(g)
	}
}
