package report

import (
	"fmt"
	"slices"
	"strings"

	"grpcbench/internal/result"
)

// gateGroup are the gates of one outcome.
type gateGroup struct {
	sign, word, tone string
	hue              hue
	lines            []string // not safe to print, like names
	names            []string
}

// The places of outcomes among gateGroups.
const (
	gatesFailed = iota
	gatesNotJudged
	gatesInconclusive
	gatesPassed
)

// gateGroups sorts gates by outcome, those that failed first. What nothing was held
// against is not judged, as results of older builds have it too.
func gateGroups(gates []result.Gate) []gateGroup {
	groups := []gateGroup{
		gatesFailed:       {sign: "✗", word: "failed", tone: "bad", hue: red},
		gatesNotJudged:    {sign: "?", word: "not judged", tone: "unknown", hue: red},
		gatesInconclusive: {sign: "~", word: "inconclusive", tone: "doubt", hue: yellow},
		gatesPassed:       {sign: "✓", word: "passed", tone: "good", hue: green},
	}
	for _, g := range gates {
		at := gatesInconclusive
		switch {
		case g.NotJudged || g.Outcome == result.Undecided && g.Ratio == nil && g.Value == nil:
			at = gatesNotJudged
		case g.Outcome == result.Fail:
			at = gatesFailed
		case g.Outcome == result.Pass:
			at = gatesPassed
		}
		name := g.Asked
		if g.Arm != "" {
			name += " of " + g.Arm
		}
		groups[at].lines, groups[at].names = append(groups[at].lines, g.Asked+": "+g.Text), append(groups[at].names, name)
	}
	return groups
}

// gateTally counts the gates: asked, judged, and by outcome.
func gateTally(groups []gateGroup) string {
	n := make([]int, len(groups))
	asked := 0
	for i, g := range groups {
		n[i] = len(g.lines)
		asked += n[i]
	}
	text := fmt.Sprintf("%s asked, %d judged: %d passed, %d failed", plural(asked, "gate"), asked-n[gatesNotJudged], n[gatesPassed], n[gatesFailed])
	if n[gatesInconclusive] > 0 {
		text += fmt.Sprintf(", %d inconclusive", n[gatesInconclusive])
	}
	if n[gatesNotJudged] > 0 {
		text += fmt.Sprintf("; %d not judged", n[gatesNotJudged])
	}
	return text
}

// notAsked names the default metrics that no gate is about; "" if there are none. It is
// not safe to print.
func notAsked(notMeasured []string) string {
	if len(notMeasured) == 0 {
		return ""
	}
	return "not asked, because not measured here: " + strings.Join(notMeasured, ", ")
}

// GateTally counts gates in one sentence: how many were asked, judged, passed and failed,
// which were not judged, and which default metrics were not asked about, because they were
// not measured. It is "" without gates, and not safe to print.
func GateTally(gates []result.Gate, notMeasured []string) string {
	if len(gates) == 0 {
		return ""
	}
	groups := gateGroups(gates)
	text := gateTally(groups)
	if names := groups[gatesNotJudged].names; len(names) > 0 {
		const most = 5
		text += ": " + strings.Join(capped(slices.Clone(names), most, func(n int) string { return fmt.Sprintf("%d more", n) }), ", ")
	}
	if unasked := notAsked(notMeasured); unasked != "" {
		text += "; " + unasked
	}
	return text
}

// gates writes what was asked of a result, if anything.
func (p *page) gates(gates []result.Gate, notMeasured []string) {
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
	if unasked := notAsked(notMeasured); unasked != "" {
		p.prose("- ", unasked)
	}
}

// gates writes what was asked of a result, if anything.
func (m *markdown) gates(gates []result.Gate, notMeasured []string) {
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
	if unasked := notAsked(notMeasured); unasked != "" {
		lines = append(lines, fold("- "+unasked)...)
	}
	m.block(lines)
}
