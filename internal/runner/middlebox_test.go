package runner_test

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc/credentials"

	"grpcbench/internal/plan"
	"grpcbench/internal/runner"
	"grpcbench/testing/faultproxy"
	"grpcbench/testing/lane"
)

// A ClientHello that is refused for its size is named before anything is measured, by one
// more handshake that no count holds.
//
//	fault:   a server or middlebox that resets, ends or does not answer a TLS connection that begins with two packets, as a post-quantum key share makes them
//	promise: refused before anything is measured, with the cause and --group x25519
//	figure:  1 handshake more
func TestAClientHelloThatIsTooLargeIsNamedBeforehand(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	id := newIdentities(t)
	for _, does := range []string{faultproxy.HelloReset, faultproxy.HelloEnded, faultproxy.HelloSilent} {
		for kind, of := range map[string]func(args ...string) plan.Plan{
			"run":       func(args ...string) plan.Plan { return planOf(t, append(args, "--connect-timeout", "500ms")...) },
			"handshake": func(args ...string) plan.Plan { return handshakesOf(t, append(args, "--timeout", "500ms")...) },
		} {
			t.Run(does+"/"+kind, func(t *testing.T) {
				t.Parallel()
				eachEngine(t, func(t *testing.T, engine string) {
					s := newTarget(t, id.server)
					m, err := faultproxy.NewMiddlebox(s.addr, does)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(m.Close)
					_, err = runner.Run(t.Context(), of(m.Address(), "--cacert", id.ca, "--engine", engine), runner.Options{Command: newChildren(t).command(t)})
					if !errors.Is(err, runner.ErrPreflight) {
						t.Fatalf("%v, want a refusal of the preflight", err)
					}
					for _, word := range []string{"a middlebox cannot take a ClientHello of two packets", "X25519MLKEM768", "(use --group x25519)"} {
						if !strings.Contains(err.Error(), word) {
							t.Errorf("%q: must say %q", err, word)
						}
					}
					if strings.Contains(err.Error(), "--tls off") || m.Forwarded() != 1 || s.rpcs() != 0 {
						t.Errorf("%q after %d handshakes of one packet and %d RPCs, want 1 and none", err, m.Forwarded(), s.rpcs())
					}
				})
			})
		}
	}
}

// What a server offers is asked with the client's certificate, if it wants one.
func TestWhatAServerOffersIsAskedWithTheCertificate(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	id := newIdentities(t)
	eachEngine(t, func(t *testing.T, engine string) {
		config := id.server.Clone()
		config.MaxVersion, config.ClientAuth = tls.VersionTLS12, tls.RequireAnyClientCert
		fine := func(m moody, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
			return m.TransportCredentials.ServerHandshake(raw)
		}
		addr, ca, _ := newMoody(t, 0, config, fine)
		p := handshakesOf(t, addr, "--cacert", ca, "--engine", engine, "--mtls", "on", "--cert", id.client, "--key-file", id.key, "--tls", "1.3")
		_, err := runner.Run(t.Context(), p, runner.Options{Command: newChildren(t).command(t)})
		if !errors.Is(err, runner.ErrPreflight) || !strings.Contains(err.Error(), "does not speak TLS 1.3 (change --tls): it offers TLS 1.2: ") {
			t.Errorf("%v, want a refusal that says what is offered", err)
		}
	})
}
