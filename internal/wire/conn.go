package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"grpcbench/internal/cause"
	"grpcbench/internal/channel"
	"grpcbench/internal/code"
	"grpcbench/internal/h2code"
	"grpcbench/internal/load"
)

// conn is one HTTP/2 connection. All of it but its reading is guarded by its
// channel's lock.
type conn struct {
	channel *Channel
	net     net.Conn // above TLS, if there is any
	sender  *sender
	headers *headerReader
	peer    settings
	out     []byte // frames that flush writes
	unsaid  error  // why they could not be written

	streams   streams
	nextID    uint32
	waiting   []pending // for the server's SETTINGS_MAX_CONCURRENT_STREAMS
	blocked   []uint32  // streams whose message waits for a window
	window    int64     // what the server lets us send on the connection
	unacked   int       // bytes received since the last WINDOW_UPDATE
	due       deadlines
	bytes     *bytesOf
	making    [2]int64         // bytes sent and received when the SETTINGS came
	rpcs      int64            // begun here
	had       int64            // before, as the limit counts
	ours      bool             // we have replaced it
	retired   bool             // we have closed it, with nothing left to do
	settled   bool             // the server's SETTINGS came
	ready     chan struct{}    // closed then
	draining  bool             // GOAWAY came, or the stream numbers are used up
	goAways   int              // that came
	goneWith  uint32           // the error code of the first
	gone      channel.GoAway   // how it is counted
	announced channel.Settings // the server's; nil: none have come
	made      time.Time        // when TCP, and TLS, were
	answered  bool             // the server has answered an RPC, or begun to
	took      bool             // the server has said by GOAWAY that it took an RPC
	replies   int              // PING and SETTINGS, and informational headers, since the last response
	answers   int64            // responses looked at, for the sampled check
	block     []byte           // of a HEADERS whose CONTINUATION is to come
	blockOf   frameHeader
	pieces    int // CONTINUATIONs of it
}

// lastStreamID is the last number that a client can give a stream (RFC 9113,
// 5.1.1); before it the connection is replaced as after a GOAWAY.
const lastStreamID = 1<<31 - 1

func newConn(ch *Channel, n net.Conn) *conn {
	return &conn{channel: ch, net: n, headers: newHeaderReader(), peer: initialSettings(), nextID: 1, window: defaultWindow,
		ready: make(chan struct{}), made: time.Now(), bytes: &bytesOf{},
		sender: newSender(&ch.options.Request, ch.options.authority(), ch.options.TLS != nil), out: preface()}
}

// start begins an RPC, or keeps it until the server allows another stream.
func (c *conn) start(p pending) {
	if len(c.waiting) > 0 || c.streams.open >= c.allowed() {
		p.op.Waited = p.op.Waited || !p.redone
		c.waiting = append(c.waiting, p)
		return
	}
	c.open(p)
}

// open opens a stream for an RPC.
func (c *conn) open(p pending) {
	block, err := c.sender.headers(c.channel.firstSeq + p.op.Seq)
	if err != nil { // the encoder writes to memory
		c.channel.refuse(p.op, load.End{Code: code.Internal})
		return
	}
	if c.sender.size > c.peer.maxHeaderList {
		c.channel.words.Said = fmt.Sprintf("header list size to send violates the maximum size (%d bytes) set by server", c.peer.maxHeaderList) // the other engine's words
		c.channel.refuse(p.op, load.End{Code: code.Internal, Cause: cause.HeaderLimit})
		return
	}
	c.channel.attempts++
	id := c.nextID
	c.nextID += 2
	s := c.streams.add(id)
	s.op, s.last, s.window, s.unsent = p.op, p.last, c.peer.initialWindow, len(c.sender.message)
	if !p.redone {
		c.channel.messagesSent++
	}
	if r := &c.channel.options.Request; r.Check != nil {
		switch {
		case r.Length < 0:
			s.response.keep, s.response.packed = int(c.channel.options.maxMessage()), true
		case c.answers < 100 || c.answers%1000 == 0:
			s.response.keep = r.keep()
		}
		c.answers++
	}
	c.out = appendHeaders(c.out, block, id, c.peer.maxFrame)
	if c.send(s); s.unsent > 0 {
		if len(c.blocked) > 2*c.streams.open { // most have ended without a window
			c.resume()
		}
		c.blocked = append(c.blocked, id)
	}
	if d := c.channel.options.Request.Deadline; d > 0 {
		c.due.push(due{id: id, at: p.op.Sent + d}, c.streams.get)
	}
	c.rpcs++
	c.channel.mostRPCs = max(c.channel.mostRPCs, c.rpcs)
	if full := c.full(); full || c.nextID > lastStreamID-2 {
		c.ours = c.ours || full
		c.channel.replace(c)
	}
}

// send appends as much of the stream's message as the windows let through.
func (c *conn) send(s *stream) {
	n := int(min(int64(s.unsent), c.window, s.window))
	if n <= 0 {
		return
	}
	from := len(c.sender.message) - s.unsent
	s.unsent -= n
	s.window -= int64(n)
	c.window -= int64(n)
	c.out = appendData(c.out, c.sender.message[from:from+n], s.id, c.peer.maxFrame, s.unsent == 0)
}

// resume sends what waited for a window, in the order it came.
func (c *conn) resume() {
	left := c.blocked[:0]
	for _, id := range c.blocked {
		s := c.streams.get(id)
		if s == nil {
			continue
		}
		if c.send(s); s.unsent > 0 {
			left = append(left, id)
		}
	}
	c.blocked = left
}

// end closes a stream with an outcome and lets the next one begin.
func (c *conn) end(s *stream, end load.End) {
	c.replies = 0
	op, unsent := s.op, s.unsent
	if unsent > 0 { // the server answered before it had everything: it needs no more
		c.reset(s.id)
	}
	c.streams.remove(s)
	c.channel.finish(op, end)
	c.admit()
}

// admit begins RPCs that waited, as many as the server allows.
func (c *conn) admit() {
	for len(c.waiting) > 0 && !c.draining && c.streams.open < c.allowed() {
		next := c.waiting[0]
		c.waiting = c.waiting[1:]
		c.open(next)
	}
}

// allowed is how many streams may be open.
func (c *conn) allowed() int { return int(min(c.peer.maxConcurrent, 1<<30)) }

// fail resets a stream that went wrong on our side of it.
func (c *conn) fail(s *stream, end load.End) {
	c.reset(s.id)
	s.unsent = 0
	c.end(s, end)
}

func (c *conn) reset(id uint32) {
	c.out = appendUint32Frame(c.out, h2code.FrameRSTStream, id, h2code.Cancel)
}

// flush writes the frames that were appended, in one call. A connection that
// cannot be written to is found by the one that reads it, which first reads what a
// server that is gone said before.
func (c *conn) flush() {
	if len(c.out) == 0 {
		return
	}
	if _, err := c.net.Write(c.out); err != nil {
		c.unsaid = err
		if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			_ = c.net.Close() // ends the reading, which reports
		}
	}
	c.out = c.out[:0]
	if cap(c.out) > maxKeptOut {
		c.out = nil
	}
}

// retire closes a connection that has been replaced and has nothing left to do.
func (c *conn) retire() {
	if !c.draining || c.streams.open > 0 || c.retired {
		return
	}
	c.retired = true
	if c.ours {
		c.channel.drained++
		c.goAway(h2code.NoError) // 6.8: whoever closes a connection should say so
	}
	_ = c.net.Close() // ends its reading
}

// maxKeptOut bounds the memory that a connection keeps for writing.
const maxKeptOut = 1 << 20

// Sizes of the buffer that is read into. The least is room for a hundred small answers;
// once it was filled it becomes the most, which holds two frames of the largest size.
const (
	leastRead = 4 << 10
	mostRead  = 2 * (maxFrame + frameHeaderLen)
)

// read handles frames until the connection ends, and returns why it did.
func (c *conn) read() error {
	buffer := make([]byte, leastRead)
	have := 0
	for {
		n, err := c.net.Read(buffer[have:])
		have += n
		if n > 0 {
			used, bad := c.channel.received(c, buffer[:have])
			if bad != nil {
				return bad
			}
			rest := buffer[used:have]
			if have == len(buffer) && have < mostRead {
				buffer = make([]byte, mostRead)
			}
			have = copy(buffer, rest)
		}
		if err != nil {
			return c.why(err)
		}
	}
}

// why is why the connection ended, of which the reading knows err: the error of
// writing, if there is one and err says no more than that the end has come.
func (c *conn) why(err error) error {
	c.channel.mu.Lock()
	defer c.channel.mu.Unlock()
	if c.unsaid != nil && (errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF)) {
		return c.unsaid
	}
	return err
}

// receive handles all whole frames in b and returns their length.
func (c *conn) receive(b []byte) (used int, err error) {
	if !c.settled {
		if misfit := channel.Misfit(b); misfit != nil {
			return 0, &Violation{code: h2code.ProtocolError, Reason: strings.TrimPrefix(misfit.Error(), channel.ErrNotHTTP2.Error()+": "), opened: misfit}
		}
	}
	for len(b)-used >= frameHeaderLen {
		h := parseFrameHeader(b[used:])
		if h.length > maxFrame {
			return used, violation(h2code.FrameSizeError, "a frame of %d bytes", h.length)
		}
		end := used + frameHeaderLen + h.length
		if end > len(b) {
			break
		}
		if err := c.frame(h, b[used+frameHeaderLen:end]); err != nil {
			return used, err
		}
		used = end
	}
	return used, nil
}

// frame handles one frame.
func (c *conn) frame(h frameHeader, payload []byte) error {
	if (c.block != nil) != (h.kind == h2code.FrameContinuation) {
		return violation(h2code.ProtocolError, "frames between HEADERS and their CONTINUATION, or CONTINUATION without HEADERS")
	}
	switch h.kind {
	case h2code.FrameData:
		return c.onData(h, payload)
	case h2code.FrameHeaders:
		return c.onHeaders(h, payload)
	case h2code.FrameContinuation:
		return c.onContinuation(h, payload)
	case h2code.FrameRSTStream:
		return c.onReset(h, payload)
	case h2code.FrameSettings:
		return c.onSettings(h, payload)
	case h2code.FramePushPromise:
		return violation(h2code.ProtocolError, "PUSH_PROMISE, which was not allowed")
	case h2code.FramePing:
		return c.onPing(h, payload)
	case h2code.FrameGoAway:
		return c.onGoAway(h, payload)
	case h2code.FrameWindowUpdate:
		return c.onWindowUpdate(h, payload)
	}
	return nil // PRIORITY, and what is not known (RFC 9113, 4.1)
}

// stream returns the open stream of a frame, nil if it has been closed. A number
// that was never given is a violation (RFC 9113, 5.1).
func (c *conn) stream(h frameHeader) (*stream, error) {
	if h.stream == 0 || h.stream&1 == 0 || h.stream >= c.nextID {
		return nil, violation(h2code.ProtocolError, "a frame on stream %d, which is not open", h.stream)
	}
	return c.streams.get(h.stream), nil
}

func (c *conn) onSettings(h frameHeader, payload []byte) error {
	if h.stream != 0 {
		return violation(h2code.ProtocolError, "SETTINGS on a stream")
	}
	if h.flags&h2code.FlagAck != 0 {
		if h.length != 0 {
			return violation(h2code.FrameSizeError, "SETTINGS with ACK and %d bytes", h.length)
		}
		return nil
	}
	before := c.peer
	if err := c.peer.apply(payload); err != nil {
		return err
	}
	if c.announced == nil {
		c.announced = channel.Settings{}
	}
	for rest := payload; len(rest) >= 6; rest = rest[6:] {
		c.announced.Set(binary.BigEndian.Uint16(rest), binary.BigEndian.Uint32(rest[2:]))
	}
	// The difference holds for every stream that is open (RFC 9113, 6.9.2).
	delta, overflow := c.peer.initialWindow-before.initialWindow, false
	c.streams.all(func(s *stream) {
		s.window += delta
		overflow = overflow || s.window > maxWindow
	})
	if overflow {
		return violation(h2code.FlowControlError, "a window above 2^31-1")
	}
	if c.peer.headerTable != before.headerTable {
		c.sender.resize(c.peer.headerTable)
	}
	c.out = appendFrameHeader(c.out, 0, h2code.FrameSettings, h2code.FlagAck, 0)
	if !c.settled {
		c.settled, c.channel.announced = true, c.announced
		c.making = [2]int64{c.bytes.sent.Load(), c.bytes.received.Load()}
		close(c.ready)
		c.channel.ready(c)
	}
	c.resume()
	c.admit()
	return c.replied()
}

func (c *conn) onPing(h frameHeader, payload []byte) error {
	if h.stream != 0 {
		return violation(h2code.ProtocolError, "PING on a stream")
	}
	if len(payload) != 8 {
		return violation(h2code.FrameSizeError, "PING of %d bytes", len(payload))
	}
	if h.flags&h2code.FlagAck != 0 {
		return nil
	}
	c.out = appendFrameHeader(c.out, 8, h2code.FramePing, h2code.FlagAck, 0)
	c.out = append(c.out, payload...)
	return c.replied()
}

// maxReplies bounds what a server can make this client write, or read, without ending
// a single RPC.
const maxReplies = 10_000

func (c *conn) replied() error {
	if c.replies++; c.replies > maxReplies {
		return violation(h2code.EnhanceYourCalm, "more than %d PING and SETTINGS or informational headers without a response", maxReplies)
	}
	return nil
}

func (c *conn) onWindowUpdate(h frameHeader, payload []byte) error {
	if len(payload) != 4 {
		return violation(h2code.FrameSizeError, "WINDOW_UPDATE of %d bytes", len(payload))
	}
	add := int64(binary.BigEndian.Uint32(payload) &^ (1 << 31))
	if add == 0 {
		return violation(h2code.ProtocolError, "WINDOW_UPDATE by 0")
	}
	at := &c.window
	if h.stream != 0 {
		s, err := c.stream(h)
		if s == nil || err != nil {
			return err
		}
		at = &s.window
	}
	if *at += add; *at > maxWindow {
		return violation(h2code.FlowControlError, "a window above 2^31-1")
	}
	c.resume()
	return nil
}

// onGoAway lets streams up to the last one end here and makes the others again on
// a new connection: the server says that it has not seen them (RFC 9113, 6.8).
func (c *conn) onGoAway(h frameHeader, payload []byte) error {
	if h.stream != 0 || len(payload) < 8 {
		return violation(h2code.ProtocolError, "a malformed GOAWAY")
	}
	last := binary.BigEndian.Uint32(payload) &^ (1 << 31)
	c.goAways++
	opened := int64(c.nextID / 2)
	// The latest has the last stream that was taken.
	c.gone = c.channel.goAways.Replace(c.gone, payload, opened, opened-int64(c.streams.open))
	if c.goAways == 1 { // the other engine names the first, too
		c.goneWith = binary.BigEndian.Uint32(payload[4:])
		c.channel.words.Debug = string(payload[8:min(len(payload), 8+channel.MostDebug)])
	}
	c.took = last > 0 && c.nextID > 1
	c.channel.replace(c)
	c.redo(func(s *stream) bool { return s.id > last })
	return nil
}

// useless says whether the connection ended as soon as it was made and was of no use. One
// of which the server took RPCs was, though it may be told of its end before their answers:
// a proxy sends GOAWAY when it reads the last request that it allows.
func (c *conn) useless() bool {
	return !c.answered && !c.took && time.Since(c.made) < backoffBase
}

// wentAway is the end of an RPC that the connection's GOAWAY ended.
func (c *conn) wentAway() load.End {
	return load.End{Code: code.Unavailable, Cause: cause.GoAway(c.goneWith)}
}

// over is the end of RPCs on a connection that has ended for err.
func (c *conn) over(err error) load.End {
	var v *Violation
	switch {
	case errors.As(err, &v):
		return load.End{Code: code.Unavailable, Cause: cause.Violation}
	case c.goAways > 0:
		return c.wentAway()
	}
	return load.End{Code: code.Unavailable, Cause: channel.Cause(err)}
}

// explain tells the server what it did wrong before the connection is closed (RFC
// 9113, 5.4.1), and the user.
func (c *Channel) explain(from *conn, err error) {
	var v *Violation
	if errors.As(err, &v) {
		c.words.Said = v.Error()
		from.goAway(v.code)
	}
}

func (c *conn) goAway(code uint32) {
	c.out = appendFrameHeader(c.out, 8, h2code.FrameGoAway, 0, 0)
	c.out = binary.BigEndian.AppendUint32(c.out, 0) // no stream of the server's was seen
	c.out = binary.BigEndian.AppendUint32(c.out, code)
	c.flush()
}

// redo makes the chosen streams' RPCs again on the channel's next connection.
func (c *conn) redo(chosen func(*stream) bool) {
	var again, lost []load.Op
	c.streams.all(func(s *stream) {
		if !chosen(s) {
			return
		}
		if s.last {
			lost = append(lost, s.op)
		} else {
			again = append(again, s.op)
		}
		c.streams.remove(s)
	})
	for _, op := range lost {
		c.channel.finish(op, c.wentAway())
	}
	for _, op := range again {
		c.channel.again(op)
	}
}

// expire ends the RPCs whose deadline has passed.
func (c *conn) expire(now time.Duration) {
	var late []load.Op
	c.waiting, late = c.channel.overdue(c.waiting)
	for _, op := range late {
		c.channel.finish(op, pastDeadline)
	}
	for !c.due.empty() && c.due.head().at <= now {
		d := c.due.head()
		c.due.pop()
		if s := c.streams.get(d.id); s != nil {
			c.fail(s, pastDeadline)
		}
	}
}
