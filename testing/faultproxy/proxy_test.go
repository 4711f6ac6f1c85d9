package faultproxy_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"grpcbench/testing/faultproxy"
)

// echo is a TCP server that says back what it hears.
type echo struct {
	addr     string
	accepted atomic.Int64
	heard    atomic.Int64 // bytes
	ended    chan error   // how each connection ended; roomy
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{addr: l.Addr().String(), ended: make(chan error, 16)}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			e.accepted.Add(1)
			running.Go(func() { e.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait() // the proxy, closed before, has ended the connections
	})
	return e
}

func (e *echo) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := conn.Read(buffer)
		e.heard.Add(int64(n))
		if err == nil {
			_, err = conn.Write(buffer[:n])
		}
		if err != nil {
			e.ended <- err
			return
		}
	}
}

// newProxy is a proxy with faults before the server at target.
func newProxy(t *testing.T, target string, f faultproxy.Faults) *faultproxy.Proxy {
	t.Helper()
	p, err := faultproxy.New(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.Set(f)
	return p
}

func dial(t *testing.T, p *faultproxy.Proxy) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil { // a test that hangs has failed
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

func write(t *testing.T, conn net.Conn, b []byte) {
	t.Helper()
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
}

// wantEcho fails unless exactly b comes back.
func wantEcho(t *testing.T, conn net.Conn, b []byte) {
	t.Helper()
	got := make([]byte, len(b))
	if n, err := io.ReadFull(conn, got); err != nil {
		t.Fatalf("read %d of %d bytes: %v", n, len(b), err)
	}
	if !bytes.Equal(got, b) {
		t.Errorf("%d bytes came back changed", len(b))
	}
}

// until polls until ok, for a while that only a fault outlasts.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); !ok(); <-tick.C {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

// body is bytes of which no two near each other are alike.
func body(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * i >> 3)
	}
	return b
}

func TestAProxyWithoutFaultsForwardsEverything(t *testing.T) {
	t.Parallel()
	p := newProxy(t, newEcho(t).addr, faultproxy.Faults{})
	conn := dial(t, p)
	sent := body(1 << 20)
	go func() { _, _ = conn.Write(sent) }() // what it does not write does not come back
	wantEcho(t, conn, sent)
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("read %d, %v after the end was sent, want the end", n, err)
	}
	until(t, "the connection ends", func() bool { return p.Counts().Open == 0 })
	if c := p.Counts(); c.Connections != 1 || c.Up != 1<<20 || c.Down != 1<<20 {
		t.Errorf("counts %+v, want 1 connection and %d bytes each way", c, 1<<20)
	}
}

func TestLatencyIsAddedEachWay(t *testing.T) {
	t.Parallel()
	const latency = 30 * time.Millisecond
	conn := dial(t, newProxy(t, newEcho(t).addr, faultproxy.Faults{Latency: latency, Jitter: 5 * time.Millisecond}))
	start := time.Now()
	write(t, conn, body(100))
	wantEcho(t, conn, body(100))
	if got := time.Since(start); got < 2*latency {
		t.Errorf("an answer came after %v, before two latencies of %v", got, latency)
	}
}

func TestJitterKeepsTheOrder(t *testing.T) {
	t.Parallel()
	conn := dial(t, newProxy(t, newEcho(t).addr, faultproxy.Faults{Jitter: 2 * time.Millisecond}))
	sent := body(4 << 10)
	for at := 0; at < len(sent); at += 64 {
		write(t, conn, sent[at:at+64])
	}
	wantEcho(t, conn, sent)
}

func TestBandwidthBoundsEachWay(t *testing.T) {
	t.Parallel()
	conn := dial(t, newProxy(t, newEcho(t).addr, faultproxy.Faults{Bandwidth: 100_000, Slice: 1000}))
	start := time.Now()
	write(t, conn, body(10_000))
	wantEcho(t, conn, body(10_000))
	// The last of 10 slices of 1000 bytes leaves the first way after 100 ms.
	if got := time.Since(start); got < 100*time.Millisecond {
		t.Errorf("10 kB came back after %v, faster than 100 kB/s", got)
	}
}

func TestSlicesAreWrittenOneByOne(t *testing.T) {
	t.Parallel()
	p := newProxy(t, newEcho(t).addr, faultproxy.Faults{Slice: 1})
	conn := dial(t, p)
	write(t, conn, body(500))
	wantEcho(t, conn, body(500))
	p.Close()                              // what was written is counted a moment later
	if c := p.Counts(); c.Writes != 1000 { // 500 up and 500 down
		t.Errorf("%d writes of 1 byte, want 1000", c.Writes)
	}
}

func TestALimitEndsAConnectionAtItsByte(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]struct {
		resets bool
		want   error
	}{"closes": {false, io.EOF}, "resets": {true, syscall.ECONNRESET}} {
		t.Run(name, func(t *testing.T) {
			p := newProxy(t, newEcho(t).addr, faultproxy.Faults{Limit: 777, LimitResets: of.resets})
			conn := dial(t, p)
			write(t, conn, body(1000))
			wantEcho(t, conn, body(1000)[:777])
			if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, of.want) {
				t.Errorf("read %d, %v after the limit, want %v", n, err, of.want)
			}
			if c := p.Counts(); c.Limited != 1 || c.Down != 777 {
				t.Errorf("counts %+v, want 1 limited after 777 bytes", c)
			}
		})
	}
}

func TestABlackHoleKeepsWhatItHoldsUntilItEnds(t *testing.T) {
	t.Parallel()
	e := newEcho(t)
	p := newProxy(t, e.addr, faultproxy.Faults{BlackHole: true})
	conn := dial(t, p)
	write(t, conn, body(100))
	until(t, "a piece is held", func() bool { return p.Counts().Held == 1 })
	if n := e.heard.Load(); n != 0 {
		t.Errorf("the server heard %d bytes through a black hole", n)
	}
	p.Set(faultproxy.Faults{})
	wantEcho(t, conn, body(100))
}

func TestASilentProxyAcceptsAndSaysNothing(t *testing.T) {
	t.Parallel()
	e := newEcho(t)
	p := newProxy(t, e.addr, faultproxy.Faults{Silent: true})
	conn := dial(t, p)
	write(t, conn, body(100))
	until(t, "the connection is silenced", func() bool { return p.Counts().Silenced == 1 })
	if err := conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d, %v, want silence", n, err)
	}
	if n := e.accepted.Load(); n != 0 {
		t.Errorf("the server has %d connections, want none", n)
	}
}

func TestAResetReachesBothSides(t *testing.T) {
	t.Parallel()
	e := newEcho(t)
	p := newProxy(t, e.addr, faultproxy.Faults{})
	conn := dial(t, p)
	write(t, conn, body(100))
	wantEcho(t, conn, body(100))
	p.Reset()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read %d, %v, want a reset", n, err)
	}
	if err := <-e.ended; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the server read %v, want a reset", err)
	}
	if c := p.Counts(); c.Resets != 1 {
		t.Errorf("counts %+v, want 1 reset", c)
	}
}

func TestAHalfClosedConnectionStillCarriesTheClientsWords(t *testing.T) {
	t.Parallel()
	e := newEcho(t)
	p := newProxy(t, e.addr, faultproxy.Faults{})
	conn := dial(t, p)
	write(t, conn, body(100))
	wantEcho(t, conn, body(100))
	p.HalfClose()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("read %d, %v, want the end", n, err)
	}
	write(t, conn, body(50))
	until(t, "the server hears the client", func() bool { return e.heard.Load() == 150 })
	if c := p.Counts(); c.HalfClosed != 1 || c.Open != 1 {
		t.Errorf("counts %+v, want 1 half closed connection", c)
	}
}

func TestClosingAProxyEndsItsConnections(t *testing.T) {
	t.Parallel()
	p := newProxy(t, newEcho(t).addr, faultproxy.Faults{BlackHole: true})
	conn := dial(t, p)
	write(t, conn, body(100))
	until(t, "a piece is held", func() bool { return p.Counts().Held == 1 })
	p.Close()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d, %v, want the connection's end", n, err)
	}
	if c, err := net.Dial("tcp", p.Address()); err == nil {
		_ = c.Close()
		t.Error("a closed proxy accepts connections")
	}
}
