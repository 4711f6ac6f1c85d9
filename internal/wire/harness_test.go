package wire

import (
	"bytes"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"grpcbench/internal/load"
)

// told is whom a channel tells of RPCs, and holds it to its word: each that was sent
// ends, and ends once.
type told struct {
	t      testing.TB
	start  time.Time
	sent   map[int64]bool
	codes  map[int64]string // of each RPC
	ends   map[int64]load.End
	waited map[int64]bool
	again  int64 // RPCs that callers still want to make, one after the end of another
}

func (o *told) Now() time.Duration { return time.Since(o.start) }

func (o *told) Sent(op load.Op) {
	if o.sent[op.Seq] {
		o.t.Errorf("RPC %d was sent twice", op.Seq)
	}
	o.sent[op.Seq] = true
}

func (o *told) Ended(op load.Op, end load.End, _ time.Duration) {
	code := end.Code
	o.ends[op.Seq], o.waited[op.Seq] = end, op.Waited
	if before, ended := o.codes[op.Seq]; ended || !o.sent[op.Seq] {
		o.t.Errorf("RPC %d ended with %s: ended before: %q, sent: %t", op.Seq, code, before, o.sent[op.Seq])
	}
	o.codes[op.Seq] = code
}

func (o *told) Next(after load.Op, _ time.Duration) (load.Op, bool) {
	if o.again == 0 {
		return load.Op{}, false
	}
	o.again--
	return load.Op{Seq: after.Seq + 1000}, true
}

// heard is a connection that keeps what is written to it.
type heard struct {
	net.Conn
	bytes  bytes.Buffer
	closed bool
}

func (h *heard) Write(b []byte) (int, error) { return h.bytes.Write(b) }
func (h *heard) Close() error                { h.closed = true; return nil }

// client is a channel whose server is the test: frames go to it and come from it in
// memory. It never dials; further connections are made by connect.
type client struct {
	*Channel
	told *told
	conn *conn  // the latest
	out  *heard // of it
	*server
}

// newClient is a client with a connection whose server has sent SETTINGS.
func newClient(t testing.TB, r Request) *client {
	t.Helper()
	if r.Path == "" {
		r.Path = "/Server/Foo"
	}
	o := &told{t: t, start: time.Now(), sent: map[int64]bool{}, codes: map[int64]string{}, ends: map[int64]load.End{}, waited: map[int64]bool{}}
	c := &client{told: o, Channel: &Channel{options: Options{Address: "localhost:1", Request: r}, conns: map[*conn]struct{}{},
		closing: make(chan struct{}), dialing: true, turns: o}}
	t.Cleanup(func() { _ = c.Close() })
	c.connect()
	c.must(t, c.settings())
	return c
}

// connect makes a connection, on which the server has not said anything.
func (c *client) connect() {
	c.out = &heard{}
	c.conn = newConn(c.Channel, c.out)
	c.conns[c.conn] = struct{}{}
	c.server = newServer()
}

// start begins RPCs from number seq on.
func (c *client) start(seq, n int64) {
	for i := range n {
		c.Start(load.Op{Seq: seq + i})
	}
	c.Flush()
}

// outcome of an RPC, where timers end some.
func (c *client) outcome(seq int64) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.told.codes[seq]
}

// must hands the client bytes that it has to accept whole.
func (c *client) must(t testing.TB, b []byte) {
	t.Helper()
	if used, err := c.received(c.conn, b); err != nil || used != len(b) {
		t.Fatalf("%d of %d bytes taken: %v", used, len(b), err)
	}
}

// frame is one that the client has sent.
type frame struct {
	http2.FrameHeader
	payload []byte
}

// frames are those written since the last call.
func (c *client) frames(t testing.TB) (all []frame) {
	t.Helper()
	b := &c.out.bytes
	b.Next(prefaceOf(b.Bytes()))
	for b.Len() > 0 {
		h, err := http2.ReadFrameHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		payload := bytes.Clone(b.Next(int(h.Length)))
		if len(payload) != int(h.Length) {
			t.Fatalf("%v is cut off after %d bytes", h, len(payload))
		}
		all = append(all, frame{h, payload})
	}
	return all
}

func prefaceOf(b []byte) int {
	if bytes.HasPrefix(b, []byte(http2.ClientPreface)) {
		return len(http2.ClientPreface)
	}
	return 0
}

// server writes what a server sends, right or wrong.
type server struct {
	*http2.Framer
	buffer  *bytes.Buffer
	encoder *hpack.Encoder
	block   bytes.Buffer
}

func newServer() *server {
	s := &server{buffer: &bytes.Buffer{}}
	s.Framer = http2.NewFramer(s.buffer, nil)
	s.AllowIllegalWrites = true
	s.encoder = hpack.NewEncoder(&s.block)
	return s
}

// wrote is what was written since the last call.
func (s *server) wrote(...error) []byte {
	b := bytes.Clone(s.buffer.Bytes())
	s.buffer.Reset()
	return b
}

func (s *server) settings(all ...http2.Setting) []byte { return s.wrote(s.WriteSettings(all...)) }

// fields encodes a header list, given as names and values in turn.
func (s *server) fields(list ...string) []byte {
	s.block.Reset()
	for i := 0; i < len(list); i += 2 {
		_ = s.encoder.WriteField(hpack.HeaderField{Name: list[i], Value: list[i+1]}) // to memory
	}
	return bytes.Clone(s.block.Bytes())
}

func (s *server) headers(stream uint32, end bool, list ...string) []byte {
	return s.wrote(s.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: s.fields(list...), EndHeaders: true, EndStream: end}))
}

// opening is how a response begins.
func (s *server) opening(stream uint32) []byte {
	return s.headers(stream, false, ":status", "200", "content-type", "application/grpc")
}

// ok is a whole response with an empty message.
func (s *server) ok(stream uint32) []byte {
	b := append(s.opening(stream), s.wrote(s.WriteData(stream, false, make([]byte, prefixLen)))...)
	return append(b, s.headers(stream, true, "grpc-status", "0")...)
}
