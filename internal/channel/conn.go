package channel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc/credentials"
)

// counted counts bytes below TLS.
type counted struct {
	net.Conn
	channel *Channel
	made    Connection // by TCP
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.channel.received.Add(int64(n))
	return n, err
}

// Write counts before it writes: the answer to these bytes may be here before the
// write has returned.
func (c *counted) Write(b []byte) (int, error) {
	c.channel.sent.Add(int64(len(b)))
	n, err := c.Conn.Write(b)
	if unsent := len(b) - n; unsent > 0 {
		c.channel.sent.Add(int64(-unsent))
	}
	return n, err
}

// timed wraps transport credentials: it times their handshake and notes what
// was negotiated.
type timed struct {
	credentials.TransportCredentials
	channel *Channel
	name    string // to ask for and to verify, whatever the authority is
	noALPN  bool   // a server may choose no protocol
}

// Info implements credentials.TransportCredentials. The name is left out: grpc-go
// takes it for the authority, and refuses another one.
func (t *timed) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: t.TransportCredentials.Info().SecurityProtocol}
}

// ClientHandshake implements credentials.TransportCredentials.
func (t *timed) ClientHandshake(ctx context.Context, _ string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	start := time.Now()
	conn, info, err := t.TransportCredentials.ClientHandshake(ctx, t.name, raw)
	if err != nil {
		if ctx.Err() != nil {
			err = ErrSilentTLS
		}
		t.channel.failed(err)
		return nil, nil, err
	}
	end := time.Now()
	if s, ok := info.(credentials.TLSInfo); ok && !t.noALPN && s.State.NegotiatedProtocol == "" {
		t.channel.failed(ErrNoALPN)
		return nil, nil, errors.Join(ErrNoALPN, conn.Close())
	}
	made := &Connection{}
	if c, ok := raw.(*counted); ok {
		*made = c.made
	}
	if tlsInfo, ok := info.(credentials.TLSInfo); ok {
		made.TLS = end.Sub(start)
		made.State = &tlsInfo.State
	}
	t.channel.connected(made)
	s := &settled{Conn: conn, channel: t.channel, made: made, since: end, sent: sentFrames(), heard: make(chan struct{})}
	s.frames.seen, s.frames.setting, s.frames.settled = s.saw, s.setting, s.hasSettings
	return s, info, nil
}

// Clone implements credentials.TransportCredentials.
func (t *timed) Clone() credentials.TransportCredentials {
	return &timed{TransportCredentials: t.TransportCredentials.Clone(), channel: t.channel, name: t.name, noALPN: t.noALPN}
}

// settled is the connection above TLS. The first bytes a server sends on it are
// its SETTINGS (RFC 9113, 3.4).
type settled struct {
	net.Conn
	channel *Channel
	made    *Connection
	since   time.Time
	read    bool          // how it began is decided; only the transport's one reading goroutine touches it
	opening []byte        // the beginning of what the server sent, until then
	frames  frames        // that the server sends; likewise
	whole   bool          // SETTINGS have come; likewise
	sent    frames        // that the client sends; only the one goroutine that writes touches it
	opened  atomic.Int64  // streams: of sent
	ended   int64         // of them when GOAWAY came; under the channel's lock
	streams *Streams      // nil: no SETTINGS have come; under the channel's lock
	goAway  bool          // one came
	gone    GoAway        // how it is counted; under the channel's lock
	heard   chan struct{} // closed when the server has said something or nothing more can come
}

func (s *settled) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	s.frames.read(b[:n])
	why := err
	if !s.read {
		if why = s.begin(b[:n], err); err == nil {
			err = why // grpc-go would wait for more of what is no frame
		}
	}
	if err != nil {
		s.channel.mu.Lock()
		s.channel.remember(err, why)
		s.channel.mu.Unlock()
	}
	return n, err
}

// Write returns the error of a server that is gone when its last words have been read:
// the transport closes the connection then, and reads no more. It begins to read
// before it writes.
func (s *settled) Write(b []byte) (int, error) {
	s.sent.read(b)
	s.opened.Store(s.sent.open)
	n, err := s.Conn.Write(b)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		<-s.heard
	}
	if err != nil { // RPCs fail with it where the connection has not been made yet
		s.channel.mu.Lock()
		s.channel.remember(err, err)
		s.channel.mu.Unlock()
	}
	return n, err
}

// Close implements net.Conn. The transport calls it when it is done with a connection,
// for whatever cause.
func (s *settled) Close() error {
	s.channel.mu.Lock()
	s.channel.broken = true
	if s.goAway { // streams may have been opened while it was read
		s.gone = s.channel.goAways.change(s.gone, s.gone.of(s.opened.Load(), s.ended))
	}
	s.channel.leave(s.streams)
	s.channel.mu.Unlock()
	return s.Conn.Close()
}

// begin takes what the server sends until its SETTINGS have come, or why they will not, and
// returns that.
func (s *settled) begin(b []byte, err error) (why error) {
	s.opening = append(s.opening, b[:min(len(b), mostOpening-len(s.opening))]...)
	misfit := misfitIn(s.opening)
	if misfit != nil {
		s.channel.failed(Opened(*s.made, misfit))
	}
	switch {
	case s.whole:
		s.first()
	case misfit != nil && err == nil && misfit.speaks != "":
		err = misfit
	case misfit != nil:
	case err != nil:
		if errors.Is(err, net.ErrClosed) { // by our own side, which waited long enough
			err = fmt.Errorf("%w: %w", ErrNoSettings, context.DeadlineExceeded)
		}
		s.channel.failed(Opened(*s.made, err))
	default:
		return nil // there is more to come
	}
	s.read, s.opening = true, nil
	close(s.heard)
	return err
}

// first notes when the server's SETTINGS came.
func (s *settled) first() {
	elapsed := time.Since(s.since)
	s.channel.mu.Lock()
	s.made.HTTP2 = elapsed
	made := *s.made
	s.channel.kept.Settled(s.made)
	s.channel.mu.Unlock()
	if s.channel.made != nil {
		s.channel.made(made)
	}
}
