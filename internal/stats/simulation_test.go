package stats_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"grpcbench/internal/stats"
	"grpcbench/testing/lane"
)

// A source draws one difference with centre 0.
type source struct {
	name string
	draw func(*rand.Rand) float64
}

// sources are symmetric, as the test assumes, and from light to heavy tails.
func sources() []source {
	return []source{
		{"normal", (*rand.Rand).NormFloat64},
		{"t3", func(rng *rand.Rand) float64 {
			var chi2 float64
			for range 3 {
				z := rng.NormFloat64()
				chi2 += z * z
			}
			return rng.NormFloat64() / math.Sqrt(chi2/3)
		}},
		{"one in ten disturbed", func(rng *rand.Rand) float64 {
			z := rng.NormFloat64()
			if rng.IntN(10) == 0 {
				return 10 * z
			}
			return z
		}},
	}
}

func sample(rng *rand.Rand, n int, draw func(*rand.Rand) float64) []float64 {
	d := make([]float64, n)
	for i := range d {
		d[i] = draw(rng)
	}
	return d
}

// A coverage is how often 95 and 99 % intervals held the truth.
type coverage struct{ in95, in99 float64 }

// check holds c, of 10 000 sets, against the level that the statistic can have at this
// size, and against what is promised: at least half a point less than it says, and at
// most 2.5 and 0.9 more. 4 standard errors are 0.0088 and 0.0040.
func (c coverage) check(t *testing.T, what string, want coverage) {
	t.Helper()
	t.Logf("%s: 95 and 99 %% intervals cover %.2f and %.2f %%", what, 100*c.in95, 100*c.in99)
	if math.Abs(c.in95-want.in95) > 0.0088 || c.in95 < 0.945 || c.in95 > 0.975 {
		t.Errorf("%s: 95 %% interval covers %.4f, want %.4f", what, c.in95, want.in95)
	}
	if math.Abs(c.in99-want.in99) > 0.0040 || c.in99 < 0.985 || c.in99 > 0.999 {
		t.Errorf("%s: 99 %% interval covers %.4f, want %.4f", what, c.in99, want.in99)
	}
}

// cover returns how often the interval of a level that draw returns for a set holds 0.
func cover(draw func() (interval func(level float64) (lo, hi float64, ok bool))) (c coverage) {
	const sets = 10_000
	for range sets {
		interval := draw()
		if lo, hi, ok := interval(0.95); ok && lo <= 0 && 0 <= hi {
			c.in95 += 1.0 / sets
		}
		if lo, hi, ok := interval(0.99); ok && lo <= 0 && 0 <= hi {
			c.in99 += 1.0 / sets
		}
	}
	return c
}

// The level reached is the same for every source. R 4.2.2: 1 - 2*psignrank(k - 1, n) with
// k = qsignrank(tail, n).
func TestIntervalCoversTheCentreAsOftenAsItSays(t *testing.T) {
	lane.Long(t, "simulates more than 10 000 draws")
	rng := rand.New(rand.NewPCG(3, 3))
	for _, s := range sources() {
		for _, c := range []struct {
			n    int
			want coverage
		}{
			{8, coverage{0.9609, 0.9922}},
			{10, coverage{0.9512, 0.9902}},
			{12, coverage{0.9575, 0.9907}},
			{16, coverage{0.9557, 0.9908}},
			{20, coverage{0.9516, 0.9906}},
			{40, coverage{0.9502, 0.9902}},
		} {
			got := cover(func() func(float64) (float64, float64, bool) {
				d := sample(rng, c.n, s.draw)
				return func(level float64) (lo, hi float64, ok bool) { return stats.Interval(d, level) }
			})
			got.check(t, fmt.Sprintf("%s, n %d", s.name, c.n), c.want)
		}
	}
}

// R 4.2.2: 1 - 2*pwilcox(k - 1, m, n) with k = qwilcox(tail, m, n).
func TestShiftIntervalCoversTheShiftAsOftenAsItSays(t *testing.T) {
	lane.Long(t, "simulates more than 10 000 draws")
	rng := rand.New(rand.NewPCG(14, 3))
	for _, c := range []struct {
		m, n    int
		sources []source
		want    coverage
	}{
		{8, 8, sources(), coverage{0.9501, 0.9930}},
		{9, 9, sources(), coverage{0.9600, 0.9922}},
		{12, 12, sources(), coverage{0.9551, 0.9917}},
		{8, 40, sources(), coverage{0.9502, 0.9906}},
		{20, 20, sources(), coverage{0.9509, 0.9905}},
		{40, 40, sources()[1:2], coverage{0.9502, 0.9902}}, // the others take seconds more
	} {
		for _, s := range c.sources {
			got := cover(func() func(float64) (float64, float64, bool) {
				base, new := sample(rng, c.n, s.draw), sample(rng, c.m, s.draw)
				return func(level float64) (lo, hi float64, ok bool) { return stats.ShiftInterval(base, new, level) }
			})
			got.check(t, fmt.Sprintf("%s, %d and %d", s.name, c.m, c.n), c.want)
		}
	}
}

// verdicts counts the verdicts of sets that judge draws.
func verdicts(t *testing.T, judge func() (stats.Estimate, error)) map[stats.Verdict]float64 {
	t.Helper()
	const sets = 4000
	share := map[stats.Verdict]float64{}
	for range sets {
		e, err := judge()
		if err != nil {
			t.Fatal(err)
		}
		share[e.Verdict] += 1.0 / sets
	}
	return share
}

// A design judges n epochs, or n of each of two runs, that are centre apart and scatter
// as draw does, at δ = 3 %.
type design struct {
	name  string
	sizes []int
	judge func(n int, centre float64, draw func() float64) (stats.Estimate, error)
}

// designs are those of a run and of two runs; the level of the latter is of no matter.
func designs() []design {
	around := func(n int, centre float64, draw func() float64) []float64 {
		d := make([]float64, n)
		for i := range d {
			d[i] = centre + draw()
		}
		return d
	}
	return []design{
		{"pairs", []int{8, 10, 20, 40}, func(n int, centre float64, draw func() float64) (stats.Estimate, error) {
			return stats.Judge(around(n, centre, draw), 0.03)
		}},
		{"two runs", []int{8, 10, 20}, func(n int, centre float64, draw func() float64) (stats.Estimate, error) {
			return stats.JudgeShift(around(n, 0.1, draw), around(n, 0.1+centre, draw), 0.03)
		}},
	}
}

// The test rejects on each side with probability at most 0.5 %; 4 standard
// errors of 4000 sets are 0.45 %.
func TestJudgeOfEqualArmsIsSeldomWrong(t *testing.T) {
	lane.Long(t, "simulates more than 10 000 draws")
	rng := rand.New(rand.NewPCG(4, 4))
	for _, d := range designs() {
		for _, s := range sources() {
			for _, n := range d.sizes {
				draw := func() float64 { return 0.04 * s.draw(rng) }
				got := verdicts(t, func() (stats.Estimate, error) { return d.judge(n, 0, draw) })
				t.Logf("%s, %s, n %d: slower %.2f, faster %.2f %%", d.name, s.name, n, 100*got[stats.Slower], 100*got[stats.Faster])
				if got[stats.Slower] > 0.0095 || got[stats.Faster] > 0.0095 {
					t.Errorf("%s, %s, n %d: %v, want at most 0.0095 of slower and of faster", d.name, s.name, n, got)
				}
			}
		}
	}
}

// The 90 % interval lies below the true centre with probability at most 5 %; one
// point is 2.9 standard errors of 4000 sets.
func TestJudgeSeldomCallsADifferenceOfDeltaSame(t *testing.T) {
	lane.Long(t, "simulates more than 10 000 draws")
	rng := rand.New(rand.NewPCG(5, 5))
	for _, d := range designs() {
		for _, sd := range []float64{0.005, 0.01, 0.02, 0.04} {
			for _, n := range d.sizes {
				draw := func() float64 { return sd * rng.NormFloat64() }
				got := verdicts(t, func() (stats.Estimate, error) { return d.judge(n, math.Log1p(0.03), draw) })
				t.Logf("%s, sd %v, n %d: same %.2f %%", d.name, sd, n, 100*got[stats.Same])
				if got[stats.Same] > 0.06 {
					t.Errorf("%s, sd %v, n %d: %v, want at most 0.06 of same", d.name, sd, n, got)
				}
			}
		}
	}
}

// powerSets is how many sets a power is of: 4 standard errors are 1.8 points.
const powerSets = 8000

func TestMDEIsFoundFourTimesInFive(t *testing.T) {
	lane.Long(t, "simulates more than 10 000 draws")
	rng := rand.New(rand.NewPCG(6, 6))
	for _, n := range []int{8, 9, 10, 11, 12, 14, 16, 18, 20, 21, 24, 30, 40} {
		effect := stats.MDE(n, 1)
		var found float64
		for range powerSets {
			d := sample(rng, n, func(rng *rand.Rand) float64 { return effect + rng.NormFloat64() })
			if stats.SignedRank(d) <= 0.01 {
				found++
			}
		}
		got := found / powerSets
		t.Logf("n %d: power %.1f %%", n, 100*got)
		if math.Abs(got-0.8) > 0.03 {
			t.Errorf("n %d: power %.3f, want 0.8 ± 0.03", n, got)
		}
	}
}

func TestShiftMDEIsFoundFourTimesInFive(t *testing.T) {
	lane.Long(t, "simulates more than 10 000 draws")
	rng := rand.New(rand.NewPCG(16, 6))
	for _, c := range []struct{ m, n int }{
		{8, 8}, {9, 9}, {10, 10}, {12, 12}, {16, 16}, {20, 20}, {30, 30}, {40, 40}, {8, 10}, {8, 20}, {40, 8}, {10, 20}, {20, 40},
	} {
		effect := stats.ShiftMDE(c.m, c.n, math.Sqrt(1/float64(c.m)+1/float64(c.n)))
		var found float64
		for range powerSets {
			base := sample(rng, c.n, (*rand.Rand).NormFloat64)
			new := sample(rng, c.m, func(rng *rand.Rand) float64 { return effect + rng.NormFloat64() })
			if stats.RankSum(base, new) <= 0.01 {
				found++
			}
		}
		if got := found / powerSets; math.Abs(got-0.8) > 0.03 {
			t.Errorf("%d and %d: power %.3f, want 0.8 ± 0.03", c.m, c.n, got)
		}
	}
}

// A machine is a shared computer on which the two arms are equal: its level
// drifts (autoregressive, 0.9 from run to run), each run has noise of its own, and
// one run in twenty is disturbed.
type machine struct {
	rng   *rand.Rand
	level float64
}

// run returns the log-value of the next run.
func (m *machine) run() float64 {
	m.level = 0.9*m.level + 0.03*m.rng.NormFloat64()
	v := m.level + 0.02*m.rng.NormFloat64()
	if m.rng.IntN(20) == 0 {
		v += 0.2 * m.rng.ExpFloat64()
	}
	return v
}

// runs returns the log-values of n runs one after another.
func (m *machine) runs(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = m.run()
	}
	return v
}

// requests returns the log-latencies of 20 requests of each of the runs.
func (m *machine) requests(runs []float64) []float64 {
	var v []float64
	for _, r := range runs {
		for range 20 {
			v = append(v, r+0.1*m.rng.NormFloat64())
		}
	}
	return v
}

// pairs returns the differences of n pairs of runs, each pair in random order.
func (m *machine) pairs(n int) []float64 {
	d := make([]float64, n)
	for i := range d {
		first, second := m.run(), m.run()
		d[i] = first - second
		if m.rng.IntN(2) == 0 {
			d[i] = second - first
		}
	}
	return d
}

// falsePositives returns how often p is at most 1 percent in sets of two equal arms.
func falsePositives(sets int, p func() float64) float64 {
	var rejected float64
	for range sets {
		if p() <= 0.01 {
			rejected++
		}
	}
	return rejected / float64(sets)
}

// The other designs, tested at 1 percent too, err in more than 20: why epochs are paired,
// and why nothing is tested over single requests.
func TestSequentialBlocksAndPooledRequestsAreWrongOneTimeInFive(t *testing.T) {
	lane.Long(t, "simulates more than 10 000 draws")
	const sets, n = 2000, 10
	m := &machine{rng: rand.New(rand.NewPCG(7, 7))}
	blocks := falsePositives(sets, func() float64 { return stats.RankSum(m.runs(n), m.runs(n)) })
	pooled := falsePositives(sets, func() float64 {
		return stats.RankSum(m.requests(m.runs(n)), m.requests(m.runs(n)))
	})
	t.Logf("false positives: blocks %.1f, pooled requests %.1f %%", 100*blocks, 100*pooled)
	if blocks < 0.2 || pooled < 0.2 {
		t.Errorf("false positives: blocks %v, pooled requests %v, want both above 0.2", blocks, pooled)
	}
}

// At n = 10 the exact size at 1 percent is 2·P(W <= 3) = 2·5/2¹⁰ = 0.98 %; 4
// standard errors of 10 000 sets are 0.39 %.
func TestPairsInRandomOrderKeepTheNominalErrorOnADriftingMachine(t *testing.T) {
	lane.Long(t, "simulates more than 10 000 draws")
	m := &machine{rng: rand.New(rand.NewPCG(8, 8))}
	got := falsePositives(10_000, func() float64 { return stats.SignedRank(m.pairs(10)) })
	if got < 0.006 || got > 0.014 {
		t.Errorf("false positives %v, want 0.0098 ± 0.004", got)
	}
}
