package compare

import (
	"fmt"
	"slices"

	"grpcbench/internal/ceiling"
	"grpcbench/internal/result"
)

// streams names the server's limit of streams as the bottleneck, where most RPCs of the
// level that broke the ceiling waited for one and no CPU was used up: it is neither side's
// ceiling.
func (c climber) streams(f *result.Ceiling, broke result.Level) {
	if !result.StreamsBound(broke.Ledger) || slices.Contains([]ceiling.Bottleneck{ceiling.ClientCPU, ceiling.ServerCPU, ceiling.Lag}, ceiling.Bottleneck(f.Bottleneck)) {
		return
	}
	f.Bottleneck, f.OfServer = string(ceiling.Streams), false
}

// streamsText is whose ceiling it is that the server's limit of streams made.
func (c climber) streamsText() string {
	o := c.arm.Observed
	each := "each connection"
	switch {
	case o.Connections == 1:
		each = "its 1 connection"
	case o.Connections > 1:
		each = fmt.Sprintf("each of %d connections", o.Connections)
	}
	return fmt.Sprintf("not the server's ceiling but its limit of streams: the server allows %s on %s: use more --connections", o.StreamLimit(), each)
}
