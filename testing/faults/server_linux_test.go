package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	benchv1 "grpcbench/proto/bench/v1"
)

// server is `grpc-bench server` as a process.
type server struct {
	*exec.Cmd
	t    *testing.T
	addr string
	out  *bufio.Reader
	conn *grpc.ClientConn // for Control, which is not counted
}

// counted is the last line of a server that stopped.
type counted struct {
	Instance    string           `json:"instance"`
	Started     int64            `json:"started"`
	OK          int64            `json:"ok"`
	Failed      map[string]int64 `json:"failed"`
	Connections int64            `json:"connections"`
}

// address is a free one of the loopback, whose port the kernel gives to no
// outgoing connection: a client that knocks at a port where nobody listens could
// be given that very port, and find itself.
func address(t *testing.T) string {
	t.Helper()
	const low, high = 12000, 32000 // below ip_local_port_range as Linux sets it
	for range 100 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(low+rand.IntN(high-low)))
		if l, err := net.Listen("tcp", addr); err == nil {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

// serve starts a plaintext server that answers when serve returns.
func serve(t *testing.T, addr string, args ...string) *server {
	t.Helper()
	s := start(t, nil, append([]string{"--tls", "off", "--listen", addr}, args...)...)
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	s.conn, s.addr = conn, addr
	return s
}

// start starts a server, behind the words of under, and waits until it listens.
func start(t *testing.T, under []string, args ...string) *server {
	t.Helper()
	words := append(append(under[:len(under):len(under)], program, "server"), args...)
	s := &server{Cmd: exec.CommandContext(t.Context(), words[0], words[1:]...), t: t}
	s.Stderr = t.Output()
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	s.out = bufio.NewReader(out)
	line, err := s.out.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "127.0.0.1:") {
		t.Fatalf("server %q: %q, %v", args, line, err)
	}
	s.addr = strings.TrimSpace(line)
	return s
}

func (s *server) send(signal syscall.Signal) {
	s.t.Helper()
	if err := s.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
}

// kill ends the server as the kernel does that is out of memory. A second call
// does nothing.
func (s *server) kill() {
	if s.ProcessState != nil {
		return
	}
	_ = s.Process.Kill() // it may have ended
	_ = s.Wait()         // that it was killed is no news
	s.hangUp()
}

func (s *server) hangUp() {
	if s.conn != nil {
		_ = s.conn.Close() // its server is gone
	}
}

// stop ends the server with SIGTERM and returns what it counted.
func (s *server) stop() counted {
	s.t.Helper()
	s.hangUp()
	s.send(syscall.SIGTERM)
	return s.last()
}

// last reads what the server counted and waits for its end.
func (s *server) last() (c counted) {
	s.t.Helper()
	all, err := io.ReadAll(s.out)
	if err == nil {
		err = json.Unmarshal(all, &c)
	}
	if err != nil {
		s.t.Fatalf("last line %q: %v", all, err)
	}
	if err := s.Wait(); err != nil {
		s.t.Errorf("server: %v", err)
	}
	return c
}

// answered is how many RPCs the server has answered.
func (s *server) answered() int64 {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), late)
	defer cancel()
	got, err := benchv1.NewControlClient(s.conn).Snapshot(ctx, &benchv1.SnapshotRequest{}, grpc.WaitForReady(true))
	if err != nil {
		s.t.Fatal(err)
	}
	return int64(got.GetRpcs().GetOk())
}

// await returns when the server has answered n RPCs or more.
func (s *server) await(n int64) {
	s.t.Helper()
	until(s.t, "RPCs to be answered", func() bool { return s.answered() >= n })
}

// until polls for something that happens soon.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(2 * late); ; {
		if happened() {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
