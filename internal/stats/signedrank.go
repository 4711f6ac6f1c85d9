// Package stats judges paired differences, and two samples of them: it tests them,
// estimates their centre or shift with an interval, and turns both into a verdict.
//
// The differences are log-ratios of one figure of one arm and its control, one
// an epoch, in natural logarithms (0.03 is about 3 percent). The package knows
// nothing of arms, figures or runs: every function is pure, leaves its
// arguments as they were and may be called from any number of goroutines.
//
// Nothing here assumes a normal distribution. What is assumed is that the
// differences are independent and symmetric about their centre, which the
// random assignment of the two sides of a pair brings about.
package stats

import (
	"cmp"
	"math"
	"slices"
)

// SignedRank returns the exact two-sided p-value of the signed-rank test, in
// (0, 1], of the hypothesis that the differences d are symmetric about zero.
//
// The statistic is W, the sum of the ranks of |d[i]| over d[i] > 0; under the
// hypothesis each rank is in the sum with probability 1/2, so that
//
//	p = min(1, 2·min(P(W <= w), P(W >= w)))
//
// Equal values of |d[i]| share their mean rank. Zeros are ranked with the rest
// and then left out, since they have no sign: dropping them first can make a
// sample look more positive after it was lowered. The p-value is conditional
// on the ties and zeros found and needs no approximation.
//
// It is 1 for an empty d, and NaN if any value is not finite. It is exact up to
// 53 differences and has a relative error below len(d)·2⁻⁵³ above. The cost is
// O(len(d)³).
//
// Sources: Wilcoxon, Biometrics Bulletin 1, 1945; zeros: Pratt, Journal of the
// American Statistical Association 54, 1959; the distribution under ties by
// convolution: Streitberg and Röhmel, Statistical Software Newsletter 12, 1986.
func SignedRank(d []float64) float64 {
	if !finite(d) {
		return math.NaN()
	}
	sorted := slices.SortedFunc(slices.Values(d), func(a, b float64) int {
		return cmp.Compare(math.Abs(a), math.Abs(b))
	})
	var ranks []int // twice the mean rank, hence whole
	var positive, total int
	for i, j := 0, 0; i < len(sorted); i = j {
		for j < len(sorted) && math.Abs(sorted[j]) == math.Abs(sorted[i]) {
			j++
		}
		rank := i + 1 + j // the ranks of the group are i+1 … j
		for _, v := range sorted[i:j] {
			if v == 0 {
				continue
			}
			ranks = append(ranks, rank)
			total += rank
			if v > 0 {
				positive += rank
			}
		}
	}
	// W and total − W have the same distribution, so the smaller of the two
	// has the smaller tail.
	var tail float64
	for _, p := range nullDistribution(ranks)[:min(positive, total-positive)+1] {
		tail += p
	}
	return min(1, 2*tail)
}

// HodgesLehmann returns the median of the averages of all pairs of d, each
// value paired with itself too: an estimate of the centre of d, in d's unit,
// that one wild value moves little.
//
// It is NaN if d is empty or any value is not finite.
//
// Source: Hodges and Lehmann, Annals of Mathematical Statistics 34, 1963.
func HodgesLehmann(d []float64) float64 {
	if len(d) == 0 || !finite(d) {
		return math.NaN()
	}
	averages := walshAverages(d)
	n := len(averages)
	return averages[(n-1)/2]/2 + averages[n/2]/2
}

// Interval returns the confidence interval [lo, hi] of the centre of d, in d's
// unit, at a level in (0, 1): the centres that the signed-rank test does not
// reject at 1 − level. HodgesLehmann(d) lies inside.
//
// With k the smallest number for which P(W <= k) > (1 − level)/2, lo and hi are
// the k-th average of pairs from below and from above. As W is discrete the
// true level is at or above the one asked for. It stays there if values are
// tied, because the ends belong to the interval; zeros are values like others.
//
// ok is false, and the interval the whole line, if d has too few values for the
// level (fewer than 6 at 0.95, 8 at 0.99), if any is not finite, or if the level
// is outside (0, 1).
//
// Sources: Tukey, in Hollander, Wolfe and Chicken, Nonparametric Statistical
// Methods, 3rd edition, section 3.3; ties: Noether, Journal of the American
// Statistical Association 62, 1967.
func Interval(d []float64, level float64) (lo, hi float64, ok bool) {
	k := 0
	if finite(d) && level > 0 && level < 1 {
		k = lowerRank(len(d), (1-level)/2)
	}
	if k == 0 {
		return math.Inf(-1), math.Inf(1), false
	}
	averages := walshAverages(d)
	return averages[k-1], averages[len(averages)-k], true
}

// lowerRank returns the smallest k with P(W <= k) > tail for n untied
// differences; tail is in (0, 0.5).
func lowerRank(n int, tail float64) int {
	ranks := make([]int, n)
	for i := range ranks {
		ranks[i] = i + 1
	}
	distribution := nullDistribution(ranks)
	k := 0
	for below := distribution[0]; below <= tail; below += distribution[k] {
		k++
	}
	return k
}

// nullDistribution returns the probability of each sum of ranks, indexed by the
// sum, if each rank is in the sum or not by the toss of a fair coin.
//
// Probabilities are multiples of 2⁻ⁿ below 1, which a float64 holds exactly up
// to 53 ranks.
func nullDistribution(ranks []int) []float64 {
	total := 0
	for _, r := range ranks {
		total += r
	}
	p := make([]float64, total+1)
	p[0] = 1
	top := 0
	for _, r := range ranks {
		top += r
		for w := top; w >= r; w-- {
			p[w] = (p[w] + p[w-r]) / 2
		}
		for w := range r {
			p[w] /= 2
		}
	}
	return p
}

// walshAverages returns (d[i]+d[j])/2 for all i <= j, in ascending order.
func walshAverages(d []float64) []float64 {
	averages := make([]float64, 0, len(d)*(len(d)+1)/2)
	for i, a := range d {
		for _, b := range d[i:] {
			averages = append(averages, a/2+b/2)
		}
	}
	slices.Sort(averages)
	return averages
}

// finite reports whether d holds neither NaN nor an infinity.
func finite(d []float64) bool {
	return !slices.ContainsFunc(d, func(v float64) bool {
		return math.IsNaN(v) || math.IsInf(v, 0)
	})
}

// LeastP is the least p-value that [SignedRank] can have for n differences: that of all
// of one sign, 2/2ⁿ. It is 1 for none.
func LeastP(n int) float64 { return min(1, 2*math.Pow(2, -float64(n))) }
