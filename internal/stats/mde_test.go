package stats_test

import (
	"math"
	"testing"

	"grpcbench/internal/stats"
)

func TestMDEFollowsTableAndFormula(t *testing.T) {
	for _, c := range []struct {
		n    int
		want float64
	}{
		{0, math.Inf(1)},
		{7, math.Inf(1)},
		{8, 1.92},
		{9, 1.61},
		{10, 1.39},
		{11, 1.30}, // halfway between 1.39 and 1.21
		{12, 1.21},
		{14, 1.10},
		{16, 0.99},
		{17, 0.9575}, // a quarter of the way from 0.99 to 0.86
		{20, 0.86},
		{24, 0.764963}, // 3.42·(1 + 1.7/24)/√22.92
		{40, 0.576860}, // 3.42·(1 + 1.7/40)/√38.2
	} {
		if got, want := stats.MDE(c.n, 0.02), 0.02*c.want; got != want && math.Abs(got-want) > 1e-6 {
			t.Errorf("n %d: %v, want %v", c.n, got, want)
		}
	}
}

func TestMDEOfAnUnknownSpreadIsUnknown(t *testing.T) {
	if got := stats.MDE(10, math.NaN()); !math.IsNaN(got) {
		t.Errorf("%v, want NaN", got)
	}
	if got := stats.MDE(1, math.NaN()); !math.IsInf(got, 1) {
		t.Errorf("one epoch: %v, want +Inf", got)
	}
}

func TestSDDividesByOneLessThanTheNumberOfValues(t *testing.T) {
	// Mean 5; squares of the deviations 9+1+1+1+0+0+4+16 = 32.
	d := []float64{2, 4, 4, 4, 5, 5, 7, 9}
	if got, want := stats.SD(d), math.Sqrt(32.0/7); math.Abs(got-want) > 1e-12 {
		t.Errorf("%v, want %v", got, want)
	}
	if got := stats.SD(repeat(0.1, 10)); got != 0 {
		t.Errorf("equal values: %v, want 0", got)
	}
	if got := stats.SD([]float64{1}); !math.IsNaN(got) {
		t.Errorf("one value: %v, want NaN", got)
	}
}

func TestShiftMDEFollowsTheFormula(t *testing.T) {
	for _, c := range []struct {
		m, n int
		want float64
	}{
		{7, 40, math.Inf(1)},
		{40, 7, math.Inf(1)},
		{8, 8, 4.166769},   // 3.42/√0.955 = 3.499648, times 1 + 0.1125 + 0.078125
		{10, 40, 3.700878}, // g = 20: times 1 + 0.045 + 0.0125
		{40, 40, 3.589327}, // times 1 + 0.0225 + 0.003125
	} {
		if got, want := stats.ShiftMDE(c.m, c.n, 0.02), 0.02*c.want; got != want && math.Abs(got-want) > 1e-6 {
			t.Errorf("%d and %d: %v, want %v", c.m, c.n, got, want)
		}
	}
	if got := stats.ShiftMDE(8, 8, math.NaN()); !math.IsNaN(got) {
		t.Errorf("unknown spread: %v, want NaN", got)
	}
}
