package mutants

import "testing"

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
