package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"grpcbench/internal/history"
	"grpcbench/internal/report"
	"grpcbench/internal/result"
	"grpcbench/testing/lane"
)

func TestTrackShowsTheSeriesOfStoredRuns(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results, ids := twoRuns(t)
	code, stdout, stderr := command(t, "track", "--results", results)
	if code != exitDone || strings.Contains(stderr, "commit") {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	for _, part := range []string{"grpc-bench track · 2 runs", "tls · arm against tls=off in % · 2 runs", "tls=1.3", "server CPU/RPC", "NOT JUDGED: No series has the 14 usable runs that a nomination needs; the\n", "? 2 of 14"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("the page does not say %q:\n%s", part, stdout)
		}
	}
	if strings.Contains(stdout, "bytes/RPC") {
		t.Errorf("bytes are shown though nobody asked:\n%s", stdout)
	}
	for _, args := range [][]string{{"--metric", "all"}, {"--metric", "sent_bytes_per_rpc", "--format", "markdown"}} {
		if _, stdout, _ := command(t, append([]string{"track", "--results", results}, args...)...); !strings.Contains(stdout, "bytes/RPC out") {
			t.Errorf("%v: bytes are not shown:\n%s", args, stdout)
		}
	}

	for args, want := range map[string]string{
		"--metric p999":         `--metric "latency_p999": must be of a series of these results: client_allocs_per_rpc, `,
		"--metric all,nonsense": `--metric "all": must be of a series`,
		"--arm tls=1.4":         `--arm "tls=1.4": must be of a series of these results: `,
	} {
		code, stdout, stderr := command(t, append([]string{"track", "--results", results}, strings.Fields(args)...)...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want %q", args, code, stdout, stderr, want)
		}
	}

	_, stdout, _ = command(t, "track", "--results", results, "--format", "json")
	var h struct {
		Schema string
		history.History
	}
	if err := json.Unmarshal([]byte(stdout), &h); err != nil {
		t.Fatal(err)
	}
	if h.Schema != report.TrackSchema || len(h.Runs) != 2 || h.Runs[0].ID != ids[0] || h.Runs[0].Commit != "1a2b" || h.Runs[1].Commit != "3c4d" {
		t.Errorf("schema %q, runs %+v", h.Schema, h.Runs)
	}
	_, stdout, _ = command(t, "track", "--results", results, "--format", "csv")
	rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	points := 0
	for _, s := range h.Series {
		points += len(s.Points)
	}
	if len(rows) != 1+points || points == 0 {
		t.Errorf("%d rows, want the head and %d points", len(rows), points)
	}
}

func TestTrackNamesWhatItCannotRead(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results, ids := twoRuns(t)
	broken := filepath.Join(results, ids[0], result.FileName)
	if err := os.Truncate(broken, 100); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := command(t, "track", "--results", results)
	if code != exitFailed || !strings.Contains(stdout, "grpc-bench track · 1 run") || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, broken) {
		t.Errorf("exit code %d, stderr %q, want one sentence about %s\n%s", code, stderr, broken, stdout)
	}
	empty := t.TempDir()
	code, stdout, stderr = command(t, "track", "--results", empty)
	if code != exitFailed || stdout != "" || stderr != "grpc-bench: --results "+empty+": must hold a result\n" {
		t.Errorf("empty: exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	for args, want := range map[string]string{
		"track x":                     "track: must be given no arguments, got 1",
		"track --format yaml":         `--format "yaml": must be one of text, markdown, html, json, csv`,
		"track --results /nowhere/at": "/nowhere/at",
	} {
		if code, stdout, stderr := command(t, strings.Fields(args)...); code == exitDone || stdout != "" || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want %q", args, code, stdout, stderr, want)
		}
	}
}

func TestARunIsTaggedWithTheCommitOfItsDirectory(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results := t.TempDir()
	if code, _, stderr := command(t, short(results, "1", "--tag", "branch=x")...); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	r, err := result.Read(results, onlyResult(t, results))
	if err != nil {
		t.Fatal(err)
	}
	// The tests run in a clone of the repository.
	if commit := r.Plan.Tags["commit"]; len(strings.TrimSuffix(commit, "+dirty")) != 40 || r.Plan.Tags["branch"] != "x" {
		t.Errorf("tags %v, want the commit beside the branch", r.Plan.Tags)
	}
}

// A git that refuses, as in a work tree of another owner, is said in a line, and the commit
// stays the tag without "+dirty".
//
//	fault:   git refuses the work tree, since it is of another owner
//	promise: one line has the cause and --tag; the hash is stored without +dirty
//	figure:  1 line
func TestAGitThatRefusesIsSaidInOneLine(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1") // git's own, for its tests
	results := t.TempDir()
	code, _, stderr := command(t, short(results, "1")...)
	if code != exitDone || strings.Count(stderr, "commit") != 2 || !strings.Contains(stderr, "(use --tag commit=HASH): git status: detected dubious ownership in repository at ") {
		t.Fatalf("exit code %d, stderr %q, want one line with the cause", code, stderr)
	}
	r, err := result.Read(results, onlyResult(t, results))
	if err != nil {
		t.Fatal(err)
	}
	if commit := r.Plan.Tags["commit"]; len(commit) != 40 || !strings.Contains(stderr, "tag commit="+commit[:12]+",") {
		t.Errorf("tags %v, want the commit without +dirty, as in %q", r.Plan.Tags, stderr)
	}
	if code, _, stderr := command(t, short(t.TempDir(), "1", "--tag", "commit=abc")...); code != exitDone || strings.Contains(stderr, "commit") {
		t.Errorf("with the tag given: exit code %d, stderr %q, want nothing said", code, stderr)
	}
}

// Runs stand in the order of the repository that their results are in, if the working
// directory has none of their commits.
func TestTrackFindsTheHistoryOfItsResults(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results, ids := twoRuns(t)
	repo := filepath.Dir(results)
	git := func(args ...string) string {
		c := exec.Command("git", append([]string{"-C", repo, "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"}, args...)...)
		c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q")
	var commits []string
	for _, message := range []string{"one", "two"} {
		git("commit", "-q", "--allow-empty", "-m", message)
		commits = append(commits, git("rev-parse", "HEAD"))
	}
	for i, id := range ids { // the first run is of the second commit
		r, err := result.Read(results, id)
		if err != nil {
			t.Fatal(err)
		}
		r.Plan.Tags = map[string]string{"commit": commits[1-i]}
		if err := os.RemoveAll(filepath.Join(results, id)); err != nil {
			t.Fatal(err)
		}
		if _, err := result.Write(results, r); err != nil {
			t.Fatal(err)
		}
	}
	_, stdout, stderr := command(t, "track", "--results", results, "--format", "json")
	var h history.History
	if err := json.Unmarshal([]byte(stdout), &h); err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	if h.Placed != 2 || h.Runs[0].Commit != commits[0] || h.Runs[1].Commit != commits[1] || !h.Runs[0].Late || h.Runs[1].Late {
		t.Errorf("%d placed, runs %+v, want the older commit first, and late", h.Placed, h.Runs)
	}
}
