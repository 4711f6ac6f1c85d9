package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"grpcbench/internal/result"
	"grpcbench/testing/hostile"
	"grpcbench/testing/lane"
)

// sayings are lines that say something about s, by where it stands: none can be
// carried out.
func sayings(t *testing.T, s string) map[string][]string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	quoted, err := json.Marshal(s) // YAML reads JSON's strings
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{
		"value of a number": {"run", "--rate", s}, "value of a word": {"run", "--tls", s}, "name": {"run", "--name", s + "\x1b"},
		"tag": {"run", "--tag", s}, "TARGET": {"run", s}, "port of TARGET": {"run", "h:" + s}, "vary": {"run", "--vary", s + "=1,2"},
		"file": {"run", "--suite", s}, "flag": {"run", "--" + s}, "letter": {"run", "-" + s}, "command": {s}, "format": {"report", "--format", s, "x"},
		"key":     {"run", "--suite", write("key.yaml", "{"+string(quoted)+": 1, groups: []}")},
		"setting": {"run", "--suite", write("setting.yaml", "settings: {tls: "+string(quoted)+"}\ngroups: [{name: A, control: {}, arms: [{mtls: on}]}]\n")},
		"group":   {"run", "--suite", write("group.yaml", "groups: [{name: "+string(quoted)+", control: {tls: 1.4}, arms: [{tls: 1.3}]}]\n")},
		"syntax":  {"run", "--suite", write("syntax.yaml", s+"\n: : "+s)},
		"schema":  {"report", write("schema.json", `{"schema":`+string(quoted)+`}`)},
		"JSON":    {"report", write("broken.json", `{"schema":"`+result.Schema+`","verdict":{`+string(quoted)+`:1}}`)},
		"result":  {"report", s}, "base": {"compare", s, "x"}, "baseline": {"compare", "x", "baseline:" + s},
		"key file": {"run", "localhost:1", "--cert", write("cert.pem", "-----BEGIN "+s+"-----\nAAAA\n-----END "+s+"-----\n"),
			"--key-file", write("key.pem", "-----BEGIN "+s+"-----\nAAAA\n-----END "+s+"-----\n")},
		"server": {"server", "--listen", s}, "certificate": {"server", "--listen", "127.0.0.1:0", "--cert", s}, "certs": {"certs", "--san", s, "--key", s},
	}
	for where, args := range all {
		if args[0] == "run" {
			all[where] = append([]string{"run", "--drain", "never"}, args[1:]...) // whatever s is
		}
	}
	return all
}

// TestNothingThatIsSaidActsOnATerminal: wherever the string comes from.
//
//	fault:   control characters and escape sequences in arguments, file names, suites, keys, results
//	promise: nothing that acts on a terminal reaches standard error
//	figure:  every string of the corpus in more than 20 places, 0 controls
func TestNothingThatIsSaidActsOnATerminal(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, s := range hostile.Strings() {
		s = s[:min(len(s), 1<<10)]
		for where, args := range sayings(t, s) {
			code, stdout, stderr := command(t, args...)
			if code == exitDone || stdout != "" || stderr == "" {
				t.Errorf("%s %.40q: exit code %d, %d bytes on stdout: must be refused", where, s, code, len(stdout))
			}
			if err := hostile.Check(stderr); err != nil {
				t.Errorf("%s: %v", where, err)
			}
			for line := range strings.Lines(stderr) {
				if !strings.HasPrefix(line, "grpc-bench: ") {
					t.Errorf("%s %.40q: line %.80q must begin with the program", where, s, line)
				}
			}
		}
	}
}

// TestACertificateCannotActOnATerminal: its names are the server's words.
//
//	fault:   control characters in subject, issuer and names of a server's certificate
//	promise: neither a refusal nor a call lets one act on the terminal
//	figure:  every string of the corpus: 0 controls
func TestACertificateCannotActOnATerminal(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	shown := 0
	for _, s := range hostile.Strings() {
		pair, ok := namedAfter(t, s[:min(len(s), 200)])
		if !ok {
			continue // no certificate can hold it
		}
		addr := answering(t, &tls.Config{Certificates: []tls.Certificate{pair}}, func(stream grpc.ServerStream, _ []byte) error {
			return stream.SendMsg(&emptypb.Empty{})
		})
		for _, args := range [][]string{{addr}, {addr, "--insecure-skip-verify"}} {
			code, stdout, stderr := runCall(t, args...)
			if refused := len(args) == 1; refused != (code == exitFailed) {
				t.Errorf("%.40q: call %q: exit code %d\n%s", s, args, code, stderr)
			}
			if err := hostile.Check(stdout + stderr); err != nil {
				t.Errorf("call %q: %v", args, err)
			}
		}
		shown++
	}
	if shown < 20 {
		t.Errorf("%d certificates, want one for most strings", shown)
	}
}

// namedAfter is a certificate whose names are s; ok is false if it cannot be made
// or read.
func namedAfter(t *testing.T, s string) (pair tls.Certificate, ok bool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: s, Organization: []string{s}}, NotAfter: time.Now().Add(time.Hour)}
	for _, names := range [][]string{{s}, nil} { // a subject may hold more than a DNS name
		c.DNSNames = names
		der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
		if err != nil {
			continue
		}
		if _, err := x509.ParseCertificate(der); err == nil {
			return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, true
		}
	}
	return pair, false
}
