package benchserver

import (
	"net"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	benchv1 "grpcbench/proto/bench/v1"
)

// connections limits and counts the connections of a server and the bytes they
// carry under TLS.
type connections struct {
	limit      int
	accepted   atomic.Uint64
	refused    atomic.Uint64
	received   atomic.Uint64
	sent       atomic.Uint64
	handshakes handshakes

	mu     sync.Mutex
	open   map[*conn]struct{}
	closed bool // by closeAll: nothing is admitted any more
}

// admit returns c counted, or false if it has to be closed.
func (cs *connections) admit(c net.Conn) (*conn, bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.closed || len(cs.open) >= cs.limit {
		cs.refused.Add(1)
		return nil, false
	}
	counted := &conn{Conn: c, connections: cs, backlog: semaphore.NewWeighted(maxBacklog)}
	cs.open[counted] = struct{}{}
	cs.accepted.Add(1)
	return counted, true
}

func (cs *connections) remove(c *conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.open, c)
}

// closeAll closes the open connections, whatever they are doing.
func (cs *connections) closeAll() {
	cs.mu.Lock()
	cs.closed = true
	var open []*conn
	for c := range cs.open {
		open = append(open, c)
	}
	cs.mu.Unlock()
	for _, c := range open {
		_ = c.Close() // it is given up; grpc-go closes it again
	}
}

func (cs *connections) snapshot() *benchv1.Connections {
	cs.mu.Lock()
	open := len(cs.open)
	cs.mu.Unlock()
	out := &benchv1.Connections{
		Accepted:      cs.accepted.Load(),
		Open:          uint64(open),
		Refused:       cs.refused.Load(),
		ReceivedBytes: cs.received.Load(),
		SentBytes:     cs.sent.Load(),
	}
	cs.handshakes.count(out)
	return out
}

// listener hands out counted connections and closes those above the limit.
type listener struct {
	net.Listener
	connections *connections
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if counted, ok := l.connections.admit(c); ok {
			return counted, nil
		}
		_ = c.Close() // nothing was sent; there is nobody to tell
	}
}

// conn counts the bytes of a connection.
type conn struct {
	net.Conn
	connections *connections
	backlog     *semaphore.Weighted // bytes of large responses that are not written
}

// remoteAddr is how a handler finds the connection that its request came on.
type remoteAddr struct {
	net.Addr
	conn *conn
}

func (c *conn) RemoteAddr() net.Addr { return remoteAddr{Addr: c.Conn.RemoteAddr(), conn: c} }

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.connections.received.Add(uint64(n))
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.connections.sent.Add(uint64(n))
	return n, err
}

func (c *conn) Close() error {
	c.connections.remove(c)
	return c.Conn.Close()
}
