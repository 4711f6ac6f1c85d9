package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"grpcbench/internal/compare"
	"grpcbench/internal/metric"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// ceilings says whether r looked for a ceiling: its windows are of many loads.
func ceilings(r result.Result) bool { return r.Plan.Kind == plan.KindCeiling && r.Plan.Ceiling != nil }

// climb is what was found of one arm.
type climb struct {
	arm     *result.Arm
	head    string   // what was found in a word
	tone    string   // of the head: "" for a ceiling, else as of [webpage.Note]
	found   string   // not safe to print
	lines   []line   // what it rests on
	columns []column // of the levels
	rows    []row
}

// climb lays out an arm of a ceiling.
func (b book) climb(a *result.Arm) climb {
	c := climb{arm: a, head: "NOT JUDGED", tone: "unknown", found: "not looked for: nothing was measured to the end"}
	if a.Ceiling != nil {
		c.found = a.Ceiling.Text
		c.lines = b.limits(a)
		switch a.Ceiling.Outcome {
		case result.Reached:
			c.head, c.tone = "CEILING", ""
		case result.NotReached, result.NoneKeeps:
			c.head, c.tone = "NO CEILING", "doubt"
		}
	}
	if len(b.Plan.Ceiling.SLO) == 0 {
		c.columns = []column{{"RPC/s", "[95 %]"}, {"twice as many", "gain, %"}, {"service p50", ""}, {"p99", ""}}
	} else {
		c.columns = []column{{"achieved", "RPC/s"}, {"windows", "that kept it"}}
		for _, q := range levelQuantiles(a) {
			c.columns = append(c.columns, column{metric.QuantileName(q), ""})
		}
	}
	c.columns = append(c.columns, column{"CPU/RPC", "client · server"}, column{"CPUs in use", "client · server"})
	for _, l := range a.Levels {
		c.rows = append(c.rows, b.level(a, l))
	}
	return c
}

// limits, whose strings are safe to print, says what the ceiling was limited by.
func (b book) limits(a *result.Arm) []line {
	f := a.Ceiling
	names := map[string]string{"client_cpu": "the client's CPU", "server_cpu": "the server's CPU", "neither": "neither side's CPU", "streams": "the server's limit of streams on a connection", "generator_lag": "the generator's lateness, not its CPU", "": "not known"}
	limit, known := names[f.Bottleneck]
	if !known {
		limit = clean(f.Bottleneck)
	}
	at := "at " + rate(f.At) + " RPC/s"
	if f.Callers > 0 {
		at = fmt.Sprintf("with %d callers", f.Callers)
	}
	lines := []line{{"limit", []string{limit}}}
	if f.ClientShare != nil || f.ServerShare != nil {
		where := at
		if f.LimitAt > 0 {
			where = "at " + rate(f.LimitAt) + " RPC/s"
		}
		lines = append(lines, line{"CPUs in use", []string{where, "client " + maybe(f.ClientShare, share),
			"server " + b.ofServer(a, f.ServerShare, share), "others " + maybe(f.OthersShare, share)}})
	}
	if f.ClientCPU != nil || f.ServerCPU != nil {
		lines = append(lines, line{"CPU/RPC", []string{at, "client " + estimated(f.ClientCPU, duration), "server " + estimated(f.ServerCPU, duration)}})
	}
	return lines
}

// estimated prints e with its interval.
func estimated(e *result.Estimate, print func(float64) string) string {
	if e == nil {
		return absent
	}
	if e.Low == nil && e.High == nil {
		return print(e.Value)
	}
	return print(e.Value) + " [" + maybe(e.Low, print) + ", " + maybe(e.High, print) + "]"
}

// level is the row of one number of callers or one rate. The ceiling's own has an arrow.
func (b book) level(a *result.Arm, l result.Level) row {
	drain, d := b.Plan.Drain, l.Latency
	name, at := rate(l.Rate)+" RPC/s", false
	if a.Ceiling != nil {
		at = a.Ceiling.Callers > 0 && a.Ceiling.Callers == l.Callers || l.Rate > 0 && a.Ceiling.At == l.Rate
	}
	var texts []string
	if l.Callers > 0 {
		name = strconv.Itoa(l.Callers)
		texts = []string{estimated(l.Throughput, rate), gain(l.Gain), quantile(d.Quantile(0.5), drain), quantile(d.Quantile(0.99), drain)}
	} else {
		texts = []string{rate(l.Achieved), fmt.Sprintf("%d of %d", l.Kept, l.Windows)}
		for _, q := range levelQuantiles(a) {
			texts = append(texts, quantile(d.Quantile(q), drain))
		}
	}
	if at {
		name = "→ " + name
	}
	shares := maybe(l.ClientShare, share) + " · " + maybe(l.ServerShare, share)
	return textRow(name, append(texts, both(l.ClientCPU, l.ServerCPU, duration), shares))
}

// levelQuantiles are the quantiles of latency that are shown of an arm's levels: the
// stored ones, and others of the table that some level has.
func levelQuantiles(a *result.Arm) []float64 {
	return slices.DeleteFunc(metric.Quantiles(metric.LatencyPath), func(q float64) bool {
		return !slices.Contains(metric.Stored(), q) &&
			!slices.ContainsFunc(a.Levels, func(l result.Level) bool { return l.Latency.Quantile(q).State != result.Absent })
	})
}

// gain prints what twice as many callers gain.
func gain(e *result.Estimate) string {
	if e == nil {
		return "–"
	}
	text := relative(e.Value, 1)
	if e.Low != nil && e.High != nil {
		text += " [" + percent(*e.Low, 1) + ", " + percent(*e.High, 1) + "]"
	}
	return text
}

// levelsHead heads the names of an arm's levels.
func (b book) levelsHead() string {
	if len(b.Plan.Ceiling.SLO) == 0 {
		return "callers"
	}
	return "offered"
}

// climbs writes what was found of every arm of a ceiling.
func (p *page) climbs(b book) {
	if !ceilings(b.Result) {
		return
	}
	for i := range b.Result.Arms {
		p.climb(b, &b.Result.Arms[i])
	}
}

// climbs writes what was found of every arm of a ceiling.
func (m *markdown) climbs(b book) {
	if !ceilings(b.Result) {
		return
	}
	for i := range b.Result.Arms {
		m.climb(b, &b.Result.Arms[i])
	}
}

// climb writes what was found of an arm.
func (p *page) climb(b book, a *result.Arm) {
	c := b.climb(a)
	p.title(a.Name)
	p.paint(hueOf(c.tone), func() { p.prose(c.head+"  ", c.found) })
	for _, l := range c.lines {
		p.items(pad(l.head, 16), l.items)
	}
	p.items(pad("observed", 16), seen(*a))
	if len(c.rows) == 0 {
		return
	}
	p.blank()
	var heads, points []string
	for _, col := range c.columns {
		heads, points = append(heads, col.head), append(points, col.point)
	}
	p.grid(grid{head: []row{textRow(b.levelsHead(), heads), textRow("", points)}, rows: c.rows})
}

// climb writes what was found of an arm.
func (m *markdown) climb(b book, a *result.Arm) {
	c := b.climb(a)
	m.title(code(a.Name))
	m.paragraph("**" + c.head[:1] + strings.ToLower(c.head[1:]) + "**: " + code(c.found))
	for _, l := range c.lines {
		m.line("- " + l.head + ": " + strings.Join(l.items, " · "))
	}
	m.line("")
	if len(c.rows) == 0 {
		return
	}
	head := []string{b.levelsHead()}
	for _, col := range c.columns {
		text := col.head
		if col.point != "" {
			text += "<br>" + col.point
		}
		head = append(head, text)
	}
	var rows [][]string
	for _, r := range c.rows {
		cells := []string{code(r.name)}
		for _, x := range r.cells {
			cells = append(cells, x.text)
		}
		rows = append(rows, cells)
	}
	m.table(head, rows)
}

// ceilingFigures are the columns of a group whose arms have ceilings.
func (b book) ceilingFigures() []measured {
	var all []measured
	for _, m := range metric.Where(func(m metric.Metric) bool { return m.In(metric.Ceiling) && m.Column != "" }) {
		f := measured{column{m.Column, "at the ceiling"}, m.Name, func(a *result.Arm) string { return b.atCeiling(a, m) }}
		if m.Unit == metric.Rate {
			f.point = "RPC/s"
		}
		all = append(all, f)
	}
	return all
}

// atCeiling prints what an arm's ceiling has of a metric.
func (b book) atCeiling(a *result.Arm, m metric.Metric) string {
	c := a.Ceiling
	if c == nil {
		return absent
	}
	print := printer(m.Unit)
	switch m.Name {
	case metric.CeilingRate:
		return estimated(c.Rate, print)
	case metric.SaturatedClientCPU:
		return estimated(c.ClientCPU, print)
	case metric.SaturatedServerCPU:
		return estimated(c.ServerCPU, print)
	}
	return b.own(a, m)
}

// ceilingShape says what was tried.
func ceilingShape(p plan.Plan) []string {
	c := *p.Ceiling
	if len(c.SLO) > 0 {
		return []string{clean(compare.SLO(c)), "up to " + rate(c.MaxRate) + " RPC/s"}
	}
	return []string{fmt.Sprintf("closed loop, 1 to %d callers", c.MaxConcurrency)}
}
