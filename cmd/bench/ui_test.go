package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"grpcbench/testing/lane"
)

// opened is the program's ui as a process, whose first line is its address.
func opened(t *testing.T, args ...string) (address, token string, end func(os.Signal) (code int, rest string)) {
	t.Helper()
	cmd := programCommand(t.Context(), t, append([]string{"ui"}, args...)...)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(pipe)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address, token, ok := strings.Cut(strings.TrimSpace(line), "/#token=")
	if !ok {
		t.Fatalf("first line %q", line)
	}
	return address, token, func(s os.Signal) (int, string) {
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(lines)
		if err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // the code says it
		return cmd.ProcessState.ExitCode(), string(rest)
	}
}

// TestUIServesUntilASignal: what it prints works, and its end is an ordinary one.
func TestUIServesUntilASignal(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results, ids := twoRuns(t)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		address, token, end := opened(t, "--results", results)
		if !strings.HasPrefix(address, "http://127.0.0.1:") {
			t.Errorf("address %s, want one of this machine alone", address)
		}
		for path, want := range map[string]string{"/": "<title>grpc-bench</title>", "/part/runs": ids[1], "/part/run?ref=" + ids[0]: "server CPU", "/part/compare?base=" + ids[0] + "&new=" + ids[1]: "What changed", "/part/history": "History"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Grpc-Bench-Token", token)
			got, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(got.Body)
			if err != nil || got.Body.Close() != nil {
				t.Fatal(err)
			}
			if got.StatusCode != 200 || !strings.Contains(string(body), want) {
				t.Errorf("%s: %d, without %q:\n%.300s", path, got.StatusCode, want, body)
			}
		}
		if code, rest := end(s); code != exitDone || rest != "" {
			t.Errorf("after %v: exit code %d and %q on stdout, want 0 and nothing more", s, code, rest)
		}
	}
}

func TestUISaysWhatIsWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	empty := t.TempDir()
	for _, of := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"x"}, exitUsage, "ui: must be given no arguments, got 1"},
		{[]string{"--listen", "0.0.0.0:8080", "--results", empty}, exitUsage, `--listen "0.0.0.0:8080": must be 127.0.0.1:PORT or [::1]:PORT`},
		{[]string{"--listen", "localhost:8080", "--results", empty}, exitUsage, `--listen "localhost:8080": must be 127.0.0.1:PORT or [::1]:PORT`},
		{[]string{"--results", filepath.Join(empty, "none")}, exitFailed, "--results: read results: open " + filepath.Join(empty, "none")},
		{[]string{"--listen", taken.Addr().String(), "--results", empty}, exitFailed, taken.Addr().String() + ": bind: address already in use"},
	} {
		code, stdout, stderr := command(t, append([]string{"ui"}, of.args...)...)
		if code != of.code || stdout != "" || !strings.Contains(stderr, of.says) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: exit code %d, %q, %q; want %d and %q", of.args, code, stdout, stderr, of.code, of.says)
		}
	}
}
