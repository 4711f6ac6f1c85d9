package report

import (
	"fmt"
	"slices"
	"strings"

	"grpcbench/internal/metric"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// groupTable is a group of arms against its control: one row an arm, the control
// first, one column a figure.
type groupTable struct {
	group, control string // as in the result: not safe to print
	columns        []column
	rows           []row
}

// column is the head of a figure and the operating point it was measured at.
type column struct{ head, point string }

// row is one arm; name is as in the result: not safe to print.
type row struct {
	name  string
	cells []cell
}

// book finds the parts of a result by name.
type book struct {
	result.Result
	arms        map[string]*result.Arm
	comparisons map[[3]string]*result.Comparison // by group, arm, metric
}

func newBook(r result.Result) book {
	b := book{r, make(map[string]*result.Arm), make(map[[3]string]*result.Comparison)}
	for i := range r.Arms {
		b.arms[r.Arms[i].Name] = &r.Arms[i]
	}
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		b.comparisons[[3]string{c.Group, c.Arm, c.Metric}] = c
	}
	return b
}

// members returns the arms of g that were measured, the control first.
func (b book) members(g plan.Group) []*result.Arm {
	names := append([]string{g.Control}, g.Arms...)
	var arms []*result.Arm
	seen := make(map[string]bool)
	for _, name := range names {
		if a := b.arms[name]; a != nil && !seen[name] {
			seen[name] = true
			arms = append(arms, a)
		}
	}
	return arms
}

// compared reports whether some arm of g was compared by metric with success.
func (b book) compared(g plan.Group, metric string) bool {
	for _, c := range b.Comparisons {
		if c.Group == g.Name && c.Metric == metric && c.Ratio != nil {
			return true
		}
	}
	return false
}

// measured is a figure that may become a column of a group.
type measured struct {
	column
	metric string // of its comparisons; "": every arm shows its own value
	value  func(*result.Arm) string
}

// table lays out g. ok is false if nothing in it could be compared.
func (b book) table(g plan.Group) (t groupTable, ok bool) {
	control := b.arms[g.Control]
	if control == nil {
		return t, false
	}
	key := b.key(g)
	t = groupTable{group: g.Name, control: key.strip(control)}
	figures := b.figures(g, control)
	for _, f := range figures {
		t.columns = append(t.columns, f.column)
	}
	for _, a := range b.members(g) {
		r := row{name: key.strip(a)}
		for _, f := range figures {
			c := b.comparisons[[3]string{g.Name, a.Name, f.metric}]
			if c == nil || c.Ratio == nil || a == control {
				r.cells = append(r.cells, cell{text: f.value(a)})
				continue
			}
			ok = true
			r.cells = append(r.cells, change(*c))
		}
		t.rows = append(t.rows, r)
	}
	return t, ok
}

// kindOf is the kind of run that r is of.
func kindOf(r result.Result) metric.Scope {
	switch {
	case opened(r):
		return metric.Handshake
	case ceilings(r):
		return metric.Ceiling
	}
	return metric.Load
}

// figures are the columns of g in order: what was compared first, then what
// each arm shows of its own.
func (b book) figures(g plan.Group, control *result.Arm) []measured {
	kind := kindOf(b.Result)
	if kind == metric.Ceiling {
		return b.ceilingFigures()
	}
	saturated, block := b.saturatedPoint(control)
	var first, others, full, own []measured
	for _, m := range metric.Where(func(m metric.Metric) bool { return m.In(kind) && m.Column != "" }) {
		f := measured{column{m.Column, b.pacedPoint(control)}, m.Name, func(a *result.Arm) string { return b.own(a, m) }}
		switch {
		case m.Saturated() && block:
			f.point = saturated
			full = append(full, f)
		case m.Saturated():
		case m.Primary:
			first = append(first, f)
		case b.compared(g, m.Name):
			others = append(others, f)
		case kind == metric.Load: // nothing could be compared by it
			f.metric, f.head = "", f.head+", not compared"
			own = append(own, f)
		}
	}
	all := slices.Concat(first, others, full)
	if kind == metric.Handshake {
		return append(all, b.connectionBytes())
	}
	all = append(all,
		measured{column{"bytes/RPC", "out · in"}, "",
			func(a *result.Arm) string { return both(a.SentBytes, a.ReceivedBytes, amount) }},
		measured{column{"allocations/RPC", "client · server"}, "",
			func(a *result.Arm) string { return both(a.ClientAllocs, a.ServerAllocs, amount) }})
	return append(all, own...)
}

// pacedPoint is what figures are measured at outside of saturated blocks.
func (b book) pacedPoint(control *result.Arm) string {
	switch {
	case opened(b.Result):
		return "one at a time"
	case b.Plan.Load.Loop == plan.Closed:
		return "closed, " + rate(control.Achieved) + " RPC/s"
	}
	return "at " + rate(control.Offered) + " RPC/s an arm"
}

// saturatedPoint is what they are measured at in saturated blocks. ok is false if there
// were none.
func (b book) saturatedPoint(control *result.Arm) (point string, ok bool) {
	name := metric.SaturatedAchieved
	if opened(b.Result) {
		name = metric.SaturatedHandshakes
	}
	m, _ := metric.Named(name)
	r := control.Read(m)
	return "saturated, " + rate(r.Value) + "/s", r.State == result.Known
}

// own prints an arm's own figure of a metric.
func (b book) own(a *result.Arm, m metric.Metric) string {
	r, print := a.Read(m), printer(m.Unit)
	switch {
	case m.Quantile > 0:
		return quantile(r, b.Plan.Drain)
	case m.OfServer():
		return b.ofServer(a, r.Pointer(), print)
	}
	return maybe(r.Pointer(), print)
}

// ofServer prints a figure of a's server, or why there is none: only a server
// that the run started, or one whose process was named, can be asked.
func (b book) ofServer(a *result.Arm, v *float64, print func(float64) string) string {
	external := b.Plan.Target != nil || a.Settings.Target != "" || a.Settings.ServerBinary != ""
	if v == nil && external {
		return "n/a (server not ours)"
	}
	return maybe(v, print)
}

// saturated is a's second operating point, empty if it has none.
func saturated(a *result.Arm) result.Saturated {
	if a.Saturated == nil {
		return result.Saturated{}
	}
	return *a.Saturated
}

func both(out, in *float64, print func(float64) string) string {
	if out == nil && in == nil {
		return absent
	}
	return maybe(out, print) + " · " + maybe(in, print)
}

// key is the beginning that the names of a group's arms have in common, such as
// "tls=". It is left out of the group's table.
type key string

// key finds the setting that all arms of g but the control are named by; "" if
// there is more than one.
func (b book) key(g plan.Group) key {
	var common key
	for _, a := range b.members(g) {
		if a.AA || a.Name == g.Control {
			continue
		}
		name, _, ok := strings.Cut(a.Name, "=")
		if !ok || common != "" && common != key(name+"=") {
			return ""
		}
		common = key(name + "=")
	}
	return common
}

// strip is what a is called in the table of its group.
func (k key) strip(a *result.Arm) string {
	if name := strings.TrimPrefix(a.Name, string(k)); name != "" {
		return name
	}
	return a.Name
}

// reasons says why comparisons have no estimate or no verdict, each reason once:
// the epochs are those of all arms, so most are the same for all. Not safe to
// print.
func (b book) reasons() []string {
	var order []string
	times := make(map[string]int)
	for _, c := range b.Comparisons {
		reason := c.Reason
		if reason != "" && c.Ratio == nil { // the first arm speaks for the others
			reason = c.Metric + " not compared"
		}
		if times[reason]++; reason == "" || times[reason] > 1 {
			continue
		}
		order = append(order, reason)
	}
	for i, reason := range order {
		j := slices.IndexFunc(b.Comparisons, func(c result.Comparison) bool {
			return c.Reason == reason || c.Ratio == nil && c.Reason != "" && c.Metric+" not compared" == reason
		})
		c := b.Comparisons[j]
		if c.Ratio == nil {
			order[i] = reason + ": " + c.Reason
		} else if times[reason] == 1 {
			order[i] = c.Arm + " " + c.Metric + ": " + reason
		}
	}
	return order
}

// listing is an arm by itself: one line a figure.
type listing struct {
	name  string // as in the result: not safe to print
	lines []line
}

// line is one figure of a listing; all strings are safe to print.
type line struct {
	head  string
	items []string
}

// list lays out a for a reader who compares it with nothing.
func (b book) list(a *result.Arm) listing {
	if opened(b.Result) {
		return b.listOpened(a)
	}
	rates := []string{"offered " + rate(a.Offered), "achieved " + rate(a.Achieved) + " RPC/s"}
	if b.Plan.Load.Loop == plan.Closed {
		rates = []string{"achieved " + rate(a.Achieved) + " RPC/s", fmt.Sprintf("%d callers", b.Plan.Load.Concurrency)}
	}
	l := listing{name: a.Name, lines: []line{
		{"rate", rates},
		{"latency", b.distribution(a.Latency, metric.LatencyPath)},
		{"service time", b.distribution(a.ServiceTime, "service_time_ns")},
		{"lag", b.distribution(a.Lag, "lag_ns")},
		{"CPU/RPC", []string{"client " + maybe(a.ClientCPU, duration), "server " + b.ofServer(a, a.ServerCPU, duration)}},
		{"allocations/RPC", []string{"client " + maybe(a.ClientAllocs, amount), "server " + b.ofServer(a, a.ServerAllocs, amount)}},
		{"bytes/RPC", []string{"out " + maybe(a.SentBytes, amount), "in " + maybe(a.ReceivedBytes, amount)}},
	}}
	if c := codecs(a); len(c) > 0 {
		l.lines = append(l.lines, line{"compressed", c})
	}
	if s := a.Saturated; s != nil {
		l.lines = append(l.lines, line{"saturated", []string{rate(s.Achieved) + " RPC/s",
			"CPU/RPC client " + maybe(s.ClientCPU, duration), "server " + b.ofServer(a, s.ServerCPU, duration)}})
	}
	return l
}

// codecs says what became of the messages of an arm that compresses; none if
// it does not.
func codecs(a *result.Arm) []string {
	var items []string
	switch {
	case a.Compressed > 0:
		items = []string{count(a.Compressed) + " requests to " + maybe(a.CompressionRatio, share), maybe(a.CodecCPU, duration) + " each"}
	case a.Settings.Compression.Compresses():
		items = []string{"no request: an empty message never is"}
	}
	if a.ResponseCompressed > 0 {
		items = append(items, count(a.ResponseCompressed)+" responses to "+maybe(a.ResponseCompressionRatio, share),
			maybe(a.ServerCodecCPU, duration)+" each")
	}
	return items
}

// distribution prints the quantiles that are shown of d, which is at a path.
func (b book) distribution(d result.Distribution, path string) []string {
	var items []string
	for _, q := range metric.Quantiles(path) {
		if r := d.Quantile(q); r.State != result.Absent || d.Count == 0 {
			items = append(items, metric.QuantileName(q)+" "+quantile(r, b.Plan.Drain))
		}
	}
	return append(items, "max "+longestTime(d, b.Plan.Drain))
}
