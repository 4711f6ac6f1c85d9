//go:build peers

package benchserver_test

import (
	"crypto/tls"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/benchserver"
	"grpcbench/internal/certs"
)

// python is Debian's, which sees Debian's packages.
const python = "/usr/bin/python3"

// gRPC's C core is what Python, C++, Ruby, PHP and C# stood on: its clients know
// the server as it comes out of the box, by a self-signed certificate and with
// its own deflate.
func TestAClientOnTheCCoreInteroperates(t *testing.T) {
	if out, err := exec.Command(python, "-c", "import grpc").CombinedOutput(); err != nil {
		t.Fatalf("%s -c 'import grpc': %v: install python3-grpcio\n%s", python, err, out)
	}
	pair, err := certs.SelfSigned(certs.Options{Key: certs.RSA2048, Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.X509KeyPair(pair.CertPEM, pair.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(t.TempDir(), "server.crt")
	if err := os.WriteFile(root, pair.CertPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	s, addr := start(t, benchserver.Options{
		TLS:      &tls.Config{Certificates: []tls.Certificate{certificate}},
		Counters: counters,
	})
	before := s.Snapshot().GetCodec()
	out, err := exec.CommandContext(t.Context(), python, "testdata/client.py", addr, root).CombinedOutput()
	if err != nil {
		t.Fatalf("client.py: %v\n%s", err, out)
	}
	want := `/Server/Foo identity OK 0
/bench.v1.Bench/Echo identity OK 1003
/Server/Foo deflate OK 0
/bench.v1.Bench/Echo deflate OK 1003
/Server/Foo gzip OK 0
/bench.v1.Bench/Echo gzip OK 1003
`
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Errorf("client.py (-want +got):\n%s", diff)
	}

	got := s.Snapshot()
	encodings := map[string]uint64{"identity": 2, "deflate": 2, "gzip": 2}
	if diff := cmp.Diff(encodings, got.GetRpcs().GetRequestEncodings()); diff != "" {
		t.Errorf("announced encodings (-want +got):\n%s", diff)
	}
	if got.GetRpcs().GetOk() != 6 {
		t.Errorf("counted %v, want 6 ok", got.GetRpcs())
	}
	if m := got.GetUserMetadata(); m.GetKeys() != 6 || m.GetValueBytes() != 6*3 {
		t.Errorf("metadata %v, want foo of 3 bytes 6 times", m)
	}
	// Each codec once in each direction; Foo's messages are empty.
	received := got.GetCodec().GetDecompressed().GetMessages() - before.GetDecompressed().GetMessages()
	sent := got.GetCodec().GetCompressed().GetMessages() - before.GetCompressed().GetMessages()
	if received != 2 || sent != 2 {
		t.Errorf("decompressed %d messages, compressed %d, want 2 and 2", received, sent)
	}
	if p := got.GetTlsParameters(); len(p) != 1 || p[0].GetAlpn() != "h2" {
		t.Errorf("observed %v", p)
	} else {
		t.Logf("observed %v", p)
	}
}
