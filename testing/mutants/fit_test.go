package mutants

import (
	"fmt"
	"testing"
)

const root = "../.."

// Whoever changes a line that a mutant breaks learns of it from go test ./..., not
// from the long run of all mutants.
func TestEveryMutantFitsTheSource(t *testing.T) {
	for _, m := range All() {
		if _, err := Overlay(t.TempDir(), root, m); err != nil {
			t.Error(err)
		}
	}
}

// A sample that rotates leaves no mutant out for good, and can be made again.
func TestASampleIsThatOfItsSeedAndLeavesNoneOutForGood(t *testing.T) {
	all := All()
	const n = 10
	taken := map[string]int{}
	for seed := range 200 {
		some, again := Sample(all, n, fmt.Sprint(seed)), Sample(all, n, fmt.Sprint(seed))
		names := map[string]bool{}
		for i, m := range some {
			if m.Name != again[i].Name {
				t.Fatalf("seed %d: %q, and %q when asked again", seed, m.Name, again[i].Name)
			}
			names[m.Name] = true
			taken[m.Name]++
		}
		if len(names) != n {
			t.Fatalf("seed %d: %d different mutants, want %d", seed, len(names), n)
		}
	}
	for _, m := range all {
		if taken[m.Name] == 0 {
			t.Errorf("%q is in none of 200 samples", m.Name)
		}
	}
	if got := Sample(all, len(all)+1, ""); len(got) != len(all) {
		t.Errorf("%d of %d mutants, want all", len(got), len(all))
	}
}
