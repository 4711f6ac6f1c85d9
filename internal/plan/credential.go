package plan

import (
	"net/netip"
	"slices"
	"strings"

	"grpcbench/internal/address"
)

// Credential reports whether metadata of that name looks like a credential: its
// value opens something to whoever reads it. Names are in lower case.
func Credential(name string) bool {
	return slices.ContainsFunc(credentialWords(), func(word string) bool { return strings.Contains(name, word) })
}

// credentialWords are parts of names, by the names in use: authorization,
// proxy-authorization, x-api-key, set-cookie, x-amz-security-token, session-id.
func credentialWords() []string {
	return []string{"authorization", "cookie", "token", "key", "secret", "password", "credential", "session"}
}

// checkCredentials refuses metadata that looks like a credential where others
// could read it: in plaintext, or at a server that anybody may pretend to be. On
// this machine there is nobody on the way.
func checkCredentials(arms []Arm, t Target, m *mistakes) {
	if t.AllowCleartextCredentials {
		return
	}
	for _, a := range arms {
		s := a.Settings
		how, instead := "with --tls off, readable to all on the way", "--tls 1.3"
		switch {
		case loopback(s.Target), s.TLS != Off && !t.InsecureSkipVerify:
			continue
		case s.TLS != Off:
			how, instead = "with --insecure-skip-verify, to whoever answers there", "--cacert"
		}
		for _, key := range s.Metadata {
			if Credential(key.Name) {
				m.add("--metadata %s: must not go to %s %s (use %s, or --allow-cleartext-credentials)", key.Name, s.Target, how, instead)
			}
		}
	}
}

// loopback reports whether a target is on this machine: a Unix socket, localhost, which
// names nothing else (RFC 6761, section 6.3), or an address of 127.0.0.0/8 or ::1.
func loopback(target string) bool {
	host := address.Host(target)
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
