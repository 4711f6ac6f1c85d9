package wire

import (
	"context"
	"sync/atomic"

	"grpcbench/internal/channel"
)

// Renew opens a new connection and then takes it into use in place of the one there
// is: RPCs that have begun end on the old one, which is closed after the last. The
// error is why there is none; the old one stays in use then. made has what it took in
// either case.
func (c *Channel) Renew(ctx context.Context) (made channel.Connection, err error) {
	return c.connect(ctx) // ready takes it into use
}

// supersede takes a connection out of use for which there is another already.
func (c *Channel) supersede(old *conn) {
	old.draining, old.ours = true, true
	old.flush() // nobody else does from now on
	c.move(old)
	old.retire()
}

// full says whether the connection has had as many RPCs as it may.
func (c *conn) full() bool {
	limit := c.channel.options.Limit.RPCs
	return limit > 0 && c.had+c.rpcs >= limit
}

// bytesOf is what went over TCP.
type bytesOf struct{ sent, received atomic.Int64 }

func (b *bytesOf) load() (sent, received int64) { return b.sent.Load(), b.received.Load() }

func (b *bytesOf) add(o *bytesOf) {
	sent, received := o.load()
	b.sent.Add(sent)
	b.received.Add(received)
}

// Bytes is the number of bytes written to and read from TCP so far, TLS records
// and handshakes included.
func (c *Channel) Bytes() (sent, received int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sent, received = c.ended.load()
	for conn := range c.conns {
		s, r := conn.bytes.load()
		sent, received = sent+s, received+r
	}
	return sent, received
}

// Reconnects is how many connections took the place of one that was lost.
func (c *Channel) Reconnects() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept.Reconnects()
}

// Connections returns what the channel's first connection cost and, if it has had another,
// what the latest did. Replacements are not among them.
func (c *Channel) Connections() []channel.Connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept.Ends()
}

// Settings are the server's on the latest connection that had any.
func (c *Channel) Settings() channel.Settings {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.announced.Clone()
}

// Drained is how many connections were replaced and ended with no RPC on them.
func (c *Channel) Drained() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.drained
}

// MostRPCs is the largest number of RPCs that a connection has had.
func (c *Channel) MostRPCs() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mostRPCs
}

// Refused is how many streams the server has refused so far, see channel.Channel.
func (c *Channel) Refused() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused
}

// GoAways are the connections that the server has ended by GOAWAY so far.
func (c *Channel) GoAways() channel.GoAways {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.goAways
}
