package report

import (
	"fmt"
	"strings"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// groupTable is a group of arms against its control: one row an arm, the control
// first, one column a figure.
type groupTable struct {
	group, control string // as in the result: not safe to print
	columns        []column
	rows           []row
	notes          []note
}

// column is the head of a figure and the operating point it was measured at.
type column struct{ head, point string }

// row is one arm; name is as in the result: not safe to print.
type row struct {
	name  string
	cells []cell
}

// note says why something is missing from a table; neither string is safe to
// print.
type note struct{ about, text string }

func (n note) String() string {
	if n.about == "" {
		return n.text
	}
	return n.about + ": " + n.text
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
	t = groupTable{group: g.Name, control: g.Control}
	figures := b.figures(g, control)
	for _, f := range figures {
		t.columns = append(t.columns, f.column)
	}
	for _, a := range b.members(g) {
		r := row{name: label(g, a)}
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
	t.notes = b.reasons(g)
	return t, ok
}

// figures are the columns of g in order: what was compared first, then what
// each arm shows of its own.
func (b book) figures(g plan.Group, control *result.Arm) []measured {
	paced := "at " + rate(control.Offered) + " RPC/s"
	if b.Plan.Load.Loop == "closed" {
		paced = "closed, " + rate(control.Achieved) + " RPC/s"
	}
	p90, p99 := b.latency("p90", 0.90, paced), b.latency("p99", 0.99, paced)
	fs := []measured{
		b.latency("p50", 0.50, paced),
		{column{"client CPU/RPC", paced}, "client_cpu_ns_per_rpc",
			func(a *result.Arm) string { return maybe(a.ClientCPU, duration) }},
		{column{"server CPU/RPC", paced}, "server_cpu_ns_per_rpc",
			func(a *result.Arm) string { return b.serverCPU(a, a.ServerCPU) }},
	}
	var own []measured // quantiles that nothing could be compared by
	for _, f := range []measured{p90, p99} {
		if b.compared(g, f.metric) {
			fs = append(fs, f)
			continue
		}
		f.metric, f.head = "", f.head+", not compared"
		own = append(own, f)
	}
	if s := control.Saturated; s != nil {
		point := "saturated, " + rate(s.Achieved) + "/s"
		fs = append(fs,
			measured{column{"client CPU/RPC", point}, "saturated_client_cpu_ns_per_rpc",
				func(a *result.Arm) string { return maybe(saturated(a).ClientCPU, duration) }},
			measured{column{"server CPU/RPC", point}, "saturated_server_cpu_ns_per_rpc",
				func(a *result.Arm) string { return b.serverCPU(a, saturated(a).ServerCPU) }})
	}
	fs = append(fs,
		measured{column{"bytes/RPC", "out · in"}, "",
			func(a *result.Arm) string { return both(a.SentBytes, a.ReceivedBytes, amount) }},
		measured{column{"allocations/RPC", "client · server"}, "",
			func(a *result.Arm) string { return both(a.ClientAllocs, a.ServerAllocs, amount) }})
	return append(fs, own...)
}

func (b book) latency(name string, q float64, point string) measured {
	return measured{column{name, point}, "latency_" + name, func(a *result.Arm) string {
		d := a.Latency
		ns := map[string]*int64{"p50": d.P50, "p90": d.P90, "p99": d.P99}[name]
		return quantile(d, q, ns, b.Plan.Drain)
	}}
}

// serverCPU prints the CPU of a's server, or why there is none: only a server
// that the run started, or one whose process was named, can be asked.
func (b book) serverCPU(a *result.Arm, ns *float64) string {
	external := b.Plan.Target != nil || a.Settings.Target != ""
	if ns == nil && external {
		return "n/a (server not ours)"
	}
	return maybe(ns, duration)
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

// label is what a is called in the table of g: without the part of its name that
// the group's name says already ("1.3" for tls=1.3 in the group tls).
func label(g plan.Group, a *result.Arm) string {
	if a.AA {
		return "A/A"
	}
	if key, value, ok := strings.Cut(a.Name, "="); ok && value != "" && strings.EqualFold(key, g.Name) {
		return value
	}
	return a.Name
}

// reasons says why comparisons of g have no estimate or no verdict, each reason
// once: the epochs are those of all arms, so most are the same for all.
func (b book) reasons(g plan.Group) []note {
	var notes []note
	seen := make(map[string]bool)
	for _, c := range b.Comparisons {
		if c.Group != g.Name || c.Reason == "" {
			continue
		}
		n := note{text: c.Reason}
		if c.Ratio == nil {
			n.about = strings.TrimPrefix(c.Metric, "latency_") + " not compared"
			if seen[n.about] { // the first arm speaks for the others
				continue
			}
			seen[n.about] = true
		}
		if !seen[n.text] {
			seen[n.text] = true
			notes = append(notes, n)
		}
	}
	return notes
}

// listing is an arm by itself: one line a figure.
type listing struct {
	name  string // as in the result: not safe to print
	lines []line
}

// line is one figure of a listing; both strings are safe to print.
type line struct{ head, text string }

// list lays out a for a reader who compares it with nothing.
func (b book) list(a *result.Arm) listing {
	offered := "offered " + rate(a.Offered) + " · achieved " + rate(a.Achieved) + " RPC/s"
	if b.Plan.Load.Loop == "closed" {
		offered = fmt.Sprintf("achieved %s RPC/s by %d callers", rate(a.Achieved), b.Plan.Load.Concurrency)
	}
	l := listing{name: a.Name, lines: []line{
		{"rate", offered},
		{"latency", b.distribution(a.Latency)},
		{"service time", b.distribution(a.ServiceTime)},
		{"lag", b.distribution(a.Lag)},
		{"CPU/RPC", "client " + maybe(a.ClientCPU, duration) + " · server " + b.serverCPU(a, a.ServerCPU)},
		{"allocations/RPC", "client " + maybe(a.ClientAllocs, amount) + " · server " + maybe(a.ServerAllocs, amount)},
		{"bytes/RPC", "out " + maybe(a.SentBytes, amount) + " · in " + maybe(a.ReceivedBytes, amount)},
	}}
	if s := a.Saturated; s != nil {
		l.lines = append(l.lines, line{"saturated", rate(s.Achieved) + " RPC/s · CPU/RPC client " +
			maybe(s.ClientCPU, duration) + " · server " + b.serverCPU(a, s.ServerCPU)})
	}
	return l
}

func (b book) distribution(d result.Distribution) string {
	drain := b.Plan.Drain
	return strings.Join([]string{
		"p50 " + quantile(d, 0.5, d.P50, drain),
		"p90 " + quantile(d, 0.9, d.P90, drain),
		"p99 " + quantile(d, 0.99, d.P99, drain),
		"p999 " + quantile(d, 0.999, d.P999, drain),
		"max " + longestTime(d, drain),
	}, " · ")
}
