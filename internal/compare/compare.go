// Package compare judges the arms of a result against their controls, figure by
// figure. It reads what was measured and measures nothing; the statistics are
// those of package stats.
package compare

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"grpcbench/internal/result"
	"grpcbench/internal/stats"
)

// Judge fills in all that is made of what r measured: its ceilings, its comparisons, and
// its checks with the verdict, each of which needs those before it. It may be called
// again. A run's gates are another matter, see [Gates].
func Judge(r *result.Result) {
	Ceilings(r)
	r.Comparisons = Arms(r)
	result.Examine(r)
}

// Arms compares every arm of r with the control of each group it is in; the A/A
// arm is one of them. The order is that of the groups, their arms and the
// metrics.
//
// The epochs of an arm and its control are paired by index; what is judged is
// the logarithm of arm/control of each pair. An epoch in which either has no
// value is left out and named in the Reason; one that was cut short is no epoch
// here. A metric that neither arm has in any epoch gives no Comparison. r is not
// changed.
func Arms(r *result.Result) []result.Comparison {
	var comparisons []result.Comparison
	figures := figures(r.Plan.Scope())
	for _, p := range versus(r, whole(r)) {
		for _, m := range figures {
			if c, ok := m.compare(p.arm, p.control); ok {
				c.Group = p.group
				comparisons = append(comparisons, c)
			}
		}
	}
	return comparisons
}

// whole returns the arms of r by name, without the epochs that were cut short.
func whole(r *result.Result) map[string]*result.Arm {
	arms := make(map[string]*result.Arm, len(r.Arms))
	for _, a := range r.Arms {
		a.Epochs = slices.DeleteFunc(slices.Clone(a.Epochs), func(e result.Epoch) bool { return e.Interrupted })
		arms[a.Name] = &a
	}
	return arms
}

// match is an arm and the control it is compared with.
type match struct {
	group        string
	arm, control *result.Arm
}

// versus lists the matches of r in order.
func versus(r *result.Result, arms map[string]*result.Arm) []match {
	var matches []match
	for _, g := range r.Groups {
		control := arms[g.Control]
		for _, name := range g.Arms {
			if arm := arms[name]; control != nil && arm != nil && arm != control {
				matches = append(matches, match{g.Name, arm, control})
			}
		}
	}
	return matches
}

// compare judges m of arm against control. ok is false if neither has it.
func (m figure) compare(arm, control *result.Arm) (c result.Comparison, ok bool) {
	c = result.Comparison{
		Arm: arm.Name, Control: control.Name,
		Metric: m.Name, Unit: string(m.Unit), Delta: m.Delta,
		Verdict: string(stats.Inconclusive),
	}
	p := m.pair(arm, control)
	if !p.measured {
		return c, false
	}
	c.Epochs = len(p.logs)
	reasons := p.reasons()
	if few, ok := m.tooFew(arm, control); ok {
		c.Reason = few
		return c, true
	}
	e, err := stats.Judge(p.logs, m.Delta)
	if err != nil { // no pairs: the values that are left are positive and finite
		c.Reason = strings.Join(append(reasons, "no epoch has both values"), "; ")
		return c, true
	}
	c.Ratio, c.Low, c.High, c.P, c.MDE = numbers(e)
	c.Verdict, c.Beyond = string(p.allowed(m.resolve(e, p.plain))), p.worse
	c.Reason = strings.Join(append(reasons, short(e.N)...), "; ")
	return c, true
}

// numbers are those of e as ratios, without what there is none of.
func numbers(e stats.Estimate) (ratio, low, high, p, mde *float64) {
	if e.HasInterval {
		low, high = exp(e.Lo95), exp(e.Hi95)
	}
	if change := math.Expm1(e.MDE); !math.IsInf(change, 0) && !math.IsNaN(change) {
		mde = &change
	}
	return exp(e.LogRatio), low, high, &e.P, mde
}

// short says what n epochs are too few for, if anything.
func short(n int) []string {
	switch {
	case n < stats.MinInterval:
		return []string{fmt.Sprintf("epochs %d: an interval needs %d, a verdict %d", n, stats.MinInterval, stats.MinVerdict)}
	case n < stats.MinVerdict:
		return []string{fmt.Sprintf("epochs %d: a verdict needs %d", n, stats.MinVerdict)}
	}
	return nil
}

// resolve is the verdict of e, unless the differences arm − control are below
// what the metric can tell apart: then it is Same if their 90 % interval lies
// inside ± m.Least, else Inconclusive.
func (m figure) resolve(e stats.Estimate, differences []float64) stats.Verdict {
	if e.N < stats.MinVerdict || math.Abs(stats.HodgesLehmann(differences)) >= m.Least {
		return e.Verdict
	}
	if lo, hi, ok := stats.Interval(differences, 0.90); ok && -m.Least < lo && hi < m.Least {
		return stats.Same
	}
	return stats.Inconclusive
}

// sample is a figure over epochs: of an arm beside its control, or of an arm alone.
type sample struct {
	logs     []float64 // ln(arm/control) or ln(arm), one for each epoch that has it
	plain    []float64 // arm − control or arm of the same epochs, in the metric's unit
	missing  []string  // indices of the epochs left out
	measured bool      // there is a value in some epoch
	// Of the epochs left out, those in which the quantile of the arm alone, or of the
	// control alone, lies among the RPCs that did not end well: above any value.
	worse, better int
}

// allowed is v, unless epochs that were left out speak against it.
func (s sample) allowed(v stats.Verdict) stats.Verdict {
	if s.worse > 0 && (v == stats.Same || v == stats.Faster) || s.better > 0 && (v == stats.Same || v == stats.Slower) {
		return stats.Inconclusive
	}
	return v
}

// pair puts the epochs of arm and control side by side, by index. A value that
// is not above zero has no logarithm and counts as missing.
func (m figure) pair(arm, control *result.Arm) sample {
	var p sample
	others := make(map[int]*result.Epoch, len(control.Epochs))
	for i := range control.Epochs {
		others[control.Epochs[i].Index] = &control.Epochs[i]
		_, ok := m.value(&control.Epochs[i])
		p.measured = p.measured || ok
	}
	for i := range arm.Epochs {
		index := arm.Epochs[i].Index
		a, hasA := m.value(&arm.Epochs[i])
		p.measured = p.measured || hasA
		var c float64
		var hasC bool
		other := others[index]
		if other != nil {
			delete(others, index)
			c, hasC = m.value(other)
		}
		if !hasA || !hasC || !(a > 0) || !(c > 0) {
			p.missing = append(p.missing, strconv.Itoa(index))
			if hasC && m.without(&arm.Epochs[i]) {
				p.worse++
			}
			if hasA && other != nil && m.without(other) {
				p.better++
			}
			continue
		}
		p.logs = append(p.logs, math.Log(a)-math.Log(c)) // exchanging a and c changes the sign alone
		p.plain = append(p.plain, a-c)
	}
	for i := range control.Epochs { // in order, unlike the map
		if index := control.Epochs[i].Index; others[index] != nil {
			p.missing = append(p.missing, strconv.Itoa(index))
		}
	}
	return p
}

// reasons says which epochs were left out, if any.
func (p sample) reasons() (all []string) {
	switch len(p.missing) {
	case 0:
		return nil
	case 1:
		all = []string{"epoch " + p.missing[0] + " has no value"}
	default:
		all = []string{"epochs " + strings.Join(p.missing, ", ") + " have no value"}
	}
	if n := p.worse + p.better; n > 0 {
		all = append(all, fmt.Sprintf("in %d of them the quantile of one side lies among the RPCs that did not end well", n))
	}
	return all
}

// exp is the ratio of a logarithm. What a file holds may be too large for any: JSON
// has no infinity.
func exp(logRatio float64) *float64 {
	ratio := min(math.Exp(logRatio), math.MaxFloat64)
	return &ratio
}
