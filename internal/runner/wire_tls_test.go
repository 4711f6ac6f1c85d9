package runner_test

import (
	"crypto/tls"
	"maps"
	"os"
	"testing"
)

// plaintext is a target without TLS.
func plaintext(t *testing.T) (*target, []string) {
	return newTarget(t, nil), []string{"--tls", "off"}
}

// secure is a target with TLS, which may be changed first.
func secure(change func(*tls.Config), names ...string) func(*testing.T) (*target, []string) {
	return func(t *testing.T) (*target, []string) {
		id := newIdentities(t, names...)
		if change != nil {
			change(id.server)
		}
		return newTarget(t, id.server), []string{"--cacert", id.ca}
	}
}

// connections fails unless every connection that RPCs came on is as it must be.
func connections(ok func(*tls.ConnectionState) bool) func(*testing.T, seen) {
	return func(t *testing.T, s seen) {
		for addr, state := range s.target.peers {
			if !ok(state) {
				t.Errorf("connection from %s: %+v", addr, state)
			}
		}
	}
}

func securityRows() []row {
	version := func(v uint16) func(*testing.T, seen) {
		return connections(func(s *tls.ConnectionState) bool { return s != nil && s.Version == v && s.NegotiatedProtocol == "h2" })
	}
	group := func(id tls.CurveID) func(*testing.T, seen) {
		return connections(func(s *tls.ConnectionState) bool { return s.CurveID == id })
	}
	resumed := func(want bool) func(*testing.T, seen) {
		return connections(func(s *tls.ConnectionState) bool { return s.DidResume == want })
	}
	key := func(name string) row {
		return row{option: "key", args: "--key " + name, check: func(t *testing.T, s seen) {
			if got := s.arm.Observed.ServerKey; got != name {
				t.Errorf("the server's key is %s, want %s", got, name)
			}
		}}
	}
	return []row{
		{option: "tls", args: "", target: plaintext, check: connections(func(s *tls.ConnectionState) bool { return s == nil })},
		{option: "tls", args: "--tls 1.2", target: secure(nil), check: version(tls.VersionTLS12)},
		{option: "tls", args: "--tls 1.3", target: secure(nil), check: version(tls.VersionTLS13)},
		{option: "tls", args: "--tls off", check: tlsObserved("off")},
		{option: "tls", args: "--tls 1.2", check: tlsObserved("1.2")},
		{option: "tls", args: "--tls 1.3", check: tlsObserved("1.3")},
		key("rsa2048"), key("p256"), key("ed25519"),
		{option: "group", args: "--group x25519", target: secure(nil), check: group(tls.X25519)},
		{option: "group", args: "--group p256", target: secure(nil), check: group(tls.CurveP256)},
		{option: "group", args: "--group x25519mlkem768", target: secure(nil), check: group(tls.X25519MLKEM768)},
		{option: "group", args: "--tls 1.2 --group p256", target: secure(nil), check: group(tls.CurveP256)},
		{option: "resumption", args: "--resumption on", target: secure(nil), check: resumed(true)},
		{option: "resumption", args: "--resumption on --tls 1.2", target: secure(nil), check: resumed(true)},
		{option: "resumption", args: "--resumption on --tls 1.2 --group p256", target: secure(nil), check: resumed(true)},
		{option: "resumption", args: "--resumption on --tls 1.2 --group x25519", check: func(t *testing.T, s seen) {
			if o := s.arm.Observed; o.Group != "x25519" || o.Resumed != 4 {
				t.Errorf("%d connections resumed, of group %q, want 4 of the group in which their sessions began", o.Resumed, o.Group)
			}
		}},
		{option: "resumption", args: "--resumption off", target: secure(nil), check: resumed(false)},
		{option: "resumption", args: "--resumption on", check: func(t *testing.T, s seen) {
			if h := s.arm.Handshake; h.Resumed == nil || h.Resumed.Count != 4 || h.Full == nil || h.Full.Count != 4 {
				t.Errorf("handshakes %+v, want 4 full ones for their tickets and 4 resumed", h)
			}
		}},
	}
}

// tlsObserved is a bundled server's row: Observed, and bytes that a handshake
// needs.
func tlsObserved(version string) func(*testing.T, seen) {
	return func(t *testing.T, s seen) {
		if got := s.arm.Observed.TLSVersion; got != version {
			t.Errorf("TLS version %s, want %s", got, version)
		}
		// A certificate of P-256 has some 500 bytes; HTTP/2's SETTINGS have less.
		if got := s.arm.Handshake.Full.ReceivedBytes; (got > 500) != (version != "off") {
			t.Errorf("a handshake received %.0f bytes with TLS %s", got, version)
		}
	}
}

func identityRows() []row {
	presented := func(want bool) func(*testing.T, seen) {
		return connections(func(s *tls.ConnectionState) bool { return (len(s.PeerCertificates) > 0) == want })
	}
	mutual := func(t *testing.T) (*target, []string) {
		id := newIdentities(t)
		id.server.ClientAuth = tls.RequireAndVerifyClientCert
		return newTarget(t, id.server), []string{"--cacert", id.ca, "--cert", id.client, "--key-file", id.key}
	}
	asking := secure(func(c *tls.Config) { c.ClientAuth = tls.VerifyClientCertIfGiven })
	return []row{
		{option: "mtls", args: "--mtls on", target: mutual, check: presented(true)},
		{option: "mtls", args: "--mtls off", target: asking, check: presented(false)},
		{option: "mtls", args: "--mtls on", check: func(t *testing.T, s seen) {
			if !s.arm.Observed.ClientCertificate {
				t.Error("the bundled server saw no client certificate")
			}
		}},
		{option: "cert", args: "--tls 1.2", target: mutual, check: presented(true)},
		{option: "allow-readable-key", args: "--allow-readable-key", target: func(t *testing.T) (*target, []string) {
			s, args := mutual(t)
			if err := os.Chmod(args[5], 0o644); err != nil { // --key-file
				t.Fatal(err)
			}
			return s, args
		}, check: presented(true)},
		{option: "key-file", args: "--tls 1.3", target: mutual, check: presented(true)},
		// The authority is trusted by no system: without the flag no RPC is made.
		{option: "cacert", target: secure(nil), check: func(t *testing.T, s seen) {}},
		{option: "server-name", args: "--server-name bench.example", target: secure(nil, "bench.example"), check: func(t *testing.T, s seen) {
			if want := map[string]bool{"bench.example": true}; !maps.Equal(s.target.names, want) {
				t.Errorf("names asked for: %v, want %v", s.target.names, want)
			}
		}},
		{option: "authority", args: "--authority other.example:7", target: secure(nil), check: func(t *testing.T, s seen) {
			if want := map[string]bool{"other.example:7": true}; !maps.Equal(s.target.metadata[":authority"], want) {
				t.Errorf(":authority %v, want %v", s.target.metadata[":authority"], want)
			}
		}},
		{option: "allow-no-alpn", args: "--allow-no-alpn", target: withoutALPN,
			check: connections(func(s *tls.ConnectionState) bool { return s.NegotiatedProtocol == "" })},
		{option: "insecure-skip-verify", args: "--insecure-skip-verify", target: func(t *testing.T) (*target, []string) {
			return newTarget(t, newIdentities(t, "elsewhere.example").server), nil
		}, check: connections(func(s *tls.ConnectionState) bool { return s.HandshakeComplete })},
	}
}
