package report

import (
	"grpcbench/internal/result"
)

// signs explains the marks of changes.
func signs() []string {
	return []string{"▲ higher, ▼ lower (p ≤ 1 %)", "= same, within ±", "~ cannot tell"}
}

// chance says how many comparisons were judged and how many verdicts of slower
// or faster among them would come about without any difference: the sum of the
// sizes of their tests. It is an upper bound, because a verdict also asks for a
// difference that matters.
func chance(r result.Result) []string {
	judged, expected := 0, 0.0
	for _, c := range r.Comparisons {
		if size := testSize(c.Epochs); c.Ratio != nil && size > 0 {
			judged++
			expected += size
		}
	}
	if judged == 0 {
		return []string{"no comparison has enough epochs for a verdict"}
	}
	return []string{plural(judged, "comparison"), "at most " + digits(expected) + " false verdicts expected"}
}

// testSize is the size of the signed-rank test of n pairs at 1 %: the largest
// two-sided level it can have that is not above,
//
//	size(n) = max { 2·P(W <= k) : 2·P(W <= k) <= 0.01 },  W = Σ i·Bᵢ, i = 1 … n,
//
// with Bᵢ independent fair coins. It is 0 for n < 8, 0.0078 for 8, 0.0098 for 10.
func testSize(n int) float64 {
	const alpha = 0.01
	if n < 8 {
		return 0
	}
	if n > 50 { // the levels are then closer together than is worth printing
		return alpha
	}
	p := make([]float64, n*(n+1)/2+1) // P(W = w)
	p[0] = 1
	for i := 1; i <= n; i++ {
		for w := len(p) - 1; w >= 0; w-- {
			p[w] /= 2
			if w >= i {
				p[w] += p[w-i] / 2
			}
		}
	}
	size := 0.0
	for _, q := range p {
		if size+2*q > alpha {
			break
		}
		size += 2 * q
	}
	return size
}
