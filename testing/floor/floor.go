// Package floor is the least that the two ends of unary gRPC calls can do: the
// system calls and the frames of package wire without a ledger, a histogram, a
// deadline or a check. Its client is what package wire is measured against, and its
// server, the sink, answers faster than any client asks. Both are for benchmarks on
// loopback: they believe whatever their peer says.
//
// The numbers of sections are those of RFC 9113.
package floor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	headerLen = 9
	// bufferSize is room for the answers of several hundred calls.
	bufferSize = 64 << 10
	// maxWindow is the largest window (6.9.1). Messages are five bytes, so that no
	// WINDOW_UPDATE is due again within 400 million calls.
	maxWindow = 1<<31 - 1
	// initialWindow is what a connection begins with (6.9.2).
	initialWindow = 1<<16 - 1
)

var (
	errEnough  = errors.New("enough calls")
	errStreams = errors.New("stream numbers are used up")
)

// Client makes empty unary calls on one connection.
type Client struct {
	Path      string // /package.Service/Method
	Authority string
	Secure    bool // the connection is TLS
	Streams   int  // calls in flight
	// Enough is asked after each read, with the calls that have ended so far.
	Enough func(calls int64) bool

	next          uint32
	out           []byte
	begun, closed int64
}

// Run calls until there were Enough, and returns how many calls have ended.
func (c *Client) Run(n net.Conn) (calls int64, err error) {
	first, again := c.requests()
	c.next, c.begun, c.closed = 1, 1, 0
	c.out = appendOpening([]byte(http2.ClientPreface))
	c.call(first)
	if err := write(n, &c.out); err != nil {
		return 0, err
	}
	err = frames(n, c.frame, func() error {
		if c.Enough(c.closed) {
			return errEnough
		}
		for ; c.begun < c.closed+int64(c.Streams); c.begun++ {
			c.call(again)
		}
		return write(n, &c.out)
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return c.closed, err
}

// Open sends what begins a connection and returns when the server's SETTINGS have come
// (3.4): the least that opening one can be.
func Open(n net.Conn) error {
	out := appendOpening([]byte(http2.ClientPreface))
	if err := write(n, &out); err != nil {
		return err
	}
	settled := false
	err := frames(n, func(kind http2.FrameType, flags http2.Flags, frame []byte) error {
		settled = settled || kind == http2.FrameSettings && !flags.Has(http2.FlagSettingsAck)
		out = appendReply(out, kind, flags, frame)
		return nil
	}, func() error {
		if !settled {
			return nil
		}
		return errors.Join(write(n, &out), errEnough)
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// requests are the frames of the first call and of all others, whose header block
// is indexes into what the first one has put in the table.
func (c *Client) requests() (first, again []byte) {
	scheme := "http"
	if c.Secure {
		scheme = "https"
	}
	e := newEncoder()
	request := func() []byte {
		block := e.block(":method", "POST", ":scheme", scheme, ":path", c.Path, ":authority", c.Authority,
			"content-type", "application/grpc", "user-agent", "grpc-bench-floor", "te", "trailers")
		b := appendFrame(nil, http2.FrameHeaders, http2.FlagHeadersEndHeaders, block)
		return appendFrame(b, http2.FrameData, http2.FlagDataEndStream, emptyMessage())
	}
	return request(), request()
}

// call appends a request with the next stream number.
func (c *Client) call(request []byte) {
	c.out = appendStamped(c.out, request, c.next)
	c.next += 2
}

func (c *Client) frame(kind http2.FrameType, flags http2.Flags, frame []byte) error {
	switch {
	case kind == http2.FrameHeaders && flags.Has(http2.FlagHeadersEndStream):
		if c.closed++; c.next > maxWindow-2*uint32(c.Streams) {
			return errStreams
		}
	case kind == http2.FrameRSTStream || kind == http2.FrameGoAway:
		return io.ErrUnexpectedEOF
	default:
		c.out = appendReply(c.out, kind, flags, frame)
	}
	return nil
}

// frames reads a connection until it ends: each is called with every whole frame,
// then with none left in the buffer.
func frames(n net.Conn, each func(http2.FrameType, http2.Flags, []byte) error, then func() error) error {
	buffer, have := make([]byte, bufferSize), 0
	for {
		read, err := n.Read(buffer[have:])
		if err != nil {
			return err
		}
		have += read
		rest := buffer[:have]
		for len(rest) >= headerLen {
			end := headerLen + int(rest[0])<<16 + int(rest[1])<<8 + int(rest[2])
			if end > len(rest) {
				break
			}
			if err := each(http2.FrameType(rest[3]), http2.Flags(rest[4]), rest[:end]); err != nil {
				return err
			}
			rest = rest[end:]
		}
		have = copy(buffer, rest)
		if err := then(); err != nil {
			return err
		}
	}
}

// write sends what has gathered in out, in one call.
func write(n net.Conn, out *[]byte) error {
	if len(*out) == 0 {
		return nil
	}
	_, err := n.Write(*out)
	*out = (*out)[:0]
	return err
}

// appendReply appends what a SETTINGS or PING frame asks for (6.5.3, 6.7).
func appendReply(dst []byte, kind http2.FrameType, flags http2.Flags, frame []byte) []byte {
	switch {
	case flags.Has(http2.FlagSettingsAck): // the same bit in both
	case kind == http2.FrameSettings:
		return appendFrame(dst, http2.FrameSettings, http2.FlagSettingsAck, nil)
	case kind == http2.FramePing:
		return appendFrame(dst, http2.FramePing, http2.FlagPingAck, frame[headerLen:])
	}
	return dst
}

// appendOpening appends SETTINGS that change nothing and the largest window for the
// connection.
func appendOpening(dst []byte) []byte {
	dst = appendFrame(dst, http2.FrameSettings, 0, nil)
	return appendFrame(dst, http2.FrameWindowUpdate, 0, binary.BigEndian.AppendUint32(nil, maxWindow-initialWindow))
}

// appendFrame appends a frame of stream 0.
func appendFrame(dst []byte, kind http2.FrameType, flags http2.Flags, payload []byte) []byte {
	n := len(payload)
	dst = append(dst, byte(n>>16), byte(n>>8), byte(n), byte(kind), byte(flags), 0, 0, 0, 0)
	return append(dst, payload...)
}

// appendStamped appends frames and gives all of them a stream number.
func appendStamped(dst, frames []byte, stream uint32) []byte {
	from := len(dst)
	dst = append(dst, frames...)
	for at := from; at < len(dst); {
		binary.BigEndian.PutUint32(dst[at+5:], stream)
		at += headerLen + int(dst[at])<<16 + int(dst[at+1])<<8 + int(dst[at+2])
	}
	return dst
}

func streamOf(frame []byte) uint32 { return binary.BigEndian.Uint32(frame[5:]) &^ (1 << 31) }

// emptyMessage is a message of no bytes with its prefix.
func emptyMessage() []byte { return make([]byte, 5) }

// encoder encodes the header blocks of one connection: from the second time on a
// field is an index.
type encoder struct {
	*hpack.Encoder
	buffer bytes.Buffer
}

func newEncoder() *encoder {
	e := &encoder{}
	e.Encoder = hpack.NewEncoder(&e.buffer)
	return e
}

// block encodes fields, given as names and values in turn.
func (e *encoder) block(fields ...string) []byte {
	e.buffer.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}) // to memory
	}
	return bytes.Clone(e.buffer.Bytes())
}
