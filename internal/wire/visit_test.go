package wire

import (
	"bufio"
	"crypto/tls"
	"io"
	"maps"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"grpcbench/internal/load"
)

// hung is how long a test waits for what takes milliseconds: it tells what ends from
// what does not.
const hung = 20 * time.Second

// peer is a server on loopback that plays one script a connection, the last one for
// all that follow.
type peer struct {
	listener net.Listener
	scripts  []func(*visit)
	running  sync.WaitGroup

	connections, streams atomic.Int64

	mu     sync.Mutex
	closed bool
	open   []net.Conn
}

func newPeer(t testing.TB, scripts ...func(*visit)) *peer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{listener: listener, scripts: scripts}
	p.running.Go(p.serve)
	t.Cleanup(p.close)
	return p
}

func (p *peer) serve() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		script := p.scripts[min(int(p.connections.Add(1)), len(p.scripts))-1]
		p.mu.Lock()
		if p.closed {
			_ = conn.Close()
		}
		p.open = append(p.open, conn)
		p.mu.Unlock()
		p.running.Go(func() {
			script(newVisit(p, conn))
			_ = conn.Close()
		})
	}
}

func (p *peer) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for _, conn := range p.open {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *peer) address() string { return p.listener.Addr().String() }

// visit is one connection as its server sees it. What cannot be written or read is
// the client's to notice.
type visit struct {
	*server
	peer *peer
	tcp  *net.TCPConn
	conn net.Conn // above TLS, if there is any
	in   *http2.Framer
}

func newVisit(p *peer, conn net.Conn) *visit {
	v := &visit{server: newServer(), peer: p, tcp: conn.(*net.TCPConn)}
	v.over(conn)
	return v
}

func (v *visit) over(conn net.Conn) {
	v.conn, v.in = conn, http2.NewFramer(nil, bufio.NewReader(conn))
}

// secure does a TLS handshake.
func (v *visit) secure(c *tls.Config) { v.over(tls.Server(v.tcp, c)) }

func (v *visit) say(b []byte) { _, _ = v.conn.Write(b) }

// greet exchanges what begins a connection.
func (v *visit) greet(settings ...http2.Setting) {
	preface := make([]byte, len(http2.ClientPreface))
	_, _ = io.ReadFull(v.conn, preface)
	v.over(v.conn)
	v.say(append(v.settings(settings...), v.wrote(v.WriteWindowUpdate(0, 1<<30))...))
}

// request returns the number of the next stream whose request is whole.
func (v *visit) request() (id uint32, ok bool) {
	for {
		f, err := v.in.ReadFrame()
		if err != nil {
			return 0, false
		}
		switch f := f.(type) {
		case *http2.HeadersFrame:
			v.peer.streams.Add(1)
		case *http2.DataFrame:
			if f.StreamEnded() {
				return f.StreamID, true
			}
		case *http2.SettingsFrame:
			if !f.IsAck() {
				v.say(v.wrote(v.WriteSettingsAck()))
			}
		}
	}
}

// serve answers n requests, all that come if n is 0; last is the last one's stream.
func (v *visit) serve(n int) (last uint32) {
	for i := 0; n == 0 || i < n; i++ {
		id, ok := v.request()
		if !ok {
			break
		}
		v.say(v.ok(id))
		last = id
	}
	return last
}

// linger reads until the client hangs up.
func (v *visit) linger() { _, _ = io.Copy(io.Discard, v.conn) }

// honest is a server as it should be.
func honest(v *visit) {
	v.greet()
	v.serve(0)
}

// callers are a closed loop of their own: each makes a number of RPCs, one after the
// other, and every RPC is held to Sent once and Ended once.
type callers struct {
	t     testing.TB
	start time.Time
	each  int64
	done  chan struct{} // closed when the last RPC has ended

	mu    sync.Mutex
	sent  map[int64]bool
	codes map[int64]string
	left  int64
}

func newCallers(t testing.TB, n, each int64) *callers {
	return &callers{t: t, start: time.Now(), each: each, done: make(chan struct{}), sent: map[int64]bool{}, codes: map[int64]string{}, left: n * each}
}

func (c *callers) Now() time.Duration { return time.Since(c.start) }

func (c *callers) Sent(op load.Op) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent[op.Seq] {
		c.t.Errorf("RPC %d was sent twice", op.Seq)
	}
	c.sent[op.Seq] = true
}

func (c *callers) Ended(op load.Op, end load.End, _ time.Duration) {
	code := end.Code
	c.mu.Lock()
	defer c.mu.Unlock()
	if before, ended := c.codes[op.Seq]; ended || !c.sent[op.Seq] {
		c.t.Errorf("RPC %d ended with %s: ended before: %q, sent: %t", op.Seq, code, before, c.sent[op.Seq])
	}
	c.codes[op.Seq] = code
	if c.left--; c.left == 0 {
		close(c.done)
	}
}

// Next numbers the k-th RPC of caller i as i·each + k.
func (c *callers) Next(after load.Op, _ time.Duration) (load.Op, bool) {
	return load.Op{Seq: after.Seq + 1}, (after.Seq+1)%c.each != 0
}

// run makes the RPCs of n callers on ch, each of them each, and counts how they ended.
func run(t testing.TB, ch *Channel, n, each int64) map[string]int64 {
	t.Helper()
	c := begin(t, ch, n, each)
	return c.wait(t)
}

func begin(t testing.TB, ch *Channel, n, each int64) *callers {
	c := newCallers(t, n, each)
	ch.Bind(c)
	for i := range n {
		ch.Start(load.Op{Seq: i * each})
	}
	ch.Flush()
	return c
}

func (c *callers) wait(t testing.TB) map[string]int64 {
	t.Helper()
	select {
	case <-c.done:
	case <-time.After(hung):
		c.mu.Lock()
		defer c.mu.Unlock()
		t.Fatalf("%d RPCs have not ended; outcomes %v", c.left, tally(c.codes))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.codes) != len(c.sent) {
		t.Errorf("%d RPCs sent, %d ended", len(c.sent), len(c.codes))
	}
	return tally(c.codes)
}

func tally(codes map[int64]string) map[string]int64 {
	counts := map[string]int64{}
	for code := range maps.Values(codes) {
		counts[code]++
	}
	return counts
}

// open is a channel to p.
func open(t testing.TB, p *peer, o Options) *Channel {
	t.Helper()
	o.Address, o.Request.Path = p.address(), "/Server/Foo"
	c, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
