package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"

	"grpcbench/internal/load"
)

// One stream is allowed and others wait for it: an RPC that was refused goes to the
// end of the line, and the line moves on.
func TestARefusedRPCDoesNotStopTheLine(t *testing.T) {
	c := newClient(t, Request{Length: 0})
	c.must(t, c.settings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1}))
	c.start(0, 3)
	c.must(t, c.wrote(c.WriteRSTStream(1, http2.ErrCodeRefusedStream)))
	for id := uint32(3); id <= 7; id += 2 {
		if c.conn.streams.get(id) == nil {
			t.Fatalf("stream %d was not begun: outcomes %v", id, c.told.codes)
		}
		c.must(t, c.ok(id))
	}
	for seq := range int64(3) {
		if got := c.told.codes[seq]; got != load.OK {
			t.Errorf("RPC %d: %q, want OK", seq, got)
		}
	}
}

// An attempt is a stream: an RPC that waited and was moved without one is no attempt.
func TestAttemptsAreStreams(t *testing.T) {
	c := newClient(t, Request{Length: 0})
	c.must(t, c.settings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1}))
	c.start(0, 3)
	c.Channel.dialing = true
	c.must(t, c.goAway(1))
	c.connect()
	c.must(t, c.settings())
	_, blocks, _ := sentOn(t, c.frames(t), maxFrame)
	if attempts, _ := c.Attempts(); attempts != 3 || len(blocks) != 2 {
		t.Errorf("%d attempts, %d streams on the second connection, want 1 + 2", attempts, len(blocks))
	}
}

// SETTINGS came and the connection ended, or the time to wait for them has: whichever
// is seen first, it was made. Otherwise two goroutines would dial for one channel.
func TestAConnectionThatWasMadeWasMade(t *testing.T) {
	c := newClient(t, Request{})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // select chooses at random
		ended := make(chan error, 1)
		ended <- io.EOF
		if err := c.conn.await(over, ended); err != nil {
			t.Fatalf("a connection that had its SETTINGS: %v", err)
		}
	}
	c.connect()
	ended := make(chan error, 1)
	ended <- io.EOF
	if err := c.conn.await(t.Context(), ended); err != io.EOF {
		t.Errorf("a connection that ended before its SETTINGS: %v, want EOF", err)
	}
}

// unwritable is a connection whose writing fails with broken, and whose reading ends
// with last as soon as the server is gone, or with net.ErrClosed after Close.
type unwritable struct {
	net.Conn
	broken, last error
	closed       chan struct{}
}

func (u *unwritable) Write([]byte) (int, error) { return 0, u.broken }
func (u *unwritable) Close() error              { close(u.closed); return nil }

func (u *unwritable) Read([]byte) (int, error) {
	if u.last != nil {
		return 0, u.last
	}
	<-u.closed
	return 0, net.ErrClosed
}

// The first that fails on a connection which was reset may be a write. Then the cause
// is the write's, unless the server said why before it went.
func TestTheCauseOfAnEndIsNotThatWeClosed(t *testing.T) {
	alert := tls.AlertError(116) // certificate_required (RFC 8446, 6.2)
	for _, c := range []struct{ broken, last, want error }{
		{syscall.EPIPE, io.EOF, syscall.EPIPE},
		{syscall.ECONNRESET, io.EOF, syscall.ECONNRESET},
		{syscall.EPIPE, syscall.ECONNRESET, syscall.ECONNRESET},
		{syscall.EPIPE, alert, alert},
		{errBacklog, nil, errBacklog},
	} {
		synctest.Test(t, func(t *testing.T) {
			u := &unwritable{broken: c.broken, last: c.last, closed: make(chan struct{})}
			conn := newConn(newClient(t, Request{}).Channel, u)
			ended := make(chan error, 1)
			conn.flush()
			go func() { ended <- conn.read() }()
			if err := <-ended; !errors.Is(err, c.want) {
				t.Errorf("writing: %v, reading: %v; the end's cause is %v, want %v", c.broken, c.last, err, c.want)
			}
		})
	}
}
