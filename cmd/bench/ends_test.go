package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"

	"grpcbench/internal/result"
	serverpb "grpcbench/proto"
	"grpcbench/testing/lane"
)

// hung is how long a program that was told to end may take before it hangs:
// several times the two seconds that are promised, on a machine that is not ours
// alone.
const hung = 15 * time.Second

// holding is a server that answers the given number of RPCs and holds every later
// one; came is how many have come.
func holding(t *testing.T, answers int64) (addr string, came *atomic.Int64) {
	t.Helper()
	came = &atomic.Int64{}
	server := grpc.NewServer(grpc.UnaryInterceptor(
		func(ctx context.Context, r any, _ *grpc.UnaryServerInfo, answer grpc.UnaryHandler) (any, error) {
			if came.Add(1) <= answers {
				return answer(ctx, r)
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}))
	serverpb.RegisterServerServer(server, foo{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return l.Addr().String(), came
}

// silent is a server that accepts connections and says nothing; came is how many.
func silent(t *testing.T) (addr string, came *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	came = &atomic.Int64{}
	t.Cleanup(func() { _ = l.Close() }) // ends Accept
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			came.Add(1)
			defer conn.Close()
		}
	}()
	return l.Addr().String(), came
}

// until polls for something that happens soon.
func until(t *testing.T, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.After(2 * hung); !happened(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("waited in vain")
		}
	}
}

// TestASignalEndsARunInEachPhase: nothing that is waited for, be it a server that
// never answers, keeps the program.
//
//	fault:   SIGINT or SIGTERM while a server does not answer, in each phase
//	promise: exit 130 or 143 soon; what was begun is accounted for; nothing before a load
//	figure:  all of {due} RPCs due abandoned after an interrupted drain of a minute
func TestASignalEndsARunInEachPhase(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const due = 40 // 200 RPC/s for 200 ms
	for _, of := range []struct {
		phase   string
		server  func(t *testing.T) (addr string, came *atomic.Int64)
		args    []string
		when    int64 // so many connections or RPCs have come
		signal  syscall.Signal
		code    int
		results int
	}{
		{"connecting", silent, nil, 1, syscall.SIGINT, 130, 0},
		{"preflight", func(t *testing.T) (string, *atomic.Int64) { return holding(t, 0) }, nil, 1, syscall.SIGTERM, 143, 0},
		{"warm-up", func(t *testing.T) (string, *atomic.Int64) { return holding(t, 1) },
			[]string{"--warmup", "1m", "--drain", "1m"}, 10, syscall.SIGTERM, 143, 1},
		{"drain", func(t *testing.T) (string, *atomic.Int64) { return holding(t, 1) },
			[]string{"--warmup", "0s", "--window", "200ms", "--drain", "1m"}, 1 + due, syscall.SIGINT, 130, 1},
	} {
		t.Run(of.phase, func(t *testing.T) {
			t.Parallel()
			addr, came := of.server(t)
			results := t.TempDir()
			p := startProgram(t, append([]string{"run", addr, "--tls", "off", "--results", results, "--epochs", "1",
				"--rate", "200", "--arrival", "uniform"}, of.args...)...)
			until(t, func() bool { return came.Load() >= of.when })
			p.signal(t, of.signal)
			told := time.Now()
			code := p.end(t)
			if took := time.Since(told); code != of.code || took > hung {
				t.Errorf("exit code %d after %v, want %d soon\n%s", code, took, of.code, strings.Join(p.said, "\n"))
			}
			stored, err := filepath.Glob(filepath.Join(results, "2*"))
			if err != nil || len(stored) != of.results {
				t.Fatalf("results %v, %v, want %d", stored, err, of.results)
			}
			if of.results > 0 {
				wantAbandoned(t, stored[0], of.when-1)
			}
		})
	}
}

// wantAbandoned fails unless a stored result's RPCs, at least n, are accounted for
// as one answered and all others given up.
func wantAbandoned(t *testing.T, path string, n int64) {
	t.Helper()
	r, err := result.Read("", path)
	if err != nil {
		t.Fatal(err)
	}
	if err := result.Recheck(r); err != nil {
		t.Error(err)
	}
	l := r.Arms[0].LedgerTotal
	if err := l.Check(); err != nil || r.Interrupted == "" || l.OK != 1 || l.Abandoned < n || l.Abandoned+1 != l.Scheduled {
		t.Errorf("interrupted by %q, ledger %+v (%v), want one RPC ok and all others, at least %d, abandoned", r.Interrupted, l, err, n)
	}
}

// TestASignalWhileTheResultIsWrittenLeavesItWhole: the program is caught in the act.
// It is halted when the directory is there that it writes into, and what is there
// while it stands still is certain: an attempt counts only if the write was not over.
// A write takes some milliseconds, and is looked for each; of five attempts one counts.
//
//	fault:   SIGINT while the result is written
//	promise: the result is stored whole
//	figure:  1 result, which agrees with its own content
func TestASignalWhileTheResultIsWrittenLeavesItWhole(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	for range 5 {
		results := t.TempDir()
		p := startProgram(t, short(results, "1")...)
		until(t, func() bool { return has(t, results, ".running-*/next") || has(t, results, "2*") })
		p.signal(t, syscall.SIGSTOP)
		writing := has(t, results, ".running-*/next")
		p.signal(t, os.Interrupt)
		p.signal(t, syscall.SIGCONT)
		code := p.end(t)
		if !writing {
			continue
		}
		r, err := result.Read(results, onlyResult(t, results))
		if err != nil {
			t.Fatal(err)
		}
		if err := result.Recheck(r); err != nil || (code == 130) != (r.Interrupted != "") {
			t.Errorf("exit code %d, interrupted by %q: %v", code, r.Interrupted, err)
		}
		return
	}
	t.Fatal("void: no signal came while the result was written")
}

func has(t *testing.T, dir, pattern string) bool {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return len(found) > 0
}

// unread is a pipe that nobody reads.
func unread(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// TestAReaderThatIsGoneLosesNoResult.
//
//	fault:   standard output or standard error closed by its reader
//	promise: the run is finished and stored; an answer that nobody can read is exit 1
//	figure:  2 epochs of 2
func TestAReaderThatIsGoneLosesNoResult(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	for name, of := range map[string]struct {
		close func(t *testing.T, cmd *exec.Cmd)
		code  int
	}{
		"stdout": {func(t *testing.T, cmd *exec.Cmd) { cmd.Stdout = unread(t) }, exitFailed},
		"stderr": {func(t *testing.T, cmd *exec.Cmd) { cmd.Stderr = unread(t) }, exitDone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			results := t.TempDir()
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), self, short(results, "2")...)
			cmd.Env = append(os.Environ(), asProgram+"=1")
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			of.close(t, cmd)
			_ = cmd.Run() // its exit code is looked at
			if code := cmd.ProcessState.ExitCode(); code != of.code {
				t.Errorf("%v, want exit code %d\n%s", cmd.ProcessState, of.code, &stderr)
			}
			r, err := result.Read(results, onlyResult(t, results))
			if err != nil {
				t.Fatal(err)
			}
			if n := len(r.Arms[0].Epochs); n != 2 || r.Interrupted != "" || r.Failure != "" {
				t.Errorf("%d epochs, interrupted by %q, failure %q, want 2 without either", n, r.Interrupted, r.Failure)
			}
			if of.code == exitFailed && !strings.Contains(stderr.String(), "print report") {
				t.Errorf("stderr %q: must say that the report could not be printed", &stderr)
			}
		})
	}
}
