// Package lane is for tests: it knows what the fast lane, go test -short, leaves
// out, and what make full repeats more often. go test without -short leaves out
// nothing.
package lane

import (
	"fmt"
	"io"
	"testing"
)

// Long leaves a test out of the fast lane, for the reason why: it starts processes,
// floods a server, simulates more than 10 000 draws, or works for seconds. It is the only skip that
// the project's rules allow.
func Long(tb testing.TB, why string) {
	tb.Helper()
	if testing.Short() {
		tb.Skip("not in the fast lane: " + why)
	}
}

// Draws is how much a simulation repeats: whole in go test, full in make full, which
// has the build tag full and the smaller error.
func Draws(whole, all int) int {
	if full {
		return all
	}
	return whole
}

// Tests are those of a package, as *testing.M has them.
type Tests interface{ Run() (code int) }

// Main runs the tests of a package and returns the exit code of its TestMain. In
// the fast lane it is 1 if a test has started a process and waited for it, which
// is written to log.
func Main(m Tests, log io.Writer) int {
	return judged(m.Run(), testing.Short(), log)
}

// judged is the exit code of tests that ended with code.
func judged(code int, short bool, log io.Writer) int {
	if short && started() {
		fmt.Fprintln(log, "FAIL: a test started a process in the fast lane (-short): it must call lane.Long")
		return 1
	}
	return code
}
