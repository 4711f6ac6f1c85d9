package runner_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// idle is a process that serves nothing.
func idle(t *testing.T) (pid string) {
	t.Helper()
	pid, _ = ending(t)
	return pid
}

// ending is a process that serves nothing until it is told to end.
func ending(t *testing.T) (pid string, end func()) {
	t.Helper()
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() {
		_ = in.Close()
		_ = cmd.Wait() // it was told to end
	}
	t.Cleanup(end)
	return strconv.Itoa(cmd.Process.Pid), end
}

// serving are processes that a shell starts with a script, in which $SERVE is the command of
// serveBinary; they print their addresses.
func serving(t *testing.T, script string, files ...*os.File) (shell string, addresses *bufio.Reader) {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	cmd.Env = append(os.Environ(), "SERVE="+binary(t, ""))
	cmd.ExtraFiles = files
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait() // it was killed
	})
	return strconv.Itoa(cmd.Process.Pid), bufio.NewReader(out)
}

// line is the next one of r.
func line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	text, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(text)
}

// refusedHandshakes is refusal of a handshake plan.
func refusedHandshakes(t *testing.T, engine string, args []string) error {
	t.Helper()
	p := handshakesOf(t, append([]string{"--engine", engine}, args...)...)
	_, err := runner.Run(t.Context(), p, runner.Options{Command: newChildren(t).command(t)})
	if !errors.Is(err, runner.ErrPreflight) {
		t.Fatalf("error %v, want one of the preflight", err)
	}
	return err
}

// A process that does not hold the connections is not the server, and one of two is half of
// it: the one that holds them is named.
func TestAServerPIDThatServesNothingIsRefused(t *testing.T) {
	lane.Long(t, "starts processes")
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
	lane.Long(t, "starts processes")
	s := newTarget(t, nil)
	above, own := strconv.Itoa(os.Getppid()), strconv.Itoa(os.Getpid())
	err := refusal(t, "grpc", []string{"--tls", "off", "--server-pid", above, s.addr})
	if want := "process " + own + " ("; !strings.Contains(err.Error(), want) {
		t.Errorf("error %q, want %q", err, want)
	}
}

// What the run descends from has the server among its descendants, and everything else, too:
// a shell, the init of a container.
//
//	fault:   --server-pid names the run itself, the shell that started run and server, or process 1
//	promise: refused before the load, with the process that holds the connections
//	figure:  0 RPCs; each ancestor of the run, run and handshake, by TCP and by a Unix socket
func TestAProcessThatTheRunDescendsFromIsNoServer(t *testing.T) {
	lane.Long(t, "starts processes")
	dir, err := os.MkdirTemp("", "s") // a path of a test's own may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for name, at := range map[string]string{"TCP": "127.0.0.1:0", "a path": "unix:" + filepath.Join(dir, "s"), "a name": "unix-abstract:" + dir} {
		t.Run(name, func(t *testing.T) {
			server, addresses := serving(t, "exec $SERVE "+at)
			if to := line(t, addresses); name == "TCP" {
				at = to
			}
			eachEngine(t, func(t *testing.T, engine string) {
				for _, pid := range probe.Ancestors(os.Getpid()) {
					for _, more := range [][]string{nil, {"--server-pid", server}} { // beside the server it is as wrong
						args := append([]string{"--tls", "off", "--server-pid", strconv.Itoa(pid), at}, more...)
						why := "this run descends from it, and so may much that is not the server"
						if pid == os.Getpid() {
							why = "is this run itself"
						}
						want := fmt.Sprintf("--server-pid %d: %s: name process %s (", pid, why, server)
						for _, err := range []error{refusal(t, engine, args), refusedHandshakes(t, engine, args)} {
							if !strings.Contains(err.Error(), want) || !strings.HasSuffix(err.Error(), "), which holds the connections") {
								t.Errorf("%v, want %q", err, want)
							}
						}
					}
				}
				p := planOf(t, "--engine", engine, "--tls", "off", "--server-pid", server, at)
				serverSeen(t, measure(t, t.Context(), p, runner.Options{}))
			})
		})
	}
}

// serverSeen wants the server of r to be known. Whether it was given any CPU in so short a
// window is up to the machine.
func serverSeen(t *testing.T, r result.Result) {
	t.Helper()
	if o := r.Arms[0].Observed.ServerPIDSeen; o == nil || !*o {
		t.Errorf("seen %v, want that the processes named hold the connections", o)
	}
	if c := checkOf(t, r, "server_pid_unseen"); strings.Contains(c.Text, "could not be seen") || c.Skipped != "" {
		t.Errorf("%+v, want no doubt of whose the connections are", c)
	}
}

// Who has the other end of a Unix socket is looked at as well.
func TestWhoServesAUnixSocketIsNamed(t *testing.T) {
	lane.Long(t, "starts processes")
	eachEngine(t, func(t *testing.T, engine string) {
		s := newTarget(t, nil)
		path := s.socket(t)
		s.listen(t, "@"+path)
		pid, own := idle(t), strconv.Itoa(os.Getpid())
		for _, to := range []string{"unix:" + path, "unix://" + path, "unix-abstract:" + path} {
			args := []string{"--tls", "off", "--server-pid", pid, to}
			for _, err := range []error{refusal(t, engine, args), refusedHandshakes(t, engine, args)} {
				if want := "--server-pid " + pid + ": process " + own + " ("; !strings.Contains(err.Error(), want) || !strings.HasSuffix(err.Error(), ") holds the connections: name it too, or instead") {
					t.Errorf("error %q, want %q", err, want)
				}
			}
			serverSeen(t, measure(t, t.Context(), planOf(t, "--engine", engine, "--tls", "off", "--server-pid", own, to), runner.Options{}))
		}
	})
}

// A socket may have been made by another process than the one that accepts, and several may
// accept from it: as with systemd, and with a server that forks.
func TestAServerWithAnInheritedSocketIsWhoAccepts(t *testing.T) {
	lane.Long(t, "starts processes")
	dir, err := os.MkdirTemp("", "s") // a path of a test's own may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, at := range [][2]string{{"tcp", "127.0.0.1:0"}, {"unix", filepath.Join(dir, "s")}} {
		l, err := net.Listen(at[0], at[1])
		if err != nil {
			t.Fatal(err)
		}
		file, err := l.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		if u, ok := l.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false)
		}
		to := l.Addr().String()
		if at[0] == "unix" {
			to = "unix:" + to
		}
		shell, addresses := serving(t, "$SERVE inherited & $SERVE inherited & wait", file)
		if err := errors.Join(l.Close(), file.Close()); err != nil {
			t.Fatal(err)
		}
		line(t, addresses)
		line(t, addresses)
		serverSeen(t, measure(t, t.Context(), planOf(t, "--tls", "off", "--connections", "4", "--server-pid", shell, to), runner.Options{}))
		err = refusal(t, plan.GRPC, []string{"--tls", "off", "--server-pid", idle(t), "--connections", "4", to})
		if strings.Contains(err.Error(), strconv.Itoa(os.Getpid())+" (") || !strings.Contains(err.Error(), "the connections: name ") {
			t.Errorf("%v, want those that accepted to be named, not %d", err, os.Getpid())
		}
	}
}

// One of several processes that has ended takes its clock with it: what the others used is
// not what the server did.
//
//	fault:   a process of --server-pid ends between preflight and window
//	promise: the run ends well, without a figure of the server's CPU, and says so
//	figure:  0 figures of it
func TestAServerPIDThatEndsLeavesNoFigure(t *testing.T) {
	lane.Long(t, "starts processes")
	s := newTarget(t, nil)
	pid, end := ending(t)
	p := planOf(t, "--tls", "off", "--server-pid", pid, "--server-pid", strconv.Itoa(os.Getpid()), s.addr)
	r := measure(t, t.Context(), p, runner.Options{Progress: func(p runner.Progress) {
		if p.Step == "measuring" {
			end()
		}
	}})
	if a := r.Arms[0]; a.ServerCPU != nil || a.LedgerTotal.OK == 0 {
		t.Errorf("server CPU %v of %d RPCs, want none", deref(a.ServerCPU), a.LedgerTotal.OK)
	}
	if c := checkOf(t, r, "server_pid_unseen"); !strings.Contains(c.Text, "one has ended") {
		t.Errorf("%+v, want that it has ended", c)
	}
}

// TestAnotherServerOnThePortInALaterEpochIsNoticed:
//
//	fault:   two servers share a port, and after the first epoch the one that was not named answers
//	promise: INVALID with the process that holds the connections; no figure of the server's CPU
//	figure:  0 figures of it
func TestAnotherServerOnThePortInALaterEpochIsNoticed(t *testing.T) {
	lane.Long(t, "starts processes")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	var pids [2]int
	for i := range pids {
		shell, addresses := serving(t, "exec $SERVE inherited", file)
		line(t, addresses)
		if pids[i], err = strconv.Atoi(shell); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(l.Close(), file.Close(), syscall.Kill(pids[1], syscall.SIGSTOP)); err != nil {
		t.Fatal(err)
	}
	p := planOf(t, "--tls", "off", "--epochs", "2", "--window", "200ms", "--server-pid", strconv.Itoa(pids[0]), l.Addr().String())
	r := measure(t, t.Context(), p, runner.Options{Progress: func(p runner.Progress) {
		if p.Step == "starting" && p.Epoch == 2 {
			if err := errors.Join(syscall.Kill(pids[0], syscall.SIGSTOP), syscall.Kill(pids[1], syscall.SIGCONT)); err != nil {
				t.Error(err)
			}
		}
	}})
	want := fmt.Sprintf("--server-pid %d: process %d (", pids[0], pids[1])
	if a := r.Arms[0]; r.Verdict != result.Invalid || len(a.Observed.Mismatches) != 1 || !strings.HasPrefix(a.Observed.Mismatches[0], want) || a.ServerCPU != nil {
		t.Errorf("verdict %s, mismatches %q, server CPU %v: want %q", r.Verdict, a.Observed.Mismatches, deref(a.ServerCPU), want)
	}
}

// TestAServerBinaryThatGoesIntoTheBackgroundIsRefused:
//
//	fault:   a server binary starts its server as a process that does not descend from it
//	promise: refused in the preflight, with the process that holds the connections
//	figure:  0 RPCs of a load
func TestAServerBinaryThatGoesIntoTheBackgroundIsRefused(t *testing.T) {
	lane.Long(t, "starts processes")
	file := filepath.Join(t.TempDir(), "daemon")
	serve := strings.ReplaceAll(binary(t, "{addr}"), "{addr}", "$1")
	// It has a session of its own, and its parent ends at once: it descends from no process of
	// the script and is in no group of one.
	text := fmt.Sprintf("#!/bin/sh\n(setsid %s & echo $! >%s.pid) | while read line; do echo $line; done &\nwhile :; do sleep 1; done\n", serve, file)
	if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if text, err := os.ReadFile(file + ".pid"); err == nil {
			if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
			}
		}
	})
	p := planOf(t, "--tls", "off", "--epochs", "1", "--server-binary", file+" {addr}")
	_, err := runner.Run(t.Context(), p, runner.Options{Command: newChildren(t).command(t)})
	if err == nil || !errors.Is(err, runner.ErrPreflight) || !strings.Contains(err.Error(), "holds the connections, and does not descend from the command: give a server that stays in the foreground") {
		t.Errorf("%v, want that it is in the background", err)
	}
}
