package svg

import (
	"math"
	"slices"
	"strconv"
)

// Kind is what an estimate says, and how it is drawn.
type Kind string

// Kinds of estimates.
const (
	Higher  Kind = "higher"  // a verdict
	Lower   Kind = "lower"   // a verdict
	Same    Kind = "same"    // a verdict
	Unsure  Kind = "unsure"  // no verdict
	Control Kind = "control" // what the others are held against
	Missing Kind = "missing" // nothing to be drawn
)

// Estimate is one row of a forest plot.
type Estimate struct {
	Name      string
	Kind      Kind
	Ratio     float64 // to what it is held against; drawn unless the kind is Control or Missing
	Low, High float64 // its interval; 0: none
	Delta     float64 // relative change that counts as none; 0: not said
	Seen      float64 // relative change that could have been seen, 0.03 is 3 %; 0: not known
	Text      string  // the same in words
	SeenText  string
}

// Forest draws estimates of ratios with their intervals, a row each, about the line
// of no difference.
type Forest struct {
	Title string // what a screen reader says
	Axis  string // what is drawn, with the unit: change against …, %
	Rows  []Estimate
}

// The places of a forest plot, in its own units.
const (
	forestWidth  = 520.0
	forestLeft   = 118.0
	forestRight  = 322.0
	forestText   = 332.0
	forestRow    = 22.0
	forestHead   = 20.0
	forestBottom = 38.0
)

// Draw returns the drawing.
func (f Forest) Draw() Drawing {
	var c canvas
	height := forestHead + forestRow*float64(len(f.Rows)) + forestBottom
	c.begin(forestWidth, height, "forest", f.Title)
	area := frame{forestLeft, forestRight, forestHead, height - forestBottom}
	axis := f.axis()
	s := axis.Scale.over(area.left, area.right)
	for i, r := range f.Rows {
		if delta := f.delta(r); delta > 0 {
			c.rect("band", s.at(1-delta), area.top+forestRow*float64(i), s.at(1+delta)-s.at(1-delta), forestRow)
		}
	}
	c.below(area, axis)
	c.line("zero", s.at(1), area.top, s.at(1), area.bottom)
	c.text("tick", forestText, 13, "[95 % interval]")
	if slices.ContainsFunc(f.Rows, func(r Estimate) bool { return r.SeenText != "" }) {
		c.text("tick end", forestWidth-2, 13, "could see")
	}
	for i, r := range f.Rows {
		c.estimate(r, s, forestHead+forestRow*(float64(i)+0.5))
	}
	return c.end()
}

// delta is the band of a row; the control's is that of the others.
func (f Forest) delta(r Estimate) float64 {
	if r.Kind == Control && len(f.Rows) > 1 {
		return f.Rows[1].Delta
	}
	return r.Delta
}

// estimate draws a row about y.
func (c *canvas) estimate(r Estimate, s Scale, y float64) {
	c.name("name", 2, y+4, forestLeft-10, r.Name)
	c.name("value "+string(r.Kind), forestText, y+4, forestWidth-forestText-50, r.Text)
	c.text("tick end", forestWidth-2, y+4, r.SeenText)
	switch r.Kind {
	case Missing:
		return
	case Control:
		x := s.at(1)
		c.out.WriteString(`<path class="dot control" d="M` + number(x) + " " + number(y-5) + `l5 5l-5 5l-5-5z"/>`)
		return
	}
	if r.Seen > 0 {
		c.rect("seen", s.at(1-r.Seen), y-5, s.at(1+r.Seen)-s.at(1-r.Seen), 10)
	}
	if r.Low > 0 && r.High > 0 {
		c.line("interval "+string(r.Kind), s.at(r.Low), y, s.at(r.High), y)
		c.cut(r, s, y)
	}
	c.element("circle", "dot "+string(r.Kind), "cx cy r", s.at(r.Ratio), y, 4)
}

// cut marks the ends of an interval that lie outside of the axis.
func (c *canvas) cut(r Estimate, s Scale, y float64) {
	for _, end := range []struct {
		beyond  bool
		x, step float64
	}{{r.High > s.high, s.to, 5}, {r.Low < s.low, s.from, -5}} {
		if end.beyond {
			c.out.WriteString(`<path class="dot ` + string(r.Kind) + `" d="M` + number(end.x) + " " + number(y-4) + "v8l" + number(end.step) + `-4z"/>`)
		}
	}
}

// axis covers all estimates and their intervals, but lets no single interval that
// is several times as wide as all else take the room of the others.
func (f Forest) axis() Axis {
	low, high := 1.0, 1.0
	for _, r := range f.Rows {
		low, high = min(low, 1-1.5*r.Delta), max(high, 1+1.5*r.Delta)
		if r.drawn() {
			low, high = min(low, r.Ratio), max(high, r.Ratio)
		}
	}
	reach := 4 * (high - low)
	least, most := low, high
	for _, r := range f.Rows {
		if r.drawn() && r.Low > 0 && r.High > 0 {
			least, most = min(least, max(r.Low, low-reach)), max(most, min(r.High, high+reach))
		}
	}
	if most > 5 || least < 0.05 {
		s := Log(max(least, 1e-6)/1.05, most*1.05)
		return Ticked(f.Axis, s, 5, func(v float64) string { return "×" + strconv.FormatFloat(v, 'g', 3, 64) })
	}
	margin := 0.04 * (most - least)
	if margin == 0 {
		margin = 0.01
	}
	return Ticked(f.Axis, Linear(least-margin, most+margin), 5, func(v float64) string {
		// Ticks lie at round ratios, so at round percents.
		p := math.Round(1e4*(v-1)) / 100
		if p > 0 {
			return "+" + strconv.FormatFloat(p, 'f', -1, 64)
		}
		return strconv.FormatFloat(p, 'f', -1, 64)
	})
}

func (r Estimate) drawn() bool {
	return r.Kind != Control && r.Kind != Missing && r.Ratio > 0 && !math.IsInf(r.Ratio, 0)
}
