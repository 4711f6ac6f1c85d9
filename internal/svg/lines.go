package svg

import (
	"math"
	"strings"
)

// Line is one line of Lines.
type Line struct {
	Class string    // of the page: its color
	Y     []float64 // beside Lines.X; NaN: nothing is known there, and the line is broken
	// Few is the index from which on little is known: the line is dotted from there.
	// 0: nowhere.
	Few int
}

// Lines draws lines over a common horizontal axis, the first one on top.
type Lines struct {
	Title         string    // what a screen reader says
	X             []float64 // rising
	Breaks        []int     // indices in X, rising, that begin a new stretch
	XAxis, YAxis  Axis
	Lines         []Line
	Bands         []Band
	Limits        []Tick  // vertical values that are marked by a line with their name
	Width, Height float64 // of the drawing; 0: 520 by 250
}

// Band marks a part of the horizontal axis, and a value in it.
type Band struct{ From, At, To float64 }

// Places are where values lie in a drawing, for a script that points at them.
type Places struct {
	X   []float64  `json:"x"`   // of Lines.X
	Log bool       `json:"log"` // the vertical scale
	Low float64    `json:"low"` // values at its ends
	Top float64    `json:"top"`
	Y   [2]float64 `json:"y"` // places of its ends
}

func (l Lines) frame() frame {
	left := 10.0
	for _, t := range l.YAxis.Ticks {
		left = max(left, width(t.Label)+12)
	}
	return frame{left, l.Width - 14, 32, l.Height - 40}
}

// Draw returns the drawing and where its values lie.
func (l Lines) Draw() (Drawing, Places) {
	if l.Width == 0 {
		l.Width, l.Height = 520, 250
	}
	var c canvas
	c.begin(l.Width, l.Height, "lines", l.Title)
	f := l.frame()
	x, y := l.XAxis.Scale.over(f.left, f.right), l.YAxis.Scale.over(f.bottom, f.top)
	for _, b := range l.Bands {
		from := x.at(b.From)
		c.rect("around", from, f.top, x.at(b.To)-from, f.bottom-f.top)
	}
	c.beside(f, l.YAxis)
	c.below(f, l.XAxis)
	for _, b := range l.Bands {
		c.line("found", x.at(b.At), f.top, x.at(b.At), f.bottom)
	}
	for _, t := range l.Limits {
		c.line("limit", f.left, y.at(t.At), f.right, y.at(t.At))
		c.text("limited", f.left+4, y.at(t.At)-4, t.Label)
	}
	for _, i := range l.Breaks {
		if i > 0 && i < len(l.X) {
			at := (x.at(l.X[i-1]) + x.at(l.X[i])) / 2
			c.line("break", at, f.top, at, f.bottom)
		}
	}
	for i := len(l.Lines) - 1; i >= 0; i-- {
		c.path(l, l.Lines[i], x, y)
	}
	p := Places{Log: y.kind == "log", Low: y.low, Top: y.high, Y: [2]float64{y.from, y.to}}
	for _, v := range l.X {
		p.X = append(p.X, math.Round(10*x.at(v))/10)
	}
	return c.end(), p
}

// path draws one line: what is well known solid, the rest dotted.
func (c *canvas) path(l Lines, line Line, x, y Scale) {
	few := line.Few
	if few <= 0 || few > len(line.Y) {
		few = len(line.Y)
	}
	for _, part := range []struct {
		class    string
		from, to int
	}{{"line " + line.Class, 0, few}, {"line few " + line.Class, max(0, few-1), len(line.Y)}} {
		if d := l.stretch(line, x, y, part.from, part.to); d != "" && (part.from == 0 || part.to-part.from > 1) {
			c.out.WriteString(`<path class="` + part.class + `" d="` + d + `"/>`)
		}
	}
}

// stretch is the path of the points from one index to before another. A point
// without neighbours is a line of no length, which round caps make a dot.
func (l Lines) stretch(line Line, x, y Scale, from, to int) string {
	var d strings.Builder
	pen, next := false, 0
	for i := from; i < to && i < len(l.X); i++ {
		for next < len(l.Breaks) && l.Breaks[next] <= i {
			pen = pen && l.Breaks[next] != i
			next++
		}
		if v := line.Y[i]; math.IsNaN(v) || math.IsInf(v, 0) {
			pen = false
			continue
		}
		px, py := number(x.at(l.X[i])), number(y.at(line.Y[i]))
		if !pen {
			d.WriteString("M" + px + " " + py + "h0")
		} else {
			d.WriteString("L" + px + " " + py)
		}
		pen = true
	}
	return d.String()
}
