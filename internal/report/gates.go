package report

import (
	"strings"

	"grpcbench/internal/result"
)

// gateGroup are the gates of one outcome.
type gateGroup struct {
	sign, word string
	hue        hue
	lines      []string // not safe to print
}

// gateGroups sorts gates by outcome, those that failed first.
func gateGroups(gates []result.Gate) []gateGroup {
	groups := []gateGroup{{sign: "✗", word: "failed", hue: red}, {sign: "~", word: "inconclusive", hue: yellow}, {sign: "✓", word: "passed", hue: green}}
	for _, g := range gates {
		at := 1
		switch g.Outcome {
		case result.Fail:
			at = 0
		case result.Pass:
			at = 2
		}
		groups[at].lines = append(groups[at].lines, g.Asked+": "+g.Text)
	}
	return groups
}

// gateTally counts the gates by outcome.
func gateTally(groups []gateGroup) string {
	var parts []string
	for _, g := range groups {
		if n := len(g.lines); n > 0 {
			parts = append(parts, plural(n, "gate")+" "+g.word)
		}
	}
	return strings.Join(parts, " · ")
}

// gates writes what was asked of a result, if anything.
func (p *page) gates(gates []result.Gate) {
	if len(gates) == 0 {
		return
	}
	groups := gateGroups(gates)
	p.blank()
	p.paint(bold, func() { p.items("", []string{"GATES", gateTally(groups)}) })
	for _, g := range groups {
		p.paint(g.hue, func() {
			for _, l := range g.lines {
				p.prose(g.sign+" ", l)
			}
		})
	}
}

// gates writes what was asked of a result, if anything.
func (m *markdown) gates(gates []result.Gate) {
	if len(gates) == 0 {
		return
	}
	groups := gateGroups(gates)
	m.paragraph("**Gates: " + gateTally(groups) + "**")
	var lines []string
	for _, g := range groups {
		for _, l := range g.lines {
			lines = append(lines, fold(g.sign+" "+l)...)
		}
	}
	m.block(lines)
}
