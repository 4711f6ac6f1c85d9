package compare

import (
	"fmt"
	"maps"

	"grpcbench/internal/hist"
	"grpcbench/internal/result"
)

// shared is what two results have in common, in the order of the new one.
type shared struct {
	arms    []twoArms
	matches []twoMatches
	single  bool // both have one arm and so nothing to compare it with
	// unmatched is what one of them alone has.
	unmatched []Unmatched
}

// twoArms are one arm in two results.
type twoArms struct{ base, new *result.Arm }

// twoMatches are an arm and its control in two results.
type twoMatches struct{ base, new match }

// common finds the arms, and the arms with their controls, that both results have.
// In alike plans arms are the same that stand at the same place, else those of the
// same name.
func common(base, new *result.Result, alike bool) shared {
	names := make(map[string]string) // of base's arms, by those of new
	for i, a := range new.Plan.Arms {
		names[a.Name] = a.Name
		if alike {
			names[a.Name] = base.Plan.Arms[i].Name
		}
	}
	ofBase, ofNew := whole(base), whole(new)
	var s shared
	alone := maps.Clone(ofBase)
	for _, a := range new.Arms {
		if b := ofBase[names[a.Name]]; b != nil {
			s.arms = append(s.arms, twoArms{b, ofNew[a.Name]})
			delete(alone, b.Name)
		} else {
			s.unmatched = append(s.unmatched, Unmatched{Side: "new", Arm: a.Name})
		}
	}
	for _, a := range base.Arms {
		if alone[a.Name] != nil {
			s.unmatched = append(s.unmatched, Unmatched{Side: "base", Arm: a.Name})
		}
	}
	inBase, inNew := versus(base, ofBase), versus(new, ofNew)
	known := make(map[[3]string]match)
	for _, m := range inBase {
		known[[3]string{m.group, m.arm.Name, m.control.Name}] = m
	}
	for _, m := range inNew {
		key := [3]string{m.group, names[m.arm.Name], names[m.control.Name]}
		if b, ok := known[key]; ok {
			s.matches = append(s.matches, twoMatches{b, m})
			delete(known, key)
		} else {
			s.unmatched = append(s.unmatched, Unmatched{"new", m.group, m.arm.Name, m.control.Name})
		}
	}
	for _, m := range inBase {
		if _, left := known[[3]string{m.group, m.arm.Name, m.control.Name}]; left {
			s.unmatched = append(s.unmatched, Unmatched{"base", m.group, m.arm.Name, m.control.Name})
		}
	}
	s.single = len(inBase) == 0 && len(inNew) == 0
	return s
}

// empty reports whether there is nothing to compare.
func (s shared) empty() bool { return len(s.arms) == 0 || len(s.matches) == 0 && !s.single }

// minAbove is how many observations both results must have above a quantile for
// its shift to be shown. Of the largest value none lies above: it is exact.
const minAbove = 10

// distributions puts the quantiles of each arm's latencies side by side. Arms
// without any are left out.
func (s shared) distributions() ([]Distribution, error) {
	all := []Distribution{}
	for _, a := range s.arms {
		if a.base.Latency.Count == 0 || a.new.Latency.Count == 0 {
			continue
		}
		base, err := a.base.Latency.Histogram()
		if err != nil {
			return nil, fmt.Errorf("base arm %q: %w", a.base.Name, err)
		}
		new, err := a.new.Latency.Histogram()
		if err != nil {
			return nil, fmt.Errorf("new arm %q: %w", a.new.Name, err)
		}
		d := Distribution{Arm: a.new.Name}
		for _, q := range []float64{0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999} {
			if above(q, a.base) >= minAbove && above(q, a.new) >= minAbove {
				d.Shifts = append(d.Shifts, QuantileShift{q, at(base, q, a.base), at(new, q, a.new)})
			}
		}
		d.Shifts = append(d.Shifts, QuantileShift{1, a.base.Latency.Max, a.new.Latency.Max})
		all = append(all, d)
	}
	return all, nil
}

// above counts the observations of an arm above its quantile q.
func above(q float64, a *result.Arm) int64 { return a.Latency.Count - hist.Rank(q, a.Latency.Count) }

// at is the quantile q of all RPCs of an arm; nil: it lies among those that never
// ended well.
func at(h *hist.Histogram, q float64, a *result.Arm) *int64 {
	ns, ok := h.Quantile(q, a.Latency.Count)
	if !ok {
		return nil
	}
	return &ns
}
