package report

import (
	"math"

	"grpcbench/internal/metric"
	"grpcbench/internal/result"
	"grpcbench/internal/svg"
	"grpcbench/internal/webpage"
)

// twoSides are the two parts of a bar and how they are told apart.
type twoSides struct {
	title, axis string
	classes     [2]string
	label       func(float64) string // of the axis
	print       func(float64) string
	parts       func(*result.Arm) [2]*float64
}

// costs are CPU, bytes and allocations, split into the two sides.
func (h htmlBook) costs() webpage.Section {
	s := webpage.Section{ID: "costs", Title: "CPU and bytes per RPC",
		Lead: "Absolute figures of this machine in this minute: they move with it, the differences above do not."}
	for _, g := range h.groupsOf() {
		b := webpage.Block{Heading: h.heading(g), Lead: h.rest(g), Keys: []webpage.Key{
			{Class: "client", Text: "client; bytes out"}, {Class: "server", Text: "server; bytes in"}}}
		for _, t := range h.twoSides(g) {
			if f, ok := h.bars(g, t); ok {
				b.Figures = append(b.Figures, f)
			}
		}
		if len(b.Figures) > 0 {
			b.Table = h.costTable(g)
			s.Blocks = append(s.Blocks, b)
		}
	}
	if ts := h.trades(); len(ts) > 0 && len(s.Blocks) > 0 {
		t := &webpage.Table{Caption: "What a compressor saves and costs, and the bandwidth below which it pays", Head: append([]string{"arm"}, tradeHead()...)}
		for _, trade := range ts[:min(len(ts), h.detail.arms)] {
			t.Rows = append(t.Rows, webpage.Row{Name: clean(trade.arm), Cells: webpage.Text(trade.cells...)})
		}
		s.Blocks = append(s.Blocks, webpage.Block{Heading: "Compression", Table: t})
	}
	return s
}

func (h htmlBook) twoSides(g groupOf) []twoSides {
	sides := [2]string{"client", "server"}
	point := " at " + rate(g.arms[0].Offered) + " RPC/s an arm"
	if h.Plan.Load.Loop != "open" {
		point = " in a closed loop"
	}
	return []twoSides{
		{"CPU per RPC" + point, "CPU time of client and server", sides, axisTime, duration,
			func(a *result.Arm) [2]*float64 { return [2]*float64{a.ClientCPU, a.ServerCPU} }},
		{"CPU per RPC, saturated", "CPU time of client and server", sides, axisTime, duration,
			func(a *result.Arm) [2]*float64 { return [2]*float64{saturated(a).ClientCPU, saturated(a).ServerCPU} }},
		{"Bytes per RPC, under TLS", "bytes out and in", [2]string{"out", "in"}, short, amount,
			func(a *result.Arm) [2]*float64 { return [2]*float64{a.SentBytes, a.ReceivedBytes} }},
		{"Allocations per RPC", "heap objects of client and server", sides, short, amount,
			func(a *result.Arm) [2]*float64 { return [2]*float64{a.ClientAllocs, a.ServerAllocs} }},
	}
}

// bars draws two sides of all arms of a group; ok is false if no arm has either.
func (h htmlBook) bars(g groupOf, t twoSides) (f webpage.Figure, ok bool) {
	plot := svg.Bars{Title: t.title + " of " + clean(g.Name), Axis: t.axis, Classes: t.classes[:], Label: t.label}
	for _, a := range h.drawn(g) {
		parts := t.parts(a)
		bar := svg.Bar{Name: clean(g.key.strip(a)), Text: both(parts[0], parts[1], t.print)}
		for _, v := range parts {
			value := math.NaN()
			if v != nil {
				value, ok = *v, true
			}
			bar.Parts = append(bar.Parts, value)
		}
		plot.Rows = append(plot.Rows, bar)
	}
	return webpage.Figure{Title: t.title, SVG: plot.Draw()}, ok
}

// costTable is the figures behind the bars in full.
func (h htmlBook) costTable(g groupOf) *webpage.Table {
	t := &webpage.Table{Caption: "CPU, bytes and allocations per RPC of " + clean(g.Name), Head: []string{"arm", "client CPU", "server CPU", "client CPU\nsaturated",
		"server CPU\nsaturated", "bytes out", "bytes in", "client\nallocations", "server\nallocations", "RPC/s\noffered", "RPC/s\nachieved", "RPC/s\nsaturated"}}
	for _, a := range h.drawn(g) {
		row := webpage.Row{Name: clean(g.key.strip(a))}
		for _, name := range []string{metric.ClientCPU, metric.ServerCPU, metric.SaturatedClientCPU, metric.SaturatedServerCPU,
			metric.SentBytes, metric.ReceivedBytes, metric.ClientAllocs, metric.ServerAllocs, metric.Offered, metric.Achieved, metric.SaturatedAchieved} {
			m, _ := metric.Named(name)
			if m.Apart { // as csv has it
				name = m.Path
			}
			row.Cells = append(row.Cells, figureCell(name, a.Read(m).Pointer(), printer(m.Unit)))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// figureCell is a number in words and in full.
func figureCell(key string, v *float64, print func(float64) string) webpage.Cell {
	c := webpage.Cell{Text: maybe(v, print)}
	if v != nil {
		c.Value, c.Key = exact(*v), key
	}
	return c
}

// connections are what opening them cost, phase by phase.
func (h htmlBook) connections() webpage.Section {
	s := webpage.Section{ID: "handshakes", Title: "Opening a connection"}
	os := openings(h.Result)
	if len(os) == 0 {
		return s
	}
	os = os[:min(len(os), 2*h.detail.arms)]
	s.Lead = "Medians of the phases, means of CPU and bytes; each choice of TLS settings once. The arms' connections were opened one at a time, before the load."
	if opened(h.Result) {
		s.Lead = "Medians of the phases, means of CPU and bytes; each choice of TLS settings once. Connections of all arms were opened one at a time, in random order."
	}
	phases := svg.Bars{Title: "Phases of opening a connection", Axis: "median time", Classes: []string{"tcp", "tls", "http2"}, Label: axisTime}
	cpu := svg.Bars{Title: "CPU of opening a connection", Axis: "mean CPU time of client and server", Classes: []string{"client", "server"}, Label: axisTime}
	bytes := svg.Bars{Title: "Bytes of opening a connection", Axis: "mean bytes out and in", Classes: []string{"out", "in"}, Label: short}
	t := &webpage.Table{Caption: "What opening a connection cost", Head: []string{"arm", "connections", "TCP", "TLS", "HTTP/2", "client CPU", "server CPU", "bytes out", "bytes in"}}
	for _, o := range os {
		name, x := clean(o.arm), o.handshake
		tcp, tls, http2 := float64(x.TCP), float64(x.TLS), float64(x.HTTP2)
		phases.Rows = append(phases.Rows, svg.Bar{Name: name, Parts: []float64{tcp, tls, http2}, Text: duration(float64(x.Total)),
			Texts: []string{duration(tcp), duration(tls), duration(http2)}})
		cpu.Rows = append(cpu.Rows, svg.Bar{Name: name, Parts: []float64{orNaN(x.ClientCPU), orNaN(x.ServerCPU)}, Text: both(x.ClientCPU, x.ServerCPU, duration)})
		bytes.Rows = append(bytes.Rows, svg.Bar{Name: name, Parts: []float64{x.SentBytes, x.ReceivedBytes}, Text: both(&x.SentBytes, &x.ReceivedBytes, amount)})
		n := float64(x.Count)
		t.Rows = append(t.Rows, webpage.Row{Name: name, Cells: []webpage.Cell{
			figureCell("count", &n, func(float64) string { return count(x.Count) }),
			figureCell("tcp_ns", &tcp, duration), figureCell("tls_ns", &tls, orDash(duration)), figureCell("http2_ns", &http2, duration),
			figureCell("client_cpu_ns", x.ClientCPU, duration), figureCell("server_cpu_ns", x.ServerCPU, duration),
			figureCell("sent_bytes", &x.SentBytes, amount), figureCell("received_bytes", &x.ReceivedBytes, amount),
		}})
	}
	s.Blocks = []webpage.Block{{
		Keys: []webpage.Key{{Class: "tcp", Text: "TCP"}, {Class: "tls", Text: "TLS"}, {Class: "http2", Text: "HTTP/2, to the server's SETTINGS"},
			{Class: "client", Text: "client; bytes out"}, {Class: "server", Text: "server; bytes in"}},
		Figures: []webpage.Figure{{Title: "Time to open a connection", SVG: phases.Draw()}, {Title: "CPU to open a connection", SVG: cpu.Draw()},
			{Title: "Bytes to open a connection", SVG: bytes.Draw()}},
		Table: t,
	}}
	if opened(h.Result) {
		s.Blocks = append(s.Blocks, h.openedBlock())
	}
	if ts := turnovers(h.Result); len(ts) > 0 {
		s.Blocks = append(s.Blocks, churnBlock(ts[:min(len(ts), h.detail.arms)]))
	}
	return s
}

// churnBlock is what became of the connections that were replaced under load.
func churnBlock(ts []turnover) webpage.Block {
	t := &webpage.Table{Caption: churnNote, Head: append([]string{"arm"}, turnoverHead()...)}
	b := webpage.Block{Heading: "Churn: connections replaced under load", Table: t}
	for _, x := range ts {
		t.Rows = append(t.Rows, webpage.Row{Name: clean(x.arm), Cells: webpage.Text(x.cells...)})
		if x.unmade != "" {
			b.List = append(b.List, "not replaced in "+clean(x.arm)+": "+clean(x.unmade))
		}
	}
	return b
}

// orDash prints a phase that there is not as a dash.
func orDash(print func(float64) string) func(float64) string {
	return func(v float64) string {
		if v == 0 {
			return "–"
		}
		return print(v)
	}
}

func orNaN(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}
