package stats

import "math"

// MDE returns the smallest effect that n paired differences with sample standard
// deviation sd would have shown, in sd's unit: the shift that a signed-rank test
// at 1 percent finds 4 times in 5. A difference below it may well be real and
// still unseen.
//
// It is c(n)·sd. For n from 8 to 20, c comes from a table simulated with normal
// differences, because the test's true size jumps from n to n; between its rows
// c is interpolated linearly, within 2 points of power. Above 20,
//
//	c(n) = (1 + 1.7/n) · (z(0.995) + z(0.80)) / √(3n/π)
//
// with 3/π = 0.955 the efficiency of the test against the t-test (Hodges and
// Lehmann, Annals of Mathematical Statistics 27, 1956) and z(0.995) + z(0.80) =
// 3.42. The first factor makes up for what large-sample theory leaves out:
// simulated, the power is 79 % at n = 21 and 80 % from 30 on.
//
// It is +Inf for n < 8, of which no effect can be seen, and NaN if sd is NaN.
func MDE(n int, sd float64) float64 {
	if n < MinVerdict {
		return math.Inf(1)
	}
	return effectFactor(n) * sd
}

// effectFactor is c(n) of MDE; n is at least 8.
func effectFactor(n int) float64 {
	table := [...]struct {
		n int
		c float64
	}{{8, 1.92}, {9, 1.61}, {10, 1.39}, {12, 1.21}, {14, 1.10}, {16, 0.99}, {20, 0.86}}
	for i, row := range table {
		if n == row.n {
			return row.c
		}
		if n < row.n {
			last := table[i-1]
			share := float64(n-last.n) / float64(row.n-last.n)
			return last.c + share*(row.c-last.c)
		}
	}
	return (1 + 1.7/float64(n)) * 3.42 / math.Sqrt(0.955*float64(n))
}

// ShiftMDE returns the smallest shift that two independent samples of m and n values
// would have shown, in se's unit: the one that the rank-sum test at 1 percent finds 4
// times in 5. se = √(sd_m²/m + sd_n²/n) is the standard error of the difference of their
// means. It is
//
//	(z(0.995) + z(0.80)) / √(3/π) · (1 + 0.9/g + 5/g²) · se,  g = √(m·n)
//
// where the first factors are as in MDE and the last one makes up for what large-sample
// theory leaves out in small ones. It was fitted to simulated normal samples of 8 to 40
// values each: the power is within 3 points of 80 %.
//
// It is +Inf if m or n is below 8, and NaN if se is NaN.
func ShiftMDE(m, n int, se float64) float64 {
	if min(m, n) < MinVerdict {
		return math.Inf(1)
	}
	g := math.Sqrt(float64(m) * float64(n))
	return 3.42 / math.Sqrt(0.955) * (1 + 0.9/g + 5/(g*g)) * se
}

// SD returns the sample standard deviation of d, with n − 1 in the denominator,
// in d's unit. It is NaN for fewer than two values, or if any is not finite.
func SD(d []float64) float64 {
	if len(d) < 2 || !finite(d) {
		return math.NaN()
	}
	mean := d[0] // so that equal values have a spread of 0, not of a rounding error
	for _, v := range d {
		mean += (v - d[0]) / float64(len(d))
	}
	var squares float64
	for _, v := range d {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares / float64(len(d)-1))
}
