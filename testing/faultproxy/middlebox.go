package faultproxy

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// What a Middlebox does with a ClientHello that does not fit into one packet.
const (
	HelloReset  = "reset"  // the connection is reset
	HelloEnded  = "ended"  // the connection is closed
	HelloSilent = "silent" // nothing is answered or forwarded
)

// onePacket is how many bytes of TLS fit into one packet for certain.
const onePacket = 1400

// Middlebox forwards TLS connections to one server, but for those that begin with a
// ClientHello of more than one packet. Its methods are safe for concurrent use.
type Middlebox struct {
	target, does string
	listener     net.Listener
	running      sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   []net.Conn

	refused, forwarded atomic.Int64
}

// NewMiddlebox returns one before the server at target, host:port, that does one of the
// above. It listens on a loopback port of the kernel's choice until Close.
func NewMiddlebox(target, does string) (*Middlebox, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	m := &Middlebox{target: target, does: does, listener: listener}
	m.running.Go(m.accept)
	return m, nil
}

// Address is where it listens, host:port.
func (m *Middlebox) Address() string { return m.listener.Addr().String() }

// Refused is how many connections began with too large a ClientHello, Forwarded how many
// went on to the server.
func (m *Middlebox) Refused() int64   { return m.refused.Load() }
func (m *Middlebox) Forwarded() int64 { return m.forwarded.Load() }

// Close ends all connections and returns when nothing runs any more.
func (m *Middlebox) Close() {
	_ = m.listener.Close() // nothing is accepted any more in any case
	m.mu.Lock()
	m.closed = true
	for _, c := range m.open {
		_ = c.Close() // it may have ended
	}
	m.mu.Unlock()
	m.running.Wait()
}

// keep has Close close c.
func (m *Middlebox) keep(c net.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open = append(m.open, c)
	if m.closed {
		_ = c.Close() // like those before it
	}
}

func (m *Middlebox) accept() {
	for {
		conn, err := m.listener.Accept()
		if err != nil {
			return
		}
		m.keep(conn)
		m.running.Go(func() { m.serve(conn.(*net.TCPConn)) }) // what "tcp" accepts
	}
}

// serve reads the first record (RFC 8446, 5.1) and decides.
func (m *Middlebox) serve(client *net.TCPConn) {
	var head [5]byte
	if _, err := io.ReadFull(client, head[:]); err != nil {
		return
	}
	hello := make([]byte, binary.BigEndian.Uint16(head[3:]))
	if _, err := io.ReadFull(client, hello); err != nil {
		return
	}
	if len(head)+len(hello) > onePacket {
		m.refuse(client)
		return
	}
	m.forwarded.Add(1)
	m.forward(client, append(head[:], hello...))
}

func (m *Middlebox) refuse(client *net.TCPConn) {
	m.refused.Add(1)
	switch m.does {
	case HelloSilent: // until the client gives up
		_, _ = io.Copy(io.Discard, client)
	case HelloReset:
		_ = client.SetLinger(0) // it may have ended by itself
	}
	_ = client.Close()
}

func (m *Middlebox) forward(client *net.TCPConn, hello []byte) {
	defer client.Close()
	server, err := net.Dial("tcp", m.target)
	if err != nil {
		return
	}
	m.keep(server)
	defer server.Close()
	if _, err := server.Write(hello); err != nil {
		return
	}
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.(*net.TCPConn).CloseWrite() // what "tcp" dials
	})
	_, _ = io.Copy(client, server)
	_ = client.CloseWrite()
	up.Wait()
}
