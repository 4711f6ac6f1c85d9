//go:build peers

package wire

import (
	"bufio"
	"bytes"
	"flag"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "google.golang.org/grpc/encoding/gzip" // in the server of this process

	"grpcbench/internal/benchserver"
	"grpcbench/internal/code"
	"grpcbench/internal/load"
)

var record = flag.Bool("record", false, "write what the servers send to testdata/recorded")

// relay passes one connection on and keeps what the server sends.
type relay struct {
	listener net.Listener
	done     chan struct{}
	heard    bytes.Buffer // complete when done
}

func newRelay(t *testing.T, server string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		client, err := listener.Accept()
		if err != nil {
			return
		}
		up, err := net.Dial("tcp", server)
		if err != nil {
			_ = client.Close()
			return
		}
		go func() {
			_, _ = io.Copy(up, client)
			_ = up.Close()
		}()
		_, _ = io.Copy(io.MultiWriter(&r.heard, client), up)
		_ = client.Close()
	}()
	return r
}

// grpcGo is the bundled server.
func grpcGo(t *testing.T) (address string) {
	t.Helper()
	s, err := benchserver.New(benchserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	t.Cleanup(func() { s.Stop(0); <-served })
	return listener.Addr().String()
}

// cCore is a server on gRPC's C core, by Debian's python3-grpcio.
func cCore(t *testing.T) (address string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "testdata/server.py")
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("server.py: %v: install python3-grpcio", err)
	}
	return "127.0.0.1:" + strings.TrimSpace(port)
}

// TestServersAreRecorded makes three RPCs of each kind on a connection to each server:
// the client says of them what the replay of a recording must say too.
//
//	go test -tags peers -run TestServersAreRecorded ./internal/wire -record
func TestServersAreRecorded(t *testing.T) {
	message := []byte(recorded())
	for _, server := range []struct{ name, address string }{{"grpc-go", grpcGo(t)}, {"c-core", cCore(t)}} {
		for kind, r := range map[string]Request{
			"ok":    {Path: "/bench.v1.Bench/Echo", Message: message},
			"gzip":  {Path: "/bench.v1.Bench/Echo", Message: zipped(t, recorded()), Compressed: true, Encoding: "gzip", Accept: "gzip", Metadata: []Field{{"x-gzip", "1"}}},
			"error": {Path: "/bench.v1.Bench/Missing%"},
		} {
			t.Run(server.name+"-"+kind, func(t *testing.T) {
				relay := newRelay(t, server.address)
				defer relay.listener.Close()
				r.Length, r.Check = len(recorded()), is(recorded())
				c, err := Open(t.Context(), Options{Address: relay.listener.Addr().String(), Request: r})
				if err != nil {
					t.Fatal(err)
				}
				want := load.OK
				if kind == "error" {
					want = code.Unimplemented
				}
				if counts := run(t, c, 3, 1); counts[want] != 3 {
					t.Errorf("outcomes %v, want 3 %s", counts, want)
				}
				if _, answers := c.Attempts(); (answers.Compressed == 3) != (kind == "gzip") {
					t.Errorf("%d responses compressed", answers.Compressed)
				}
				_ = c.Close()
				<-relay.done
				if *record {
					if err := os.WriteFile(filepath.Join("testdata", "recorded", server.name+"-"+kind), relay.heard.Bytes(), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}
