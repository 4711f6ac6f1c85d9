package runner_test

import (
	"bufio"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"grpcbench/internal/certs"
	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// lasting is a target whose certificate is valid for a day from then.
func lasting(t *testing.T, from time.Time) (s *target, ca string) {
	t.Helper()
	set, err := certs.Authority(certs.Options{Key: certs.P256, Days: 1, Now: from})
	if err != nil {
		t.Fatal(err)
	}
	ca = filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, set.CA.CertPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(set.Server.CertPEM, set.Server.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return newTarget(t, &tls.Config{Certificates: []tls.Certificate{pair}}), ca
}

// expiring is a target whose certificate is valid for as long from when it is first
// asked for, so that what a run does before its handshakes does not count.
func expiring(t *testing.T, valid time.Duration) (s *target, ca string, expires func() time.Time) {
	t.Helper()
	set, err := certs.Authority(certs.Options{Key: certs.P256, Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	ca = filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, set.CA.CertPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	issuer, err := tls.X509KeyPair(set.CA.CertPEM, set.CA.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(set.Server.CertPEM, set.Server.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	issue := sync.OnceValues(func() (*tls.Certificate, error) {
		leaf := *pair.Leaf
		leaf.NotAfter = time.Now().Add(valid).Truncate(time.Second) // dates have no fractions
		der, err := x509.CreateCertificate(rand.Reader, &leaf, issuer.Leaf, leaf.PublicKey, issuer.PrivateKey)
		return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: pair.PrivateKey, Leaf: &leaf}, err
	})
	s = newTarget(t, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return issue() }})
	return s, ca, func() time.Time {
		c, err := issue()
		if err != nil {
			t.Error(err)
		}
		return c.Leaf.NotAfter.Add(time.Second) // valid up to and with its last second
	}
}

// listening calls serve for each connection, in turn, until the test ends; nil
// config: without TLS.
func listening(t *testing.T, config *tls.Config, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-ended })
	if config != nil {
		l = tls.NewListener(l, config)
	}
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
			_ = c.Close() // by now the peer has what it was to get
		}
	}()
	return l.Addr().String()
}

// shake does the TLS handshake and no more.
func shake(c net.Conn) { _ = c.(*tls.Conn).Handshake() }

// untilClosed says nothing until the peer gives up.
func untilClosed(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// half ends a TLS handshake in its first record (RFC 8446, 5.1).
func half(c net.Conn) {
	_, _ = c.Read(make([]byte, 4096)) // what is unread would be answered by a reset
	_, _ = c.Write([]byte{0x16, 3, 3, 0, 122, 2, 0})
}

// http1 answers as a web server that knows no HTTP/2 does.
func http1(c net.Conn) {
	_, _ = bufio.NewReader(c).ReadString('\n')
	r := http.Response{StatusCode: http.StatusBadRequest, ProtoMajor: 1, ProtoMinor: 1, Close: true}
	_ = r.Write(c)
}

// A server that cannot be trusted, or does not speak as it must, is found before
// any load. The dates are shown beside the time of this machine, whose clock may
// be what is wrong.
//
//	fault:   certificate expired or not yet valid; client certificate of another authority; TLS 1.1; no h2 in ALPN; HTTP/1; TLS that ends half-way, or that nothing follows; a peer that says nothing
//	promise: the run does not begin; one sentence has the cause and what to change
//	figure:  0 RPCs started
func TestAPeerThatCannotBeTrustedIsNamedBeforeAnyLoad(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	id, stranger := newIdentities(t), newIdentities(t)
	today := time.Now().UTC().Format("2006-01-02T")
	dated := func(from time.Time) func(*testing.T) (string, []string, *target) {
		return func(t *testing.T) (string, []string, *target) {
			s, ca := lasting(t, from)
			return s.addr, []string{"--cacert", ca}, s
		}
	}
	raw := func(change func(*tls.Config), serve func(net.Conn)) func(*testing.T) (string, []string, *target) {
		return func(t *testing.T) (string, []string, *target) {
			config := id.server.Clone()
			change(config)
			return listening(t, config, serve), []string{"--cacert", id.ca}, nil
		}
	}
	for _, of := range []struct {
		name string
		peer func(*testing.T) (addr string, args []string, s *target)
		want []string
	}{
		{"expired", dated(time.Now().Add(-48 * time.Hour)), []string{"the certificate is valid from", "here it is " + today, "replace it"}},
		{"not yet valid", dated(time.Now().Add(48 * time.Hour)), []string{"the certificate is valid from", "here it is " + today}},
		{"client certificate of another authority", func(t *testing.T) (string, []string, *target) {
			config := id.server.Clone()
			config.ClientAuth = tls.RequireAndVerifyClientCert
			s := newTarget(t, config)
			return s.addr, []string{"--cacert", id.ca, "--cert", stranger.client, "--key-file", stranger.key}, s
		}, []string{"does not accept this client certificate", "--cert", "--key-file"}},
		{"TLS 1.1 only", raw(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, shake),
			[]string{"does not speak this TLS version", "--tls"}},
		{"no h2 in ALPN", raw(func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }, shake), []string{"HTTP/2", "ALPN"}},
		{"no ALPN", raw(func(*tls.Config) {}, shake), []string{"the server chose no protocol by ALPN (check TARGET; if it speaks HTTP/2 nonetheless, use --allow-no-alpn): the server chose no protocol"}},
		{"HTTP/1", func(t *testing.T) (string, []string, *target) {
			return listening(t, nil, http1), []string{"--tls", "off"}, nil
		}, []string{"speaks HTTP/1 in plaintext", "--tls 1.2 or 1.3"}},
		{"silent under TLS", func(t *testing.T) (string, []string, *target) {
			return listening(t, nil, untilClosed), []string{"--cacert", id.ca, "--connect-timeout", "300ms"}, nil
		}, []string{"TLS handshake timeout after 300ms (raise --connect-timeout, or check TARGET: is it a TLS port?)"}},
		{"silent after TLS", func(t *testing.T) (string, []string, *target) {
			addr, args, s := raw(func(c *tls.Config) { c.NextProtos = []string{"h2"} }, untilClosed)(t)
			return addr, append(args, "--connect-timeout", "1s"), s
		}, []string{"no HTTP/2 SETTINGS within 1s (raise --connect-timeout, or check TARGET: is it a gRPC server?", "--cert and --key-file"}},
		{"ends in the TLS handshake", func(t *testing.T) (string, []string, *target) {
			return listening(t, nil, half), []string{"--cacert", id.ca}, nil
		}, []string{"ended the connection in the TLS handshake (check TARGET: is it a TLS port? or change --tls)"}},
		{"TLS and no more", raw(func(c *tls.Config) { c.NextProtos = []string{"h2"} }, shake),
			[]string{"does not speak HTTP/2 over TLS (is it a gRPC server?", "--cert and --key-file"}},
	} {
		t.Run(of.name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine string) {
				addr, args, s := of.peer(t)
				err := refusal(t, engine, append(args, addr))
				for _, want := range of.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("error %q: must say %q", err, want)
					}
				}
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("error %q: must be one line", err)
				}
				if s != nil && s.rpcs() != 0 {
					t.Errorf("the server saw %d RPCs", s.rpcs())
				}
			})
		})
	}
}

// A certificate is asked for when a connection is made, and not again.
//
//	fault:   the server's certificate expires while connections are open
//	promise: open connections go on; the next epoch's say so, and what was measured is kept
//	figure:  failed = 0; at least {minExpired} RPCs after the date
func TestACertificateThatExpiresEndsNoConnection(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const minExpired = 20
	s, ca, expires := expiring(t, 3*time.Second)
	p := planOf(t, "--cacert", ca, "--epochs", "2", "--window", "500ms", s.addr)
	p.Saturated = 0
	waited := false
	r := measure(t, t.Context(), p, runner.Options{Progress: func(p runner.Progress) {
		if p.Step != "measuring" || waited {
			return
		}
		waited = true
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for time.Now().Before(expires()) {
			<-tick.C
		}
	}})
	if !waited {
		t.Error("no epoch was measured after the date")
	}
	if l := r.Arms[0].Ledger; l.OK < minExpired || l.Lost() != 0 {
		t.Errorf("ledger %+v, want %d ok at least and nothing lost", l, minExpired)
	}
	if n := len(r.Arms[0].Epochs); n != 1 {
		t.Errorf("%d epochs, want the one that had connected", n)
	}
	if !strings.Contains(r.Failure, "the certificate is valid from") {
		t.Errorf("failure %q: must name the certificate's dates", r.Failure)
	}
}

// What a measurement connects to, and how, is in the command line alone.
//
//	fault:   proxies, a key log and old TLS versions in the environment
//	promise: the run heeds none of them, and records what may change a figure
//	figure:  0 connections to the proxy; no key log; every RPC ok
func TestTheEnvironmentDivertsNothing(t *testing.T) {
	lane.Long(t, "starts processes")
	diverted := make(chan struct{}, 100)
	proxy := "http://" + listening(t, nil, func(net.Conn) { diverted <- struct{}{} })
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "GRPC_PROXY_EXP"} {
		t.Setenv(name, proxy)
	}
	t.Setenv("NO_PROXY", "")
	t.Setenv("no_proxy", "")
	keyLog := filepath.Join(t.TempDir(), "keys")
	t.Setenv("SSLKEYLOGFILE", keyLog)
	t.Setenv("GODEBUG", "tls10server=1,tlsrsakex=1")
	t.Setenv("GRPC_ENFORCE_ALPN_ENABLED", "false")
	t.Setenv("GRPC_GO_LOG_SEVERITY_LEVEL", "error")
	t.Setenv("GOGC", "200")
	t.Setenv("API_TOKEN", "not to be recorded")

	target := newTarget(t, nil) // under a name, as proxies leave addresses of loopback alone
	_, port, err := net.SplitHostPort(target.addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--vary", "tls=1.2,1.3", "--aa", "off"}, {"--tls", "off", "localhost:" + port}} {
		r := measure(t, t.Context(), planOf(t, args...), runner.Options{})
		if c := checkOf(t, r, "settings_not_observed"); c.Text != "" {
			t.Errorf("%q: %s", args, c.Text)
		}
		for _, a := range r.Arms {
			if a.LedgerTotal.OK == 0 || a.LedgerTotal.Lost() != 0 {
				t.Errorf("%q: arm %s: ledger %+v, want every RPC ok", args, a.Name, a.LedgerTotal)
			}
		}
		for name, want := range map[string]string{
			"GODEBUG": "tls10server=1,tlsrsakex=1", "GRPC_ENFORCE_ALPN_ENABLED": "false", "GRPC_GO_LOG_SEVERITY_LEVEL": "error", "GOGC": "200",
		} {
			if got := r.Machine.Environment[name]; got != want {
				t.Errorf("%s is recorded as %q, want %q", name, got, want)
			}
		}
		if v, ok := r.Machine.Environment["API_TOKEN"]; ok {
			t.Errorf("API_TOKEN is recorded as %q", v)
		}
	}
	if n := len(diverted); n != 0 {
		t.Errorf("%d connections to the proxy", n)
	}
	if _, err := os.Stat(keyLog); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a key log was written: %v", err)
	}
}
