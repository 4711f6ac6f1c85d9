package channel_test

import (
	"testing"
	"time"

	"grpcbench/internal/channel"
)

// A server that dies may take a connection with its last breath: of three
// connections after the first, the one that never had SETTINGS was an attempt.
func TestAnAttemptToConnectIsNoReconnect(t *testing.T) {
	var made channel.Made
	for i, stood := range []bool{true, false, true, true} {
		c := &channel.Connection{TCP: time.Duration(i)}
		made.Add(c)
		if stood {
			made.Settled(c)
		}
		if want := []int64{0, 0, 1, 2}[i]; made.Reconnects() != want {
			t.Errorf("%d reconnects after connection %d, want %d", made.Reconnects(), i, want)
		}
	}
	if ends := made.Ends(); len(ends) != 2 || ends[0].TCP != 0 || ends[1].TCP != 3 {
		t.Errorf("connections %+v, want the first and the latest", ends)
	}
}
