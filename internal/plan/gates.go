package plan

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"grpcbench/internal/metric"
	"grpcbench/internal/stats"
)

// GateAlpha is the chance of even one failure that the relative gates of a result allow
// where nothing changed, all their comparisons together.
const GateAlpha = 0.01

// What becomes of a gate that the measurement cannot answer.
const (
	InconclusiveFails  = "fail"
	InconclusiveWarns  = "warn"
	InconclusivePasses = "pass"
)

// Gates are the limits that a result must keep. They change nothing of what is
// measured. The zero value asks for nothing.
type Gates struct {
	Thresholds []Threshold `json:"thresholds,omitempty"`
	// Regressions are the metrics that must not be slower.
	Regressions []string `json:"fail_on_regression,omitempty"`
	// NotMeasured are the default metrics of --fail-on-regression that the plan does not
	// measure: they are not asked about, and every count of gates names them.
	NotMeasured []string `json:"not_measured,omitempty"`
	// Defaulted says of gates for stored results that nobody named the Regressions: those
	// that were not measured are left out.
	Defaulted bool `json:"-"`
	// Baseline is what relative gates compare with, the name of a baseline or the id
	// of a result; "": with the control.
	Baseline      string `json:"baseline,omitempty"`
	Inconclusive  string `json:"inconclusive,omitempty"` // what becomes of such a gate: "fail", "warn" or "pass"
	AllowDegraded bool   `json:"allow_degraded,omitempty"`
}

// Asked reports whether there is any gate.
func (g Gates) Asked() bool { return len(g.Thresholds) > 0 || len(g.Regressions) > 0 }

// Compared lists the metrics that gates compare with a control or a baseline, each
// once.
func (g Gates) Compared() []string {
	names := slices.Clone(g.Regressions)
	for _, t := range g.Thresholds {
		if t.Relative && !slices.Contains(names, t.Metric) {
			names = append(names, t.Metric)
		}
	}
	return names
}

// regressionMetrics are those of --fail-on-regression without a value: the ones that
// ten epochs on a shared machine can tell apart.
func regressionMetrics() []string {
	return metric.Names(metric.Where(func(m metric.Metric) bool { return m.Default }))
}

// The thresholds of a run have a flag that is given once for each, and a key of suite
// files that holds a list.
const (
	thresholdOption = "threshold"
	thresholdsKey   = "thresholds"
)

// gateOptions are those of what a result must keep.
func gateOptions() []option {
	gates := func(d *draft) *Gates { return &d.plan.Gates }
	return []option{
		{name: thresholdOption, value: "'METRIC OP VALUE'", doc: "a limit for every arm, as in 'p99<5ms', or '" + metric.ServerCPU + "<+3%' against the control or --baseline; in a suite the list thresholds (repeatable); metrics: " + strings.Join(metric.Names(limits()), ","),
			repeats: true, set: func(d *draft, text string) error {
				t, err := ParseThreshold(text)
				if err == nil && !slices.Contains(d.plan.Gates.Thresholds, t) {
					d.plan.Gates.Thresholds = append(d.plan.Gates.Thresholds, t)
				}
				return err
			}, get: thresholdArgs},
		{name: "fail-on-regression", value: "METRICS", alone: "default", doc: "fail if one of these metrics is slower than the control or --baseline; without a value those of these that are measured, the others being named: " + strings.Join(regressionMetrics(), ","),
			set: into(parseRegressions, func(d *draft) *[]string { return &gates(d).Regressions }),
			get: worded(func(p Plan) string { return strings.Join(p.Gates.Regressions, ",") })},
		{name: "baseline", value: "NAME", doc: "what relative gates compare with: a baseline in --results, or the ID of a result",
			set: into(parseLabel, func(d *draft) *string { return &gates(d).Baseline }),
			get: worded(func(p Plan) string { return p.Gates.Baseline })},
		{name: "inconclusive", value: "fail|warn|pass", start: InconclusiveWarns, doc: "what becomes of a gate that the measurement cannot answer; one that cannot be judged at all fails",
			set: into(word(InconclusiveFails, InconclusiveWarns, InconclusivePasses), func(d *draft) *string { return &gates(d).Inconclusive }),
			get: worded(func(p Plan) string { return p.Gates.Inconclusive })},
		{name: "allow-degraded", value: "bool", start: "false", doc: "let a DEGRADED result pass the gates, and be saved as a baseline",
			set: into(parseBool, func(d *draft) *bool { return &gates(d).AllowDegraded }),
			get: switched(func(p Plan) bool { return p.Gates.AllowDegraded })},
	}
}

// parseRegressions reads METRIC,METRIC or "default".
func parseRegressions(text string) ([]string, error) {
	if text == "default" {
		return regressionMetrics(), nil
	}
	var names []string
	for part := range strings.SplitSeq(text, ",") {
		m, err := limited(part)
		if err != nil {
			return nil, fmt.Errorf("metric %q: %w", part, err)
		}
		if m.Against == metric.Nothing {
			return nil, fmt.Errorf("metric %q: must be one that is compared with a control", part)
		}
		if !slices.Contains(names, m.Name) {
			names = append(names, m.Name)
		}
	}
	return names, nil
}

// completeGates adds the thresholds of groups and fits the number of epochs to what
// the gates compare.
func (r request) completeGates(d *draft, m *mistakes) {
	g := &d.plan.Gates
	for _, group := range r.groups {
		for _, v := range group.thresholds {
			t, err := ParseThreshold(v.text)
			if err != nil {
				m.add("%s %q: %w", v.where, v.shown(), err)
				continue
			}
			t.Group = group.name
			g.Thresholds = append(g.Thresholds, t)
		}
	}
	r.dropUnused(d, m)
	r.dropUnmeasured(d)
	d.plan.checkMeasured(m)
	if g.Baseline != "" {
		g.checkAcross(m, "--baseline")
		d.plan.checkAlone(m)
	} else {
		g.checkWithin(m)
	}
	compared := g.Compared()
	if v := r.options["baseline"]; len(v) > 0 && len(compared) == 0 {
		m.add("%s %q: must come with a gate that compares: --fail-on-regression, or a relative --threshold", v[0].where, v[0].shown())
	}
	if len(compared) > 0 && g.Baseline == "" && len(d.plan.Arms) < 2 {
		m.add("%s: must be compared with another arm (--vary server-binary=OLD,NEW or --vary target=OLD,NEW), and there is one arm%s", r.comparing(), orBaseline(compared))
		return
	}
	d.plan.checkComparable(m)
	r.completeEpochs(d, m)
}

// orBaseline offers a baseline for what one arm can be held against it by.
func orBaseline(compared []string) string {
	if slices.ContainsFunc(compared, func(name string) bool { return !metric.Lasts(name) }) {
		return ""
	}
	return "; or with a --baseline"
}

// dropUnused refuses options of gates where there are none.
func (r request) dropUnused(d *draft, m *mistakes) {
	g := &d.plan.Gates
	if g.Asked() {
		return
	}
	for _, name := range []string{"inconclusive", "allow-degraded"} {
		if v := r.options[name]; len(v) > 0 && !(name == "allow-degraded" && r.saves) {
			m.add("%s %s: must come with a gate: --threshold or --fail-on-regression", v[0].where, v[0].shown())
		}
	}
	g.Inconclusive = ""
}

// dropUnmeasured leaves out of the default metrics what the plan does not measure, and
// keeps their names.
func (r request) dropUnmeasured(d *draft) {
	if values := r.options["fail-on-regression"]; len(values) == 0 || values[0].text != "default" {
		return
	}
	g := &d.plan.Gates
	g.Regressions = slices.DeleteFunc(g.Regressions, func(name string) bool {
		unmeasured := d.plan.unmeasured(name, d.plan.Arms) != ""
		if unmeasured {
			g.NotMeasured = append(g.NotMeasured, name)
		}
		return unmeasured
	})
}

// unmeasured is why none of arms has a metric, and what to give; "" if some arm may have it.
func (p Plan) unmeasured(name string, arms []Arm) string {
	some := func(has func(Settings) bool) bool {
		return slices.ContainsFunc(arms, func(a Arm) bool { return has(a.Settings) })
	}
	m, _ := metric.Named(name)
	switch {
	case m.Saturated() && p.Saturated == 0:
		return "it is measured in saturated blocks, which need --loop open and no TARGET"
	case m.Needs == metric.BundledServer && !some(func(s Settings) bool { return s.Target == "" && s.ServerBinary == "" }):
		return "only the bundled server counts its allocations"
	case m.Needs == metric.ServerProcess && (p.Target == nil || p.Target.ServerPID == 0) && !some(func(s Settings) bool { return s.Target == "" }):
		return "the CPU of a TARGET is measured with one arm and --server-pid alone"
	case m.Needs == metric.Resumption && !some(func(s Settings) bool { return s.Resumption }):
		return "no connection resumes a session without --resumption on"
	}
	return ""
}

// checkMeasured refuses gates on metrics that no arm they are for measures.
func (p Plan) checkMeasured(m *mistakes) {
	refuse := func(asked, group, name string) {
		if why := p.unmeasured(name, p.armsOf(group)); why != "" {
			m.add("%s: cannot be judged: %s", asked, why)
		}
	}
	for _, t := range p.Gates.Thresholds {
		refuse(t.where(), t.Group, t.Metric)
	}
	for _, name := range p.Gates.Regressions {
		refuse("--fail-on-regression "+name, "", name)
	}
}

// where names a threshold with the group whose it is.
func (t Threshold) where() string {
	if t.Group == "" {
		return "--threshold " + t.String()
	}
	return fmt.Sprintf("threshold %s of group %q", t, t.Group)
}

// armsOf are the arms of a group; "": all of them.
func (p Plan) armsOf(group string) []Arm {
	if group == "" {
		return p.Arms
	}
	var arms []Arm
	for _, g := range p.Groups {
		for _, name := range g.Arms {
			if a, ok := p.Arm(name); ok && g.Name == group {
				arms = append(arms, a)
			}
		}
	}
	return arms
}

// checkAlone refuses metrics that a plan of one arm cannot compare with a baseline, and
// names what can be run instead.
func (p Plan) checkAlone(m *mistakes) {
	var moved, lasting []string
	for _, name := range p.Gates.Compared() {
		if metric.Lasts(name) {
			lasting = append(lasting, name)
		} else {
			moved = append(moved, name)
		}
	}
	if len(p.Arms) != 1 || len(moved) == 0 {
		return
	}
	if len(lasting) == 0 {
		lasting = metric.Names(metric.Where(func(m metric.Metric) bool { return m.Default && m.Lasting && m.Needs == metric.None }))
	}
	m.add("--baseline: one arm cannot be judged by %s: of two runs only arm/control is compared, because the machine differs; "+
		"measure both builds in one run (--vary server-binary=OLD,NEW or --vary target=OLD,NEW), add an arm that does not change, "+
		"or gate what one arm can be judged by: --fail-on-regression=%s", strings.Join(moved, ", "), strings.Join(lasting, ","))
}

// checkComparable refuses thresholds of groups that have nothing to compare.
func (p Plan) checkComparable(m *mistakes) {
	for _, t := range p.Gates.Thresholds {
		alone := !slices.ContainsFunc(p.Groups, func(g Group) bool {
			return g.Name == t.Group && slices.ContainsFunc(g.Arms, func(name string) bool { a, _ := p.Arm(name); return name != g.Control && !a.AA })
		})
		if t.Relative && t.Group != "" && alone && (p.Gates.Baseline == "" || !metric.Lasts(t.Metric)) {
			m.add("%s: cannot be judged: the group has no arm beside its control", t.where())
		}
	}
}

// checkWithin refuses metrics that are compared between runs alone.
func (g Gates) checkWithin(all *mistakes) {
	for _, name := range g.Compared() {
		if m, _ := metric.Named(name); m.Against == metric.Baseline {
			all.add("%s: must come with --baseline: within a run arms differ in it by what they are", name)
		}
	}
}

// checkAcross refuses metrics that gates cannot compare between results; where is what
// asks for that.
func (g Gates) checkAcross(all *mistakes, where string) {
	for _, name := range g.Compared() {
		if m, _ := metric.Named(name); m.Saturated() {
			all.add("%s: %s must be left to gates within a run: of two runs of one server 6 in 100 differ in it", where, name)
		}
	}
}

// GateFlags registers the flags of gates for two stored results.
func (c *Config) GateFlags(fs *pflag.FlagSet) {
	c.register(fs, func(name string) bool {
		return name != "baseline" && slices.ContainsFunc(gateOptions(), func(o option) bool { return o.name == name })
	})
}

// Gates checks c and returns the gates for two stored results. The error joins every
// mistake.
func (c Config) Gates() (Gates, error) {
	var m mistakes
	r := newRequest(c.kind)
	c.overlay(&r, &m)
	d := &draft{}
	for _, o := range gateOptions() {
		if o.start != "" {
			m.join(o.set(d, o.start))
		}
		m.join(o.apply(d, r.options[o.name]))
	}
	r.dropUnused(d, &m)
	g := &d.plan.Gates
	g.checkAcross(&m, r.comparing())
	values := r.options["fail-on-regression"]
	g.Defaulted = len(values) > 0 && values[0].text == "default"
	return d.plan.Gates, m.err()
}

// comparing names the flags or keys that ask for a comparison.
func (r request) comparing() string {
	values := slices.Concat(r.options["fail-on-regression"], r.options[thresholdOption])
	for _, g := range r.groups {
		values = append(values, g.thresholds...)
	}
	var names []string
	for _, v := range values {
		names = append(names, v.where+" "+v.text)
	}
	return strings.Join(names, ", ")
}

// completeEpochs makes the number of epochs enough for the gates, if it is not given.
func (r request) completeEpochs(d *draft, m *mistakes) {
	needed := d.plan.GateEpochs()
	if e := &d.plan.Epochs; len(r.options["epochs"]) == 0 {
		e.Min, e.Max = max(e.Min, needed), max(e.Max, needed)
	} else if v := r.options["epochs"][0]; e.Max > 0 && e.Max < needed {
		m.add("%s %s: must allow %d epochs, which %d gated comparisons need, or fewer be gated", v.where, v.shown(), needed, d.plan.gated())
	}
}

// GateEpochs is how many epochs the relative gates need to be able to fail: the
// signed-rank test on n differences has no p-value below 2/2ⁿ, which Holm's method
// multiplies by the number m of comparisons, and the product must reach GateAlpha.
// It is 0 without such gates. With a baseline, whose epochs count too, it is
// [stats.MinVerdict], or more: see [Plan.EpochsBeside].
func (p Plan) GateEpochs() int {
	switch m := p.gated(); {
	case m == 0:
		return 0
	case p.Gates.Baseline != "":
		return stats.MinVerdict
	default:
		return int(math.Ceil(math.Log2(2 * float64(m) / GateAlpha)))
	}
}

// EpochsBeside is how many epochs the relative gates need to be able to fail beside a
// baseline of base epochs: [stats.MinVerdict] on either side, and so many that the least
// p-value of the rank-sum test, 2/C(base+new, new), is at most GateAlpha when Holm's method
// multiplies it by the number of comparisons. An error says that the plan does not allow
// as many, or that the baseline has too few.
func (p Plan) EpochsBeside(base int) (int, error) {
	if base < stats.MinVerdict {
		return 0, fmt.Errorf("must have %d epochs or more, which a verdict needs, and has %d", stats.MinVerdict, base)
	}
	m, most := p.gated(), p.Epochs.Max
	least := 2 * float64(m)
	for n := 1; n <= most; n++ {
		least *= float64(n) / float64(base+n)
		if n >= stats.MinVerdict && least <= GateAlpha {
			return n, nil
		}
	}
	return 0, fmt.Errorf("--epochs %d: must be more, or fewer metrics be gated: beside a baseline of %d epochs no p-value, times the number of gated comparisons, %d, can be %g or less", most, base, m, GateAlpha)
}

// gated is the number of comparisons that the relative gates look at, at most: of
// every arm with its control; or with a baseline, where figures that last are
// compared by themselves.
func (p Plan) gated() int {
	type comparison struct{ group, arm, metric string }
	all := make(map[comparison]bool)
	for _, g := range p.Groups {
		for _, name := range g.Arms {
			if a, _ := p.Arm(name); a.AA {
				continue
			}
			for _, m := range p.Gates.comparedIn(g.Name) {
				switch {
				case p.Gates.Baseline != "" && metric.Lasts(m):
					all[comparison{"", name, m}] = true
				case name != g.Control:
					all[comparison{g.Name, name, m}] = true
				}
			}
		}
	}
	return len(all)
}

// comparedIn lists the metrics that gates compare in one group.
func (g Gates) comparedIn(group string) []string {
	g.Thresholds = slices.DeleteFunc(slices.Clone(g.Thresholds), func(t Threshold) bool { return t.Group != "" && t.Group != group })
	return g.Compared()
}
