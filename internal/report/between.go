package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"grpcbench/internal/compare"
	"grpcbench/internal/metric"
	"grpcbench/internal/result"
	"grpcbench/internal/stats"
)

// A BetweenFormat is one way to write what two results say beside each other.
type BetweenFormat struct {
	Name string // as in --format
	Doc  string // one line of help
	// Render writes b to w. Its error is that of w.
	Render func(w io.Writer, b compare.Between) error
}

// BetweenFormats returns the formats there are, the default first. Text is written
// as o asks.
func BetweenFormats(o TextOptions) []BetweenFormat {
	return []BetweenFormat{
		{"text", "tables for a terminal", func(w io.Writer, b compare.Between) error { return BetweenText(w, b, o) }},
		{"markdown", "tables for a pull request, details folded", BetweenMarkdown},
		{"html", "a page with charts: one file that loads nothing", BetweenHTML},
		{"json", "everything, of schema " + compare.Schema, BetweenJSON},
		{"csv", "one table, a row for each ratio, figure and quantile, for a plot", BetweenCSV},
	}
}

// betweenFlag is what stands at the head of every table if one of the results may
// not be used; else "".
func betweenFlag(b compare.Between) string {
	for _, s := range sides(b) {
		if f := flag(s.Verdict); f != "" {
			return s.role + " " + f
		}
	}
	return ""
}

// namedSide is a side and which one it is.
type namedSide struct {
	role string
	compare.Side
}

func sides(b compare.Between) []namedSide {
	return []namedSide{{"base", b.Base}, {"new", b.New}}
}

// items says which result s is. What the user named passes through safe.
func (s namedSide) items(safe func(string) string) []string {
	verdict := string(s.Verdict)
	if f := flag(s.Verdict); f != "" {
		verdict = f
	}
	items := []string{verdict, safe(s.ID)}
	for _, i := range []struct{ head, text string }{{"", s.Name}, {"baseline ", s.Baseline}, {"commit ", s.Revision}} {
		if i.text != "" {
			items = append(items, i.head+safe(i.text))
		}
	}
	return append(items, s.Created.UTC().Format("2006-01-02 15:04 UTC"))
}

// judgedChange reports whether a verdict on c could have been other than inconclusive.
func judgedChange(c compare.Change) bool {
	return c.Judged && c.Ratio != nil && min(c.BaseEpochs, c.NewEpochs) >= stats.MinVerdict
}

// verdicts counts what changes say; what could not be looked at is under "".
func verdicts(changes []compare.Change) map[string]int {
	times := make(map[string]int)
	for _, c := range changes {
		if judgedChange(c) {
			times[c.Verdict]++
		} else {
			times[""]++
		}
	}
	return times
}

// outcome counts the verdicts on ratios, or, of one arm, on what lasts.
func outcome(b compare.Between) string {
	count := func(changes []compare.Change, noun string) string {
		n := verdicts(changes)
		text := fmt.Sprintf("%s: %d slower, %d faster, %d same, %d cannot tell", plural(len(changes), noun), n["slower"], n["faster"], n["same"], n["inconclusive"])
		if n[""] > 0 {
			text += fmt.Sprintf(", %d not judged", n[""])
		}
		return text
	}
	if len(b.Ratios) > 0 {
		return count(b.Ratios, "ratio")
	}
	lasting := slices.DeleteFunc(slices.Clone(b.Absolutes), func(c compare.Change) bool { return !metric.Lasts(c.Metric) && !c.Judged })
	return "one arm without a control: latency and CPU are not judged; of bytes and allocations " + count(lasting, "figure")
}

// badge is what the head of a comparison says in a word, and its tone. What could not be
// looked at never looks like what was found to be the same.
func badge(b compare.Between) (word, tone string) {
	if f := betweenFlag(b); f != "" {
		return f, "bad"
	}
	n := verdicts(b.Ratios)
	switch {
	case n[""] == len(b.Ratios):
		return "NOT JUDGED", "unknown"
	case n["slower"] > 0:
		return "SLOWER", "doubt"
	case n["same"]+n["faster"] == 0:
		return "CANNOT TELL", "doubt"
	}
	return "COMPARED", "good"
}

// betweenChance says how many of the verdicts would come about without any
// difference. The size of each test is at most 1 %.
func betweenChance(b compare.Between) string {
	judged := 0
	for _, c := range slices.Concat(b.Ratios, b.Absolutes) {
		if judgedChange(c) {
			judged++
		}
	}
	if judged == 0 {
		return "no comparison has enough epochs for a verdict"
	}
	return plural(judged, "comparison") + ", at most " + digits(0.01*float64(judged)) + " false verdicts expected"
}

// block is the changes of one arm, one line a metric.
type block struct {
	arm   string // not safe to print
	lines []changeLine
}

// changeLine is one metric of a block; all but its name is safe to print.
type changeLine struct {
	metric, base, new string
	change            cell
}

// versusTable is a group's blocks; both names are not safe to print.
type versusTable struct {
	group, control string
	blocks         []block
}

// ratioTables are the ratios by group, in order.
func ratioTables(b compare.Between) []versusTable {
	var tables []versusTable
	for _, c := range b.Ratios {
		if n := len(tables); n == 0 || tables[n-1].group != c.Group {
			tables = append(tables, versusTable{group: c.Group, control: c.Control})
		}
		t := &tables[len(tables)-1]
		t.blocks = appended(t.blocks, c, func(v float64) string { return relative(v, 1) })
	}
	return tables
}

// absoluteBlocks are the arms' own figures, in order.
func absoluteBlocks(b compare.Between) []block {
	var blocks []block
	for _, c := range b.Absolutes {
		print := amount
		if c.Unit == "ns" {
			print = duration
		}
		blocks = appended(blocks, c, print)
	}
	return blocks
}

// appended adds c to the block of its arm, the last one or a new one.
func appended(blocks []block, c compare.Change, print func(float64) string) []block {
	if n := len(blocks); n == 0 || blocks[n-1].arm != c.Arm {
		blocks = append(blocks, block{arm: c.Arm})
	}
	l := changeLine{metricName(c.Metric), maybe(c.Base, print), maybe(c.New, print), cell{text: "not compared"}}
	if c.Ratio != nil {
		l.change = change(asComparison(c))
	}
	last := &blocks[len(blocks)-1]
	last.lines = append(last.lines, l)
	return blocks
}

// metricName is what a metric is called in tables; one that another version of the tool
// had goes by its name.
func metricName(name string) string {
	if m, ok := metric.Named(name); ok {
		return m.Label
	}
	return name
}

// asComparison is c as far as both have it.
func asComparison(c compare.Change) result.Comparison {
	return result.Comparison{
		Group: c.Group, Arm: c.Arm, Control: c.Control, Metric: c.Metric, Unit: c.Unit, Epochs: min(c.BaseEpochs, c.NewEpochs),
		Ratio: c.Ratio, Low: c.Low, High: c.High, P: c.P, Verdict: c.Verdict, MDE: c.MDE, Delta: c.Delta, Reason: c.Reason,
	}
}

// betweenReasons says why changes have no estimate or no verdict, each once. Not
// safe to print.
func betweenReasons(b compare.Between) []string {
	var all []result.Comparison
	for _, c := range slices.Concat(b.Ratios, b.Absolutes) {
		all = append(all, asComparison(c))
	}
	return newBook(result.Result{Comparisons: all}).reasons()
}

// head says which fact d is about; not safe to print.
func head(d compare.Difference) string {
	if len(d.Arms) == 0 {
		return d.What
	}
	return d.What + " of " + strings.Join(d.Arms, ", ")
}

// sideValues are the two values of d; what a side does not have is a dash. Not safe
// to print.
func sideValues(d compare.Difference) (base, new string) {
	dash := func(s string) string {
		if s == "" {
			return "–"
		}
		return s
	}
	return dash(d.Base), dash(d.New)
}

// unmatched says what of one result the other does not have; not safe to print.
func unmatched(b compare.Between) (lines []string) {
	for _, u := range b.NotCompared {
		name := u.Arm
		if u.Control != "" {
			name += "/" + u.Control + " (" + u.Group + ")"
		}
		lines = append(lines, name+": only the "+u.Side+" result has it")
	}
	return lines
}

// shiftLine is a quantile of a distribution; all of it is safe to print.
type shiftLine struct{ quantile, base, new, change string }

func shiftLines(d compare.Distribution) []shiftLine {
	var lines []shiftLine
	for _, s := range d.Shifts {
		l := shiftLine{"p" + short(100*s.Quantile), absent, absent, absent}
		if s.Quantile == 1 {
			l.quantile = "max"
		}
		for _, side := range []struct {
			ns   *int64
			text *string
		}{{s.Base, &l.base}, {s.New, &l.new}} {
			*side.text = "beyond"
			if side.ns != nil {
				*side.text = duration(float64(*side.ns))
			}
		}
		if s.Base != nil && s.New != nil && *s.Base > 0 {
			l.change = relative(float64(*s.New)/float64(*s.Base), 1)
		}
		lines = append(lines, l)
	}
	return lines
}
