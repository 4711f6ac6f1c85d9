package wire

import (
	"encoding/binary"
	"fmt"

	"grpcbench/internal/cause"
	"grpcbench/internal/channel"
	"grpcbench/internal/code"
	"grpcbench/internal/h2code"
	"grpcbench/internal/load"
)

// MaxMessage bounds a response message: a payload of 4 MiB with its framing.
const MaxMessage = channel.MaxMessage

// maxPieces bounds the CONTINUATIONs of one header block: each may be empty.
const maxPieces = 256

func (c *conn) onHeaders(h frameHeader, payload []byte) error {
	payload, err := unpad(h.flags, payload)
	if err != nil {
		return err
	}
	if payload, err = unprioritize(h.flags, payload); err != nil {
		return err
	}
	if h.flags&h2code.FlagEndHeaders == 0 {
		c.block, c.blockOf, c.pieces = append([]byte{}, payload...), h, 0
		return nil
	}
	return c.onBlock(h, payload)
}

func (c *conn) onContinuation(h frameHeader, payload []byte) error {
	if h.stream != c.blockOf.stream {
		return violation(h2code.ProtocolError, "CONTINUATION of another stream")
	}
	c.block = append(c.block, payload...)
	if c.pieces++; c.pieces > maxPieces || len(c.block) > maxHeaderList {
		return violation(h2code.EnhanceYourCalm, "a header block above %d bytes or %d frames", maxHeaderList, maxPieces)
	}
	if h.flags&h2code.FlagEndHeaders == 0 {
		return nil
	}
	block := c.block
	c.block = nil
	return c.onBlock(c.blockOf, block)
}

// onBlock handles a whole header block. One of a closed stream is decoded too: it
// may change the table (RFC 9113, 4.3).
func (c *conn) onBlock(h frameHeader, block []byte) error {
	m, err := c.headers.read(block)
	if err != nil {
		return err
	}
	s, err := c.stream(h)
	if s == nil || err != nil {
		return err
	}
	c.answered = true
	c.channel.hear(s, m)
	ended := h.flags&h2code.FlagEndStream != 0
	switch {
	case m.tooLong:
		c.channel.words.Said = fmt.Sprintf("peer header list size exceeded limit (%d)", maxHeaderList)
		c.fail(s, load.End{Code: code.Internal, Cause: cause.HeaderLimit})
	case s.answered && ended:
		c.end(s, c.expected(c.outcome(s, m)))
	case s.answered: // a second header block is the trailers, and they end the stream
		c.fail(s, broken)
	case ended:
		c.end(s, c.expected(c.trailersOnly(s, m)))
	case m.httpStatus >= 100 && m.httpStatus < 200:
		// Informational; the response's own are to come (RFC 9110, 15.2).
		return c.replied()
	case !m.begins():
		c.fail(s, c.notGRPC(m))
	default: // of any HTTP status: a grpc-status, if one comes, is what counts
		s.answered, s.http, s.encoding = true, m.httpStatus, m.encoding
	}
	return nil
}

// expected is an outcome as the expectation of it has it.
func (c *conn) expected(end load.End) load.End { return c.channel.options.Request.Expect.Judge(end) }

// trailersOnly is the outcome of a response that is one header block.
func (c *conn) trailersOnly(s *stream, m *meaning) load.End {
	if !m.begins() || m.grpcStatus == noStatus {
		return c.notGRPC(m)
	}
	return c.outcome(s, m)
}

// badStatusEnd is the end of an RPC whose status is no number.
var badStatusEnd = load.End{Code: code.Unknown, Cause: cause.Violation}

// notGRPC is the outcome of a response that is one header block without a status of
// gRPC, or that begins as none of gRPC does.
func (c *conn) notGRPC(m *meaning) load.End {
	switch {
	case m.httpStatus < 200: // none, or one that has another header block to follow
		return broken
	case m.isGRPC && m.grpcStatus == badStatus:
		return badStatusEnd
	}
	c.channel.words.Server = m.server
	if m.isGRPC {
		return withoutStatus(m.httpStatus)
	}
	return load.End{Code: httpCode(m.httpStatus), Cause: cause.HTTP(m.httpStatus)}
}

// withoutStatus is the outcome of a response of gRPC that ended without a status: where
// its HTTP status is not that of one, that is what counts (gRPC over HTTP/2, "Responses").
func withoutStatus(http int) load.End {
	if http == 200 {
		return load.End{Code: code.Unknown, Cause: cause.Violation}
	}
	return load.End{Code: httpCode(http), Cause: cause.HTTP(http)}
}

// outcome is how an RPC ended by its trailers.
func (c *conn) outcome(s *stream, m *meaning) load.End {
	switch m.grpcStatus {
	case badStatus:
		return badStatusEnd
	case noStatus:
		return withoutStatus(s.http)
	}
	// A unary call has one message, or none and an error, and no part of another. To
	// grpc-go that comes before the status, and so it does here.
	r := &c.channel.options.Request
	switch {
	case s.response.n > 1 || !s.response.whole() || s.response.n == 0 && m.grpcStatus == 0:
		return broken
	case s.response.compressed && !r.accepts(s.encoding):
		return c.notAccepted(s)
	case m.grpcStatus != 0:
		c.channel.words.encoded = m.message
		end := load.End{Code: grpcCode(m.grpcStatus), Cause: cause.Status}
		if end.Code == code.DeadlineExceeded {
			end = c.channel.late(s.op, end)
		}
		return end
	}
	c.channel.count(s)
	if r.Length >= 0 && (!s.response.compressed && int(s.response.length) != r.Length || int(s.response.length) > r.keep()) {
		return load.End{Code: load.BadPayload, Cause: cause.Response}
	}
	if s.response.keep > 0 && (s.response.compressed || !s.response.packed) {
		end := r.Check(s.encoding, s.response.compressed, s.response.kept, int(c.channel.options.maxMessage()))
		if end.Cause == cause.MessageLimit {
			c.channel.words.Said = fmt.Sprintf("received message after decompression larger than max %d", c.channel.options.maxMessage())
		}
		return end
	}
	return load.Good
}

// notAccepted is the end of an RPC whose response is compressed in a way that was not
// announced, or in none that it names.
func (c *conn) notAccepted(s *stream) load.End {
	if s.encoding == "" || s.encoding == "identity" {
		return broken
	}
	c.channel.words.Said = "response compressed by " + s.encoding
	return load.End{Code: code.Internal, Cause: cause.Encoding}
}

func (c *conn) onData(h frameHeader, payload []byte) error {
	// Padding counts (RFC 9113, 6.9.1), and so does what comes on closed streams.
	// Nothing is kept of what a server sends beyond its windows, so that it costs
	// nothing: a frame is counted, given back, and read over.
	c.unacked += h.length
	if c.unacked >= window/2 {
		c.out = appendUint32Frame(c.out, h2code.FrameWindowUpdate, 0, uint32(c.unacked))
		c.unacked = 0
	}
	payload, err := unpad(h.flags, payload)
	if err != nil {
		return err
	}
	s, err := c.stream(h)
	if s == nil || err != nil {
		return err
	}
	if !s.answered {
		return violation(h2code.ProtocolError, "DATA before HEADERS")
	}
	s.unacked += h.length
	most := c.channel.options.maxMessage()
	if failed := s.response.take(payload, most); failed.Code != "" {
		if failed.Cause == cause.MessageLimit {
			c.channel.words.Said = fmt.Sprintf("received message larger than max (%d vs. %d)", s.response.length, most)
		}
		c.fail(s, failed)
		return nil
	}
	if h.flags&h2code.FlagEndStream != 0 { // without trailers
		end := broken
		if s.http != 200 {
			end = withoutStatus(s.http)
		}
		c.end(s, end)
		return nil
	}
	if s.unacked >= window/2 {
		c.out = appendUint32Frame(c.out, h2code.FrameWindowUpdate, s.id, uint32(s.unacked))
		s.unacked = 0
	}
	return nil
}

func (c *conn) onReset(h frameHeader, payload []byte) error {
	if len(payload) != 4 {
		return violation(h2code.FrameSizeError, "RST_STREAM of %d bytes", len(payload))
	}
	s, err := c.stream(h)
	if s == nil || err != nil {
		return err
	}
	code := binary.BigEndian.Uint32(payload)
	s.unsent = 0
	if code == h2code.RefusedStream {
		c.channel.refused++
	}
	if code == h2code.RefusedStream && !s.last {
		// The server says that it has not begun it (RFC 9113, 8.7), so it is made again,
		// once: also after headers, as it is in the other engine.
		op := s.op
		c.streams.remove(s)
		c.channel.again(op)
		c.admit() // it may stand behind others now
		return nil
	}
	c.end(s, c.channel.late(s.op, load.End{Code: resetCode(code), Cause: cause.RSTStream(code)}))
	return nil
}
