package report

// grid is a table of text: a column of names, then columns of cells. If they do
// not fit side by side they are written in blocks, each with all the names.
type grid struct {
	head, rows []row // all with as many cells
}

// layout is how a grid stands on a page.
type layout struct {
	names  int   // width of the column of names, the gap behind it included
	widths []int // of the columns of a block, by position
	gap    int
}

// leastNames is how wide the column of names is at least, if names need it. A
// name that is longer gets a line of its own.
const leastNames = 13

// layout finds the most columns a block can have within width.
func (g grid) layout(width int) layout {
	all := append(append([]row{}, g.head...), g.rows...)
	longest := 0
	for _, r := range all {
		longest = max(longest, length(clean(r.name))+1)
	}
	for n := len(all[0].cells); n > 1; n-- {
		l := layout{widths: make([]int, n)}
		for _, r := range all {
			for i, c := range r.cells {
				l.widths[i%n] = max(l.widths[i%n], length(c.text))
			}
		}
		for l.gap = 2; l.gap > 0; l.gap-- {
			l.names = longest + l.gap - 1
			if room := width - sum(l.widths) - (n-1)*l.gap; l.names <= room {
				return l
			} else if l.gap == 1 && leastNames <= room {
				l.names = room
				return l
			}
		}
	}
	return layout{names: min(longest, leastNames), widths: []int{0}, gap: 1}
}

// grid writes g.
func (p *page) grid(g grid) {
	l := g.layout(p.width)
	for from := 0; from < len(g.head[0].cells); from += len(l.widths) {
		for _, r := range g.head {
			p.row(r, l, from, bold)
		}
		for _, r := range g.rows {
			p.row(r, l, from, plain)
		}
	}
}

// row writes the block of r that begins with the cell at from.
func (p *page) row(r row, l layout, from int, h hue) {
	name := clean(r.name)
	if length(name) >= l.names {
		p.wrap("", []string{name}, "")
		name = ""
	}
	p.out.WriteString(pad(name, l.names))
	block := r.cells[from:min(from+len(l.widths), len(r.cells))]
	for i, c := range block {
		text := c.text
		if i+1 < len(block) {
			text = pad(text, l.widths[i]+l.gap)
		}
		color := h
		if c.mark != "" {
			color = c.mark.hue()
		}
		p.out.WriteString(p.dress(color, text))
	}
	p.out.WriteByte('\n')
}

// hue is the color of a verdict.
func (m mark) hue() hue {
	switch m {
	case slower:
		return red
	case faster:
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
