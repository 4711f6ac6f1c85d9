package stats

import (
	"math"
	"testing"
)

func TestTheMedianIsInTheMiddle(t *testing.T) {
	for _, tt := range []struct {
		x    []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{4, 1}, 2.5}, {[]float64{9, 1, 2}, 2}, {[]float64{9, 1, 2, 3}, 2.5}} {
		if got := Median(tt.x); got != tt.want {
			t.Errorf("median of %v: %v, want %v", tt.x, got, tt.want)
		}
	}
	if got := Median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing: %v, want NaN", got)
	}
}
