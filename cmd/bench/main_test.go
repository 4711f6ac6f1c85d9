package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/conform"
	"grpcbench/testing/lane"
)

// asProgram is the variable that makes the test binary the program.
const asProgram = "GRPC_BENCH_TEST_AS_PROGRAM"

// TestMain is also the program, for what a process of its own must do, and for
// the children of every run.
func TestMain(m *testing.M) {
	child := len(os.Args) == 2 && (os.Args[1] == runner.Host || os.Args[1] == runner.Generator)
	if child || os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(lane.Main(m, os.Stderr))
}

// command runs the program in this process.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// short is a run whose verdict does not depend on what else the machine does: a
// closed loop makes no claim about lateness, and of two arms the noise is common.
func short(results, epochs string, more ...string) []string {
	return append([]string{
		"run", "--results", results, "--epochs", epochs, "--vary", "tls=off,1.3", "--aa", "off", "--connections", "1",
		"--loop", "closed", "--concurrency", "2", "--window", "200ms", "--warmup", "50ms",
	}, more...)
}

func TestExitCodes(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results := t.TempDir()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, of := range []struct {
		name string
		args []string
		code int
		says string // on stderr
	}{
		{"help", []string{"--help"}, exitDone, ""},
		{"help of a command", []string{"run", "--help"}, exitDone, ""},
		{"version", []string{"--version"}, exitDone, ""},
		{"completion", []string{"completion", "zsh"}, exitDone, ""},
		{"a run", short(results, "1"), exitDone, "epoch 1 of 1"},
		{"unknown command", []string{"rum"}, exitUsage, `unknown command "rum"`},
		{"later command", []string{"merge", "a", "b"}, exitUsage, `command "merge"`},
		{"unknown flag", []string{"run", "--nope"}, exitUsage, "--nope"},
		{"contradiction", []string{"run", "--tls", "off", "--mtls", "on"}, exitUsage, "--mtls on: must be off with --tls off"},
		{"no result named", []string{"report"}, exitUsage, "ID"},
		{"no such result", []string{"report", "20260102T030405Z-aaaaaaaa", "--results", results}, exitFailed, "20260102T030405Z-aaaaaaaa"},
		{"results in a file", short(filepath.Join(file, "results"), "1"), exitFailed, "results directory"},
		{"refused target", []string{"run", refusing(t), "--tls", "off", "--results", results}, exitFailed, "check TARGET"},
		{"nothing but failures", short(results, "1", "--deadline", "1us"), exitInvalid, "epoch 1 of 1"},
	} {
		t.Run(of.name, func(t *testing.T) {
			code, stdout, stderr := command(t, of.args...)
			if code != of.code {
				t.Errorf("exit code %d, want %d\n%s%s", code, of.code, stdout, stderr)
			}
			if !strings.Contains(stderr, of.says) {
				t.Errorf("stderr %q: must say %q", stderr, of.says)
			}
			if answered := code == exitDone || code == exitInvalid; (stdout != "") != answered {
				t.Errorf("stdout of %d bytes with exit code %d: it holds the answer and nothing else", len(stdout), code)
			}
		})
	}
}

// refusing is an address where nothing listens, and nothing can begin to while the test
// lasts: the near end of a connection has it.
func refusing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.LocalAddr().String()
}

func TestEveryMistakeIsALineOfItsOwn(t *testing.T) {
	_, _, stderr := command(t, "run", "--tls", "off", "--mtls", "on", "--rate", "-1", "--key", "p256")
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if len(lines) != 3 {
		t.Errorf("%d lines, want one for each of 3 mistakes:\n%s", len(lines), stderr)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "grpc-bench: --") {
			t.Errorf("line %q: must name the program and the flag", line)
		}
	}
}

func TestReportPrintsWhatTheRunPrinted(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	for _, format := range []string{"text", "markdown", "json", "csv", "bench", "hgrm"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			results := t.TempDir()
			code, printed, stderr := command(t, short(results, "1", "--format", format, "--name", "again", "--tag", "commit=1a2b3c")...)
			if code != exitDone {
				t.Fatalf("exit code %d\n%s", code, stderr)
			}
			id := onlyResult(t, results)
			for _, args := range [][]string{
				{"report", id, "--results", results, "--format", format},
				{"report", filepath.Join(results, id), "--format", format},
			} {
				code, again, stderr := command(t, args...)
				if code != exitDone || stderr != "" {
					t.Errorf("%q: exit code %d\n%s", args, code, stderr)
				}
				if diff := cmp.Diff(printed, again); diff != "" {
					t.Errorf("%q (-run +report):\n%s", args, diff)
				}
			}
		})
	}
}

func TestReportAsksTheContentAndNotTheStoredVerdict(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results := t.TempDir()
	if code, _, stderr := command(t, short(results, "1")...); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	id := onlyResult(t, results)
	r, err := result.Read(results, id)
	if err != nil {
		t.Fatal(err)
	}
	r.Arms[0].Ledger.OK++ // more than were started
	changed, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(results, id, "result.json"), changed, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, again, _ := command(t, "report", id, "--results", results); !strings.Contains(again, "INVALID") {
		t.Errorf("a ledger that does not add up is shown as\n%s", again)
	}
}

// onlyResult is the id of the one result in a directory, which must be as the
// published schema promises.
func onlyResult(t *testing.T, results string) string {
	t.Helper()
	names := filesIn(t, results)
	if len(names) != 1 || !result.IsID(names[0]) {
		t.Fatalf("results %v, want one", names)
	}
	if err := conform.File(filepath.Join(results, names[0], result.FileName)); err != nil {
		t.Error(err)
	}
	return names[0]
}

func TestARunStoresTheReportAndTheLogBesideTheResult(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results := t.TempDir()
	if code, _, stderr := command(t, short(results, "1")...); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	id := onlyResult(t, results)
	wantReports(t, results, id)
}

// wantReports fails unless the reports beside a result are what is printed of it.
func wantReports(t *testing.T, results, id string) {
	t.Helper()
	if diff := cmp.Diff([]string{"latency.hlog", "report.html", "report.md", "result.json"}, filesIn(t, filepath.Join(results, id))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for name, format := range map[string]string{"report.md": "markdown", "report.html": "html"} {
		stored, err := os.ReadFile(filepath.Join(results, id, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, again, _ := command(t, "report", id, "--results", results, "--format", format); again != string(stored) {
			t.Errorf("%s is not what report --format %s prints", name, format)
		}
	}
}

func TestAProgramToldToStopBeforeItBeginsMeasuresNothing(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errTerminate)
	results := t.TempDir()
	var out, errs bytes.Buffer
	if code := run(ctx, short(results, "1"), strings.NewReader(""), &out, &errs); code != 143 {
		t.Errorf("exit code %d, want 143\n%s", code, errs.String())
	}
	if names := filesIn(t, results); len(names) != 0 || out.Len() != 0 {
		t.Errorf("results %v and %q on stdout, want nothing", names, out.String())
	}
}
