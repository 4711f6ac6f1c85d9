package runner_test

import (
	"crypto/tls"
	"testing"

	"grpcbench/internal/plan"
	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// A server that takes P-256 alone, as gRPC's C core does, asks a client that offers other key
// shares for another one in every TLS 1.3 handshake. Each is counted once, also of
// connections that take the place of others, and no other one is.
func TestEachHelloRetryRequestIsCounted(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	one := func(args ...string) plan.Plan { return planOf(t, args...) }
	opened := func(args ...string) plan.Plan { return handshakesOf(t, args...) }
	p256 := []tls.CurveID{tls.CurveP256}
	for name, of := range map[string]struct {
		plan   func(args ...string) plan.Plan
		groups []tls.CurveID
		args   []string
		want   int64 // besides those that took the place of others
	}{
		"run":                    {plan: one, groups: p256, want: 4},
		"a connection":           {plan: one, groups: p256, args: []string{"--connections", "1"}, want: 1},
		"resumed":                {plan: one, groups: p256, args: []string{"--resumption", "on"}, want: 4},
		"churn":                  {plan: one, groups: p256, args: []string{"--churn", "20/s"}, want: 4},
		"handshakes":             {plan: opened, groups: p256, want: 4},
		"handshakes, resumed":    {plan: opened, groups: p256, args: []string{"--resumption", "on"}, want: 8},
		"x25519 is preferred":    {plan: one},
		"its group":              {plan: one, groups: p256, args: []string{"--group", "p256"}},
		"TLS 1.2":                {plan: one, groups: p256, args: []string{"--tls", "1.2"}},
		"handshakes, none":       {plan: opened},
		"plaintext":              {plan: one, args: []string{"--tls", "off"}},
		"the second key share":   {plan: one, groups: []tls.CurveID{tls.X25519}},
		"a group without shares": {plan: opened, groups: []tls.CurveID{tls.CurveP384}, want: 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachEngine(t, func(t *testing.T, engine string) {
				id := newIdentities(t)
				id.server.CurvePreferences = of.groups
				args := append(of.args, "--cacert", id.ca)
				if name == "plaintext" {
					id.server, args = nil, of.args
				}
				r := measure(t, t.Context(), of.plan(append(args, "--engine", engine, newTarget(t, id.server).addr)...), runner.Options{})
				want, o := of.want, r.Arms[0].Observed
				if o.Replaced != nil && of.want > 0 {
					want += o.Replaced.Opened
				}
				if o.HelloRetryRequests != want {
					t.Errorf("%d HelloRetryRequests, want %d", o.HelloRetryRequests, want)
				}
				if name == "churn" && (o.Replaced == nil || o.Replaced.Opened == 0) {
					t.Errorf("no connection was replaced: %+v", o.Replaced)
				}
			})
		})
	}
}
