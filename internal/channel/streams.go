package channel

import (
	"math"
	"sync/atomic"
)

// Streams counts the RPCs in flight on one connection against the streams that its server
// allows on it. It is safe for concurrent use.
type Streams struct {
	inFlight atomic.Int64
	limit    atomic.Int64 // the latest SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113, 5.1.2)
	taken    bool         // by a connection, under the channel's lock
}

func newStreams() *Streams {
	s := &Streams{}
	s.limit.Store(math.MaxInt64)
	return s
}

// Enter counts an RPC that begins; it waits where as many as the server allows were in
// flight already.
func (s *Streams) Enter() (waits bool) { return s.inFlight.Add(1) > s.limit.Load() }

// Leave counts an RPC that has ended.
func (s *Streams) Leave() { s.inFlight.Add(-1) }

// Enter counts an RPC that is about to be made on the connection in use, or on the next
// one where there is none. The Streams are told of its end.
func (c *Channel) Enter() (s *Streams, waits bool) {
	s = c.streams.Load()
	return s, s.Enter()
}

// Enter is that of the channel in use. An RPC that begins while the channel is replaced
// may be counted on the one before.
func (c *Chain) Enter() (s *Streams, waits bool) { return c.inUse().Enter() }

// take is the count of a connection whose SETTINGS have come: RPCs that waited for it are
// in it already. c.mu is held.
func (c *Channel) take() *Streams {
	s := c.streams.Load()
	if s.taken {
		s = newStreams()
		c.streams.Store(s)
	}
	s.taken = true
	return s
}

// leave has RPCs that begin from now on counted for the next connection. c.mu is held.
func (c *Channel) leave(s *Streams) {
	if s != nil && c.streams.Load() == s {
		c.streams.Store(newStreams())
	}
}
