package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"grpcbench/internal/compare"
	"grpcbench/internal/history"
	"grpcbench/internal/result"
	"grpcbench/internal/svg"
	"grpcbench/internal/webpage"
)

// TrackHTML writes t as a page of its own, as [HTML] writes a result. The error is that
// of w.
func TrackHTML(w io.Writer, t Track) error {
	return fitting(w, webpage.Page.Write, t.page)
}

// TrackPart writes what [TrackHTML] does to stand inside of another page; see
// [webpage.Page.WritePart]. The error is that of w.
func TrackPart(w io.Writer, t Track) error {
	return fitting(w, webpage.Page.WritePart, t.page)
}

func (t Track) page(d detail) webpage.Page {
	found := t.finding()
	p := webpage.Page{Title: "History", Tone: found.tone, Verdict: found.word, Headline: found.text,
		Lead:  []string{"Each point is a run with its 95 % interval; a line is the median between two changes, ◆ where the level changed.", needed()},
		Facts: t.facts(d), Foot: "grpc-bench track · this file loads nothing and runs no script but its own"}
	if late := t.late(); late != "" {
		p.Notes = append(p.Notes, webpage.Note{Tone: "doubt", Head: "LATE", Text: clean(late)})
	}
	if all := t.nominations(); len(all) > 0 {
		p.Sections = append(p.Sections, t.changes(all, d))
	}
	for i, table := range t.groupsOf() {
		p.Sections = append(p.Sections, t.courses("series"+strconv.Itoa(i+1), table, d))
	}
	return p
}

// facts say what is tracked.
func (t Track) facts(d detail) []webpage.Fact {
	facts := []webpage.Fact{}
	if n := len(t.Runs); n > 0 {
		facts = append(facts, webpage.Fact{Name: "from", Text: day(t.Runs[0].Created)}, webpage.Fact{Name: "to", Text: day(t.Runs[n-1].Created)})
	}
	facts = append(facts, webpage.Fact{Name: "of this directory", Text: joined(t.counts())})
	var suites []string
	for _, r := range t.Runs {
		if r.Suite != "" && !slices.Contains(suites, r.Suite) && len(suites) < 8 {
			suites = append(suites, r.Suite)
		}
	}
	if len(suites) > 0 {
		facts = append(facts, webpage.Fact{Name: "suites", Text: clean(joined(suites))})
	}
	return capped(facts, d.rows, func(n int) webpage.Fact { return webpage.Fact{Name: "and", Text: plural(n, "more")} })
}

// largeChanges is how many changes are drawn large.
const largeChanges = 3

// changes are the nominations, the largest first, with the commands that confirm them.
func (t Track) changes(all []nomination, d detail) webpage.Section {
	s := webpage.Section{ID: "changes", Title: "Where a level changed", Lead: nominated}
	size := func(n nomination) float64 { return math.Abs(math.Log(n.shift.Ratio)) }
	slices.SortStableFunc(all, func(a, b nomination) int { return cmp.Compare(size(b), size(a)) })
	table := &webpage.Table{Caption: "All nominations, the largest change first", Head: []string{"figure", "change in %", "new level from", "old level until", "p", "changed there too"}}
	var rest []string
	for i, n := range all {
		table.Rows = append(table.Rows, webpage.Row{Name: clean(seriesName(n.series)), Cells: webpage.Text("◆ "+compare.Percent(n.shift.Ratio),
			clean(orID(t.Runs[n.shift.After])), clean(orID(t.Runs[n.shift.Before])), strconv.FormatFloat(n.shift.P, 'g', 2, 64), clean(strings.TrimPrefix(n.facts, "changed there too: ")))})
		var code []string
		if len(n.command) > 0 {
			code = cleanAll(command(n.command))
		}
		if i < largeChanges {
			s.Blocks = append(s.Blocks, webpage.Block{Heading: clean(seriesName(n.series) + ": " + compare.Percent(n.shift.Ratio) + " %"), Lead: clean(n.text), Wide: true, List: factList(n.shift),
				Figures: []webpage.Figure{t.figure(n.series, d, true)}, Code: code})
		} else if len(code) > 0 && len(rest) < 10*d.rows {
			rest = append(append(rest, "# "+clean(n.text)), append(code, "")...)
		}
	}
	table.Rows = capped(table.Rows, 20*d.arms, func(n int) webpage.Row { return webpage.Row{Name: "and", Cells: webpage.Text(plural(n, "more"))} })
	if len(all) > largeChanges {
		s.Blocks = append(s.Blocks, webpage.Block{Table: table})
	}
	if len(rest) > 0 {
		s.Blocks = append(s.Blocks, webpage.Block{Folded: "What confirms the others", Code: rest})
	}
	return s
}

// factList are what else changed with a level, each a line.
func factList(shift history.Shift) []string {
	var list []string
	for _, d := range shift.Facts {
		base, new := sideValues(d)
		list = append(list, "changed there too: "+clean(head(d))+": "+clean(base)+", then "+clean(new))
	}
	return capped(list, 30, func(n int) string { return plural(n, "more difference") })
}

func cleanAll(lines []string) []string {
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return lines
}

// seriesName is not safe to print.
func seriesName(s history.Series) string {
	if s.Control == "" {
		return metricName(s.Metric) + " of " + s.Arm
	}
	return metricName(s.Metric) + " of " + s.Arm + "/" + s.Control
}

// seriesGroup is what is shown together: of one plan, against one control.
type seriesGroup struct {
	title  []string // not safe to print
	series []history.Series
}

// groupsOf are the series that are shown, in groups, both in order.
func (t Track) groupsOf() []seriesGroup {
	var groups []seriesGroup
	type place struct {
		plan, group, control string
		system               history.System
	}
	at := make(map[place]int)
	for _, s := range t.Series {
		if len(s.Shifts) == 0 && !t.Show(s) {
			continue
		}
		where := place{s.Plan, s.Group, s.Control, s.System}
		i, known := at[where]
		if !known {
			i = len(groups)
			at[where] = i
			groups = append(groups, seriesGroup{title: t.title(s)})
		}
		groups[i].series = append(groups[i].series, s)
	}
	return groups
}

// courses draws the series of a group, arm by arm, and lists their latest points.
func (t Track) courses(id string, g seriesGroup, d detail) webpage.Section {
	first := g.series[0]
	s := webpage.Section{ID: id, Title: "Each arm by itself", Lead: clean(joined(g.title))}
	if first.Control != "" {
		s.Title = clean(first.Group + ": arm against " + first.Control)
	}
	table := &webpage.Table{Caption: "The latest run that has the figure, and the largest change of level", Head: []string{"arm", "metric", "latest", "nominated"}}
	arm := ""
	for i, one := range g.series {
		if i < 3*d.arms {
			if i == 0 || one.Arm != arm {
				arm = one.Arm
				s.Blocks = append(s.Blocks, webpage.Block{Heading: clean(arm)})
			}
			b := &s.Blocks[len(s.Blocks)-1]
			b.Figures = append(b.Figures, t.figure(one, d, false))
		}
		table.Rows = append(table.Rows, webpage.Row{Name: clean(one.Arm), Cells: t.latestCells(one)})
	}
	table.Rows = capped(table.Rows, 20*d.arms, func(n int) webpage.Row { return webpage.Row{Name: "and", Cells: webpage.Text(plural(n, "more"))} })
	s.Blocks = append(s.Blocks, webpage.Block{Folded: "All of them as a table", Table: table})
	return s
}

func joined(parts []string) string {
	text := ""
	for i, p := range parts {
		if i > 0 {
			text += " · "
		}
		text += p
	}
	return text
}

func (t Track) latestCells(s history.Series) []webpage.Cell {
	value := webpage.Cell{Text: latest(s)}
	for _, p := range slices.Backward(s.Points) {
		if p.Value > 0 {
			value.Value, value.Key = strconv.FormatFloat(p.Value, 'g', -1, 64), clean(s.Metric)
			break
		}
	}
	mark := webpage.Cell{Text: cmp.Or(seriesMark(s), absent)}
	largest := 0.0
	for _, shift := range s.Shifts {
		if size := math.Abs(math.Log(shift.Ratio)); size > largest {
			largest = size
			mark = webpage.Cell{Text: "◆ " + compare.Percent(shift.Ratio) + " % from " + clean(orID(t.Runs[shift.After]))}
		}
	}
	return []webpage.Cell{{Text: clean(metricName(s.Metric))}, value, mark}
}

// mostPoints is how many of the last points of a series are drawn.
func (d detail) mostPoints() int { return max(30, min(120, d.points/60)) }

// figure draws a series: arm/control as a change in percent, or an arm's own figure.
func (t Track) figure(s history.Series, d detail, large bool) webpage.Figure {
	points := s.Points[max(0, len(s.Points)-d.mostPoints()):]
	of := func(v float64) float64 {
		switch {
		case !(v > 0):
			return math.NaN()
		case s.Control == "":
			return v
		}
		return 100 * (v - 1)
	}
	plot := svg.Course{Title: clean(seriesName(s)) + ", run by run"}
	data := &webpage.Data{Unit: "percent", Names: []string{clean(metricName(s.Metric)), "95 % from", "to"}, Class: []string{"course", "course-end", "course-end"}}
	axis := "arm against control, %"
	if s.Control == "" {
		axis, data.Unit = clean(s.Unit), "count"
	}
	values := make([][]float64, 3)
	for _, p := range points {
		m := svg.Moment{Value: of(p.Value), Low: of(p.Low), High: of(p.High)}
		plot.Moments = append(plot.Moments, m)
		for i, v := range []float64{m.Value, m.Low, m.High} {
			values[i] = append(values[i], v)
		}
		data.Labels = append(data.Labels, t.label(p))
	}
	if allGaps(values[1]) {
		values, data.Names, data.Class = values[:1], data.Names[:1], data.Class[:1]
	}
	for _, v := range values {
		data.Values = append(data.Values, known(v))
	}
	plot.Levels = t.levels(s, points, of)
	plot.XAxis = t.dates(points)
	plot.YAxis = svg.Ticked(axis, courseScale(plot.Moments, s, of), 5, short)
	f := webpage.Figure{Title: clean(metricName(s.Metric)), Data: data}
	if !s.Judged {
		f.Note = fmt.Sprintf("not judged: %d of %d usable runs", s.Usable, s.Needed())
	}
	if large {
		plot.Width, plot.Height = 860, 260
		f.Title = "Run by run" // the block names the series
	}
	if len(points) < len(s.Points) {
		f.Note = strings.TrimPrefix(f.Note+fmt.Sprintf("; the last %d of %s", len(points), plural(len(s.Points), "run")), "; ")
	}
	f.SVG, data.Places = plot.Draw()
	return f
}

func allGaps(values []float64) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return !math.IsNaN(v) })
}

// label names the run of a point, and says why it has no value.
func (t Track) label(p history.Point) string {
	r := t.Runs[p.Run]
	text := r.Created.UTC().Format("2006-01-02 15:04") + " · " + orID(r)
	if r.Verdict != result.Valid {
		text += " · " + string(r.Verdict)
	}
	if r.Late {
		text += " · late: measured after a successor"
	}
	return clean(text)
}

// dates is the axis of runs: even distances, labeled with days.
func (t Track) dates(points []history.Point) svg.Axis {
	title := "run, by the day it was made"
	if t.Placed > 0 {
		title = "run, in order of commits, and the day it was made"
	}
	a := svg.Axis{Title: title, Scale: svg.Linear(-0.7, float64(len(points))-0.3)}
	last := ""
	for i := 0; i < len(points); i += max(1, (len(points)+3)/5) {
		if text := day(t.Runs[points[i].Run].Created); text != last {
			a.Ticks = append(a.Ticks, svg.Tick{At: float64(i), Label: text})
			last = text
		}
	}
	return a
}

// courseScale holds all values, and their intervals as far as most of them go: a wild
// one is not to flatten the rest.
func courseScale(moments []svg.Moment, s history.Series, of func(float64) float64) svg.Scale {
	low, high := math.Inf(1), math.Inf(-1)
	var reach []float64
	for _, m := range moments {
		if !math.IsNaN(m.Value) {
			low, high = min(low, m.Value), max(high, m.Value)
			reach = append(reach, 0)
			if !math.IsNaN(m.Low) && !math.IsNaN(m.High) {
				reach[len(reach)-1] = max(m.High-m.Value, m.Value-m.Low)
			}
		}
	}
	if len(reach) == 0 {
		return svg.Linear(0, 1)
	}
	slices.Sort(reach)
	margin := max(1.3*reach[len(reach)/2], 0.05*(high-low))
	if least := of(1+s.Delta/2) - of(1); s.Control != "" {
		margin = max(margin, least)
	} else {
		margin = max(margin, s.Delta*high/2)
	}
	return svg.Linear(low-margin, high+margin)
}

// levels are the medians of the points between the nominated changes of s; none if there
// is no change.
func (t Track) levels(s history.Series, points []history.Point, of func(float64) float64) []svg.Level {
	if len(s.Shifts) == 0 {
		return nil
	}
	usable, from := 0, 0 // changes were looked for in the last usable points alone
	for i, p := range slices.Backward(points) {
		if p.Value > 0 {
			usable++
		}
		if from = i; usable == history.Window {
			break
		}
	}
	var levels []svg.Level
	add := func(from, to int) {
		var values []float64
		for _, p := range points[from:to] {
			if p.Value > 0 {
				values = append(values, p.Value)
			}
		}
		if len(values) > 0 {
			slices.Sort(values)
			levels = append(levels, svg.Level{From: from, To: to - 1, Value: of((values[(len(values)-1)/2] + values[len(values)/2]) / 2)})
		}
	}
	for _, shift := range s.Shifts {
		at := slices.IndexFunc(points, func(p history.Point) bool { return p.Run >= shift.After })
		if at > from {
			add(from, at)
			from = at
		}
	}
	add(from, len(points))
	return levels
}
