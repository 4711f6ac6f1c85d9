package result

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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

// CheckBaseline returns an error if no result can be saved as the baseline of that
// name: because none can have it, or one has it already. Ask before any load.
func CheckBaseline(results, name string) error {
	if !IsBaselineName(name) {
		return fmt.Errorf("baseline %.110q: must be of letters, digits, dots, underscores and dashes, 100 at most, and not begin with a dot", name)
	}
	path := filepath.Join(results, Baselines, name)
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("baseline %s: must be new: %s is there, and nothing is overwritten", name, path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return because(path, err)
	}
	return nil
}

// SaveBaseline stores r, as it was read or published, as the baseline of a new name,
// and returns the path of its directory. It holds result.json alone, the same as that
// of the run. It is written as safely as by [Draft.Publish].
func SaveBaseline(results, name string, r Result) (path string, err error) {
	if err := CheckBaseline(results, name); err != nil {
		return "", err
	}
	own, err := encode(r)
	if err != nil {
		return "", fmt.Errorf("baseline %s: %w", name, err)
	}
	dir := filepath.Join(results, Baselines)
	path, next := filepath.Join(dir, name), filepath.Join(dir, runningName+r.ID)
	if err = makeDir(dir); err == nil {
		err = os.Mkdir(next, 0o700)
	}
	if err == nil {
		err = fill(next, r, own[:1], nil)
	}
	if err == nil {
		err = publish(next, path)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("baseline %s: %w", name, err), os.RemoveAll(next))
	}
	return path, nil
}
