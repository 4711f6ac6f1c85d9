package stats

import (
	"errors"
	"fmt"
	"math"
)

// A Verdict says in one word what the epochs say of an arm against its control.
type Verdict string

// The verdicts. Slower means that the figure is higher and Faster that it is
// lower, whatever the figure is.
const (
	Slower       Verdict = "slower"
	Faster       Verdict = "faster"
	Same         Verdict = "same"
	Inconclusive Verdict = "inconclusive"
)

// alpha is the size of the test behind Slower and Faster. It is 1 percent, not
// 5, because a run asks dozens of such questions at once.
const alpha = 0.01

// An Estimate is what paired epochs say of an arm against its control. All but
// N, HasInterval, P and Verdict are differences of natural logarithms:
// math.Expm1 makes a relative change of them.
type Estimate struct {
	N           int     // epochs
	LogRatio    float64 // Hodges–Lehmann estimate of ln(arm/control)
	Lo95, Hi95  float64 // its 95 % interval; the whole line without HasInterval
	HasInterval bool    // false for fewer than 6 epochs
	P           float64 // exact two-sided signed-rank p-value, for this comparison alone
	MDE         float64 // smallest effect that could have been seen; +Inf for fewer than 8 epochs
	Verdict     Verdict
}

// Judge compares an arm with its control from d, the natural logarithms of
// arm/control, one an epoch. delta is the smallest relative difference that
// matters, as a fraction (0.03 is 3 percent), > 0.
//
// With ± delta taken as ± ln(1+delta), so that exchanging arm and control
// changes nothing but the sign, the verdict is
//
//   - Slower or Faster, by the sign of the estimate, if P <= 0.01 and the
//     estimate is at least delta/2 away from zero;
//   - else Same, if the 90 % interval lies inside ± delta, which is the
//     equivalence test at 5 percent of Schuirmann, Journal of Pharmacokinetics
//     and Biopharmaceutics 15, 1987;
//   - else Inconclusive. So are fewer than 8 epochs, whatever they say.
//
// An error means that d is empty or holds a value that is not finite, as the
// logarithm of a ratio with a zero is, or that delta is not a positive number:
// there is nothing to estimate then, and no verdict.
func Judge(d []float64, delta float64) (Estimate, error) {
	if len(d) == 0 {
		return Estimate{}, errors.New("epochs 0: must be > 0")
	}
	for i, v := range d {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return Estimate{}, fmt.Errorf("log-ratio %v of epoch %d: must be finite", v, i)
		}
	}
	if !(delta > 0) || math.IsInf(delta, 0) { // NaN is not > 0 either
		return Estimate{}, fmt.Errorf("delta %v: must be > 0 and finite", delta)
	}
	e := Estimate{
		N:        len(d),
		LogRatio: HodgesLehmann(d),
		P:        SignedRank(d),
		MDE:      MDE(len(d), SD(d)),
	}
	e.Lo95, e.Hi95, e.HasInterval = Interval(d, 0.95)
	e.Verdict = verdict(d, e, delta)
	return e, nil
}

// verdict applies the rule of Judge to the estimate e of d.
func verdict(d []float64, e Estimate, delta float64) Verdict {
	if e.N < minVerdict {
		return Inconclusive
	}
	if e.P <= alpha && math.Abs(e.LogRatio) >= math.Log1p(delta/2) {
		if e.LogRatio > 0 {
			return Slower
		}
		return Faster
	}
	limit := math.Log1p(delta)
	if lo, hi, ok := Interval(d, 0.90); ok && -limit < lo && hi < limit {
		return Same
	}
	return Inconclusive
}
