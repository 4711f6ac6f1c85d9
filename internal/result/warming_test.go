package result

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"grpcbench/internal/plan"
	"grpcbench/testing/lane"
)

// warmed is a result of n epochs of windows of 3 s, in which the seconds of epoch e have
// the p50 that p50 returns.
func warmed(n int, p50 func(epoch, second int) float64) *Result {
	r := &Result{Plan: plan.Plan{Window: 3 * time.Second, Warmup: 300 * time.Millisecond, Load: plan.Load{Loop: plan.Open}}}
	a := Arm{Name: "a"}
	for e := range n {
		a.Epochs = append(a.Epochs, Epoch{Index: e})
		for s := range 3 {
			a.Windows = append(a.Windows, Window{Epoch: e, Start: int64(s) * 1e9, P50: new(int64(p50(e, s)))})
		}
	}
	r.Arms = []Arm{a}
	return r
}

func askedWarming(r *Result) Check {
	q := question{r: r, code: "still_warming", verdict: Valid}
	askWarming(&q)
	return q.check()
}

func TestAServerThatIsStillWarmingUpIsAWarning(t *testing.T) {
	steady := func(int, int) float64 { return 1e6 }
	falling := func(_, s int) float64 { return 936e3 - 200e3*float64(s) }
	for _, c := range []struct {
		name          string
		r             *Result
		text, skipped string
	}{
		{"falls", warmed(10, falling), "a: latency p50 fell by 42.7 % from the first to the last second of the window, and in 10 of 10 epochs", ""},
		{"falls in eight of eight", warmed(8, falling), "8 of 8 epochs", ""},
		{"one epoch of ten is the other way", warmed(10, func(e, s int) float64 {
			if e == 3 {
				s = 2 - s
			}
			return falling(e, s)
		}), "", ""}, // 11 of 1024 by chance: above 0.5 %
		{"is steady", warmed(10, steady), "", ""},
		{"rises", warmed(10, func(_, s int) float64 { return 1e6 + 1e5*float64(s) }), "", ""},
		{"falls by 9.9 %", warmed(10, func(_, s int) float64 { return 1000e3 - 49.5e3*float64(s) }), "", ""},
		{"falls by 10.1 %", warmed(10, func(_, s int) float64 { return 1000e3 - 50.5e3*float64(s) }), "fell by 10.1 %", ""},
		{"too few epochs", warmed(7, falling), "", "8 epochs"},
		{"no window of two seconds", func() *Result { r := warmed(10, falling); r.Plan.Window = time.Second; return r }(), "", "two seconds"},
	} {
		got := askedWarming(c.r)
		if !strings.Contains(got.Text, c.text) || (c.text == "") != (got.Text == "") || !strings.Contains(got.Skipped, c.skipped) || (c.skipped == "") != (got.Skipped == "") {
			t.Errorf("%s: %+v, want %q %q", c.name, got, c.text, c.skipped)
		}
	}
}

// Of steady servers, whatever their noise, the sign test warns of a share of chance at most:
// 1/256 for 8 epochs (all of them), 1/1024 for 10 (all), 1351/2^20 for 20 (17 or more). A count of
// runs lies within five of its standard deviations of that. Where p50 differs from second to second by
// 3 %, no server is warned of.
func TestASteadyServerIsRarelySaidToWarmUp(t *testing.T) {
	lane.Long(t, "simulates more than 10 000 draws")
	const runs = 20_000
	for _, c := range []struct {
		sigma  float64
		n      int
		chance float64
	}{
		{0.03, 8, 0}, {0.10, 8, 1. / 256}, {0.5, 8, 1. / 256}, {0.10, 10, 1. / 1024}, {0.5, 10, 1. / 1024}, {0.5, 20, 1351. / (1 << 20)},
	} {
		most := int(runs*c.chance + 5*math.Sqrt(runs*c.chance))
		rng := rand.New(rand.NewPCG(uint64(c.n), math.Float64bits(c.sigma)))
		warned := 0
		for range runs {
			level := 0.0
			r := warmed(c.n, func(_, s int) float64 {
				if s == 0 {
					level = 0.3 * rng.NormFloat64() // of the epoch
				}
				return 1e6 * math.Exp(level+c.sigma*rng.NormFloat64())
			})
			if askedWarming(r).Text != "" {
				warned++
			}
		}
		t.Logf("σ %g, %d epochs: %d of %d", c.sigma, c.n, warned, runs)
		if warned > most {
			t.Errorf("σ %g, %d epochs: %d of %d steady servers are said to warm up, want at most %d", c.sigma, c.n, warned, runs, most)
		}
	}
}

// warmingMutations are those of a server that is still warming up.
func warmingMutations() map[string][]mutation {
	return map[string][]mutation{
		"still_warming": {
			{"falls by half in every epoch", func(r *Result) {
				for i := range first(r).Windows {
					w := &first(r).Windows[i]
					w.P50 = new(int64(1e6) - w.Start/4e3)
				}
			}, Valid, true},
			{"steady", func(r *Result) {
				for i := range first(r).Windows {
					first(r).Windows[i].P50 = new(int64(1e6))
				}
			}, Valid, false},
		},
	}
}
