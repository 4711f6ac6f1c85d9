package exchange_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"

	serverpb "grpcbench/proto"
)

// A call is made to a Unix socket as to any other server.
func TestACallReachesAUnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "s") // a path of a test's own may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	serverpb.RegisterServerServer(s, foo{})
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	for _, to := range []string{"unix:" + path, "unix://" + path} {
		of := trial(to, nil)
		of.Authority = "localhost"
		if e := do(t, of); e.Failure != nil || e.Connection.Remote != "unix:"+path || e.Connection.Local == "" {
			t.Errorf("%s: failure %v, from %q to %q", to, e.Failure, e.Connection.Local, e.Connection.Remote)
		}
	}
	s.Stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
