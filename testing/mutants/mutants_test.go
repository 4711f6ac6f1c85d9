//go:build mutants

package mutants

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// chosen are the mutants to try: all, or as many as MUTANTS_SAMPLE says of those that
// MUTANTS_SEED puts first. It says how many that are.
func chosen(t *testing.T) []Mutant {
	t.Helper()
	all := All()
	some := all
	if asked := os.Getenv("MUTANTS_SAMPLE"); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil || n < 1 {
			t.Fatalf("MUTANTS_SAMPLE %q: must be a number from 1 on", asked)
		}
		some = Sample(all, n, os.Getenv("MUTANTS_SEED"))
	}
	t.Logf("%d of %d mutants, by the seed %q", len(some), len(all), os.Getenv("MUTANTS_SEED"))
	return some
}

// Without its mutation every test passes: what fails below, fails for the mutant.
func TestTheSourceWithoutAMutationPasses(t *testing.T) {
	type place struct{ pkg, tag string }
	tests := map[place][]string{}
	for _, m := range chosen(t) {
		if at := (place{m.Package, m.Tag}); !slices.Contains(tests[at], m.Test) {
			tests[at] = append(tests[at], m.Test)
		}
	}
	for at, names := range tests {
		t.Run(at.pkg, func(t *testing.T) {
			t.Parallel()
			out, err := goTest(t, at.pkg, strings.Join(names, "|"), "-v", "-tags="+at.tag)
			if err != nil {
				t.Fatalf("%v:\n%s", err, out)
			}
			for _, name := range names {
				if !strings.Contains(out, "--- PASS: "+name+" ") {
					t.Errorf("%s did not run", name)
				}
			}
		})
	}
}

func TestEachMutantIsNoticedByItsTest(t *testing.T) {
	for _, m := range chosen(t) {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			out, err := goTest(t, m.Package, m.Test, "-tags="+m.Tag, overlay(t, m))
			if err == nil {
				t.Fatalf("%s passed although %s", m.Test, m.Name)
			}
			if !strings.Contains(out, "--- FAIL: "+m.Test+" ") {
				t.Errorf("%s did not fail by itself:\n%s", m.Test, out)
			}
		})
	}
}

func TestAMutantThatNoLongerFitsIsRefused(t *testing.T) {
	m := Edit{File: "a.go", Old: "one", New: "two"}
	for _, source := range []string{"", "one one"} {
		if _, err := m.Apply(source); err == nil {
			t.Errorf("%q: applied", source)
		}
	}
	if got, err := m.Apply("only one"); err != nil || got != "only two" {
		t.Errorf("%q, %v, want only two", got, err)
	}
}

// goTest runs the tests that names matches whole, without the cache.
func goTest(t *testing.T, pkg, names string, flags ...string) (out string, err error) {
	t.Helper()
	args := append([]string{"test", "-count=1", "-vet=off", "-timeout=4m", "-run=^(" + names + ")$"}, flags...)
	cmd := exec.CommandContext(t.Context(), "go", append(args, "./"+pkg)...)
	cmd.Dir = root
	b, err := cmd.CombinedOutput()
	return string(b), err
}

// overlay is the flag of a build with m's mistake.
func overlay(t *testing.T, m Mutant) string {
	t.Helper()
	file, err := Overlay(t.TempDir(), root, m)
	if err != nil {
		t.Fatal(err)
	}
	return "-overlay=" + file
}
