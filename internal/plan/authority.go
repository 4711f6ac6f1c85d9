package plan

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"grpcbench/internal/address"
)

// maxAuthority is a name of 255 bytes (RFC 1035, 2.3.4) with a port.
const maxAuthority = 255 + len(":65535")

// AuthorityOf is the :authority of RPCs to the server at an address, which is as TARGET
// was written (RFC 9113, 8.3.1): the one that was given, else the name that the
// certificate must hold, else the address, or localhost for a Unix socket. What is verified never depends on it.
func (t Target) AuthorityOf(to string) string {
	if ip, err := netip.ParseAddr(t.ServerName); t.Authority == "" && err == nil && ip.Is6() {
		return "[" + t.ServerName + "]" // RFC 3986, 3.2.2
	}
	if address.IsUnix(to) {
		to = address.Local
	}
	return cmp.Or(t.Authority, t.ServerName, withoutZone(to))
}

// withoutZone is an address without the zone of a link-local host, which means something
// on this machine alone (RFC 6874, section 1).
func withoutZone(address string) string {
	before, rest, found := strings.Cut(address, "%")
	_, after, closed := strings.Cut(rest, "]")
	if !found || !closed {
		return address
	}
	return before + "]" + after
}

// parseAuthority reads an authority without userinfo (RFC 3986, 3.2; RFC 9113, 8.3.1
// forbids it): HOST or HOST:PORT.
func parseAuthority(text string) (string, error) {
	if text == "" || len(text) > maxAuthority || strings.ContainsFunc(text, func(r rune) bool { return !inAuthority(r) }) {
		return "", fmt.Errorf("must be HOST or HOST:PORT in ASCII, without @, commas, spaces and slashes, of at most %d bytes", maxAuthority)
	}
	return text, nil
}

// parseServerName reads the name of a server: it is in the handshake and, unless there is
// an authority of its own, in every RPC.
func parseServerName(text string) (string, error) {
	_, err := parseAuthority(text)
	_, notIP := netip.ParseAddr(text)
	if err != nil || len(text) > maxAuthority-len(":65535") || notIP != nil && strings.ContainsAny(text, ":[]%") {
		return "", errors.New("must be a host name or an IP address in ASCII, without a port")
	}
	return text, nil
}

// inAuthority reports whether r can be part of a host and port (RFC 3986, 3.2.2):
// unreserved, percent-encoded, sub-delims, or the colons and brackets of an address. A
// comma, which no host name has, would be a list of two.
func inAuthority(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~!$&'()*+;=:%[]", r)
}
