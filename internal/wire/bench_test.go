package wire

import (
	"encoding/binary"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"

	"grpcbench/internal/h2code"
	"grpcbench/internal/load"
)

// deaf is a connection on which every write succeeds and nothing comes.
type deaf struct{ net.Conn }

func (deaf) Write(b []byte) (int, error) { return len(b), nil }
func (deaf) Close() error                { return nil }

// canned are the frames of an empty OK response, as they repeat: wholly indexed.
type canned struct {
	first, steady []byte
	streams       []int // offsets of the stream numbers in steady
}

func newCanned(b testing.TB) canned {
	b.Helper()
	var c canned
	var headers, trailers, out = []hpack.HeaderField{{Name: ":status", Value: "200"}, {Name: "content-type", Value: "application/grpc"}},
		[]hpack.HeaderField{{Name: "grpc-status", Value: "0"}, {Name: "grpc-message", Value: ""}}, []byte(nil)
	var block blockBuffer
	encoder := hpack.NewEncoder(&block)
	frames := func() (at []int) {
		out = nil
		for i, fields := range [][]hpack.HeaderField{headers, trailers} {
			block = nil
			for _, f := range fields {
				if err := encoder.WriteField(f); err != nil {
					b.Fatal(err)
				}
			}
			flags := byte(h2code.FlagEndHeaders)
			if i == 1 {
				flags |= h2code.FlagEndStream
			}
			at = append(at, len(out)+5)
			out = append(appendFrameHeader(out, len(block), h2code.FrameHeaders, flags, 1), block...)
			if i == 0 {
				at = append(at, len(out)+5)
				out = append(appendFrameHeader(out, prefixLen, h2code.FrameData, 0, 1), make([]byte, prefixLen)...)
			}
		}
		return at
	}
	frames()
	c.first = out
	c.streams = frames()
	c.steady = out
	return c
}

type blockBuffer []byte

func (b *blockBuffer) Write(p []byte) (int, error) { *b = append(*b, p...); return len(p), nil }

func (c canned) on(id uint32) []byte {
	for _, at := range c.streams {
		binary.BigEndian.PutUint32(c.steady[at:], id)
	}
	return c.steady
}

// settled is a channel with one connection whose server has sent its SETTINGS.
func settled(tb testing.TB, o Options) (*Channel, *conn) {
	tb.Helper()
	c := &Channel{options: o, conns: map[*conn]struct{}{}, closing: make(chan struct{}), dialing: true, turns: nobody{time.Now()}}
	n := newConn(c, deaf{})
	c.conns[n] = struct{}{}
	if _, err := c.received(n, appendFrameHeader(nil, 0, h2code.FrameSettings, 0, 0)); err != nil {
		tb.Fatal(err)
	}
	n.window = 1 << 60 // no WINDOW_UPDATE will come
	return c, n
}

// BenchmarkRPC is the whole of an RPC but for the system calls: it is begun, its
// frames are appended and written to nowhere, and its response is handled.
func BenchmarkRPC(b *testing.B) {
	answer := newCanned(b)
	c, n := settled(b, Options{Address: "localhost:1", Request: Request{Path: "/Server/Foo", Length: 0}})
	c.Start(load.Op{})
	if _, err := c.received(n, answer.first); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		id := n.nextID
		c.Start(load.Op{})
		c.Flush()
		if _, err := c.received(n, answer.on(id)); err != nil {
			b.Fatal(err)
		}
		if n.streams.open != 0 {
			b.Fatal("the RPC has not ended")
		}
	}
}
