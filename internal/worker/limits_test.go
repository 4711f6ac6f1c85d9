package worker

import (
	"testing"
	"time"
)

// The order to connect has room for a connection and for finding out why there is none,
// whatever a connection may take.
func TestTheLimitsOfOrdersFollowTheTimeout(t *testing.T) {
	for timeout, opened := range map[time.Duration]time.Duration{0: 5 * time.Second, time.Second: time.Second, time.Minute: time.Minute} {
		if got := ConnectLimit(timeout); got <= 2*opened || got > 2*opened+5*time.Second {
			t.Errorf("timeout %v: connecting may take %v", timeout, got)
		}
		if got := RenewLimit(timeout); got <= opened || got > opened+5*time.Second {
			t.Errorf("timeout %v: replacing may take %v", timeout, got)
		}
	}
}
