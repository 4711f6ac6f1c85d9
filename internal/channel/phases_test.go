package channel_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"grpcbench/internal/certs"
	"grpcbench/internal/channel"
	serverpb "grpcbench/proto"
)

// late is what a server of known delays holds up.
type late struct {
	dial, certificate, settings, firstRPC time.Duration
	limit                                 time.Duration // of the client; 0: the default
}

// piped is a listener without a network: what is dialled is accepted.
type piped struct {
	conns chan net.Conn
	once  sync.Once
	ended chan struct{}
}

func newPiped() *piped { return &piped{conns: make(chan net.Conn), ended: make(chan struct{})} }

func (p *piped) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *piped) Close() error   { p.once.Do(func() { close(p.ended) }); return nil }
func (p *piped) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// lateWriter is a server's connection above TLS whose first bytes, the SETTINGS, come
// late.
type lateWriter struct {
	credentials.TransportCredentials
	by time.Duration
}

func (l lateWriter) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, info, err := l.TransportCredentials.ServerHandshake(raw)
	return &lateConn{Conn: c, by: l.by}, info, err
}

type lateConn struct {
	net.Conn
	by   time.Duration
	once sync.Once
}

func (l *lateConn) Write(b []byte) (int, error) {
	l.once.Do(func() { time.Sleep(l.by) })
	return l.Conn.Write(b)
}

// lateFoo answers its first RPC late.
type lateFoo struct {
	foo
	by   time.Duration
	once sync.Once
}

func (l *lateFoo) Foo(ctx context.Context, e *serverpb.Empty) (*serverpb.Empty, error) {
	l.once.Do(func() { time.Sleep(l.by) })
	return l.foo.Foo(ctx, e)
}

// openLate opens a channel to a server of known delays, and returns what its phases took
// and what its first two RPCs did.
func openLate(t *testing.T, l late) (made channel.Connection, first, second time.Duration) {
	t.Helper()
	set, err := certs.Authority(certs.Options{Key: certs.P256, Days: 1, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	certificate := pair(t, set.Server)
	creds := credentials.NewTLS(&tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		time.Sleep(l.certificate)
		return &certificate, nil
	}})
	server := grpc.NewServer(grpc.Creds(lateWriter{creds, l.settings}))
	serverpb.RegisterServerServer(server, &lateFoo{by: l.firstRPC})
	listener := newPiped()
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(listener) }) // ends with Stop
	c, err := channel.Attempt(t.Context(), channel.Options{Address: "127.0.0.1:1", TLS: config(t, channel.TLSOptions{Version: "1.3", Roots: pool(t, set.CA)}), Timeout: l.limit,
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			time.Sleep(l.dial)
			ours, theirs := net.Pipe()
			listener.conns <- theirs
			return ours, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	rpc := func() time.Duration {
		start := time.Now()
		call(t, c)
		return time.Since(start)
	}
	first, second = rpc(), rpc()
	made = c.Connections()[0]
	_ = c.Close()
	server.Stop()
	served.Wait()
	return made, first, second
}

// Each delay shows in its own phase, to the nanosecond, and in no other: time stands
// still but for them.
func TestADelayShowsInItsOwnPhaseAlone(t *testing.T) {
	const held = 30 * time.Millisecond
	for name, l := range map[string]late{
		"none": {}, "TCP": {dial: held}, "TLS": {certificate: held}, "HTTP/2": {settings: held}, "first RPC": {firstRPC: held},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				made, first, second := openLate(t, l)
				for _, phase := range []struct {
					name string
					took time.Duration
				}{{"TCP", made.TCP}, {"TLS", made.TLS}, {"HTTP/2", made.HTTP2}, {"first RPC", first}, {"second RPC", second}} {
					want := time.Duration(0)
					if phase.name == name {
						want = held
					}
					if phase.took != want {
						t.Errorf("%s took %v, want %v", phase.name, phase.took, want)
					}
				}
			})
		})
	}
}

// A machine without a descriptor or a port is not the server's fault.
func TestAConnectionThatFailsHasAClass(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"no descriptor":    {os.NewSyscallError("socket", syscall.EMFILE), channel.ClientLimit},
		"none left at all": {os.NewSyscallError("socket", syscall.ENFILE), channel.ClientLimit},
		"no port":          {os.NewSyscallError("connect", syscall.EADDRNOTAVAIL), channel.ClientLimit},
		"refused":          {os.NewSyscallError("connect", syscall.ECONNREFUSED), channel.Refused},
		"name":             {&net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}, channel.Unresolved},
		"reset":            {os.NewSyscallError("connect", syscall.ECONNRESET), channel.Reset},
		"timeout":          {os.NewSyscallError("connect", syscall.ETIMEDOUT), channel.TimeoutTCP},
		"something":        {errors.New("else"), channel.Other},
	} {
		var tried int
		_, err := channel.Attempt(t.Context(), channel.Options{Address: "127.0.0.1:1",
			Dialer: func(context.Context, string, string) (net.Conn, error) {
				tried++
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: c.err}
			}})
		if got := channel.Class(err); got != c.want || tried != 1 {
			t.Errorf("%s: class %s after %d attempts, want %s after 1 (%v)", name, got, tried, c.want, err)
		}
		if strings.Contains(err.Error(), "TLS") {
			t.Errorf("%s: %v: no TLS handshake began", name, err)
		}
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("%w: %w", channel.ErrSilentTLS, context.DeadlineExceeded), channel.TimeoutTLS},
		{channel.Opened(channel.Connection{}, fmt.Errorf("%w: %w", channel.ErrNoSettings, context.DeadlineExceeded)), channel.TimeoutSettings},
		{channel.Opened(channel.Connection{}, io.EOF), channel.Reset},
		{channel.ErrNotHTTP2, channel.NotHTTP2},
		{channel.ErrNoALPN, channel.NotHTTP2},
		{context.Canceled, channel.Interrupted},
	} {
		if got := channel.Class(c.err); got != c.want {
			t.Errorf("%v: class %s, want %s", c.err, got, c.want)
		}
	}
}
