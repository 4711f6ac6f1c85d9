// Package wire is an HTTP/2 client that knows one thing: unary gRPC calls that are
// all alike. It encodes a request once and copies it from then on, reads of a
// response what tells how the call ended, and handles as many frames in one system
// call as there are. What it leaves out is protobuf and compression per call; what
// HTTP/2 and gRPC demand of a client is all there, with the section beside it.
//
// The numbers of sections are those of RFC 9113 (HTTP/2) and RFC 7541 (HPACK), if
// nothing else is said; "gRPC over HTTP/2" is gRPC's PROTOCOL-HTTP2.md.
//
// A channel has one connection in use. Its lock is held from the first line to the last of what
// follows, so that a batch of frames costs one lock, one reading of the clock and one write:
//
//	Engine.Start ─► Channel.first ─► Turns.Sent
//	                     └─► begin ─► conn.start ─► open       its frames are gathered,
//	Engine.Flush ─────────────────► conn.flush ─► socket      and written at once
//
//	reader: socket ─► Channel.received ─► conn.receive ─► frame ─► onBlock, onData, onReset
//	                                                                │ the RPC has ended
//	                         Turns.Ended ◄── Channel.finish ◄── conn.end
//	                         Turns.Next  ◄──┘     └─► first ─► …      the next one, in the same batch
//	                                      conn.flush ─► socket
//
// So conn calls the channel, which calls the same conn again: whatever follows conn.end must
// not keep what it knew of the connection's streams before. Turns must not call back into the
// channel. A connection that ends hands its RPCs to the next one, or fails them.
package wire

import (
	"cmp"
	"context"
	"crypto/tls"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"grpcbench/internal/cause"
	"grpcbench/internal/channel"
	"grpcbench/internal/code"
	"grpcbench/internal/h2code"
	"grpcbench/internal/load"
)

// Options say where a channel connects and what is called on it.
type Options struct {
	Address     string      // see package address
	Authority   string      // :authority of requests; "": Address
	TLS         *tls.Config // nil: plaintext
	AllowNoALPN bool        // see channel.Options
	Timeout     time.Duration
	// MaxMessage is the largest response message in bytes; 0: [MaxMessage].
	MaxMessage  int
	TimeoutFlag string // see channel.Endpoint
	Request     Request
	Limit       channel.Limit
	Made        func(channel.Connection) // see channel.Options
}

func (o *Options) maxMessage() uint32 { return uint32(cmp.Or(o.MaxMessage, MaxMessage)) }

func (o *Options) endpoint() channel.Endpoint {
	return channel.Endpoint{Address: o.Address, TLS: o.TLS, Timeout: o.Timeout, TimeoutFlag: o.TimeoutFlag}
}

// authority is the :authority of requests.
func (o *Options) authority() string { return cmp.Or(o.Authority, o.Address) }

// Channel holds one connection at a time and makes a new one when it is lost. It is
// safe for concurrent use.
type Channel struct {
	options Options

	mu       sync.Mutex
	turns    load.Turns
	firstSeq int64
	at       time.Duration // when what is being handled happened
	current  *conn
	conns    map[*conn]struct{} // all that live: current, in the making, and draining
	dialing  bool
	// unreachable is the end of RPCs while there is no connection.
	unreachable load.End
	closed      bool
	queue       []pending    // RPCs that wait for the connection being dialled
	resting     []load.Op    // failed without a server: their callers wait a moment before the next
	kept        channel.Made // but replacements
	ended       bytesOf      // of connections that are no more
	begun       bool         // a connection has been
	drained     int64
	mostRPCs    int64
	goAways     channel.GoAways
	refused     int64            // streams
	announced   channel.Settings // of the latest connection that had any
	timer       *time.Timer      // of the first deadline
	alarm       time.Duration    // when it fires
	closing     chan struct{}

	words        Words // of the latest failure
	attempts     int64 // streams begun
	messagesSent int64 // RPCs among them: one that is made again has the same message
	messages     Traffic
	compressed   map[string]int64 // responses, by the encoding that was accepted
}

// Traffic counts the messages of responses.
type Traffic struct {
	Messages, Compressed, Bytes int64
}

type pending struct {
	op     load.Op
	redone bool // it was refused, and is made again
	last   bool // it is not made again if it is refused
}

// Bind says who is told of RPCs. It comes before the first Start.
func (c *Channel) Bind(t load.Turns) {
	c.mu.Lock()
	c.turns, c.firstSeq = t, 0
	c.mu.Unlock()
}

// Start begins an RPC. It is sent by the next Flush, or before.
func (c *Channel) Start(op load.Op) {
	c.mu.Lock()
	c.at = c.turns.Now()
	c.first(op)
	if c.current != nil && len(c.current.out) >= writeSize {
		c.current.flush()
	}
	c.mu.Unlock()
}

// writeSize is how many bytes of frames are gathered at most for one write.
const writeSize = 16 << 10

// first begins an RPC that was not begun before.
func (c *Channel) first(op load.Op) {
	op.Sent = c.at
	c.turns.Sent(op)
	c.begin(pending{op: op})
}

// Flush sends what was started.
func (c *Channel) Flush() {
	c.mu.Lock()
	if c.current != nil {
		c.current.flush()
	}
	c.mu.Unlock()
}

// begin starts an RPC on the connection, keeps it while there will be one, or fails
// it: like an application's call it does not wait for a server that is down.
func (c *Channel) begin(p pending) {
	if d := c.options.Request.Deadline; d > 0 {
		c.arm(p.op.Sent + d)
	}
	switch {
	case c.current != nil:
		c.current.start(p)
	case c.dialing:
		c.queue = append(c.queue, p)
	default:
		c.finish(p.op, c.unreachable)
	}
}

// again makes an RPC again that a server has refused unseen.
func (c *Channel) again(op load.Op) { c.begin(pending{op: op, redone: true, last: true}) }

// finish tells of an RPC that has ended, and begins its caller's next: at once, or
// after a moment where there is no connection.
func (c *Channel) finish(op load.Op, end load.End) {
	if !end.Good() && c.current == nil {
		c.refuse(op, end)
		return
	}
	c.turns.Ended(op, end, c.at)
	if next, more := c.turns.Next(op, c.at); more {
		c.first(next)
	}
}

// refuse tells of an RPC that failed before a server had it. The next one might fail
// as fast, so its caller rests.
func (c *Channel) refuse(op load.Op, end load.End) {
	c.turns.Ended(op, end, c.at)
	if c.resting = append(c.resting, op); len(c.resting) == 1 {
		time.AfterFunc(rest, c.wake)
	}
}

// rest is how long a caller waits after a failure without a server.
const rest = 10 * time.Millisecond

func (c *Channel) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.turns.Now()
	c.rested()
	if c.current != nil {
		c.current.flush()
	}
}

// rested lets the callers that rested go on.
func (c *Channel) rested() {
	resting := c.resting
	c.resting = nil
	for _, op := range resting {
		if next, more := c.turns.Next(op, c.at); more {
			c.first(next)
		}
	}
}

// late is what an RPC is that a server ended whose deadline has passed: a server that keeps
// the deadline too may be first to say so, by cancelling the stream or by its status.
func (c *Channel) late(op load.Op, end load.End) load.End {
	d := c.options.Request.Deadline
	if d > 0 && (end.Code == code.Cancelled || end.Code == code.DeadlineExceeded) && c.turns.Now() >= op.Sent+d {
		return pastDeadline
	}
	return end
}

// count adds a response's message.
func (c *Channel) count(s *stream) {
	c.messages.Messages++
	c.messages.Bytes += int64(s.response.length)
	if s.response.compressed {
		c.messages.Compressed++
		if c.compressed == nil {
			c.compressed = map[string]int64{}
		}
		c.compressed[s.encoding]++
	}
}

// received handles what a connection has read.
func (c *Channel) received(from *conn, b []byte) (used int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.turns.Now()
	used, err = from.receive(b)
	from.flush()
	if c.current != nil && c.current != from {
		c.current.flush() // what was made again
	}
	from.retire()
	return used, err
}

// ready is called when a connection's SETTINGS have come.
func (c *Channel) ready(made *conn) {
	if c.closed {
		return
	}
	old := c.current
	c.current, c.dialing = made, false
	if old != nil {
		c.supersede(old)
	}
	queue := c.queue
	c.queue = nil
	for _, p := range queue {
		c.begin(p)
	}
	c.rested()
}

// replace takes a connection out of use; the RPCs on it may end there.
func (c *Channel) replace(from *conn) {
	if from.draining {
		return
	}
	from.draining = true
	if c.current != from {
		return
	}
	c.current = nil
	from.flush() // nobody else does from now on
	c.redial(from)
	c.move(from)
}

// move lets RPCs that waited for a stream wait for the next connection. Where the server
// ended the one they waited on, that was their one repetition, as it is in grpc-go, which
// takes them for refused: behind a server that ends connections in regular order the two
// engines lose the same RPCs.
func (c *Channel) move(from *conn) {
	waiting := from.waiting
	from.waiting = nil
	for _, p := range waiting {
		p.last = p.last || !from.ours
		c.begin(p)
	}
}

// redial begins to make a new connection in place of one.
func (c *Channel) redial(old *conn) {
	if c.dialing || c.closed {
		return
	}
	c.dialing = true
	if old.ours {
		go c.reconnect(false, c.options.Limit.Begin())
		return
	}
	// A server that ends its connections as soon as they are made is not to be
	// overrun with them, nor this client.
	go c.reconnect(old.useless(), nil)
}

// Backoff between attempts to connect: that of the other engine, which takes
// gRPC's formula (connection-backoff.md) with a shorter base and end.
const (
	backoffBase   = 100 * time.Millisecond
	backoffMax    = time.Second
	backoffFactor = 1.6
	backoffJitter = 0.2
)

// reconnect dials until there is a connection. While it waits between attempts
// RPCs fail at once; where it waits before the first, they wait too. done, if not nil,
// is told of the first attempt, which is a replacement.
func (c *Channel) reconnect(later bool, done func(channel.Connection, error)) {
	if later && !c.pause(float64(backoffBase)) {
		return
	}
	for wait := float64(backoffBase); ; wait = min(wait*backoffFactor, float64(backoffMax)) {
		made, err := c.connect(context.Background())
		switch {
		case done != nil:
			done(made, err)
			done = nil
		case err == nil:
			c.note(made)
		}
		if err == nil {
			return
		}
		c.mu.Lock()
		c.undialled(err)
		c.mu.Unlock()
		if !c.pause(wait) || !c.dialAgain() {
			return
		}
	}
}

// dialAgain says whether there still is no connection; one may have been made by Renew
// meanwhile.
func (c *Channel) dialAgain() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialing = c.current == nil
	return c.dialing
}

// note keeps what a connection cost.
func (c *Channel) note(made channel.Connection) {
	c.mu.Lock()
	c.kept.Add(&made)
	if made.HTTP2 > 0 {
		c.kept.Settled(&made)
	}
	c.mu.Unlock()
}

// pause waits about that many nanoseconds; it reports whether the channel is open.
func (c *Channel) pause(wait float64) bool {
	timer := time.NewTimer(time.Duration(wait * (1 - backoffJitter + 2*backoffJitter*rand.Float64())))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.closing:
		return false
	}
}

// undialled ends the RPCs that waited for a connection which could not be made.
func (c *Channel) undialled(err error) {
	if c.closed {
		return
	}
	c.dialing, c.unreachable = false, load.End{Code: code.Unavailable, Cause: channel.Cause(err)}
	if c.unreachable.Cause == cause.NoResources {
		c.unreachable.Code = load.ClientLimit
	}
	queue := c.queue
	c.queue = nil
	c.at = c.turns.Now()
	for _, p := range queue {
		c.finish(p.op, c.unreachable)
	}
}

// lost ends the RPCs of a connection that has ended.
func (c *Channel) lost(from *conn, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.turns.Now()
	c.explain(from, err)
	_ = from.net.Close() // whatever it was: it is over
	if c.current == from {
		c.current = nil
		c.redial(from)
	}
	from.draining = true
	c.ended.add(from.bytes)
	delete(c.conns, from)
	var ops []load.Op
	from.streams.all(func(s *stream) {
		ops = append(ops, s.op)
		from.streams.remove(s)
	})
	c.move(from)
	for _, op := range ops {
		c.finish(op, from.over(err))
	}
	if c.current != nil {
		c.current.flush()
	}
}

// Abandon ends every RPC that has not ended, in the given way.
func (c *Channel) Abandon(end load.End) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abandon(end)
}

func (c *Channel) abandon(end load.End) {
	c.at = c.turns.Now()
	for conn := range c.conns {
		conn.abandon(end)
	}
	queue := c.queue
	c.queue = nil
	for _, p := range queue {
		c.finish(p.op, end)
	}
}

func (c *conn) abandon(end load.End) {
	var ops []load.Op
	c.streams.all(func(s *stream) {
		c.reset(s.id)
		ops = append(ops, s.op)
		c.streams.remove(s)
	})
	for _, p := range c.waiting {
		ops = append(ops, p.op)
	}
	c.waiting = nil
	c.flush()
	c.retire()
	for _, op := range ops {
		c.channel.finish(op, end)
	}
}

// arm makes the timer fire at a deadline, unless it will fire before.
func (c *Channel) arm(at time.Duration) {
	switch {
	case c.closed:
	case c.timer == nil:
		c.timer, c.alarm = time.AfterFunc(at-c.turns.Now(), c.expire), at
	case at < c.alarm:
		c.timer.Reset(at - c.turns.Now())
		c.alarm = at
	}
}

// expire ends the RPCs whose deadline has passed and arms the timer for the next.
func (c *Channel) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer = nil
	c.at = c.turns.Now()
	var late []load.Op
	c.queue, late = c.overdue(c.queue)
	for _, op := range late {
		c.finish(op, pastDeadline)
	}
	for conn := range c.conns {
		conn.expire(c.at)
		conn.flush()
		conn.retire()
		if !conn.due.empty() {
			c.arm(conn.due.head().at)
		}
		c.armFor(conn.waiting)
	}
	c.armFor(c.queue)
	if c.current != nil {
		c.current.flush() // what callers began when another connection had been flushed
	}
}

// overdue takes out the RPCs whose deadline has passed.
func (c *Channel) overdue(all []pending) (rest []pending, late []load.Op) {
	for _, p := range all {
		if p.op.Sent+c.options.Request.Deadline <= c.at {
			late = append(late, p.op)
		} else {
			rest = append(rest, p)
		}
	}
	return rest, late
}

// armFor arms the timer for those that wait for a connection or a stream.
func (c *Channel) armFor(waiting []pending) {
	for _, p := range waiting { // one that is made again stands behind younger ones
		c.arm(p.op.Sent + c.options.Request.Deadline)
	}
}

// Attempts is the number of streams begun so far: it is above the number of RPCs by
// those that a server has refused unseen. answers counts the responses.
func (c *Channel) Attempts() (attempts int64, answers Traffic) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.attempts, c.messages
}

// Received returns how many responses came compressed so far, by encoding.
func (c *Channel) Received() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.compressed)
}

// MessagesSent is the number of RPCs so far whose request was sent, or begun to be. One
// that was made again counts once, as its message is the same.
func (c *Channel) MessagesSent() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.messagesSent
}

// Close ends the channel, and what is in flight with CANCELLED.
func (c *Channel) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed, c.current, c.dialing, c.unreachable = true, nil, false, cancelled
	close(c.closing)
	c.abandon(cancelled)
	for conn := range c.conns {
		conn.goAway(h2code.NoError)
		_ = conn.net.Close() // over
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	return nil
}

// nobody is told of RPCs, and asks for none.
type nobody struct{ start time.Time }

func (n nobody) Now() time.Duration                               { return time.Since(n.start) }
func (nobody) Sent(load.Op)                                       {}
func (nobody) Ended(load.Op, load.End, time.Duration)             {}
func (nobody) Next(load.Op, time.Duration) (o load.Op, more bool) { return o, false }
