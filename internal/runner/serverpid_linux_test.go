package runner_test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"grpcbench/internal/runner"
)

// idle is a process that serves nothing.
func idle(t *testing.T) (pid string) {
	t.Helper()
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // it was told to end
	})
	return strconv.Itoa(cmd.Process.Pid)
}

// A process that does not hold the connections is not the server, and one of two is half of
// it: the one that holds them is named.
func TestAServerPIDThatServesNothingIsRefused(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		s := newTarget(t, nil)
		pid, own := idle(t), strconv.Itoa(os.Getpid())
		err := refusal(t, engine, []string{"--tls", "off", "--server-pid", pid, s.addr})
		if want := "--server-pid " + pid + ": process " + own + " ("; !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want %q", err, want)
		}
		p := planOf(t, "--engine", engine, "--tls", "off", "--server-pid", pid, "--server-pid", own, s.addr)
		a := measure(t, t.Context(), p, runner.Options{}).Arms[0]
		if seen := a.Observed.ServerPIDSeen; seen == nil || !*seen || a.ServerCPU == nil || *a.ServerCPU <= 0 {
			t.Errorf("seen %v, server CPU %v: the two together are the server", seen, a.ServerCPU)
		}
	})
}

// The run itself may descend from the process that was named, such as a shell that has
// started the server too: what it uses is not the server's.
func TestTheRunIsNoPartOfItsServer(t *testing.T) {
	s := newTarget(t, nil)
	above, own := strconv.Itoa(os.Getppid()), strconv.Itoa(os.Getpid())
	err := refusal(t, "grpc", []string{"--tls", "off", "--server-pid", above, s.addr})
	if want := "process " + own + " ("; !strings.Contains(err.Error(), want) {
		t.Errorf("error %q, want %q", err, want)
	}
}
