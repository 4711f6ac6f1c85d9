// Package svg draws: estimates with their intervals, lines over a common axis,
// stacked bars, the course of a figure from run to run. A drawing is SVG that stands in an HTML page, and says all it has
// to say without a script.
//
// Colors, fonts and strokes are the page's: everything drawn has a class, and no
// drawing holds a style of its own, so that a page may forbid inline styles. The
// package knows nothing of results.
package svg

import (
	"html"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Drawing is a finished drawing: markup that may stand in HTML as it is, whatever the
// names are that were drawn.
type Drawing string

// fontSize is the size of text that the page gives drawings, in their own units.
const fontSize = 12.0

// canvas is a drawing under way. Texts and attributes are escaped on their way in.
type canvas struct{ out strings.Builder }

// begin opens a drawing of a size. title is what a screen reader says of it; name
// and value pairs are further attributes.
func (c *canvas) begin(width, height float64, class, title string, attributes ...string) {
	c.out.WriteString(`<svg class="` + html.EscapeString(class) + `" viewBox="0 0 ` + number(width) + ` ` + number(height) +
		`" role="img" aria-label="` + html.EscapeString(title) + `"`)
	for i := 0; i+1 < len(attributes); i += 2 {
		c.out.WriteString(` ` + attributes[i] + `="` + html.EscapeString(attributes[i+1]) + `"`)
	}
	c.out.WriteString(">")
}

func (c *canvas) end() Drawing {
	c.out.WriteString("</svg>")
	return Drawing(c.out.String())
}

// element writes one element. numbers are its attributes in the order of names.
func (c *canvas) element(name, class, names string, numbers ...float64) {
	c.out.WriteString("<" + name + ` class="` + class + `"`)
	for i, attribute := range strings.Fields(names) {
		c.out.WriteString(" " + attribute + `="` + number(numbers[i]) + `"`)
	}
	c.out.WriteString("/>")
}

func (c *canvas) line(class string, x1, y1, x2, y2 float64) {
	c.element("line", class, "x1 y1 x2 y2", x1, y1, x2, y2)
}

func (c *canvas) rect(class string, x, y, width, height float64) {
	c.element("rect", class, "x y width height", x, y, max(0, width), height)
}

// text writes s with its baseline at y; class may hold an anchor: "start" is the
// default, "middle" and "end" are the page's.
func (c *canvas) text(class string, x, y float64, s string) {
	if s == "" {
		return
	}
	c.out.WriteString(`<text class="` + class + `" x="` + number(x) + `" y="` + number(y) + `">` + html.EscapeString(s) + "</text>")
}

// name writes s cut to what fits into width; the whole stands in a title then.
func (c *canvas) name(class string, x, y, width float64, s string) {
	short := fit(s, width)
	if short == s {
		c.text(class, x, y, s)
		return
	}
	c.out.WriteString(`<text class="` + class + `" x="` + number(x) + `" y="` + number(y) + `"><title>` + html.EscapeString(s) +
		"</title>" + html.EscapeString(short) + "</text>")
}

// number prints a coordinate to a tenth of a unit, which is less than a pixel.
func number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "0"
	}
	s := strconv.FormatFloat(v, 'f', 1, 64)
	s = strings.TrimSuffix(s, ".0")
	if s == "-0" {
		return "0"
	}
	return s
}

// width estimates how wide s is in text of the usual size. It is a little more
// than most fonts take: what is cut a letter too early does not overlap.
func width(s string) float64 {
	w := 0.0
	for _, c := range s {
		w += wide(c)
	}
	return w
}

// wide is how wide one character is.
func wide(c rune) float64 {
	switch {
	case c >= 0x1100: // East Asian and symbols
		return fontSize
	case strings.ContainsRune("iljtfrI.,:;|!'()[] ", c):
		return 0.38 * fontSize
	case c >= 'A' && c <= 'Z' || strings.ContainsRune("mwMW%@", c):
		return 0.74 * fontSize
	}
	return 0.60 * fontSize
}

// fit cuts s to a width; what is cut ends in an ellipsis.
func fit(s string, room float64) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	w, kept := 0.0, 0 // kept is what leaves room for the ellipsis, which is as wide as any
	for i, c := range s {
		if w += wide(c); w > room {
			return strings.TrimRight(s[:kept], " ") + "…"
		}
		if w+fontSize <= room {
			kept = i + utf8.RuneLen(c)
		}
	}
	return s
}
