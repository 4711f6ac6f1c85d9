package wire

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"grpcbench/internal/address"
	"grpcbench/internal/channel"
)

// Open makes a channel and returns when its connection is ready: the handshake is
// over and the server has sent its SETTINGS. Otherwise it says why there is no
// connection and which flag to change, after at most twice the timeout.
func Open(ctx context.Context, o Options) (*Channel, error) {
	return channel.Persist(ctx, o.endpoint(), o.open)
}

// Attempt is Open without a second try: one connection is begun, whatever becomes of
// it.
func Attempt(ctx context.Context, o Options) (*Channel, error) {
	return channel.Once(ctx, o.endpoint(), o.open)
}

// open is one attempt.
func (o Options) open(ctx context.Context) (*Channel, error) {
	c := &Channel{options: o, conns: map[*conn]struct{}{}, closing: make(chan struct{}), dialing: true,
		turns: nobody{time.Now()}}
	made, err := c.connect(ctx)
	if err != nil {
		_ = c.Close() // the cause is returned
		return nil, err
	}
	c.note(made)
	return c, nil
}

// connect makes the channel's next connection and returns when it can be used. made has
// the bytes of an attempt that failed, too.
func (c *Channel) connect(ctx context.Context) (made channel.Connection, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.endpoint().Limit())
	defer cancel()
	bytes := &bytesOf{}
	n, made, err := c.dial(ctx, bytes)
	if err != nil {
		made.Sent, made.Received = bytes.load()
		c.mu.Lock()
		c.ended.add(bytes)
		c.mu.Unlock()
		return made, err
	}
	since := time.Now()
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return made, errors.Join(net.ErrClosed, n.Close())
	}
	next := newConn(c, n)
	next.bytes = bytes
	if !c.begun {
		next.had = c.options.Limit.Had
	}
	c.begun = true
	c.conns[next] = struct{}{}
	next.flush()
	c.mu.Unlock()
	ended := make(chan error, 1)
	go func() {
		err := next.read()
		c.lost(next, err)
		ended <- err
	}()
	if err := next.await(ctx, ended); err != nil {
		made.Sent, made.Received = bytes.load()
		return made, channel.Opened(made, err)
	}
	made.HTTP2 = time.Since(since)
	c.mu.Lock()
	made.Sent, made.Received = next.making[0], next.making[1]
	c.mu.Unlock()
	if c.options.Made != nil {
		c.options.Made(made)
	}
	return made, nil
}

// await returns when the server's SETTINGS have come, or why they have not. A
// connection that had them was made, even if it has ended since: then lost has seen
// to the next one.
func (c *conn) await(ctx context.Context, ended <-chan error) (err error) {
	select {
	case <-c.ready:
	case err = <-ended:
		if v := (*Violation)(nil); errors.As(err, &v) {
			err = cmp.Or(v.opened, fmt.Errorf("%w: %s", channel.ErrNotHTTP2, v.Reason))
		}
	case <-ctx.Done():
		_ = c.net.Close() // ends its reading
		<-ended
		err = fmt.Errorf("%w: %w", channel.ErrNoSettings, ctx.Err())
	}
	select {
	case <-c.ready:
		return nil
	default:
		return err
	}
}

// dial makes the TCP connection and, over it, that of TLS.
func (c *Channel) dial(ctx context.Context, bytes *bytesOf) (net.Conn, channel.Connection, error) {
	n, made, err := channel.Dial(ctx, c.options.Address)
	if err != nil {
		return nil, made, err
	}
	s, err := newSocket(n.(systemConn), &bytes.sent, &bytes.received) // what TCP and Unix sockets dial
	if err != nil || c.options.TLS == nil {
		return s, made, err
	}
	start := time.Now()
	secure := tls.Client(s, c.config())
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = n.Close() // the cause is returned
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", channel.ErrSilentTLS, ctx.Err())
		}
		return nil, made, err
	}
	state := secure.ConnectionState()
	made.TLS, made.State = time.Since(start), &state
	if state.NegotiatedProtocol == "" && !c.options.AllowNoALPN {
		_ = n.Close() // the cause is returned
		return nil, made, channel.ErrNoALPN
	}
	return secure, made, nil
}

// config is the TLS configuration with what HTTP/2 needs of it (RFC 9113, 9.2).
func (c *Channel) config() *tls.Config {
	config := c.options.TLS.Clone() // shares its session cache
	config.NextProtos = []string{"h2"}
	if config.ServerName == "" {
		config.ServerName = address.Host(c.options.Address)
	}
	return config
}
