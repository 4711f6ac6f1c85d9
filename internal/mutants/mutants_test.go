//go:build mutants

package mutants

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// Without its mutation every test passes: what fails below, fails for the mutant.
func TestTheSourceWithoutAMutationPasses(t *testing.T) {
	tests := map[string][]string{}
	for _, m := range All() {
		if !slices.Contains(tests[m.Package], m.Test) {
			tests[m.Package] = append(tests[m.Package], m.Test)
		}
	}
	for pkg, names := range tests {
		t.Run(pkg, func(t *testing.T) {
			t.Parallel()
			out, err := goTest(t, pkg, strings.Join(names, "|"), "-v")
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
	for _, m := range All() {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			out, err := goTest(t, m.Package, m.Test, "-overlay="+overlay(t, m))
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
	m := Mutant{Name: "x", File: "a.go", Old: "one", New: "two"}
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
	args := append([]string{"test", "-count=1", "-vet=off", "-timeout=2m", "-run=^(" + names + ")$"}, flags...)
	cmd := exec.CommandContext(t.Context(), "go", append(args, "./"+pkg)...)
	cmd.Dir = root
	b, err := cmd.CombinedOutput()
	return string(b), err
}

// overlay writes m's file with its mistake, and the file by which the go command
// reads it in place of the source, which stays as it is.
func overlay(t *testing.T, m Mutant) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, m.File))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	mutated, err := m.Apply(string(source))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	replaced := filepath.Join(dir, filepath.Base(m.File))
	list, err := json.Marshal(map[string]map[string]string{"Replace": {path: replaced}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	for name, content := range map[string]string{replaced: mutated, file: string(list)} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file
}
