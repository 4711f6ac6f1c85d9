package report

import (
	"grpcbench/internal/result"
	"grpcbench/internal/stats"
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
		if size := stats.Size(c.Epochs); c.Ratio != nil && size > 0 {
			judged++
			expected += size
		}
	}
	if judged == 0 {
		return []string{"no comparison has enough epochs for a verdict"}
	}
	return []string{plural(judged, "comparison"), "at most " + digits(expected) + " false verdicts expected"}
}
