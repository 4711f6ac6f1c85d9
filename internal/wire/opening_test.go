package wire

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"grpcbench/internal/certs"
	"grpcbench/internal/channel"
	"grpcbench/internal/code"
	"grpcbench/internal/load"
)

// stranger is a peer that is no gRPC server, or none that can be used.
type stranger struct {
	name   string
	script func(*visit)
	reason string // part of the error of Open
}

const (
	notFirst = "SETTINGS were not its first frame"
	late     = "before its HTTP/2 SETTINGS"
)

// inClear are strangers without TLS.
func inClear() []stranger {
	say := func(b string) func(*visit) {
		return func(v *visit) { v.say([]byte(b)); v.linger() }
	}
	frames := func(f func(v *visit) []byte) func(*visit) {
		return func(v *visit) { v.say(f(v)); v.linger() }
	}
	const noHTTP2 = "does not speak HTTP/2 in plaintext"
	return []stranger{
		{"closed at once", func(*visit) {}, noHTTP2},
		// A reset before the first byte may be one of connect(2).
		{"reset after a byte", func(v *visit) { _, _ = v.tcp.Read(make([]byte, 1)); _ = v.tcp.SetLinger(0) }, noHTTP2},
		{"closed one way", func(v *visit) { _ = v.tcp.CloseWrite(); v.linger() }, noHTTP2},
		{"silent", (*visit).linger, late},
		{"half a frame", say("\x00\x00\x00\x04"), late},
		{"the preface of a client", say(http2.ClientPreface), notFirst},
		{"HTTP/1", say("HTTP/1.1 400 Bad Request\r\n\r\n"), notFirst},
		{"SSH", say("SSH-2.0-OpenSSH_9.2\r\n"), notFirst},
		{"a TLS alert", say("\x15\x03\x01\x00\x02\x02\x46"), notFirst}, // seven bytes are no frame header
		{"zeros", say(strings.Repeat("\x00", 1000)), notFirst},
		{"PING first", frames(func(v *visit) []byte { return v.wrote(v.WritePing(false, [8]byte{})) }), notFirst},
		{"GOAWAY first", frames(func(v *visit) []byte { return v.goAway(0) }), notFirst},
		{"only an acknowledgment", frames(func(v *visit) []byte { return v.wrote(v.WriteSettingsAck()) }), notFirst},
		{"SETTINGS that are wrong", frames(func(v *visit) []byte {
			return v.settings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1})
		}), "SETTINGS_MAX_FRAME_SIZE 1"},
	}
}

// inTLS are strangers with TLS.
func inTLS(config *tls.Config) []stranger {
	after := func(f func(v *visit)) func(*visit) {
		return func(v *visit) {
			v.secure(config)
			if v.conn.(*tls.Conn).Handshake() == nil {
				f(v)
			}
			v.linger()
		}
	}
	other := config.Clone()
	other.NextProtos = []string{"http/1.1"}
	none := config.Clone()
	none.NextProtos = nil
	with := func(config *tls.Config) func(*visit) {
		return func(v *visit) { v.secure(config); _ = v.conn.(*tls.Conn).Handshake(); v.linger() }
	}
	return []stranger{
		{"silent in the handshake", (*visit).linger, "TLS handshake timeout"},
		{"no TLS", func(v *visit) { v.greet(); v.linger() }, "does not speak TLS"},
		{"another protocol", with(other), "speaks other protocols than HTTP/2, by ALPN"},
		{"no protocol", with(none), "chose no protocol by ALPN"},
		{"silent after the handshake", after(func(*visit) {}), late},
		{"closed after the handshake", after(func(v *visit) { _ = v.conn.Close() }), "does not speak HTTP/2 over TLS"},
		{"a broken record after the handshake", after(func(v *visit) {
			_, _ = v.tcp.Write(append([]byte{0x17, 3, 3, 0, 40}, make([]byte, 40)...))
		}), "bad record MAC"},
		{"garbage after the handshake", after(func(v *visit) { _, _ = v.tcp.Write([]byte(strings.Repeat("garbage ", 100))) }), "record"},
		{"HTTP/1 after the handshake", after(func(v *visit) { v.say([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }), notFirst},
	}
}

// serverTLS is a certificate of a server on loopback, and what trusts it.
func serverTLS(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	pair, err := certs.SelfSigned(certs.Options{Key: certs.P256, Days: 1, SANs: certs.DefaultSANs()})
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.X509KeyPair(pair.CertPEM, pair.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pair.CertPEM)
	return &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2"}}, &tls.Config{RootCAs: roots}
}

// TestWhatIsNoServerIsNamed.
//
//	fault:   {strangers} peers that are no gRPC server: silence, TCP that ends, other protocols, garbage before and after the TLS handshake
//	promise: no channel is opened, and the error says why
//	figure:  within {timeout} an attempt
func TestWhatIsNoServerIsNamed(t *testing.T) {
	t.Parallel()
	const strangers, timeout = 23, 300 * time.Millisecond
	server, client := serverTLS(t)
	count := 0
	try := func(s stranger, config *tls.Config) {
		count++
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, s.script)
			start := time.Now()
			c, err := Open(t.Context(), Options{Address: p.address(), TLS: config, Timeout: timeout})
			if err == nil {
				_ = c.Close()
				t.Fatalf("a channel was opened, want an error with %q", s.reason)
			}
			if !strings.Contains(err.Error(), s.reason) {
				t.Errorf("error %q, want one with %q", err, s.reason)
			}
			if took := time.Since(start); took > hung {
				t.Errorf("it took %v, want about %v", took, timeout)
			}
			if said := strings.Contains(s.reason, "SETTINGS"); said && s.reason != late && !errors.Is(err, channel.ErrNotHTTP2) {
				t.Errorf("error %q must be that of a server without HTTP/2", err)
			}
		})
	}
	for _, s := range inClear() {
		try(s, nil)
	}
	for _, s := range inTLS(server) {
		try(s, client)
	}
	if count != strangers {
		t.Errorf("%d strangers, want %d", count, strangers)
	}
}

// TestGarbageInTLSEndsTheConnection: in the middle of a load, below and above TLS.
//
//	fault:   a server whose connection turns to garbage under load, under TLS
//	promise: the RPCs on it are UNAVAILABLE, the rest succeed on the next connection
//	figure:  8 callers, 40 RPCs each: 1 to 8 fail, 2 connections
func TestGarbageInTLSEndsTheConnection(t *testing.T) {
	t.Parallel()
	server, client := serverTLS(t)
	garbage := []byte(strings.Repeat("garbage ", 10_000))
	for name, end := range map[string]func(*visit){
		"below TLS":          func(v *visit) { _, _ = v.tcp.Write(garbage) },
		"above TLS":          func(v *visit) { v.say(garbage) },
		"TCP closed":         func(v *visit) { _ = v.tcp.Close() },
		"TCP closed one way": func(v *visit) { _ = v.tcp.CloseWrite() },
		"TLS closed one way": func(v *visit) { _ = v.conn.(*tls.Conn).CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, func(v *visit) {
				v.secure(server)
				v.greet()
				v.serve(20)
				end(v)
				v.linger()
			}, func(v *visit) {
				v.secure(server)
				honest(v)
			})
			c := open(t, p, Options{TLS: client, Request: Request{Length: 0}})
			counts := run(t, c, 8, 40)
			if failed := counts[code.Unavailable]; failed < 1 || failed > 8 || counts[load.OK] != 320-failed || p.connections.Load() != 2 {
				t.Errorf("outcomes %v on %d connections", counts, p.connections.Load())
			}
		})
	}
}
