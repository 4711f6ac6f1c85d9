package stats_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"grpcbench/internal/stats"
)

// Hollander and Wolfe, Nonparametric Statistical Methods, 1973, page 29: the
// Hamilton depression scale factor at a first and a second visit, 9 patients.
var (
	firstVisit  = []float64{1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30}
	secondVisit = []float64{0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29}
)

// StatXact 4 manual, page 167: serum antigen level of 20 patients before and
// after a treatment; the difference is 0 for four of them.
var (
	antigenBefore = []float64{149, 0, 0, 259, 106, 255, 0, 52, 340, 65, 180, 0, 84, 89, 212, 554, 500, 424, 112, 2600}
	antigenAfter  = []float64{0, 51, 0, 385, 0, 235, 0, 0, 48, 65, 77, 0, 0, 0, 53, 150, 0, 165, 98, 0}
)

// Fifty pairs of whole numbers from 1 to 7: many ties and zeros.
var (
	scoresFirst = []float64{
		6, 4, 5, 5, 7, 6, 6, 6, 7, 6, 6, 5, 6, 6, 5, 5, 3, 6, 6, 5, 6, 5, 4, 6, 6,
		6, 7, 4, 3, 4, 6, 6, 5, 6, 4, 6, 6, 5, 7, 6, 6, 5, 6, 7, 6, 6, 6, 5, 7, 7,
	}
	scoresSecond = []float64{
		5, 3, 5, 3, 5, 3, 6, 2, 3, 6, 2, 5, 5, 6, 4, 6, 4, 5, 5, 3, 7, 5, 6, 6, 4,
		3, 4, 3, 2, 4, 5, 4, 4, 6, 2, 6, 7, 4, 4, 5, 5, 5, 5, 7, 4, 5, 3, 2, 6, 7,
	}
)

// Samples on which R and the tests of Julia's HypothesisTests agree.
var (
	untied15 = []float64{-7.8, -6.9, -4.7, 3.7, 6.5, 8.7, 9.1, 10.1, 10.8, 13.6, 14.4, 16.6, 20.2, 22.4, 23.5}
	untied10 = []float64{-1.8, -0.7, 0.1, 1.4, -0.2, 0.9, 2.1, -0.8, 0.3, 1.0}
	tied15   = minus([]float64{1, 2, 3, 4, 5, 6, 7, 10, 10, 10, 10, 10, 13, 14, 15}, repeat(10.1, 15))
	tied15b  = []float64{0.5, 0.5, 1, -0.5, -1, 1.5, -1.5, 0.5, 1, -0.5, 2, 0.5, -1, 1, 0.5}
)

func TestSignedRankEqualsPublishedValues(t *testing.T) {
	for _, c := range []struct {
		name string
		d    []float64
		want float64
		tol  float64
	}{
		// Page 40 of the book: V = 40, and 10 subsets of 1 … 9 have a sum of at most 5.
		{"depression scores, n 9", minus(firstVisit, secondVisit), 20.0 / 512, 0},
		// R: wilcox.test.
		{"1 … 15 around 10.1, n 15", minus(integers(15), repeat(10.1, 15)), 0.09460449, 5e-9},
		{"1 … 16 around 10.1, n 16", minus(integers(16), repeat(10.1, 16)), 0.1928101, 5e-8},
		{"no ties, n 15", untied15, 2 * 0.001678466797, 1e-12},
		// R: exactRankTests::wilcox.exact.
		{"five ties, n 15", tied15, 0.04052734375, 0},
		{"ties throughout, n 15", tied15b, 2 * 0.1535949707, 1e-10},
		{"all positive, n 8", integers(8), 0.0078125, 0},
		{"all positive with a tie, n 8", []float64{1, 2, 3, 4, 5, 6, 7, 7}, 0.0078125, 0},
		{"all the same, n 3", repeat(1, 3), 0.25, 0},
		// StatXact 4, page 168, which leaves zeros out.
		{"antigen levels without zeros, n 16", nonzero(minus(antigenBefore, antigenAfter)), 0.0021, 5e-5},
		// R: coin::wilcoxsign_test, distribution "exact", zero.method "Pratt".
		{"scores with ties and zeros, n 50", minus(scoresFirst, scoresSecond), 1.474e-6, 5e-10},
	} {
		if got := stats.SignedRank(c.d); math.Abs(got-c.want) > c.tol {
			t.Errorf("%s: p %v, want %v", c.name, got, c.want)
		}
	}
}

// Pratt's example (1959): to drop the zero makes the sample look less positive
// than it looks after that zero was lowered. With the zero ranked it does not.
//
// Without: T− = 12 of ranks 1 … 12. Subsets with a sum of at most 12 are the
// partitions of 0 … 12 into distinct parts (OEIS A000009):
// 1+1+1+2+2+3+4+5+6+8+10+12+15 = 70.
//
// Lowered: T− = 1+13 of ranks 1 … 13. The same up to 14, less the part 14 that
// is no rank: 70+18+22−1 = 109.
//
// Ranked: T− = 13 of ranks 2 … 13: the partitions of 0 … 13 into distinct parts
// of at least 2 (OEIS A025147): 1+0+1+1+1+2+2+3+3+5+5+7+8+10 = 49.
func TestSignedRankRanksZerosBeforeItLeavesThemOut(t *testing.T) {
	pratt := []float64{0, 2, 3, 4, 6, 7, 8, 9, 11, 14, 15, 17, -18}
	lowered := slices.Clone(pratt)
	lowered[0] = -1
	for _, c := range []struct {
		name string
		d    []float64
		want float64
	}{
		{"without the zero", nonzero(pratt), 2 * 70.0 / 4096},
		{"zero lowered", lowered, 2 * 109.0 / 8192},
		{"zero ranked", pratt, 2 * 49.0 / 4096},
	} {
		if got := stats.SignedRank(c.d); got != c.want {
			t.Errorf("%s: p %v, want %v", c.name, got, c.want)
		}
	}
}

// McCornack, Journal of the American Statistical Association 60, 1965: the
// largest smaller rank sum that is significant on two sides, n = 6 … 30; −1 if
// there is none.
func TestSignedRankHasTheTabulatedCriticalValues(t *testing.T) {
	for _, c := range []struct {
		alpha float64
		table []int
	}{
		{0.05, []int{0, 2, 3, 5, 8, 10, 13, 17, 21, 25, 29, 34, 40, 46, 52, 58, 65, 73, 81, 89, 98, 107, 116, 126, 137}},
		{0.01, []int{-1, -1, 0, 1, 3, 5, 7, 9, 12, 15, 19, 23, 27, 32, 37, 42, 48, 54, 61, 68, 75, 83, 91, 100, 109}},
	} {
		for i, critical := range c.table {
			n := i + 6
			if critical >= 0 {
				if p := stats.SignedRank(withNegativeSum(n, critical)); p > c.alpha {
					t.Errorf("n %d, T %d: p %v, want at most %v", n, critical, p, c.alpha)
				}
			}
			if p := stats.SignedRank(withNegativeSum(n, critical+1)); p <= c.alpha {
				t.Errorf("n %d, T %d: p %v, want above %v", n, critical+1, p, c.alpha)
			}
		}
	}
}

func TestSignedRankEqualsEnumerationOfAllSigns(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for n := range 13 {
		for range 20 {
			d := make([]float64, n)
			for i := range d {
				d[i] = float64(rng.IntN(2*n+1) - n/2) // ties and zeros
			}
			if got, want := stats.SignedRank(d), enumeratedP(d); got != want {
				t.Errorf("%v: p %v, want %v", d, got, want)
			}
		}
	}
}

func TestSignedRankOfUnanimousSignsStaysExactForManyDifferences(t *testing.T) {
	for _, n := range []int{53, 54, 60, 100} {
		if got, want := stats.SignedRank(integers(n)), math.Ldexp(2, -n); got != want {
			t.Errorf("n %d: p %v, want %v", n, got, want)
		}
	}
}

func TestHodgesLehmannEqualsPublishedValues(t *testing.T) {
	for _, c := range []struct {
		name string
		d    []float64
		want float64
		tol  float64
	}{
		{"depression scores (Hollander and Wolfe, page 53)", minus(firstVisit, secondVisit), 0.46, 5e-4},
		{"antigen levels without zeros (StatXact 4, page 175)", nonzero(minus(antigenBefore, antigenAfter)), 137.8, 0.0501},
		{"no ties, n 15 (R)", untied15, 9.675, 1e-9},
		{"five ties, n 15 (R)", tied15, -2.1, 1e-9},
		{"ties throughout, n 15 (R)", tied15b, 0.5, 1e-9},
		{"one value", []float64{1.5}, 1.5, 0},
		// Averages 1, 2.5, 4: the middle one.
		{"two values", []float64{4, 1}, 2.5, 0},
		// Averages 0, 0.5, 1, 5, 5.5, 10: halfway between 1 and 5, where the mean is 3.67.
		{"one wild value", []float64{0, 1, 10}, 3, 0},
	} {
		if got := stats.HodgesLehmann(c.d); math.Abs(got-c.want) > c.tol {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestIntervalEqualsPublishedValues(t *testing.T) {
	for _, c := range []struct {
		name   string
		d      []float64
		level  float64
		lo, hi float64
		tol    float64
	}{
		{"depression scores (Hollander and Wolfe, page 53)", minus(firstVisit, secondVisit), 0.95, 0.010, 0.786, 5e-4},
		{"antigen levels without zeros (StatXact 4, page 175)", nonzero(minus(antigenBefore, antigenAfter)), 0.95, 54, 292, 0},
		{"no ties, n 15 (R)", untied15, 0.95, 3.3, 15.5, 1e-9},
		{"no ties, n 15, 90 % (R)", untied15, 0.90, 4.45, 14.45, 1e-9},
		{"no ties, n 10 (R)", untied10, 0.95, -0.7, 1.1, 1e-9},
		{"no ties, n 10, 90 % (R)", untied10, 0.90, -0.45, 0.95, 1e-9},
		// R resorts to a normal approximation here, found by bisection to 1e-4.
		{"ties throughout, n 15, 90 % (R)", tied15b, 0.90, -0.25, 0.75, 1e-4},
		// 15/16 is the level of the widest interval of five.
		{"widest, n 5 (R)", []float64{1.4, -0.6, 2.3, 0.8, -1.9}, 0.9375, -1.9, 2.3, 0},
		// McCornack's 137 makes k = 138. The sums i+j up to s number ⌊s²/4⌋ for
		// 1 <= i <= j <= 30 and s <= 31: 132 up to 23 and 144 up to 24, so the
		// 138th average is 12, and by symmetry the last but 137 is 31 − 12.
		{"1 … 30", integers(30), 0.95, 12, 19, 0},
	} {
		lo, hi, ok := stats.Interval(c.d, c.level)
		if !ok || math.Abs(lo-c.lo) > c.tol || math.Abs(hi-c.hi) > c.tol {
			t.Errorf("%s: [%v, %v] %v, want [%v, %v]", c.name, lo, hi, ok, c.lo, c.hi)
		}
	}
}

func TestIntervalHoldsTheCentresThatTheTestDoesNotReject(t *testing.T) {
	const step = 1e-9
	rng := rand.New(rand.NewPCG(2, 2))
	for n := 8; n <= 30; n += 2 {
		d := make([]float64, n)
		for i := range d {
			d[i] = rng.NormFloat64()
		}
		for _, level := range []float64{0.90, 0.95, 0.99} {
			lo, hi, ok := stats.Interval(d, level)
			if !ok {
				t.Fatalf("n %d, level %v: no interval", n, level)
			}
			for _, centre := range []float64{lo + step, hi - step} {
				if p := stats.SignedRank(minus(d, repeat(centre, n))); p <= 1-level {
					t.Errorf("n %d, level %v: p %v inside, want above %v", n, level, p, 1-level)
				}
			}
			for _, centre := range []float64{lo - step, hi + step} {
				if p := stats.SignedRank(minus(d, repeat(centre, n))); p > 1-level {
					t.Errorf("n %d, level %v: p %v outside, want at most %v", n, level, p, 1-level)
				}
			}
			if hl := stats.HodgesLehmann(d); hl < lo || hl > hi {
				t.Errorf("n %d, level %v: estimate %v outside [%v, %v]", n, level, hl, lo, hi)
			}
		}
	}
}

// The widest interval of n values misses with probability 2/2ⁿ, which must be at
// most 1 − level.
func TestIntervalIsRefusedIfTheLevelIsOutOfReach(t *testing.T) {
	for _, c := range []struct {
		n     int
		level float64
		want  bool
	}{
		{0, 0.95, false},
		{4, 0.90, false},
		{5, 0.90, true},
		{5, 0.95, false},
		{6, 0.95, true},
		{7, 0.99, false},
		{8, 0.99, true},
		{30, 0, false},
		{30, 1, false},
		{30, 95, false},
		{30, math.NaN(), false},
	} {
		lo, hi, ok := stats.Interval(integers(c.n), c.level)
		if ok != c.want {
			t.Errorf("n %d, level %v: ok %v, want %v", c.n, c.level, ok, c.want)
		}
		if !ok && !(math.IsInf(lo, -1) && math.IsInf(hi, 1)) {
			t.Errorf("n %d, level %v: [%v, %v], want the whole line", c.n, c.level, lo, hi)
		}
	}
}

func TestValuesThatAreNotFiniteGiveNoNumber(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		d := append(integers(10), bad)
		for name, got := range map[string]float64{
			"SignedRank":    stats.SignedRank(d),
			"HodgesLehmann": stats.HodgesLehmann(d),
			"SD":            stats.SD(d),
		} {
			if !math.IsNaN(got) {
				t.Errorf("%s with %v: %v, want NaN", name, bad, got)
			}
		}
		if _, _, ok := stats.Interval(d, 0.95); ok {
			t.Errorf("interval with %v: ok", bad)
		}
	}
}

func TestNoFunctionChangesItsArgument(t *testing.T) {
	d := []float64{0.3, -0.1, 0.2, 0, -0.4, 0.9, 0.8, 0.7}
	before := slices.Clone(d)
	stats.SignedRank(d)
	stats.HodgesLehmann(d)
	stats.Interval(d, 0.95)
	stats.SD(d)
	stats.Holm(d)
	if _, err := stats.Judge(d, 0.03); err != nil {
		t.Fatal(err)
	}
	if _, err := stats.JudgeShift(d, d, 0.03); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d, before) {
		t.Errorf("argument %v, want %v", d, before)
	}
}

// enumeratedP is the definition of SignedRank, in 2^n steps.
func enumeratedP(d []float64) float64 {
	var ranks []float64
	var positive float64
	for _, v := range d {
		var below, equal int
		for _, u := range d {
			switch {
			case math.Abs(u) < math.Abs(v):
				below++
			case math.Abs(u) == math.Abs(v):
				equal++
			}
		}
		rank := float64(below) + float64(equal+1)/2
		if v != 0 {
			ranks = append(ranks, rank)
		}
		if v > 0 {
			positive += rank
		}
	}
	var atMost, atLeast float64
	for signs := range 1 << len(ranks) {
		var w float64
		for i, rank := range ranks {
			if signs>>i&1 == 1 {
				w += rank
			}
		}
		if w <= positive {
			atMost++
		}
		if w >= positive {
			atLeast++
		}
	}
	return min(1, 2*min(atMost, atLeast)/float64(int(1)<<len(ranks)))
}

// withNegativeSum returns 1 … n in which the negative values sum to −sum.
func withNegativeSum(n, sum int) []float64 {
	d := integers(n)
	for i := n; i >= 1; i-- {
		if i <= sum {
			d[i-1] = -d[i-1]
			sum -= i
		}
	}
	return d
}

func integers(n int) []float64 {
	d := make([]float64, n)
	for i := range d {
		d[i] = float64(i + 1)
	}
	return d
}

func repeat(v float64, n int) []float64 {
	return slices.Repeat([]float64{v}, n)
}

func minus(a, b []float64) []float64 {
	d := make([]float64, len(a))
	for i := range a {
		d[i] = a[i] - b[i]
	}
	return d
}

func nonzero(d []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(d), func(v float64) bool { return v == 0 })
}
