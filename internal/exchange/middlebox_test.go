package exchange_test

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"grpcbench/internal/certs"
	"grpcbench/internal/exchange"
	"grpcbench/internal/plan"
	"grpcbench/testing/faultproxy"
)

// A call, too, tells a ClientHello that is refused for its size from a server without TLS.
func TestACallDiagnosesAClientHelloOfTwoPackets(t *testing.T) {
	set, err := certs.Authority(certs.Options{Key: certs.P256, Days: 1, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(set.Server.CertPEM, set.Server.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}})))
	server := serve(t, s.Serve, s.Stop)
	for _, does := range []string{faultproxy.HelloReset, faultproxy.HelloSilent} {
		m, err := faultproxy.NewMiddlebox(server, does)
		if err != nil {
			t.Fatal(err)
		}
		of := trial(m.Address(), func(s *plan.Settings) { s.TLS = plan.TLS13 })
		of.CAPEM, of.Timeout = set.CA.CertPEM, 500*time.Millisecond
		_, err = exchange.Do(t.Context(), of)
		if err == nil || !strings.Contains(err.Error(), "cannot take a ClientHello of two packets") || !strings.Contains(err.Error(), "(use --group x25519)") {
			t.Errorf("%s: error %v, want one that names the size and --group x25519", does, err)
		}
		if n := m.Forwarded(); n != 1 {
			t.Errorf("%s: %d handshakes of one packet, want 1", does, n)
		}
		m.Close()
	}
}
