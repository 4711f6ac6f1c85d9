package benchserver_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"

	benchv1 "grpcbench/proto/bench/v1"
)

// maxConcurrentStreams is what the server announces; TestLimitsAndWindowsAreAnnouncedInSettings
// holds it to that.
const maxConcurrentStreams = 1000

// attacker is a connection that writes what frames it likes.
type attacker struct {
	*http2.Framer
	conn    net.Conn
	out     *bufio.Writer
	encoder *hpack.Encoder
	block   bytes.Buffer
	stream  uint32 // the next one
	frames  int    // that were written

	closed chan struct{} // the server ended the connection
	mu     sync.Mutex
	got    map[http2.FrameType]int
	goAway http2.ErrCode
}

// attacker connects and exchanges SETTINGS. The frames of the server are read
// and counted unless deaf, which leaves them in the socket.
func (f *fortress) attacker(t *testing.T, deaf bool, settings ...http2.Setting) *attacker {
	t.Helper()
	conn := f.dial(t)
	if deaf { // what is not read soon fills the way from the server
		if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
	}
	if f.secure {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	}
	a := &attacker{conn: conn, out: bufio.NewWriterSize(conn, 64<<10), stream: 1, closed: make(chan struct{}), got: map[http2.FrameType]int{}}
	a.Framer = http2.NewFramer(a.out, bufio.NewReader(conn))
	a.encoder = hpack.NewEncoder(&a.block)
	_, err := io.WriteString(a.out, http2.ClientPreface)
	if err = errors.Join(err, conn.SetDeadline(time.Now().Add(2*longest)), a.WriteSettings(settings...), a.out.Flush()); err != nil {
		t.Fatal(err)
	}
	if _, err = a.ReadFrame(); err != nil { // the server's SETTINGS: it has taken the connection
		t.Fatal(err)
	}
	if !deaf {
		go a.listen()
	}
	return a
}

// dial opens a TCP connection of an attacker.
func (f *fortress) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	f.hostile = append(f.hostile, conn)
	return conn
}

// listen counts what the server sends until it closes.
func (a *attacker) listen() {
	defer close(a.closed)
	for {
		f, err := a.ReadFrame()
		if err != nil {
			return
		}
		a.mu.Lock()
		a.got[f.Header().Type]++
		if g, ok := f.(*http2.GoAwayFrame); ok {
			a.goAway = g.ErrCode
		}
		a.mu.Unlock()
	}
}

// received is how many frames of a type the server has sent.
func (a *attacker) received(kind http2.FrameType) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.got[kind]
}

// wrote counts a frame; it says whether the connection still takes frames.
func (a *attacker) wrote(err error) bool {
	if err != nil {
		return false
	}
	a.frames++
	return true
}

// headers are those of a gRPC request.
func headers(method string, more ...hpack.HeaderField) []hpack.HeaderField {
	return append([]hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: method},
		{Name: ":authority", Value: "localhost"}, {Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
	}, more...)
}

// encode returns the header block of fields, valid until the next one.
func (a *attacker) encode(fields []hpack.HeaderField) []byte {
	a.block.Reset()
	for _, f := range fields {
		_ = a.encoder.WriteField(f) // into a buffer in memory
	}
	return a.block.Bytes()
}

// open starts a request on the next stream and returns its number.
func (a *attacker) open(fields []hpack.HeaderField) (id uint32, ok bool) {
	id = a.stream
	a.stream += 2
	return id, a.wrote(a.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: a.encode(fields), EndHeaders: true}))
}

// message is an EchoRequest as it stands in DATA frames (gRPC over HTTP/2,
// Length-Prefixed-Message).
func message(t *testing.T, r *benchv1.EchoRequest) []byte {
	t.Helper()
	body, err := proto.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body))), body...)
}

// flush writes what is buffered, for as long as patience; it says whether the
// server took it.
func (a *attacker) flush(patience time.Duration) bool {
	_ = a.conn.SetWriteDeadline(time.Now().Add(patience)) // a closed connection says so when it is written to
	return a.out.Flush() == nil
}

// awaitClosed fails unless the server ends the connection.
func (a *attacker) awaitClosed(t *testing.T) {
	t.Helper()
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-a.closed:
	case <-timer.C:
		t.Error("the server keeps the attacker's connection")
	}
}

// await fails unless done becomes true.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	limit := time.Now().Add(longest)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		if time.Now().After(limit) {
			t.Fatalf("waited in vain until %s", what)
		}
		<-tick.C
	}
}
