// Package mutants lists ways to break grpc-bench on purpose. Each breaks a
// promise about the numbers, and names the test that must notice: a test that
// never fails promises nothing.
//
// The package holds the list and knows how to apply it to a source; its tests,
// which carry a build tag, compile each mutant and run the test. Nothing imports
// it but tests.
package mutants

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A Mutant is one line of the source written wrongly, or a few.
type Mutant struct {
	Name    string // what is wrong, in words
	File    string // path in the module
	Old     string // text that File holds exactly once
	New     string // text in its place; it must compile
	Also    []Edit // what else the mistake needs
	Package string // directory in the module of the package whose test notices
	Test    string // name of the test that must fail
	Tag     string // build tag of that test; "": none
}

// An Edit is one text of the source in place of another.
type Edit struct{ File, Old, New string }

// Edits are all of m's.
func (m Mutant) Edits() []Edit { return append([]Edit{{m.File, m.Old, m.New}}, m.Also...) }

// Apply returns the source of e's file with the edit in it. It fails unless Old
// occurs exactly once: a mutant that no longer fits its file tests nothing.
func (e Edit) Apply(source string) (string, error) {
	if n := strings.Count(source, e.Old); n != 1 {
		return "", fmt.Errorf("%s holds %q %d times, must be once", e.File, e.Old, n)
	}
	return strings.Replace(source, e.Old, e.New, 1), nil
}

// Overlay writes the files of broken with their mistakes into dir, and the file by
// which the go command (-overlay) reads them in place of the source at root, which
// stays as it is.
func Overlay(dir, root string, broken ...Mutant) (file string, err error) {
	if root, err = filepath.Abs(root); err != nil {
		return "", err
	}
	written := map[string]string{}
	for _, m := range broken {
		for _, e := range m.Edits() {
			path := filepath.Join(root, e.File)
			from, to := path, filepath.Join(dir, strconv.Itoa(len(written))+".go")
			if earlier, again := written[path]; again {
				from, to = earlier, earlier
			}
			source, err := os.ReadFile(from)
			if err != nil {
				return "", err
			}
			mutated, err := e.Apply(string(source))
			if err != nil {
				return "", fmt.Errorf("mutant %q: %w", m.Name, err)
			}
			written[path] = to
			if err := os.WriteFile(to, []byte(mutated), 0o600); err != nil {
				return "", err
			}
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": written})
	if err != nil {
		return "", err
	}
	file = filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, list, 0o600)
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

// Sample returns n of all, or all if they are no more: those that come first in an order
// that seed decides.
func Sample(all []Mutant, n int, seed string) []Mutant {
	if n >= len(all) {
		return all
	}
	place := func(m Mutant) string {
		sum := sha256.Sum256([]byte(seed + "\x00" + m.Name))
		return string(sum[:])
	}
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b Mutant) int { return cmp.Compare(place(a), place(b)) })
	return sorted[:n]
}

// All returns every mutant: when calls start, what is booked, what is judged,
// what is shown.
func All() []Mutant {
	var all []Mutant
	for _, some := range [][]Mutant{schedule(), account(), merging(), wire(), engine(), churn(), connections(), outside(), ceilings(), verdicts(), gates(), shown()} {
		all = append(all, some...)
	}
	return all
}
