package svg

import "math"

// A Scale maps values to places along an axis. The zero value is not usable; call
// Linear, Log or Tail.
type Scale struct {
	kind     string
	low      float64 // values at the two ends
	high     float64
	from, to float64 // places of the two ends
}

// finite keeps what a file may hold to numbers that can be multiplied.
func finite(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return min(max(v, -1e300), 1e300)
}

// Linear is a scale on which equal differences are equally long.
func Linear(low, high float64) Scale {
	low, high = finite(low), finite(high)
	if !(high > low) {
		high = low + 1
	}
	return Scale{kind: "linear", low: low, high: high}
}

// Log is a scale on which equal ratios are equally long; low and high are positive.
func Log(low, high float64) Scale {
	low, high = finite(low), finite(high)
	if !(low > 0) {
		low = math.SmallestNonzeroFloat32
	}
	if !(high > low) {
		high = 2 * low
	}
	return Scale{kind: "log", low: low, high: high}
}

// Tail is the scale of quantiles on which HdrHistogram's plotter draws them: the
// place of q is log(1/(1 − q)), so that each further nine is equally long. It ends
// at the quantile high < 1.
func Tail(high float64) Scale {
	if !(high >= 0.9) {
		high = 0.9
	}
	return Scale{kind: "tail", low: 0, high: min(high, 1-1e-12)}
}

// over places the scale between two ends.
func (s Scale) over(from, to float64) Scale {
	s.from, s.to = from, to
	return s
}

// at is the place of v; values outside of the scale are at its ends.
func (s Scale) at(v float64) float64 {
	v = min(max(v, s.low), s.high)
	share := (s.project(v) - s.project(s.low)) / (s.project(s.high) - s.project(s.low))
	return s.from + share*(s.to-s.from)
}

func (s Scale) project(v float64) float64 {
	switch s.kind {
	case "log":
		return math.Log(v)
	case "tail":
		return -math.Log1p(-v)
	}
	return v
}

// Ticks are about n round values on the scale, in order: multiples of 1, 2 or 5
// times a power of ten, on a logarithmic scale the powers themselves, with 2 and 5
// times them where there is room; of quantiles 0.5, 0.9, 0.99 and on.
func (s Scale) Ticks(n int) []float64 {
	switch s.kind {
	case "log":
		return s.logTicks(n)
	case "tail":
		ticks := []float64{0, 0.5}
		for tail := 0.1; 1-tail <= s.high+1e-13 && tail > 1e-12; tail /= 10 {
			ticks = append(ticks, 1-tail)
		}
		return ticks
	}
	step := round((s.high - s.low) / float64(max(n, 1)))
	var ticks []float64
	for k := math.Ceil(s.low/step - 1e-9); k*step <= s.high+1e-9*step && len(ticks) < 4*n+4; k++ {
		ticks = append(ticks, k*step+0) // −0 + 0 is 0
	}
	return ticks
}

func (s Scale) logTicks(n int) []float64 {
	decades := math.Log10(s.high / s.low)
	factors := []float64{1}
	switch {
	case 3*decades <= float64(n):
		factors = []float64{1, 2, 5}
	case 2*decades <= float64(n):
		factors = []float64{1, 3}
	}
	step := max(1, math.Ceil(decades/float64(max(n, 1))))
	var ticks []float64
	for e := math.Floor(math.Log10(s.low)); e <= math.Ceil(math.Log10(s.high)); e += step {
		for _, f := range factors {
			if v := f * math.Pow(10, e); v >= s.low*(1-1e-9) && v <= s.high*(1+1e-9) {
				ticks = append(ticks, v)
			}
		}
	}
	return ticks
}

// round is the smallest 1, 2 or 5 times a power of ten that is not below v.
func round(v float64) float64 {
	if !(v > 0) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range []float64{1, 2, 5} {
		if f*power >= v*(1-1e-9) {
			return f * power
		}
	}
	return 10 * power
}

// Above is a round value that is at least v: where a scale that begins at 0 may end.
func Above(v float64) float64 {
	if !(v > 0) {
		return 1
	}
	step := round(v / 5)
	return step * math.Ceil(v/step-1e-9)
}
