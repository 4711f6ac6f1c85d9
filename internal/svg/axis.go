package svg

// Axis is a scale with its title, which names the unit unless every label does.
type Axis struct {
	Title string
	Scale Scale
	Ticks []Tick
}

// Tick is a labeled value. Minor ones are drawn fainter.
type Tick struct {
	At    float64
	Label string
}

// Ticked is an axis with about n round values, labeled by label.
func Ticked(title string, s Scale, n int, label func(float64) string) Axis {
	a := Axis{Title: title, Scale: s}
	for _, v := range s.Ticks(n) {
		a.Ticks = append(a.Ticks, Tick{v, label(v)})
	}
	return a
}

// frame is the part of a drawing that values are drawn in.
type frame struct{ left, right, top, bottom float64 }

// below draws a horizontal axis under f: grid lines, labels, the title. Labels that
// would touch the one before are left out.
func (c *canvas) below(f frame, a Axis) {
	s := a.Scale.over(f.left, f.right)
	free := -1e9
	for _, t := range a.Ticks {
		x := s.at(t.At)
		c.line("grid", x, f.top, x, f.bottom)
		if half := width(t.Label) / 2; x-half >= free {
			c.text("tick middle", x, f.bottom+15, t.Label)
			free = x + half + 4
		}
	}
	c.line("axis", f.left, f.bottom, f.right, f.bottom)
	c.text("label middle", (f.left+f.right)/2, f.bottom+31, a.Title)
}

// beside draws a vertical axis at the left of f, its title above it.
func (c *canvas) beside(f frame, a Axis) {
	s := a.Scale.over(f.bottom, f.top)
	free := 1e9
	for _, t := range a.Ticks {
		y := s.at(t.At)
		c.line("grid", f.left, y, f.right, y)
		if y+fontSize <= free {
			c.text("tick end", f.left-6, y+4, t.Label)
			free = y
		}
	}
	c.text("label", 2, f.top-16, a.Title)
}
