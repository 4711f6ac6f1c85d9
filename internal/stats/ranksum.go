package stats

import (
	"math"
	"slices"
)

// exactPairs is the largest product of two sample sizes for which the rank-sum
// test is exact, 50 values a side. With ties that takes some 20 ms.
const exactPairs = 2500

// RankSum returns the two-sided p-value of the rank-sum test, in (0, 1], of the
// hypothesis that the two independent samples were drawn from one distribution.
//
// With r the ranks of all N = len(base)+len(new) values together, equal ones sharing
// their mean rank, the statistic is
//
//	W = Σ 2·r(new[i]) − (N+1)
//
// which is 2·U − len(base)·len(new) of Mann and Whitney, with ties counted half. Under
// the hypothesis every choice of len(new) of the N ranks is as likely as any other, so
// that the mean of W is 0 and p = P(|W'| >= |W|).
//
// p is exact, conditional on the ties found, if len(base)·len(new) is at most 2500 (50
// values a side). Beyond, it is the normal approximation with corrections for ties and
// continuity. It is 1 if a sample is
// empty, and NaN if any value is not finite. With n values a side the cost is O(n³), and
// O(n⁴) with ties.
//
// Sources: Wilcoxon, Biometrics Bulletin 1, 1945; Mann and Whitney, Annals of
// Mathematical Statistics 18, 1947; the distribution under ties: Streitberg and Röhmel,
// Statistical Software Newsletter 12, 1986; the approximation: Hollander, Wolfe and
// Chicken, Nonparametric Statistical Methods, 3rd edition, section 4.1.
func RankSum(base, new []float64) float64 {
	if !finite(base) || !finite(new) {
		return math.NaN()
	}
	m, n := len(new), len(base)
	if m == 0 || n == 0 {
		return 1
	}
	scores, tied := midRanks(slices.Concat(new, base))
	w := 0
	for _, s := range scores[:m] {
		w += s
	}
	w = max(w, -w)
	var null []float64
	switch {
	case m*n > exactPairs:
		return min(1, math.Erfc((float64(w)-1)/(math.Sqrt2*spread(scores, m))))
	case tied:
		null = tiedSums(scores, min(m, n))
	default:
		null = untiedSums(m, n)
	}
	var p float64
	for i, v := range null {
		if d := i - len(null)/2; d >= w || -d >= w {
			p += v
		}
	}
	return min(1, p)
}

// MedianShift returns the median of the differences new[j] − base[i] of all pairs: an estimate
// of how far new lies above base, in their unit, that a few wild values move little.
//
// It is NaN if either sample is empty or any value is not finite.
//
// Source: Hodges and Lehmann, Annals of Mathematical Statistics 34, 1963.
func MedianShift(base, new []float64) float64 {
	if len(base) == 0 || len(new) == 0 || !finite(base) || !finite(new) {
		return math.NaN()
	}
	d := differences(base, new)
	n := len(d)
	return d[(n-1)/2]/2 + d[n/2]/2
}

// ShiftInterval returns the confidence interval [lo, hi] of the shift of new against
// base, in their unit, at a level in (0, 1): the shifts that the rank-sum test does not
// reject at 1 − level. MedianShift(base, new) lies inside.
//
// With U the number of pairs in which new[j] > base[i], and k the smallest number for
// which P(U <= k) > (1 − level)/2, lo and hi are the k-th difference of a pair from below
// and from above. As U is discrete the true level is at or above the one asked for. It
// stays there if values are tied, because the ends belong to the interval. The
// distribution of U is exact or approximated as RankSum says.
//
// ok is false, and the interval the whole line, if the samples are too small for the
// level (at 0.95: 3 and 4 values, which have 35 orders only), if any value is not finite,
// or if the level is outside (0, 1).
//
// Source: Moses, in Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3rd
// edition, section 4.3.
func ShiftInterval(base, new []float64, level float64) (lo, hi float64, ok bool) {
	k := 0
	if finite(base) && finite(new) && len(base) > 0 && len(new) > 0 && level > 0 && level < 1 {
		k = lowerCount(len(new), len(base), (1-level)/2)
	}
	if k == 0 {
		return math.Inf(-1), math.Inf(1), false
	}
	d := differences(base, new)
	return d[k-1], d[len(d)-k], true
}

// lowerCount returns the smallest k with P(U <= k) > tail for untied samples of m and n
// values; tail is in (0, 0.5).
func lowerCount(m, n int, tail float64) int {
	if m*n > exactPairs {
		pairs := float64(m) * float64(n)
		z := math.Sqrt2 * math.Erfinv(1-2*tail)
		return int(math.Floor(pairs/2-0.5-z*math.Sqrt(pairs*float64(m+n+1)/12))) + 1
	}
	null := untiedSums(m, n)
	k := 0
	for below := null[0]; below <= tail; below += null[2*k] {
		k++
	}
	return k
}

// untiedSums returns the probability of each W of RankSum without ties, indexed by
// W + m·n; every second one is zero.
//
// The number of choices with U = u is the coefficient of x^u in Π (1 − x^(n+i)) / (1 − x^i)
// over i = 1 … m. Each factor makes a whole polynomial of the one before, so that small
// counts are exact; large ones, of the upper half, are those of the lower half mirrored.
//
// Source: Andrews, The Theory of Partitions, 1976, section 3.2.
func untiedSums(m, n int) []float64 {
	m, n = min(m, n), max(m, n)
	counts := make([]float64, m*n/2+1)
	counts[0] = 1
	choices := 1.0
	for i := 1; i <= m; i++ {
		for u := len(counts) - 1; u >= n+i; u-- {
			counts[u] -= counts[u-n-i]
		}
		for u := i; u < len(counts); u++ {
			counts[u] += counts[u-i]
		}
		choices *= float64(n+i) / float64(i)
	}
	p := make([]float64, 2*m*n+1)
	for u, c := range counts {
		p[2*u] = c / choices
		p[2*(m*n-u)] = c / choices
	}
	return p
}

// tiedSums returns the probability of each sum of m of the scores, as of midRanks, if
// every choice of m is as likely. The sum s is at index s + len/2.
func tiedSums(scores []int, m int) []float64 {
	top := 0 // the largest sum is at most that of all positive scores
	for _, s := range scores {
		top += max(s, 0)
	}
	// p[k] holds the sums of the k scores chosen among those seen so far. The next one is
	// chosen with probability (m − k)/(scores left).
	p := make([][]float64, m+1)
	for k := range p {
		p[k] = make([]float64, 2*top+1)
	}
	p[0][top] = 1
	for i, s := range scores {
		left := float64(len(scores) - i)
		for k := min(i, m); k >= 0; k-- {
			chosen := float64(m-k) / left
			for j, v := range p[k] {
				if v == 0 {
					continue
				}
				if chosen > 0 {
					p[k+1][j+s] += v * chosen
				}
				p[k][j] = v * (1 - chosen)
			}
		}
	}
	return p[m]
}

// spread is the standard deviation of the sum of m of the scores, as of midRanks, if
// every choice of m is as likely.
func spread(scores []int, m int) float64 {
	var squares float64
	for _, s := range scores {
		squares += float64(s) * float64(s)
	}
	n := float64(len(scores))
	return math.Sqrt(float64(m) * (n - float64(m)) / (n * (n - 1)) * squares)
}

// differences returns new[j] − base[i] for all pairs, in ascending order.
func differences(base, new []float64) []float64 {
	d := make([]float64, 0, len(base)*len(new))
	for _, b := range base {
		for _, v := range new {
			d = append(d, v-b)
		}
	}
	slices.Sort(d)
	return d
}

// LeastShiftP is the least p-value that [RankSum] can have for samples of these sizes:
// that of all values of one above all of the other, 2/C(base+new, new). It is 1 if either
// is empty.
func LeastShiftP(base, new int) float64 {
	p := 2.0
	for i := 1; i <= new; i++ {
		p *= float64(i) / float64(base+i)
	}
	return min(1, p)
}
