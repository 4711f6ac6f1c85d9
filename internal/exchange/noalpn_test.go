package exchange_test

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"grpcbench/internal/certs"
	"grpcbench/internal/exchange"
	"grpcbench/internal/plan"
	serverpb "grpcbench/proto"
)

type foo struct {
	serverpb.UnimplementedServerServer
}

// Foo implements serverpb.ServerServer.
func (foo) Foo(context.Context, *serverpb.Empty) (*serverpb.Empty, error) {
	return &serverpb.Empty{}, nil
}

// A call is made of a server that chooses no protocol by ALPN if it is allowed, whatever
// the environment says to grpc-go, and shows that there was none.
func TestACallWithoutALPNIsMadeIfAllowed(t *testing.T) {
	set, err := certs.Authority(certs.Options{Key: certs.P256, Days: 1, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(set.Server.CertPEM, set.Server.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	serverpb.RegisterServerServer(s, foo{})
	addr := serve(t, func(l net.Listener) error {
		return s.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}}))
	}, s.Stop)
	for _, version := range []string{plan.TLS12, plan.TLS13} {
		of := trial(addr, func(s *plan.Settings) { s.TLS = version })
		of.CAPEM = set.CA.CertPEM
		_, err = exchange.Do(t.Context(), of)
		if err == nil || !strings.Contains(err.Error(), "chose no protocol by ALPN") || !strings.Contains(err.Error(), "--allow-no-alpn") {
			t.Errorf("TLS %s: error %v, want one that names the flag", version, err)
		}
		of.AllowNoALPN = true
		if e := do(t, of); e.Failure != nil || e.Link.ALPN != plan.NoALPN {
			t.Errorf("TLS %s: ALPN %q, failure %v, want none of both", version, e.Link.ALPN, e.Failure)
		}
	}
}
