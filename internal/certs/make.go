package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"time"
)

// clockSkew is how long before Options.Now a certificate is valid, for clients
// whose clock is slow.
const clockSkew = time.Hour

// SelfSigned makes a server certificate that clients trust as their root. It is
// marked as a CA: implementations differ on whether another certificate may be
// a root, and OpenSSL makes self-signed ones so.
func SelfSigned(o Options) (Pair, error) {
	if err := o.Validate(); err != nil {
		return Pair{}, err
	}
	template := o.template(o.leafUsage() | x509.KeyUsageCertSign)
	o.nameServer(template)
	markCA(template)
	made, err := o.issue(template, nil)
	if err != nil {
		return Pair{}, fmt.Errorf("make self-signed certificate: %w", err)
	}
	return made.pair()
}

// Authority makes a CA and a server and a client certificate signed by it. The
// CA's key is meant to be thrown away with the others, so it signs both
// directly.
func Authority(o Options) (Set, error) {
	if err := o.Validate(); err != nil {
		return Set{}, err
	}
	ca := o.template(x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign)
	ca.Subject = pkix.Name{CommonName: "grpc-bench CA"}
	markCA(ca)
	authority, err := o.issue(ca, nil)
	if err != nil {
		return Set{}, fmt.Errorf("make CA certificate: %w", err)
	}

	server := o.template(o.leafUsage())
	o.nameServer(server)
	client := o.template(o.leafUsage())
	client.Subject = pkix.Name{CommonName: "grpc-bench client"}
	client.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}

	var set Set
	if set.CA, err = authority.pair(); err != nil {
		return Set{}, err
	}
	if set.Server, err = o.signed(server, authority); err != nil {
		return Set{}, fmt.Errorf("make server certificate: %w", err)
	}
	if set.Client, err = o.signed(client, authority); err != nil {
		return Set{}, fmt.Errorf("make client certificate: %w", err)
	}
	return set, nil
}

func (o Options) template(usage x509.KeyUsage) *x509.Certificate {
	now := o.Now
	if now.IsZero() {
		now = time.Now()
	}
	return &x509.Certificate{
		NotBefore: now.Add(-clockSkew),
		NotAfter:  now.Add(time.Duration(o.Days) * 24 * time.Hour),
		KeyUsage:  usage,
	}
}

// leafUsage is what the key of a server or client does. RSA keys may also
// decrypt, for the RSA key exchange of TLS 1.2 (RFC 5246, section 7.4.2).
func (o Options) leafUsage() x509.KeyUsage {
	if o.Key == RSA2048 {
		return x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	}
	return x509.KeyUsageDigitalSignature
}

// nameServer gives template the names of o, which must be valid.
func (o Options) nameServer(template *x509.Certificate) {
	sans := o.SANs
	if len(sans) == 0 {
		sans = DefaultSANs()
	}
	template.Subject = pkix.Name{CommonName: commonName(sans)}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, san := range sans {
		if ip := net.ParseIP(san); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, san)
		}
	}
}

// commonName is the first name, for people; clients do not read it. It must not
// be longer than 64 characters (ub-common-name of RFC 5280, appendix A.1).
func commonName(sans []string) string {
	if len(sans[0]) <= 64 {
		return sans[0]
	}
	return "grpc-bench server"
}

func markCA(template *x509.Certificate) {
	template.BasicConstraintsValid = true
	template.IsCA = true
	template.MaxPathLenZero = true // it signs no other CA
}

// issued is a certificate and the key it certifies.
type issued struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// issue makes a key and its certificate, signed by issuer, or by itself if
// issuer is nil.
func (o Options) issue(template *x509.Certificate, issuer *issued) (*issued, error) {
	key, err := o.newKey()
	if err != nil {
		return nil, err
	}
	if issuer == nil {
		issuer = &issued{cert: template, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, key.Public(), issuer.key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &issued{cert: cert, key: key}, nil
}

func (o Options) signed(template *x509.Certificate, issuer *issued) (Pair, error) {
	made, err := o.issue(template, issuer)
	if err != nil {
		return Pair{}, err
	}
	return made.pair()
}

func (o Options) newKey() (crypto.Signer, error) {
	switch o.Key {
	case RSA2048:
		return rsa.GenerateKey(rand.Reader, 2048)
	case P256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default: // Ed25519: Validate knows no other
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
}

func (i *issued) pair() (Pair, error) {
	key, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		return Pair{}, fmt.Errorf("encode private key: %w", err)
	}
	return Pair{
		CertPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw}),
		KeyPEM:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	}, nil
}
