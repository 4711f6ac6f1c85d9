package channel_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"grpcbench/internal/certs"
	"grpcbench/internal/channel"
	serverpb "grpcbench/proto"
)

// foo answers the article's method.
type foo struct {
	serverpb.UnimplementedServerServer
}

func (foo) Foo(context.Context, *serverpb.Empty) (*serverpb.Empty, error) {
	return &serverpb.Empty{}, nil
}

// counting is a listener that counts the bytes of its connections, as a witness
// independent of the channel's own counter.
type counting struct {
	net.Listener
	mu             sync.Mutex
	sent, received int64
}

type countingConn struct {
	net.Conn
	l *counting
}

func (l *counting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countingConn{c, l}, err
}

func (c countingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.l.mu.Lock()
	c.l.received += int64(n)
	c.l.mu.Unlock()
	return n, err
}

func (c countingConn) Write(b []byte) (int, error) {
	c.l.mu.Lock()
	c.l.sent += int64(len(b)) // before the client can have read it
	c.l.mu.Unlock()
	return c.Conn.Write(b)
}

func authority(t *testing.T, o certs.Options) certs.Set {
	t.Helper()
	if o.Key == "" {
		o.Key = certs.P256
	}
	if o.Days == 0 {
		o.Days = 1
	}
	set, err := certs.Authority(o)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func pair(t *testing.T, p certs.Pair) tls.Certificate {
	t.Helper()
	c, err := tls.X509KeyPair(p.CertPEM, p.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pool(t *testing.T, p certs.Pair) *x509.CertPool {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(p.CertPEM) {
		t.Fatal("no certificate")
	}
	return roots
}

// serve starts a gRPC server on loopback; config nil means plaintext.
func serve(t *testing.T, config *tls.Config) *counting {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &counting{Listener: tcp}
	options := []grpc.ServerOption{grpc.StaticStreamWindowSize(channel.StaticWindow), grpc.StaticConnWindowSize(channel.StaticWindow)}
	if config != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	s := grpc.NewServer(options...)
	serverpb.RegisterServerServer(s, foo{})
	go func() { _ = s.Serve(l) }() // ends with Stop
	t.Cleanup(s.Stop)
	return l
}

func open(t *testing.T, o channel.Options) *channel.Channel {
	t.Helper()
	c, err := channel.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func call(t *testing.T, c *channel.Channel) {
	t.Helper()
	if _, err := serverpb.NewServerClient(c).Foo(t.Context(), &serverpb.Empty{}); err != nil {
		t.Fatal(err)
	}
}

func config(t *testing.T, o channel.TLSOptions) *tls.Config {
	t.Helper()
	c, err := o.Config()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestChannelsAreDistinctReadyConnections(t *testing.T) {
	l := serve(t, nil)
	ports := map[string]bool{}
	for range 5 {
		c := open(t, channel.Options{Address: l.Addr().String()})
		all := c.Connections()
		if len(all) != 1 || all[0].TCP <= 0 || all[0].HTTP2 <= 0 || all[0].TLS != 0 || all[0].State != nil {
			t.Errorf("connections %+v, want one ready plaintext connection with its phases", all)
		}
		ports[all[0].Local] = true
	}
	if len(ports) != 5 {
		t.Errorf("%d distinct local ports, want 5", len(ports))
	}
}

func TestTheTimeToResolveANameIsAPartOfTCP(t *testing.T) {
	l := serve(t, nil)
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	named := open(t, channel.Options{Address: "localhost:" + port}).Connections()[0]
	if named.Resolution <= 0 || named.Resolution >= named.TCP || named.Remote != l.Addr().String() {
		t.Errorf("connection %+v, want a name resolved within TCP to %s", named, l.Addr())
	}
	if direct := open(t, channel.Options{Address: l.Addr().String()}).Connections()[0]; direct.Resolution != 0 {
		t.Errorf("connection %+v, want no name resolved for an address", direct)
	}
}

func TestBytesAreThoseOfTheWire(t *testing.T) {
	set := authority(t, certs.Options{})
	for name, tlsConfig := range map[string]*tls.Config{"plaintext": nil, "TLS": {Certificates: []tls.Certificate{pair(t, set.Server)}}} {
		l := serve(t, tlsConfig)
		o := channel.Options{Address: l.Addr().String()}
		if tlsConfig != nil {
			o.TLS = config(t, channel.TLSOptions{Version: "1.3", Roots: pool(t, set.CA)})
		}
		c := open(t, o)
		for range 100 {
			call(t, c)
		}
		// An answer has arrived for each RPC, so nothing of theirs is under way; what
		// the server still writes by itself (session tickets) came before them.
		sent, received := c.Bytes()
		l.mu.Lock()
		if sent != l.received || received != l.sent {
			t.Errorf("%s: sent %d, received %d; the server received %d and sent %d", name, sent, received, l.received, l.sent)
		}
		l.mu.Unlock()
	}
}

// What an Empty RPC costs once all headers are in HPACK's tables: up HEADERS
// 9 + 7 indexed and DATA 9 + 5; down HEADERS 9 + 2, DATA 9 + 5, trailers 9 + 2.
// A process with compressors sends grpc-accept-encoding too, one byte more. With
// grpc-go's bandwidth probing it would be 77 and 83.
func TestAnEmptyRPCTakes30And36BytesWithStaticWindows(t *testing.T) {
	l := serve(t, nil)
	c := open(t, channel.Options{Address: l.Addr().String()})
	for range 10 {
		call(t, c)
	}
	sent0, received0 := c.Bytes()
	for range 100 {
		call(t, c)
	}
	sent, received := c.Bytes()
	if up, down := sent-sent0, received-received0; up != 3000 || down != 3600 {
		t.Errorf("100 RPCs took %d bytes up and %d down, want 3000 and 3600", up, down)
	}
}

func TestTLSParametersAreThoseAskedFor(t *testing.T) {
	set := authority(t, certs.Options{})
	l := serve(t, &tls.Config{Certificates: []tls.Certificate{pair(t, set.Server)}})
	groups := map[string]tls.CurveID{"x25519": tls.X25519, "p256": tls.CurveP256, "x25519mlkem768": tls.X25519MLKEM768}
	versions := map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}
	for version, wantVersion := range versions {
		for group, wantGroup := range groups {
			if version == "1.2" && group == "x25519mlkem768" {
				continue // defined for TLS 1.3 only
			}
			c := open(t, channel.Options{Address: l.Addr().String(), TLS: config(t, channel.TLSOptions{Version: version, Group: group, Roots: pool(t, set.CA)})})
			s := c.Connections()[0].State
			if s == nil || s.Version != wantVersion || s.CurveID != wantGroup || s.NegotiatedProtocol != "h2" || s.DidResume {
				t.Errorf("%s with %s: negotiated %+v", version, group, s)
			}
			if c.Connections()[0].TLS <= 0 {
				t.Errorf("%s with %s: the handshake took no time", version, group)
			}
		}
	}
}

func TestASecondConnectionResumesTheFirst(t *testing.T) {
	set := authority(t, certs.Options{})
	l := serve(t, &tls.Config{Certificates: []tls.Certificate{pair(t, set.Server)}})
	for _, version := range []string{"1.2", "1.3"} {
		o := channel.Options{Address: l.Addr().String(), TLS: config(t, channel.TLSOptions{Version: version, Roots: pool(t, set.CA), Resume: true})}
		first, second := open(t, o), open(t, o)
		if first.Connections()[0].State.DidResume || !second.Connections()[0].State.DidResume {
			t.Errorf("TLS %s: want a full handshake, then a resumed one", version)
		}
	}
}

func TestMutualTLSPresentsTheCertificateWhenAsked(t *testing.T) {
	set := authority(t, certs.Options{})
	l := serve(t, &tls.Config{Certificates: []tls.Certificate{pair(t, set.Server)}, ClientCAs: pool(t, set.CA), ClientAuth: tls.RequireAndVerifyClientCert})
	client := pair(t, set.Client)
	asked := false
	c := open(t, channel.Options{Address: l.Addr().String(), TLS: config(t, channel.TLSOptions{Version: "1.3", Roots: pool(t, set.CA),
		Client: func() *tls.Certificate { asked = true; return &client }})})
	call(t, c)
	if !asked {
		t.Error("the server did not ask for the certificate")
	}
}

// Each fault is named with the flag to change.
func TestAFailedConnectionNamesItsCauseAndTheFlag(t *testing.T) {
	set, other := authority(t, certs.Options{}), authority(t, certs.Options{})
	expired := authority(t, certs.Options{Now: time.Now().Add(-48 * time.Hour)})
	elsewhere := authority(t, certs.Options{SANs: []string{"bench.test"}})
	client := pair(t, other.Client)
	trusted := channel.TLSOptions{Version: "1.3", Roots: pool(t, set.CA)}
	with := func(change func(*channel.TLSOptions)) *channel.TLSOptions {
		o := trusted
		change(&o)
		return &o
	}
	server := func(s certs.Set, change func(*tls.Config)) *tls.Config {
		c := &tls.Config{Certificates: []tls.Certificate{pair(t, s.Server)}}
		if change != nil {
			change(c)
		}
		return c
	}
	mutual := func(c *tls.Config) { c.ClientCAs, c.ClientAuth = pool(t, set.CA), tls.RequireAndVerifyClientCert }
	for _, c := range []struct {
		name   string
		server *tls.Config
		client *channel.TLSOptions
		want   string
	}{
		{"unknown authority", server(other, nil), &trusted, "--cacert"},
		{"wrong host", server(elsewhere, nil), with(func(o *channel.TLSOptions) { o.Roots = pool(t, elsewhere.CA) }), "bench.test, not for 127.0.0.1 (use --server-name)"},
		{"expired", server(expired, nil), with(func(o *channel.TLSOptions) { o.Roots = pool(t, expired.CA) }), "the certificate is valid from"},
		{"no client certificate", server(set, mutual), &trusted, "demands a client certificate (use --cert and --key-file)"},
		{"no client certificate, TLS 1.2", server(set, mutual), with(func(o *channel.TLSOptions) { o.Version = "1.2" }), "--cert"},
		{"untrusted client certificate", server(set, mutual), with(func(o *channel.TLSOptions) { o.Client = func() *tls.Certificate { return &client } }), "does not accept this client certificate"},
		{"old TLS only", server(set, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), &trusted, "change --tls"},
		{"TLS to a plaintext server", nil, &trusted, "use --tls off"},
		{"plaintext to a TLS server", server(set, nil), nil, "--tls 1.2 or 1.3"},
		{"no common group", server(set, func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP256} }), with(func(o *channel.TLSOptions) { o.Group = "x25519" }), "--group"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := channel.Options{Address: serve(t, c.server).Addr().String()}
			if c.client != nil {
				o.TLS = config(t, *c.client)
			}
			wantError(t, o, c.want)
		})
	}
}

func wantError(t *testing.T, o channel.Options, want string) {
	t.Helper()
	c, err := channel.Open(t.Context(), o)
	if err == nil {
		_ = c.Close()
		t.Fatal("the channel opened")
	}
	if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q, want one line with %q", err, want)
	}
}

func TestARefusedPortIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	wantError(t, channel.Options{Address: address}, "nothing listens there (check TARGET)")
}

// A peer that accepts and says nothing cannot hold the run.
func TestASilentPeerIsGivenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close() // and so held: one that nobody holds is closed by its finalizer
		}
	}()
	short := 200 * time.Millisecond
	wantError(t, channel.Options{Address: l.Addr().String(), Timeout: short, TLS: config(t, channel.TLSOptions{Version: "1.3"})}, "TLS handshake timeout after 200ms")
	wantError(t, channel.Options{Address: l.Addr().String(), Timeout: short}, "SETTINGS")
}

func TestAnUnknownVersionOrGroupIsRefused(t *testing.T) {
	for _, o := range []channel.TLSOptions{{Version: "1.1"}, {}, {Version: "1.3", Group: "p999"}} {
		if _, err := o.Config(); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}
