// Package certs makes, writes and reads the keys and certificates of TLS and
// mutual TLS.
//
// It never prints a private key: no error of this package holds a byte of one,
// and a Pair formats as its certificate alone.
package certs

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"
)

// A KeyType is a kind of private key.
type KeyType string

// The kinds of private key. Their cost differs by the side that signs: an
// RSA-2048 handshake takes the server several times the CPU of the others.
const (
	RSA2048 KeyType = "rsa2048"
	P256    KeyType = "p256" // ECDSA
	Ed25519 KeyType = "ed25519"
)

// ParseKeyType reads a KeyType by its name.
func ParseKeyType(s string) (KeyType, error) {
	switch k := KeyType(s); k {
	case RSA2048, P256, Ed25519:
		return k, nil
	}
	return "", fmt.Errorf("key %q: must be rsa2048, p256 or ed25519", s)
}

// MaxDays is the longest validity. A hundred years is no limit anyone needs; it
// keeps dates within what certificates can hold (RFC 5280, section 4.1.2.5).
const MaxDays = 36500

// Options say what certificates to make.
type Options struct {
	Key  KeyType
	Days int       // validity in days of 24 hours, 1 to MaxDays
	SANs []string  // DNS names and IP addresses of the server; none: DefaultSANs
	Now  time.Time // when validity starts; zero: the time of the call
}

// DefaultSANs are the names of a server on this machine. Clients match the
// subject alternative names only and ignore the common name (RFC 9525, section
// 2).
func DefaultSANs() []string { return []string{"localhost", "127.0.0.1", "::1"} }

// Validate returns the first mistake in o, beginning with the option's name:
// key, days or san.
func (o Options) Validate() error {
	if _, err := ParseKeyType(string(o.Key)); err != nil {
		return err
	}
	if o.Days < 1 || o.Days > MaxDays {
		return fmt.Errorf("days %d: must be from 1 to %d", o.Days, MaxDays)
	}
	for _, san := range o.SANs {
		if addr, err := netip.ParseAddr(san); err == nil && addr.Zone() == "" {
			continue
		}
		if !isDNSName(san) {
			return fmt.Errorf("san %q: must be a DNS name or an IP address", san)
		}
	}
	return nil
}

// isDNSName reports whether s is a host name in the preferred syntax of RFC
// 1035, section 2.3.1, with two things that are in use: underscores, and an
// asterisk for the whole leftmost label.
func isDNSName(s string) bool {
	if len(s) > 253 {
		return false
	}
	labels := strings.Split(s, ".")
	if len(labels) > 1 && labels[0] == "*" {
		labels = labels[1:]
	}
	for _, label := range labels {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.ContainsFunc(label, func(r rune) bool { return !isLabelRune(r) }) {
			return false
		}
	}
	// Digits at the end are an address that netip refused, such as 300.1.1.1.
	last := labels[len(labels)-1]
	return strings.Trim(last, "0123456789") != ""
}

func isLabelRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_'
}

// A Pair is a certificate and its private key, each as one PEM block.
type Pair struct {
	CertPEM []byte
	KeyPEM  []byte // PKCS #8, not encrypted
}

// String names the pair without its key.
func (p Pair) String() string {
	return fmt.Sprintf("certificate (%d bytes of PEM) and private key", len(p.CertPEM))
}

// Format prints String for every verb, so that no verb prints the key.
func (p Pair) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, p.String()) // as every Formatter: f keeps the error
}

// A Set is what mutual TLS needs: the server and the client each trust CA and
// show a certificate that it signed.
type Set struct {
	CA, Server, Client Pair
}
