package report

import "strings"

// grid is a table of text: a column of names, then columns of cells. If they do
// not fit side by side, they are written in blocks, each with all the names.
type grid struct {
	head, rows []row // all with as many cells
	indent     int
	tight      bool // columns as narrow as each can be; else all of one width
}

// namesMost is how wide the column of names may be before long names get a line
// of their own.
const namesMost = 28

// grid writes g.
func (p *page) grid(g grid) {
	all := append(append([]row{}, g.head...), g.rows...)
	widths := g.widths(all)
	names := 0
	for _, r := range all {
		names = max(names, g.indent+length(clean(r.name))+2)
	}
	// Names give way so far that three columns fit.
	room := p.width - sum(widths[:min(3, len(widths))])
	names = min(names, namesMost, max(room, g.indent+8))
	for from := 0; from < len(widths); {
		to, used := from, names
		for to < len(widths) && (to == from || used+widths[to]-1 <= p.width) {
			used += widths[to]
			to++
		}
		for i, r := range all {
			p.row(g, r, rowLayout{names, widths, from, to, i < len(g.head)})
		}
		from = to
	}
}

// widths are the columns' widths, the space behind them included.
func (g grid) widths(all []row) []int {
	widths := make([]int, len(all[0].cells))
	widest := 0
	for _, r := range all {
		for i, c := range r.cells {
			widths[i] = max(widths[i], length(c.text)+1)
			widest = max(widest, widths[i])
		}
	}
	for i := range widths {
		if g.tight {
			widths[i]++
		} else {
			widths[i] = widest
		}
	}
	return widths
}

// rowLayout is where the cells [from, to) of a row stand.
type rowLayout struct {
	names    int
	widths   []int
	from, to int
	head     bool
}

func (p *page) row(g grid, r row, l rowLayout) {
	name := strings.Repeat(" ", g.indent) + clean(r.name)
	if length(name) >= l.names {
		p.wrap("", []string{name}, "")
		name = ""
	}
	p.out.WriteString(pad(name, l.names))
	for i := l.from; i < l.to; i++ {
		text := r.cells[i].text
		if i+1 < l.to {
			text = pad(text, l.widths[i])
		}
		p.paint(l.hue(r.cells[i]), func() { p.out.WriteString(text) })
	}
	p.out.WriteByte('\n')
}

// hue is the color of c: that of its verdict.
func (l rowLayout) hue(c cell) hue {
	switch {
	case l.head:
		return bold
	case c.mark == slower:
		return red
	case c.mark == faster:
		return green
	}
	return plain
}

func sum(values []int) (total int) {
	for _, v := range values {
		total += v
	}
	return total
}
