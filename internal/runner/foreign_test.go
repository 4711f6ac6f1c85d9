package runner_test

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"grpcbench/internal/probe"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// somebodys is a server with a service that grpc-bench knows nothing of.
type somebodys struct {
	healthpb.UnimplementedHealthServer
	addr string
	burn time.Duration // CPU of each RPC
	rpcs atomic.Int64  // answered OK
}

// Check implements healthpb.HealthServer.
func (s *somebodys) Check(_ context.Context, r *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	if r.GetService() != "orders" {
		return nil, status.Errorf(codes.NotFound, "service %q", r.GetService())
	}
	if s.burn > 0 {
		use(s.burn)
	}
	s.rpcs.Add(1)
	return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}, nil
}

// use uses that much CPU, by the thread's clock.
func use(cpu time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start, ok := probe.ThreadCPU()
	for now := start; ok && now-start < int64(cpu); {
		now, ok = probe.ThreadCPU()
	}
}

// newSomebodys serves in plaintext until the test ends. args are the command line
// that calls it as it wants to be called.
func newSomebodys(t *testing.T, burn time.Duration) (s *somebodys, args []string) {
	t.Helper()
	s = &somebodys{burn: burn}
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, s)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	request, err := proto.Marshal(&healthpb.HealthCheckRequest{Service: "orders"})
	if err != nil {
		t.Fatal(err)
	}
	return s, []string{"--tls", "off", "--method", "/grpc.health.v1.Health/Check", "--request", fileOf(t, string(request)), s.addr}
}

// fileOf is @FILE with that content.
func fileOf(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return "@" + path
}

func TestAnyUnaryMethodOfAnyServerIsMeasured(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	s, args := newSomebodys(t, 0)
	r := measure(t, t.Context(), planOf(t, args...), runner.Options{})
	a := r.Arms[0]
	if got, l := s.rpcs.Load(), a.LedgerTotal; l.OK == 0 || l.OK != l.Scheduled || got != l.OK {
		t.Errorf("the server answered %d RPCs, ledger %+v: must be as many, all ok", got, l)
	}
	if a.Observed.Method != "/grpc.health.v1.Health/Check" || a.Latency.Count != a.Ledger.Scheduled {
		t.Errorf("method %s observed, %d latencies of %d RPCs", a.Observed.Method, a.Latency.Count, a.Ledger.Scheduled)
	}
	if a.ServerCPU != nil || a.ServerLedger != nil {
		t.Errorf("server CPU %v and ledger %v, want neither: nothing told them", deref(a.ServerCPU), a.ServerLedger)
	}
}

func TestARequestThatAServerRefusesIsNamedBeforeTheLoad(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		s, args := newSomebodys(t, 0)
		for want, more := range map[string][]string{
			"(change --compression)": append([]string{"--compression", "zstd"}, args...),
			`(use --expect code=NOT_FOUND if it is the right one): service ""`: {"--tls", "off", "--method", "/grpc.health.v1.Health/Check", s.addr}, // no --request: empty
			"cannot read the request message (change --request)":               {"--tls", "off", "--method", "/grpc.health.v1.Health/Check", "--request", fileOf(t, "\x0a\xff"), s.addr},
			"the server does not have this method (change --method)":           {"--tls", "off", "--method", "/grpc.health.v1.Health/Chekc", s.addr},
			"use --method with --request":                                      {"--tls", "off", "--payload", fileOf(t, "a body"), s.addr},
			"--server-pid 4194303: must be a process of this machine, ":        append([]string{"--server-pid", "4194303"}, args...),
		} {
			if err := refusal(t, engine, more); !strings.Contains(err.Error(), want) {
				t.Errorf("%q: error %q, want %q", more, err, want)
			}
		}
		if n := s.rpcs.Load(); n != 0 {
			t.Errorf("the server answered %d RPCs, want none", n)
		}
	})
}

// A server of this process burns CPU for each RPC, and one of its own process cannot be
// said to use more than that process ever did.
func TestTheCPUOfAServerIsThatOfTheProcessNamed(t *testing.T) {
	lane.Long(t, "starts processes")
	const burn = time.Millisecond // of each RPC
	cpu := func(args []string, pid int) (perRPC float64, rpcs int64) {
		r := measure(t, t.Context(), planOf(t, append(args, "--rate", "100", "--window", "1s", "--server-pid", strconv.Itoa(pid))...), runner.Options{})
		if c := checkOf(t, r, "ledger_unbalanced"); c.Verdict != result.Valid {
			t.Error(c.Text)
		}
		a := r.Arms[0]
		if a.ServerCPU == nil {
			t.Fatalf("server CPU of process %d is not known", pid)
		}
		return *a.ServerCPU, a.Ledger.OK
	}
	// At the window's ends some RPCs of 100 are counted with the wrong side; nothing
	// bounds from above what else this process does, but it is far from a tenfold.
	_, args := newSomebodys(t, burn)
	if got, _ := cpu(args, os.Getpid()); got < 0.8*float64(burn) || got > 10*float64(burn) {
		t.Errorf("server CPU %v ns per RPC, want that of %v", got, burn)
	}

	server := exec.CommandContext(t.Context(), os.Args[0], "serve", "127.0.0.1:0")
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	got, rpcs := cpu([]string{"--tls", "off", strings.TrimSpace(address)}, server.Process.Pid)
	_ = server.Process.Kill()
	_ = server.Wait() // it was killed
	life := server.ProcessState.UserTime() + server.ProcessState.SystemTime()
	if total := got * float64(rpcs); total <= 0 || total > float64(life) {
		t.Errorf("server CPU %v ns for each of %d RPCs, of a process that used %v in its life", got, rpcs, life)
	}
}
