package result

import (
	"math"
	"strconv"
)

// FormatDigits prints v with three significant digits; whole from 100 up.
func FormatDigits(v float64) string {
	switch a := math.Abs(v); {
	case a >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// FormatDuration prints a measured time of ns nanoseconds with three significant
// digits and a unit, as in "6.26 ms": in the sentences of checks as in tables.
func FormatDuration(ns float64) string {
	units := [...]struct {
		name string
		ns   float64
	}{{"s", 1e9}, {"ms", 1e6}, {"µs", 1e3}}
	for _, u := range units {
		if math.Abs(ns) >= 0.9995*u.ns { // prints as 1.00
			return FormatDigits(ns/u.ns) + " " + u.name
		}
	}
	return strconv.FormatFloat(ns, 'f', 0, 64) + " ns"
}
