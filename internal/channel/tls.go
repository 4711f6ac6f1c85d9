package channel

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
)

// TLSOptions is what a client decides about TLS.
type TLSOptions struct {
	Version    string // "1.2" or "1.3": exactly this one
	Group      string // "x25519", "p256", "x25519mlkem768"; "": Go's own list
	Roots      *x509.CertPool
	ServerName string // "": the host of the address
	SkipVerify bool
	// Client returns the certificate for mutual TLS; it is called when a server
	// asks for one. nil: none.
	Client func() *tls.Certificate
	// Resume keeps session tickets, one config a channel.
	Resume bool
}

// Config returns the configuration of one channel.
func (o TLSOptions) Config() (*tls.Config, error) {
	c := &tls.Config{RootCAs: o.Roots, ServerName: o.ServerName, InsecureSkipVerify: o.SkipVerify}
	switch o.Version {
	case "1.2":
		c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	case "1.3":
		c.MinVersion, c.MaxVersion = tls.VersionTLS13, tls.VersionTLS13
	default:
		return nil, fmt.Errorf("tls %q: must be 1.2 or 1.3", o.Version)
	}
	switch o.Group {
	case "":
	case "x25519":
		c.CurvePreferences = []tls.CurveID{tls.X25519}
	case "p256":
		c.CurvePreferences = []tls.CurveID{tls.CurveP256}
	case "x25519mlkem768":
		c.CurvePreferences = []tls.CurveID{tls.X25519MLKEM768}
	default:
		return nil, fmt.Errorf("group %q: must be x25519, p256 or x25519mlkem768", o.Group)
	}
	if o.Client != nil {
		// Presented whatever the server's list of acceptable issuers says, so that a
		// server that does not know the issuer refuses it by name.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return o.Client(), nil }
	}
	if o.Resume {
		c.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	}
	return c, nil
}
