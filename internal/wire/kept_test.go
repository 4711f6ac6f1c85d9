package wire

import (
	"crypto/tls"
	"errors"
	"runtime"
	"testing"
	"time"
	"weak"

	"grpcbench/internal/channel"
)

// A channel that has connected ten thousand times keeps what TLS negotiated of the first and
// the latest connection, and nothing of those between.
func TestWhatReconnectsLeaveBehindIsFlat(t *testing.T) {
	const reconnects = 10_000
	c := newClient(t, Request{Length: 0})
	states := make([]weak.Pointer[tls.ConnectionState], 0, reconnects+1)
	conns := make([]weak.Pointer[conn], 0, reconnects+1)
	for i := range reconnects + 1 {
		state := &tls.ConnectionState{OCSPResponse: make([]byte, 64)}
		states, conns = append(states, weak.Make(state)), append(conns, weak.Make(c.conn))
		c.note(channel.Connection{HTTP2: time.Millisecond, State: state})
		c.start(int64(i), 1)
		c.must(t, c.ok(1))
		c.Channel.dialing = true // by the test
		c.must(t, c.goAway(1))
		c.lost(c.conn, errors.New("ended"))
		c.connect()
		c.must(t, c.settings())
	}
	runtime.GC()
	kept, open := 0, 0
	for i := range states {
		if states[i].Value() != nil {
			kept++
		}
		if conns[i].Value() != nil {
			open++
		}
	}
	if kept != 2 || open != 0 || c.Reconnects() != reconnects || len(c.Connections()) != 2 || len(c.GoAways()) != 1 {
		t.Errorf("%d TLS states and %d connections are kept after %d reconnects, want 2 and 0 after %d", kept, open, c.Reconnects(), reconnects)
	}
	runtime.KeepAlive(c.Channel)
}
