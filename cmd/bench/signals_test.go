package main

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"grpcbench/internal/result"
	"grpcbench/internal/servercmd"
	serverpb "grpcbench/proto"
	"grpcbench/testing/lane"
)

// program is grpc-bench as a process.
type program struct {
	cmd    *exec.Cmd
	stdout bytes.Buffer
	stderr *bufio.Scanner
	said   []string // lines of stderr
}

// programCommand is the program as a process that is killed when ctx ends.
func programCommand(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

func startProgram(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{cmd: programCommand(t.Context(), t, args...)}
	p.cmd.Stdout = &p.stdout
	pipe, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stderr = bufio.NewScanner(pipe)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// await reads stderr up to a line that begins so.
func (p *program) await(t *testing.T, line string) {
	t.Helper()
	for p.stderr.Scan() {
		p.said = append(p.said, p.stderr.Text())
		if strings.HasPrefix(p.stderr.Text(), line) {
			return
		}
	}
	t.Fatalf("stderr ended without %q:\n%s", line, strings.Join(p.said, "\n"))
}

func (p *program) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// end waits for the exit code.
func (p *program) end(t *testing.T) int {
	t.Helper()
	for p.stderr.Scan() {
		p.said = append(p.said, p.stderr.Text())
	}
	err := p.cmd.Wait()
	if code := p.cmd.ProcessState.ExitCode(); code >= 0 {
		return code
	}
	t.Fatalf("%v:\n%s", err, strings.Join(p.said, "\n"))
	return -1
}

func TestOneSignalSavesWhatWasMeasured(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	for _, of := range []struct {
		signal os.Signal
		name   string
		code   int
	}{{os.Interrupt, "SIGINT", 130}, {syscall.SIGTERM, "SIGTERM", 143}} {
		t.Run(of.name, func(t *testing.T) {
			results := t.TempDir()
			p := startProgram(t, short(results, "2")...)
			p.await(t, "epoch 2 of 2")
			p.signal(t, of.signal)
			p.await(t, "grpc-bench: interrupted")
			p.signal(t, of.signal) // as timeout(1): one to the process, one to its group
			if code := p.end(t); code != of.code {
				t.Errorf("exit code %d, want %d", code, of.code)
			}
			id := onlyResult(t, results)
			r, err := result.Read(results, id)
			if err != nil {
				t.Fatal(err)
			}
			if r.Verdict != result.Partial || r.Interrupted != of.name || len(r.Arms[0].Epochs) < 1 {
				t.Errorf("verdict %s, interrupted by %q, %d epochs, want PARTIAL by %s with the first epoch",
					r.Verdict, r.Interrupted, len(r.Arms[0].Epochs), of.name)
			}
			said := strings.Join(p.said, "\n")
			for _, line := range []string{
				"grpc-bench: interrupted (" + of.name + "): storing what was measured; a second signal stops at once",
				"grpc-bench: stored in " + filepath.Join(results, id),
			} {
				if strings.Count(said, line) != 1 {
					t.Errorf("stderr has not one line %q:\n%s", line, said)
				}
			}
			if !strings.Contains(p.stdout.String(), "PARTIAL") {
				t.Errorf("the report does not say PARTIAL:\n%s", p.stdout.String())
			}
		})
	}
}

// freezing is a server that answers its first RPC and holds every later one. held
// is closed when the first of these arrives.
func freezing(t *testing.T) (addr string, held chan struct{}) {
	t.Helper()
	held = make(chan struct{})
	var calls atomic.Int64
	server := grpc.NewServer(grpc.UnaryInterceptor(
		func(ctx context.Context, r any, _ *grpc.UnaryServerInfo, answer grpc.UnaryHandler) (any, error) {
			switch calls.Add(1) {
			case 1:
				return answer(ctx, r)
			case 2:
				close(held)
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
	return l.Addr().String(), held
}

type foo struct {
	serverpb.UnimplementedServerServer
}

// Foo implements serverpb.ServerServer.
func (foo) Foo(context.Context, *serverpb.Empty) (*serverpb.Empty, error) {
	return &serverpb.Empty{}, nil
}

// onFrozen runs against a frozen server with a window and a drain of a minute.
func onFrozen(t *testing.T, results string) *program {
	t.Helper()
	addr, held := freezing(t)
	p := startProgram(t, "run", addr, "--tls", "off", "--results", results,
		"--warmup", "0s", "--window", "1m", "--drain", "1m", "--epochs", "1")
	<-held
	return p
}

func TestOneSignalWaitsASecondForCallsInFlightAndCountsThem(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results := t.TempDir()
	p := onFrozen(t, results)
	p.signal(t, os.Interrupt)
	// No RPC of the window was ok: exit code and verdict may say so.
	if code := p.end(t); code != 130 {
		t.Errorf("exit code %d, want 130\n%s", code, strings.Join(p.said, "\n"))
	}
	r, err := result.Read(results, onlyResult(t, results))
	if err != nil {
		t.Fatal(err)
	}
	l := r.Arms[0].Ledger
	if r.Interrupted != "SIGINT" || l.Abandoned == 0 || l.Abandoned != l.Started {
		t.Errorf("interrupted by %q, ledger %+v, want every started RPC abandoned", r.Interrupted, l)
	}
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results := t.TempDir()
	p := onFrozen(t, results)
	ended := make(chan struct{})
	go func() {
		// Two signals in one moment are one to the kernel.
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended
			select {
			case <-ended:
				return
			case <-tick.C:
			}
		}
	}()
	code := p.end(t)
	close(ended)
	if code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	if left, _ := filepath.Glob(filepath.Join(results, "2*")); len(left) != 0 || p.stdout.Len() != 0 {
		t.Errorf("results %v and %d bytes on stdout, want none: the first signal's second of waiting was cut short", left, p.stdout.Len())
	}
}

// TestTheSameSignalSoonAfterIsOneStop: timeout(1) sends SIGTERM to a process and then to its
// group. Another signal, or the same one later, ends the program.
func TestTheSameSignalSoonAfterIsOneStop(t *testing.T) {
	for _, of := range []struct {
		name   string
		second os.Signal
		after  time.Duration
		exits  error
	}{
		{"the same at once", syscall.SIGTERM, 0, nil},
		{"the same a moment later", syscall.SIGTERM, servercmd.OneStop - 1, nil},
		{"the same later", syscall.SIGTERM, servercmd.OneStop, errTerminate},
		{"another at once", os.Interrupt, 0, errInterrupt},
	} {
		t.Run(of.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				signals, quit := make(chan os.Signal, 2), make(chan struct{})
				var stopped, exited []error
				go watch(signals, quit, func(cause error) { stopped = append(stopped, cause) }, func(cause error) { exited = append(exited, cause) })
				signals <- syscall.SIGTERM
				synctest.Wait()
				time.Sleep(of.after)
				signals <- of.second
				synctest.Wait()
				close(quit)
				synctest.Wait()
				var want []error
				if of.exits != nil {
					want = []error{of.exits}
				}
				if !slices.Equal(stopped, []error{errTerminate}) || !slices.Equal(exited, want) {
					t.Errorf("stopped by %v, exits by %v, want one stop and exits by %v", stopped, exited, want)
				}
			})
		})
	}
}
