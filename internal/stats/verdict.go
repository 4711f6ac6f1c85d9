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

// The fewest epochs that give an interval and a verdict. A signed-rank test on n
// differences has no p-value below 2/2ⁿ: 5 percent needs 6 of them and 1 percent 8. Two
// runs that are not paired are asked for as many on either side.
const (
	MinInterval = 6
	MinVerdict  = 8
)

// alpha is the size of the test behind Slower and Faster. It is 1 percent, not
// 5, because a run asks dozens of such questions at once.
const alpha = 0.01

// Size returns the size of the signed-rank test behind the verdict on n pairs: the largest
// two-sided level it can have that is not above 1 percent,
//
//	size(n) = max { 2·P(W <= k) : 2·P(W <= k) <= 0.01 }
//
// with W as in [SignedRank]. It is 0 below [MinVerdict], 0.0078 for 8, 0.0098 for 10, and
// 0.01 above 50, where the levels are closer together than matters.
func Size(n int) float64 {
	if n < MinVerdict {
		return 0
	}
	if n > 50 {
		return alpha
	}
	ranks := make([]int, n)
	for i := range ranks {
		ranks[i] = i + 1
	}
	size := 0.0
	for _, p := range nullDistribution(ranks) {
		if size+2*p > alpha {
			break
		}
		size += 2 * p
	}
	return size
}

// An Estimate is what epochs say of an arm against its control, or of one run's
// arm/control against another's. All but N, HasInterval, P and Verdict are
// differences of natural logarithms: math.Expm1 makes a relative change of them.
type Estimate struct {
	N           int     // epochs; of two runs the smaller number
	LogRatio    float64 // Hodges–Lehmann estimate of ln(arm/control), or of new − base
	Lo95, Hi95  float64 // its 95 % interval; the whole line without HasInterval
	HasInterval bool    // false for fewer than 6 epochs
	P           float64 // two-sided p-value of the signed-rank or rank-sum test, for this comparison alone
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
	if err := checkFinite(d); err != nil {
		return Estimate{}, err
	}
	if err := checkDelta(delta); err != nil {
		return Estimate{}, err
	}
	e := Estimate{
		N:        len(d),
		LogRatio: HodgesLehmann(d),
		P:        SignedRank(d),
		MDE:      MDE(len(d), SD(d)),
	}
	e.Lo95, e.Hi95, e.HasInterval = Interval(d, 0.95)
	lo, hi, _ := Interval(d, 0.90)
	e.Verdict = e.verdict(lo, hi, delta)
	return e, nil
}

// JudgeShift compares two runs from the natural logarithms of arm/control of their
// epochs, which are not paired: base are those of the one run, new those of the other.
// LogRatio is how far new lies above base. The verdict is that of Judge, with the test
// and the interval of RankSum and ShiftInterval in place of those of pairs, and delta as
// there; fewer than 6 epochs on either side give no interval, fewer than 8 no verdict.
//
// It takes epochs for independent and their logarithms for equally distributed but for
// the shift. Whatever moves a whole run at once, and its arm otherwise than its control,
// is part of the shift: the verdict is on the two runs and not on what was built.
//
// An error means that either run has no epochs, or holds a value that is not finite, or
// that delta is not a positive number.
func JudgeShift(base, new []float64, delta float64) (Estimate, error) {
	for _, side := range []struct {
		name string
		d    []float64
	}{{"base", base}, {"new", new}} {
		if len(side.d) == 0 {
			return Estimate{}, fmt.Errorf("epochs of %s 0: must be > 0", side.name)
		}
		if err := checkFinite(side.d); err != nil {
			return Estimate{}, fmt.Errorf("%s: %w", side.name, err)
		}
	}
	if err := checkDelta(delta); err != nil {
		return Estimate{}, err
	}
	m, n := float64(len(base)), float64(len(new))
	sdBase, sdNew := SD(base), SD(new)
	e := Estimate{
		N:        min(len(base), len(new)),
		LogRatio: MedianShift(base, new),
		Lo95:     math.Inf(-1),
		Hi95:     math.Inf(1),
		P:        RankSum(base, new),
		MDE:      ShiftMDE(len(base), len(new), math.Sqrt(sdBase*sdBase/m+sdNew*sdNew/n)),
	}
	if e.N >= MinInterval {
		e.Lo95, e.Hi95, e.HasInterval = ShiftInterval(base, new, 0.95)
	}
	lo, hi, _ := ShiftInterval(base, new, 0.90)
	e.Verdict = e.verdict(lo, hi, delta)
	return e, nil
}

// verdict applies the rule of Judge to e, of which [lo, hi] is the 90 % interval.
func (e Estimate) verdict(lo, hi, delta float64) Verdict {
	if e.N < MinVerdict {
		return Inconclusive
	}
	if e.P <= alpha && math.Abs(e.LogRatio) >= math.Log1p(delta/2) {
		if e.LogRatio > 0 {
			return Slower
		}
		return Faster
	}
	if limit := math.Log1p(delta); -limit < lo && hi < limit {
		return Same
	}
	return Inconclusive
}

// checkFinite says which value of d has no place among log-ratios, if any.
func checkFinite(d []float64) error {
	for i, v := range d {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("log-ratio %v of epoch %d: must be finite", v, i)
		}
	}
	return nil
}

// checkDelta says why delta is no difference that can matter, if it is not.
func checkDelta(delta float64) error {
	if !(delta > 0) || math.IsInf(delta, 0) { // NaN is not > 0 either
		return fmt.Errorf("delta %v: must be > 0 and finite", delta)
	}
	return nil
}
