package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"grpcbench/internal/result"
	"grpcbench/internal/svg"
	"grpcbench/internal/webpage"
)

// perSecond is one figure of the seconds of windows.
type perSecond struct {
	title, axis, unit string
	worst             func([]float64) float64 // of several seconds
	value             func(w result.Window, length float64) float64
	// only says that it is not drawn if it is zero throughout; the sentence then
	// says so.
	only string
}

func (h htmlBook) perSecond() []perSecond {
	largest := func(v []float64) float64 { return slices.Max(v) }
	smallest := func(v []float64) float64 { return slices.Min(v) }
	ns := func(v *int64) float64 {
		if v == nil {
			return math.NaN()
		}
		return float64(*v)
	}
	per := func(v *int64, length float64) float64 { return ns(v) / length }
	return []perSecond{
		{"p50 latency", "p50 of the second", "ns", largest, func(w result.Window, _ float64) float64 { return ns(w.P50) }, ""},
		{"p99 latency", "p99 of the second", "ns", largest, func(w result.Window, _ float64) float64 { return ns(w.P99) }, ""},
		{"rate achieved", "RPC/s that were ok", "rpc/s", smallest, func(w result.Window, s float64) float64 { return float64(w.OK) / s }, ""},
		{"lag of the generator", "p99 of the second", "ns", largest, func(w result.Window, _ float64) float64 { return ns(w.LagP99) }, ""},
		{"failures", "RPC/s that failed", "rpc/s", largest, func(w result.Window, s float64) float64 { return per(w.Failed, s) }, "no RPC failed"},
		{"drops", "RPC/s that were not started", "rpc/s", largest, func(w result.Window, s float64) float64 { return per(w.NotStarted, s) }, "every RPC was started"},
	}
}

// seconds are the windows, second by second.
func (h htmlBook) seconds() webpage.Section {
	s := webpage.Section{ID: "seconds", Title: "Second by second"}
	if h.detail.points == 0 {
		s.Blocks = []webpage.Block{{Lead: "Left out: a page holds so much. The stored result has every second."}}
		return s
	}
	for _, g := range h.groupsOf() {
		t := h.timeline(g)
		if len(t.labels) == 0 {
			continue
		}
		b := webpage.Block{Heading: h.heading(g), Lead: h.rest(g), Keys: h.keys(g)}
		var quiet []string
		for _, m := range h.perSecond() {
			f, ok := h.series(g, t, m)
			if ok {
				b.Figures = append(b.Figures, f)
			} else if m.only != "" && t.told {
				quiet = append(quiet, m.only)
			}
		}
		if len(quiet) > 0 {
			b.Notes = []webpage.Note{{Head: "In every second", Text: joinWords(quiet) + "."}}
		}
		s.Blocks = append(s.Blocks, b)
		if t.step > 1 {
			s.Lead = fmt.Sprintf("Each point stands for up to %d seconds and shows the worst of them: the highest latency, lag, failures and drops, the lowest rate. The figures elsewhere are of all seconds.", t.step)
		}
	}
	if s.Lead == "" {
		s.Lead = "One point a second, by the time at which RPCs were due; epochs stand behind each other."
	}
	return s
}

func joinWords(words []string) string {
	if len(words) < 2 {
		return words[0]
	}
	return words[0] + ", and " + words[1]
}

// timeline is the horizontal axis that the series of a group have in common: the
// seconds of the control's windows, some of them together if there are many.
type timeline struct {
	step   int     // seconds a point
	index  [][]int // of each arm, its windows by place on the axis; −1: none
	labels []string
	breaks []int
	x      []float64
	axis   svg.Axis
	told   bool // failures and drops are known of every second
}

// instant is a second of a window.
type instant struct {
	epoch int
	start int64
}

func (h htmlBook) timeline(g groupOf) timeline {
	arms := h.drawn(g)
	seen := make(map[instant]bool)
	var all []instant
	t := timeline{told: true}
	for _, a := range arms {
		for _, w := range a.Windows {
			t.told = t.told && w.Failed != nil && w.NotStarted != nil
			if at := (instant{w.Epoch, w.Start}); !seen[at] {
				seen[at] = true
				all = append(all, at)
			}
		}
	}
	slices.SortFunc(all, func(a, b instant) int {
		if a.epoch != b.epoch {
			return a.epoch - b.epoch
		}
		return int(max(-1, min(1, a.start-b.start)))
	})
	places := make(map[instant]int)
	for i, at := range all {
		places[at] = i
	}
	for _, a := range arms {
		row := slices.Repeat([]int{-1}, len(all))
		for i, w := range a.Windows {
			row[places[instant{w.Epoch, w.Start}]] = i
		}
		t.index = append(t.index, row)
	}
	h.divide(&t, all, len(arms))
	return t
}

// divide puts as many seconds into a point as the page has room for, and marks
// where epochs begin.
func (h htmlBook) divide(t *timeline, all []instant, arms int) {
	most := max(h.detail.points/max(arms, 1), 20)
	t.step = max(1, (len(all)+most-1)/most)
	epochs, last := 0, -1
	for i := 0; i < len(all); i += t.step {
		if all[i].epoch != last {
			epochs++
			last = all[i].epoch
		}
	}
	points := (len(all) + t.step - 1) / t.step
	apart := points >= 3*epochs && epochs <= 60 // else lines would be dots
	each := (epochs + 39) / 40
	last = -1
	n := 0
	for i := 0; i < len(all); i += t.step {
		k := len(t.labels)
		label := fmt.Sprintf("epoch %d, second %d", all[i].epoch+1, all[i].start/int64(time.Second)+1)
		if t.step > 1 {
			label += " and on"
		}
		t.labels, t.x = append(t.labels, label), append(t.x, float64(k))
		if all[i].epoch != last {
			last = all[i].epoch
			if apart && k > 0 {
				t.breaks = append(t.breaks, k)
			}
			if n%each == 0 {
				t.axis.Ticks = append(t.axis.Ticks, svg.Tick{At: float64(k), Label: strconv.Itoa(last + 1)})
			}
			n++
		}
	}
	t.axis.Title, t.axis.Scale = "epoch; one point a second", svg.Linear(-0.3, float64(len(t.labels))-0.7)
	if t.step > 1 {
		t.axis.Title = fmt.Sprintf("epoch; one point for %d seconds", t.step)
	}
}

// series draws one figure of the seconds of g. ok is false if there is nothing to
// draw.
func (h htmlBook) series(g groupOf, t timeline, m perSecond) (f webpage.Figure, ok bool) {
	plot := svg.Lines{Title: m.title + " of " + clean(g.Name) + ", second by second", X: t.x, Breaks: t.breaks, XAxis: t.axis}
	data := &webpage.Data{Unit: m.unit, Labels: t.labels}
	high := 0.0
	for i, a := range h.drawn(g) {
		y := make([]float64, len(t.x))
		for k := range y {
			y[k] = h.point(a, t.index[i][k*t.step:min((k+1)*t.step, len(t.index[i]))], m)
			if !math.IsNaN(y[k]) {
				high = max(high, y[k])
			}
		}
		plot.Lines = append(plot.Lines, svg.Line{Class: g.class(i), Y: y})
		data.Names, data.Class = append(data.Names, g.name(i)), append(data.Class, g.class(i))
		data.Values = append(data.Values, known(y))
	}
	if high == 0 {
		return f, false
	}
	label := func(v float64) string { return axisTime(v) }
	if m.unit != "ns" {
		label = short
	}
	plot.YAxis = svg.Ticked(m.axis, svg.Linear(0, svg.Above(high)), 5, label)
	f = webpage.Figure{Title: m.title, Data: data}
	f.SVG, data.Places = plot.Draw()
	return f, true
}

// point is the worst of some windows of a; NaN if there is none.
func (h htmlBook) point(a *result.Arm, windows []int, m perSecond) float64 {
	var values []float64
	for _, i := range windows {
		if i < 0 {
			continue
		}
		w := a.Windows[i]
		length := min(time.Second, h.Plan.Window-time.Duration(w.Start)).Seconds()
		if !(length > 0) {
			length = 1
		}
		if v := m.value(w, length); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return math.NaN()
	}
	return m.worst(values)
}
