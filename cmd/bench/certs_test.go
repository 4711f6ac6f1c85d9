package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/certs"
)

// execCerts runs the certs command alone and returns what it printed.
func execCerts(args ...string) (stdout string, err error) {
	var out bytes.Buffer
	c := newCertsCommand()
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(args)
	c.SetOut(&out)
	err = c.Execute()
	return out.String(), err
}

func filesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestCertsWritesAServerForThisMachineByDefault(t *testing.T) {
	t.Chdir(t.TempDir())
	out, err := execCerts()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"server.crt", "server.key"}, filesIn(t, ".")); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	pair, err := certs.LoadPair("server.crt", "server.key")
	if err != nil {
		t.Fatal(err)
	}
	cert := pair.Leaf
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if err := cert.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	// One hour before now to 365 days after it, by RSA with 2048 bits.
	if hours := cert.NotAfter.Sub(cert.NotBefore).Hours(); hours != 365*24+1 || cert.PublicKeyAlgorithm.String() != "RSA" {
		t.Errorf("%v valid for %v hours, want RSA for 8761", cert.PublicKeyAlgorithm, hours)
	}
	want := fmt.Sprintf("server.crt  valid until %s\n  SHA-256 %X\nserver.key  private key\n",
		cert.NotAfter.Format("2006-01-02 15:04:05 MST"), sha256.Sum256(cert.Raw))
	if out != want {
		t.Errorf("printed %q, want %q", out, want)
	}
}

func TestCertsFlagsReachTheCertificates(t *testing.T) {
	dir := t.TempDir()
	if _, err := execCerts("--ca", "--key", "ed25519", "--days", "2", "--san", "bench.example", "--san", "10.0.0.7", "--dir", dir); err != nil {
		t.Fatal(err)
	}
	want := []string{"ca.crt", "ca.key", "client.crt", "client.key", "server.crt", "server.key"}
	if diff := cmp.Diff(want, filesIn(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	pair, err := certs.LoadPair(filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	cert := pair.Leaf
	got := fmt.Sprintf("%v %v %v by %s for %v hours", cert.PublicKeyAlgorithm, cert.DNSNames, cert.IPAddresses,
		cert.Issuer.CommonName, cert.NotAfter.Sub(cert.NotBefore).Hours())
	if want := "Ed25519 [bench.example] [10.0.0.7] by grpc-bench CA for 49 hours"; got != want {
		t.Errorf("server certificate %s, want %s", got, want)
	}
}

func TestCertsOverwritesOnlyWithForce(t *testing.T) {
	dir := t.TempDir()
	args := []string{"--key", "p256", "--dir", dir}
	if _, err := execCerts(args...); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, "server.crt"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := execCerts(args...)
	want := "write " + filepath.Join(dir, "server.crt") + ": file already exists; give --force to replace it"
	if err == nil || err.Error() != want || !errors.Is(err, fs.ErrExist) || out != "" {
		t.Errorf("second run printed %q, error %v, want %q", out, err, want)
	}
	if _, usage := errors.AsType[usageError](err); usage {
		t.Error("an existing file counts as a wrong command line")
	}
	if _, err := execCerts(append(args, "--force")...); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(filepath.Join(dir, "server.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if block, _ := pem.Decode(after); block == nil || bytes.Equal(before, after) {
		t.Error("with --force the certificate is the old one")
	}
}

func TestCertsRefusesAWrongCommandLine(t *testing.T) {
	dir := t.TempDir()
	for want, args := range map[string][]string{
		`--key "rsa": must be rsa2048, p256 or ed25519`:           {"--key", "rsa"},
		`--days 0: must be from 1 to 36500`:                       {"--days", "0"},
		`--days 36501: must be from 1 to 36500`:                   {"--days", "36501"},
		`--san "not a host": must be a DNS name or an IP address`: {"--san", "localhost", "--san", "not a host"},
		`certs "server": must be given flags only`:                {"server"},
	} {
		out, err := execCerts(append(args, "--dir", dir)...)
		if _, usage := errors.AsType[usageError](err); !usage || err.Error() != want {
			t.Errorf("%q: error %v, want usage error %q", args, err, want)
		}
		if out != "" || len(filesIn(t, dir)) != 0 {
			t.Errorf("%q: printed %q, wrote %q", args, out, filesIn(t, dir))
		}
	}
}
