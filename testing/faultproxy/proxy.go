// Package faultproxy makes what goes wrong between a client and a server, for
// tests: a TCP proxy whose faults are set while it runs, and HTTP/2 servers that
// misbehave as a script tells them. Both count what they did, so that a test can
// show that its fault happened and hold a ledger against an independent count.
//
// Only tests import it. It knows nothing of what is tested.
package faultproxy

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Faults are what a Proxy does to its connections. Each direction of each
// connection suffers them alone. The zero value forwards everything at once.
type Faults struct {
	// Latency is added to what goes through, each way; Jitter is the most that is
	// added to it at random. Bytes keep their order.
	Latency, Jitter time.Duration
	// Bandwidth is how much goes through, each way, in bytes/s; 0: all.
	Bandwidth int
	// Slice is the most bytes written at once; 0: as many as were read.
	Slice int
	// Limit is after how many bytes to the client a connection ends, wherever in a
	// frame that is; 0: never. Those before it arrive.
	Limit int64
	// LimitResets ends it by RST, not by FIN.
	LimitResets bool
	// BlackHole keeps connections and forwards nothing. As on a network that comes
	// back, what was sent meanwhile goes through afterwards.
	BlackHole bool
	// Silent accepts connections and never reads, answers or forwards them.
	Silent bool
}

// Counts is what a Proxy did so far.
type Counts struct {
	Connections int64 // accepted
	Open        int64 // of them, those that have not ended
	Up, Down    int64 // bytes forwarded to the server and to the client
	Writes      int64 // in which they were
	Limited     int64 // connections ended by Faults.Limit
	Resets      int64 // connections ended by Reset
	HalfClosed  int64 // connections half closed by HalfClose
	Held        int64 // pieces that waited in a black hole
	Silenced    int64 // connections accepted by Faults.Silent
}

// Proxy forwards the TCP connections made to it to one server. Its methods are
// safe for concurrent use.
type Proxy struct {
	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	faults  Faults
	changed chan struct{} // closed when the faults change
	links   map[*link]struct{}

	connections, up, down, writes, limited, resets, halfClosed, held, silenced atomic.Int64
}

// New returns a proxy before the server at target, host:port. It listens on a
// loopback port of the kernel's choice until Close, whether or not there is a
// server yet.
func New(target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	p := &Proxy{target: target, listener: listener, changed: make(chan struct{}), links: map[*link]struct{}{}}
	p.running.Go(p.accept)
	return p, nil
}

// Address is where clients connect, host:port.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Set replaces the faults, for connections that are open too.
func (p *Proxy) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
	close(p.changed)
	p.changed = make(chan struct{})
}

// Reset ends all connections by RST, on both sides. Those to come are not
// touched.
func (p *Proxy) Reset() { p.each(&p.resets, (*link).reset) }

// HalfClose ends what the server says on all connections, as if it had shut down
// its side: the client reads the end of the stream and may still write. What the
// server goes on to say is lost.
func (p *Proxy) HalfClose() { p.each(&p.halfClosed, (*link).halfClose) }

// each does the fault to every connection and counts it.
func (p *Proxy) each(count *atomic.Int64, fault func(*link)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		count.Add(1)
		fault(l)
	}
}

// Counts returns what was done so far.
func (p *Proxy) Counts() Counts {
	p.mu.Lock()
	open := int64(len(p.links))
	p.mu.Unlock()
	return Counts{
		Connections: p.connections.Load(), Open: open, Up: p.up.Load(), Down: p.down.Load(), Writes: p.writes.Load(),
		Limited: p.limited.Load(),
		Resets:  p.resets.Load(), HalfClosed: p.halfClosed.Load(), Held: p.held.Load(), Silenced: p.silenced.Load(),
	}
}

// Close ends all connections and returns when nothing of the proxy runs.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	for l := range p.links {
		l.close()
	}
	p.mu.Unlock()
	_ = p.listener.Close() // a listener that is closed twice is closed
	p.running.Wait()
}

// accept serves connections until the listener is closed, or cannot accept any
// more.
func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.connections.Add(1)
		p.running.Go(func() { p.serve(conn.(*net.TCPConn)) }) // a TCP listener's connections are
	}
}

// serve forwards one connection until it has ended.
func (p *Proxy) serve(client *net.TCPConn) {
	l := &link{proxy: p, client: client, done: make(chan struct{})}
	if !p.add(l) {
		l.close()
		return
	}
	defer p.remove(l)
	if now, _ := p.now(); now.Silent {
		p.silenced.Add(1)
		<-l.done
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return // the client sees its connection end, as behind any proxy
	}
	l.run(server.(*net.TCPConn))
}

// add notes an open connection; it says no after Close.
func (p *Proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.links[l] = struct{}{}
	}
	return !p.closed
}

func (p *Proxy) remove(l *link) {
	l.close()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// now returns the faults, and a channel that is closed when they change.
func (p *Proxy) now() (Faults, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults, p.changed
}
