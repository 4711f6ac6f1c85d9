package compare

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"grpcbench/internal/ceiling"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// Ceilings works out how much the arms of a result that looked for it can take, and
// fills in what depends on that: the statistics of levels, each epoch's own ceiling, and
// without an SLO the figures at the ceiling as those of the saturated blocks. It comes
// before [Arms]. Epochs that were cut short count in nothing. A result of another kind is
// left as it is.
func Ceilings(r *result.Result) {
	if r.Plan.Kind != plan.KindCeiling || r.Plan.Ceiling == nil {
		return
	}
	for i := range r.Arms {
		c := climber{r: r, arm: &r.Arms[i]}
		for j := range c.arm.Epochs {
			e := &c.arm.Epochs[j]
			e.CeilingRate, e.Saturated = nil, nil
			if !e.Interrupted {
				c.epochs = append(c.epochs, e)
			}
		}
		c.arm.Saturated = nil
		if len(r.Plan.Ceiling.SLO) == 0 {
			c.callers()
		} else {
			c.slo()
		}
	}
}

// climber works out the ceiling of one arm.
type climber struct {
	r      *result.Result
	arm    *result.Arm
	epochs []*result.Epoch // whole ones
	judged []result.Level  // whose limit is looked for: the ceiling's and those above, or those above alone
}

// fewest is how many whole epochs give an interval.
const fewest = 6

// of is a figure of one level, epoch by epoch; NaN where an epoch does not have it.
func (c climber) of(l result.Level, get func(result.Step) *float64) []float64 {
	all := make([]float64, len(c.epochs))
	for i, e := range c.epochs {
		all[i] = math.NaN()
		for _, b := range e.Blocks {
			if v := get(b.Step); b.Counts() && b.Callers == l.Callers && b.Rate == l.Rate && v != nil {
				all[i] = *v
			}
		}
	}
	return all
}

func achieved(s result.Step) *float64  { return &s.Achieved }
func clientCPU(s result.Step) *float64 { return s.ClientCPU }
func serverCPU(s result.Step) *float64 { return s.ServerCPU }

// estimate is e as it is stored; nil if there is none.
func estimate(e ceiling.Estimate) *result.Estimate {
	if e.Epochs == 0 {
		return nil
	}
	out := &result.Estimate{Value: e.Value, Epochs: e.Epochs}
	if e.HasInterval {
		out.Low, out.High = &e.Low, &e.High
	}
	return out
}

// callers finds the ceiling of a closed loop.
func (c *climber) callers() {
	levels := c.arm.Levels
	var gains []ceiling.Estimate
	for i := range levels {
		levels[i].Throughput = estimate(ceiling.Over(c.of(levels[i], achieved)))
		levels[i].Gain = nil
		if i+1 < len(levels) && levels[i+1].Callers == 2*levels[i].Callers {
			g := ceiling.Gain(c.of(levels[i], achieved), c.of(levels[i+1], achieved))
			gains = append(gains, g)
			levels[i].Gain = estimate(g)
		}
	}
	found := &result.Ceiling{Outcome: result.TooFew}
	c.arm.Ceiling = found
	if len(c.epochs) < fewest || len(levels) == 0 || len(gains)+1 != len(levels) {
		found.Text = c.tooFew()
		return
	}
	at := ceiling.Reached(gains)
	found.Outcome = result.Reached
	if at < 0 {
		found.Outcome, at = result.NotReached, len(levels)-1
	}
	l := levels[at]
	found.Callers, found.Rate = l.Callers, l.Throughput
	c.limit(found, l)
	c.streams(found, levels[min(at+1, len(levels)-1)])
	c.judge(levels[at:])
	c.saturated(l)
	found.Text = c.callersText(found)
	if later := c.gainsAgain(at); later != "" && found.Outcome == result.Reached {
		found.Text += "; " + later
	}
}

// gainsAgain says that more callers than twice those of the ceiling achieve more after
// all; "" if they do not.
func (c climber) gainsAgain(at int) string {
	levels := c.arm.Levels
	for i := at + 2; i < len(levels); i++ {
		g := ceiling.Gain(c.of(levels[at], achieved), c.of(levels[i], achieved))
		if g.HasInterval && g.Low > 1+ceiling.Enough {
			return fmt.Sprintf("%d callers achieve %s %% more", levels[i].Callers, Percent(g.Value))
		}
	}
	return ""
}

func (c climber) tooFew() string {
	return fmt.Sprintf("%d whole epochs: must be at least %d", len(c.epochs), fewest)
}

// saturated stores the figures at the ceiling.
func (c climber) saturated(l result.Level) {
	figures := func(s result.Step) *result.Saturated {
		return &result.Saturated{Achieved: s.Achieved, ClientCPU: s.ClientCPU, ServerCPU: s.ServerCPU}
	}
	c.arm.Saturated = figures(l.Step)
	for _, e := range c.epochs {
		for _, b := range e.Blocks {
			if b.Callers == l.Callers {
				e.Saturated, e.CeilingRate = figures(b.Step), new(b.Achieved)
			}
		}
	}
}

// slo finds the highest rate that keeps the SLO.
func (c *climber) slo() {
	for i := range c.arm.Levels {
		l := &c.arm.Levels[i]
		l.Throughput = estimate(ceiling.Over(c.of(*l, achieved)))
	}
	for _, e := range c.epochs {
		if cross := ceiling.Crossing(c.points([]*result.Epoch{e})); cross.Rate > 0 {
			e.CeilingRate = &cross.Rate
		}
	}
	found := &result.Ceiling{Outcome: result.TooFew}
	c.arm.Ceiling = found
	if len(c.epochs) < fewest || len(c.arm.Levels) == 0 {
		found.Text = c.tooFew()
		return
	}
	e, cross, low, high := ceiling.Pooled(len(c.epochs), func(without int) []ceiling.Point {
		left := c.epochs
		if without >= 0 {
			left = slices.Delete(slices.Clone(left), without, without+1)
		}
		return c.points(left)
	})
	found.Rate = estimate(e)
	if !low {
		found.Rate.Low = nil
	}
	if !high {
		found.Rate.High = nil
	}
	found.Outcome = map[ceiling.Side]string{ceiling.Between: result.Reached, ceiling.Above: result.NotReached, ceiling.Below: result.NoneKeeps}[cross.Side]
	at := 0 // the highest level that is not above the ceiling
	for i, l := range c.arm.Levels {
		if l.Rate <= e.Value {
			at = i
		}
	}
	l := c.arm.Levels[at]
	found.At = l.Rate
	c.limit(found, l)
	if found.Outcome == result.Reached && at+1 < len(c.arm.Levels) {
		c.overload(found, c.arm.Levels[at+1])
		c.streams(found, c.arm.Levels[at+1])
		at++
	}
	if found.Outcome != result.Reached {
		c.streams(found, l)
	}
	c.judge(c.arm.Levels[at:])
	found.Text = c.sloText(found)
}

// points are the rates of epochs and how far each was from the SLO, the windows of a rate
// taken together. An epoch that was not asked at a rate speaks by another one, see
// [ceiling.StandIn].
func (c climber) points(epochs []*result.Epoch) []ceiling.Point {
	var points []ceiling.Point
	for _, l := range c.arm.Levels {
		sum := result.Step{Rate: l.Rate, Over: make([]int64, len(c.r.Plan.Ceiling.SLO))}
		n := 0
		for _, e := range epochs {
			rate, ok := ceiling.StandIn(ratesOf(e), l.Rate)
			for _, b := range e.Blocks {
				if !ok || !b.Counts() || b.Rate != rate {
					continue
				}
				n++
				sum.Ledger.Add(b.Ledger)
				sum.Growth += b.Growth
				for i := range min(len(sum.Over), len(b.Over)) {
					sum.Over[i] += b.Over[i]
				}
			}
		}
		if n > 0 {
			points = append(points, sum.Point(c.r.Plan.Ceiling.SLO, n))
		}
	}
	return points
}

// ratesOf are the rates that an epoch measured, only windows that count.
func ratesOf(e *result.Epoch) (rates []float64) {
	for _, b := range e.Blocks {
		if b.Counts() {
			rates = append(rates, b.Rate)
		}
	}
	return rates
}

// rpc prints a rate to three significant digits.
func rpc(rate float64) string {
	digits, _ := strconv.ParseFloat(strconv.FormatFloat(rate, 'g', 3, 64), 64) // cannot fail
	return strconv.FormatFloat(digits, 'f', -1, 64)
}

// interval prints an estimate of a rate with its interval.
func interval(e *result.Estimate) string {
	low, high := "?", "?"
	if e.Low != nil {
		low = rpc(*e.Low)
	}
	if e.High != nil {
		high = rpc(*e.High)
	}
	return fmt.Sprintf("%s [%s, %s] RPC/s", rpc(e.Value), low, high)
}

func (c climber) callersText(f *result.Ceiling) string {
	if f.Outcome == result.NotReached {
		return fmt.Sprintf("not reached: %d callers achieve %s, and more might gain 5 %% or more", f.Callers, interval(f.Rate)) + c.bound(f)
	}
	return fmt.Sprintf("%s: %s with %d callers; twice as many gain less than 5 %%%s", c.whose(f), interval(f.Rate), f.Callers, c.why(f))
}

// sloText says what an SLO's search found.
func (c climber) sloText(f *result.Ceiling) string {
	slo := SLO(*c.r.Plan.Ceiling)
	switch f.Outcome {
	case result.NoneKeeps:
		return fmt.Sprintf("no rate keeps %s: the lowest that was tried is %s RPC/s", slo, rpc(f.Rate.Value)) + c.bound(f)
	case result.NotReached:
		return fmt.Sprintf("not reached: every rate up to the cap of %s RPC/s (--max-rate) keeps %s", rpc(f.Rate.Value), slo) + c.bound(f)
	}
	return fmt.Sprintf("%s: %s keep %s%s", c.whose(f), interval(f.Rate), slo, c.why(f))
}

// bound says that it was the server's limit of streams that held the load; "" if it was not.
func (c climber) bound(f *result.Ceiling) string {
	if f.Bottleneck != string(ceiling.Streams) {
		return ""
	}
	return "; " + c.streamsText()
}

// SLO is what a rate must keep, in one line.
func SLO(c plan.Ceiling) string {
	text := ""
	for i, t := range c.SLO {
		if i > 0 {
			text += ", "
		}
		text += t.String()
	}
	return text
}
