package faultproxy

import (
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is one connection of a client with its connection to the server.
type link struct {
	proxy  *Proxy
	client *net.TCPConn
	done   chan struct{} // closed when the link ends
	once   sync.Once
	muted  atomic.Bool // the client has been told that the server says no more

	mu     sync.Mutex
	server *net.TCPConn // nil until the server has been reached
}

// run forwards both ways until both have ended.
func (l *link) run(server *net.TCPConn) {
	l.mu.Lock()
	l.server = server
	l.mu.Unlock()
	if l.ended() { // while the server was being reached
		_ = server.Close()
		return
	}
	var ways sync.WaitGroup
	ways.Go(func() { l.forward(way{from: l.client, to: server, count: &l.proxy.up}) })
	ways.Go(func() { l.forward(way{from: server, to: l.client, count: &l.proxy.down, down: true}) })
	ways.Wait()
}

// close ends the link. What was written before still arrives.
func (l *link) close() {
	l.once.Do(func() {
		close(l.done)
		_ = l.client.Close() // it may have ended by itself
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.server != nil {
			_ = l.server.Close()
		}
	})
}

// reset ends the link by RST on both sides.
func (l *link) reset() {
	_ = l.client.SetLinger(0) // it may have ended by itself
	l.mu.Lock()
	if l.server != nil {
		_ = l.server.SetLinger(0)
	}
	l.mu.Unlock()
	l.close()
}

func (l *link) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

func (l *link) halfClose() {
	l.muted.Store(true)
	_ = l.client.CloseWrite() // it may have ended by itself
}

// way is one direction of a link.
type way struct {
	from, to *net.TCPConn
	count    *atomic.Int64 // bytes forwarded on all links
	down     bool          // to the client
	sent     int64         // bytes forwarded on this link
}

// piece is what was read at once, and when it is due.
type piece struct {
	bytes []byte
	due   time.Time
}

// queued is how many pieces are read ahead of those due: room for what a fast
// sender says within a long latency.
const queued = 256

// forward moves one direction until its end, and passes that on.
func (l *link) forward(w way) {
	pieces := make(chan piece, queued)
	var reading sync.WaitGroup
	reading.Go(func() { l.read(w.from, pieces) })
	for p := range pieces {
		if !l.deliver(&w, p) {
			l.close()
		}
	}
	reading.Wait()
	if !l.ended() { // an end must not overtake a reset
		_ = w.to.CloseWrite() // it may have ended before
	}
}

// read reads until the end and stamps each piece with when it is due.
func (l *link) read(from *net.TCPConn, pieces chan<- piece) {
	defer close(pieces)
	var last time.Time
	for buffer := make([]byte, 32<<10); ; {
		n, err := from.Read(buffer)
		if n > 0 {
			f, _ := l.proxy.now()
			due := time.Now().Add(f.Latency)
			if f.Jitter > 0 {
				due = due.Add(rand.N(f.Jitter))
			}
			if due.Before(last) {
				due = last
			}
			last = due
			select {
			case pieces <- piece{append([]byte(nil), buffer[:n]...), due}:
			case <-l.done:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// deliver writes one piece as the faults of the moment allow. It says no when the
// direction has ended.
func (l *link) deliver(w *way, p piece) bool {
	if !l.wait(time.Until(p.due)) {
		return false
	}
	for len(p.bytes) > 0 && !w.mute(l) {
		f, ok := l.passage()
		if !ok {
			return false
		}
		n := len(p.bytes)
		if f.Slice > 0 {
			n = min(n, f.Slice)
		}
		ends := w.down && f.Limit > 0 && w.sent+int64(n) >= f.Limit
		if ends {
			n = int(max(0, f.Limit-w.sent))
		}
		if f.Bandwidth > 0 && !l.wait(time.Duration(n)*time.Second/time.Duration(f.Bandwidth)) {
			return false
		}
		wrote, err := w.to.Write(p.bytes[:n])
		w.sent += int64(wrote)
		w.count.Add(int64(wrote))
		l.proxy.writes.Add(1)
		if ends {
			l.limit(f)
			return false
		}
		if err != nil {
			return w.mute(l)
		}
		p.bytes = p.bytes[n:]
	}
	return true
}

// mute says whether nobody listens any more at the end of w.
func (w way) mute(l *link) bool { return w.down && l.muted.Load() }

func (l *link) limit(f Faults) {
	l.proxy.limited.Add(1)
	if f.LimitResets {
		l.reset()
		return
	}
	// Subtle: closing a socket with something unread in it resets it.
	_ = l.client.CloseWrite()
	l.close()
}

// passage waits while the network is a black hole and returns the other faults.
func (l *link) passage() (f Faults, ok bool) {
	for held := false; ; {
		f, changed := l.proxy.now()
		if !f.BlackHole {
			return f, true
		}
		if !held {
			held = true
			l.proxy.held.Add(1)
		}
		select {
		case <-changed:
		case <-l.done:
			return Faults{}, false
		}
	}
}

// wait returns true after d, or false as soon as the link has ended.
func (l *link) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.done:
		return false
	}
}
