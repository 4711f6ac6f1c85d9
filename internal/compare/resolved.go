package compare

import (
	"math"
	"slices"

	"grpcbench/internal/metric"
	"grpcbench/internal/result"
)

// Resolved says whether the 95 % interval of every primary comparison, and of those
// of the metrics also named, is at most δ wide, that is ±δ/2 about its middle. Only widths are looked at, never signs
// or p-values: a rule that stopped on significance would find some.
//
// A comparison without an interval is not resolved; no comparison at all is.
func Resolved(all []result.Comparison, also ...string) bool {
	for _, c := range all {
		if m, _ := metric.Named(c.Metric); !m.Primary && !slices.Contains(also, c.Metric) {
			continue
		}
		if c.Low == nil || c.High == nil || math.Log(*c.High / *c.Low) > math.Log1p(c.Delta) {
			return false
		}
	}
	return true
}
