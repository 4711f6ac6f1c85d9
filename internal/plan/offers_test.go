package plan

import (
	"slices"
	"strings"
	"testing"
)

// What is offered can be taken, and what takes words offers each of them.
func TestEveryValueOfferedIsTaken(t *testing.T) {
	offers := Offers()
	for _, s := range settings() {
		for _, value := range offers[s.name] {
			if err := s.set(&Arm{}, value); err != nil {
				t.Errorf("--%s %s: %v", s.name, value, err)
			}
		}
		if !slices.Contains(offers["vary"], s.name+"=") {
			t.Errorf("--vary does not offer %s", s.name)
		}
	}
	for _, o := range slices.Concat(options(), ceilingOptions()) {
		for _, value := range offers[o.name] {
			if strings.HasSuffix(value, "<") { // the beginning of a limit
				if value += "0.5"; strings.HasPrefix(value, "latency_") {
					value += "ms"
				}
			}
			if err := o.set(&draft{}, value); err != nil {
				t.Errorf("--%s %s: %v", o.name, value, err)
			}
		}
	}
	for name, want := range map[string]string{"tls": "off 1.2 1.3", "mtls": "on off", "loop": "open closed", "windows": "static dynamic", "engine": "grpc wire", "epochs": "", "rate": ""} {
		if got := strings.Join(offers[name], " "); got != want {
			t.Errorf("--%s offers %q, want %q", name, got, want)
		}
	}
}
