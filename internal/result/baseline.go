package result

import (
	"path/filepath"
	"regexp"
	"strings"
)

// Baselines is the directory of the baselines in that of the results.
const Baselines = "baselines"

// baselinePrefix begins a reference to a baseline by its name.
const baselinePrefix = "baseline:"

// IsBaselineName says whether s can name a baseline: letters, digits, dots,
// underscores and dashes, 1 to 100 of them, of which the first is no dot.
func IsBaselineName(s string) bool {
	ok, err := regexp.MatchString(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$`, s)
	return ok && err == nil
}

// BaselineName is the name in a reference to a baseline; ok is false if ref is
// none, or the name none that a baseline can have.
func BaselineName(ref string) (name string, ok bool) {
	name, ok = strings.CutPrefix(ref, baselinePrefix)
	if !ok || !IsBaselineName(name) {
		return "", false
	}
	return name, true
}

// baselineFile is the file of a baseline, seen from the results directory.
func baselineFile(name string) string { return filepath.Join(Baselines, name, FileName) }
