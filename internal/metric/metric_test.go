package metric

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"
)

func TestEveryNameIsOfOneRow(t *testing.T) {
	taken := make(map[string]string)
	for _, m := range All() {
		for _, name := range append([]string{m.Name}, m.Aliases...) {
			if other, twice := taken[name]; twice {
				t.Errorf("%q is of %s and of %s", name, other, m.Name)
			}
			taken[name] = m.Name
		}
		if m.Name == "" || m.Label == "" || m.Path == "" || m.Unit == "" || m.Scope == 0 {
			t.Errorf("%+v: must have a name, a label, a path, a unit and a scope", m)
		}
		if (m.Against != Nothing) != (m.Delta > 0) {
			t.Errorf("%s: δ %g, and compared with %d: a comparison needs both", m.Name, m.Delta, m.Against)
		}
		if (m.Default || m.Primary) && m.Against != Control {
			t.Errorf("%s: must be compared with a control", m.Name)
		}
	}
}

// The names that other packages may use are those of rows.
func TestEveryConstantOfANameHasItsRow(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "table.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, d := range file.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST || !group.Lparen.IsValid() {
			continue
		}
		for _, spec := range group.Specs {
			name, err := strconv.Unquote(spec.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
			if _, ok := Named(name); err != nil || !ok {
				t.Errorf("%q has no row", name)
			}
			n++
		}
	}
	if n < 10 {
		t.Errorf("%d constants were found", n)
	}
}

// One function makes the names of quantiles, so that a row is known by the same name to
// limits and comparisons.
func TestQuantilesHaveOneName(t *testing.T) {
	for q, want := range map[float64][2]string{0.5: {"p50", "p50"}, 0.55: {"p55", "p55"}, 0.95: {"p95", "p95"}, 0.99: {"p99", "p99"},
		0.999: {"p999", "p99.9"}, 0.9999: {"p9999", "p99.99"}} {
		if QuantileName(q) != want[0] || Percentile(q) != want[1] {
			t.Errorf("%g: %s and %s, want %q", q, QuantileName(q), Percentile(q), want)
		}
	}
	for _, m := range All() {
		if m.Path == LatencyPath && m.Quantile > 0 && m.Name != OfLatency(QuantileName(m.Quantile)) {
			t.Errorf("%s is the quantile %g", m.Name, m.Quantile)
		}
	}
	for _, text := range []string{"latency_p999", "p999", "p(99.9)"} {
		if m, ok := Limited(text); !ok || m.Quantile != 0.999 {
			t.Errorf("%s is %+v", text, m)
		}
	}
}

func TestALimitOnAQuantileAllowsExactlyWhatItSays(t *testing.T) {
	for q, want := range map[float64]float64{0.5: 0.5, 0.9: 0.1, 0.95: 0.05, 0.99: 0.01, 0.999: 0.001} {
		if got, ok := Latency(q, 0).Allows(); !ok || got != want {
			t.Errorf("p%g allows %v, want %v", 100*q, got, want)
		}
	}
	for _, name := range []string{ClientCPU, Failed, "handshake_total_p50"} {
		if m, _ := Named(name); m.Name != name {
			t.Errorf("%s has no row", name)
		} else if share, ok := m.Allows(); ok {
			t.Errorf("a limit on %s allows %g of the RPCs to be above it", name, share)
		}
	}
}

func TestARowIsThereUntilTheTestEnds(t *testing.T) {
	before := len(All())
	t.Run("with", func(t *testing.T) {
		With(t, Latency(0.95, 0.1))
		if m, ok := Limited("p95"); !ok || m.Name != "latency_p95" || len(All()) != before+1 {
			t.Errorf("%+v of %d rows", m, len(All()))
		}
		if got := Quantiles(LatencyPath); !slices.Equal(got, []float64{0.5, 0.9, 0.95, 0.99, 0.999}) {
			t.Errorf("quantiles %v", got)
		}
	})
	if len(All()) != before {
		t.Errorf("%d rows are left, there were %d", len(All()), before)
	}
}
