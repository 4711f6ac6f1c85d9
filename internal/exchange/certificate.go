package exchange

import (
	"crypto/tls"
	"time"
)

// Certificate is the server's, in short.
type Certificate struct {
	Subject, Issuer string
	Names           []string // DNS names, IP addresses and URIs it is for
	From, Until     time.Time
	// Chain is the number of certificates the server sent, this one included.
	Chain int
	// Verified: an authority that is trusted here has signed it.
	Verified bool
}

// certificateOf is the certificate of a connection; nil for plaintext, and when
// the server sent none.
func certificateOf(s *tls.ConnectionState) *Certificate {
	if s == nil || len(s.PeerCertificates) == 0 {
		return nil
	}
	leaf := s.PeerCertificates[0]
	c := &Certificate{
		Subject: leaf.Subject.String(), Issuer: leaf.Issuer.String(), Names: leaf.DNSNames,
		From: leaf.NotBefore.UTC(), Until: leaf.NotAfter.UTC(),
		Chain: len(s.PeerCertificates), Verified: len(s.VerifiedChains) > 0,
	}
	for _, ip := range leaf.IPAddresses {
		c.Names = append(c.Names, ip.String())
	}
	for _, uri := range leaf.URIs {
		c.Names = append(c.Names, uri.String())
	}
	return c
}
