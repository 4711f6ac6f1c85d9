package svg

import "math"

// Moment is one point of a Course; NaN as Value is a gap, as Low or High no interval.
type Moment struct{ Value, Low, High float64 }

// Level is a stretch of a Course, from one moment to another, about one value.
type Level struct {
	From, To int // indices of moments, both of it
	Value    float64
}

// Course draws one figure from run to run: values with their intervals, at even
// distances, and where its level changed.
type Course struct {
	Title         string // what a screen reader says
	Moments       []Moment
	Levels        []Level // with a mark where one begins behind another
	XAxis, YAxis  Axis
	Width, Height float64 // of the drawing; 0: 520 by 220
}

// Draw returns the drawing and where its values lie.
func (c Course) Draw() (Drawing, Places) {
	if c.Width == 0 {
		c.Width, c.Height = 520, 220
	}
	var out canvas
	out.begin(c.Width, c.Height, "course", c.Title)
	f := Lines{YAxis: c.YAxis, Width: c.Width, Height: c.Height}.frame()
	x, y := c.XAxis.Scale.over(f.left, f.right), c.YAxis.Scale.over(f.bottom, f.top)
	out.beside(f, c.YAxis)
	out.below(f, c.XAxis)
	for i, l := range c.Levels {
		if i > 0 {
			at := x.at(float64(l.From) - 0.5)
			out.line("change", at, f.top, at, f.bottom)
			out.text("changed middle", at, f.top-4, "◆")
		}
	}
	for i, m := range c.Moments {
		if at := x.at(float64(i)); drawable(m.Value) && drawable(m.Low) && drawable(m.High) {
			out.line("spread", at, y.at(m.Low), at, y.at(m.High))
		}
	}
	for _, l := range c.Levels {
		out.line("level", x.at(float64(l.From)-0.4), y.at(l.Value), x.at(float64(l.To)+0.4), y.at(l.Value))
	}
	p := Places{Low: y.low, Top: y.high, Y: [2]float64{y.from, y.to}}
	for i, m := range c.Moments {
		at := x.at(float64(i))
		p.X = append(p.X, math.Round(10*at)/10)
		if drawable(m.Value) {
			out.element("circle", "moment", "cx cy r", at, y.at(m.Value), 2.4)
		}
	}
	return out.end(), p
}

func drawable(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
