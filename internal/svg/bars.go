package svg

import "math"

// Bar is one row of Bars.
type Bar struct {
	Name  string
	Parts []float64 // from the left; NaN: not known, and nothing is drawn
	Texts []string  // of the parts, drawn where they fit
	Text  string    // of the whole, at the right
}

// Bars draws values made of parts as stacked bars, a row each, from zero.
type Bars struct {
	Title   string   // what a screen reader says
	Axis    string   // with the unit, unless the labels have it
	Classes []string // of the parts
	Label   func(float64) string
	Rows    []Bar
}

// Draw returns the drawing.
func (b Bars) Draw() Drawing {
	var c canvas
	const top, bottom, right = 4.0, 38.0, 400.0
	height := top + forestRow*float64(len(b.Rows)) + bottom
	c.begin(forestWidth, height, "bars", b.Title)
	most := 0.0
	for _, r := range b.Rows {
		most = max(most, r.sum())
	}
	area := frame{forestLeft, right, top, height - bottom}
	scale := Linear(0, Above(most))
	c.below(area, Ticked(b.Axis, scale, 4, b.Label))
	s := scale.over(area.left, area.right)
	for i, r := range b.Rows {
		y := top + forestRow*(float64(i)+0.5)
		c.name("name", 2, y+4, forestLeft-10, r.Name)
		from := 0.0
		for k, v := range r.Parts {
			if math.IsNaN(v) || math.IsInf(v, 0) || v <= 0 {
				continue
			}
			x, to := s.at(from), s.at(from+v)
			c.rect("part "+b.Classes[k], x, y-8, to-x, 16)
			if k < len(r.Texts) && width(r.Texts[k])+8 <= to-x {
				c.text("inside middle", (x+to)/2, y+4, r.Texts[k])
			}
			from += v
		}
		c.name("value", right+8, y+4, forestWidth-right-10, r.Text)
	}
	c.line("axis", area.left, area.top, area.left, area.bottom)
	return c.end()
}

func (b Bar) sum() float64 {
	total := 0.0
	for _, v := range b.Parts {
		if !math.IsNaN(v) && !math.IsInf(v, 0) && v > 0 {
			total += v
		}
	}
	return total
}
