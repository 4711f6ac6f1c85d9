package stats_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"grpcbench/internal/stats"
)

// A source draws one difference with centre 0.
type source struct {
	name string
	draw func(*rand.Rand) float64
}

// sources are symmetric, as the test assumes, and from light to heavy tails.
func sources() []source {
	return []source{
		{"normal", func(rng *rand.Rand) float64 { return rng.NormFloat64() }},
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

// The level reached is the same for every source: 1 − 2·P(W <= T), with T of
// McCornack's table and P from counting the subsets of 1 … n in whole numbers. 4
// standard errors of 10 000 sets are at most 0.0088 at 95 % and 0.0040 at 99 %.
func TestIntervalCoversTheCentreAsOftenAsItSays(t *testing.T) {
	const sets = 10_000
	rng := rand.New(rand.NewPCG(3, 3))
	for _, s := range sources() {
		for _, c := range []struct {
			n              int
			want95, want99 float64
		}{{8, 0.9609, 0.9922}, {12, 0.9575, 0.9907}, {20, 0.9516, 0.9906}, {40, 0.9502, 0.9902}} {
			var in95, in99 float64
			for range sets {
				d := sample(rng, c.n, s.draw)
				if lo, hi, ok := stats.Interval(d, 0.95); ok && lo <= 0 && 0 <= hi {
					in95++
				}
				if lo, hi, ok := stats.Interval(d, 0.99); ok && lo <= 0 && 0 <= hi {
					in99++
				}
			}
			if got := in95 / sets; math.Abs(got-c.want95) > 0.0088 {
				t.Errorf("%s, n %d: 95 %% interval covers %.4f, want %.4f", s.name, c.n, got, c.want95)
			}
			if got := in99 / sets; math.Abs(got-c.want99) > 0.0040 {
				t.Errorf("%s, n %d: 99 %% interval covers %.4f, want %.4f", s.name, c.n, got, c.want99)
			}
		}
	}
}

// verdicts counts the verdicts of sets of n differences around centre.
func verdicts(t *testing.T, n int, centre float64, draw func() float64) map[stats.Verdict]float64 {
	t.Helper()
	const sets = 4000
	share := map[stats.Verdict]float64{}
	for range sets {
		d := make([]float64, n)
		for i := range d {
			d[i] = centre + draw()
		}
		e, err := stats.Judge(d, 0.03)
		if err != nil {
			t.Fatal(err)
		}
		share[e.Verdict] += 1.0 / sets
	}
	return share
}

// The test rejects on each side with probability at most 0.5 %; 4 standard
// errors of 4000 sets are 0.45 %.
func TestJudgeOfEqualArmsIsSeldomWrong(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, s := range sources() {
		for _, n := range []int{8, 10, 20} {
			got := verdicts(t, n, 0, func() float64 { return 0.04 * s.draw(rng) })
			if got[stats.Slower] > 0.0095 || got[stats.Faster] > 0.0095 {
				t.Errorf("%s, n %d: %v, want at most 0.0095 of slower and of faster", s.name, n, got)
			}
		}
	}
}

// The 90 % interval lies below the true centre with probability at most 5 %; one
// point is 2.9 standard errors of 4000 sets.
func TestJudgeSeldomCallsADifferenceOfDeltaSame(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for _, sd := range []float64{0.005, 0.01, 0.02, 0.04} {
		for _, n := range []int{8, 10, 20} {
			got := verdicts(t, n, math.Log1p(0.03), func() float64 { return sd * rng.NormFloat64() })
			if got[stats.Same] > 0.06 {
				t.Errorf("sd %v, n %d: %v, want at most 0.06 of same", sd, n, got)
			}
		}
	}
}

// 4 standard errors of 8000 sets are 1.8 points, and c(n) is rounded to the
// second digit, which is half a point at most. At 21, where the formula takes
// over from the table, it is 4 points short, as MDE documents.
func TestMDEIsFoundFourTimesInFive(t *testing.T) {
	const sets = 8000
	rng := rand.New(rand.NewPCG(6, 6))
	for _, c := range []struct {
		n         int
		tolerance float64
	}{{8, 0.025}, {9, 0.025}, {10, 0.025}, {11, 0.025}, {12, 0.025}, {14, 0.025}, {16, 0.025}, {18, 0.025}, {20, 0.025}, {21, 0.06}, {30, 0.025}} {
		effect := stats.MDE(c.n, 1)
		var found float64
		for range sets {
			d := sample(rng, c.n, func(rng *rand.Rand) float64 { return effect + rng.NormFloat64() })
			if stats.SignedRank(d) <= 0.01 {
				found++
			}
		}
		if got := found / sets; math.Abs(got-0.8) > c.tolerance {
			t.Errorf("n %d: power %.3f, want 0.8 ± %v", c.n, got, c.tolerance)
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

// mannWhitneyRejects reports whether the rank-sum test of two untied samples
// rejects at 5 percent, by its normal approximation (Mann and Whitney, 1947).
func mannWhitneyRejects(a, b []float64) bool {
	pooled := slices.Sorted(slices.Values(slices.Concat(a, b)))
	var sum float64
	for _, v := range a {
		rank, _ := slices.BinarySearch(pooled, v)
		sum += float64(rank + 1)
	}
	m, n := float64(len(a)), float64(len(b))
	mean, variance := m*(m+n+1)/2, m*n*(m+n+1)/12
	return math.Abs(sum-mean) > 1.96*math.Sqrt(variance)
}

// The other designs are tested at 5 percent and err in more than 20: why epochs
// are paired, and why nothing is tested over single requests.
func TestSequentialBlocksAndPooledRequestsAreWrongOneTimeInFive(t *testing.T) {
	const sets, n = 1000, 10
	m := &machine{rng: rand.New(rand.NewPCG(7, 7))}
	var blocks, pooled float64
	for range sets {
		a, b := m.runs(n), m.runs(n)
		if mannWhitneyRejects(a, b) {
			blocks++
		}
		if mannWhitneyRejects(m.requests(a), m.requests(b)) {
			pooled++
		}
	}
	if blocks/sets < 0.2 || pooled/sets < 0.2 {
		t.Errorf("false positives: blocks %v, pooled requests %v, want both above 0.2", blocks/sets, pooled/sets)
	}
}

// At n = 10 the exact size at 1 percent is 2·P(W <= 3) = 2·5/2¹⁰ = 0.98 %; 4
// standard errors of 10 000 sets are 0.39 %.
func TestPairsInRandomOrderKeepTheNominalErrorOnADriftingMachine(t *testing.T) {
	const sets, n = 10_000, 10
	m := &machine{rng: rand.New(rand.NewPCG(8, 8))}
	var rejected float64
	for range sets {
		d := make([]float64, n)
		for i := range d {
			first, second := m.run(), m.run()
			d[i] = first - second
			if m.rng.IntN(2) == 0 {
				d[i] = second - first
			}
		}
		if stats.SignedRank(d) <= 0.01 {
			rejected++
		}
	}
	if got := rejected / sets; got < 0.006 || got > 0.014 {
		t.Errorf("false positives %v, want 0.0098 ± 0.004", got)
	}
}
