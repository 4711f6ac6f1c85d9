package report_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"grpcbench/internal/compare"
	"grpcbench/internal/plan"
	"grpcbench/internal/report"
	"grpcbench/internal/result"
)

// ascent is an invented ceiling of arms: what is achieved at a load is that of a server
// that serves capacity.
func ascent(c plan.Ceiling, loads []result.Step, capacity map[string]float64) result.Result {
	random := rand.New(rand.NewPCG(3, 4))
	r := single()
	r.Plan.Kind, r.Plan.Ceiling, r.Plan.Saturated = plan.KindCeiling, &c, 0
	r.Plan.Load = plan.Load{Loop: plan.Closed, Concurrency: c.MaxConcurrency}
	if len(c.SLO) > 0 {
		r.Plan.Load = plan.Load{Loop: plan.Open, Arrival: plan.Poisson}
	}
	r.Plan.Window, r.Plan.Warmup, r.Plan.Epochs = time.Second, 250*time.Millisecond, plan.Epochs{Min: 8, Max: 8}
	base := r.Arms[0]
	r.Arms, r.Plan.Arms, r.Machine.Epochs = nil, nil, r.Machine.Epochs[:1]
	names := []string{}
	for _, name := range []string{"tls=off", "tls=1.3"} {
		if capacity[name] == 0 {
			continue
		}
		names = append(names, name)
		a := base
		a.Name, a.Levels, a.Epochs, a.Windows, a.Saturated = name, nil, nil, nil, nil
		for _, s := range loads {
			a.Levels = append(a.Levels, result.Level{Step: step(s, c, capacity[name]), Windows: 8})
		}
		for e := range 8 {
			epoch := result.Epoch{Index: e}
			for i, s := range loads {
				b := step(s, c, capacity[name]*math.Exp(0.02*random.NormFloat64()))
				epoch.Blocks = append(epoch.Blocks, result.Block{Step: b})
				epoch.Ledger.Add(b.Ledger)
				if s.Rate > 0 && b.Keeps(c.SLO) {
					a.Levels[i].Kept++
				}
			}
			a.Epochs = append(a.Epochs, epoch)
		}
		r.Arms = append(r.Arms, a)
		r.Plan.Arms = append(r.Plan.Arms, plan.Arm{Name: name, Settings: a.Settings})
	}
	r.Plan.Groups = []plan.Group{{Name: "tls", Control: names[0], Arms: names}}
	r.Groups = r.Plan.Groups
	compare.Ceilings(&r)
	r.Comparisons = compare.Arms(&r)
	return r
}

// step is what one window showed at a load.
func step(s result.Step, c plan.Ceiling, capacity float64) result.Step {
	s.Achieved = min(capacity, s.Rate)
	if s.Callers > 0 {
		s.Achieved = capacity * float64(s.Callers) / (float64(s.Callers) + 1)
	}
	n := int64(s.Achieved)
	ns := func(v float64) *int64 { i := int64(v); return &i }
	p50 := 1e9 / (capacity - 0.9*s.Achieved)
	s.Ledger = result.Ledger{Scheduled: n, Started: n, OK: n}
	s.Offered = s.Achieved
	s.Latency = result.Distribution{Count: n, Valued: n, Min: int64(p50 / 2), P50: ns(p50), P90: ns(2 * p50), P99: ns(5 * p50), P999: ns(9 * p50), Max: ns(20 * p50)}
	s.Lag = result.Distribution{Count: n, Valued: n, Min: 1000, P50: ns(2000), P90: ns(3000), P99: ns(9000), P999: ns(9000), Max: ns(20_000)}
	use := s.Achieved / capacity
	s.ClientCPU, s.ServerCPU, s.ClientShare, s.ServerShare = ptr(9000.0), ptr(21_000.0), ptr(0.28*use), ptr(0.66*use)
	for range c.SLO {
		s.Over = append(s.Over, int64(float64(n)*0.01*math.Pow(s.Rate/(0.8*capacity), 10)))
	}
	return s
}

func ceilingFixtures() map[string]result.Result {
	callers := plan.Ceiling{MaxConcurrency: 128}
	var counts []result.Step
	for _, n := range callers.Callers() {
		counts = append(counts, result.Step{Callers: n})
	}
	slo := plan.Ceiling{FirstRate: 100, MaxRate: 1e6, SLO: []plan.Threshold{{Metric: "latency_p99", Op: "<", Value: 5e6}}}
	var rates []result.Step
	for _, r := range []float64{10_000, 15_000, 18_000, 19_200, 20_000, 20_800, 22_000, 26_000} {
		rates = append(rates, result.Step{Rate: r})
	}
	return map[string]result.Result{
		"ceiling-callers": ascent(callers, counts, map[string]float64{"tls=1.3": 30_000}),
		"ceiling-slo":     ascent(slo, rates, map[string]float64{"tls=off": 26_000, "tls=1.3": 24_000}),
	}
}

func TestACeilingIsShownWithItsLevels(t *testing.T) {
	for name, r := range ceilingFixtures() {
		got := text(t, r, report.TextOptions{})
		golden(t, name+".txt", got)
		golden(t, name+".md", markdown(t, r))
		for line := range strings.Lines(got) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
				t.Errorf("%s: %d columns: %s", name, n, line)
			}
		}
	}
}

func TestTheTableOfACeilingHoldsItsCurve(t *testing.T) {
	for name, r := range ceilingFixtures() {
		var b bytes.Buffer
		if err := report.CSV(&b, r); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		column := func(name string) int { return slices.Index(rows[0], name) }
		curve := map[string]int{}
		for _, row := range rows[1:] {
			curve[row[column("kind")]]++
			if row[column("kind")] == "level" && row[column("callers")] == "0" && row[column("rate_rpc_per_s")] == "0" {
				t.Errorf("%s: a level without a load: %v", name, row)
			}
			if row[column("metric")] == "latency_p50" && row[column("kind")] == "figure" {
				t.Errorf("%s: latencies of many loads in one figure: %v", name, row)
			}
		}
		if curve["level"] == 0 || curve["window"] != 8*curve["level"] || curve["ceiling"] != 9*len(r.Arms) {
			t.Errorf("%s: rows %v, want a window an epoch for each level, and the ceiling of all epochs and each", name, curve)
		}
	}
}

func TestThePageOfACeilingHoldsItsLevels(t *testing.T) {
	whose := map[string]string{"ceiling-callers": "the server&#39;s ceiling: ", "ceiling-slo": "not of the server alone: "}
	for name, r := range ceilingFixtures() {
		page := render(t, func(w io.Writer) error { return report.HTML(w, r) })
		for _, want := range []string{"How much it can take", whose[name], "→ "} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page must hold %q", name, want)
			}
		}
		if strings.Contains(page, "What was measured") || strings.Contains(page, "p50 latency") {
			t.Errorf("%s: the page shows figures of many loads", name)
		}
	}
}

// The points of the curves are the figures of the levels, and what an SLO limits is drawn
// with the ceiling.
func TestThePageOfACeilingDrawsItsCurves(t *testing.T) {
	for name, r := range ceilingFixtures() {
		page, slo := html(t, r), name == "ceiling-slo"
		drawn := map[string]int{}
		for _, d := range pointed(t, page) {
			for i, line := range d.Names {
				drawn[line+fmt.Sprint(floats(d.Values[i]))]++
			}
		}
		for _, a := range r.Arms {
			want := map[string][]float64{}
			for _, l := range a.Levels {
				want["p50"] = append(want["p50"], float64(*l.Latency.P50))
				want["p90"] = append(want["p90"], float64(*l.Latency.P90))
				want["p99"] = append(want["p99"], float64(*l.Latency.P99))
				if !slo {
					want["RPC/s achieved"] = append(want["RPC/s achieved"], l.Achieved)
				}
			}
			for line, values := range want {
				if drawn[line+fmt.Sprint(values)] != 1 {
					t.Errorf("%s: %s of %s is not drawn as %v", name, line, a.Name, values)
				}
			}
		}
		for _, mark := range []string{`class="around"`, `class="found"`, `class="limit"`, "latency_p99&lt;5ms</text>"} {
			if strings.Contains(page, mark) != slo {
				t.Errorf("%s: %s in the page: %t, want %t", name, mark, !slo, slo)
			}
		}
	}
}

// floats are values that are all known.
func floats(values []*float64) (all []float64) {
	for _, v := range values {
		all = append(all, *v)
	}
	return all
}

func TestACeilingOfOneLoadHasNoCurve(t *testing.T) {
	r := ceilingFixtures()["ceiling-slo"]
	for i := range r.Arms {
		r.Arms[i].Levels = r.Arms[i].Levels[:1]
	}
	if page := html(t, r); strings.Contains(page, `class="lines"`) {
		t.Error("one load is drawn as a line")
	}
}

func TestACeilingHasNoPercentilesOfItsOwn(t *testing.T) {
	r := ceilingFixtures()["ceiling-slo"]
	if err := report.HGRM(&bytes.Buffer{}, r); err == nil || !strings.Contains(err.Error(), "must not be a ceiling") {
		t.Errorf("error %v, want a refusal", err)
	}
	var b bytes.Buffer
	if err := report.Bench(&b, r); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); strings.Count(got, "BenchmarkCeiling/arm=tls=1.3-2\t") != 8 || strings.Contains(got, "p50-ns") || !strings.Contains(got, " ceiling-rpc/s") {
		t.Errorf("bench:\n%s", got)
	}
}
