package certs_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/test/bufconn"

	"grpcbench/internal/certs"
)

var keyTypes = []certs.KeyType{certs.RSA2048, certs.P256, certs.Ed25519}

func TestParseKeyTypeKnowsThreeNames(t *testing.T) {
	for _, want := range keyTypes {
		if got, err := certs.ParseKeyType(string(want)); got != want || err != nil {
			t.Errorf("ParseKeyType(%q) = %q, %v", want, got, err)
		}
	}
	for _, bad := range []string{"", "rsa", "RSA2048", "p-256"} {
		want := fmt.Sprintf("key %q: must be rsa2048, p256 or ed25519", bad)
		if got, err := certs.ParseKeyType(bad); err == nil || err.Error() != want {
			t.Errorf("ParseKeyType(%q) = %q, %v, want error %q", bad, got, err, want)
		}
	}
}

func TestOptionsAreRefusedByName(t *testing.T) {
	good := certs.Options{Key: certs.P256, Days: 1}
	for want, change := range map[string]func(*certs.Options){
		`key "dsa": must be rsa2048, p256 or ed25519`:                 func(o *certs.Options) { o.Key = "dsa" },
		`days 0: must be from 1 to 36500`:                             func(o *certs.Options) { o.Days = 0 },
		`days 36501: must be from 1 to 36500`:                         func(o *certs.Options) { o.Days = 36501 },
		`san "": must be a DNS name or an IP address`:                 func(o *certs.Options) { o.SANs = []string{"localhost", ""} },
		`san "a b": must be a DNS name or an IP address`:              func(o *certs.Options) { o.SANs = []string{"a b"} },
		`san "-a.example": must be a DNS name or an IP address`:       func(o *certs.Options) { o.SANs = []string{"-a.example"} },
		`san "a..example": must be a DNS name or an IP address`:       func(o *certs.Options) { o.SANs = []string{"a..example"} },
		`san "a.*.example": must be a DNS name or an IP address`:      func(o *certs.Options) { o.SANs = []string{"a.*.example"} },
		`san "300.1.1.1": must be a DNS name or an IP address`:        func(o *certs.Options) { o.SANs = []string{"300.1.1.1"} },
		`san "fe80::1%eth0": must be a DNS name or an IP address`:     func(o *certs.Options) { o.SANs = []string{"fe80::1%eth0"} },
		`san "host.example:443": must be a DNS name or an IP address`: func(o *certs.Options) { o.SANs = []string{"host.example:443"} },
	} {
		o := good
		change(&o)
		for name, make := range map[string]func(certs.Options) error{
			"SelfSigned": func(o certs.Options) error { _, err := certs.SelfSigned(o); return err },
			"Authority":  func(o certs.Options) error { _, err := certs.Authority(o); return err },
		} {
			if err := make(o); err == nil || err.Error() != want {
				t.Errorf("%s: error %v, want %q", name, err, want)
			}
		}
	}
}

// parse returns the certificate of p.
func parse(t *testing.T, p certs.Pair) *x509.Certificate {
	t.Helper()
	block, rest := pem.Decode(p.CertPEM)
	if block == nil || len(rest) != 0 {
		t.Fatalf("certificate is not one PEM block: %q", p.CertPEM)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func names(cert *x509.Certificate) []string {
	all := cert.DNSNames
	for _, ip := range cert.IPAddresses {
		all = append(all, ip.String())
	}
	return all
}

func TestServerCertificateHasItsNamesAndDates(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		sans, want []string
		commonName string
	}{
		{nil, []string{"localhost", "127.0.0.1", "::1"}, "localhost"},
		{[]string{"10.1.2.3", "bench.example", "*.bench.example"}, []string{"bench.example", "*.bench.example", "10.1.2.3"}, "10.1.2.3"},
		{[]string{strings.Repeat("a", 60) + ".example"}, []string{strings.Repeat("a", 60) + ".example"}, "grpc-bench server"},
	} {
		pair, err := certs.SelfSigned(certs.Options{Key: certs.Ed25519, Days: 365, SANs: tt.sans, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		cert := parse(t, pair)
		if diff := cmp.Diff(tt.want, names(cert)); diff != "" {
			t.Errorf("names (-want +got):\n%s", diff)
		}
		if cert.Subject.CommonName != tt.commonName {
			t.Errorf("common name %q, want %q", cert.Subject.CommonName, tt.commonName)
		}
		// 365 days after 2026-11-23 is 2027-11-23: 2027 has no leap day.
		if want := time.Date(2027, 11, 23, 12, 0, 0, 0, time.UTC); !cert.NotAfter.Equal(want) {
			t.Errorf("not after %v, want %v", cert.NotAfter, want)
		}
		if want := now.Add(-time.Hour); !cert.NotBefore.Equal(want) {
			t.Errorf("not before %v, want %v", cert.NotBefore, want)
		}
	}
}

func TestKeysAreOfTheTypeAskedFor(t *testing.T) {
	want := map[certs.KeyType]string{certs.RSA2048: "RSA 256", certs.P256: "ECDSA 65", certs.Ed25519: "Ed25519 32"}
	for _, key := range keyTypes {
		set, err := certs.Authority(certs.Options{Key: key, Days: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, named := range set.Named() {
			cert := parse(t, named.Pair)
			// The size in bytes of the modulus, of an uncompressed point, of a
			// compressed point.
			if got := fmt.Sprint(cert.PublicKeyAlgorithm, " ", publicSize(t, cert)); got != want[key] {
				t.Errorf("%s %s: %s, want %s", key, named.Name, got, want[key])
			}
		}
	}
}

func publicSize(t *testing.T, cert *x509.Certificate) int {
	t.Helper()
	switch k := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		return k.Size()
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return len(point)
	case ed25519.PublicKey:
		return len(k)
	}
	t.Fatalf("unknown key %T", cert.PublicKey)
	return 0
}

func TestKeysMayDoWhatTheirPlaceNeeds(t *testing.T) {
	const sign, decrypt, certify = x509.KeyUsageDigitalSignature, x509.KeyUsageKeyEncipherment, x509.KeyUsageCertSign
	for key, leaf := range map[certs.KeyType]x509.KeyUsage{certs.RSA2048: sign | decrypt, certs.P256: sign, certs.Ed25519: sign} {
		set, err := certs.Authority(certs.Options{Key: key, Days: 1})
		if err != nil {
			t.Fatal(err)
		}
		alone, err := certs.SelfSigned(certs.Options{Key: key, Days: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name  string
			pair  certs.Pair
			usage x509.KeyUsage
			ca    bool
		}{
			{"ca", set.CA, sign | certify, true},
			{"server", set.Server, leaf, false},
			{"client", set.Client, leaf, false},
			{"self-signed", alone, leaf | certify, true},
		} {
			if cert := parse(t, tt.pair); cert.KeyUsage != tt.usage || cert.IsCA != tt.ca {
				t.Errorf("%s %s: usage %b, CA %v; want %b, %v", key, tt.name, cert.KeyUsage, cert.IsCA, tt.usage, tt.ca)
			}
		}
	}
}

func TestEveryCertificateHasItsOwnKeyAndSerialNumber(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		set, err := certs.Authority(certs.Options{Key: certs.P256, Days: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, named := range set.Named() {
			for _, id := range []string{parse(t, named.Pair).SerialNumber.String(), string(named.Pair.KeyPEM)} {
				if seen[id] {
					t.Errorf("%s: a key or serial number twice", named.Name)
				}
				seen[id] = true
			}
		}
	}
}

func TestNoVerbPrintsThePrivateKey(t *testing.T) {
	set, err := certs.Authority(certs.Options{Key: certs.Ed25519, Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	const want = "certificate (%d bytes of PEM) and private key"
	pair := set.Client
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		if got, want := fmt.Sprintf(verb, pair), fmt.Sprintf(want, len(pair.CertPEM)); got != want {
			t.Errorf("%s prints %q, want %q", verb, got, want)
		}
		for what, text := range map[string]string{"Set": fmt.Sprintf(verb, set), "[]Named": fmt.Sprintf(verb, set.Named())} {
			for _, form := range []string{string(pair.KeyPEM), fmt.Sprintf("%x", pair.KeyPEM), strings.Trim(fmt.Sprint(pair.KeyPEM), "[]")} {
				if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
					t.Errorf("%s of a %s prints the key", verb, what)
				}
			}
		}
	}
}

// handshake shakes hands over an in-memory connection and passes a byte each
// way, since a TLS 1.3 client is done before the server has seen its
// certificate. It returns the client's and the server's error.
func handshake(t *testing.T, client, server *tls.Config) (clientErr, serverErr error) {
	t.Helper()
	// Buffered: each side may send an alert while the other still writes.
	listener := bufconn.Listen(64 << 10)
	served := make(chan error)
	go func() { served <- serveByte(listener, server) }()
	a, err := listener.DialContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(a, client)
	_, clientErr = conn.Write([]byte{1})
	if clientErr == nil {
		_, clientErr = io.ReadFull(conn, make([]byte, 1))
	}
	_ = a.Close() // the end of the test
	return clientErr, <-served
}

// serveByte answers a byte with a byte on the first connection.
func serveByte(listener net.Listener, config *tls.Config) error {
	b, err := listener.Accept()
	if err != nil {
		return err
	}
	defer b.Close()
	conn := tls.Server(b, config)
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		return err
	}
	_, err = conn.Write([]byte{1})
	return err
}

func keyPair(t *testing.T, p certs.Pair) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(p.CertPEM, p.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func roots(t *testing.T, p certs.Pair) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(p.CertPEM) {
		t.Fatal("no certificate to trust")
	}
	return pool
}

func TestClientTrustsTheSelfSignedCertificateAsItsRoot(t *testing.T) {
	for _, key := range keyTypes {
		pair, err := certs.SelfSigned(certs.Options{Key: key, Days: 1})
		if err != nil {
			t.Fatal(err)
		}
		other, err := certs.SelfSigned(certs.Options{Key: key, Days: 1})
		if err != nil {
			t.Fatal(err)
		}
		server := &tls.Config{Certificates: []tls.Certificate{keyPair(t, pair)}}
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			for _, name := range certs.DefaultSANs() {
				client := &tls.Config{RootCAs: roots(t, pair), ServerName: name, MinVersion: version, MaxVersion: version}
				if clientErr, serverErr := handshake(t, client, server); clientErr != nil || serverErr != nil {
					t.Errorf("%s %s %s: client %v, server %v", key, tls.VersionName(version), name, clientErr, serverErr)
				}
			}
		}
		stranger := &tls.Config{RootCAs: roots(t, other), ServerName: "localhost"}
		if err, _ := handshake(t, stranger, server); !isA[x509.UnknownAuthorityError](err) {
			t.Errorf("%s: a client that trusts another certificate: %v", key, err)
		}
		wrong := &tls.Config{RootCAs: roots(t, pair), ServerName: "other.example"}
		if err, _ := handshake(t, wrong, server); !isA[x509.HostnameError](err) {
			t.Errorf("%s: a client that expects another host: %v", key, err)
		}
	}
}

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func TestMutualTLSVerifiesBothSides(t *testing.T) {
	for _, key := range keyTypes {
		set, err := certs.Authority(certs.Options{Key: key, Days: 1})
		if err != nil {
			t.Fatal(err)
		}
		server := &tls.Config{
			Certificates: []tls.Certificate{keyPair(t, set.Server)},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ClientCAs:    roots(t, set.CA),
		}
		for what, tt := range map[string]struct {
			show []tls.Certificate
			ok   bool
		}{
			"the client's certificate": {[]tls.Certificate{keyPair(t, set.Client)}, true},
			"no certificate":           {nil, false},
			"the server's certificate": {[]tls.Certificate{keyPair(t, set.Server)}, false},
		} {
			client := &tls.Config{RootCAs: roots(t, set.CA), ServerName: "localhost", Certificates: tt.show}
			if clientErr, serverErr := handshake(t, client, server); (serverErr == nil) != tt.ok || (clientErr == nil) != tt.ok {
				t.Errorf("%s, client shows %s: client %v, server %v", key, what, clientErr, serverErr)
			}
		}
		impostor := &tls.Config{Certificates: []tls.Certificate{keyPair(t, set.Client)}}
		client := &tls.Config{RootCAs: roots(t, set.CA), ServerName: "localhost"}
		if err, _ := handshake(t, client, impostor); err == nil {
			t.Errorf("%s: the client's certificate passes for a server's", key)
		}
	}
}
