package report

import (
	"math"
	"strconv"
	"strings"

	"grpcbench/internal/hist"
	"grpcbench/internal/metric"
	"grpcbench/internal/result"
	"grpcbench/internal/svg"
	"grpcbench/internal/webpage"
)

// latencies are whole distributions, each arm of a group over the others.
func (h htmlBook) latencies() webpage.Section {
	s := webpage.Section{ID: "latency", Title: "Latency, quantile by quantile",
		Lead: "From the moment an RPC was due until its answer. Each further nine is equally long, as HdrHistogram draws it. " +
			"RPCs that failed or were never sent rank above all others; where a line ends before the right edge, they begin. Dotted: fewer than 10 RPCs above."}
	for _, g := range h.groupsOf() {
		if f, ok := h.spectrum(g); ok {
			s.Blocks = append(s.Blocks, webpage.Block{Lead: h.rest(g), Wide: true, Figures: []webpage.Figure{f}, Table: h.quantiles(g)})
		}
	}
	return s
}

// spectrumGrid is the quantiles at which a spectrum of n RPCs is drawn: equally far apart on
// its axis, up to the one that only the largest lies above.
func spectrumGrid(n int64) []float64 {
	const perHalving = 10
	var qs []float64
	for k := range 64 * perHalving {
		q := 1 - math.Exp2(-float64(k)/perHalving)
		if q > 1-1/float64(n) {
			break
		}
		qs = append(qs, q)
	}
	return append(qs, 1-0.5/float64(n)) // the rank of the largest
}

// spectrum draws the latencies of a group. ok is false if there is none.
func (h htmlBook) spectrum(g groupOf) (f webpage.Figure, ok bool) {
	var most int64
	for _, a := range h.drawn(g) {
		most = max(most, a.Latency.Count)
	}
	if most < 2 {
		return f, false
	}
	qs := spectrumGrid(most)
	plot := svg.Lines{Title: "Latency by quantile of " + clean(g.Name), X: qs, Width: 860, Height: 360,
		XAxis: svg.Ticked("quantile: share of all RPCs that were at least as fast", svg.Tail(qs[len(qs)-1]), 0, percentile)}
	data := &webpage.Data{Unit: "ns"}
	for _, q := range qs {
		data.Labels = append(data.Labels, percentile(q))
	}
	low, high := math.Inf(1), 0.0
	for i, a := range h.drawn(g) {
		line := svg.Line{Class: g.class(i), Y: curve(a.Latency, qs)}
		for k, v := range line.Y {
			if !math.IsNaN(v) {
				low, high = min(low, v), max(high, v)
			}
			if line.Few == 0 && a.Latency.Count-hist.Rank(qs[k], a.Latency.Count) < result.MinAbove {
				line.Few = max(k, 1)
			}
		}
		plot.Lines = append(plot.Lines, line)
		data.Names, data.Class = append(data.Names, g.name(i)), append(data.Class, g.class(i))
		data.Values = append(data.Values, known(line.Y))
	}
	if high == 0 {
		return f, false
	}
	label := func(v float64) string { return axisTime(v) }
	logarithmic, linear := plot, plot
	logarithmic.YAxis = svg.Ticked("latency", svg.Log(max(1, low*0.9), high*1.1), 9, label)
	linear.YAxis = svg.Ticked("latency", svg.Linear(0, svg.Above(high)), 6, label)
	f = webpage.Figure{Title: "Latency of " + clean(g.Name), Data: data, Choice: [2]string{"logarithmic", "linear"}}
	f.SVG, data.Places = logarithmic.Draw()
	other, places := linear.Draw()
	f.Other, f.OtherPlaces = other, &places
	return f, true
}

// curve is the latency of an arm at each quantile; NaN where it lies among the RPCs
// without one, or where the histogram cannot be read.
func curve(d result.Distribution, qs []float64) []float64 {
	values := make([]float64, len(qs))
	for i := range values {
		values[i] = math.NaN()
	}
	histogram, err := d.Histogram()
	if err != nil {
		return values
	}
	for i, v := range histogram.Quantiles(qs, d.Count) {
		values[i] = float64(v)
	}
	return values
}

// known turns what is not known into null.
func known(values []float64) []*float64 {
	all := make([]*float64, len(values))
	for i, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			all[i] = &v
		}
	}
	return all
}

// percentile prints a quantile in percent with as many nines as it needs.
func percentile(q float64) string {
	digits := 1
	for tail := 0.1; tail > 1-q && digits < 12; tail /= 10 {
		digits++
	}
	s := strconv.FormatFloat(100*q, 'f', max(digits-1, 1), 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") + " %"
}

// axisTime prints a round time.
func axisTime(ns float64) string {
	switch {
	case ns == 0:
		return "0"
	case ns >= 0.9995e9:
		return short(ns/1e9) + " s"
	case ns >= 0.9995e6:
		return short(ns/1e6) + " ms"
	case ns >= 0.9995e3:
		return short(ns/1e3) + " µs"
	}
	return short(ns) + " ns"
}

// quantiles is the table below a spectrum, and the key to its colors.
func (h htmlBook) quantiles(g groupOf) *webpage.Table {
	t := &webpage.Table{Caption: "Latency of " + clean(g.Name) + ", all epochs together", Head: []string{"arm", "RPCs"}}
	quantiles := metric.Quantiles(metric.LatencyPath)
	for _, q := range quantiles {
		t.Head = append(t.Head, metric.Percentile(q))
	}
	t.Head = append(t.Head, "max", "mean")
	for i, a := range h.drawn(g) {
		d := a.Latency
		row := webpage.Row{Class: g.class(i), Name: g.name(i), Cells: []webpage.Cell{{Text: count(d.Count), Value: strconv.FormatInt(d.Count, 10), Key: "count"}}}
		for _, q := range quantiles {
			r := d.Quantile(q)
			cell := webpage.Cell{Text: quantile(r, h.Plan.Drain), Key: metric.QuantileName(q)}
			if r.State == result.Known {
				cell.Value = exactTime(new(int64(r.Value)))
			}
			row.Cells = append(row.Cells, cell)
		}
		row.Cells = append(row.Cells, webpage.Cell{Text: longestTime(d, h.Plan.Drain), Value: exactTime(d.Max), Key: "max"})
		mean := webpage.Cell{Text: maybe(d.Mean, duration)}
		if d.Mean != nil {
			mean.Value, mean.Key = exact(*d.Mean), "mean"
		}
		t.Rows = append(t.Rows, webpage.Row{Class: row.Class, Name: row.Name, Cells: append(row.Cells, mean)})
	}
	return t
}

// exactTime prints a time in nanoseconds; "" if there is none.
func exactTime(ns *int64) string {
	if ns == nil {
		return ""
	}
	return strconv.FormatInt(*ns, 10)
}
