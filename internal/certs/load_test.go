package certs_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"grpcbench/internal/certs"
)

// written is a server's pair in two files.
type written struct {
	pair      certs.Pair
	cert, key string // paths
}

func writeServer(t *testing.T, o certs.Options) written {
	t.Helper()
	pair, err := certs.SelfSigned(o)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := certs.WriteFiles(dir, []certs.Named{{Name: "server", Pair: pair}}, false); err != nil {
		t.Fatal(err)
	}
	return written{pair, filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")}
}

// put replaces a file's content and mode.
func put(t *testing.T, path string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// A certificate or key that cannot be used is refused by name.
//
//	fault:   files missing, empty, garbage, malformed, huge, encrypted, of each other, readable by others
//	promise: one sentence with the file and what is wrong
//	figure:  no part of the key of 6 bytes is in it, plain or encoded
func TestLoadPairSaysWhatIsWrong(t *testing.T) {
	other := newSet(t).Client
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("secret")})
	legacy := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: []byte("secret"),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}})
	badDER := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")})
	badCert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("junk")})
	for _, tt := range []struct {
		fault string
		plant func(w written)
		want  string // CERT and KEY stand for the paths
	}{
		{"certificate missing", func(w written) { _ = os.Remove(w.cert) }, "certificate CERT: open: no such file or directory"},
		{"certificate empty", func(w written) { put(t, w.cert, nil, 0o644) }, "certificate CERT: must not be empty"},
		{"certificate garbage", func(w written) { put(t, w.cert, []byte("junk"), 0o644) }, "certificate CERT: must hold a PEM block CERTIFICATE, has none"},
		{"certificate is the key", func(w written) { put(t, w.cert, w.pair.KeyPEM, 0o600) }, "certificate CERT: must hold a PEM block CERTIFICATE, has none"},
		{"certificate malformed", func(w written) { put(t, w.cert, badCert, 0o644) }, "certificate CERT: block 1 must hold an X.509 certificate: x509: malformed certificate"},
		{"certificate huge", func(w written) { put(t, w.cert, make([]byte, 1<<20+1), 0o644) }, "certificate CERT: must not be larger than 1048576 bytes"},
		{"certificate is a directory", func(w written) { _ = os.Remove(w.cert); _ = os.Mkdir(w.cert, 0o755) }, "certificate CERT: read: is a directory"},
		{"key missing", func(w written) { _ = os.Remove(w.key) }, "key KEY: open: no such file or directory"},
		{"key empty", func(w written) { put(t, w.key, nil, 0o600) }, "key KEY: must not be empty"},
		{"key garbage", func(w written) { put(t, w.key, []byte("secret"), 0o600) }, "key KEY: must hold a PEM block PRIVATE KEY, has none"},
		{"key is the certificate", func(w written) { put(t, w.key, w.pair.CertPEM, 0o600) }, "key KEY: must hold a PEM block PRIVATE KEY, has none"},
		{"key malformed", func(w written) { put(t, w.key, badDER, 0o600) }, "key KEY: must be an RSA, ECDSA or Ed25519 key in PKCS #8, PKCS #1 or SEC 1 form"},
		{"key encrypted", func(w written) { put(t, w.key, encrypted, 0o600) }, "key KEY: must not be encrypted: decrypt it with openssl pkey -in KEY"},
		{"key encrypted, older format", func(w written) { put(t, w.key, legacy, 0o600) }, "key KEY: must not be encrypted: decrypt it with openssl pkey -in KEY"},
		{"key of another", func(w written) { put(t, w.key, other.KeyPEM, 0o600) }, "key KEY: must be the key of certificate CERT"},
		{"key open to all", func(w written) { put(t, w.key, w.pair.KeyPEM, 0o644) }, "key KEY: must be closed to group and others, has mode 0644: chmod 600 KEY (use --allow-readable-key if it cannot be changed, as on a read-only mount)"},
		{"key open to the group", func(w written) { put(t, w.key, w.pair.KeyPEM, 0o640) }, "key KEY: must be closed to group and others, has mode 0640: chmod 600 KEY (use --allow-readable-key if it cannot be changed, as on a read-only mount)"},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			w := writeServer(t, certs.Options{Key: certs.P256, Days: 1})
			tt.plant(w)
			_, err := certs.LoadPair(w.cert, w.key)
			want := strings.NewReplacer("CERT:", w.cert+":", "certificate CERT", "certificate "+w.cert, "KEY:", w.key+":",
				"-in KEY", "-in "+w.key, "600 KEY", "600 "+w.key).Replace(tt.want)
			if err == nil || err.Error() != want {
				t.Fatalf("error %v, want %q", err, want)
			}
			noSecret(t, err, []byte("secret"), w.pair.KeyPEM, other.KeyPEM)
		})
	}
}

// noSecret checks that err holds no part of the secrets, plain or encoded.
func noSecret(t *testing.T, err error, secrets ...[]byte) {
	t.Helper()
	const window = 6 // bytes; a shorter part may stand in any sentence
	for _, secret := range secrets {
		if block, _ := pem.Decode(secret); block != nil {
			secret = append(bytes.Clone(block.Bytes), base64.StdEncoding.EncodeToString(block.Bytes)...)
		}
		for i := 0; i+window <= len(secret); i++ {
			part := secret[i : i+window]
			for _, form := range []string{string(part), hex.EncodeToString(part), base64.StdEncoding.EncodeToString(part)} {
				if strings.Contains(err.Error(), form) {
					t.Fatalf("error %q holds %q of a key", err, form)
				}
			}
		}
	}
}

func TestLoadPairRefusesACertificateOutsideItsDates(t *testing.T) {
	now := time.Now()
	for want, validFrom := range map[string]time.Time{
		"expired on " + now.Add(-24*time.Hour).UTC().Format("2006-01-02 15:04:05 UTC"): now.Add(-48 * time.Hour),
		"valid from " + now.Add(23*time.Hour).UTC().Format("2006-01-02 15:04:05 UTC"):  now.Add(24 * time.Hour),
	} {
		w := writeServer(t, certs.Options{Key: certs.P256, Days: 1, Now: validFrom})
		for what, load := range map[string]func() error{
			"LoadPair":  func() error { _, err := certs.LoadPair(w.cert, w.key); return err },
			"LoadRoots": func() error { _, err := certs.LoadRoots(w.cert); return err },
		} {
			err := load()
			if prefix := "certificate " + w.cert + ": " + want + ", and it is "; err == nil || !strings.HasPrefix(err.Error(), prefix) {
				t.Errorf("%s: error %v, want %q…", what, err, prefix)
			}
		}
	}
}

func TestLoadPairReadsOlderKeyFormsAndChains(t *testing.T) {
	set := newSet(t)
	w := writeServer(t, certs.Options{Key: certs.P256, Days: 1})
	key, ok := keyPair(t, w.pair).PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatal("key is not ECDSA")
	}
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	// As openssl ecparam -genkey writes it: parameters first.
	file := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 0}})
	put(t, w.key, append(file, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})...), 0o600)
	put(t, w.cert, append(bytes.Clone(w.pair.CertPEM), set.CA.CertPEM...), 0o644)
	pair, err := certs.LoadPair(w.cert, w.key)
	if err != nil {
		t.Fatal(err)
	}
	if len(pair.Certificate) != 2 || !bytes.Equal(pair.Certificate[0], parse(t, w.pair).Raw) || !bytes.Equal(pair.Certificate[1], parse(t, set.CA).Raw) {
		t.Errorf("chain of %d certificates, want the server's and the CA's", len(pair.Certificate))
	}
	server := &tls.Config{Certificates: []tls.Certificate{pair}}
	client := &tls.Config{RootCAs: roots(t, w.pair), ServerName: "localhost"}
	if clientErr, serverErr := handshake(t, client, server); clientErr != nil || serverErr != nil {
		t.Errorf("handshake: client %v, server %v", clientErr, serverErr)
	}
}

func TestLoadPairComparesKeysOfOneTypeToo(t *testing.T) {
	w := writeServer(t, certs.Options{Key: certs.P256, Days: 1})
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(stranger)
	if err != nil {
		t.Fatal(err)
	}
	put(t, w.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
	if _, err := certs.LoadPair(w.cert, w.key); err == nil || !strings.Contains(err.Error(), "must be the key of certificate") {
		t.Errorf("error %v, want a mismatch", err)
	}
}

func TestLoadRootsTrustsEveryCertificateOfTheFile(t *testing.T) {
	a, b := newSet(t), newSet(t)
	expired, err := certs.SelfSigned(certs.Options{Key: certs.P256, Days: 1, Now: time.Now().Add(-48 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bundle.crt")
	put(t, path, bytes.Join([][]byte{[]byte("# a bundle\n"), expired.CertPEM, a.CA.CertPEM, b.CA.CertPEM}, nil), 0o644)
	pool, err := certs.LoadRoots(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []certs.Set{a, b} {
		server := &tls.Config{Certificates: []tls.Certificate{keyPair(t, set.Server)}}
		client := &tls.Config{RootCAs: pool, ServerName: "localhost"}
		if clientErr, serverErr := handshake(t, client, server); clientErr != nil || serverErr != nil {
			t.Errorf("handshake: client %v, server %v", clientErr, serverErr)
		}
	}
}

func TestLoadRootsSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{"empty": "", "garbage": "junk"} {
		path := filepath.Join(dir, name)
		put(t, path, []byte(data), 0o644)
		want := map[string]string{
			"empty":   "certificate " + path + ": must not be empty",
			"garbage": "certificate " + path + ": must hold a PEM block CERTIFICATE, has none",
		}[name]
		if _, err := certs.LoadRoots(path); err == nil || err.Error() != want {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	missing := filepath.Join(dir, "missing")
	if _, err := certs.LoadRoots(missing); err == nil || err.Error() != "certificate "+missing+": open: no such file or directory" {
		t.Errorf("error %v, want no such file", err)
	}
}

// A key that others may read is taken where that is asked for, and one that they may write
// is not.
func TestLoadReadablePairTakesAReadableKey(t *testing.T) {
	for _, of := range []struct {
		mode os.FileMode
		ok   bool
	}{
		{0o400, true}, {0o600, true}, {0o440, true}, {0o640, true}, {0o444, true}, {0o644, true}, {0o444 | os.ModeSticky, true},
		{0o660, false}, {0o620, false}, {0o602, false}, {0o666, false},
	} {
		w := writeServer(t, certs.Options{Key: certs.P256, Days: 1})
		put(t, w.key, w.pair.KeyPEM, of.mode)
		pair, err := certs.LoadReadablePair(w.cert, w.key)
		if of.ok && (err != nil || pair.PrivateKey == nil) {
			t.Errorf("mode %v: error %v, want a pair", of.mode, err)
		}
		if !of.ok && (err == nil || !strings.Contains(err.Error(), "must not be writable by group and others")) {
			t.Errorf("mode %v: error %v, want a refusal of who may write", of.mode, err)
		}
		noSecretIf(t, err, w.pair.KeyPEM)
	}
	w := writeServer(t, certs.Options{Key: certs.P256, Days: 1})
	put(t, w.key, newSet(t).Client.KeyPEM, 0o644)
	if _, err := certs.LoadReadablePair(w.cert, w.key); err == nil || !strings.Contains(err.Error(), "must be the key of certificate") {
		t.Errorf("another key: error %v, want a refusal", err)
	}
}

func noSecretIf(t *testing.T, err error, secrets ...[]byte) {
	t.Helper()
	if err != nil {
		noSecret(t, err, secrets...)
	}
}
