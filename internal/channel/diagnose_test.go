package channel_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"grpcbench/internal/certs"
	"grpcbench/internal/channel"
	"grpcbench/testing/faultproxy"
)

// middlebox stands before a server.
func middlebox(t *testing.T, address, does string) *faultproxy.Middlebox {
	t.Helper()
	m, err := faultproxy.NewMiddlebox(address, does)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

const twoPackets = "the server or a middlebox cannot take a ClientHello of two packets, which the post-quantum key share (X25519MLKEM768) makes: " +
	"with x25519 alone the handshake completes (use --group x25519): "

// A ClientHello that is refused for its size is told from a server without TLS by one
// handshake, which nobody counts and to which nothing of the user's is shown.
func TestAClientHelloOfTwoPacketsIsDiagnosed(t *testing.T) {
	set := authority(t, certs.Options{})
	client := pair(t, set.Client)
	var names, certificates atomic.Int64
	server := serve(t, &tls.Config{Certificates: []tls.Certificate{pair(t, set.Server)}, ClientAuth: tls.RequestClientCert,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if hello.ServerName == "bench.test" {
				names.Add(1)
			}
			return nil, nil
		}}).Addr().String()
	for _, of := range []struct {
		name, does string
		o          channel.TLSOptions
		refused    int64 // connections
		forwarded  int64
		says       string
	}{
		{"reset", faultproxy.HelloReset, channel.TLSOptions{}, 3, 1, twoPackets},
		{"ended", faultproxy.HelloEnded, channel.TLSOptions{}, 3, 1, twoPackets},
		{"silence", faultproxy.HelloSilent, channel.TLSOptions{}, 1, 1, twoPackets},
		{"not verified", faultproxy.HelloReset, channel.TLSOptions{SkipVerify: true}, 3, 1, twoPackets},
		{"resumption", faultproxy.HelloReset, channel.TLSOptions{Resume: true}, 3, 1, twoPackets},
		{"a client certificate", faultproxy.HelloReset, channel.TLSOptions{Client: func() *tls.Certificate { certificates.Add(1); return &client }}, 3, 1, twoPackets},
		{"the group asked for", faultproxy.HelloReset, channel.TLSOptions{Group: "x25519mlkem768"}, 3, 1,
			"the server may not have this group, or it or a middlebox cannot take a ClientHello of two packets (change --group): with --group x25519 the handshake completes: "},
	} {
		t.Run(of.name, func(t *testing.T) {
			m := middlebox(t, server, of.does)
			names.Store(0)
			certificates.Store(0)
			of.o.Version, of.o.Roots, of.o.ServerName = "1.3", pool(t, set.CA), "bench.test"
			o := channel.Options{Address: m.Address(), TLS: config(t, of.o), Timeout: 10 * time.Second}
			if of.does == faultproxy.HelloSilent {
				o.Timeout = 300 * time.Millisecond
			}
			wantError(t, o, "connect to "+m.Address()+": "+of.says)
			if m.Refused() != of.refused || m.Forwarded() != of.forwarded || names.Load() != 1 || certificates.Load() != 0 {
				t.Errorf("%d refused, %d forwarded, %d with the name, %d certificates; want %d, %d, 1 and 0",
					m.Refused(), m.Forwarded(), names.Load(), certificates.Load(), of.refused, of.forwarded)
			}
		})
	}
	t.Run("with x25519", func(t *testing.T) {
		m := middlebox(t, server, faultproxy.HelloReset)
		call(t, open(t, channel.Options{Address: m.Address(), TLS: config(t, channel.TLSOptions{Version: "1.3", Group: "x25519", SkipVerify: true})}))
	})
	t.Run("TLS 1.2", func(t *testing.T) { // whose ClientHello has no key share
		m := middlebox(t, server, faultproxy.HelloReset)
		call(t, open(t, channel.Options{Address: m.Address(), TLS: config(t, channel.TLSOptions{Version: "1.2", SkipVerify: true})}))
	})
}

// Where the other handshake fails as well, or its answer is known beforehand, nothing is
// said of it; and nobody is told to turn TLS off by a peer that said nothing.
func TestAHandshakeThatIsCutOffIsNotBlamedOnItsSize(t *testing.T) {
	for _, of := range []struct {
		name string
		end  func(*net.TCPConn)
		o    channel.TLSOptions
		took int64 // connections
		says string
	}{
		{"reset", reset, channel.TLSOptions{Version: "1.3"}, 4, "the server ended the connection in the TLS handshake (check TARGET: is it a TLS port? or change --tls): "},
		{"end", end, channel.TLSOptions{Version: "1.3"}, 4, "the server ended the connection in the TLS handshake (check TARGET: is it a TLS port? or change --tls): "},
		{"TLS 1.2", end, channel.TLSOptions{Version: "1.2"}, 3, "the server ended the connection in the TLS handshake (check TARGET: is it a TLS port? or change --tls): "},
		{"the group asked for", end, channel.TLSOptions{Version: "1.3", Group: "x25519"}, 3, ": the server may not have this group (change --group); the server ended the connection in the TLS handshake (check TARGET"},
		{"the group asked for, reset", reset, channel.TLSOptions{Version: "1.3", Group: "p256"}, 3, ": the server may not have this group (change --group); the server ended the connection in the TLS handshake (check TARGET"},
		{"the group asked for, TLS 1.2", end, channel.TLSOptions{Version: "1.2", Group: "p256"}, 3, ": the server may not have this group (change --group); the server ended the connection in the TLS handshake (check TARGET"},
		{"the large group asked for", end, channel.TLSOptions{Version: "1.3", Group: "x25519mlkem768"}, 4, ": the server may not have this group (change --group); the server ended the connection in the TLS handshake (check TARGET"},
	} {
		t.Run(of.name, func(t *testing.T) {
			address, took := cutting(t, of.end)
			wantError(t, channel.Options{Address: address, TLS: config(t, of.o)}, of.says)
			if took.Load() != of.took {
				t.Errorf("%d connections, want %d", took.Load(), of.took)
			}
		})
	}
}

// A ClientHello from which a setting of Go leaves the post-quantum key share out is as small
// as the other one would be.
func TestASmallClientHelloIsNotTriedAgain(t *testing.T) {
	t.Setenv("GODEBUG", "tlsmlkem=0")
	address, took := cutting(t, end)
	wantError(t, channel.Options{Address: address, TLS: config(t, channel.TLSOptions{Version: "1.3"})}, "the server ended the connection in the TLS handshake (check TARGET")
	if took.Load() != 3 {
		t.Errorf("%d connections, want 3", took.Load())
	}
}

func reset(c *net.TCPConn) { _ = c.SetLinger(0) }
func end(*net.TCPConn)     {}

// cutting is a peer that reads a ClientHello and ends the connection.
func cutting(t *testing.T, how func(*net.TCPConn)) (address string, took *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	took = &atomic.Int64{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			took.Add(1)
			_, _ = c.Read(make([]byte, 64<<10)) // what is unread would be answered by a reset
			how(c.(*net.TCPConn))
			_ = c.Close()
		}
	}()
	return l.Addr().String(), took
}

// A server with several names behind one address is asked what it offers by the name that
// is to be reached, whether or not that is verified.
func TestWhatAServerOffersIsAskedByName(t *testing.T) {
	var asked, without atomic.Int64
	server := serve(t, &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair(t, authority(t, certs.Options{}).Server)},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			asked.Add(1)
			if hello.ServerName != "localhost" {
				without.Add(1)
			}
			return nil, nil
		}})
	_, port, err := net.SplitHostPort(server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	how := channel.TLSOptions{Version: "1.3", SkipVerify: true}
	o := channel.Options{Address: net.JoinHostPort("localhost", port), TLS: config(t, how)}
	_, err = channel.Attempt(t.Context(), o)
	err = channel.ExplainTLS(t.Context(), err, o.Endpoint(), how)
	const says = "the server does not speak TLS 1.3 (change --tls): it offers TLS 1.2: "
	if err == nil || !strings.Contains(err.Error(), says) || asked.Load() < 3 || without.Load() != 0 {
		t.Errorf("error %v, want %q; %d handshakes, %d of them without the name", err, says, asked.Load(), without.Load())
	}
}

// A connection has as long as is asked for, and not longer: a handshake of more than the
// default works, and what had no answer names the limit that it hit and its flag.
func TestAConnectionHasAsLongAsIsAskedFor(t *testing.T) {
	for name, l := range map[string]late{
		"TCP": {dial: 19 * time.Second, limit: 20 * time.Second}, "TLS": {certificate: 19 * time.Second, limit: 20 * time.Second},
		"HTTP/2": {settings: 19 * time.Second, limit: 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if made, _, _ := openLate(t, l); made.Total() != 19*time.Second {
					t.Errorf("a connection of %v, want 19s", made.Total())
				}
			})
		})
	}
	secure := channel.TLSOptions{Version: "1.3"}
	for _, of := range []struct {
		name string
		tls  *channel.TLSOptions
		flag string
		says string
		took time.Duration
	}{
		{"TLS", &secure, "", "TLS handshake timeout after 7s (raise --connect-timeout, or check TARGET: is it a TLS port?): ", 14 * time.Second},
		{"TLS of a handshake plan", &secure, "--timeout", "TLS handshake timeout after 7s (raise --timeout, or check TARGET: is it a TLS port?): ", 14 * time.Second},
		{"plaintext", nil, "", "no HTTP/2 SETTINGS within 7s (raise --connect-timeout, or check TARGET: is it a gRPC server? one with TLS needs --tls 1.2 or 1.3): ", 7 * time.Second},
	} {
		t.Run("silence in "+of.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := channel.Options{Address: "127.0.0.1:1", Timeout: 7 * time.Second, TimeoutFlag: of.flag, Dialer: deaf(t)}
				if of.tls != nil {
					o.TLS = config(t, *of.tls)
				}
				start := time.Now()
				wantError(t, o, of.says)
				if took := time.Since(start); took != of.took {
					t.Errorf("given up after %v, want %v", took, of.took)
				}
			})
		})
	}
}

// deaf dials a peer that reads and says nothing.
func deaf(t *testing.T) channel.Dialer {
	return func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		t.Cleanup(func() { _ = theirs.Close() })
		go func() { _, _ = io.Copy(io.Discard, theirs) }() // ends with ours
		return likeTCP{ours}, nil
	}
}

// likeTCP is a pipe whose end on our own side is that of a TCP connection.
type likeTCP struct{ net.Conn }

func (c likeTCP) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if errors.Is(err, io.ErrClosedPipe) {
		err = net.ErrClosed
	}
	return n, err
}

// The attempts of a connection that ends without a word have one limit together.
func TestAttemptsTogetherHaveOneLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialled := 0
		var peers sync.WaitGroup
		defer peers.Wait()
		dial := func(context.Context, string, string) (net.Conn, error) {
			dialled++
			ours, theirs := net.Pipe()
			peers.Go(func() {
				_, _ = theirs.Read(make([]byte, 64<<10))
				time.Sleep(3 * time.Second)
				_ = theirs.Close()
			})
			return ours, nil
		}
		start := time.Now()
		wantError(t, channel.Options{Address: "127.0.0.1:1", Timeout: 5 * time.Second, Dialer: dial, TLS: config(t, channel.TLSOptions{Version: "1.2"})},
			"the server ended the connection in the TLS handshake (check TARGET: is it a TLS port? or change --tls): ")
		if took := time.Since(start); took != 5*time.Second || dialled != 2 {
			t.Errorf("given up after %v and %d attempts, want 5s and 2", took, dialled)
		}
	})
}
