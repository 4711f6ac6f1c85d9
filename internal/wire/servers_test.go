package wire_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"grpcbench/internal/benchserver"
	"grpcbench/internal/call"
	"grpcbench/internal/certs"
	"grpcbench/internal/load"
	"grpcbench/internal/wire"
	"grpcbench/internal/worker"
	serverpb "grpcbench/proto"
)

// longest is how long anything may take that milliseconds would do for.
const longest = 30 * time.Second

// listen takes addr, or a free port.
func listen(t *testing.T, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const anyPort = "127.0.0.1:0"

// bundled serves until the test ends, and returns the address.
func bundled(t *testing.T, o benchserver.Options) (*benchserver.Server, string) {
	t.Helper()
	s, err := benchserver.New(o)
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t, anyPort)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop(0)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s, l.Addr().String()
}

// plain is grpc-go's server with one method of our own.
type plain struct {
	serverpb.UnimplementedServerServer
	*grpc.Server
	addr string
	foo  func(context.Context)

	answered, begun atomic.Int64 // RPCs
}

// Foo implements serverpb.ServerServer.
func (p *plain) Foo(ctx context.Context, _ *serverpb.Empty) (*serverpb.Empty, error) {
	p.begun.Add(1)
	defer p.answered.Add(1)
	p.foo(ctx)
	return &serverpb.Empty{}, nil
}

// newPlain serves at addr until the test ends; foo is done before each answer.
func newPlain(t *testing.T, addr string, foo func(context.Context), options ...grpc.ServerOption) *plain {
	t.Helper()
	p := &plain{Server: grpc.NewServer(options...), foo: foo}
	serverpb.RegisterServerServer(p, p)
	l := listen(t, addr)
	p.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- p.Serve(l) }()
	t.Cleanup(func() {
		p.Stop()
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Error(err)
		}
	})
	return p
}

func nothing(context.Context) {}

// dial opens n channels for the RPCs of o; config is called once for each.
func dial(t *testing.T, addr string, n int, o call.Options, config func() *tls.Config) []*wire.Channel {
	t.Helper()
	request, _, err := worker.WireRequest(o)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]*wire.Channel, n)
	for i := range all {
		if all[i], err = wire.Open(t.Context(), wire.Options{Address: addr, TLS: config(), Request: request}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := all[i].Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return all
}

func plaintext() *tls.Config { return nil }

var noEdges = load.Edges{Open: func() {}, Close: func() {}}

// openLoop makes n RPCs, one a millisecond.
func openLoop(t *testing.T, channels []*wire.Channel, n int) load.Outcome {
	t.Helper()
	window := time.Duration(n) * time.Millisecond
	o, err := load.OpenLoop{Schedule: load.Uniform{Rate: 1000, Duration: window}, Clock: load.SleepClock{Start: time.Now()},
		Phases: load.Phases{Window: window}, Connections: len(channels), MaxInFlight: n, Drain: longest, DrainStopped: longest,
		Edges: noEdges}.Run(t.Context(), wire.Engine{Channels: channels})
	return checked(t, o, err)
}

// closedLoop keeps callers busy for the window.
func closedLoop(t *testing.T, channels []*wire.Channel, callers int, window time.Duration) load.Outcome {
	t.Helper()
	o, err := load.ClosedLoop{Concurrency: callers, Connections: len(channels), Clock: load.SleepClock{Start: time.Now()},
		Phases: load.Phases{Window: window}, Drain: longest, DrainStopped: longest, Edges: noEdges,
	}.Run(t.Context(), wire.Engine{Channels: channels})
	return checked(t, o, err)
}

// checked holds an account together.
func checked(t *testing.T, o load.Outcome, err error) load.Outcome {
	t.Helper()
	if err == nil {
		err = o.Window.Check()
	}
	if err != nil {
		t.Fatal(err)
	}
	if l := o.Window; !o.Clean || o.Latency.Count() != l.OK || o.Service.Count() != l.OK || o.Lag.Count() != l.Started {
		t.Errorf("clean %t; histograms of %d, %d and %d samples, want %d ok twice and %d started",
			o.Clean, o.Latency.Count(), o.Service.Count(), o.Lag.Count(), l.OK, l.Started)
	}
	return o
}

// wantAll fails unless n RPCs were scheduled and n ok.
func wantAll(t *testing.T, l load.Ledger, n int64) {
	t.Helper()
	if l.Scheduled != n || l.Started != n || l.OK != n {
		t.Errorf("ledger %+v, want %d scheduled and ok", l, n)
	}
}

// soon fails unless done becomes true.
func soon(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); !done(); <-tick.C {
		if time.Since(start) > longest {
			t.Fatalf("%s: not within %v", what, longest)
		}
	}
}

// security is how a server is spoken to.
type security struct {
	name    string
	version uint16 // 0: plaintext
	mutual  bool
}

func securities() []security {
	return []security{{"plaintext", 0, false}, {"TLS 1.2", tls.VersionTLS12, false}, {"TLS 1.3", tls.VersionTLS13, false},
		{"mutual TLS 1.2", tls.VersionTLS12, true}, {"mutual TLS 1.3", tls.VersionTLS13, true}}
}

// configs are a server's configuration and a maker of its clients'.
func (s security) configs(t *testing.T) (server *tls.Config, client func() *tls.Config) {
	t.Helper()
	if s.version == 0 {
		return nil, plaintext
	}
	set, err := certs.Authority(certs.Options{Key: certs.P256, Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	pair := func(p certs.Pair) tls.Certificate {
		c, err := tls.X509KeyPair(p.CertPEM, p.KeyPEM)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(set.CA.CertPEM)
	server = &tls.Config{Certificates: []tls.Certificate{pair(set.Server)}, MinVersion: s.version, MaxVersion: s.version, ClientCAs: roots}
	own := &tls.Config{RootCAs: roots}
	if s.mutual {
		server.ClientAuth = tls.RequireAndVerifyClientCert
		own.Certificates = []tls.Certificate{pair(set.Client)}
	}
	return server, own.Clone
}

// negotiated fails unless every connection is as s wants it.
func (s security) negotiated(t *testing.T, channels []*wire.Channel, resumed bool) {
	t.Helper()
	for _, c := range channels {
		all := c.Connections()
		if len(all) != 1 {
			t.Fatalf("%d connections of a channel, want 1", len(all))
		}
		made := all[0]
		if made.TCP <= 0 || made.HTTP2 <= 0 || (made.TLS > 0) != (s.version != 0) || made.Local == "" {
			t.Errorf("connection %+v: must have every phase", made)
		}
		switch state := made.State; {
		case s.version == 0 && state != nil:
			t.Error("plaintext has a TLS state")
		case s.version == 0:
		case state.Version != s.version || state.NegotiatedProtocol != "h2" || state.DidResume != resumed:
			t.Errorf("%s, ALPN %q, resumed %t; want %s, h2, %t",
				tls.VersionName(state.Version), state.NegotiatedProtocol, state.DidResume, tls.VersionName(s.version), resumed)
		}
	}
}
