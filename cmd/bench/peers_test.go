//go:build peers

package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"grpcbench/internal/certs"
	"grpcbench/testing/foreign"
)

// The server is the published example's on gRPC's C core. It answers with the
// request's own bytes, compressed by itself.
func TestACallOfAPeerServerShowsBothEnds(t *testing.T) {
	pair, err := certs.SelfSigned(certs.Options{Key: certs.RSA2048, Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	crt, key, message := filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"), filepath.Join(dir, "message")
	body := "\x0a\xf4\x03" + strings.Repeat("compressible ", 38) + "enough" // field 1, 500 bytes long
	if err := errors.Join(os.WriteFile(crt, pair.CertPEM, 0o600), os.WriteFile(key, pair.KeyPEM, 0o600),
		os.WriteFile(message, []byte(body), 0o600)); err != nil {
		t.Fatal(err)
	}
	server, err := foreign.CCore(t.Context(), crt, key, "gzip")
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := runCall(t, server.Address, "--cacert", crt, "--metadata", "foo=bar",
		"--compression", "deflate:low", "--accept-compression", "gzip+deflate", "--method", "/Server/Foo", "--request", "@"+message)
	if code != exitDone || stderr != "" {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	for _, want := range []string{
		"rsa2048", "issuer      itself · chain of 1 · verified", "foo: bar", "connecting  name ",
		"request     deflate:low  deflate    503 B, compressed to", "response    mirror       gzip       503 B, compressed to",
		"not known: the server does not have bench.v1.Control",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("must print %q:\n%s", want, stdout)
		}
	}
	out, err := server.End()
	if err != nil {
		t.Fatal(err)
	}
	var saw struct {
		RPCs int      `json:"rpcs"`
		Foo  []string `json:"foo"`
	}
	if err := json.Unmarshal(out, &saw); err != nil {
		t.Fatalf("server.py: %v", err)
	}
	if saw.RPCs != 1 || len(saw.Foo) != 1 || saw.Foo[0] != "bar" {
		t.Errorf("the server saw %+v, want one RPC with foo=bar", saw)
	}
}
