package plan

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/pflag"

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
	return []string{
		"latency_p50", "client_cpu_ns_per_rpc", "server_cpu_ns_per_rpc", "client_allocs_per_rpc", "server_allocs_per_rpc",
		"sent_bytes_per_rpc", "received_bytes_per_rpc",
	}
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
		{name: thresholdOption, value: "'METRIC OP VALUE'", doc: "a limit for every arm, as in 'p99<5ms', or 'server_cpu_ns_per_rpc<+3%' against the control or --baseline; in a suite the list thresholds (repeatable)",
			repeats: true, set: func(d *draft, text string) error {
				t, err := ParseThreshold(text)
				if err == nil && !slices.Contains(d.plan.Gates.Thresholds, t) {
					d.plan.Gates.Thresholds = append(d.plan.Gates.Thresholds, t)
				}
				return err
			}},
		{name: "fail-on-regression", value: "METRICS", alone: "default", doc: "fail if one of these metrics is slower than the control or --baseline; without a value those of these that are measured: " + strings.Join(regressionMetrics(), ","),
			set: into(parseRegressions, func(d *draft) *[]string { return &gates(d).Regressions })},
		{name: "baseline", value: "NAME", doc: "what relative gates compare with: a baseline in --results, or the ID of a result",
			set: into(parseLabel, func(d *draft) *string { return &gates(d).Baseline })},
		{name: "inconclusive", value: "fail|warn|pass", start: InconclusiveWarns, doc: "what becomes of a gate that the measurement cannot answer",
			set: into(word(InconclusiveFails, InconclusiveWarns, InconclusivePasses), func(d *draft) *string { return &gates(d).Inconclusive })},
		{name: "allow-degraded", value: "bool", start: "false", doc: "let a DEGRADED result pass the gates, and be saved as a baseline",
			set: into(parseBool, func(d *draft) *bool { return &gates(d).AllowDegraded })},
	}
}

// parseRegressions reads METRIC,METRIC or "default".
func parseRegressions(text string) ([]string, error) {
	if text == "default" {
		return regressionMetrics(), nil
	}
	var names []string
	for part := range strings.SplitSeq(text, ",") {
		name, err := ParseMetric(part)
		if err != nil {
			return nil, fmt.Errorf("metric %q: %w", part, err)
		}
		if m, _ := metricNamed(name); m.absolute {
			return nil, fmt.Errorf("metric %q: must be one that is compared with a control", part)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
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
				m.add("%s %q: %w", v.where, v.text, err)
				continue
			}
			t.Group = group.name
			g.Thresholds = append(g.Thresholds, t)
		}
	}
	r.dropUnused(d, m)
	r.dropUnmeasured(d)
	if g.Baseline != "" {
		g.checkAcross(m, "--baseline")
		g.checkAlone(m, len(d.plan.Arms))
	} else {
		g.checkWithin(m)
	}
	compared := g.Compared()
	if v := r.options["baseline"]; len(v) > 0 && len(compared) == 0 {
		m.add("%s %q: must come with a gate that compares: --fail-on-regression, or a relative --threshold", v[0].where, v[0].text)
	}
	if len(compared) > 0 && g.Baseline == "" && len(d.plan.Arms) < 2 {
		m.add("%s: must be compared with another arm or a --baseline, and there is one arm", r.comparing())
		return
	}
	r.completeEpochs(d, m)
}

// dropUnused refuses options of gates where there are none.
func (r request) dropUnused(d *draft, m *mistakes) {
	g := &d.plan.Gates
	if g.Asked() {
		return
	}
	for _, name := range []string{"inconclusive", "allow-degraded"} {
		if v := r.options[name]; len(v) > 0 && !(name == "allow-degraded" && r.saves) {
			m.add("%s %s: must come with a gate: --threshold or --fail-on-regression", v[0].where, v[0].text)
		}
	}
	g.Inconclusive = ""
}

// dropUnmeasured leaves out of the default metrics what only a bundled server tells, and
// what an arm without a control does not have beside a baseline.
func (r request) dropUnmeasured(d *draft) {
	values := r.options["fail-on-regression"]
	if len(values) == 0 || values[0].text != "default" || len(d.plan.Arms) == 0 {
		return
	}
	target, binary := r.hasTarget(), d.plan.Arms[0].Settings.ServerBinary != ""
	alone := d.plan.Gates.Baseline != "" && len(d.plan.Arms) == 1
	d.plan.Gates.Regressions = slices.DeleteFunc(d.plan.Gates.Regressions, func(metric string) bool {
		return metric == "server_allocs_per_rpc" && (target || binary) ||
			metric == "server_cpu_ns_per_rpc" && target || alone && !Lasts(metric)
	})
}

// checkAlone refuses metrics that a plan of one arm cannot compare with a baseline.
func (g Gates) checkAlone(m *mistakes, arms int) {
	for _, name := range g.Compared() {
		if arms == 1 && !Lasts(name) {
			m.add("--baseline: %s must be left out, or another arm be there: of two runs it is compared as arm/control, and there is one arm", name)
		}
	}
}

// checkWithin refuses metrics that are compared between runs alone.
func (g Gates) checkWithin(m *mistakes) {
	for _, name := range g.Compared() {
		if metric, _ := metricNamed(name); metric.between {
			m.add("%s: must come with --baseline: within a run arms differ in it by what they are", name)
		}
	}
}

// checkAcross refuses metrics that gates cannot compare between results; where is what
// asks for that.
func (g Gates) checkAcross(m *mistakes, where string) {
	for _, name := range g.Compared() {
		if metric, _ := metricNamed(name); metric.saturated {
			m.add("%s: %s must be left to gates within a run: of two runs of one server 6 in 100 differ in it", where, name)
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
		m.add("%s %s: must allow %d epochs, which %d gated comparisons need, or fewer be gated", v.where, v.text, needed, d.plan.gated())
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
			for _, metric := range p.Gates.comparedIn(g.Name) {
				switch {
				case p.Gates.Baseline != "" && Lasts(metric):
					all[comparison{"", name, metric}] = true
				case name != g.Control:
					all[comparison{g.Name, name, metric}] = true
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
