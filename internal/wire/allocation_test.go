package wire

import (
	"encoding/binary"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"grpcbench/internal/cause"
	"grpcbench/internal/code"
	"grpcbench/internal/load"
)

// An RPC whose header blocks repeat allocates nothing, from its start to its end.
func TestAnRPCAllocatesNothing(t *testing.T) {
	answer := newCanned(t)
	c, n := settled(t, Options{Address: "localhost:1", Request: Request{Path: "/Server/Foo", Length: 0}})
	rpc := func(response []byte) {
		c.Start(load.Op{})
		c.Flush()
		if _, err := c.received(n, response); err != nil || n.streams.open != 0 {
			t.Fatalf("the RPC has not ended: %v", err)
		}
	}
	rpc(answer.first)
	if allocs := testing.AllocsPerRun(1000, func() { rpc(answer.on(n.nextID)) }); allocs != 0 {
		t.Errorf("%v allocations an RPC, want 0", allocs)
	}
}

// Nor does one that ends with a status whose text is encoded: of a load nobody reads it.
func TestAnRPCThatEndsWithAStatusAllocatesNothing(t *testing.T) {
	c, n := settled(t, Options{Address: "localhost:1", Request: Request{Path: "/Server/Foo", Expect: cause.Expectation{code.NotFound}}})
	s := newServer()
	answer := func() []byte {
		return s.headers(1, true, ":status", "200", "content-type", grpcType, "grpc-status", "5", "grpc-message", "no%20such%20thing")
	}
	rpc := func(response []byte) {
		binary.BigEndian.PutUint32(response[5:], n.nextID)
		c.Start(load.Op{})
		c.Flush()
		if _, err := c.received(n, response); err != nil || n.streams.open != 0 {
			t.Fatalf("the RPC has not ended: %v", err)
		}
	}
	rpc(answer())
	indexed := answer()
	if allocs := testing.AllocsPerRun(1000, func() { rpc(indexed) }); allocs != 0 {
		t.Errorf("%v allocations an RPC, want 0", allocs)
	}
	if got := c.words.decoded().Said; got != "no such thing" {
		t.Errorf("a preflight would say %q", got)
	}
}

// Nor does what stands under it: a write that the kernel takes at once.
func TestAWriteAllocatesNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, _ = io.Copy(io.Discard, c) // until the test ends
		}
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var sent, received atomic.Int64
	s, err := newSocket(c.(*net.TCPConn), &sent, &received)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	if allocs := testing.AllocsPerRun(100, func() {
		if _, err := s.Write(b); err != nil {
			t.Fatal(err)
		}
	}); allocs != 0 {
		t.Errorf("%v allocations a write, want 0", allocs)
	}
	if got := sent.Load(); got != 101*100 { // AllocsPerRun warms up once
		t.Errorf("%d bytes counted, want 10 100", got)
	}
}
