package ceiling

import (
	"cmp"
	"math"
	"slices"

	"grpcbench/internal/stats"
)

// A Point is one rate and how far what was measured there is from the limit.
type Point struct {
	Rate    float64 // RPC/s, > 0
	Windows int     // it was measured in: its weight
	Margin  float64 // see [Margin]
}

// Margin is how far bad RPCs of a number are from the share that a limit allows, which is
// in [0, 1): ln(share/allowed), at most 0 where the limit was kept. One RPC that is as bad
// as allowed is added, so that none is not infinitely far, and few RPCs say little.
//
// A limit on a quantile allows the share above it: p99 below 5 ms says that 1 % may take
// 5 ms or more. The share of a short window is right on average; its quantile is not,
// since RPCs that wait together are slow together.
func Margin(bad, of int64, allowed float64) float64 {
	if allowed <= 0 { // what may not be at all is kept or not
		if bad > 0 {
			return math.Inf(1)
		}
		return math.Inf(-1)
	}
	return math.Log((float64(bad) + allowed) / (float64(of) + 1) / allowed)
}

// Side says where a ceiling lies.
type Side int

// Sides.
const (
	Between Side = iota // among the points
	Above               // every rate keeps the limit; the ceiling is the highest or more
	Below               // no rate keeps it; the ceiling is the lowest or less
)

// clip bounds a margin. How hopeless an overloaded window was says nothing about where
// the limit is crossed: without a bound it would draw the crossing to itself.
const clip = 1.5

// A Cross is where points cross a limit, and the measured rates beside it: between these
// the curve is not known.
type Cross struct {
	Rate, From, To float64
	Side           Side
	straight       bool // the curve is a straight line
}

// Crossing is the rate at which points cross the limit: where a curve through them
// that does not fall crosses 0. The curve is the closest one in squares (isotonic
// regression by pooling adjacent violators: Ayer, Brunk, Ewing, Reid and Silverman,
// Annals of Mathematical Statistics 26, 1955), between its points straight in
// ln(rate). With Above and Below all rates are the last one on that side; without points
// they are 0, Between. Where three points or more are near the limit the curve is the
// straight line through them, if that crosses it between them.
func Crossing(points []Point) Cross { return crossing(points, true) }

// crossing is Crossing; the curve is no straight line unless it may be one.
func crossing(points []Point, mayBeStraight bool) Cross {
	if len(points) == 0 {
		return Cross{}
	}
	sorted := slices.SortedFunc(slices.Values(points), func(a, b Point) int { return cmp.Compare(a.Rate, b.Rate) })
	fit := isotonic(sorted)
	last := len(sorted) - 1
	switch {
	case fit[0] > 0:
		rate := sorted[0].Rate
		return Cross{Rate: rate, From: rate, To: rate, Side: Below}
	case fit[last] <= 0:
		rate := sorted[last].Rate
		return Cross{Rate: rate, From: rate, To: rate, Side: Above}
	}
	i := slices.IndexFunc(fit, func(v float64) bool { return v > 0 })
	from, to := sorted[i-1].Rate, sorted[i].Rate
	rate := from * math.Pow(to/from, -fit[i-1]/(fit[i]-fit[i-1]))
	straight, ok := line(sorted)
	if ok = ok && mayBeStraight; ok {
		rate = straight
		i = max(1, min(last, slices.IndexFunc(sorted, func(p Point) bool { return p.Rate > rate })))
		from, to = sorted[i-1].Rate, sorted[i].Rate
	}
	return Cross{Rate: rate, From: from, To: to, straight: ok}
}

// line is where the straight line through the points near the limit crosses 0, by least
// squares in ln(rate): several rates know more than the two beside the crossing. ok is
// false if fewer than three are near, or if the line crosses elsewhere.
func line(points []Point) (rate float64, ok bool) {
	var w, x, y, xx, xy float64
	var near []Point
	for _, p := range points {
		if math.Abs(p.Margin) >= clip {
			continue
		}
		near = append(near, p)
		n, l := float64(p.Windows), math.Log(p.Rate)
		w, x, y, xx, xy = w+n, x+n*l, y+n*p.Margin, xx+n*l*l, xy+n*l*p.Margin
	}
	slope := (w*xy - x*y) / (w*xx - x*x)
	if len(near) < 3 || !(slope > 0) {
		return 0, false
	}
	rate = math.Exp((x - y/slope) / w)
	return rate, near[0].Rate <= rate && rate <= near[len(near)-1].Rate
}

// isotonic fits the margins of points, which are in order of their rates.
func isotonic(points []Point) []float64 {
	type pool struct {
		sum        float64
		windows, n int
	}
	mean := func(p pool) float64 { return p.sum / float64(p.windows) }
	var pools []pool
	for _, p := range points {
		now := pool{min(max(p.Margin, -clip), clip) * float64(p.Windows), p.Windows, 1}
		for len(pools) > 0 && mean(pools[len(pools)-1]) >= mean(now) {
			last := pools[len(pools)-1]
			now = pool{last.sum + now.sum, last.windows + now.windows, last.n + now.n}
			pools = pools[:len(pools)-1]
		}
		pools = append(pools, now)
	}
	var fit []float64
	for _, p := range pools {
		for range p.n {
			fit = append(fit, mean(p))
		}
	}
	return fit
}

// StandIn is which of the rates that an epoch measured speaks for another one of the same
// search: that rate, if it is one of them; the highest, if it is higher than all, for the
// epoch went no further as the limit was broken there; the lowest, if it is lower than
// all. ok is false if it lies between them. Without it a rate that only some epochs were
// asked at would be known from these alone, which may all be better than the others, or
// worse.
func StandIn(measured []float64, rate float64) (of float64, ok bool) {
	if len(measured) == 0 {
		return 0, false
	}
	switch least, most := slices.Min(measured), slices.Max(measured); {
	case slices.Contains(measured, rate):
		return rate, true
	case rate > most:
		return most, true
	case rate < least:
		return least, true
	}
	return 0, false
}

// Pooled estimates a crossing of all epochs together. points are those of the windows of
// all epochs but one, or of all if without is −1.
//
// The interval is that of the signed-rank test on the jackknife's pseudo-values, n times
// the whole less n − 1 times what is left without an epoch, in logarithms (Tukey, Annals
// of Mathematical Statistics 29, 1958), at 99 %, because pseudo-values of few epochs are
// too much alike; and it reaches at least to the measured rates beside the crossing. What
// is left is no straight line where the whole is none: such a change of the curve would
// count n − 1 times as one of the server.
//
// Simulated, it holds the truth nine times in ten where windows are short beside what the
// server remembers, and as often as 95 % says where they are long. low and high are false for
// an end that is not known: without some epoch the crossing lies outside of what was
// measured on that side.
func Pooled(epochs int, points func(without int) []Point) (e Estimate, c Cross, low, high bool) {
	c = Crossing(points(-1))
	e = Estimate{Value: c.Rate, Epochs: epochs}
	low, high = c.Side != Below, c.Side != Above
	whole, n := math.Log(c.Rate), float64(epochs)
	pseudo := make([]float64, epochs)
	for i := range pseudo {
		left := crossing(points(i), c.straight)
		low, high = low && left.Side != Below, high && left.Side != Above
		pseudo[i] = n*whole - (n-1)*math.Log(left.Rate)
	}
	if lo, hi, ok := stats.Interval(pseudo, jackknifeLevel); ok {
		e.Low, e.High, e.HasInterval = min(math.Exp(lo), c.From), max(math.Exp(hi), c.To), true
	}
	return e, c, low, high
}

// jackknifeLevel is that of the signed-rank interval of pseudo-values; 8 epochs have it.
const jackknifeLevel = 0.99
