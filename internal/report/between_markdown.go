package report

import (
	"io"
	"strings"

	"grpcbench/internal/compare"
)

// BetweenMarkdown writes b as GitHub-flavoured Markdown that reads well in a pull
// request: verdict and ratios first, the rest folded. The error is that of w.
//
// Whatever b holds of strings stands in code spans and code blocks.
func BetweenMarkdown(w io.Writer, b compare.Between) error {
	m := &markdown{flag: betweenFlag(b)}
	m.betweenHead(b)
	m.gates(b.Gates, b.NotMeasured)
	m.differences("Plans differ", b.Unlike)
	m.differences("Fingerprints differ: what else may have made a difference", b.Fingerprint)
	if alone := unmatched(b); len(alone) > 0 {
		m.title("Not compared: only one of the results has it")
		for _, l := range alone {
			m.line("- " + code(l))
		}
		m.line("")
	}
	for _, t := range ratioTables(b) {
		m.title(code(t.group) + ": arm against " + code(t.control) + " in %")
		m.blocks(t.blocks)
	}
	m.paragraph(strings.Join(append(append([]string{"change in % [95 % interval]"}, signs()...), betweenChance(b)), " · "))
	for _, reason := range betweenReasons(b) {
		m.line("- " + code(reason))
	}
	m.line("")
	m.paragraph("<details><summary>Absolute figures, latency quantile by quantile</summary>")
	m.title("Absolute figures of two runs")
	m.blocks(absoluteBlocks(b))
	m.shifts(b.Distributions)
	m.line("</details>")
	_, err := io.WriteString(w, strings.TrimRight(m.out.String(), "\n")+"\n")
	return err
}

func (m *markdown) betweenHead(b compare.Between) {
	m.paragraph("### grpc-bench compare")
	m.paragraph("**" + outcome(b) + "**")
	for _, s := range sides(b) {
		m.line("- **" + s.role + "** " + strings.Join(s.items(code), " · "))
	}
	m.line("")
}

func (m *markdown) differences(title string, all []compare.Difference) {
	if len(all) == 0 {
		return
	}
	m.title(title)
	var rows [][]string
	for _, d := range all {
		base, new := sideValues(d)
		rows = append(rows, []string{code(head(d)), code(base), code(new)})
	}
	m.table([]string{"what", "base", "new"}, rows)
}

func (m *markdown) blocks(blocks []block) {
	var rows [][]string
	for _, b := range blocks {
		for _, l := range b.lines {
			rows = append(rows, []string{code(b.arm), code(l.metric), l.base, l.new, l.change.text})
		}
	}
	m.table([]string{"arm", "metric", "base", "new", "change"}, rows)
}

func (m *markdown) shifts(all []compare.Distribution) {
	if len(all) == 0 {
		return
	}
	m.title("Latency, quantile by quantile, all epochs together, not judged")
	var rows [][]string
	for _, d := range all {
		for _, l := range shiftLines(d) {
			rows = append(rows, []string{code(d.Arm), l.quantile, l.base, l.new, l.change})
		}
	}
	m.table([]string{"arm", "quantile", "base", "new", "change in %"}, rows)
}
