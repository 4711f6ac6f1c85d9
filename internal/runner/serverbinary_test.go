package runner_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"grpcbench/internal/address"
	"grpcbench/internal/benchserver"
	"grpcbench/internal/codec"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// serveBinary is a server as a user would bring it: ADDR, or inherited for the socket that
// its descriptor 3 is, and with TLS CERT and KEY. A
// last argument pid=FILE has it write its process id there.
func serveBinary(args []string) error {
	if file, ok := strings.CutPrefix(args[len(args)-1], "pid="); ok {
		if err := os.WriteFile(file, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
			return err
		}
		args = args[:len(args)-1]
	}
	if args[len(args)-1] == "banner" {
		fmt.Println("WARNING: \x1b[31mforty-two-and-more")
		args = args[:len(args)-1]
	}
	o := benchserver.Options{Counters: codec.Install(codec.Names(), codec.Spec{})}
	if len(args) >= 3 {
		pair, err := tls.LoadX509KeyPair(args[1], args[2])
		if err != nil {
			return err
		}
		o.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	server, err := benchserver.New(o)
	if err != nil {
		return err
	}
	l, err := net.Listen(address.Dial(args[0]))
	if args[0] == "inherited" {
		l, err = net.FileListener(os.NewFile(3, "inherited"))
	}
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { server.Stop(0) })
	fmt.Println(l.Addr())
	return server.Serve(l)
}

// binary is the command of serveBinary.
func binary(t *testing.T, words string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self + " serve " + words
}

func TestTwoBuildsAreMeasuredSideBySide(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	command := binary(t, "{addr} {cert} {key}")
	p := planOf(t, "--vary", "server-binary="+command+","+command+" new", "--epochs", "2")
	r := measure(t, t.Context(), p, runner.Options{})
	if r.Verdict == result.Invalid || len(r.Arms) != 3 {
		t.Fatalf("verdict %s, %d arms: want the two and A/A\n%+v", r.Verdict, len(r.Arms), r.Warnings)
	}
	self, err := os.ReadFile(strings.Fields(command)[0])
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(self)
	for _, a := range r.Arms {
		if a.Ledger.OK == 0 || a.Ledger.Lost() > 0 {
			t.Errorf("arm %s: ledger %+v, want no loss", a.Name, a.Ledger)
		}
		if a.ServerCPU == nil || a.Saturated == nil || a.Saturated.ServerCPU == nil || a.Handshake.Full.ServerCPU == nil {
			t.Errorf("arm %s: CPU %v, saturated %+v, handshakes %+v: want the server's CPU in each", a.Name, a.ServerCPU, a.Saturated, a.Handshake.Full)
		}
		// What only a bundled server tells is absent, not zero.
		if a.ServerAllocs != nil || a.ServerLedger != nil || a.Observed.RequestEncodings != nil {
			t.Errorf("arm %s: %v allocations, ledger %v, encodings %v of a server that tells nothing", a.Name, a.ServerAllocs, a.ServerLedger, a.Observed.RequestEncodings)
		}
		if a.Observed.TLSVersion != "1.3" || a.Observed.ServerSHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("arm %s: observed %+v, want TLS 1.3 and the digest of the file", a.Name, a.Observed)
		}
	}
	compared := map[string]bool{}
	for _, c := range r.Comparisons {
		compared[c.Arm+" "+c.Metric] = c.Ratio != nil
	}
	for _, name := range []string{p.Arms[1].Name, "A/A"} {
		if !compared[name+" server_cpu_ns_per_rpc"] {
			t.Errorf("server CPU of %s is not compared", name)
		}
	}
}

// wrapped is a script that a server is started by.
func wrapped(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "wrapper")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path + " {addr}"
}

// A wrapper may put its server into a session of its own, where the clocks of the wrapper's
// group stand still.
//
//	fault:   --server-binary is a script that starts its server by setsid
//	promise: the server's CPU is that of the server
//	figure:  run and handshake; 0 figures of 0 ns
func TestTheCPUOfAServerInASessionOfItsOwnIsKnown(t *testing.T) {
	lane.Long(t, "starts processes")
	command := wrapped(t, "setsid "+binary(t, "$1")+" & wait")
	r := measure(t, t.Context(), planOf(t, "--tls", "off", "--server-binary", command), runner.Options{Command: newChildren(t).command(t)})
	if a := r.Arms[0]; a.Ledger.OK == 0 || a.ServerCPU == nil || *a.ServerCPU <= 0 || a.Handshake.Full.ServerCPU == nil {
		t.Errorf("ledger %+v, CPU %v, handshakes %+v: want the server's CPU", a.Ledger, a.ServerCPU, a.Handshake.Full)
	}
}

func TestAServerBinaryThatCannotBeStartedEndsTheRunBeforeAnyLoad(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	p := planOf(t, "--tls", "off", "--metadata", "k=forty-two-and-more", "--server-binary", "/bin/sh -forty-two-and-more {addr}")
	_, err := runner.Run(t.Context(), p, runner.Options{Command: newChildren(t).command(t)})
	if err == nil || !strings.Contains(err.Error(), "--server-binary /bin/sh: must print HOST:PORT") {
		t.Errorf("%v, want the program and what it must do", err)
	}
	if err != nil && strings.Contains(err.Error(), "forty-two-and-more") {
		t.Errorf("%v shows a metadata value that the program wrote", err)
	}
}

func TestWhatAServerBinaryPrintsBeforeItsAddressIsAWarning(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	p := planOf(t, "--tls", "off", "--metadata", "k=forty-two-and-more", "--server-binary", binary(t, "{addr} banner"), "--server-start-timeout", "1m", "--server-in-place", "--epochs", "2", "--window", "100ms")
	r := measure(t, t.Context(), p, runner.Options{})
	var said []string
	for _, w := range r.Warnings {
		if w.Code == "server_printed" {
			said = append(said, w.Text)
		}
	}
	if len(said) != 1 || !strings.HasPrefix(said[0], `the server binary printed "WARNING: \x1b[31m«masked»" before 127.0.0.1:`) {
		t.Errorf("%q, want one warning, harmless and without the metadata value", said)
	}
}

// TestAKilledServerBinaryIsNamed:
//
//	fault:   a server binary is killed while it is measured
//	promise: its RPCs fail and are counted; the run ends and says how the program did
//	figure:  1 epoch of 2; the ledger is exact
func TestAKilledServerBinaryIsNamed(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	p := planOf(t, "--tls", "off", "--server-binary", binary(t, "{addr} pid="+file), "--epochs", "2", "--window", "300ms")
	r := measure(t, t.Context(), p, runner.Options{Progress: whenever("measuring", 1, 100*time.Millisecond, func() {
		text, err := os.ReadFile(file)
		pid, err2 := strconv.Atoi(string(text))
		if err := errors.Join(err, err2, syscall.Kill(pid, syscall.SIGKILL)); err != nil {
			t.Error(err)
		}
	})})
	if r.Verdict != result.Invalid || !strings.Contains(r.Failure, " ended: signal: killed") {
		t.Errorf("verdict %s, failure %q: want INVALID and how the program ended", r.Verdict, r.Failure)
	}
	if l := r.Arms[0].Ledger; l.Lost() == 0 {
		t.Errorf("ledger %+v, want RPCs lost", l)
	}
}
