//go:build truth && linux

package truth

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"grpcbench/internal/channel"
	serverpb "grpcbench/proto"
)

// Bytes of one Foo(Empty) with grpc-go v1.85.0, under TLS. Out: HEADERS of 9 bytes
// of frame and what HPACK leaves of nine fields that repeat (RFC 7541: one byte
// each when they are in its table), DATA of 9 and gRPC's own 5 for no message. What
// HPACK's table holds after the first RPC costs a byte, whatever its length; what
// never repeats is Huffman coded: a hexadecimal digit takes 5 to 7 bits. A table of
// 4096 bytes has no room for 4000 and all the rest, so that all is sent each time.
// Dynamic windows send a PING and a WINDOW_UPDATE both ways with each RPC: 47 more.
func TestTruthOfTheBytesOfAnRPC(t *testing.T) {
	b := build(t)
	measured(t, func(f *findings) {
		r := b.run("--tls", "off", "--vary", "windows=static,dynamic", "--vary", "metadata-size=0,100,1000:unique,4000",
			"--vary", "compression=none,gzip:low", "--rate", "700", "--epochs", "1", "--window", "2s", "--aa", "off")
		for _, k := range []struct {
			arm                                          string
			sentLow, sentHigh, receivedLow, receivedHigh float64
		}{
			{"base", 31, 31, 36, 36},
			{"windows=dynamic", 77.5, 78.5, 82.5, 83.5}, // an RPC now and then meets another's PING
			{"metadata-size=100", 32, 32, 36, 36},
			{"metadata-size=1000:unique", 31 + 700, 31 + 735, 36, 36},
			{"metadata-size=4000", 2890, 2950, 36, 36},
			{"compression=gzip:low", 32, 32, 37, 37}, // announced
		} {
			a := arm(t, r, k.arm)
			if a.SentBytes == nil || a.ReceivedBytes == nil {
				f.want(false, "%s: no bytes", k.arm)
				continue
			}
			f.between(k.arm+": bytes out", *a.SentBytes, k.sentLow, k.sentHigh)
			f.between(k.arm+": bytes in", *a.ReceivedBytes, k.receivedLow, k.receivedHigh)
		}
	})
}

// relay is a TCP proxy that counts what passes.
type relay struct {
	net.Listener
	to       string
	up, down atomic.Int64
	open     sync.WaitGroup
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l, to: to}
	r.open.Go(func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			r.open.Go(func() { r.connect(conn) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); r.open.Wait() })
	return r
}

func (r *relay) connect(client net.Conn) {
	server, err := net.Dial("tcp", r.to)
	if err != nil {
		_ = client.Close()
		return
	}
	pass := func(to, from net.Conn, n *atomic.Int64) {
		_, _ = io.Copy(to, io.TeeReader(from, counter{n}))
		_ = to.Close() // what ends one way ends both
	}
	var ways sync.WaitGroup
	ways.Go(func() { pass(server, client, &r.up) })
	pass(client, server, &r.down)
	ways.Wait()
}

// counter adds up the lengths of what is written to it.
type counter struct{ n *atomic.Int64 }

func (c counter) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}

// What a channel counts is what passes through a proxy between it and the server.
func TestTruthOfAChannelsBytes(t *testing.T) {
	_, address := start(t, "serve", "prompt")
	r := newRelay(t, address)
	c, err := channel.Open(t.Context(), channel.Options{Address: r.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	foo := serverpb.NewServerClient(c.ClientConn)
	for range 1000 {
		if _, err := foo.Foo(t.Context(), &serverpb.Empty{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	r.open.Wait()
	sent, received := c.Bytes()
	if up := r.up.Load(); sent != up {
		t.Errorf("sent %d bytes, %d passed", sent, up)
	}
	if down := r.down.Load(); received != down {
		t.Errorf("received %d bytes, %d passed", received, down)
	}
}

// And what a run says of connections and RPCs adds up to all that passes. A first
// RPC sends the fields that HPACK then remembers: some hundred bytes a connection
// that belong to neither.
func TestTruthOfAllBytesOfARun(t *testing.T) {
	b := build(t)
	measured(t, func(f *findings) {
		p, address := start(t, "serve", "prompt")
		defer p.end()
		proxy := newRelay(t, address)
		r := b.run(proxy.Addr().String(), "--tls", "off", "--rate", "1000", "--epochs", "1", "--window", "4s")
		a := r.Arms[0]
		if a.Handshake == nil || a.Handshake.Full == nil || a.SentBytes == nil || a.ReceivedBytes == nil {
			t.Fatal("no bytes in the result")
		}
		full, rpcs := a.Handshake.Full, float64(a.LedgerTotal.Started)
		out := float64(full.Count)*full.SentBytes + rpcs**a.SentBytes
		in := float64(full.Count)*full.ReceivedBytes + rpcs**a.ReceivedBytes
		f.between("bytes out, over those that passed", out/float64(proxy.up.Load()), 0.99, 1.01)
		f.between("bytes in, over those that passed", in/float64(proxy.down.Load()), 0.99, 1.01)
	})
}
