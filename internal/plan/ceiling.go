package plan

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"grpcbench/internal/metric"
)

// KindCeiling is that of a plan that looks for how much a server can take.
const KindCeiling = "ceiling"

// Ceiling says how the most that a server can take is looked for: with an SLO the
// highest rate that keeps it, without one the number of callers of a closed loop from
// which more callers gain nothing.
type Ceiling struct {
	// SLO are the limits that a rate must keep, all of them; see [Threshold.Allows].
	SLO       []Threshold `json:"slo,omitempty"`
	FirstRate float64     `json:"first_rate_rpc_per_s,omitempty"` // with an SLO: where the search begins
	MaxRate   float64     `json:"max_rate_rpc_per_s,omitempty"`   // with an SLO: no higher rate is offered
	// MaxConcurrency is the most callers, a power of two; 0 with an SLO.
	MaxConcurrency int `json:"max_concurrency,omitempty"`
}

// Callers are the numbers of callers that are measured: 1, 2, 4 … MaxConcurrency. There
// are none with an SLO.
func (c Ceiling) Callers() []int {
	var all []int
	for n := 1; n <= c.MaxConcurrency; n *= 2 {
		all = append(all, n)
	}
	return all
}

const (
	// fewestRPCs is how many RPCs a window of the plan's length holds at the lowest rate
	// that is tried.
	fewestRPCs = 10
	// fewestBeyond is how many RPCs of a window lie beyond a limit that is just kept: of
	// p99<5ms five of 500, since what one of 25 says is chance. docs/method.md has what
	// other numbers give.
	fewestBeyond = 5
	// longestWindow is that of the lowest rate that is tried, unless the first rate is
	// lower.
	longestWindow = 30 * time.Second
)

// needs is how many RPCs a window must hold for every limit of the SLO to be judged.
func (c Ceiling) needs() (n float64) {
	for _, t := range c.SLO {
		if allowed := t.Allows(); allowed > 0 {
			n = max(n, fewestBeyond/allowed)
		}
	}
	return n
}

// LeastRate is the lowest rate that a search may try: one whose windows hold ten RPCs and
// are no longer than half a minute, or the first rate if that is lower.
func (p Plan) LeastRate() float64 {
	return min(p.Ceiling.FirstRate, max(fewestRPCs/p.Window.Seconds(), p.Ceiling.needs()/longestWindow.Seconds()))
}

// WindowAt is how long a window at a rate is: the plan's window, or as much longer as it
// takes for five RPCs to lie beyond each limit of the SLO that is just kept, in tenths of a
// second. It follows from the rate alone and not from what was measured, so that no rate
// is known better for being worse. A closed loop, whose rate is 0, has the plan's.
func (p Plan) WindowAt(rate float64) time.Duration {
	if p.Ceiling == nil || rate <= 0 {
		return p.Window
	}
	const tenth = 100 * time.Millisecond
	return max(p.Window, time.Duration(math.Ceil(p.Ceiling.needs()/rate*10-1e-9))*tenth)
}

// SearchInFlight is how many RPCs an arm has in flight at most while a rate is tried:
// what was asked for, or room for a quarter of a second or for twice the longest latency
// that the SLO allows. An overloaded server would else fill the memory.
func (p Plan) SearchInFlight(rate float64) int {
	if p.Load.MaxInFlight > 0 {
		return p.Load.MaxInFlight
	}
	room := 250 * time.Millisecond
	for _, t := range p.Ceiling.SLO {
		if t.Metric != metric.Failed {
			room = max(room, time.Duration(2*t.Value))
		}
	}
	return int(min(max(1000, rate*room.Seconds()), 1_000_000))
}

// Allows is the share of RPCs that an SLO's limit allows to be bad, in [0, 1): of
// latency_p99<5ms the 1 % that may take 5 ms or longer, or not end well; of failed<0.1%
// the 0.1 % that may not end well. It is NaN for another metric.
func (t Threshold) Allows() float64 {
	if t.Metric == metric.Failed {
		return t.Value
	}
	m, _ := metric.Named(t.Metric)
	if share, ok := m.Allows(); ok {
		return share
	}
	return math.NaN()
}

// parseSLO reads a limit on a rate.
func parseSLO(text string) (Threshold, error) {
	at := strings.IndexAny(text, "<>")
	if at < 0 {
		return Threshold{}, errors.New("must be METRIC OP VALUE with OP one of < <=, as in p99<5ms or failed<0.1%")
	}
	name, err := ParseMetric(strings.TrimSpace(text[:at]))
	if err != nil || math.IsNaN(Threshold{Metric: name}.Allows()) {
		quantiles := slices.DeleteFunc(limits(), func(m metric.Metric) bool { _, ok := m.Allows(); return !ok })
		return Threshold{}, fmt.Errorf("must be about %s or %s", strings.Join(metric.Names(quantiles), ", "), metric.Failed)
	}
	return ParseThreshold(text)
}

// ceilingOptions is the table of a ceiling: its own, and those of a run that mean the
// same.
func ceilingOptions() []option {
	search := func(d *draft) *Ceiling { return &d.ceiling }
	own := []option{
		{name: "slo", value: "'METRIC OP VALUE'", repeats: true,
			doc: "a limit that the rate must keep, as in 'p99<5ms' or 'failed<0.1%'; without one callers are doubled in a closed loop (repeatable)",
			set: func(d *draft, text string) error {
				t, err := parseSLO(text)
				if err == nil && !slices.Contains(d.ceiling.SLO, t) {
					d.ceiling.SLO = append(d.ceiling.SLO, t)
				}
				return err
			}, get: sloArgs},
		{name: "first-rate", value: "RPC/s", start: "100", doc: "with --slo: the rate that is tried first",
			set: into(parseRate, func(d *draft) *float64 { return &search(d).FirstRate }),
			get: ofCeiling(func(c Ceiling) float64 { return c.FirstRate })},
		{name: "max-rate", value: "RPC/s", start: "1000000", doc: "with --slo: no higher rate is offered to the server; a TARGET needs it",
			set: into(parseRate, func(d *draft) *float64 { return &search(d).MaxRate }),
			get: ofCeiling(func(c Ceiling) float64 { return c.MaxRate })},
		{name: "max-concurrency", value: "N", start: "128", doc: "without --slo: callers are 1, 2, 4, ... N",
			set: into(whole(2, 65_536), func(d *draft) *int { return &search(d).MaxConcurrency }),
			get: ofCeiling(func(c Ceiling) float64 { return float64(c.MaxConcurrency) })},
	}
	shared := []string{"arrival", "max-in-flight", "drain", "connect-timeout", "expect", "max-message", "max-time", "seed", "aa", "allow-failures", "allow-degraded", "name", "tag"}
	for _, o := range slices.Concat(targetOptions(), serverOptions()) {
		shared = append(shared, o.name)
	}
	for _, o := range options() {
		switch {
		case o.name == "window":
			o.start, o.doc = "1s", "measured part of the time that each load is offered"
		case o.name == "warmup":
			o.start, o.doc = "250ms", "part of that time before the window, not measured"
		case o.name == "epochs":
			o.value, o.start, o.doc = "N", "8", "how often everything is repeated, 8 times or more"
		case !slices.Contains(shared, o.name):
			continue
		}
		own = append(own, o)
	}
	return own
}

// CeilingFlags registers every flag of a ceiling, whose plan Plan then makes.
func (c *Config) CeilingFlags(fs *pflag.FlagSet) {
	c.kind = KindCeiling
	c.planFlags(fs, CeilingSetting)
}

// CeilingSetting reports whether a ceiling can have the setting or option of that name:
// all but those that replace connections.
func CeilingSetting(name string) bool {
	return !slices.ContainsFunc(churn(), func(s setting) bool { return s.name == name })
}

// ceilingEpochs is the fewest epochs of a ceiling: the interval of a search needs them.
const ceilingEpochs = 8

// completeCeiling makes of the draft what a ceiling measures.
func (r request) completeCeiling(d *draft, m *mistakes) {
	p, c := &d.plan, &d.ceiling
	p.Ceiling = c
	p.Load = Load{Loop: Closed, MaxInFlight: p.Load.MaxInFlight, Arrival: p.Load.Arrival}
	if e := p.Epochs; len(r.options["epochs"]) > 0 && e.Max > 0 && (e.Min < ceilingEpochs || e.Min != e.Max) {
		v := r.options["epochs"][0]
		m.add("%s %s: must be one number with grpc-bench ceiling, %d or more", v.where, v.shown(), ceilingEpochs)
	}
	if slices.ContainsFunc(p.Arms, func(a Arm) bool { return a.Settings.Churns() }) {
		m.add("--churn, --max-rpcs-per-connection, --connection-age: must be none with grpc-bench ceiling, whose windows are of many loads")
	}
	if len(r.options["slo"]) == 0 {
		r.completeCallers(d, m)
		return
	}
	p.Load.Loop = Open
	for _, v := range r.options["max-concurrency"] {
		m.add("%s %s: cannot be used with --slo, which offers rates", v.where, v.shown())
	}
	c.MaxConcurrency = 0
	r.completeSLO(d, m)
	maxRate := r.options["max-rate"]
	if r.hasTarget() && len(maxRate) == 0 {
		m.add("--max-rate: must be given for a TARGET: nobody's server is overloaded by accident")
	} else if len(maxRate) > 0 && c.MaxRate > 0 && c.FirstRate > 0 && c.MaxRate < c.FirstRate {
		m.add("%s %s: must be at least the first rate, %s (--first-rate)", maxRate[0].where, maxRate[0].text, rateText(c.FirstRate))
	} else if c.FirstRate > c.MaxRate && c.MaxRate > 0 {
		m.add("--first-rate %s: must be at most --max-rate %s", rateText(c.FirstRate), rateText(c.MaxRate))
	}
}

// rateText is a rate as it is given, without an exponent.
func rateText(rate float64) string { return strconv.FormatFloat(rate, 'f', -1, 64) }

// completeCallers fits a ceiling without an SLO.
func (r request) completeCallers(d *draft, m *mistakes) {
	for _, name := range []string{"first-rate", "max-rate", "arrival", "max-in-flight"} {
		for _, v := range r.options[name] {
			m.add("%s %q: must come with --slo: a closed loop offers what is answered", v.where, v.shown())
		}
	}
	if r.hasTarget() {
		m.add("--slo: must be given for a TARGET, with --max-rate: callers of a closed loop take all that a server has, and nobody's server is overloaded by accident")
	}
	c := &d.ceiling
	if n := c.MaxConcurrency; n > 0 && n&(n-1) != 0 {
		m.add("--max-concurrency %d: must be a power of two, such as %d", n, 1<<int(math.Log2(float64(n))))
	}
	c.FirstRate, c.MaxRate = 0, 0
	d.plan.Load.Arrival, d.plan.Load.MaxInFlight = "", 0
	d.plan.Load.Concurrency = c.MaxConcurrency
}

// completeSLO refuses limits that no rate can keep or that say nothing of a rate, and
// adds the one on RPCs that do not end well, unless there is one.
func (r request) completeSLO(d *draft, m *mistakes) {
	c := &d.ceiling
	seen := make(map[string]Threshold)
	for _, t := range c.SLO {
		first, twice := seen[t.Metric]
		switch {
		case t.Relative:
			m.add("--slo %s: must be an absolute value: a rate is compared with nothing", t)
		case t.Op != "<" && t.Op != "<=":
			m.add("--slo %s: must have < or <=: a rate is limited from above", t)
		case t.Value == 0 && (t.Op == "<" || t.Metric != metric.Failed):
			m.add("--slo %s: must be a limit that can be kept", t)
		case t.Metric == metric.Failed && t.Value >= 1:
			m.add("--slo %s: must be below 100%%, which every rate keeps", t)
		case twice:
			m.add("--slo %s: must be the one limit on %s, and contradicts %s", t, t.Metric, first)
		}
		seen[t.Metric] = t
	}
	if _, ok := seen[metric.Failed]; !ok && d.plan.AllowFailures < 1 {
		c.SLO = append(c.SLO, d.plan.failuresAllowed())
	} else if ok && len(r.options["allow-failures"]) > 0 {
		v := r.options["allow-failures"][0]
		m.add("%s %s: cannot be used, since --slo %s says it", v.where, v.shown(), seen[metric.Failed])
	}
}
