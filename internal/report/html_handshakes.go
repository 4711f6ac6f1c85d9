package report

import (
	"strconv"

	"grpcbench/internal/webpage"
)

// sections are those of h's page. A handshake plan has no load, and so none about it;
// that of a ceiling is of many, which its own section shows.
func (h htmlBook) sections() []webpage.Section {
	switch {
	case opened(h.Result):
		return []webpage.Section{h.answer(), h.connections(), h.noise(), h.trust(), h.choices(), h.where(), h.again()}
	case ceilings(h.Result):
		return []webpage.Section{h.climbed(), h.answer(), h.connections(), h.noise(), h.trust(), h.choices(), h.where(), h.again()}
	}
	return []webpage.Section{
		h.answer(), h.latencies(), h.seconds(), h.costs(), h.connections(), h.noise(), h.trust(), h.choices(), h.where(), h.again(),
	}
}

// openedTable is the account of the connections of a handshake plan.
func (h htmlBook) openedTable() *webpage.Table {
	t := &webpage.Table{Caption: "planned = not started + full + resumed + failed", Head: []string{"arm", "planned", "not started", "full", "resumed", "failed"}}
	for _, a := range h.Arms[:min(len(h.Arms), h.detail.arms)] {
		if a.Handshake == nil || a.Handshake.Ledger == nil {
			continue
		}
		l := a.Handshake.Ledger
		row := webpage.Row{Name: clean(a.Name)}
		for _, c := range []struct {
			key string
			n   int64
		}{{"planned", l.Planned}, {"not_started", l.NotStarted}, {"full", l.Full}, {"resumed", l.Resumed}, {"failed", l.Failures()}} {
			row.Cells = append(row.Cells, webpage.Cell{Text: count(c.n), Value: strconv.FormatInt(c.n, 10), Key: c.key})
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// openedBlock is what connections of a handshake plan cost, in absolute figures.
func (h htmlBook) openedBlock() webpage.Block {
	t := &webpage.Table{Caption: "Medians of the phases; what the first RPC takes longer than a later one; means of the rest; at full speed, connections a second, and a second of CPU",
		Head: append([]string{"arm"}, h.phaseHead()...)}
	rows := h.phaseRows()
	for _, r := range rows[:min(len(rows), 2*h.detail.arms)] {
		row := webpage.Row{Name: clean(r.name)}
		for _, c := range r.cells {
			row.Cells = append(row.Cells, webpage.Cell{Text: c.text})
		}
		t.Rows = append(t.Rows, row)
	}
	b := webpage.Block{Heading: "Each arm", Table: t}
	for _, n := range connectionNotes(h.Result) {
		b.List = append(b.List, clean(n))
	}
	return b
}
