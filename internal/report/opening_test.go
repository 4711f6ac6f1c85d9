package report

import (
	"slices"
	"testing"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// An arm speaks for those of its TLS settings, target and engine; what differs
// otherwise opens connections alike.
func TestConnectionsAreListedOncePerChoice(t *testing.T) {
	arm := func(name string, s plan.Settings) result.Arm {
		return result.Arm{Name: name, Settings: s, Handshake: &result.Handshakes{Full: &result.Handshake{Count: 4}}}
	}
	var names []string
	for _, o := range openings(result.Result{Arms: []result.Arm{
		arm("plain", plan.Settings{Engine: plan.GRPC, TLS: plan.Off}),
		arm("plain again", plan.Settings{Engine: plan.GRPC, TLS: plan.Off, Key: plan.RSA2048}),
		arm("plain wire", plan.Settings{Engine: plan.Wire, TLS: plan.Off}),
		arm("tls", plan.Settings{Engine: plan.GRPC, TLS: plan.TLS13}),
		arm("tls slowly", plan.Settings{Engine: plan.GRPC, TLS: plan.TLS13, Connections: 1}),
		arm("tls wire", plan.Settings{Engine: plan.Wire, TLS: plan.TLS13}),
		arm("another key", plan.Settings{Engine: plan.Wire, TLS: plan.TLS13, Key: plan.RSA2048}),
	}}) {
		names = append(names, o.arm)
	}
	if want := []string{"plain", "plain wire", "tls", "tls wire", "another key"}; !slices.Equal(names, want) {
		t.Errorf("listed %q, want %q", names, want)
	}
}
