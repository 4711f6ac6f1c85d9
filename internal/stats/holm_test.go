package stats_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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

// R 4.2.2: p.adjust(p, method = "holm"). The first family is that of Benjamini and
// Hochberg, Journal of the Royal Statistical Society B 57, 1995, section 3.2; the next two
// are all pairs of months in R's airquality (pairwise.wilcox.test of Ozone) and of sprays
// in its InsectSprays (pairwise.t.test), with p rounded to 6 digits.
func TestHolmEqualsR(t *testing.T) {
	for _, c := range []struct {
		name    string
		p, want []float64
	}{
		{
			"heart attacks, one p of 1",
			[]float64{0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1},
			[]float64{0.0015, 0.0056, 0.0247, 0.1140, 0.2211, 0.2780, 0.2780, 0.2780, 0.3213, 1, 1, 1, 1, 1, 1},
		},
		{
			"months",
			[]float64{0.192502, 2.99639e-05, 1.20808e-04, 0.118593, 0.0141362, 0.0259078, 0.958869, 0.861951, 7.4426e-04, 0.00324796},
			[]float64{0.577506, 0.000299639, 0.001087272, 0.474372, 0.0848172, 0.129539, 1, 1, 0.00595408, 0.02273572},
		},
		{
			"sprays, a tie",
			[]float64{
				0.604476, 7.26689e-11, 9.81691e-08, 2.75392e-09, 0.1806, 8.50978e-12, 1.2128e-08, 3.25799e-10,
				0.407986, 0.081412, 0.379475, 2.79434e-13, 0.379475, 4.03561e-10, 1.05439e-11,
			},
			[]float64{
				1, 8.720268e-10, 6.871837e-07, 2.478528e-08, 0.903, 1.1913692e-10, 9.7024e-08, 3.583789e-09,
				1, 0.488472, 1, 4.19151e-12, 1, 4.03561e-09, 1.370707e-10,
			},
		},
		{"0, 1 and ties", []float64{0, 0.5, 1, 1, 0.2, 0.2}, []float64{0, 1, 1, 1, 1, 1}},
		{"all 1", []float64{1, 1, 1}, []float64{1, 1, 1}},
		{"all equal", []float64{0.02, 0.02, 0.02}, []float64{0.06, 0.06, 0.06}},
		{"one value", []float64{0.03}, []float64{0.03}},
	} {
		if diff := cmp.Diff(c.want, stats.Holm(c.p), cmpopts.EquateApprox(1e-12, 0)); diff != "" {
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
