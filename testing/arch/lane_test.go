package arch

import (
	"bytes"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// starters are the imports by which a test can start a process.
var starters = []string{"os/exec", module + "internal/runner", module + "internal/verify"}

// A package whose tests can start a process runs them by lane.Main, which fails the fast
// lane if one does. Tests that carry a tag of their own are in no fast lane.
func TestWhatCanStartAProcessIsWatchedInTheFastLane(t *testing.T) {
	can, tested, watched := map[string]bool{}, map[string]bool{}, map[string]bool{}
	see := func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "testdata" {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		source, err := os.ReadFile(filepath.Join(root, path))
		if err != nil || !inFastLane(t, source) {
			return err
		}
		dir := filepath.Dir(path)
		test := strings.HasSuffix(path, "_test.go")
		tested[dir] = tested[dir] || test
		watched[dir] = watched[dir] || test && bytes.Contains(source, []byte("lane.Main("))
		file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			can[dir] = can[dir] || slices.Contains(starters, imported)
		}
		return nil
	}
	for _, dir := range tops {
		if err := fs.WalkDir(os.DirFS(root), dir, see); err != nil {
			t.Fatal(err)
		}
	}
	delete(can, "testing/lane") // which calls its own Main
	if !can["cmd/bench"] || !can["internal/runner"] || !can["testing/faults"] {
		t.Errorf("packages that can start processes: %v, want cmd/bench, runner and faults among them", can)
	}
	for dir := range can {
		if can[dir] && tested[dir] && !watched[dir] {
			t.Errorf("%s: its tests can start a process, and no TestMain of it calls lane.Main", dir)
		}
	}
}

// inFastLane says whether a file is built without a tag but those of the platform.
func inFastLane(t *testing.T, source []byte) bool {
	t.Helper()
	for line := range strings.Lines(string(source)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "package ") {
			break
		}
		if !constraint.IsGoBuild(line) {
			continue
		}
		expr, err := constraint.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		return expr.Eval(func(tag string) bool { return tag == "linux" || tag == "unix" })
	}
	return true
}
