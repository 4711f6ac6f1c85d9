package runner_test

import (
	"maps"
	"net"
	"slices"
	"strings"
	"testing"

	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// Both engines send one :authority, and ask TLS for one name, whichever of TARGET,
// --server-name and --authority are given: two engines that differ are answered by two
// servers where a proxy routes by name.
func TestBothEnginesSendOneAuthority(t *testing.T) {
	lane.Long(t, "starts processes")
	for _, of := range []struct {
		host, args    string // TARGET's
		authority     string // {target}: TARGET as it is written
		name          string // that TLS asks for
		plaintext     bool
		certificateOf []string
	}{
		{host: "127.0.0.1", plaintext: true, authority: "{target}"},
		{host: "localhost", plaintext: true, authority: "{target}"},
		{host: "127.0.0.1", plaintext: true, args: "--authority api.test", authority: "api.test"},
		{host: "localhost", plaintext: true, args: "--authority api.test:443", authority: "api.test:443"},
		{host: "127.0.0.1", authority: "{target}"}, // an address is not asked for (RFC 6066, 3)
		{host: "localhost", authority: "{target}", name: "localhost"},
		{host: "localhost", args: "--authority api.test", authority: "api.test", name: "localhost"},
		{host: "127.0.0.1", args: "--server-name api.test", authority: "api.test", name: "api.test", certificateOf: []string{"api.test"}},
		{host: "localhost", args: "--server-name api.test", authority: "api.test", name: "api.test", certificateOf: []string{"api.test"}},
		{host: "localhost", args: "--server-name api.test --authority other.test:8", authority: "other.test:8", name: "api.test", certificateOf: []string{"api.test"}},
		{host: "localhost", args: "--server-name ::1 --insecure-skip-verify", authority: "[::1]"},
		{host: "localhost", args: "--server-name api.test --insecure-skip-verify", authority: "api.test", name: "api.test"},
		{host: "localhost", args: "--tls 1.2 --authority api.test", authority: "api.test", name: "localhost"},
	} {
		name := strings.TrimSpace(of.host + " " + of.args)
		if of.plaintext {
			name = "plaintext " + name
		}
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine string) {
				args := append([]string{"--engine", engine}, strings.Fields(of.args)...)
				var s *target
				if of.plaintext {
					s, args = newTarget(t, nil), append(args, "--tls", "off")
				} else {
					id := newIdentities(t, of.certificateOf...)
					s = newTarget(t, id.server)
					if !slices.Contains(args, "--insecure-skip-verify") {
						args = append(args, "--cacert", id.ca)
					}
				}
				_, port, err := net.SplitHostPort(s.addr)
				if err != nil {
					t.Fatal(err)
				}
				address := net.JoinHostPort(of.host, port)
				p := planOf(t, append(args, address)...)
				p.Saturated = 0
				a := measure(t, t.Context(), p, runner.Options{}).Arms[0]
				if l := a.LedgerTotal; l.OK == 0 || l.OK != l.Started {
					t.Errorf("ledger %+v, want every RPC ok", l)
				}
				s.mu.Lock()
				defer s.mu.Unlock()
				want := map[string]bool{strings.Replace(of.authority, "{target}", address, 1): true}
				if got := s.metadata[":authority"]; !maps.Equal(got, want) {
					t.Errorf(":authority %v, want %v", got, want)
				}
				if got := s.names; !of.plaintext && !maps.Equal(got, map[string]bool{of.name: true}) {
					t.Errorf("TLS asked for %v, want %q", got, of.name)
				}
			})
		})
	}
}

// What is verified is the server's name, not the authority.
func TestAnAuthorityIsNotVerified(t *testing.T) {
	lane.Long(t, "starts processes")
	eachEngine(t, func(t *testing.T, engine string) {
		id := newIdentities(t, "api.test")
		s := newTarget(t, id.server)
		err := refusal(t, engine, []string{"--cacert", id.ca, "--authority", "api.test", s.addr})
		if !strings.Contains(err.Error(), "use --server-name") {
			t.Errorf("error %q: the certificate is for api.test, and the TARGET is an address", err)
		}
	})
}
