package compare

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/stats"
)

// Schema names the version of the form in which a Between is written as JSON.
// Within a version fields are only added.
const Schema = "grpc-bench/comparison/v1"

// Between is what a new result says beside a base one.
//
// What is judged is each result's own arm/control: whatever the machine did in one of
// them it did to both arms. Absolute figures of different runs are shown and not
// judged, but for those that a machine's state does not change.
type Between struct {
	Schema string `json:"schema"`
	Base   Side   `json:"base"`
	New    Side   `json:"new"`
	// Unlike are the differences of the plans. There are none unless the comparison was
	// forced.
	Unlike []Difference `json:"unlike"`
	// Fingerprint are the differences of machine, tool, TLS parameters and settings
	// observed: what else than the server may have made a difference.
	Fingerprint []Difference `json:"fingerprint"`
	// NotCompared are the arms and arm/control pairs that one result alone has. There are
	// none unless the comparison was forced.
	NotCompared   []Unmatched    `json:"not_compared,omitempty"`
	Ratios        []Change       `json:"ratios"`    // of arm/control, in the order of the new result's comparisons
	Absolutes     []Change       `json:"absolutes"` // of each arm's own figures
	Distributions []Distribution `json:"distributions"`
	// Gates are what was asked of the new result, and the answers.
	Gates []result.Gate `json:"gates,omitempty"`
	// NotMeasured are the default metrics of gates that neither result has: none of the
	// Gates is about them.
	NotMeasured []string `json:"not_measured,omitempty"`
}

// Side is one of the two results.
type Side struct {
	ID       string         `json:"id"`
	Name     string         `json:"name,omitempty"`
	Baseline string         `json:"baseline,omitempty"` // its name, if it is one
	Created  time.Time      `json:"created"`
	Verdict  result.Verdict `json:"verdict"`
	Revision string         `json:"revision,omitempty"` // the tag commit
}

// Difference is one fact in which two results differ; "" on a side that has none.
type Difference struct {
	What string   `json:"what"`
	Arms []string `json:"arms,omitempty"` // those it was observed of, in the new result's names; absent: the whole run
	Base string   `json:"base"`
	New  string   `json:"new"`
}

// Unmatched is an arm, or an arm with its control, that one of two results alone has.
type Unmatched struct {
	Side    string `json:"side"` // "base" or "new"
	Group   string `json:"group,omitempty"`
	Arm     string `json:"arm"`
	Control string `json:"control,omitempty"` // "" for an arm
}

// Change is one metric of one arm in the new result against the base.
type Change struct {
	Group      string   `json:"group,omitempty"` // "" for an absolute figure
	Arm        string   `json:"arm"`
	Control    string   `json:"control,omitempty"` // "" for an absolute figure
	Metric     string   `json:"metric"`
	Unit       string   `json:"unit"`
	BaseEpochs int      `json:"base_epochs"`
	NewEpochs  int      `json:"new_epochs"`
	Base       *float64 `json:"base,omitempty"` // arm/control, or the figure: Hodges–Lehmann over epochs
	New        *float64 `json:"new,omitempty"`
	Ratio      *float64 `json:"estimate_ratio"`   // new / base; absent: cannot be compared
	Low        *float64 `json:"ci_low,omitempty"` // 95 %
	High       *float64 `json:"ci_high,omitempty"`
	P          *float64 `json:"p,omitempty"`
	Judged     bool     `json:"judged"`  // false: shown alone, and the verdict is inconclusive
	Verdict    string   `json:"verdict"` // as of [result.Comparison]
	MDE        *float64 `json:"mde,omitempty"`
	Delta      float64  `json:"delta"`
	Beyond     int      `json:"beyond_epochs,omitempty"` // as of [result.Comparison], of either result
	Reason     string   `json:"reason,omitempty"`        // why there is no estimate or verdict
}

// Distribution is how an arm's whole latency distribution moved.
type Distribution struct {
	Arm    string          `json:"arm"`
	Shifts []QuantileShift `json:"shifts"`
}

// QuantileShift is one quantile of the merged windows of both results. Absent: the
// quantile lies among the RPCs that never ended well.
type QuantileShift struct {
	Quantile float64 `json:"quantile"` // in (0, 1]
	Base     *int64  `json:"base_ns"`
	New      *int64  `json:"new_ns"`
}

// Why results cannot be compared.
var (
	// ErrUnlike is of results whose plans ask different questions.
	ErrUnlike = errors.New("the plans are unlike")
	// ErrKinds is of results that measured different things, which nothing makes
	// comparable.
	ErrKinds = errors.New("the results are of different kinds")
	// ErrNothingCommon is of results without an arm and its control in common.
	ErrNothingCommon = errors.New("the results have no arm with its control in common")
)

// Results compares new with base, arm by arm: every arm that both have with the
// same control in the same group. Of runs with one arm only absolute figures are
// there to be shown. Both must have been examined: if one of them is INVALID or
// PARTIAL, no verdict is given. Neither is changed.
//
// Plans of different hashes are refused with ErrUnlike and their differences, unless
// force is set: then what they have in common is compared. Results without anything
// in common are refused with ErrNothingCommon; an arm whose latency histogram cannot
// be read, or of more epochs than a plan can have, by its name.
func Results(base, new *result.Result, force bool) (Between, error) {
	for _, r := range []*result.Result{base, new} {
		for _, a := range r.Arms {
			if n := len(a.Epochs); n > plan.MaxEpochs {
				return Between{}, fmt.Errorf("arm %q: %d epochs, must be at most %d", a.Name, n, plan.MaxEpochs)
			}
		}
	}
	if base.Plan.Kind != new.Plan.Kind {
		return Between{}, fmt.Errorf("%w: base is of %s, new of %s", ErrKinds, kindOf(base), kindOf(new))
	}
	unlike := unlikeness(base.Plan, new.Plan)
	if len(unlike) > 0 && !force {
		return Between{}, fmt.Errorf("%w: %s", ErrUnlike, sentence(unlike))
	}
	c := common(base, new, len(unlike) == 0)
	if c.empty() {
		return Between{}, ErrNothingCommon
	}
	b := Between{
		Schema: Schema, Base: side(base), New: side(new),
		Unlike: unlike, Fingerprint: c.fingerprint(base, new), NotCompared: c.unmatched,
		Ratios: []Change{}, Absolutes: []Change{},
	}
	kind := new.Plan.Scope()
	for _, p := range c.matches {
		for _, m := range figures(kind) {
			if change, ok := m.ratio(p.base, p.new); ok {
				b.Ratios = append(b.Ratios, change)
			}
		}
	}
	for _, p := range c.arms {
		for _, m := range absolutes(kind) {
			if change, ok := m.absolute(p.base, p.new); ok {
				b.Absolutes = append(b.Absolutes, change)
			}
		}
	}
	b.disregard()
	if new.Plan.Kind == plan.KindCeiling { // latencies of many loads have no distribution
		b.Distributions = []Distribution{}
		return b, nil
	}
	var err error
	b.Distributions, err = c.distributions()
	return b, err
}

// kindOf is the command that made a result.
func kindOf(r *result.Result) string { return cmp.Or(r.Plan.Kind, "run") }

func side(r *result.Result) Side {
	return Side{ID: r.ID, Name: r.Name, Created: r.Created, Verdict: r.Verdict, Revision: r.Plan.Tags["commit"]}
}

// disregard takes every verdict back if a side may not be used.
func (b *Between) disregard() {
	var reasons []string
	for _, s := range []struct {
		name    string
		verdict result.Verdict
	}{{"base", b.Base.Verdict}, {"new", b.New.Verdict}} {
		if s.verdict != result.Valid && s.verdict != result.Degraded {
			reasons = append(reasons, "the "+s.name+" result is "+string(s.verdict))
		}
	}
	if len(reasons) == 0 {
		return
	}
	for _, changes := range [][]Change{b.Ratios, b.Absolutes} {
		for i := range changes {
			c := &changes[i]
			c.Judged, c.Verdict, c.Reason = false, string(stats.Inconclusive), join(append(slices.Clone(reasons), c.Reason))
		}
	}
}

// ratio judges m of arm/control in two results. ok is false if neither has it.
func (m figure) ratio(base, new match) (c Change, ok bool) {
	few, _ := m.tooFew(base.arm, base.control, new.arm, new.control)
	if m.announces(base.arm, new.arm) || m.announces(base.control, new.control) {
		few = otherCodecs
	}
	c, ok = m.change(m.pair(base.arm, base.control), m.pair(new.arm, new.control), few)
	c.Group, c.Arm, c.Control = new.group, new.arm.Name, new.control.Name
	return c, ok
}

// unjudged is why the absolute figures of most metrics have no verdict.
const unjudged = "absolute figures of two runs: the machine differs from run to run"

// absolute compares m of an arm alone in two results. ok is false if neither has
// it.
func (m figure) absolute(base, new *result.Arm) (c Change, ok bool) {
	few, _ := m.tooFew(base, new)
	if m.announces(base, new) {
		few = otherCodecs
	}
	c, ok = m.change(m.alone(base), m.alone(new), few)
	c.Arm = new.Name
	if !m.Lasting {
		c.Judged, c.Verdict, c.Reason = false, string(stats.Inconclusive), join([]string{unjudged, c.Reason})
	}
	return c, ok
}

// alone is m over the epochs of one arm. A value that is not above zero has no
// logarithm and counts as missing.
func (m figure) alone(arm *result.Arm) sample {
	var s sample
	for i := range arm.Epochs {
		v, ok := m.value(&arm.Epochs[i])
		s.measured = s.measured || ok
		if !ok || !(v > 0) {
			s.missing = append(s.missing, strconv.Itoa(arm.Epochs[i].Index))
			continue
		}
		s.logs, s.plain = append(s.logs, math.Log(v)), append(s.plain, v)
	}
	return s
}

// change judges m from two independent samples. few says why it cannot, if it
// cannot. ok is false if neither result has m.
func (m figure) change(base, new sample, few string) (c Change, ok bool) {
	c = Change{
		Metric: m.Name, Unit: string(m.Unit), Delta: m.Delta, Judged: true, Verdict: string(stats.Inconclusive),
		BaseEpochs: len(base.logs), NewEpochs: len(new.logs), Reason: few,
	}
	switch {
	case !base.measured && !new.measured:
		return c, false
	case !base.measured:
		c.Reason = "the base result does not have it"
	case !new.measured:
		c.Reason = "the new result does not have it"
	}
	if c.Reason != "" {
		return c, true
	}
	var reasons []string
	for _, reason := range base.reasons() {
		reasons = append(reasons, "base "+reason)
	}
	for _, reason := range new.reasons() {
		reasons = append(reasons, "new "+reason)
	}
	e, err := stats.JudgeShift(base.logs, new.logs, m.Delta)
	if err != nil { // no epochs: the values that are left are positive and finite
		c.Reason = join(append(reasons, "no epoch has a value"))
		return c, true
	}
	c.Base, c.New = exp(stats.HodgesLehmann(base.logs)), exp(stats.HodgesLehmann(new.logs))
	c.Ratio, c.Low, c.High, c.P, c.MDE = numbers(e)
	// What is worse in the new result, and better in the base, makes the shift larger.
	both := sample{worse: new.worse + base.better, better: new.better + base.worse}
	c.Verdict, c.Beyond = string(both.allowed(m.resolveShift(e, base.plain, new.plain))), both.worse
	c.Reason = join(append(reasons, short(e.N)...))
	return c, true
}

// resolveShift is as resolve, of the shift between two samples.
func (m figure) resolveShift(e stats.Estimate, base, new []float64) stats.Verdict {
	if e.N < stats.MinVerdict || math.Abs(stats.MedianShift(base, new)) >= m.Least {
		return e.Verdict
	}
	if lo, hi, ok := stats.ShiftInterval(base, new, 0.90); ok && -m.Least < lo && hi < m.Least {
		return stats.Same
	}
	return stats.Inconclusive
}

// join makes one text of those that are not empty.
func join(texts []string) string {
	return strings.Join(slices.DeleteFunc(texts, func(s string) bool { return s == "" }), "; ")
}
