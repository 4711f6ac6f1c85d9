package compare

import (
	"slices"

	"grpcbench/internal/metric"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/stats"
)

// judged is one comparison that a gate can look at: of an arm with its control, or of
// a new result with a base one.
type judged struct {
	group, arm, metric  string
	what, against       string // of which is said that it changed, against what
	ratio, low, high, p *float64
	verdict, reason     string
	beyond              int
	epochs              int     // of either side
	least               float64 // no p of so many epochs is below it
}

// within are the comparisons of r's own arms; the A/A arm is none.
func within(r *result.Result) []judged {
	var all []judged
	for _, c := range r.Comparisons {
		if a, ok := r.Plan.Arm(c.Arm); !ok || !a.AA {
			all = append(all, judged{c.Group, c.Arm, c.Metric, c.Arm, c.Control, c.Ratio, c.Low, c.High, c.P, c.Verdict, c.Reason, c.Beyond,
				c.Epochs, stats.LeastP(c.Epochs)})
		}
	}
	return all
}

// across are the comparisons of b with its base. Figures that last are compared by
// themselves, once an arm, and others as arm/control. Saturated figures are left out:
// of equal builds 6 in 100 were judged different.
func (b *Between) across(r *result.Result) []judged {
	against := b.against()
	var all []judged
	for _, c := range slices.Concat(b.Ratios, b.Absolutes) {
		a, _ := r.Plan.Arm(c.Arm)
		if m, _ := metric.Named(c.Metric); a.AA || m.Lasting == (c.Control != "") || m.Saturated() {
			continue
		}
		what := c.Arm
		if c.Control != "" {
			what += "/" + c.Control
		}
		all = append(all, judged{c.Group, c.Arm, c.Metric, what, against, c.Ratio, c.Low, c.High, c.P, c.Verdict, c.Reason, c.Beyond,
			min(c.BaseEpochs, c.NewEpochs), stats.LeastShiftP(c.BaseEpochs, c.NewEpochs)})
	}
	return all
}

// against names the base.
func (b *Between) against() string {
	if b.Base.Baseline != "" {
		return "baseline " + b.Base.Baseline
	}
	return "result " + b.Base.ID
}

// question is one comparison that has to keep a limit.
type question struct {
	judged
	threshold plan.Threshold // without Op: must not be slower
}

// subject is what gates are asked of: a result, beside a base if b is not nil.
type subject struct {
	*result.Result
	b *Between
}

// ask finds the comparisons that t is for: every arm with its control, or with a base,
// of a metric that lasts, every arm by itself. One that there is not is a question too,
// without an answer.
func ask(all []judged, t plan.Threshold, of subject) []question {
	var questions []question
	add := func(group, arm, control string) {
		i := slices.IndexFunc(all, func(j judged) bool { return j.metric == t.Metric && j.group == group && j.arm == arm })
		if i >= 0 {
			questions = append(questions, question{all[i], t})
			return
		}
		unseen := judged{group: group, arm: arm, metric: t.Metric, what: arm, against: control, reason: of.missing(t.Metric)}
		if of.b != nil {
			unseen.against = of.b.against()
		}
		if of.b != nil && control != "" {
			unseen.what += "/" + control
		}
		questions = append(questions, question{unseen, t})
	}
	if of.b != nil && metric.Lasts(t.Metric) {
		for _, a := range of.Arms {
			if !of.isAA(a.Name) && (t.Group == "" || inGroup(t.Group, a.Name, of.Groups)) {
				add("", a.Name, "")
			}
		}
	} else {
		for _, g := range of.Groups {
			for _, arm := range g.Arms {
				if arm != g.Control && !of.isAA(arm) && (t.Group == "" || t.Group == g.Name) {
					add(g.Name, arm, g.Control)
				}
			}
		}
	}
	if len(questions) == 0 {
		alone := "no arm has a control"
		if of.b != nil {
			alone += ", and of two runs only arm/control is compared in it, because the machine differs: " +
				"measure both builds in one run (--vary server-binary=OLD,NEW or --vary target=OLD,NEW)"
		}
		questions = []question{{judged{metric: t.Metric, group: t.Group, what: "every arm", reason: alone}, t}}
	}
	return questions
}

// isAA reports whether an arm is the A/A arm, which no gate is about.
func (of subject) isAA(arm string) bool {
	a, ok := of.Plan.Arm(arm)
	return ok && a.AA
}

// missing is why there is no comparison of a metric.
func (of subject) missing(name string) string {
	if of.b != nil && slices.Contains(measured(of.Result, of.b), name) {
		return "the base result does not have this arm with its control"
	}
	return "it was not measured"
}

// measured are the metrics that r, or either side of b, has, some more than once.
func measured(r *result.Result, b *Between) []string {
	var all []string
	for _, c := range r.Comparisons {
		all = append(all, c.Metric)
	}
	if b != nil {
		for _, c := range slices.Concat(b.Ratios, b.Absolutes) {
			all = append(all, c.Metric)
		}
	}
	return all
}

// NotMeasured are the metrics that asked names by default, and that neither r nor the
// base of b has: [Gates] leaves them out. b is nil if there is no base.
func NotMeasured(asked plan.Gates, r *result.Result, b *Between) []string {
	names := slices.Clone(asked.NotMeasured)
	if !asked.Defaulted {
		return names
	}
	have := measured(r, b)
	for _, name := range asked.Regressions {
		if !slices.Contains(have, name) {
			names = append(names, name)
		}
	}
	return names
}

func inGroup(name, arm string, groups []plan.Group) bool {
	return slices.ContainsFunc(groups, func(g plan.Group) bool { return g.Name == name && slices.Contains(g.Arms, arm) })
}
