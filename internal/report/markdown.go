package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"grpcbench/internal/result"
)

// Markdown writes r as GitHub-flavoured Markdown that reads well in a pull
// request: verdict and tables first, the rest folded. The error is that of w.
//
// Whatever r holds of strings stands in code spans and code blocks.
func Markdown(w io.Writer, r result.Result) error {
	m := &markdown{flag: flag(r.Verdict)}
	b := newBook(r)
	m.head(r)
	m.gates(r.Gates, r.Plan.Gates.NotMeasured)
	alone := make(map[string]bool)
	for _, g := range r.Groups {
		if t, ok := b.table(g); ok {
			m.group(t)
			continue
		}
		for _, a := range b.members(g) {
			if !alone[a.Name] && !ceilings(r) {
				alone[a.Name] = true
				m.listing(b.list(a))
			}
		}
	}
	m.climbs(b)
	m.legend(b)
	m.failures(failures(r))
	m.lost(lostConnections(r))
	m.trades(b.trades())
	m.openings(b)
	m.churn(turnovers(r))
	m.findings(findings(r), result.Degraded, result.Valid)
	m.details(b)
	_, err := io.WriteString(w, strings.TrimRight(m.out.String(), "\n")+"\n")
	return err
}

// markdown is Markdown under way. What it is given to write must be safe: a
// string of the result goes through code or block first.
type markdown struct {
	out  strings.Builder
	flag string // stands on the title of each table
}

func (m *markdown) line(s string) {
	m.out.WriteString(s)
	m.out.WriteByte('\n')
}

func (m *markdown) paragraph(s string) { m.line(s + "\n") }

// block writes lines as they are, in a code block that they cannot end.
func (m *markdown) block(lines []string) {
	text := strings.Join(lines, "\n")
	f := fence(text, 3)
	m.line(f + "text\n" + text + "\n" + f + "\n")
}

// table writes rows under head.
func (m *markdown) table(head []string, rows [][]string) {
	m.line("| " + strings.Join(head, " | ") + " |")
	m.line(strings.Repeat("|---", len(head)) + "|")
	for _, r := range rows {
		m.line("| " + strings.Join(r, " | ") + " |")
	}
	m.line("")
}

func (m *markdown) head(r result.Result) {
	title := []string{"### " + program(r)}
	for _, item := range []struct{ head, text string }{
		{"suite ", r.Plan.Suite}, {"", r.Name}, {"target ", target(r)},
	} {
		if item.text != "" {
			title = append(title, item.head+code(item.text))
		}
	}
	m.paragraph(strings.Join(title, " · "))
	m.paragraph("**" + headline(r, code) + "** · " + tally(r) + " · " + code(r.ID) + "<br>\n" + strings.Join(shape(r), " · "))
	m.findings(findings(r), result.Invalid, result.Partial)
}

// findings writes those of the verdicts.
func (m *markdown) findings(fs []finding, verdicts ...result.Verdict) {
	var lines []string
	for _, f := range fs {
		for _, v := range verdicts {
			if f.verdict == v {
				lines = append(lines, fold(f.head()+": "+f.text)...)
			}
		}
	}
	if len(lines) > 0 {
		m.block(lines)
	}
}

// fold breaks a line for a code block, which does not break it itself.
func fold(s string) []string {
	p := &page{width: 100}
	p.prose("", s)
	return strings.Split(strings.TrimSuffix(p.out.String(), "\n"), "\n")
}

// title heads a table, with what is to be known of all its numbers.
func (m *markdown) title(s string) {
	if m.flag != "" {
		s += " · **" + m.flag + "**"
	}
	m.paragraph("#### " + s)
}

func (m *markdown) group(t groupTable) {
	m.title(code(t.group) + " against " + code(t.control))
	head := []string{"arm"}
	for _, c := range t.columns {
		head = append(head, c.head+"<br>"+c.point)
	}
	var rows [][]string
	for _, r := range t.rows {
		cells := []string{code(r.name)}
		for _, c := range r.cells {
			cells = append(cells, c.text)
		}
		rows = append(rows, cells)
	}
	m.table(head, rows)
}

// legend writes what the tables of groups need to be read.
func (m *markdown) legend(b book) {
	if len(b.Comparisons) == 0 {
		return
	}
	m.paragraph(strings.Join(append(append([]string{"change in % [95 % interval]"}, signs()...), chance(b.Result)...), " · "))
	for _, reason := range b.reasons() {
		m.line("- " + code(reason))
	}
	m.line("")
}

func (m *markdown) listing(l listing) {
	m.title(code(l.name))
	var rows [][]string
	for _, n := range l.lines {
		rows = append(rows, []string{n.head, strings.Join(n.items, " · ")})
	}
	m.table([]string{"figure", "value"}, rows)
}

func (m *markdown) failures(fs []failure) {
	if len(fs) == 0 {
		return
	}
	m.title("Failures")
	var rows [][]string
	for _, f := range fs {
		l := f.ledger
		rows = append(rows, []string{code(f.arm), count(l.Scheduled), count(l.OK), code(f.failed), code(f.notStarted), count(l.Abandoned)})
	}
	m.table([]string{"arm", "scheduled", "ok", "failed", "not started", "abandoned"}, rows)
}

func (m *markdown) trades(ts []trade) {
	if len(ts) == 0 {
		return
	}
	m.title("Compression")
	var rows [][]string
	for _, t := range ts {
		rows = append(rows, append([]string{code(t.arm)}, t.cells...))
	}
	m.table(append([]string{"arm"}, tradeHead()...), rows)
}

// lost writes what became of connections that were not made.
func (m *markdown) lost(list [][]string) {
	if len(list) == 0 {
		return
	}
	m.title("Failures")
	for _, items := range list {
		m.line("- " + code(strings.Join(items, " · ")))
	}
	m.line("")
}

// connections writes what connections of a handshake plan cost.
func (m *markdown) connections(b book) {
	m.title("Connections")
	var rows [][]string
	for _, r := range b.phaseRows() {
		cells := []string{code(r.name)}
		for _, c := range r.cells {
			cells = append(cells, c.text)
		}
		rows = append(rows, cells)
	}
	m.table(append([]string{"arm"}, b.phaseHead()...), rows)
	for _, n := range connectionNotes(b.Result) {
		m.line("- " + code(n))
	}
	m.line("")
}

func (m *markdown) openings(b book) {
	if opened(b.Result) {
		m.connections(b)
		return
	}
	os := openings(b.Result)
	if len(os) == 0 {
		return
	}
	m.title("Handshakes")
	var rows [][]string
	for _, o := range os {
		rows = append(rows, append([]string{code(o.arm)}, o.cells()...))
	}
	m.table(append([]string{"arm"}, openingHead()...), rows)
	notes := connectionNotes(b.Result)
	for _, n := range notes {
		m.line("- " + code(n))
	}
	if len(notes) > 0 {
		m.line("")
	}
}

func (m *markdown) churn(ts []turnover) {
	if len(ts) == 0 {
		return
	}
	m.title("Churn")
	var rows [][]string
	for _, t := range ts {
		rows = append(rows, append([]string{code(t.arm)}, t.cells...))
	}
	m.table(append([]string{"arm"}, turnoverHead()...), rows)
	m.paragraph(churnNote)
	for _, t := range ts {
		if t.unmade != "" {
			m.paragraph("not replaced in " + code(t.arm) + ": " + code(t.unmade))
		}
	}
}

// details writes, folded, what is looked up when a number is doubted.
func (m *markdown) details(b book) {
	m.paragraph("<details><summary>Settings observed, ledger, checks, comparisons, machine, how to repeat</summary>")
	m.paragraph("**Settings observed**")
	for _, a := range b.Arms {
		m.line("- " + code(a.Name) + ": " + code(strings.Join(seen(a), " · ")))
		for _, mismatch := range a.Observed.Mismatches {
			m.line("  - **not as asked** " + code(mismatch))
		}
	}
	m.line("")
	if opened(b.Result) {
		m.openedLedger(b.Arms)
	} else {
		m.ledger(b.Arms)
	}
	books := agreement(b.Result)
	books[0] = code(books[0])
	m.paragraph(strings.Join(books, " · ") + ".")
	m.checks(b.Checks)
	m.comparisons(b.Comparisons)
	m.paragraph("**Machine**")
	m.block(fold(strings.Join(machine(b.Result), " · ")))
	m.paragraph("**To repeat**")
	m.block(command(repeat(b.Plan)))
	m.line("</details>")
}

// command breaks a command between its words into lines that a shell joins again. A
// flag stays beside its value; a word is never broken, however long.
func command(words []string) []string {
	var parts []string
	for i, word := range words {
		if i > 0 && strings.HasPrefix(words[i-1], "--") && !strings.HasPrefix(word, "--") {
			parts[len(parts)-1] += " " + clean(word)
		} else {
			parts = append(parts, clean(word))
		}
	}
	lines := parts[:1]
	for _, part := range parts[1:] {
		if last := &lines[len(lines)-1]; utf8.RuneCountInString(*last+part) < 90 {
			*last += " " + part
			continue
		}
		lines = append(lines, part)
	}
	return strings.Split(strings.Join(lines, " \\\n"), "\n")
}

func (m *markdown) ledger(arms []result.Arm) {
	m.paragraph("**Ledger of the windows**")
	var rows [][]string
	for _, a := range arms {
		l := a.Ledger
		rows = append(rows, []string{code(a.Name), count(l.Scheduled), count(l.Unstarted()), count(l.Started),
			count(l.OK), count(l.Failures()), count(l.Abandoned)})
	}
	m.table([]string{"arm", "scheduled", "not started", "started", "ok", "failed", "abandoned"}, rows)
}

func (m *markdown) openedLedger(arms []result.Arm) {
	m.paragraph("**Ledger of the connections**")
	var rows [][]string
	for _, a := range arms {
		if a.Handshake == nil || a.Handshake.Ledger == nil {
			continue
		}
		l := a.Handshake.Ledger
		rows = append(rows, []string{code(a.Name), count(l.Planned), count(l.NotStarted), count(l.Full), count(l.Resumed), count(l.Failures())})
	}
	m.table([]string{"arm", "planned", "not started", "full", "resumed", "failed"}, rows)
}

func (m *markdown) checks(checks []result.Check) {
	passed := 0
	var rest []string
	for _, c := range checks {
		switch {
		case c.Skipped != "":
			rest = append(rest, "not asked: "+c.Code+": "+c.Skipped)
		case c.Verdict == result.Valid && c.Text == "":
			passed++
		default:
			rest = append(rest, string(c.Verdict)+": "+c.Code+": "+c.Text)
		}
	}
	m.paragraph("**Checks**: " + strconv.Itoa(passed) + " of " + strconv.Itoa(len(checks)) + " passed without remark")
	var lines []string
	for _, s := range rest {
		lines = append(lines, fold(s)...)
	}
	if len(lines) > 0 {
		m.block(lines)
	}
}

// comparisons writes every comparison with the numbers behind its verdict.
func (m *markdown) comparisons(cs []result.Comparison) {
	if len(cs) == 0 {
		return
	}
	m.paragraph("**Comparisons**: p of the exact signed-rank test over epochs; mde is the smallest change that would have been seen")
	var rows [][]string
	for _, c := range cs {
		text := absent
		if c.Ratio != nil {
			text = change(c).text
		}
		rows = append(rows, []string{code(c.Group), code(c.Arm), code(c.Metric), text, strconv.Itoa(c.Epochs),
			maybe(c.P, func(p float64) string { return fmt.Sprintf("%.4f", p) }), maybe(c.MDE, share), code(c.Reason)})
	}
	m.table([]string{"group", "arm", "metric", "change", "epochs", "p", "mde", "reason"}, rows)
}
