package report

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"grpcbench/internal/metric"
	"grpcbench/internal/result"
	"grpcbench/internal/svg"
	"grpcbench/internal/webpage"
)

// curveLine is one line over the loads of a ceiling.
type curveLine struct {
	name, class string
	of          func(result.Level) float64 // NaN: not known
}

// nanoseconds is a quantile as a number; NaN if it is not known.
func nanoseconds(v *int64) float64 {
	if v == nil {
		return math.NaN()
	}
	return float64(*v)
}

// latencies are the quantiles that are drawn over loads.
func latencies() []curveLine {
	return []curveLine{
		{"p50", "a1", func(l result.Level) float64 { return nanoseconds(l.Latency.P50) }},
		{"p90", "a2", func(l result.Level) float64 { return nanoseconds(l.Latency.P90) }},
		{"p99", "a0", func(l result.Level) float64 { return nanoseconds(l.Latency.P99) }},
	}
}

// curves draws what an arm of a ceiling showed at its loads: with an SLO latencies by
// the rate offered, else the rate achieved and latencies by callers.
func (h htmlBook) curves(a *result.Arm) (figures []webpage.Figure, keys []webpage.Key) {
	levels := slices.SortedFunc(slices.Values(a.Levels), func(x, y result.Level) int { return cmp.Compare(load(x), load(y)) })
	if len(levels) < 2 {
		return nil, nil
	}
	slo := len(h.Plan.Ceiling.SLO) > 0
	what := "latency"
	if !slo {
		what = "service time"
		achieved := curveLine{"RPC/s achieved", "a0", func(l result.Level) float64 { return l.Achieved }}
		if f, ok := h.curve(a, levels, "Rate achieved", []curveLine{achieved}); ok {
			figures = append(figures, f)
		}
	}
	if f, ok := h.curve(a, levels, strings.ToUpper(what[:1])+what[1:], latencies()); ok {
		figures = append(figures, f)
		for _, l := range latencies() {
			keys = append(keys, webpage.Key{Class: "line " + l.class, Text: what + " " + l.name})
		}
	}
	if len(figures) > 0 && slo && band(a) != nil {
		keys = append(keys, webpage.Key{Class: "around", Text: "the ceiling with its 95 % interval"})
	}
	return figures, keys
}

// load is what a level was measured at: callers, or RPC/s.
func load(l result.Level) float64 {
	if l.Callers > 0 {
		return float64(l.Callers)
	}
	return l.Rate
}

// curve draws lines over loads, which rise; ok is false if nothing is known.
func (h htmlBook) curve(a *result.Arm, levels []result.Level, title string, lines []curveLine) (f webpage.Figure, ok bool) {
	of := clean(a.Name)
	times := len(lines) > 1
	data := &webpage.Data{Unit: "rpc/s"}
	if times {
		data.Unit = "ns"
	}
	plot := svg.Lines{XAxis: h.loads(levels)}
	for _, l := range levels {
		plot.X, data.Labels = append(plot.X, load(l)), append(data.Labels, h.loadName(l))
	}
	low, high := math.Inf(1), 0.0
	for _, line := range lines {
		var y []float64
		for _, l := range levels {
			v := line.of(l)
			if v > 0 {
				low, high = min(low, v), max(high, v)
			}
			y = append(y, v)
		}
		plot.Lines = append(plot.Lines, svg.Line{Class: line.class, Y: y})
		data.Names, data.Class, data.Values = append(data.Names, line.name), append(data.Class, line.class), append(data.Values, known(y))
	}
	if !(high > 0) || math.IsInf(high, 0) {
		return f, false
	}
	plot.Title = title + " of " + of + " by " + plot.XAxis.Title
	if times {
		plot.Limits = h.latencyLimits()
		for _, t := range plot.Limits {
			low, high = min(low, t.At), max(high, t.At)
		}
		plot.YAxis = svg.Ticked(strings.ToLower(title), svg.Log(max(1, low*0.8), high*1.25), 6, axisTime)
		if b := band(a); b != nil {
			plot.Bands = []svg.Band{*b}
		}
	} else {
		plot.YAxis = svg.Ticked("RPC/s achieved", svg.Linear(0, svg.Above(high)), 6, axisRate)
	}
	f = webpage.Figure{Title: plot.Title, Data: data}
	f.SVG, data.Places = plot.Draw()
	return f, true
}

// loads is the axis of what the levels were measured at.
func (h htmlBook) loads(levels []result.Level) svg.Axis {
	first, last := load(levels[0]), load(levels[len(levels)-1])
	if len(h.Plan.Ceiling.SLO) > 0 {
		return svg.Ticked("RPC/s offered", svg.Linear(0, last*1.02), 6, axisRate)
	}
	axis := svg.Axis{Title: "callers", Scale: svg.Log(first, last)}
	for _, l := range levels {
		axis.Ticks = append(axis.Ticks, svg.Tick{At: load(l), Label: strconv.Itoa(l.Callers)})
	}
	return axis
}

// axisRate prints a round rate.
func axisRate(v float64) string {
	if v == 0 {
		return "0"
	}
	return rate(v)
}

func (h htmlBook) loadName(l result.Level) string {
	switch {
	case l.Callers == 1:
		return "1 caller"
	case l.Callers > 1:
		return strconv.Itoa(l.Callers) + " callers"
	}
	return rate(l.Rate) + " RPC/s"
}

// latencyLimits are the limits of the SLO on what is drawn.
func (h htmlBook) latencyLimits() (limits []svg.Tick) {
	for _, t := range h.Plan.Ceiling.SLO {
		if slices.ContainsFunc(latencies(), func(l curveLine) bool { return t.Metric == metric.OfLatency(l.name) }) && t.Value > 0 {
			limits = append(limits, svg.Tick{At: t.Value, Label: clean(t.String())})
		}
	}
	return limits
}

// band is where an arm's ceiling is among rates; nil if that is not known, or if it is one
// of callers.
func band(a *result.Arm) *svg.Band {
	if a.Ceiling == nil || a.Ceiling.Outcome != result.Reached || a.Ceiling.Rate == nil || a.Ceiling.Callers > 0 {
		return nil
	}
	e := a.Ceiling.Rate
	b := svg.Band{From: e.Value, At: e.Value, To: e.Value}
	if e.Low != nil {
		b.From = *e.Low
	}
	if e.High != nil {
		b.To = *e.High
	}
	return &b
}
