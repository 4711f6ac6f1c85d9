package compare

import (
	"fmt"
	"slices"
	"strings"

	"grpcbench/internal/metric"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/stats"
)

// Gates answers what was asked of r, whose comparisons are those of [Arms]. Relative
// limits are held against the control, or against the base of b if there is one.
//
// Only a VALID result passes, or a DEGRADED one if that is allowed; the same goes for
// the base. A relative limit is broken by an arm that is slower, with a p-value that
// stays at most [plan.GateAlpha] when adjusted by Holm's method for all comparisons
// that gates look at, and whose change is above the limit. Slower is what the verdict
// says, or an interval that lies above the limit: the limit may be finer than what the
// verdict takes for a difference. It is kept if the whole 95 % interval lies below it,
// and no epoch was left out because of RPCs that did not end well. A metric that must
// not be slower is kept by the verdicts same and faster. An absolute limit is held
// against the figure of all epochs together. r is not changed.
//
// Each limit has an answer for every arm that it is for. One that nothing can be held
// against, or whose comparison has too few epochs to break it whatever they show, is not
// judged, which fails.
func Gates(asked plan.Gates, r *result.Result, b *Between) []result.Gate {
	if !asked.Asked() {
		return nil
	}
	gates := usable(asked, r, b)
	for _, t := range asked.Thresholds {
		if !t.Relative {
			gates = append(gates, absolute(t, r)...)
		}
	}
	all := within(r)
	if b != nil {
		all = b.across(r)
	}
	var questions []question
	for _, t := range asked.Thresholds {
		if t.Relative {
			questions = append(questions, ask(all, t, subject{r, b})...)
		}
	}
	unasked := NotMeasured(asked, r, b)
	for _, name := range asked.Regressions {
		if !slices.Contains(unasked, name) {
			questions = append(questions, ask(all, plan.Threshold{Metric: name}, subject{r, b})...)
		}
	}
	gates = append(gates, answer(questions)...)
	if why := unusable(r, b); why != "" {
		for i := range gates {
			if gates[i].Asked != validGate {
				gates[i].Outcome, gates[i].NotJudged, gates[i].Text = result.Fail, true, why
			}
		}
	}
	return gates
}

// validGate is what is asked of every result that has gates.
const validGate = "VALID"

// unusable is why no figure may be held against a limit; "" if figures may.
func unusable(r *result.Result, b *Between) string {
	switch {
	case r.Verdict == result.Invalid || r.Verdict == result.Partial:
		return "the result is " + string(r.Verdict)
	case b != nil && (b.Base.Verdict == result.Invalid || b.Base.Verdict == result.Partial):
		return "the base result is " + string(b.Base.Verdict)
	}
	return ""
}

// Passes reports whether a result of this verdict may pass gates.
func Passes(v result.Verdict, asked plan.Gates) bool {
	return v == result.Valid || v == result.Degraded && asked.AllowDegraded
}

// usable are the gates that results break which may not be used.
func usable(asked plan.Gates, r *result.Result, b *Between) []result.Gate {
	var gates []result.Gate
	broken := func(what string, v result.Verdict) {
		g := result.Gate{Asked: validGate, Outcome: result.Fail, Text: fmt.Sprintf("%s is %s, and only a VALID one passes", what, v)}
		if v == result.Degraded {
			g.Text += ", or with --allow-degraded a DEGRADED one"
		}
		gates = append(gates, g)
	}
	if !Passes(r.Verdict, asked) {
		broken("the result", r.Verdict)
	}
	if b != nil && !Passes(b.Base.Verdict, asked) {
		broken("the base result", b.Base.Verdict)
	}
	return gates
}

// answer answers questions. The p-values of all comparisons, each once, are adjusted
// together: the more is asked, the clearer each must be.
func answer(questions []question) []result.Gate {
	type comparison struct{ group, arm, metric string }
	place := make(map[comparison]int)
	var p []float64
	of := func(q question) comparison { return comparison{q.group, q.arm, q.metric} }
	for _, q := range questions {
		if _, known := place[of(q)]; !known && q.p != nil {
			place[of(q)] = len(p)
			p = append(p, *q.p)
		}
	}
	adjusted := stats.Holm(p)
	var gates []result.Gate
	for _, q := range questions {
		g := result.Gate{
			Asked: q.threshold.String(), Group: q.group, Arm: q.arm, Metric: q.metric, Against: q.against,
			Ratio: q.ratio, Low: q.low, High: q.high, Outcome: result.Undecided,
		}
		if q.threshold.Op == "" {
			g.Asked = q.metric + " not slower"
		}
		if i, ok := place[of(q)]; ok {
			g.P = &adjusted[i]
		}
		g.Outcome, g.Text = q.decide(g.P), q.text()
		switch {
		case q.ratio == nil:
			g.Outcome, g.NotJudged = result.Fail, true
		case g.Outcome == result.Undecided && !q.breakable(len(p)):
			g.Outcome, g.NotJudged = result.Fail, true
			g.Text += fmt.Sprintf("; epochs are too few for %s to fail: use more --epochs or a longer --max-time, or gate fewer metrics", many(len(p)))
		case g.Outcome == result.Undecided && q.above() && certain(q.p): // Holm's method alone is against it
			g.Text += fmt.Sprintf("; p %.2g %% after Holm's adjustment for %s, must be %g %%", 100**g.P, many(len(p)), 100*plan.GateAlpha)
		}
		gates = append(gates, g)
	}
	return gates
}

func many(comparisons int) string {
	if comparisons == 1 {
		return "1 comparison"
	}
	return fmt.Sprintf("%d comparisons", comparisons)
}

// certain reports whether an adjusted p lets a gate fail.
func certain(p *float64) bool { return p != nil && *p <= plan.GateAlpha }

// breakable reports whether epochs are enough to break the limit, if they show it clearly,
// among so many comparisons.
func (q question) breakable(comparisons int) bool {
	enough := stats.MinVerdict
	if q.threshold.Op != "" { // an interval suffices
		enough = stats.MinInterval
	}
	return q.epochs >= enough && q.least*float64(comparisons) <= plan.GateAlpha
}

// limit is the ratio that must not be exceeded.
func (q question) limit() float64 { return 1 + q.threshold.Value }

// above reports whether the arm is slower, and by more than the limit, whatever p is.
func (q question) above() bool {
	if q.ratio == nil || q.p == nil || !(*q.ratio > q.limit()) {
		return false
	}
	return q.verdict == string(stats.Slower) || q.threshold.Op != "" && q.low != nil && *q.low > q.limit()
}

// decide says whether the limit is kept. p is adjusted.
func (q question) decide(p *float64) string {
	switch {
	case q.above() && certain(p):
		return result.Fail
	case q.ratio == nil || q.beyond > 0:
		return result.Undecided
	case q.threshold.Op == "" && (q.verdict == string(stats.Same) || q.verdict == string(stats.Faster)):
		return result.Pass
	case q.threshold.Op != "" && q.high != nil && (*q.high < q.limit() || q.threshold.Op == "<=" && *q.high == q.limit()):
		return result.Pass
	}
	return result.Undecided
}

// text says what was found, with why it may be no answer.
func (q question) text() string {
	if q.ratio == nil {
		text := fmt.Sprintf("%s could not be compared: %s", q.what, q.reason)
		if strings.Contains(q.reason, aboveQuantile) {
			text += ": use a longer --window or a higher --rate"
		}
		return text
	}
	text := fmt.Sprintf("%s is %s", q.what, Percent(*q.ratio))
	if q.low != nil && q.high != nil {
		text += fmt.Sprintf(" [%s, %s]", Percent(*q.low), Percent(*q.high))
	}
	text += " % against " + q.against
	if q.reason != "" {
		text += "; " + q.reason
	}
	return text
}

// Percent prints a ratio as a change in percent, with its sign unless it is 0.
func Percent(ratio float64) string {
	text := fmt.Sprintf("%+.1f", 100*(ratio-1))
	if strings.Trim(text, "+-") == "0.0" {
		return "0.0"
	}
	return text
}

// absolute holds the arms' own figures against t.
func absolute(t plan.Threshold, r *result.Result) []result.Gate {
	m, _ := metric.Named(t.Metric)
	var gates []result.Gate
	unseen := func(g result.Gate, why string) result.Gate {
		g.Outcome, g.NotJudged, g.Text = result.Fail, true, why
		return g
	}
	for i := range r.Arms {
		a := &r.Arms[i]
		if a.AA || t.Group != "" && !inGroup(t.Group, a.Name, r.Groups) {
			continue
		}
		g := result.Gate{Asked: t.String(), Group: t.Group, Arm: a.Name, Metric: t.Metric}
		switch found := a.Read(m); {
		case found.State == result.Beyond:
			g.Outcome, g.Text = result.Fail, a.Name+": the quantile lies among the RPCs that did not end well"
		case found.Few(m, result.MinAbove):
			g = unseen(g, fmt.Sprintf("%s: %d observations above the quantile, a limit needs %d: use a longer --window or more --epochs", a.Name, found.Above, result.MinAbove))
		case found.State == result.Absent:
			g = unseen(g, a.Name+": it was not measured")
		default:
			g.Value, g.Outcome = &found.Value, result.Fail
			if t.Holds(found.Value) {
				g.Outcome = result.Pass
			}
			g.Text = fmt.Sprintf("%s has %s", a.Name, t.Show(found.Value))
		}
		gates = append(gates, g)
	}
	if len(gates) == 0 {
		gates = []result.Gate{unseen(result.Gate{Asked: t.String(), Group: t.Group, Metric: t.Metric}, "there is no arm that it is for")}
	}
	return gates
}
