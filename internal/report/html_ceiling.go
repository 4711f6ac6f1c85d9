package report

import (
	"strings"

	"grpcbench/internal/webpage"
)

// climbed is what was found of the ceilings of all arms, with their curves. Charts of
// one load have no place beside it: a ceiling's windows are of many.
func (h htmlBook) climbed() webpage.Section {
	s := webpage.Section{ID: "ceiling", Title: "How much it can take"}
	for i := range h.Result.Arms {
		c := h.climb(&h.Result.Arms[i])
		b := webpage.Block{Heading: clean(c.arm.Name), Lead: clean(c.found), Table: &webpage.Table{Head: []string{h.levelsHead()}}}
		if c.tone != "" {
			b.Lead, b.Notes = "", []webpage.Note{{Tone: c.tone, Head: c.head, Text: clean(c.found)}}
		}
		b.Figures, b.Keys = h.curves(c.arm)
		for _, col := range c.columns {
			head := col.head
			if col.point != "" {
				head += ", " + col.point
			}
			b.Table.Head = append(b.Table.Head, head)
		}
		for _, r := range c.rows {
			var texts []string
			for _, x := range r.cells {
				texts = append(texts, x.text)
			}
			b.Table.Rows = append(b.Table.Rows, webpage.Row{Name: clean(r.name), Cells: webpage.Text(texts...)})
		}
		for _, l := range c.lines {
			b.List = append(b.List, l.head+": "+strings.Join(l.items, " · "))
		}
		s.Blocks = append(s.Blocks, b)
	}
	return s
}
