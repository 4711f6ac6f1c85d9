package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"grpcbench/internal/metric"
	"grpcbench/internal/result"
)

// digits prints v with three significant digits; whole from 100 up.
func digits(v float64) string { return result.FormatDigits(v) }

// duration prints a measured time as the sentences of a result do.
func duration(ns float64) string { return result.FormatDuration(ns) }

// span prints a time that was asked for, such as a window, as it was asked.
func span(d time.Duration) string {
	switch {
	case d >= time.Second:
		return short(d.Seconds()) + " s"
	case d >= time.Millisecond:
		return short(float64(d)/1e6) + " ms"
	}
	return short(float64(d)/1e3) + " µs"
}

// short prints v with as few digits as it needs, four at most.
func short(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// count prints n with its digits in groups of three (ISO 80000-1, section 7.3.1)
// from five digits up.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	if n < 10_000 {
		return s
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// countable is the largest amount whose digits are worth printing.
const countable = 1e12

// rate prints RPC/s without the unit, to three significant digits.
func rate(v float64) string {
	if !(v >= 99.95) {
		return digits(v)
	}
	if v > countable {
		return short(v)
	}
	unit := math.Pow(10, math.Floor(math.Log10(v))-2)
	return count(int64(math.Round(v/unit) * unit))
}

// amount prints a number of bytes or allocations per RPC.
func amount(v float64) string {
	if math.Abs(v) > countable {
		return short(v)
	}
	if v < 1000 {
		return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
	}
	return count(int64(math.Round(v)))
}

// share prints v, in [0, 1], in percent.
func share(v float64) string { return digits(100*v) + " %" }

// absent is printed for a figure that could not be had.
const absent = "n/a"

// maybe prints v, if it is there, with print.
func maybe(v *float64, print func(float64) string) string {
	if v == nil {
		return absent
	}
	return print(*v)
}

// Of the observations of a distribution, those above a quantile say how well it
// is known: below few it is marked, below [result.MinAbove] it is not shown.
const few = 100

// quantile prints a quantile. If its rank is among the calls that never ended well, it is
// known only that they were waited for as long as the drain lasts.
func quantile(r result.Reading, drain time.Duration) string {
	switch {
	case r.State == result.Absent:
		return absent
	case r.State == result.Beyond:
		return "≥ " + span(drain)
	case r.Above < result.MinAbove:
		return fmt.Sprintf("n/a (%d above)", r.Above)
	case r.Above < few:
		return duration(r.Value) + " few"
	}
	return duration(r.Value)
}

// printer is how values of a unit are printed.
func printer(u metric.Unit) func(float64) string {
	switch u {
	case metric.Time:
		return duration
	case metric.Rate, metric.Openings:
		return rate
	case metric.Share, metric.Ratio:
		return share
	}
	return amount
}

// longestTime prints the maximum of d, which unlike a quantile is exact.
func longestTime(d result.Distribution, drain time.Duration) string {
	switch {
	case d.Count == 0:
		return absent
	case d.Max == nil:
		return "≥ " + span(drain)
	}
	return duration(float64(*d.Max))
}

// A mark is what a verdict looks like.
type mark string

const (
	slower mark = "▲"
	faster mark = "▼"
	same   mark = "="
	unsure mark = "~"
)

// cell is one figure of a table. A cell with a mark is a change, one without is
// a value.
type cell struct {
	text string
	mark mark
}

// change prints a comparison: the estimate, its interval, the mark of its
// verdict. Ratio is not nil.
//
// Numbers are percent, or factors from ten times up. Where ten percent are the
// same, tenths of a percent say nothing and are left out.
func change(c result.Comparison) cell {
	decimals := 1
	if c.Delta >= 0.1 {
		decimals = 0
	}
	print := func(ratio float64) string { return percent(ratio, decimals) }
	if *c.Ratio >= 10 {
		print = factor
	}
	text := relative(*c.Ratio, decimals)
	if c.Low != nil && c.High != nil {
		text += " [" + print(*c.Low) + ", " + print(*c.High) + "]"
	} else {
		text += " no interval"
	}
	switch c.Verdict {
	case "slower":
		return cell{text + " ▲", slower}
	case "faster":
		return cell{text + " ▼", faster}
	case "same":
		return cell{text + " = ±" + short(100*c.Delta), same}
	}
	return cell{text + " ~", unsure}
}

// relative prints a ratio as a change in percent with its sign, or as a factor from
// ten times up.
func relative(ratio float64, decimals int) string {
	if ratio >= 10 {
		return "×" + factor(ratio)
	}
	p := percent(ratio, decimals)
	if p[0] != '-' && strings.Trim(p, "0.") != "" {
		return "+" + p
	}
	return p
}

// percent prints a ratio as a relative change in percent; whole from ten up.
func percent(ratio float64, decimals int) string {
	p := 100 * (ratio - 1)
	if math.Abs(p) >= 9.95 {
		decimals = 0
	}
	s := strconv.FormatFloat(p, 'f', decimals, 64)
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-")
	}
	return s
}

// factor prints a ratio as it is.
func factor(ratio float64) string { return digits(ratio) }
