package stats_test

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"grpcbench/internal/stats"
)

var (
	// Permeability of the human placenta to water at term and after 12 to 26 weeks
	// (Hollander and Wolfe, Nonparametric Statistical Methods, 1973, page 69).
	term  = []float64{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46}
	weeks = []float64{1.15, 0.88, 0.90, 0.74, 1.21}

	// Hours of sleep gained by two drugs (Student, Biometrika 6, 1908).
	firstDrug  = []float64{0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0, 2}
	secondDrug = []float64{1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4}

	// Ozone in New York, parts per billion, May and August 1973 (Chambers, Cleveland,
	// Kleiner and Tukey, Graphical Methods for Data Analysis, 1983).
	ozoneMay    = []float64{41, 36, 12, 18, 28, 23, 19, 8, 7, 16, 11, 14, 18, 14, 34, 6, 30, 11, 1, 11, 4, 32, 23, 45, 115, 37}
	ozoneAugust = []float64{39, 9, 16, 78, 35, 66, 122, 89, 110, 44, 28, 65, 22, 59, 23, 31, 44, 21, 9, 45, 168, 73, 76, 118, 84, 85}

	// Dried weight of plants, grams: control and two treatments (Dobson, An Introduction
	// to Statistical Modelling, 1983).
	plants       = []float64{4.17, 5.58, 5.18, 6.11, 4.5, 4.61, 5.17, 4.53, 5.33, 5.14}
	plantsFirst  = []float64{4.81, 4.17, 4.41, 3.59, 5.87, 3.83, 6.03, 4.89, 4.32, 4.69}
	plantsSecond = []float64{6.31, 5.12, 5.54, 5.5, 5.37, 5.29, 4.92, 6.15, 5.8, 5.26}

	// Weight of chicks by feed, grams (Anonymous, Biometrika 35, 1948).
	linseed   = []float64{309, 229, 181, 141, 260, 203, 148, 169, 213, 257, 244, 271}
	horsebean = []float64{179, 160, 136, 227, 217, 168, 108, 124, 143, 140}
	soybean   = []float64{243, 230, 248, 327, 329, 250, 193, 271, 316, 267, 199, 171, 158, 248}

	// Insects on plots after three sprays, many ties (Beall, Biometrika 32, 1942).
	sprayA = []float64{10, 7, 20, 14, 14, 12, 10, 23, 17, 20, 14, 13}
	sprayB = []float64{11, 17, 21, 11, 16, 14, 17, 17, 19, 21, 7, 13}
	sprayC = []float64{0, 1, 7, 2, 3, 1, 2, 1, 3, 0, 1, 4}
	sprayE = []float64{3, 5, 3, 5, 3, 6, 1, 1, 3, 2, 6, 4}
)

// R 4.2.2 with coin 1.4-2: wilcox_test(values ~ side, distribution = "exact", conf.int =
// TRUE), and without ties wilcox.test(new, base, exact = TRUE, conf.int = TRUE), which
// agrees. The first p is twice the 0.1272 of the book's page 69. The interval of sleep is
// the one of wilcox.test, to 1e-4: coin's is of the distribution under ties, [0, 3.5].
func TestRankSumEqualsR(t *testing.T) {
	for _, c := range []struct {
		name             string
		base, new        []float64
		p, shift, lo, hi float64
	}{
		{"permeability", weeks, term, 0.254412254412254, 0.305, -0.15, 0.76},
		{"plants, second treatment", plants, plantsSecond, 0.0630128385546342, 0.49, -0.04, 1},
		{"chicks, untied", horsebean, linseed, 0.00714455822814956, 60.5, 12, 105},
		{"plants, first treatment, a tie", plants, plantsFirst, 0.196756803567949, -0.405, -1.01, 0.29},
		{"chicks, tied", linseed, soybean, 0.236106733487269, 23.5, -14, 72},
		{"ozone", ozoneMay, ozoneAugust, 6.10873518880372e-05, 32, 15, 53},
		{"insects, A and B", sprayA, sprayB, 0.577886778721346, 1, -3, 5},
		{"insects, C and E", sprayC, sprayE, 0.0491391768818071, 2, 0, 3},
		{"sleep", firstDrug, secondDrug, 0.0658165364047717, 1.35, -0.1, 3.6},
	} {
		if got := stats.RankSum(c.base, c.new); math.Abs(got-c.p) > 1e-12 {
			t.Errorf("%s: p %v, want %v", c.name, got, c.p)
		}
		if got := stats.MedianShift(c.base, c.new); math.Abs(got-c.shift) > 1e-12 {
			t.Errorf("%s: shift %v, want %v", c.name, got, c.shift)
		}
		lo, hi, ok := stats.ShiftInterval(c.base, c.new, 0.95)
		if !ok || math.Abs(lo-c.lo) > 1e-12 || math.Abs(hi-c.hi) > 1e-12 {
			t.Errorf("%s: [%v, %v] %v, want [%v, %v]", c.name, lo, hi, ok, c.lo, c.hi)
		}
	}
}

func TestRankSumEqualsEnumerationOfAllChoices(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 1))
	for m := 1; m <= 6; m++ {
		for n := 1; n <= 6; n++ {
			for _, values := range []int{3, 8, 1000} { // many ties, some, next to none
				base, new := make([]float64, n), make([]float64, m)
				for i := range base {
					base[i] = float64(rng.IntN(values))
				}
				for i := range new {
					new[i] = float64(rng.IntN(values))
				}
				if got, want := stats.RankSum(base, new), enumeratedRankSumP(base, new); math.Abs(got-want) > 1e-13 {
					t.Errorf("%v, %v: p %v, want %v", base, new, got, want)
				}
			}
		}
	}
}

// enumeratedRankSumP is the definition of RankSum, in 2^N steps.
func enumeratedRankSumP(base, new []float64) float64 {
	all := slices.Concat(new, base)
	sum := func(choice int) (w int) { // twice U of the chosen, less its mean
		for i, v := range all {
			for j, u := range all {
				if choice>>i&1 == 1 && choice>>j&1 == 0 {
					switch {
					case v > u:
						w++
					case v < u:
						w--
					}
				}
			}
		}
		return max(w, -w)
	}
	found := sum(1<<len(new) - 1)
	var choices, extreme float64
	for choice := range 1 << len(all) {
		if bits.OnesCount(uint(choice)) == len(new) {
			choices++
			if sum(choice) >= found {
				extreme++
			}
		}
	}
	return extreme / choices
}

// R 4.2.2: twice pwilcox(u, 40, 40) and pwilcox(u, 50, 50). In base all values are
// multiples of 100, and the new ones lie u pairs above the lowest place they can have.
func TestRankSumStaysExactForManyValues(t *testing.T) {
	for _, c := range []struct {
		n, u int
		want float64
	}{
		{40, 100, 2 * 1.4594501443078339e-14},
		{40, 400, 2 * 4.0764968664771419e-05},
		{40, 600, 2 * 2.7288094288250155e-02},
		{50, 0, 2 * 9.9116530214184495e-30},
		{50, 300, 2 * 7.0011211450743016e-13},
		{50, 900, 2 * 7.7619726153561764e-03},
	} {
		base, new := make([]float64, c.n), make([]float64, c.n)
		u := c.u
		for i := range c.n {
			base[i] = 100 * float64(i)
			above := min(u, c.n) // base values that new[i] is above
			new[i] = 100*float64(above) - 50 + float64(i)/10
			u -= above
		}
		if got := stats.RankSum(base, new); math.Abs(got/c.want-1) > 1e-11 {
			t.Errorf("n %d, U %d: p %v, want %v", c.n, c.u, got, c.want)
		}
	}
}

// R 4.2.2: wilcox.test(1:60 + 7.5, 1:60, exact = FALSE, conf.int = TRUE), which finds the
// ends by bisection to 1e-4, and the same without conf.int of two parts of its faithful.
func TestRankSumOfTooManyPairsIsApproximate(t *testing.T) {
	base := integers(60)
	new := minus(base, repeat(-7.5, 60))
	if got, want := stats.RankSum(base, new), 0.0269458561956; math.Abs(got-want) > 1e-12 {
		t.Errorf("p %v, want %v", got, want)
	}
	lo, hi, ok := stats.ShiftInterval(base, new, 0.95)
	if !ok || math.Abs(lo-0.5) > 1e-4 || math.Abs(hi-14.5) > 1e-4 {
		t.Errorf("[%v, %v] %v, want [0.5, 14.5]", lo, hi, ok)
	}
}

// R 4.2.2: qwilcox(tail, n, m) is the number of differences cut off on each side. The
// differences of these samples are 0 … mn−1.
func TestShiftIntervalHasTheTabulatedCriticalValues(t *testing.T) {
	for _, c := range []struct {
		m, n          int
		k99, k95, k90 int
	}{
		{8, 8, 8, 14, 16},
		{8, 30, 50, 66, 74},
		{40, 40, 534, 597, 629},
		{50, 50, 878, 966, 1011},
	} {
		base, new := make([]float64, c.n), make([]float64, c.m)
		for i := range base {
			base[i] = -float64(c.m * i)
		}
		for i := range new {
			new[i] = float64(i)
		}
		for level, k := range map[float64]int{0.99: c.k99, 0.95: c.k95, 0.90: c.k90} {
			lo, hi, ok := stats.ShiftInterval(base, new, level)
			if wantLo, wantHi := float64(k-1), float64(c.m*c.n-k); !ok || lo != wantLo || hi != wantHi {
				t.Errorf("%d and %d, level %v: [%v, %v] %v, want [%v, %v]", c.m, c.n, level, lo, hi, ok, wantLo, wantHi)
			}
		}
	}
}

func TestTwoSamplesThatSayNothingGiveNoNumber(t *testing.T) {
	for name, c := range map[string]struct{ base, new []float64 }{
		"NaN in base":      {[]float64{1, math.NaN()}, integers(9)},
		"infinity in new":  {integers(9), []float64{1, math.Inf(1)}},
		"no base":          {nil, integers(9)},
		"no new":           {integers(9), nil},
		"too few for 95 %": {integers(3), integers(4)},
	} {
		if lo, hi, ok := stats.ShiftInterval(c.base, c.new, 0.95); ok || !math.IsInf(lo, -1) || !math.IsInf(hi, 1) {
			t.Errorf("%s: [%v, %v] %v, want the whole line", name, lo, hi, ok)
		}
	}
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"p with NaN", stats.RankSum(integers(3), []float64{math.NaN()}), math.NaN()},
		{"p with an infinity", stats.RankSum([]float64{math.Inf(-1)}, integers(3)), math.NaN()},
		{"p of nothing", stats.RankSum(nil, integers(3)), 1},
		{"shift of nothing", stats.MedianShift(integers(3), nil), math.NaN()},
		{"shift with NaN", stats.MedianShift([]float64{math.NaN()}, integers(3)), math.NaN()},
		{"p of equal values", stats.RankSum(repeat(2, 9), repeat(2, 12)), 1},
	} {
		if c.got != c.want && !(math.IsNaN(c.got) && math.IsNaN(c.want)) {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}
