package worker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	"grpcbench/internal/call"
	"grpcbench/internal/cause"
	"grpcbench/internal/certs"
	"grpcbench/internal/channel"
	"grpcbench/internal/load"
	"grpcbench/internal/wire"
	"grpcbench/testing/faultproxy"
)

// lossy is a server whose connection is lost by its first RPC, and what the next ones
// find in its place.
type lossy struct {
	address string
	tls     *tls.Config
	lose    func() // after the connection was made
}

// TestALostConnectionHasTheSameCauseInBothEngines: also of the RPCs that find no other.
//
//	fault:   the server is killed, resets its connections, falls silent, or comes back with another certificate
//	promise: every RPC that fails has a cause of the closed list beside its code, the same in both engines
//	figure:  4 ways of 4, by 2 engines
func TestALostConnectionHasTheSameCauseInBothEngines(t *testing.T) {
	for name, of := range map[string]struct {
		begin func(*testing.T) lossy
		want  string
	}{
		"killed": {func(t *testing.T) lossy {
			p := served(t)
			return lossy{address: p.Address(), lose: p.Close}
		}, cause.Refused},
		"silent": {func(t *testing.T) lossy {
			p := proxied(t, served(t).Address())
			return lossy{address: p.Address(), lose: func() {
				p.Set(faultproxy.Faults{Silent: true})
				p.Reset()
			}}
		}, cause.Timeout},
		"another certificate": {turnsCoat, cause.TLS},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := load.End{Code: "UNAVAILABLE", Cause: of.want}
			for engine, open := range engines() {
				server := of.begin(t)
				one := open(t, server)
				server.lose()
				var got load.End
				for range 10_000 { // the loss may be noticed by an RPC, and a new connection takes its time
					if got = one(); got.Cause != cause.Ended && got.Cause != cause.Reset && got != load.Good {
						break
					}
				}
				if got != want {
					t.Errorf("%s: %+v, want %+v", engine, got, want)
				}
			}
		})
	}
	t.Run("reset", func(t *testing.T) {
		for engine, open := range engines() {
			var proxy *faultproxy.Proxy
			p, err := faultproxy.NewPeer(func(*faultproxy.Stream) { proxy.Reset() })
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Close)
			proxy = proxied(t, p.Address())
			if got := open(t, lossy{address: proxy.Address()})(); got != (load.End{Code: "UNAVAILABLE", Cause: cause.Reset}) {
				t.Errorf("%s: %+v", engine, got)
			}
		}
	})
}

// engines open a connection each and return how an RPC on it ends.
func engines() map[string]func(*testing.T, lossy) func() load.End {
	const timeout = 200 * time.Millisecond
	return map[string]func(*testing.T, lossy) func() load.End{
		"grpc": func(t *testing.T, s lossy) func() load.End {
			ch, err := channel.Open(t.Context(), channel.Options{Address: s.address, TLS: s.tls, Timeout: timeout})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = ch.Close() })
			c, err := call.New(call.Options{}, []grpc.ClientConnInterface{ch})
			if err != nil {
				t.Fatal(err)
			}
			return func() load.End { return c.Call(t.Context(), 0, 0) }
		},
		"wire": func(t *testing.T, s lossy) func() load.End {
			request, _, err := WireRequest(call.Options{})
			if err != nil {
				t.Fatal(err)
			}
			ch, err := wire.Open(t.Context(), wire.Options{Address: s.address, TLS: s.tls, Timeout: timeout, Request: request})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = ch.Close() })
			return func() load.End {
				end, _, _ := ch.Once(t.Context(), 0)
				return end
			}
		},
	}
}

func served(t *testing.T) *faultproxy.Peer {
	t.Helper()
	p, err := faultproxy.NewPeer(func(s *faultproxy.Stream) { s.Answer(nil) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func proxied(t *testing.T, target string) *faultproxy.Proxy {
	t.Helper()
	p, err := faultproxy.New(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// turnsCoat is a server that has another certificate once its connection was lost.
func turnsCoat(t *testing.T) lossy {
	proxy := proxied(t, served(t).Address())
	trusted, other := selfSigned(t), selfSigned(t)
	var lost atomic.Bool
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{NextProtos: []string{"h2"}, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if lost.Load() {
			return &other, nil
		}
		return &trusted, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go relay(conn, proxy.Address())
		}
	}()
	roots := x509.NewCertPool()
	roots.AddCert(trusted.Leaf)
	return lossy{address: listener.Addr().String(), tls: &tls.Config{RootCAs: roots, ServerName: "localhost"},
		lose: func() { lost.Store(true); proxy.Reset() }}
}

// relay copies both ways until one end is over.
func relay(conn net.Conn, address string) {
	defer conn.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	go func() { _, _ = io.Copy(server, conn); _ = server.Close() }()
	_, _ = io.Copy(conn, server) // its end is the end of both
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	pair, err := certs.SelfSigned(certs.Options{Key: certs.P256, Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	c, err := tls.X509KeyPair(pair.CertPEM, pair.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// hasty is a connection that its server closes when it has the preface, before it says
// anything.
type hasty struct{ net.Conn }

func (hasty) Read([]byte) (int, error) { return 0, io.EOF }

func (hasty) Write(b []byte) (int, error) {
	if string(b) == http2.ClientPreface {
		return len(b), nil
	}
	return 0, &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.EPIPE)}
}

// TestAConnectionThatIsClosedAtOnceIsNoStatus: grpc-go fails RPCs with what the system said
// of that write and nothing around it.
//
//	fault:   the server takes connections and closes them at once, as a load balancer without a backend and nginx without a worker connection
//	promise: RPCs that find none are no answers of a server, also where --expect has their code
//	figure:  {rpcs} RPCs, all UNAVAILABLE, connection reset
func TestAConnectionThatIsClosedAtOnceIsNoStatus(t *testing.T) {
	t.Parallel()
	const rpcs = 20
	p := proxied(t, served(t).Address())
	var gone atomic.Bool
	ch, err := channel.Open(t.Context(), channel.Options{Address: p.Address(), Dialer: func(ctx context.Context, network, to string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, to)
		if gone.Load() && err == nil {
			return hasty{conn}, nil
		}
		return conn, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ch.Close() })
	c, err := call.New(call.Options{Expect: cause.Expectation{"UNAVAILABLE"}}, []grpc.ClientConnInterface{ch})
	if err != nil {
		t.Fatal(err)
	}
	gone.Store(true)
	p.Reset()
	for state := ch.GetState(); state != connectivity.TransientFailure; state = ch.GetState() {
		ch.Connect()
		ch.WaitForStateChange(t.Context(), state)
	}
	for range rpcs {
		if got, want := c.Call(t.Context(), 0, 0), (load.End{Code: "UNAVAILABLE", Cause: cause.Reset}); got != want {
			t.Fatalf("%+v, want %+v", got, want)
		}
	}
}
