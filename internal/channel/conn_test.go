package channel

import (
	"crypto/tls"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// refusing is a connection whose server is gone: writing fails at once, and what the
// server said before is read later.
type refusing struct {
	net.Conn
	written, said error
}

func (r refusing) Write([]byte) (int, error) { return 0, r.written }
func (r refusing) Read([]byte) (int, error)  { time.Sleep(time.Second); return 0, r.said }

// The transport closes a connection that it cannot write to. What the server said
// before it went must have been read by then.
func TestTheLastWordsOfAServerAreReadBeforeAWriteFails(t *testing.T) {
	alert := tls.AlertError(48) // unknown_ca (RFC 8446, 6.2)
	for _, gone := range []error{syscall.EPIPE, syscall.ECONNRESET} {
		synctest.Test(t, func(t *testing.T) {
			c := &Channel{}
			s := &settled{Conn: refusing{written: gone, said: alert}, channel: c, made: &Connection{}, heard: make(chan struct{})}
			go func() { _, _ = s.Read(nil) }()
			for range 2 { // the second does not wait
				if _, err := s.Write([]byte("PRI")); !errors.Is(err, gone) {
					t.Errorf("write: %v, want %v", err, gone)
				}
			}
			if err := c.cause(); !errors.Is(err, alert) {
				t.Errorf("%v: the cause is %v, want %v", gone, err, alert)
			}
		})
	}
}
