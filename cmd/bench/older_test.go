package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"grpcbench/internal/result"
)

// older are results that earlier builds have stored, by the commit of the build and the kind
// of the run.
const older = "../../internal/result/testdata/older"

// What earlier builds have stored is read, shown in every form, compared and tracked.
func TestResultsOfOlderBuildsStayReadable(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(older, "*.json"))
	if err != nil || len(files) != 6 {
		t.Fatalf("%d results of older builds (%v), want 6", len(files), err)
	}
	dir := t.TempDir()
	ids := map[string]string{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := result.Read("", file)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if err := os.MkdirAll(filepath.Join(dir, r.ID), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, r.ID, result.FileName), data)
		ids[strings.TrimSuffix(filepath.Base(file), ".json")] = r.ID
		if _, err := result.Merge(&r, &r); err == nil || !strings.Contains(err.Error(), "older tool") {
			t.Errorf("%s: merged: %v, want a refusal: it has no sums", file, err)
		}
	}
	for name, id := range ids {
		for _, format := range []string{"text", "markdown", "html", "json", "csv", "bench"} {
			if code, out, said := command(t, "report", "--results", dir, "--format", format, id); code != 0 || len(out) < 1000 {
				t.Errorf("%s as %s: exit %d, %d bytes, %s", name, format, code, len(out), said)
			}
		}
	}
	for _, kind := range []string{"run", "handshakes", "ceiling"} {
		code, out, said := command(t, "compare", "--results", dir, "--force", ids["e6f1c6d-"+kind], ids["820327d-"+kind])
		if code != 0 || !strings.Contains(out, ids["820327d-"+kind]) {
			t.Errorf("compare %s: exit %d, %s%s", kind, code, out, said)
		}
	}
	if code, out, said := command(t, "track", "--results", dir); code != 0 || !strings.Contains(out, "server CPU/RPC") {
		t.Errorf("track: exit %d, %s%s", code, out, said)
	}
}
