package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"grpcbench/internal/result"
	"grpcbench/testing/lane"
)

// climb is a command line of ceiling that takes seconds. It has two arms, so that other
// processes on the machine make no result INVALID.
func climb(results string, more ...string) []string {
	return append([]string{"ceiling", "--results", results, "--vary", "tls=off,1.3", "--aa", "off", "--connections", "1", "--window", "100ms", "--warmup", "0s"}, more...)
}

func TestACeilingIsStoredShownAndNotComparedWithARun(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results := t.TempDir()
	code, stdout, stderr := command(t, climb(results, "--max-concurrency", "2")...)
	if code != exitDone {
		t.Fatalf("exit code %d, stderr %s", code, stderr)
	}
	id := onlyResult(t, results)
	r, err := result.Read(results, id)
	if err != nil {
		t.Fatal(err)
	}
	if c := r.Arms[0].Ceiling; c == nil || c.Rate == nil || len(r.Arms[0].Epochs) != 8 {
		t.Errorf("%+v of %d epochs, want a ceiling of 8", c, len(r.Arms[0].Epochs))
	}
	for _, want := range []string{"grpc-bench ceiling", "CEILING  ", "callers"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("stdout must hold %q:\n%s", want, stdout)
		}
	}
	for _, name := range []string{"latency.hlog", "report.md"} {
		if _, err := os.Stat(filepath.Join(results, id, name)); err != nil {
			t.Error(err)
		}
	}
	for _, format := range []string{"text", "markdown", "json", "csv", "bench"} {
		if code, _, stderr := command(t, "report", id, "--results", results, "--format", format); code != exitDone {
			t.Errorf("report --format %s: exit code %d, %s", format, code, stderr)
		}
	}
	if code, _, stderr := command(t, "report", id, "--results", results, "--format", "hgrm"); code == exitDone || !strings.Contains(stderr, "must not be a ceiling") {
		t.Errorf("report --format hgrm: exit code %d, %q", code, stderr)
	}
	if code, _, _ := command(t, "track", "--results", results); code != exitDone {
		t.Errorf("track: exit code %d", code)
	}
	if code, _, stderr := command(t, "compare", id, id, "--results", results); code != exitDone {
		t.Errorf("compare with itself: exit code %d, %q", code, stderr)
	}
	other := t.TempDir()
	command(t, short(other, "1")...)
	run := filepath.Join(other, onlyResult(t, other))
	if code, _, stderr := command(t, "compare", run, id, "--results", results, "--force"); code != exitUsage || !strings.Contains(stderr, "base is of run, new of ceiling") {
		t.Errorf("compare a run with a ceiling: exit code %d, %q", code, stderr)
	}
}

func TestASignalSavesTheWindowsOfACeiling(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results := t.TempDir()
	p := startProgram(t, climb(results, "--max-concurrency", "2")...)
	p.await(t, "epoch 2 of 8")
	p.signal(t, syscall.SIGTERM)
	if code := p.end(t); code != 143 {
		t.Errorf("exit code %d, want 143", code)
	}
	r, err := result.Read(results, onlyResult(t, results))
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != result.Partial || len(r.Arms[0].Epochs) < 1 || r.Arms[0].Ceiling.Outcome != result.TooFew {
		t.Errorf("verdict %s, %d epochs, %+v, want PARTIAL with the first epoch and no ceiling", r.Verdict, len(r.Arms[0].Epochs), r.Arms[0].Ceiling)
	}
}
