package certs

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// maxFile is the largest file read, in bytes: several times a system's whole
// root bundle, small enough to read by mistake.
const maxFile = 1 << 20

// LoadPair reads a PEM certificate, with its chain if the file holds one, and
// its private key. The certificate must be valid now and the key must be its
// own, not encrypted, and closed to group and others.
func LoadPair(certFile, keyFile string) (tls.Certificate, error) {
	return loadPair(certFile, keyFile, 0o077)
}

// LoadReadablePair is LoadPair of a key that group and others may read, but not write: on a
// mount that cannot be changed, such as a Kubernetes secret.
func LoadReadablePair(certFile, keyFile string) (tls.Certificate, error) {
	return loadPair(certFile, keyFile, 0o022)
}

// loadPair is LoadPair of a key whose mode has none of the closed bits.
func loadPair(certFile, keyFile string, closed fs.FileMode) (tls.Certificate, error) {
	chain, err := readCertificates(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf := chain[0]
	if err := checkValidity(certFile, leaf, time.Now()); err != nil {
		return tls.Certificate{}, err
	}
	key, err := readKey(keyFile, closed)
	if err != nil {
		return tls.Certificate{}, err
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(leaf.PublicKey) {
		return tls.Certificate{}, fmt.Errorf("key %s: must be the key of certificate %s", keyFile, certFile)
	}
	pair := tls.Certificate{PrivateKey: key, Leaf: leaf}
	for _, cert := range chain {
		pair.Certificate = append(pair.Certificate, cert.Raw)
	}
	return pair, nil
}

// LoadRoots reads the PEM certificates of the authorities to trust. At least
// one must be valid now: bundles carry expired ones.
func LoadRoots(file string) (*x509.CertPool, error) {
	roots, err := readCertificates(file)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	pool := x509.NewCertPool()
	valid := false
	for _, cert := range roots {
		valid = valid || checkValidity(file, cert, now) == nil
		pool.AddCert(cert)
	}
	if !valid {
		return nil, checkValidity(file, roots[0], now)
	}
	return pool, nil
}

func checkValidity(file string, cert *x509.Certificate, now time.Time) error {
	const layout = "2006-01-02 15:04:05 MST"
	switch {
	case now.After(cert.NotAfter):
		return fmt.Errorf("certificate %s: expired on %s, and it is %s here",
			file, cert.NotAfter.UTC().Format(layout), now.UTC().Format(layout))
	case now.Before(cert.NotBefore):
		return fmt.Errorf("certificate %s: valid from %s, and it is %s here",
			file, cert.NotBefore.UTC().Format(layout), now.UTC().Format(layout))
	}
	return nil
}

// readCertificates returns the certificates of a PEM file in order, at least
// one. Blocks of other types are passed over.
func readCertificates(path string) ([]*x509.Certificate, error) {
	data, _, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", path, err)
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %s: block %d must hold an X.509 certificate: %w", path, len(certs)+1, err)
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("certificate %s: must hold a PEM block CERTIFICATE, has none", path)
	}
	return certs, nil
}

// readKey returns the first private key of a PEM file whose mode has none of the closed
// bits. Its errors hold nothing
// of the file, not even the words of a parser.
func readKey(path string, closed fs.FileMode) (crypto.Signer, error) {
	data, mode, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", path, err)
	}
	switch open := mode.Perm() & closed; {
	case open&0o022 != 0 && closed == 0o022:
		return nil, fmt.Errorf("key %s: must not be writable by group and others, has mode %04o: chmod 600 %s", path, mode.Perm(), path)
	case open != 0:
		return nil, fmt.Errorf("key %s: must be closed to group and others, has mode %04o: chmod 600 %s (use --allow-readable-key if it cannot be changed, as on a read-only mount)", path, mode.Perm(), path)
	}
	block, rest := pem.Decode(data)
	for block != nil && !strings.HasSuffix(block.Type, "PRIVATE KEY") {
		block, rest = pem.Decode(rest) // EC PARAMETERS, or the certificate
	}
	if block == nil {
		return nil, fmt.Errorf("key %s: must hold a PEM block PRIVATE KEY, has none", path)
	}
	if isEncrypted(block) {
		return nil, fmt.Errorf("key %s: must not be encrypted: decrypt it with openssl pkey -in %s", path, path)
	}
	key, ok := parseKey(block.Bytes)
	if !ok {
		return nil, fmt.Errorf("key %s: must be an RSA, ECDSA or Ed25519 key in PKCS #8, PKCS #1 or SEC 1 form", path)
	}
	return key, nil
}

// isEncrypted knows PKCS #8 (RFC 7468, section 11) and the header of RFC 1421,
// section 4.6.1.1, which OpenSSL writes in its older formats.
func isEncrypted(block *pem.Block) bool {
	return block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED")
}

func parseKey(der []byte) (key crypto.Signer, ok bool) {
	if parsed, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		key, ok = parsed.(crypto.Signer) // an ECDH key cannot sign
		return key, ok
	}
	if parsed, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return parsed, true
	}
	if parsed, err := x509.ParseECPrivateKey(der); err == nil {
		return parsed, true
	}
	return nil, false
}

// readFile reads a file of 1 to maxFile bytes and its mode. Its errors are to
// be prefixed with the path.
func readFile(path string) ([]byte, fs.FileMode, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, withoutPath(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, withoutPath(err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, 0, withoutPath(err)
	case len(data) == 0:
		return nil, 0, errors.New("must not be empty")
	case len(data) > maxFile:
		return nil, 0, fmt.Errorf("must not be larger than %d bytes", maxFile)
	}
	return data, info.Mode(), nil
}

// withoutPath drops the path from an error of package os.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", e.Op, e.Err)
	}
	return err
}
