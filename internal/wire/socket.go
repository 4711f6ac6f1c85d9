package wire

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// socket is a connection, of TCP or to a Unix socket, whose Write never waits: what the kernel does not
// take at once is kept, and sent by a goroutine of its own. The goroutine that
// keeps the schedule writes too, and a server that stops reading must not stop it.
//
// Bytes are counted here, under TLS.
type socket struct {
	net.Conn
	raw            syscall.RawConn
	sent, received *atomic.Int64

	mu       sync.Mutex
	backlog  []byte
	spilling bool // a goroutine sends the backlog
	err      error
	attempt  attempt
}

// attempt is one system call. It is kept, since what a RawConn is given escapes to
// the heap.
type attempt struct {
	bytes []byte
	n     int
	err   error
	call  func(fd uintptr) (done bool)
}

// write is made by call on the connection's descriptor.
func (a *attempt) write(fd uintptr) (done bool) {
	for {
		a.n, a.err = syscall.Write(int(fd), a.bytes)
		if a.err != syscall.EINTR {
			return true // whatever came of it: do not wait
		}
	}
}

// maxBacklog bounds what is kept for a server that does not read. HTTP/2's own
// windows end the growth long before for all but headers.
const maxBacklog = 64 << 20

var errBacklog = errors.New("the server does not read what it is sent")

// systemConn is a connection that the system makes.
type systemConn interface {
	net.Conn
	syscall.Conn
}

func newSocket(c systemConn, sent, received *atomic.Int64) (*socket, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &socket{Conn: c, raw: raw, sent: sent, received: received}
	s.attempt.call = s.attempt.write
	return s, nil
}

// Read implements net.Conn.
func (s *socket) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	s.received.Add(int64(n))
	return n, err
}

// Write implements net.Conn. It takes all of b or fails; an error of the goroutine
// that sends the backlog is returned by the next Write.
func (s *socket) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	rest := b
	if !s.spilling {
		n, err := s.try(b)
		if err != nil {
			s.err = err
			return n, err
		}
		rest = b[n:]
	}
	if len(rest) == 0 {
		return len(b), nil
	}
	if len(s.backlog)+len(rest) > maxBacklog {
		s.err = errBacklog
		return 0, s.err
	}
	s.backlog = append(s.backlog, rest...)
	if !s.spilling {
		s.spilling = true
		go s.spill()
	}
	return len(b), nil
}

// try writes what the kernel takes without waiting. It counts first: the answer to
// these bytes may be here before the call has returned.
func (s *socket) try(b []byte) (n int, err error) {
	s.sent.Add(int64(len(b)))
	a := &s.attempt
	a.bytes, a.n, a.err = b, 0, nil
	err = s.raw.Write(a.call)
	a.bytes = nil
	n = max(a.n, 0)
	if n < len(b) {
		s.sent.Add(int64(n - len(b)))
	}
	if a.err != nil && a.err != syscall.EAGAIN {
		err = errors.Join(err, a.err)
	}
	return n, err
}

// spill sends the backlog, waiting for the kernel, until there is none.
func (s *socket) spill() {
	for {
		s.mu.Lock()
		b := s.backlog
		s.backlog = nil
		if len(b) == 0 || s.err != nil {
			s.spilling = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		s.sent.Add(int64(len(b)))
		if n, err := s.Conn.Write(b); err != nil {
			s.sent.Add(int64(n - len(b)))
			s.mu.Lock()
			s.err = err
			s.mu.Unlock()
		}
	}
}
