package compare

import (
	"strings"
	"testing"

	"grpcbench/internal/ceiling"
	"grpcbench/internal/load"
	"grpcbench/internal/result"
)

// A limit of streams is nobody's ceiling, unless a CPU was used up as well.
func TestALimitOfStreamsIsNotTheServersCeiling(t *testing.T) {
	for _, of := range []struct {
		name       string
		bottleneck ceiling.Bottleneck
		waits      int64 // of 100
		streams    bool
	}{
		{"no CPU was used up", ceiling.Neither, 100, true}, {"CPU is not known", "", 51, true},
		{"half of them", ceiling.Neither, 50, false}, {"none waited", ceiling.Neither, 0, false},
		{"the server's CPU", ceiling.ServerCPU, 100, false}, {"the client's CPU", ceiling.ClientCPU, 100, false},
	} {
		arm := &result.Arm{Observed: result.Observed{Connections: 4, ServerSettings: []result.ServerSettings{result.SettingsOf(map[uint16]uint32{3: 2}, 4)}}}
		f := &result.Ceiling{Outcome: result.Reached, Bottleneck: string(of.bottleneck), OfServer: of.bottleneck == ceiling.Neither}
		c := climber{arm: arm}
		c.streams(f, result.Level{Step: result.Step{Ledger: load.Ledger{Started: 100, StreamWaits: of.waits}}})
		const want = "the server allows 2 streams on each of 4 connections: use more --connections"
		if got := c.whose(f); strings.Contains(got, want) != of.streams || of.streams && f.OfServer {
			t.Errorf("%s: %q of the server %t, want streams %t", of.name, got, f.OfServer, of.streams)
		}
	}
}
