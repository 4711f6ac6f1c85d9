package main

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"grpcbench/internal/report"
	"grpcbench/internal/result"
	"grpcbench/testing/lane"
)

// resultIDs are those of a directory.
func resultIDs(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if result.IsID(e.Name()) {
			all = append(all, e.Name())
		}
	}
	return all
}

// A result of handshakes is stored, and shown in every form that results have; it is
// compared with its like and with no load.
func TestHandshakesAreStoredShownAndCompared(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results, loads := t.TempDir(), t.TempDir()
	args := []string{"handshake", "--results", results, "--epochs", "1", "--handshakes", "4", "--vary", "tls=off,1.3", "--aa", "off", "--seed", "1"}
	for range 2 {
		if code, stdout, stderr := command(t, args...); code != exitDone || !strings.HasPrefix(stdout, "grpc-bench handshake · 2 arms · 1 epoch × 4 connections") {
			t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
		}
	}
	all := resultIDs(t, results)
	if len(all) != 2 {
		t.Fatalf("%d results, want 2", len(all))
	}
	for _, f := range report.Formats(report.TextOptions{}) {
		code, stdout, stderr := command(t, "report", "--results", results, "--format", f.Name, all[0])
		if code != exitDone || !strings.Contains(stdout, "tls=1.3") {
			t.Errorf("%s: exit code %d, %q\n%.300s", f.Name, code, stderr, stdout)
		}
		if f.Name == "csv" {
			if _, err := csv.NewReader(strings.NewReader(stdout)).ReadAll(); err != nil || !strings.Contains(stdout, "handshake_full_tls_p50") {
				t.Errorf("csv: %v", err)
			}
		}
	}
	if code, _, stderr := command(t, "compare", "--results", results, all[0], all[1]); code != exitDone {
		t.Errorf("compare: exit code %d, %q", code, stderr)
	}
	for _, gate := range []string{"--fail-on-regression", "--threshold=p99<5ms"} {
		if code, _, stderr := command(t, "compare", "--results", results, all[0], all[1], gate); code != exitUsage || !strings.Contains(stderr, "cannot be used with results of grpc-bench handshake") {
			t.Errorf("compare %s: exit code %d, %q, want a refusal", gate, code, stderr)
		}
	}
	if code, _, stderr := command(t, "track", "--results", results); code != exitDone {
		t.Errorf("track: exit code %d, %q", code, stderr)
	}
	if code, _, stderr := command(t, short(loads, "1")...); code != exitDone {
		t.Fatal(stderr)
	}
	for _, force := range [][]string{nil, {"--force"}} {
		words := append([]string{"compare", "--results", results, all[0], filepath.Join(loads, resultIDs(t, loads)[0])}, force...)
		if code, _, stderr := command(t, words...); code != exitUsage || !strings.Contains(stderr, "the results are of different kinds: base is of handshake, new of run") {
			t.Errorf("%v: exit code %d, %q, want a refusal", force, code, stderr)
		}
	}
}
