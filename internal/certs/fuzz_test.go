package certs

import (
	"crypto"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// sentences are all that is said of a key file. They hold nothing of it.
var sentences = regexp.MustCompile(`^key KEY: must (not be empty|not be larger than 1048576 bytes|hold a PEM block PRIVATE KEY, has none|` +
	`not be encrypted: decrypt it with openssl pkey -in KEY|be an RSA, ECDSA or Ed25519 key in PKCS #8, PKCS #1 or SEC 1 form)$`)

// FuzzPEM checks that no file ends the process, that what is said of a key holds
// nothing of its file, and that a pair that is accepted can be used.
func FuzzPEM(f *testing.F) {
	pair, err := SelfSigned(Options{Key: P256, Days: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pair.CertPEM, pair.KeyPEM)
	f.Add(pair.KeyPEM, pair.CertPEM)
	f.Add(append(pair.CertPEM, pair.KeyPEM...), append(pair.CertPEM, pair.KeyPEM...))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), []byte("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END EC PRIVATE KEY-----\n"))
	f.Add([]byte("-----BEGIN \x1b[2J-----\n-----END \x1b[2J-----\n"), []byte{})
	dir := f.TempDir()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "KEY")
	f.Fuzz(func(t *testing.T, certificate, private []byte) {
		for path, data := range map[string][]byte{cert: certificate, key: private} {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := readKey(key, 0o077); err != nil && !sentences.MatchString(regexp.MustCompile(regexp.QuoteMeta(key)).ReplaceAllString(err.Error(), "KEY")) {
			t.Errorf("of a key is said %q", err)
		}
		_, _ = LoadRoots(cert) // it ends
		loaded, err := LoadPair(cert, key)
		if err != nil {
			return
		}
		signer, ok := loaded.PrivateKey.(crypto.Signer)
		if !ok || loaded.Leaf == nil || len(loaded.Certificate) == 0 || !loaded.Leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }).Equal(signer.Public()) {
			t.Errorf("accepted a pair that does not fit")
		}
	})
}
