// Package mutants lists ways to break grpc-bench on purpose. Each breaks a
// promise about the numbers, and names the test that must notice: a test that
// never fails promises nothing.
//
// The package holds the list and knows how to apply it to a source; its tests,
// which carry a build tag, compile each mutant and run the test. Nothing imports
// it but tests.
package mutants

import (
	"fmt"
	"strings"
)

// A Mutant is one line of the source written wrongly.
type Mutant struct {
	Name    string // what is wrong, in words
	File    string // path in the module
	Old     string // text that File holds exactly once
	New     string // text in its place; it must compile
	Package string // directory in the module of the package whose test notices
	Test    string // name of the test that must fail
}

// Apply returns the source of m's file with m's mistake in it. It fails unless
// Old occurs exactly once: a mutant that no longer fits its file tests nothing.
func (m Mutant) Apply(source string) (string, error) {
	if n := strings.Count(source, m.Old); n != 1 {
		return "", fmt.Errorf("mutant %q: %s holds its text %d times, must be once", m.Name, m.File, n)
	}
	return strings.Replace(source, m.Old, m.New, 1), nil
}

// Names of the mutants whose programs are measured too: what they break must
// also be seen in the result of a run.
const (
	DropsSamples         = "one sample in 50 is dropped"
	UnplugsCompression   = "compression is unplugged"
	TimesFromActualStart = "latency is timed from the actual start"
	ForgetsIntendedStart = "the actual start is booked as the intended one"
)

// Named returns the mutant of that name; ok is false if there is none.
func Named(name string) (m Mutant, ok bool) {
	for _, m := range All() {
		if m.Name == name {
			return m, true
		}
	}
	return Mutant{}, false
}

// All returns every mutant: when calls start, what is booked, what is judged,
// what is shown.
func All() []Mutant {
	var all []Mutant
	for _, some := range [][]Mutant{schedule(), account(), wire(), verdicts(), shown()} {
		all = append(all, some...)
	}
	return all
}
