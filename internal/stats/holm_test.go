package stats_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/stats"
)

func TestHolmAdjustsInTheOrderGiven(t *testing.T) {
	for _, c := range []struct {
		name    string
		p, want []float64
	}{
		{"none", nil, []float64{}},
		{"one", []float64{0.03}, []float64{0.03}},
		// 4·0.005, 3·0.01, 2·0.03, and 1·0.04 raised to the one before.
		{"four", []float64{0.01, 0.04, 0.03, 0.005}, []float64{0.03, 0.06, 0.06, 0.02}},
		{"equal", []float64{0.02, 0.02, 0.02}, []float64{0.06, 0.06, 0.06}},
		{"never above 1", []float64{0.9, 0.6}, []float64{1, 1}},
	} {
		if diff := cmp.Diff(c.want, stats.Holm(c.p), closeTo(1e-15)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestHolmOfNaNRejectsNothing(t *testing.T) {
	for i, p := range stats.Holm([]float64{0.001, math.NaN(), 0.002}) {
		if !math.IsNaN(p) {
			t.Errorf("adjusted value %d: %v, want NaN", i, p)
		}
	}
}
