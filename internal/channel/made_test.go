package channel

import (
	"crypto/tls"
	"runtime"
	"testing"
	"weak"

	"golang.org/x/net/http2"
)

// A channel that has connected ten thousand times keeps what TLS negotiated of the first and
// the latest connection, and nothing of those between.
func TestWhatReconnectsLeaveBehindIsFlat(t *testing.T) {
	const reconnects = 10_000
	s := newSpeech(t)
	states := make([]weak.Pointer[tls.ConnectionState], 0, reconnects+1)
	conns := make([]weak.Pointer[settled], 0, reconnects+1)
	for range reconnects + 1 {
		c, said := s.connect()
		c.made.State = &tls.ConnectionState{OCSPResponse: make([]byte, 64)}
		states, conns = append(states, weak.Make(c.made.State)), append(conns, weak.Make(c))
		s.hear(c, said, limit(100))
		s.hear(c, said, func(w *http2.Framer) error { return w.WriteGoAway(99, http2.ErrCodeNo, nil) })
		_ = c.Close() // returns nil
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
	if kept != 2 || open != 0 || s.Reconnects() != reconnects || len(s.Connections()) != 2 || len(s.GoAways()) != 1 {
		t.Errorf("%d TLS states and %d connections are kept after %d reconnects, want 2 and 0 after %d", kept, open, s.Reconnects(), reconnects)
	}
	runtime.KeepAlive(s.Channel)
}
