package faultproxy

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Script answers one stream, or does not. It is called when the client has sent
// its request, one stream at a time for each connection.
type Script func(*Stream)

// PeerCounts is what a Peer saw and did so far.
type PeerCounts struct {
	Connections int64 // with a client's preface
	Streams     int64 // opened by clients, whether or not they were answered
	OK          int64 // answered with status 0
	Refused     int64 // ended with REFUSED_STREAM
	Reset       int64 // ended with another error code
	GoAways     int64
	Unprocessed int64 // opened after a GOAWAY that excluded them
	Cancelled   int64 // ended by the client
}

// Peer is an HTTP/2 server without TLS that does what a script says. Its methods
// are safe for concurrent use.
type Peer struct {
	script   Script
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]struct{}

	connections, streams, ok, refused, reset, goAways, unprocessed, cancelled atomic.Int64
}

// NewPeer returns a peer on a loopback port of the kernel's choice. It serves
// until Close.
func NewPeer(script Script) (*Peer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	p := &Peer{script: script, listener: listener, open: map[net.Conn]struct{}{}}
	p.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.serve(conn) })
		}
	})
	return p, nil
}

// Address is where clients connect, host:port.
func (p *Peer) Address() string { return p.listener.Addr().String() }

// Counts returns what was seen and done so far.
func (p *Peer) Counts() PeerCounts {
	return PeerCounts{
		Connections: p.connections.Load(), Streams: p.streams.Load(), OK: p.ok.Load(), Refused: p.refused.Load(),
		Reset: p.reset.Load(), GoAways: p.goAways.Load(), Unprocessed: p.unprocessed.Load(), Cancelled: p.cancelled.Load(),
	}
}

// Close ends all connections and returns when nothing of the peer runs.
func (p *Peer) Close() {
	_ = p.listener.Close() // a listener that is closed twice is closed
	p.mu.Lock()
	p.closed = true
	for conn := range p.open {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

// serve answers one connection until it ends; how it ended is the client's to
// say.
func (p *Peer) serve(conn net.Conn) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		_ = conn.Close()
		return
	}
	p.open[conn] = struct{}{}
	p.mu.Unlock()
	defer func() {
		_ = conn.Close()
		p.mu.Lock()
		delete(p.open, conn)
		p.mu.Unlock()
	}()
	c := &peerConn{peer: p, conn: conn, in: bufio.NewReader(conn), out: bufio.NewWriter(conn), last: 1<<31 - 1, numbers: map[uint32]int64{}}
	c.framer = http2.NewFramer(c.out, c.in)
	c.encoder = hpack.NewEncoder(&c.block)
	if c.greet() != nil {
		return
	}
	p.connections.Add(1)
	for c.next() == nil {
	}
}

// peerConn is one connection of a Peer; one goroutine reads and writes it.
type peerConn struct {
	peer    *Peer
	conn    net.Conn
	in      *bufio.Reader
	out     *bufio.Writer
	framer  *http2.Framer
	block   bytes.Buffer // headers being encoded
	encoder *hpack.Encoder
	last    uint32           // the highest stream that is processed
	numbers map[uint32]int64 // of the streams that are not answered yet, by id
}

// credit is what the client may send before its flow-control windows have to be
// opened again: more than any test sends.
const credit = 1 << 30

// greet exchanges what begins a connection (RFC 9113, 3.4).
func (c *peerConn) greet() error {
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c.in, preface); err != nil {
		return err
	}
	if string(preface) != http2.ClientPreface {
		return errors.New("no HTTP/2 preface")
	}
	return errors.Join(c.framer.WriteSettings(), c.framer.WriteWindowUpdate(0, credit), c.out.Flush())
}

// next takes one frame. What was written goes out when nothing is left to read.
func (c *peerConn) next() error {
	if c.in.Buffered() == 0 {
		if err := c.out.Flush(); err != nil {
			return err
		}
	}
	frame, err := c.framer.ReadFrame()
	if err != nil {
		return err
	}
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			return c.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			return c.framer.WritePing(true, f.Data)
		}
	case *http2.HeadersFrame:
		return c.opened(f)
	case *http2.DataFrame:
		if f.StreamEnded() {
			return c.answer(f.StreamID)
		}
	case *http2.RSTStreamFrame:
		c.peer.cancelled.Add(1)
		delete(c.numbers, f.StreamID)
	case *http2.GoAwayFrame:
		return errors.New("the client goes away")
	}
	return nil
}

func (c *peerConn) opened(f *http2.HeadersFrame) error {
	c.numbers[f.StreamID] = c.peer.streams.Add(1)
	if f.StreamEnded() {
		return c.answer(f.StreamID)
	}
	return nil
}

// answer plays the script.
func (c *peerConn) answer(id uint32) error {
	number := c.numbers[id]
	delete(c.numbers, id)
	if id > c.last {
		c.peer.unprocessed.Add(1)
		return nil
	}
	s := &Stream{conn: c, id: id, Number: number}
	c.peer.script(s)
	return s.err
}

// Stream is one RPC as its server sees it. Its methods write frames, in the order
// they are called; after an error they have no effect.
type Stream struct {
	// Number counts the streams of the peer from 1.
	Number int64

	conn *peerConn
	id   uint32
	err  error
}

// maxFrame is the most that a frame carries before SETTINGS say otherwise
// (RFC 9113, 6.5.2).
const maxFrame = 16 << 10

// Field is one header field.
type Field = hpack.HeaderField

var errHungUp = errors.New("hung up")

// Answer is what a well-behaved server sends: headers, the message, status 0.
func (s *Stream) Answer(message []byte) {
	s.Begin()
	s.Message(message)
	s.Status(0, "")
}

// Begin sends the headers that begin a response, and more fields.
func (s *Stream) Begin(more ...Field) {
	s.Headers(false, append([]Field{{Name: ":status", Value: "200"}, {Name: "content-type", Value: "application/grpc"}}, more...)...)
}

// Message sends a message as it is, uncompressed.
func (s *Stream) Message(message []byte) { s.Prefixed(0, len(message), message) }

// Prefixed sends a message under a prefix of the caller's choice: the compressed
// flag and the length it claims to have.
func (s *Stream) Prefixed(flag byte, length int, message []byte) {
	s.Data(binary.BigEndian.AppendUint32([]byte{flag}, uint32(length)))
	s.Data(message)
}

// Status sends the trailers that end a response.
func (s *Stream) Status(code int, message string, more ...Field) {
	if code == 0 {
		s.conn.peer.ok.Add(1)
	}
	s.Headers(true, append([]Field{{Name: "grpc-status", Value: strconv.Itoa(code)}, {Name: "grpc-message", Value: message}}, more...)...)
}

// Headers sends any fields, in as many frames as they take.
func (s *Stream) Headers(end bool, fields ...Field) {
	c := s.conn
	c.block.Reset()
	for _, f := range fields {
		s.try(c.encoder.WriteField(f))
	}
	block := c.block.Bytes()
	n := min(len(block), maxFrame)
	s.try(c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: s.id, BlockFragment: block[:n], EndStream: end, EndHeaders: n == len(block)}))
	for block = block[n:]; len(block) > 0; block = block[n:] {
		n = min(len(block), maxFrame)
		s.try(c.framer.WriteContinuation(s.id, n == len(block), block[:n]))
	}
}

// Data sends any bytes of the body. It does not wait for windows to open: what
// is in flight must fit the client's.
func (s *Stream) Data(b []byte) {
	for len(b) > 0 {
		n := min(len(b), maxFrame)
		s.try(s.conn.framer.WriteData(s.id, false, b[:n]))
		b = b[n:]
	}
}

// Reset ends the stream with an error code.
func (s *Stream) Reset(code http2.ErrCode) {
	if code == http2.ErrCodeRefusedStream {
		s.conn.peer.refused.Add(1)
	} else {
		s.conn.peer.reset.Add(1)
	}
	s.try(s.conn.framer.WriteRSTStream(s.id, code))
}

// GoAway says that no stream after this one is processed. Those that come
// nevertheless are counted and left unanswered. debug is the frame's debug data.
func (s *Stream) GoAway(code http2.ErrCode, debug ...byte) { s.goAway(s.id, code, debug) }

// Refuse is GoAway where this stream is not processed either.
func (s *Stream) Refuse(code http2.ErrCode, debug ...byte) { s.goAway(max(s.id, 2)-2, code, debug) }

func (s *Stream) goAway(last uint32, code http2.ErrCode, debug []byte) {
	s.conn.peer.goAways.Add(1)
	s.conn.last = last
	s.try(s.conn.framer.WriteGoAway(last, code, debug))
}

// Nonsense sends a frame that no stream may have: SETTINGS of one byte.
func (s *Stream) Nonsense() {
	s.try(s.conn.framer.WriteRawFrame(http2.FrameSettings, 0, 0, []byte{1}))
}

// Frame sends any frame of the stream, which may be none that HTTP/2 has.
func (s *Stream) Frame(kind http2.FrameType, flags http2.Flags, payload ...byte) {
	s.try(s.conn.framer.WriteRawFrame(kind, flags, s.id, payload))
}

// Cut ends a response without trailers.
func (s *Stream) Cut() { s.try(s.conn.framer.WriteData(s.id, true, nil)) }

// HangUp sends what was written and closes the connection.
func (s *Stream) HangUp() {
	s.try(s.conn.out.Flush())
	s.try(errHungUp)
}

func (s *Stream) try(err error) {
	if s.err == nil {
		s.err = err
	}
}
