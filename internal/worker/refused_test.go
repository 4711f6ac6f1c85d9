package worker

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"

	"grpcbench/internal/call"
	"grpcbench/internal/cause"
	"grpcbench/internal/channel"
	"grpcbench/internal/load"
	"grpcbench/internal/wire"
)

// ending is how a server ends streams and connections with RPCs in flight, and what
// becomes of each RPC: the zero value is that it is ok.
type ending struct {
	name string
	rpcs int // begun one after another on the first connection: RPC i has stream 2i+1
	// connections are scripts of one connection each, in the order in which they are made.
	connections []func(*session)
	want        map[int]string // causes of the RPCs that are lost
	refused     int64          // streams, by REFUSED_STREAM
	goAways     channel.GoAways
}

const forever = 1<<31 - 1 // the last stream of a GOAWAY that announces another

// lost are RPCs that end in one way.
func lost(by string, rpcs ...int) map[int]string {
	all := map[int]string{}
	for _, i := range rpcs {
		all[i] = by
	}
	return all
}

// gone are connections that a server ended by GOAWAY NO_ERROR, each after as many RPCs as
// are given; -1: it did not say. So many streams were above its last ones.
func gone(above int64, rpcs ...int64) channel.GoAways {
	g := channel.GoAway{Code: "NO_ERROR", Refused: above}
	for _, n := range rpcs {
		g.Connections++
		if n >= 0 {
			g.Counted, g.RPCs = g.Counted+1, g.RPCs+n
		}
	}
	return channel.GoAways{g}
}

// Causes of RPCs that a server refused twice, or took and did not answer.
const goAway, refused = "GOAWAY NO_ERROR", "RST_STREAM REFUSED_STREAM"

func scripts(all ...func(*session)) []func(*session) { return all }

// rest is the script of a connection on which n RPCs are answered.
func rest(n int) func(*session) { return func(s *session) { s.greet(); s.answer(s.take(n)...) } }

// connectionEndings are by GOAWAY and by the end of TCP.
func connectionEndings() []ending {
	return []ending{
		{name: "GOAWAY with streams above its last", rpcs: 4, connections: scripts(func(s *session) {
			s.greet()
			s.take(4)
			s.goAway(3)
			s.answer(1, 3)
		}, rest(2)), goAways: gone(2, 2)},
		{name: "GOAWAY in two steps", rpcs: 4, connections: scripts(func(s *session) {
			s.greet()
			s.take(4)
			s.goAway(forever)
			s.goAway(5)
			s.answer(5, 3, 1)
		}, rest(1)), goAways: gone(1, 3)},
		{name: "GOAWAY that lets all end", rpcs: 3, connections: scripts(func(s *session) {
			s.greet()
			s.take(3)
			s.goAway(forever)
			s.answer(1, 3, 5)
		}), goAways: gone(0, -1)},
		{name: "GOAWAY that took none", rpcs: 3, connections: scripts(func(s *session) {
			s.greet()
			s.take(3)
			s.goAway(0)
		}, rest(3)), goAways: gone(3, 0)},
		{name: "GOAWAY and the end", rpcs: 4, connections: scripts(func(s *session) {
			s.greet()
			s.take(4)
			s.goAway(3)
			s.end()
		}, rest(2)), want: lost(goAway, 0, 1), goAways: gone(2, 2)},
		{name: "GOAWAY, an answer and a reset of TCP", rpcs: 4, connections: scripts(func(s *session) {
			s.greet()
			s.take(4)
			s.goAway(3)
			s.answer(1)
			s.abort()
		}, rest(2)), want: lost(goAway, 1), goAways: gone(2, 2)},
		{name: "GOAWAY that announces another, and a reset of TCP", rpcs: 2, connections: scripts(func(s *session) {
			s.greet()
			s.take(2)
			s.goAway(forever)
			s.abort()
		}), want: lost(goAway, 0, 1), goAways: gone(0, -1)},
		{name: "GOAWAY while a message waits for a window", rpcs: 2, connections: scripts(func(s *session) {
			s.greet(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
			s.take(2)
			s.goAway(1)
			s.window(1)
			s.message(1)
			s.answer(1)
		}, rest(1)), goAways: gone(1, 1)},
		{name: "GOAWAY to two connections", rpcs: 3, connections: scripts(func(s *session) {
			s.greet()
			s.take(3)
			s.goAway(1)
			s.answer(1)
		}, func(s *session) {
			s.greet()
			s.take(2)
			s.goAway(0)
		}), want: lost(goAway, 1, 2), goAways: gone(4, 1, 0)},
		{name: "a reset of TCP without a word", rpcs: 2, connections: scripts(func(s *session) {
			s.greet()
			s.take(2)
			s.abort()
		}), want: lost(cause.Reset, 0, 1)},
	}
}

// streamEndings are by REFUSED_STREAM.
func streamEndings() []ending {
	return []ending{
		{name: "a stream is refused", rpcs: 2, connections: scripts(func(s *session) {
			s.greet()
			s.take(2)
			s.reset(3, http2.ErrCodeRefusedStream)
			s.take(1)
			s.answer(1, 5)
		}), refused: 1},
		{name: "a stream is refused again", rpcs: 2, connections: scripts(func(s *session) {
			s.greet()
			s.take(2)
			s.reset(3, http2.ErrCodeRefusedStream)
			s.take(1)
			s.reset(5, http2.ErrCodeRefusedStream)
			s.answer(1)
		}), want: lost(refused, 1), refused: 2},
		{name: "a stream is refused, then the connection ends", rpcs: 1, connections: scripts(func(s *session) {
			s.greet()
			s.take(1)
			s.reset(1, http2.ErrCodeRefusedStream)
			s.take(1)
			s.goAway(1)
		}), want: lost(goAway, 0), refused: 1, goAways: gone(1, 1)},
		{name: "GOAWAY, then the stream is refused", rpcs: 2, connections: scripts(func(s *session) {
			s.greet()
			s.take(2)
			s.goAway(1)
			s.answer(1)
		}, func(s *session) {
			s.greet()
			s.take(1)
			s.reset(1, http2.ErrCodeRefusedStream)
		}), want: lost(refused, 1), refused: 1, goAways: gone(1, 1)},
		{name: "a stream is refused after headers", rpcs: 1, connections: scripts(func(s *session) {
			s.greet()
			s.take(1)
			s.headers(1, false, ":status", "200", "content-type", "application/grpc")
			s.reset(1, http2.ErrCodeRefusedStream)
			s.take(1)
			s.answer(3)
		}), refused: 1},
	}
}

// TestBothEnginesRepeatWhatAServerDidNotTake: RFC 9113, 6.8 and 8.7. What a server says
// that it has not taken is made again, once; what it took and did not answer is lost, by
// one cause.
//
//	fault:   GOAWAY in one step and in two, with the end or a reset of TCP behind it, to two connections in a row; REFUSED_STREAM, once and twice
//	promise: RPCs above the last stream are made again once and end ok; those below it that are not answered are lost with the GOAWAY's cause; both engines agree
//	figure:  each of {ways} ways: every RPC ends once
func TestBothEnginesRepeatWhatAServerDidNotTake(t *testing.T) {
	t.Parallel()
	const ways = 15
	all := append(connectionEndings(), streamEndings()...)
	if n := len(all); n != ways {
		t.Errorf("%d ways, want %d", n, ways)
	}
	for _, e := range all {
		for name, open := range map[string]func(*testing.T, string) caller{"grpc": grpcCaller, "wire": wireCaller} {
			t.Run(e.name+", "+name, func(t *testing.T) {
				t.Parallel()
				s := newScript(t, e.connections)
				c := open(t, s.listener.Addr().String())
				for i := range e.rpcs {
					c.begin(i)
					<-s.opened
				}
				got := c.ends(t, e.rpcs)
				for i, end := range got {
					want := load.Good
					if by := e.want[i]; by != "" {
						want = load.End{Code: "UNAVAILABLE", Cause: by}
					}
					if end != want {
						t.Errorf("RPC %d: %+v, want %+v", i, end, want)
					}
				}
				if n := c.Refused(); n != e.refused {
					t.Errorf("%d streams refused, want %d", n, e.refused)
				}
				if g := c.GoAways(); !slices.Equal(g, e.goAways) {
					t.Errorf("ended by GOAWAY: %+v, want %+v", g, e.goAways)
				}
			})
		}
	}
}

// caller makes RPCs by one of the engines.
type caller struct {
	begin func(i int)
	ended <-chan numbered
	counts
}

// counts are what an engine's channel counts.
type counts interface {
	Refused() int64
	GoAways() channel.GoAways
}

// mostEnded is above the number of RPCs of any script.
const mostEnded = 100

type numbered struct {
	rpc int
	load.End
}

// ends are how the RPCs ended.
func (c caller) ends(t *testing.T, n int) []load.End {
	t.Helper()
	all := make([]load.End, n)
	for range n {
		select {
		case e := <-c.ended:
			all[e.rpc] = e.End
		case <-time.After(hung):
			t.Fatalf("an RPC has not ended; the others: %+v", all)
		}
	}
	return all
}

// hung is how long a test waits for what takes milliseconds: it tells what ends from what
// does not.
const hung = 20 * time.Second

func grpcCaller(t *testing.T, address string) caller {
	t.Helper()
	ch, err := channel.Open(t.Context(), channel.Options{Address: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ch.Close() })
	c, err := call.New(call.Options{}, []grpc.ClientConnInterface{ch})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan numbered, mostEnded)
	return caller{ended: ended, counts: ch, begin: func(i int) {
		go func() { ended <- numbered{i, c.Call(t.Context(), 0, int64(i))} }()
	}}
}

func wireCaller(t *testing.T, address string) caller {
	t.Helper()
	request, _, err := WireRequest(call.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ch, err := wire.Open(t.Context(), wire.Options{Address: address, Request: request})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ch.Close() })
	ended := make(chan numbered, mostEnded)
	ch.Bind(told{start: time.Now(), ended: ended})
	return caller{ended: ended, counts: ch, begin: func(i int) {
		ch.Start(load.Op{Seq: int64(i)})
		ch.Flush()
	}}
}

// told is whom a wire.Channel tells of RPCs.
type told struct {
	start time.Time
	ended chan<- numbered
}

func (o told) Now() time.Duration                                  { return time.Since(o.start) }
func (told) Sent(load.Op)                                          {}
func (o told) Ended(op load.Op, end load.End, _ time.Duration)     { o.ended <- numbered{int(op.Seq), end} }
func (told) Next(load.Op, time.Duration) (next load.Op, more bool) { return next, false }

// scripted is a server that plays a function for each connection, in the order in which they
// are made.
type scripted struct {
	listener net.Listener
	opened   chan struct{} // gets one for each stream that a client opens
}

func newScript(t *testing.T, connections []func(*session)) *scripted {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{listener: l, opened: make(chan struct{}, mostEnded)}
	var running sync.WaitGroup
	running.Go(func() {
		for i := 0; ; i++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				if i >= len(connections) {
					return // the client may make one more that it does not need
				}
				v := &session{Conn: conn, scripted: s}
				connections[i](v)
				v.linger()
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); running.Wait() }) // when the client has closed its connections
	return s
}

// session is a connection as its server sees it. What cannot be read or written is the
// client's to notice.
type session struct {
	net.Conn
	*scripted
	framer *http2.Framer
	over   bool
}

// greet exchanges what begins a connection.
func (s *session) greet(settings ...http2.Setting) {
	_, _ = io.ReadFull(s, make([]byte, len(http2.ClientPreface)))
	s.framer = http2.NewFramer(s, bufio.NewReader(s))
	_ = s.framer.WriteSettings(settings...)
}

// until reads frames up to one that is wanted, and says whether there was one.
func (s *session) until(wanted func(http2.Frame) bool) bool {
	for {
		f, err := s.framer.ReadFrame()
		if err != nil {
			return false
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = s.framer.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				_ = s.framer.WritePing(true, f.Data)
			}
		}
		if wanted(f) {
			return true
		}
	}
}

// take waits until the client has opened n more streams, and returns them.
func (s *session) take(n int) (ids []uint32) {
	for len(ids) < n && s.until(func(f http2.Frame) bool {
		if f.Header().Type != http2.FrameHeaders {
			return false
		}
		ids = append(ids, f.Header().StreamID)
		return true
	}) {
		s.opened <- struct{}{}
	}
	return ids
}

// message waits for the end of a request.
func (s *session) message(id uint32) {
	s.until(func(f http2.Frame) bool {
		return f.Header().StreamID == id && f.Header().Flags.Has(http2.FlagDataEndStream) && f.Header().Type == http2.FrameData
	})
}

func (s *session) goAway(last uint32)                { _ = s.framer.WriteGoAway(last, http2.ErrCodeNo, nil) }
func (s *session) reset(id uint32, by http2.ErrCode) { _ = s.framer.WriteRSTStream(id, by) }
func (s *session) window(id uint32)                  { _ = s.framer.WriteWindowUpdate(id, 1<<16) }

// answer answers RPCs with an empty message.
func (s *session) answer(ids ...uint32) {
	for _, id := range ids {
		s.headers(id, false, ":status", "200", "content-type", "application/grpc")
		_ = s.framer.WriteData(id, false, make([]byte, 5))
		s.headers(id, true, "grpc-status", "0")
	}
}

func (s *session) headers(id uint32, end bool, list ...string) {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for i := 0; i < len(list); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: list[i], Value: list[i+1], Sensitive: true}) // in no table
	}
	_ = s.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: end})
}

// end closes the connection in order, reset by RST.
func (s *session) end() { s.over = true }
func (s *session) abort() {
	_ = s.Conn.(*net.TCPConn).SetLinger(0)
	s.over = true
}

// linger reads until the client closes the connection, unless it was ended here.
func (s *session) linger() {
	if !s.over {
		s.until(func(http2.Frame) bool { return false })
	}
}
