package arch

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// least lists versions below which a dependency does harm, each with the harm.
func least() map[string]string {
	return map[string]string{
		// Reads on while its queue of control frames is full, so that a client can
		// fill a server's memory (GHSA-hrxh-6v49-42gf).
		"google.golang.org/grpc": "v1.82.1",
		// Reads CONTINUATION frames without an end (CVE-2023-45288).
		"golang.org/x/net": "v0.23.0",
		// Computes means that overflow and writes logs that others cannot read.
		"github.com/HdrHistogram/hdrhistogram-go": "v1.4.0",
	}
}

func TestDependenciesAreNotOlderThanTheirFixes(t *testing.T) {
	file, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for line := range strings.Lines(string(file)) {
		if fields := strings.Fields(line); len(fields) > 1 {
			got[fields[0]] = fields[1]
		}
	}
	for path, version := range least() {
		if slices.Compare(numbers(t, got[path]), numbers(t, version)) < 0 {
			t.Errorf("%s %s: must be at least %s", path, got[path], version)
		}
	}
}

// numbers are the parts of a version vMAJOR.MINOR.PATCH.
func numbers(t *testing.T, version string) []int {
	t.Helper()
	var parts []int
	for part := range strings.SplitSeq(strings.TrimPrefix(version, "v"), ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			t.Fatalf("version %q: must be vMAJOR.MINOR.PATCH", version)
		}
		parts = append(parts, n)
	}
	return parts
}
