package report

import (
	"io"
	"strings"
	"unicode/utf8"

	"grpcbench/internal/result"
)

// TextOptions is how text is written. The zero value suits a file.
type TextOptions struct {
	// Color paints verdicts with ANSI escape sequences. Whatever a color says, a
	// character says too.
	Color bool
	// Width is the number of columns to stay within; 0 means 80. Below 40 lines
	// may be longer.
	Width int
}

// Text writes r as tables for a terminal. The error is that of w.
func Text(w io.Writer, r result.Result, o TextOptions) error {
	p := o.page()
	p.flag = flag(r.Verdict)
	b := newBook(r)
	p.head(r)
	p.gates(r.Gates, r.Plan.Gates.NotMeasured)
	alone := make(map[string]bool)
	for _, g := range r.Groups {
		if t, ok := b.table(g); ok {
			p.group(t)
			continue
		}
		for _, a := range b.members(g) {
			if !alone[a.Name] && !ceilings(r) {
				alone[a.Name] = true
				p.listing(b.list(a), *a)
			}
		}
	}
	p.climbs(b)
	p.legend(b)
	p.failures(failures(r))
	p.lost(lostConnections(r))
	p.blank()
	p.compression(b.trades())
	p.handshakes(b)
	p.churn(turnovers(r))
	p.closing(r)
	_, err := io.WriteString(w, p.out.String())
	return err
}

// page returns an empty page.
func (o TextOptions) page() *page {
	p := &page{width: o.Width, color: o.Color}
	if p.width == 0 {
		p.width = 80
	}
	p.width = max(p.width, 40)
	return p
}

// A page is text under way. Every string passes through clean on its way in, so
// that nothing but the page's own colors acts on the terminal.
type page struct {
	out   strings.Builder
	width int
	color bool
	hue   hue    // of the lines being written
	flag  string // stands on the title of each table
}

func (p *page) head(r result.Result) {
	items := []string{program(r)}
	if r.Plan.Suite != "" {
		items = append(items, "suite "+r.Plan.Suite)
	}
	if r.Name != "" {
		items = append(items, r.Name)
	}
	if t := target(r); t != "" {
		items = append(items, "target "+t)
	}
	p.items("", append(items, shape(r)...))
	hue := red
	switch r.Verdict {
	case result.Valid:
		hue = green
	case result.Degraded:
		hue = yellow
	}
	p.paint(hue, func() { p.items("", []string{headline(r, clean), tally(r), r.ID}) })
	for _, f := range findings(r) {
		if f.verdict == result.Invalid || f.verdict == result.Partial {
			p.prose("  "+f.head()+"  ", f.text)
		}
	}
}

// title writes the title of a table, with what is to be known of all its numbers.
func (p *page) title(items ...string) {
	p.blank()
	if p.flag != "" {
		items = append(items, p.flag)
	}
	hue := bold
	if p.flag != "" {
		hue = red
	}
	p.paint(hue, func() { p.items("", items) })
}

// group writes t in blocks of as many columns as fit side by side.
func (p *page) group(t groupTable) {
	p.title(t.group, "against "+t.control, "change in % [95 % interval]")
	var heads, points []string
	for _, c := range t.columns {
		heads, points = append(heads, c.head), append(points, c.point)
	}
	p.grid(grid{head: []row{textRow("", heads), textRow("", points)}, rows: t.rows})
}

// legend writes what the tables of groups need to be read.
func (p *page) legend(b book) {
	if len(b.Comparisons) == 0 {
		return
	}
	p.blank()
	p.items("", append(signs(), chance(b.Result)...))
	for _, n := range b.reasons() {
		p.prose("- ", n)
	}
}

func (p *page) listing(l listing, a result.Arm) {
	p.title(l.name)
	for _, n := range l.lines {
		p.items(pad(n.head, 16), n.items)
	}
	p.items(pad("observed", 16), seen(a))
}

func (p *page) failures(fs []failure) {
	if len(fs) == 0 {
		return
	}
	p.title("FAILURES")
	for _, f := range fs {
		items := []string{f.arm, "scheduled " + count(f.ledger.Scheduled), "ok " + count(f.ledger.OK)}
		if f.failed != "" {
			items = append(items, "failed "+f.failed)
		}
		if f.notStarted != "" {
			items = append(items, "not started "+f.notStarted)
		}
		if f.ledger.Abandoned > 0 {
			items = append(items, "abandoned "+count(f.ledger.Abandoned))
		}
		p.items("  ", items)
	}
}

func (p *page) compression(ts []trade) {
	var rows []row
	for _, t := range ts {
		rows = append(rows, textRow(t.arm, t.cells))
	}
	p.table("COMPRESSION", tradeHead(), rows)
}

// lost writes what became of connections that were not made.
func (p *page) lost(list [][]string) {
	if len(list) == 0 {
		return
	}
	p.title("FAILURES")
	for _, items := range list {
		p.items("  ", items)
	}
}

func (p *page) handshakes(b book) {
	if opened(b.Result) {
		p.table("CONNECTIONS", b.phaseHead(), b.phaseRows())
		for _, n := range connectionNotes(b.Result) {
			p.prose("- ", n)
		}
		return
	}
	var rows []row
	for _, o := range openings(b.Result) {
		rows = append(rows, textRow(o.arm, o.cells()))
	}
	p.table("HANDSHAKES", openingHead(), rows)
	for _, n := range connectionNotes(b.Result) {
		p.prose("- ", n)
	}
}

func (p *page) churn(ts []turnover) {
	var rows []row
	for _, t := range ts {
		rows = append(rows, textRow(t.arm, t.cells))
	}
	p.table("CHURN", turnoverHead(), rows)
	if len(ts) > 0 {
		p.prose("- ", churnNote)
	}
	for _, t := range ts {
		if t.unmade != "" {
			p.prose("- ", "not replaced in "+t.arm+": "+t.unmade)
		}
	}
}

// table writes rows under a title, if there are any.
func (p *page) table(title string, head []string, rows []row) {
	if len(rows) == 0 {
		return
	}
	if p.flag != "" {
		p.title(title)
		title = ""
	}
	p.grid(grid{head: []row{textRow(title, head)}, rows: rows})
}

// textRow is a row of cells without marks.
func textRow(name string, texts []string) row {
	r := row{name: name}
	for _, text := range texts {
		r.cells = append(r.cells, cell{text: text})
	}
	return r
}

// closing writes what the run says of itself.
func (p *page) closing(r result.Result) {
	p.items("CHECKS  ", agreement(r))
	p.items("MACHINE  ", machine(r))
	for _, f := range findings(r) {
		if f.verdict == result.Degraded || f.verdict == result.Valid {
			p.paint(yellow, func() { p.prose(f.head()+"  ", f.text) })
		}
	}
}

// prose writes text, broken between words, behind head; further lines are
// indented by head's length.
func (p *page) prose(head, text string) { p.wrap(head, strings.Fields(clean(text)), " ") }

// items writes the items on one line if they fit, broken between items if not.
func (p *page) items(head string, items []string) {
	words := make([]string, 0, len(items))
	for _, s := range items {
		words = append(words, clean(s))
	}
	p.wrap(head, words, " · ")
}

func (p *page) wrap(head string, words []string, separator string) {
	head = clean(head)
	indent := min(length(head), p.width/2)
	line, empty := head, true
	for _, word := range words {
		for !empty && length(line)+length(separator)+length(word) > p.width {
			p.line(line)
			line, empty = strings.Repeat(" ", indent), true
		}
		if !empty {
			line += separator
		}
		line += word
		for length(line) > p.width { // a word, or an item, too long for any line
			var rest string
			line, rest = split(line, p.width)
			p.line(line)
			line = strings.Repeat(" ", indent) + rest
		}
		empty = false
	}
	p.line(line)
}

// split breaks s at its last space within width, or in a word if there is none
// in the right half.
func split(s string, width int) (line, rest string) {
	runes := []rune(s)
	for i := width; i > width/2; i-- {
		if runes[i] == ' ' {
			return string(runes[:i]), string(runes[i+1:])
		}
	}
	return string(runes[:width]), string(runes[width:])
}

func (p *page) line(s string) {
	p.out.WriteString(p.dress(p.hue, strings.TrimRight(s, " ")))
	p.out.WriteByte('\n')
}

// blank ends a part of the page.
func (p *page) blank() {
	if !strings.HasSuffix(p.out.String(), "\n\n") {
		p.out.WriteByte('\n')
	}
}

// hue is an ANSI escape sequence (ECMA-48, SGR).
type hue string

const (
	plain  hue = ""
	bold   hue = "\x1b[1m"
	red    hue = "\x1b[31m"
	green  hue = "\x1b[32m"
	yellow hue = "\x1b[33m"
	reset  hue = "\x1b[0m"
)

// paint has the lines that write writes in one color.
func (p *page) paint(h hue, write func()) {
	p.hue = h
	write()
	p.hue = plain
}

// dress colors s, if the page has colors.
func (p *page) dress(h hue, s string) string {
	if !p.color || h == plain || s == "" {
		return s
	}
	return string(h) + s + string(reset)
}

// length is the number of columns s takes.
func length(s string) int { return utf8.RuneCountInString(s) }

// pad fills s with spaces to width columns.
func pad(s string, width int) string { return s + strings.Repeat(" ", max(0, width-length(s))) }
