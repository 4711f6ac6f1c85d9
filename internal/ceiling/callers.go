package ceiling

import (
	"math"

	"grpcbench/internal/stats"
)

// Enough is the gain to twice as many callers, as a fraction, below which more callers
// gain nothing.
const Enough = 0.05

// level of every interval here.
const level = 0.95

// Estimate is a positive figure over epochs: the Hodges–Lehmann median of its
// logarithm, and the 95 % interval of the signed-rank test.
type Estimate struct {
	Value       float64 // 0: there is none
	Low, High   float64 // of the interval; 0 without HasInterval
	HasInterval bool    // false below 6 epochs
	Epochs      int     // that have a value
}

// Over estimates a figure from its values of epochs; those that are not above zero and
// finite are left out.
func Over(values []float64) Estimate {
	var logs []float64
	for _, v := range values {
		if v > 0 && !math.IsInf(v, 0) {
			logs = append(logs, math.Log(v))
		}
	}
	if len(logs) == 0 {
		return Estimate{}
	}
	e := Estimate{Value: math.Exp(stats.HodgesLehmann(logs)), Epochs: len(logs)}
	if lo, hi, ok := stats.Interval(logs, level); ok {
		e.Low, e.High, e.HasInterval = math.Exp(lo), math.Exp(hi), true
	}
	return e
}

// Gain is what twice as many callers gain: the ratio of the rates that are achieved,
// epoch by epoch. once and twice hold the rates of the same epochs; an epoch in which
// one of them is not above zero is left out.
func Gain(once, twice []float64) Estimate {
	ratios := make([]float64, 0, len(once))
	for i := range min(len(once), len(twice)) {
		if once[i] > 0 && twice[i] > 0 {
			ratios = append(ratios, twice[i]/once[i])
		}
	}
	return Over(ratios)
}

// Reached is the index of the first gain whose 95 % interval lies wholly below 5 %, or
// −1: then the ceiling was not reached. With gains of exactly 5 % the interval does so
// once in forty times at each count.
func Reached(gains []Estimate) int {
	for i, g := range gains {
		if g.HasInterval && g.High < 1+Enough {
			return i
		}
	}
	return -1
}
