package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"grpcbench/internal/compare"
	"grpcbench/internal/history"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// Track is a history with what is shown of it.
type Track struct {
	history.History
	// Show says which series have a line; one with a nomination has one anyway.
	Show func(history.Series) bool
	// Plan returns the plan of a run, for the command that confirms a nomination; ok is
	// false if it cannot be read any more.
	Plan func(history.Run) (p plan.Plan, ok bool)
}

// A TrackFormat is one way to write a history.
type TrackFormat struct {
	Name, Doc string
	Render    func(io.Writer, Track) error
}

// TrackFormats returns the formats there are, the default first. Text is written as o
// asks.
func TrackFormats(o TextOptions) []TrackFormat {
	return []TrackFormat{
		{"text", "tables with a chart of each series, for a terminal", func(w io.Writer, t Track) error { return TrackText(w, t, o) }},
		{"markdown", "the same for a pull request or a page", TrackMarkdown},
		{"html", "a page with a chart of each series: one file that loads nothing", TrackHTML},
		{"json", "all series and nominations", TrackJSON},
		{"csv", "one table, a row for each point of each series, to plot", TrackCSV},
	}
}

// sparkWidth is how many of the last points a chart shows.
const sparkWidth = 26

// trackTable is a plan's series; title and rows' names are not safe to print.
type trackTable struct {
	title []string
	lines []trackLine
}

// trackLine is one series; its arm and metric are not safe to print.
type trackLine struct {
	arm, metric         string
	latest, chart, mark string
}

// tables are the groups of series as lines.
func (t Track) tables() []trackTable {
	var tables []trackTable
	for _, g := range t.groupsOf() {
		table := trackTable{title: g.title}
		for _, s := range g.series {
			table.lines = append(table.lines, trackLine{s.Arm, metricName(s.Metric), latest(s), chart(s), seriesMark(s)})
		}
		tables = append(tables, table)
	}
	return tables
}

// title says what the series beside s are of.
func (t Track) title(s history.Series) []string {
	newest := t.Runs[s.Points[len(s.Points)-1].Run]
	first, last := newest.Created, newest.Created
	for _, p := range s.Points { // which may be in order of commits
		if at := t.Runs[p.Run].Created; at.Before(first) {
			first = at
		} else if at.After(last) {
			last = at
		}
	}
	title := []string{"plan " + s.Plan[:min(8, len(s.Plan))]}
	if newest.Suite != "" {
		title = append(title, "suite "+newest.Suite)
	}
	if s.Control != "" {
		title = append(title, s.Group, "arm against "+s.Control+" in %")
	} else {
		title = append(title, "each arm by itself")
	}
	return append(title, plural(len(s.Points), "run"), day(first)+" to "+day(last), s.System.String())
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }

// latest is the last point that is no gap.
func latest(s history.Series) string {
	for _, p := range slices.Backward(s.Points) {
		switch {
		case !(p.Value > 0):
			continue
		case s.Control == "":
			return amount(p.Value)
		case p.Low > 0:
			return fmt.Sprintf("%s [%s, %s]", compare.Percent(p.Value), compare.Percent(p.Low), compare.Percent(p.High))
		}
		return compare.Percent(p.Value)
	}
	return "n/a"
}

// chart draws the last points between their least and their largest; a gap is a space.
// A series that moves less than half of what matters is drawn flat.
func chart(s history.Series) string {
	points := s.Points[max(0, len(s.Points)-sparkWidth):]
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range points {
		if p.Value > 0 {
			low, high = min(low, math.Log(p.Value)), max(high, math.Log(p.Value))
		}
	}
	least := math.Log1p(s.Delta / 2)
	if high-low < least {
		low, high = (low+high)/2-least/2, (low+high)/2+least/2
	}
	bars := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, p := range points {
		if !(p.Value > 0) {
			b.WriteByte(' ')
			continue
		}
		height := (math.Log(p.Value) - low) / (high - low) * float64(len(bars))
		b.WriteRune(bars[max(0, min(len(bars)-1, int(height)))])
	}
	return b.String()
}

// nomination is a change of level that may be one.
type nomination struct {
	series  history.Series
	shift   history.Shift
	text    string   // not safe to print, like facts
	facts   string   // what else changed there; "": nothing
	command []string // that confirms it; nil if another one's does
}

func (t Track) nominations() []nomination {
	var all []nomination
	for _, s := range t.Series {
		for _, shift := range s.Shifts {
			n := nomination{series: s, shift: shift, text: t.sentence(s, shift), facts: changedFacts(shift.Facts)}
			before, after := t.Runs[shift.Before], t.Runs[shift.After]
			if p, ok := t.Plan(after); ok {
				c := confirm(p, s, orID(before), orID(after))
				if !slices.ContainsFunc(all, func(o nomination) bool { return slices.Equal(o.command, c) }) {
					n.command = c
				}
			}
			all = append(all, n)
		}
	}
	return all
}

func (t Track) sentence(s history.Series, shift history.Shift) string {
	what := s.Arm
	if s.Control != "" {
		what += "/" + s.Control
	}
	text := fmt.Sprintf("%s of %s: %s %% from %s on, after %s; p %s", metricName(s.Metric), what, compare.Percent(shift.Ratio),
		named(t.Runs[shift.After]), named(t.Runs[shift.Before]), strconv.FormatFloat(shift.P, 'g', 2, 64))
	if s.Drifts {
		text += "; the series drifts, which is not taken out"
	}
	return text + t.lateAround(shift)
}

// named is a run's commit, if it has one, and the id.
func named(r history.Run) string {
	if r.Commit == "" {
		return r.ID
	}
	return abbreviated(r.Commit) + " (" + r.ID + ")"
}

func orID(r history.Run) string {
	if r.Commit == "" {
		return "run " + r.ID
	}
	return abbreviated(r.Commit)
}

// abbreviated is a commit as far as people read it.
func abbreviated(commit string) string {
	hash, dirty, _ := strings.Cut(commit, "+")
	if dirty != "" {
		dirty = "+" + dirty
	}
	return hash[:min(12, len(hash))] + dirty
}

// confirm is the command that measures two builds side by side with the settings of the
// series' arm, whose commands the user fills in.
func confirm(p plan.Plan, s history.Series, before, after string) []string {
	var arms []plan.Arm
	for i, a := range p.Question().Arms {
		if a.Name == s.Arm {
			a.Settings.Target, a.Settings.ServerBinary = "", ""
			arms = append(arms, plan.Arm{Name: p.Arms[i].Name, Settings: a.Settings})
		}
	}
	fresh := p
	fresh.Arms, fresh.Target, fresh.Suite, fresh.SuiteFile, fresh.Gates = arms, nil, "", "", plan.Gates{}
	fresh.Epochs, fresh.MaxTime = plan.Epochs{Min: 10, Max: 40}, 10*time.Minute
	args := repeat(fresh)
	if i := slices.Index(args, "--seed"); i > 0 { // arrivals of its own
		args = slices.Delete(args, i, i+2)
	}
	return slices.Insert(args, 2, "--vary", quote("server-binary=(server of "+before+"),(server of "+after+")"))
}

// TrackText writes t as tables for a terminal. The error is that of w.
func TrackText(w io.Writer, t Track, o TextOptions) error {
	p := o.page()
	p.items("", append([]string{"grpc-bench track"}, t.counts()...))
	if late := t.late(); late != "" {
		p.prose("", late)
	}
	for _, table := range t.tables() {
		p.title(table.title...)
		p.series(table.lines)
	}
	nominations := t.nominations()
	p.blank()
	found := t.finding()
	if len(nominations) == 0 {
		p.paint(hueOf(found.tone), func() { p.prose("", found.word+": "+found.text) })
	} else {
		p.prose("", found.word+" "+found.text)
	}
	p.prose("", needed())
	if len(nominations) > 0 {
		p.prose("◆ ", nominated)
	}
	for _, n := range nominations {
		p.paint(yellow, func() { p.prose("- ", n.text) })
		if n.facts != "" {
			p.paint(yellow, func() { p.prose("  ", n.facts) })
		}
		if len(n.command) > 0 {
			p.out.WriteString("  " + strings.Join(command(n.command), "\n  ") + "\n")
		}
	}
	_, err := io.WriteString(w, p.out.String())
	return err
}

// nominated says what a nomination is.
const nominated = "The level of a series seems to have changed. Of series in which nothing does, about one in fifty has such a mark within 100 runs; a fresh A/B of the two builds confirms it or not; put the commands of both servers where they are named:"

// The columns of a series stand below each other in all tables of a page.
const (
	seriesColumn = 26 // "  saturated client CPU/RPC"
	latestColumn = 24 // "+303.4 [+241.1, +389.2]"
)

// series writes the lines of a table, by arm.
func (p *page) series(lines []trackLine) {
	for i, l := range lines {
		if i == 0 || lines[i-1].arm != l.arm {
			p.prose("", l.arm)
		}
		line := pad("  "+clean(l.metric), seriesColumn) + " " + pad(l.latest, latestColumn) + " " + l.chart + " " + l.mark
		hue := plain
		if l.mark == "◆" {
			hue = yellow
		}
		p.out.WriteString(p.dress(hue, strings.TrimRight(line, " ")) + "\n")
	}
}

func (t Track) counts() []string {
	unusable := 0
	for _, r := range t.Runs {
		if r.Verdict != result.Valid && r.Verdict != result.Degraded {
			unusable++
		}
	}
	items := []string{plural(len(t.Runs), "run")}
	if unusable > 0 {
		items = append(items, strconv.Itoa(unusable)+" of them not usable: gaps")
	}
	return append(items, t.order())
}

// TrackMarkdown writes t as GitHub-flavoured Markdown. The error is that of w.
func TrackMarkdown(w io.Writer, t Track) error {
	m := &markdown{}
	m.paragraph("### grpc-bench track")
	m.paragraph(strings.Join(t.counts(), " · "))
	if late := t.late(); late != "" {
		m.paragraph(code(late))
	}
	for _, table := range t.tables() {
		var title []string
		for _, item := range table.title {
			title = append(title, code(item))
		}
		m.title(strings.Join(title, " · "))
		var rows [][]string
		for _, l := range table.lines {
			rows = append(rows, []string{code(l.arm), code(l.metric), l.latest, code(l.chart), l.mark})
		}
		m.table([]string{"arm", "metric", "latest", "last " + strconv.Itoa(sparkWidth), ""}, rows)
	}
	nominations := t.nominations()
	found := t.finding()
	if len(nominations) == 0 {
		m.paragraph("**" + found.word + "**: " + found.text)
	} else {
		m.paragraph("**" + found.word + "** " + found.text)
	}
	m.paragraph(needed())
	if len(nominations) > 0 {
		m.paragraph("◆ " + nominated)
	}
	for _, n := range nominations {
		m.paragraph(code(n.text))
		if n.facts != "" {
			m.paragraph(code(n.facts))
		}
		if len(n.command) > 0 {
			m.block(command(n.command))
		}
	}
	_, err := io.WriteString(w, strings.TrimRight(m.out.String(), "\n")+"\n")
	return err
}

// TrackSchema names the version of the form in which a history is written as JSON.
// Within a version fields are only added.
const TrackSchema = "grpc-bench/history/v1"

// TrackJSON writes all of the history, whatever is shown, indented by two spaces.
// Characters that act on a terminal are written as \u escapes.
func TrackJSON(w io.Writer, t Track) error {
	data, err := encode(struct {
		Schema string `json:"schema"`
		history.History
	}{TrackSchema, t.History})
	if err != nil {
		return fmt.Errorf("encode history: %w", err)
	}
	_, err = w.Write(data)
	return err
}

// TrackCSV writes all of the history, whatever is shown, as one table (RFC 4180): a row
// for each point, gaps included. The error is that of w.
//
// Texts are made safe as in [CSV].
func TrackCSV(w io.Writer, t Track) error {
	c := csvTable{out: csv.NewWriter(w)}
	c.out.UseCRLF = true
	c.row([]string{"plan", "suite", "group", "arm", "control", "metric", "unit", "run", "created", "commit", "run_verdict", "value", "ci_low", "ci_high", "nominated",
		"os", "arch", "cpu", "cpus", "cgroup_cpus", "late", "judged", "changed_there"})
	for _, s := range t.Series {
		after := make(map[int]history.Shift)
		for _, shift := range s.Shifts {
			after[shift.After] = shift
		}
		y := s.System
		for _, p := range s.Points {
			r := t.Runs[p.Run]
			shift, nominated := after[p.Run]
			c.row([]string{csvText(s.Plan), csvText(r.Suite), csvText(s.Group), csvText(s.Arm), csvText(s.Control), csvText(s.Metric), csvText(s.Unit),
				csvText(r.ID), r.Created.UTC().Format(time.RFC3339), csvText(r.Commit), csvText(string(r.Verdict)),
				positive(p.Value), positive(p.Low), positive(p.High), strconv.FormatBool(nominated),
				csvText(y.OS), csvText(y.Arch), csvText(y.CPU), strconv.Itoa(y.CPUs), positive(y.CgroupCPUs),
				strconv.FormatBool(r.Late), strconv.FormatBool(s.Judged), csvText(strings.TrimPrefix(changedFacts(shift.Facts), "changed there too: "))})
		}
	}
	c.out.Flush()
	return c.out.Error()
}

// positive prints v, or nothing if it stands for none.
func positive(v float64) string {
	if !(v > 0) {
		return ""
	}
	return number(v)
}
