package channel_test

import (
	"testing"
	"time"

	"grpcbench/internal/channel"
)

// A server that dies may take a connection with its last breath: of three
// connections after the first, the one that never had SETTINGS was an attempt.
func TestAnAttemptToConnectIsNoReconnect(t *testing.T) {
	stood := channel.Connection{HTTP2: time.Millisecond}
	if got := channel.Reconnects([]channel.Connection{stood, {TCP: time.Millisecond}, stood, stood}); got != 2 {
		t.Errorf("%d reconnects, want 2", got)
	}
	if got := channel.Reconnects([]channel.Connection{stood}); got != 0 {
		t.Errorf("%d reconnects of the first connection, want 0", got)
	}
}
