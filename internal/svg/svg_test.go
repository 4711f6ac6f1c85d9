package svg

import (
	"encoding/xml"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/testing/hostile"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func percent(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// drawings are one of each kind, with all that each can show.
func drawings() map[string]Drawing {
	nan := math.NaN()
	lines, _ := Lines{Title: "latency", X: []float64{0, 1, 2, 3, 4, 5}, Breaks: []int{3},
		XAxis: Axis{Title: "epoch", Scale: Linear(0, 5), Ticks: []Tick{{0, "1"}, {3, "2"}}},
		YAxis: Ticked("latency", Linear(0, 10), 5, percent),
		Lines: []Line{{Class: "a0", Y: []float64{1, 2, nan, 4, 5, 6}}, {Class: "a1", Y: []float64{2, 3, 3, 2, 1, 9}, Few: 4}}}.Draw()
	course, _ := Course{Title: "p50", Moments: []Moment{{20, 18, 22}, {21, 18, 24}, {nan, nan, nan}, {26, nan, nan}, {27, 25, 29}},
		Levels: []Level{{0, 1, 20.5}, {2, 4, 26.5}}, XAxis: Axis{Title: "run", Scale: Linear(-0.7, 4.7), Ticks: []Tick{{0, "2026-01-01"}}},
		YAxis: Ticked("change, %", Linear(17, 30), 5, percent)}.Draw()
	curve, _ := Lines{Title: "latency by load", X: []float64{10, 20, 30}, XAxis: Ticked("RPC/s", Linear(0, 32), 4, percent),
		YAxis: Ticked("latency", Log(1, 100), 5, percent), Lines: []Line{{Class: "a0", Y: []float64{2, 5, 80}}},
		Bands: []Band{{18, 22, 27}}, Limits: []Tick{{20, "p99<20ms"}}}.Draw()
	return map[string]Drawing{
		"course": course, "curve": curve,
		"forest": Forest{Title: "p50", Axis: "change, %", Rows: []Estimate{
			{Name: "off", Kind: Control, Text: "451 µs"},
			{Name: "1.2", Kind: Higher, Ratio: 1.068, Low: 1.035, High: 1.11, Delta: 0.05, Seen: 0.04, Text: "+6.8 [3.5, 11] ▲", SeenText: "±4.0 %"},
			{Name: "a name that is longer than there is room for", Kind: Unsure, Ratio: 0.98, Delta: 0.05, Text: "-2.0 no interval ~"},
			{Name: "far", Kind: Same, Ratio: 1.001, Low: 0.2, High: 9, Delta: 0.05, Text: "+0.1 [-80, 800] ="},
			{Name: "none", Kind: Missing, Text: "not compared"},
		}}.Draw(),
		"lines": lines,
		"bars": Bars{Title: "CPU", Axis: "CPU time", Classes: []string{"client", "server"}, Label: percent, Rows: []Bar{
			{Name: "off", Parts: []float64{300, 200}, Texts: []string{"300", "200"}, Text: "300 · 200"},
			{Name: "theirs", Parts: []float64{310, nan}, Text: "310 · n/a"},
		}}.Draw(),
	}
}

func TestDrawingsAreAsReviewed(t *testing.T) {
	for name, got := range drawings() {
		path := filepath.Join("testdata", name+".svg")
		text := strings.ReplaceAll(string(got), "><", ">\n<") + "\n"
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), text); diff != "" {
			t.Errorf("%s (-want +got; -update rewrites it):\n%s", path, diff)
		}
	}
}

// A page may forbid inline styles and event handlers: no drawing has any.
func TestDrawingsHoldNoStylesAndNoScripts(t *testing.T) {
	for _, s := range append(hostile.Strings(), "plain") {
		lines, _ := Lines{Title: s, X: []float64{0, 1}, XAxis: Axis{Title: s, Scale: Linear(0, 1), Ticks: []Tick{{0, s}}},
			YAxis: Axis{Title: s, Scale: Linear(0, 1), Ticks: []Tick{{0, "0"}}}, Lines: []Line{{Class: "a0", Y: []float64{0, 1}}}}.Draw()
		course, _ := Course{Title: s, Moments: []Moment{{1, 0, 2}}, XAxis: Axis{Title: s, Scale: Linear(0, 1), Ticks: []Tick{{0, s}}},
			YAxis: Axis{Title: s, Scale: Linear(0, 2)}}.Draw()
		for name, d := range map[string]Drawing{
			"course": course,
			"lines":  lines,
			"forest": Forest{Title: s, Axis: s, Rows: []Estimate{{Name: s, Kind: Higher, Ratio: 1.1, Text: s, SeenText: s}}}.Draw(),
			"bars":   Bars{Title: s, Axis: s, Classes: []string{"client"}, Label: percent, Rows: []Bar{{Name: s, Parts: []float64{1}, Texts: []string{s}, Text: s}}}.Draw(),
		} {
			if err := inert(string(d)); err != "" {
				t.Errorf("%s with %.40q: %s", name, s, err)
			}
		}
	}
}

// inert says what of a drawing is not a shape or a text; "" if all is. What XML
// does not allow as a character is the caller's to keep out.
func inert(drawing string) string {
	drawing = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0xfffe || c == 0xffff {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(drawing, "?"))
	d := xml.NewDecoder(strings.NewReader(drawing))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return ""
		}
		if err != nil {
			return err.Error()
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if !strings.Contains(" svg line rect circle path text title ", " "+e.Name.Local+" ") {
			return "element " + e.Name.Local
		}
		for _, a := range e.Attr {
			if !strings.Contains(" class viewBox role aria-label x y x1 x2 y1 y2 cx cy r width height d ", " "+a.Name.Local+" ") {
				return "attribute " + a.Name.Local
			}
		}
	}
}

func TestTicksAreRoundAndInside(t *testing.T) {
	for _, c := range []struct {
		scale Scale
		n     int
		want  []float64
	}{
		{Linear(0, 10), 5, []float64{0, 2, 4, 6, 8, 10}},
		{Linear(-7, 13), 4, []float64{-5, 0, 5, 10}},
		{Linear(0.93, 1.12), 5, []float64{0.95, 1, 1.05, 1.1}},
		{Log(200, 60_000), 9, []float64{200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000}},
		{Log(1, 1e9), 5, []float64{1, 100, 1e4, 1e6, 1e8}},
		{Tail(0.9995), 0, []float64{0, 0.5, 0.9, 0.99, 0.999}},
	} {
		got := c.scale.Ticks(c.n)
		if len(got) != len(c.want) {
			t.Errorf("%+v: ticks %v, want %v", c.scale, got, c.want)
			continue
		}
		for i := range got {
			if math.Abs(got[i]-c.want[i]) > 1e-9*math.Abs(c.want[i]) {
				t.Errorf("%+v: ticks %v, want %v", c.scale, got, c.want)
			}
		}
	}
}

// On the tail scale each further nine is as long as the one before, and on the
// logarithmic one each further decade.
func TestScalesAreEven(t *testing.T) {
	tail := Tail(0.9999).over(0, 400)
	decades := Log(1, 1000).over(300, 0)
	for _, c := range []struct{ got, want float64 }{
		{tail.at(0), 0}, {tail.at(0.9), 100}, {tail.at(0.99), 200}, {tail.at(0.9999), 400}, {tail.at(0.5), 100 * math.Log10(2)}, {tail.at(1), 400},
		{decades.at(1), 300}, {decades.at(10), 200}, {decades.at(1000), 0}, {decades.at(5000), 0}, {decades.at(0), 300},
		{Linear(0, 4).over(0, 100).at(1), 25},
	} {
		if math.Abs(c.got-c.want) > 1e-6 {
			t.Errorf("place %g, want %g", c.got, c.want)
		}
	}
}

func TestAboveIsRoundAndNotBelow(t *testing.T) {
	for v, want := range map[float64]float64{0: 1, 1: 1, 97: 100, 101: 150, 451e3: 500e3, 2.2: 2.5} {
		if got := Above(v); math.Abs(got-want) > 1e-9*want {
			t.Errorf("above %g: %g, want %g", v, got, want)
		}
	}
}

func TestNamesAreCutToTheirRoom(t *testing.T) {
	for name, want := range map[string]string{"tls=1.3": "tls=1.3", strings.Repeat("m", 1<<20): "mmmmmmmmm…", "": ""} {
		if got := fit(name, 100); got != want {
			t.Errorf("%q is cut to %q, want %q", name, got, want)
		}
	}
}

// Whatever a file holds, a drawing is made, and soon.
func FuzzForest(f *testing.F) {
	f.Add(1.0, 0.9, 1.1, 0.03)
	f.Add(math.MaxFloat64, 1e-300, math.Inf(1), math.NaN())
	f.Fuzz(func(t *testing.T, ratio, low, high, seen float64) {
		d := Forest{Rows: []Estimate{{Kind: Control}, {Kind: Higher, Ratio: ratio, Low: low, High: high, Delta: 0.05, Seen: seen}}}.Draw()
		if len(d) > 1<<14 || strings.Contains(string(d), "NaN") || strings.Contains(string(d), "Inf") {
			t.Errorf("%d bytes: %.300s", len(d), d)
		}
	})
}
