package faultproxy

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"golang.org/x/net/http2"
)

// Visit is one connection of a Stranger. Its methods do what they can: what has failed is
// the client's to say.
type Visit struct {
	net.Conn // with TLS, if the stranger has it
	tcp      *net.TCPConn
}

// Say sends bytes.
func (v *Visit) Say(b string) { _, _ = io.WriteString(v, b) }

// Frames sends frames.
func (v *Visit) Frames(write func(*http2.Framer)) { write(http2.NewFramer(v, nil)) }

// Preface reads what an HTTP/2 client begins with, up to the first frame.
func (v *Visit) Preface() { _, _ = io.ReadFull(v, make([]byte, len(http2.ClientPreface))) }

// Linger reads on until the client ends the connection.
func (v *Visit) Linger() { _, _ = io.Copy(io.Discard, v) }

// Reset has the connection end by a reset.
func (v *Visit) Reset() { _ = v.tcp.SetLinger(0) }

// Mute ends the server's direction of the connection alone.
func (v *Visit) Mute() { _ = v.tcp.CloseWrite() }

// Stranger is a server that does what a script says from the first byte on: one of another
// protocol, or one that breaks the rules of HTTP/2.
type Stranger struct {
	script   func(*Visit)
	config   *tls.Config
	listener net.Listener
	running  sync.WaitGroup
	visits   atomic.Int64

	mu     sync.Mutex
	closed bool
	open   []net.Conn
}

// NewStranger returns one on a loopback port of the kernel's choice. It serves until Close.
// With a config every connection begins with a TLS handshake. The script is called for each
// connection, which ends with it.
func NewStranger(config *tls.Config, script func(*Visit)) (*Stranger, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s := &Stranger{script: script, config: config, listener: listener}
	s.running.Go(s.accept)
	return s, nil
}

// Address is where clients connect, host:port.
func (s *Stranger) Address() string { return s.listener.Addr().String() }

// Visits is how many connections were accepted so far.
func (s *Stranger) Visits() int64 { return s.visits.Load() }

// Close ends all connections and returns when nothing of the stranger runs.
func (s *Stranger) Close() {
	_ = s.listener.Close() // nothing is accepted any more in any case
	s.mu.Lock()
	s.closed = true
	for _, c := range s.open {
		_ = c.Close() // it may have ended
	}
	s.mu.Unlock()
	s.running.Wait()
}

func (s *Stranger) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.visits.Add(1)
		s.mu.Lock()
		s.open = append(s.open, conn)
		if s.closed {
			_ = conn.Close() // like those before it
		}
		s.mu.Unlock()
		s.running.Go(func() { s.serve(conn.(*net.TCPConn)) }) // what "tcp" accepts
	}
}

func (s *Stranger) serve(tcp *net.TCPConn) {
	v := &Visit{Conn: tcp, tcp: tcp}
	defer tcp.Close()
	if s.config != nil {
		secure := tls.Server(tcp, s.config)
		v.Conn = secure
		if secure.Handshake() != nil {
			return
		}
	}
	s.script(v)
}
