package main

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"grpcbench/internal/certs"
)

// A client's key that cannot be used, or that others can read, is refused before
// anything is started, and no byte of it is shown.
//
//	fault:   key empty, garbage, encrypted, of another certificate, readable by others
//	promise: a mistake of the command line: one sentence with the file and what to do
//	figure:  exit code 2; 0 results; none of the key's bytes in any output
func TestAClientKeyThatCannotBeUsedIsRefused(t *testing.T) {
	set, err := certs.Authority(certs.Options{Key: certs.P256, Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	key, other := set.Client.KeyPEM, set.Server.KeyPEM
	block, _ := pem.Decode(key)
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: block.Bytes})
	for _, of := range []struct {
		name string
		key  []byte
		mode os.FileMode
		want string
	}{
		{"empty", nil, 0o600, "must not be empty"},
		{"garbage", block.Bytes, 0o600, "must hold a PEM block PRIVATE KEY"},
		{"encrypted", encrypted, 0o600, "must not be encrypted"},
		{"of another certificate", other, 0o600, "must be the key of certificate"},
		{"readable by all", key, 0o644, "chmod 600 "},
		{"readable by the group", key, 0o640, "--allow-readable-key"},
	} {
		t.Run(of.name, func(t *testing.T) {
			dir, results := t.TempDir(), t.TempDir()
			crt, file := filepath.Join(dir, "client.crt"), filepath.Join(dir, "client.key")
			for path, data := range map[string][]byte{crt: set.Client.CertPEM, file: of.key} {
				if err := os.WriteFile(path, data, of.mode); err != nil {
					t.Fatal(err)
				}
			}
			code, stdout, stderr := command(t, "run", "localhost:1", "--cert", crt, "--key-file", file, "--results", results)
			if code != exitUsage || !strings.Contains(stderr, of.want) || !strings.Contains(stderr, "--key-file") || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit code %d, %q: want 2 and one line with %q and the flag", code, stderr, of.want)
			}
			if names := filesIn(t, results); len(names) != 0 {
				t.Errorf("results %v, want none", names)
			}
			lines := strings.Split(string(key)+string(other)+string(encrypted), "\n")
			for _, line := range append(lines, string(block.Bytes)) {
				if len(line) > 8 && !strings.HasPrefix(line, "-----") && strings.Contains(stdout+stderr, line) {
					t.Errorf("output shows a line of the key:\n%s", stderr)
				}
			}
		})
	}
	if _, err := x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
		t.Errorf("the key itself is none: %v", err) // and nothing was tested
	}
}
