package runner_test

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// protocols are TLS credentials of a server that chooses among them by ALPN: none of them
// chooses nothing.
type protocols struct {
	credentials.TransportCredentials
	config *tls.Config
}

// ServerHandshake implements credentials.TransportCredentials.
func (p protocols) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn := tls.Server(raw, p.config)
	err := conn.Handshake()
	return conn, credentials.TLSInfo{State: conn.ConnectionState()}, err
}

// withoutALPN is a target with TLS that chooses no protocol, as old proxies do.
func withoutALPN(t *testing.T) (*target, []string) {
	id := newIdentities(t)
	return newTarget(t, nil, grpc.Creds(protocols{credentials.NewTLS(id.server), id.server})), []string{"--cacert", id.ca}
}

// A server that chooses no protocol by ALPN is measured if it is allowed, by both engines
// and whatever the environment says to grpc-go, and else refused by one sentence.
//
//	fault:   a server with TLS that chooses no protocol by ALPN
//	promise: both engines refuse it before anything is measured and name --allow-no-alpn, with which both measure it
//	figure:  0 RPCs started without the flag, whatever GRPC_ENFORCE_ALPN_ENABLED is
func TestATargetWithoutALPNIsMeasuredIfAllowed(t *testing.T) {
	lane.Long(t, "starts processes")
	kinds := map[string]func(*testing.T, ...string) plan.Plan{"run": planOf, "handshake": handshakesOf}
	for _, enforce := range []string{"", "true", "false"} {
		for _, engine := range []string{plan.GRPC, plan.Wire} {
			for kind, of := range kinds {
				t.Run(strings.Join([]string{kind, engine, "enforce=" + enforce}, " "), func(t *testing.T) {
					t.Setenv("GRPC_ENFORCE_ALPN_ENABLED", enforce)
					s, args := withoutALPN(t)
					args = append(args, "--engine", engine, s.addr)
					_, err := runner.Run(t.Context(), of(t, args...), runner.Options{Command: newChildren(t).command(t)})
					if !errors.Is(err, runner.ErrPreflight) || !strings.Contains(err.Error(), "chose no protocol by ALPN") || !strings.Contains(err.Error(), "--allow-no-alpn") {
						t.Errorf("%v, want a refusal that names the flag", err)
					}
					if s.rpcs() != 0 {
						t.Errorf("the server saw %d RPCs", s.rpcs())
					}
					p := of(t, append(args, "--allow-no-alpn")...)
					p.Saturated = 0
					r := measure(t, t.Context(), p, runner.Options{})
					if c := checkOf(t, r, "settings_not_observed"); c.Verdict != result.Valid {
						t.Errorf("settings not observed: %s%s", c.Text, c.Skipped)
					}
					if got := r.Arms[0].Observed.ALPN; got != plan.NoALPN {
						t.Errorf("ALPN %q, want none", got)
					}
					if s.rpcs() == 0 {
						t.Error("the server saw no RPC")
					}
				})
			}
		}
	}
}

// The flag allows a choice that is missing, and no other protocol.
func TestAnotherProtocolIsNotAllowed(t *testing.T) {
	lane.Long(t, "starts processes")
	eachEngine(t, func(t *testing.T, engine string) {
		id := newIdentities(t)
		config := id.server.Clone()
		config.NextProtos = []string{"http/1.1"}
		addr := listening(t, config, shake)
		err := refusal(t, engine, []string{"--cacert", id.ca, "--allow-no-alpn", addr})
		if !strings.Contains(err.Error(), "speaks other protocols than HTTP/2, by ALPN") {
			t.Errorf("%v, want a refusal that says so", err)
		}
	})
}

// A server that chooses HTTP/2 is observed to have done so, with the flag too.
func TestALPNIsObservedWhereItNeedNotBe(t *testing.T) {
	lane.Long(t, "starts processes")
	eachEngine(t, func(t *testing.T, engine string) {
		s, args := secure(nil)(t)
		p := planOf(t, append(args, "--engine", engine, "--allow-no-alpn", s.addr)...)
		p.Saturated = 0
		if got := measure(t, t.Context(), p, runner.Options{}).Arms[0].Observed.ALPN; got != "h2" {
			t.Errorf("ALPN %q, want h2", got)
		}
	})
}
