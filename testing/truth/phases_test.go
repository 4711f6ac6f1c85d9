//go:build truth && linux

package truth

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"grpcbench/internal/call"
	"grpcbench/internal/certs"
	"grpcbench/internal/channel"
	"grpcbench/internal/plan"
	"grpcbench/internal/wire"
)

// held is how long a server holds up one phase of a connection.
const held = 30 * time.Millisecond

// identity is a server's certificate and the roots that vouch for it.
func identity(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	set, err := certs.Authority(certs.Options{Key: certs.P256, Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(set.Server.CertPEM, set.Server.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(set.CA.CertPEM) {
		t.Fatal("no root")
	}
	return pair, roots
}

// lateSettings is a server's TLS whose first bytes after the handshake, the
// SETTINGS (RFC 9113, section 3.4), are held up.
type lateSettings struct {
	credentials.TransportCredentials
}

func (l lateSettings) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := l.TransportCredentials.ServerHandshake(raw)
	return &lateFirst{Conn: conn}, info, err
}

type lateFirst struct {
	net.Conn
	once sync.Once
}

func (l *lateFirst) Write(b []byte) (int, error) {
	l.once.Do(func() { <-time.After(held) })
	return l.Conn.Write(b)
}

// serveTLS serves nothing but connections.
func serveTLS(t *testing.T, l net.Listener, creds credentials.TransportCredentials) {
	t.Helper()
	s := grpc.NewServer(grpc.Creds(creds))
	var served sync.WaitGroup
	served.Go(func() { _ = s.Serve(l) }) // ends with Stop
	t.Cleanup(func() { s.Stop(); served.Wait() })
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// connect opens a connection and returns what its phases took.
func connect(t *testing.T, engine, address string, roots *x509.CertPool) channel.Connection {
	t.Helper()
	config, err := channel.TLSOptions{Version: "1.3", Roots: roots}.Config()
	if err != nil {
		t.Fatal(err)
	}
	var c interface {
		Connections() []channel.Connection
		Close() error
	}
	if engine == plan.Wire {
		c, err = wire.Open(t.Context(), wire.Options{Address: address, TLS: config, Request: wire.Request{Path: call.Foo}})
	} else {
		c, err = channel.Open(t.Context(), channel.Options{Address: address, TLS: config})
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.Connections()[0]
}

// A certificate that takes 30 ms to find shows in TLS alone, SETTINGS that are 30 ms
// late in HTTP/2 alone. The phases not held up take a millisecond or two.
func TestTruthOfThePhases(t *testing.T) { eachEngine(t, phases) }

func phases(t *testing.T, engine string) {
	pair, roots := identity(t)
	for _, k := range []struct {
		phase string
		creds credentials.TransportCredentials
	}{
		{"none", credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}})},
		{"TLS", credentials.NewTLS(&tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			<-time.After(held)
			return &pair, nil
		}})},
		{"HTTP/2", lateSettings{credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}})}},
	} {
		t.Run(k.phase, func(t *testing.T) {
			l := listen(t)
			serveTLS(t, l, k.creds)
			measured(t, func(f *findings) {
				took := map[string][]time.Duration{}
				for range 9 {
					c := connect(t, engine, l.Addr().String(), roots)
					took["TCP"], took["TLS"], took["HTTP/2"] = append(took["TCP"], c.TCP), append(took["TLS"], c.TLS), append(took["HTTP/2"], c.HTTP2)
				}
				for phase, all := range took {
					low, high := 0.0, held.Seconds()/4
					if phase == k.phase {
						low, high = held.Seconds(), 1.5*held.Seconds()
					}
					slices.Sort(all)
					f.between(phase+", s", all[len(all)/2].Seconds(), low, high)
				}
			})
		})
	}
}

// A listener whose backlog is full drops a SYN, and the client repeats it after a
// second (RFC 6298, section 2: the initial timeout). That second is TCP's alone.
func TestTruthOfALateTCPHandshake(t *testing.T) { eachEngine(t, lateTCPHandshake) }

func lateTCPHandshake(t *testing.T, engine string) {
	pair, roots := identity(t)
	measured(t, func(f *findings) {
		l := listen(t)
		defer fill(t, l)()
		var c channel.Connection
		var opened sync.WaitGroup
		opened.Go(func() { c = connect(t, engine, l.Addr().String(), roots) })
		<-time.After(300 * time.Millisecond) // the SYN is lost by now
		serveTLS(t, l, credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}}))
		opened.Wait()
		f.between("TCP, s", c.TCP.Seconds(), 0.9, 1.2)
		f.between("TLS, s", c.TLS.Seconds(), 0, held.Seconds())
		f.between("HTTP/2, s", c.HTTP2.Seconds(), 0, held.Seconds())
	})
}

// fill takes all the room that l has for connections not yet accepted. What it
// returns closes them again.
func fill(t *testing.T, l net.Listener) (empty func()) {
	t.Helper()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var refused error
	if err := raw.Control(func(fd uintptr) { refused = unix.Listen(int(fd), 0) }); err != nil || refused != nil {
		t.Fatal(err, refused)
	}
	var conns []net.Conn
	for {
		conn, err := net.DialTimeout("tcp", l.Addr().String(), 100*time.Millisecond)
		if err != nil {
			return func() {
				for _, c := range conns {
					_ = c.Close()
				}
			}
		}
		conns = append(conns, conn)
	}
}
