package benchserver_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"grpcbench/internal/benchserver"
	benchv1 "grpcbench/proto/bench/v1"
)

// Cipher suites: TLS_AES_128_GCM_SHA256 is the first of Go's list for TLS 1.3 on
// machines with AES instructions and not on others, so the suite is only
// required to be named.
func TestTheParametersOfEachHandshakeAreObserved(t *testing.T) {
	tests := []struct {
		name    string
		version uint16
		mutual  bool
		want    []*benchv1.TlsParameters
	}{
		{"1.3 full and resumed", tls.VersionTLS13, false, []*benchv1.TlsParameters{
			{Version: "TLS 1.3", Group: "X25519", Alpn: "h2", Count: 1},
			{Version: "TLS 1.3", Group: "X25519", Alpn: "h2", Resumed: true, Count: 1},
		}},
		{"1.3 mutual", tls.VersionTLS13, true, []*benchv1.TlsParameters{
			{Version: "TLS 1.3", Group: "X25519", Alpn: "h2", ClientCertificate: true, Count: 1},
			{Version: "TLS 1.3", Group: "X25519", Alpn: "h2", ClientCertificate: true, Resumed: true, Count: 1},
		}},
		{"1.2 full and resumed", tls.VersionTLS12, false, []*benchv1.TlsParameters{
			{Version: "TLS 1.2", Group: "X25519", Alpn: "h2", Count: 1},
			{Version: "TLS 1.2", Group: "X25519", Alpn: "h2", Resumed: true, Count: 1},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := newIdentities(t)
			if tt.mutual {
				id.server.ClientAuth = tls.RequireAndVerifyClientCert
			} else {
				id.client.Certificates = nil
			}
			id.client.MinVersion, id.client.MaxVersion = tt.version, tt.version
			id.client.CurvePreferences = []tls.CurveID{tls.X25519}
			id.client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			s, addr := start(t, benchserver.Options{TLS: id.server})
			for range 2 { // the first leaves its ticket to the second
				conn := tlsDial(t, addr, id.client)
				if err := foo(t.Context(), conn); err != nil {
					t.Fatal(err)
				}
				_ = conn.Close()
			}
			got := s.Snapshot()
			for _, p := range got.GetTlsParameters() {
				if p.GetCipher() == "" {
					t.Errorf("no cipher suite in %v", p)
				}
			}
			if diff := cmp.Diff(tt.want, got.GetTlsParameters(), protocmp.Transform(),
				protocmp.IgnoreFields(&benchv1.TlsParameters{}, "cipher"),
				protocmp.SortRepeated(func(a, b *benchv1.TlsParameters) bool { return !a.GetResumed() && b.GetResumed() }),
			); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			c := got.GetConnections()
			if c.GetHandshakesFull() != 1 || c.GetHandshakesResumed() != 1 || c.GetHandshakesFailed() != 0 {
				t.Errorf("full %d, resumed %d, failed %d, want 1, 1, 0",
					c.GetHandshakesFull(), c.GetHandshakesResumed(), c.GetHandshakesFailed())
			}
		})
	}
}

func TestFailedHandshakesAreCounted(t *testing.T) {
	tests := []struct {
		name   string
		change func(identities)
	}{
		{"client without a certificate", func(id identities) { id.client.Certificates = nil }},
		{"client that does not trust the server", func(id identities) { id.client.RootCAs = x509.NewCertPool() }},
		{"client of another version", func(id identities) { id.client.MaxVersion = tls.VersionTLS12 }},
		{"client without HTTP/2", func(id identities) { id.client.NextProtos = nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := newIdentities(t)
			id.server.MinVersion = tls.VersionTLS13
			id.server.ClientAuth = tls.RequireAndVerifyClientCert
			id.client.NextProtos = []string{"h2"}
			tt.change(id)
			s, addr := start(t, benchserver.Options{TLS: id.server})
			raw, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			c := tls.Client(raw, id.client)
			// In TLS 1.3 the client may learn of it only when it reads.
			if err := c.Handshake(); err == nil {
				if _, err := c.Read(make([]byte, 1)); err == nil {
					t.Error("the server went on")
				}
			}
			_ = raw.Close()
			s.Stop(0) // returns after every handshake
			got := s.Snapshot().GetConnections()
			if got.GetHandshakesFailed() != 1 || got.GetHandshakesFull() != 0 {
				t.Errorf("failed %d, full %d, want 1, 0", got.GetHandshakesFailed(), got.GetHandshakesFull())
			}
		})
	}
}
