package benchserver_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"grpcbench/internal/benchserver"
	"grpcbench/internal/certs"
	"grpcbench/internal/codec"
	benchv1 "grpcbench/proto/bench/v1"
)

// counters are the compressors' of the test process, which has one registry.
var counters = codec.Install(codec.Names(), codec.Spec{Name: codec.None})

// start serves o on a loopback port until the test ends.
func start(t *testing.T, o benchserver.Options) (s *benchserver.Server, addr string) {
	t.Helper()
	s, err := benchserver.New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop(0)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s, l.Addr().String()
}

// dial opens a channel to addr until the test ends.
func dial(t *testing.T, addr string, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	opts = append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, opts...)
	conn, err := grpc.NewClient("passthrough:///"+addr, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// echo calls Echo on a new plaintext server and returns what the server counted.
func echo(t *testing.T, r *benchv1.EchoRequest, opts ...grpc.CallOption) (*benchv1.EchoResponse, *benchv1.SnapshotResponse, error) {
	t.Helper()
	s, addr := start(t, benchserver.Options{Counters: counters})
	client := benchv1.NewBenchClient(dial(t, addr))
	response, err := client.Echo(t.Context(), r, append(opts, grpc.MaxCallRecvMsgSize(8<<20))...)
	return response, s.Snapshot(), err
}

func wantCode(t *testing.T, err error, want codes.Code) {
	t.Helper()
	if got := status.Code(err); got != want {
		t.Errorf("code %v (%v), want %v", got, err, want)
	}
}

// identities are the two sides of mutual TLS.
type identities struct {
	server *tls.Config
	client *tls.Config
}

// newIdentities makes both sides from one authority. The server does not ask for
// the client's certificate unless a test makes it.
func newIdentities(t *testing.T) identities {
	t.Helper()
	set, err := certs.Authority(certs.Options{Key: certs.P256, Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(set.CA.CertPEM) {
		t.Fatal("the authority's certificate is not PEM")
	}
	pair := func(p certs.Pair) []tls.Certificate {
		c, err := tls.X509KeyPair(p.CertPEM, p.KeyPEM)
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{c}
	}
	return identities{
		server: &tls.Config{Certificates: pair(set.Server), ClientCAs: roots},
		client: &tls.Config{Certificates: pair(set.Client), RootCAs: roots, ServerName: "localhost"},
	}
}

func tlsDial(t *testing.T, addr string, c *tls.Config) *grpc.ClientConn {
	t.Helper()
	return dial(t, addr, grpc.WithTransportCredentials(credentials.NewTLS(c)))
}

// foo calls the published example's method by its path alone.
func foo(ctx context.Context, conn *grpc.ClientConn) error {
	return conn.Invoke(ctx, "/Server/Foo", &benchv1.SnapshotRequest{}, &benchv1.SnapshotRequest{})
}
