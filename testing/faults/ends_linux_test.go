package faults

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"

	"grpcbench/internal/runner"
	serverpb "grpcbench/proto"
	benchv1 "grpcbench/proto/bench/v1"
	"grpcbench/testing/lane"
)

// TestAStuckStreamDoesNotKeepAServer: one client waits for an answer that is 10 s
// away, another opened an RPC and never sent its message.
//
//	fault:   SIGTERM with RPCs that do not end
//	promise: the server ends after --grace and says what it counted
//	figure:  grace {grace}, of 2 RPCs 0 ok
func TestAStuckStreamDoesNotKeepAServer(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const grace = time.Second
	s := serve(t, address(t), "--grace", grace.String())
	ended := make(chan error, 1)
	go func() {
		_, err := benchv1.NewBenchClient(s.conn).Echo(t.Context(), &benchv1.EchoRequest{DelayUs: 10_000_000})
		ended <- err
	}()
	stream, err := s.conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true}, serverpb.Server_Foo_FullMethodName)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "both RPCs to reach the server", func() bool {
		got, err := benchv1.NewControlClient(s.conn).Snapshot(t.Context(), &benchv1.SnapshotRequest{})
		return err == nil && got.GetRpcs().GetStarted() == 2
	})
	began := time.Now()
	s.send(syscall.SIGTERM)
	c := s.last()
	if took := time.Since(began); took < grace || took > grace+late {
		t.Errorf("ended after %v, want %v and soon", took, grace)
	}
	if c.Started != 2 || c.OK != 0 {
		t.Errorf("counted %+v, want 2 started and none ok", c)
	}
	if err := <-ended; err == nil {
		t.Error("the RPC that was given up is ok")
	}
	if err := stream.RecvMsg(&serverpb.Empty{}); err == nil {
		t.Error("the RPC without a message is ok")
	}
	s.hangUp()
}

// TestNoChildOutlivesItsParent: a child sees that its parent is gone by the end of
// its standard input, in whatever it does.
//
//	fault:   the run's own process killed in the window
//	promise: no server and no generator is left
//	figure:  {children} of {children} end
func TestNoChildOutlivesItsParent(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const children = 4
	b := begin(t, nil, "--vary", "tls=off,1.3", "--aa", "off", "--epochs", "1", "--rate", "200", "--warmup", "30s", "--window", "30s")
	var pids []int
	until(t, "servers and generators", func() bool {
		pids = slices.Concat(childrenOf(t, b.Process.Pid, runner.Host), childrenOf(t, b.Process.Pid, runner.Generator))
		return len(pids) == children
	})
	until(t, "the load", func() bool { return connected(t, pids) })
	if err := b.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	b.end(late)
	until(t, "the children to end", func() bool {
		pids = slices.DeleteFunc(pids, func(pid int) bool { return !alive(t, pid) })
		return len(pids) == 0
	})
}

// connected says whether every process has a connection, besides what it listens
// on: two sockets of TCP are four connections' least sign that all arms stand.
func connected(t *testing.T, pids []int) bool {
	t.Helper()
	for _, pid := range pids {
		if sockets(t, pid) < 2 {
			return false
		}
	}
	return true
}

// sockets is how many sockets a process has open.
func sockets(t *testing.T, pid int) (n int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "fd", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if to, err := os.Readlink(file); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// childrenOf are the processes that parent started in a role.
func childrenOf(t *testing.T, parent int, role string) (pids []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		line, err := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		if err != nil || !bytes.HasSuffix(line, []byte("\x00"+role+"\x00")) {
			continue
		}
		// "PID (NAME) STATE PPID …", where the name may hold anything (proc_pid_stat(5)).
		_, after, _ := bytes.Cut(stat, []byte(") "))
		fields := bytes.Fields(after)
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && len(fields) > 1 && string(fields[1]) == strconv.Itoa(parent) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// alive says whether a process runs; one that nobody has waited for does not.
func alive(t *testing.T, pid int) bool {
	t.Helper()
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	_, after, _ := bytes.Cut(stat, []byte(") "))
	return !bytes.HasPrefix(after, []byte("Z"))
}
