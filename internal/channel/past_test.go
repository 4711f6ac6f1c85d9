package channel

import (
	"fmt"
	"syscall"
	"testing"

	"grpcbench/internal/cause"
)

// The last RPC on a connection that was replaced ends it, and asks why it failed only then.
func TestAConnectionThatIsNoMoreStillSaysWhy(t *testing.T) {
	c := &Chain{live: map[*member]struct{}{}}
	for i := range remembered + 1 {
		m := &member{Channel: &Channel{}}
		err := fmt.Errorf("read %d: %w", i, syscall.ECONNRESET)
		m.remember(err, err)
		c.live[m] = struct{}{}
		c.forget(m)
	}
	text := func(i int) string {
		return fmt.Sprintf("error reading from server: read %d: connection reset by peer", i)
	}
	if got := c.CauseOf(text(remembered)); got != cause.Reset {
		t.Errorf("the latest: cause %q, want %q", got, cause.Reset)
	}
	if got := c.CauseOf(text(0)); got != "" {
		t.Errorf("the one before as many as are remembered: cause %q, want none", got)
	}
	if len(c.past) != remembered {
		t.Errorf("%d are kept, want %d", len(c.past), remembered)
	}
}
