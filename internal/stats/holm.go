package stats

import (
	"cmp"
	"slices"
)

// Holm returns the p-values p, each in [0, 1], adjusted for being a family: to
// reject those with an adjusted value of at most α keeps the chance of even one
// false rejection at or below α, however the tests depend on each other.
//
// With p(1) <= … <= p(m), the adjusted value of p(i) is the largest of
// min(1, (m−j+1)·p(j)) over j <= i. The result is in the order of p; one NaN in
// p makes every value NaN.
//
// Source: Holm, Scandinavian Journal of Statistics 6, 1979.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) }) // NaN first
	adjusted := make([]float64, len(p))
	var largest float64
	for rank, i := range order {
		largest = max(largest, min(1, float64(len(p)-rank)*p[i]))
		adjusted[i] = largest
	}
	return adjusted
}
