package wire

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"grpcbench/internal/code"
	"grpcbench/internal/load"
)

// TestEachResetIsTheCodeOfTheTable: gRPC over HTTP/2, "Errors"; where the table has no
// row, and for FLOW_CONTROL_ERROR, what grpc-go makes of it.
func TestEachResetIsTheCodeOfTheTable(t *testing.T) {
	want := map[http2.ErrCode]string{
		http2.ErrCodeCancel: code.Cancelled, http2.ErrCodeEnhanceYourCalm: code.ResourceExhausted, http2.ErrCodeInadequateSecurity: code.PermissionDenied,
		http2.ErrCodeFlowControl: code.ResourceExhausted,
	}
	for sent := range http2.ErrCode(0x20) {
		if sent == http2.ErrCodeRefusedStream {
			continue // it is made again
		}
		expected := want[sent]
		if expected == "" {
			expected = code.Internal
			if sent > http2.ErrCodeHTTP11Required {
				expected = code.Unknown
			}
		}
		for state, before := range map[string]func(*server) []byte{
			"before headers": func(*server) []byte { return nil }, "after headers": func(s *server) []byte { return s.opening(1) },
			"within a message": func(s *server) []byte { return append(s.opening(1), s.wrote(s.WriteData(1, false, []byte{0, 0}))...) },
		} {
			c := newClient(t, Request{})
			c.start(0, 1)
			c.must(t, append(before(c.server), c.wrote(c.WriteRSTStream(1, sent))...))
			if got := c.told.codes[0]; got != expected {
				t.Errorf("%v %s: %q, want %s", sent, state, got, expected)
			}
		}
	}
}

// A refused stream was not looked at: it is made again, once (RFC 9113, 8.7), also where
// headers came before, as in grpc-go.
func TestARefusedStreamIsMadeAgainOnce(t *testing.T) {
	c := newClient(t, Request{Length: 0})
	c.start(0, 1)
	c.must(t, c.wrote(c.WriteRSTStream(1, http2.ErrCodeRefusedStream)))
	c.must(t, c.ok(3))
	c.start(1, 1)
	c.must(t, c.wrote(c.WriteRSTStream(5, http2.ErrCodeRefusedStream), c.WriteRSTStream(7, http2.ErrCodeRefusedStream)))
	c.start(2, 1)
	c.must(t, append(c.opening(9), c.wrote(c.WriteRSTStream(9, http2.ErrCodeRefusedStream))...))
	c.must(t, c.ok(11))
	if got := c.told.codes; got[0] != load.OK || got[1] != code.Unavailable || got[2] != load.OK {
		t.Errorf("outcomes %v, want OK, %s and OK", got, code.Unavailable)
	}
	if attempts, _ := c.Attempts(); attempts != 6 {
		t.Errorf("%d attempts, want 2 + 2 + 2", attempts)
	}
}

// sentOn is the DATA and the header block of each stream, as its server puts them
// together; frames must keep to limit.
func sentOn(t *testing.T, frames []frame, limit int) (data, blocks map[uint32][]byte, ended map[uint32]bool) {
	t.Helper()
	data, blocks, ended = map[uint32][]byte{}, map[uint32][]byte{}, map[uint32]bool{}
	for _, f := range frames {
		if len(f.payload) > limit {
			t.Errorf("%v, must be at most %d bytes", f, limit)
		}
		switch f.Type {
		case http2.FrameData:
			data[f.StreamID] = append(data[f.StreamID], f.payload...)
			ended[f.StreamID] = f.Flags.Has(http2.FlagDataEndStream)
		case http2.FrameHeaders, http2.FrameContinuation:
			blocks[f.StreamID] = append(blocks[f.StreamID], f.payload...)
		}
	}
	return data, blocks, ended
}

// The server opens windows by a few bytes, first the stream's, then the
// connection's, and shrinks all of them meanwhile: nothing is sent that it did not
// allow, and in the end all of it.
func TestAMessageIsSentAsTheWindowsAllow(t *testing.T) {
	message := bytes.Repeat([]byte("0123456789"), 10_000)
	const all = 100_000 + prefixLen
	c := newClient(t, Request{Message: message})
	c.must(t, c.settings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10}))
	c.start(0, 1)
	var got []byte
	step := func(name string, b []byte, want int) {
		t.Helper()
		c.must(t, b)
		data, _, ended := sentOn(t, c.frames(t), maxFrame)
		got = append(got, data[1]...)
		if len(got) != want || ended[1] != (want == all) {
			t.Fatalf("%s: %d bytes sent, stream ended: %t, want %d", name, len(got), ended[1], want)
		}
	}
	step("initial window", nil, 10)
	step("15 more", c.wrote(c.WriteWindowUpdate(1, 15)), 25)
	step("window shrunk to 4", c.settings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 4}), 25) // 10 − 4 = 6 below zero
	step("5 more of −6", c.wrote(c.WriteWindowUpdate(1, 5)), 25)
	step("3 more of −1", c.wrote(c.WriteWindowUpdate(1, 3)), 27)
	step("all for the stream", c.wrote(c.WriteWindowUpdate(1, all)), defaultWindow)
	step("all for the connection", c.wrote(c.WriteWindowUpdate(0, all)), all)
	if want := appendMessage(nil, message, false); !bytes.Equal(got, want) {
		t.Error("the message arrived changed")
	}
}

// Metadata above the frame size goes in CONTINUATION frames, and the server's table
// size is kept to, when it changes too: the server's decoder reads every block.
func TestEveryHeaderBlockIsReadByItsServer(t *testing.T) {
	r := Request{Metadata: []Field{{"x-large", strings.Repeat("v", 40_000)}, {"x-small", "1"}, {"x-raw-bin", "\x00\xff"}}}
	c := newClient(t, r)
	decoder := hpack.NewDecoder(headerTable, nil)
	stream, limit := uint32(1), maxFrame
	for i, table := range []uint32{4096, 0, 4096, 100, 1 << 20, 0, 0, 50} {
		if i == 4 {
			limit = 1 << 15
		}
		c.must(t, c.settings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: table}, http2.Setting{ID: http2.SettingMaxFrameSize, Val: uint32(limit)}))
		decoder.SetAllowedMaxDynamicTableSize(table)
		for range 3 {
			c.start(int64(stream), 1)
			_, blocks, _ := sentOn(t, c.frames(t), limit)
			fields, err := decoder.DecodeFull(blocks[stream])
			if err != nil {
				t.Fatalf("table of %d: stream %d: %v", table, stream, err)
			}
			values := map[string]string{}
			for _, f := range fields {
				values[f.Name] = f.Value
			}
			if values[":path"] != "/Server/Foo" || values["te"] != "trailers" || values["x-small"] != "1" || len(values["x-large"]) != 40_000 || values["x-raw-bin"] != "AP8" {
				t.Errorf("table of %d: stream %d: fields %.200v", table, stream, fields)
			}
			stream += 2
		}
	}
}

// MAX_CONCURRENT_STREAMS of 0 and of 1: RPCs wait their turn, and all end.
func TestRPCsWaitForTheStreamsThatTheServerAllows(t *testing.T) {
	c := newClient(t, Request{Length: 0})
	c.must(t, c.settings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 0}))
	c.start(0, 10)
	if n := len(c.told.codes); n != 0 || c.conn.streams.open != 0 {
		t.Fatalf("%d ended, %d open, want all 10 waiting", n, c.conn.streams.open)
	}
	c.must(t, c.settings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1}))
	for i := range uint32(10) {
		if c.conn.streams.open != 1 {
			t.Fatalf("%d streams open, want 1", c.conn.streams.open)
		}
		c.must(t, c.ok(2*i+1))
	}
	for seq := range int64(10) {
		if c.told.codes[seq] != load.OK {
			t.Errorf("RPC %d: %q, want OK", seq, c.told.codes[seq])
		}
	}
}

// Callers of a closed loop come back at once, and stand behind those that wait.
func TestRPCsWaitInLine(t *testing.T) {
	c := newClient(t, Request{Length: 0})
	c.must(t, c.settings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1}))
	c.told.again = 10
	c.start(0, 3)
	for i := range uint32(3) {
		c.must(t, c.ok(2*i+1))
	}
	for seq := range int64(3) {
		if c.told.codes[seq] != load.OK {
			t.Errorf("RPC %d: %q after 3 answers, want OK: others went before it", seq, c.told.codes[seq])
		}
	}
}

// goAway is the frame with the last stream that the server has looked at.
func (s *server) goAway(last uint32) []byte {
	return s.wrote(s.WriteGoAway(last, http2.ErrCodeNo, nil))
}

// Of streams 1, 3 and 5 the server has seen 1 and 3: they end where they are, 5 and
// what begins later goes to the next connection, which comes a little later.
func TestAGoAwayEndsAndMovesTheRightStreams(t *testing.T) {
	c := newClient(t, Request{Length: 0})
	c.start(0, 3)
	c.Channel.dialing = true // the test makes the next connection
	c.must(t, c.goAway(1<<31-1))
	c.must(t, c.goAway(3))
	c.start(3, 1)
	old := *c
	c.connect()
	c.must(t, c.settings())
	_, blocks, _ := sentOn(t, c.frames(t), maxFrame)
	if len(blocks) != 2 {
		t.Errorf("%d RPCs on the next connection, want the one that was not seen and the new one", len(blocks))
	}
	c.must(t, append(c.ok(1), c.ok(3)...))
	old.must(t, append(old.ok(1), old.ok(3)...))
	for seq := range int64(4) {
		if c.told.codes[seq] != load.OK {
			t.Errorf("RPC %d: %q, want OK", seq, c.told.codes[seq])
		}
	}
	if !old.out.closed || c.out.closed {
		t.Errorf("closed: the old %t, the new %t, want the old one alone", old.out.closed, c.out.closed)
	}
	if attempts, _ := c.Attempts(); attempts != 5 {
		t.Errorf("%d attempts of 4 RPCs, want one more", attempts)
	}
}

// TestAConnectionThatTookRPCsIsReplacedAtOnce: a proxy that allows a number of RPCs on a
// connection sends GOAWAY when it reads the last of them, before it has answered any. What
// waits for the next connection meanwhile would be more than that one allows.
func TestAConnectionThatTookRPCsIsReplacedAtOnce(t *testing.T) {
	for name, of := range map[string]struct {
		began  int64
		last   uint32 // of the GOAWAY
		waits  bool   // before the next connection is made
		answer bool
	}{
		"took some":         {began: 3, last: 3},
		"announces another": {began: 3, last: 1<<31 - 1},
		"took none":         {began: 3, last: 0, waits: true},
		"had none":          {last: 1<<31 - 1, waits: true},
		"answered":          {began: 1, last: 0, answer: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, Request{Length: 0})
				c.Channel.dialing = true // the test makes no next connection
				c.start(0, of.began)
				if of.answer {
					c.must(t, c.ok(1))
				}
				c.must(t, c.goAway(of.last))
				if got := c.conn.useless(); got != of.waits {
					t.Errorf("waits before the next connection: %t, want %t", got, of.waits)
				}
				time.Sleep(backoffBase)
				if c.conn.useless() {
					t.Error("a connection that had its time is taken for one of no use")
				}
			})
		})
	}
}

// GOAWAY before any RPC; and an RPC that two connections have turned away.
func TestAnRPCIsMovedOnce(t *testing.T) {
	c := newClient(t, Request{Length: 0})
	for i := range 2 {
		c.Channel.dialing = true
		c.must(t, c.goAway(0))
		if i == 0 {
			c.start(0, 1)
		}
		c.connect()
		c.must(t, c.settings())
	}
	if got := c.told.codes[0]; got != "" {
		t.Fatalf("the RPC ended with %q before it was moved twice", got)
	}
	c.Channel.dialing = true
	c.must(t, c.goAway(0))
	if got := c.told.codes[0]; got != code.Unavailable {
		t.Errorf("turned away twice: %q, want %s", got, code.Unavailable)
	}
}

// Numbers are used up at 2^31 − 1: the connection is replaced as after a GOAWAY, and
// no RPC is lost.
func TestAConnectionIsReplacedBeforeItsStreamNumbersEnd(t *testing.T) {
	c := newClient(t, Request{Length: 0})
	c.conn.nextID = lastStreamID - 4
	first := c.conn.nextID
	c.Channel.dialing = true
	c.start(0, 5)
	old := *c
	c.connect()
	c.must(t, c.settings())
	used := uint32(0)
	for id := first; id <= lastStreamID && id >= first && id < old.conn.nextID; id += 2 {
		old.must(t, old.ok(id))
		used++
	}
	for id := uint32(1); id < c.conn.nextID; id += 2 {
		c.must(t, c.ok(id))
		used++
	}
	for seq := range int64(5) {
		if c.told.codes[seq] != load.OK {
			t.Errorf("RPC %d: %q, want OK", seq, c.told.codes[seq])
		}
	}
	if used != 5 || c.conn.nextID == 1 {
		t.Errorf("%d streams in all, next on the new connection %d, want 5 on both", used, c.conn.nextID)
	}
}

// TestADeadlineEndsWhatWaits: in virtual time, wherever the RPC is.
//
//	fault:   a zero window for ever, no stream allowed, no connection, a server that does not answer
//	promise: each RPC ends with DEADLINE_EXCEEDED
//	figure:  4 of 4 after {deadline}, to the nanosecond of fake time
func TestADeadlineEndsWhatWaits(t *testing.T) {
	const deadline = 200 * time.Millisecond
	for name, hold := range map[string]func(t *testing.T, c *client){
		"for an answer": func(*testing.T, *client) {},
		"for a window": func(t *testing.T, c *client) {
			c.must(t, c.settings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}))
		},
		"for a stream": func(t *testing.T, c *client) {
			c.must(t, c.settings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 0}))
		},
		"for a connection": func(t *testing.T, c *client) {
			c.Channel.dialing = true
			c.must(t, c.goAway(0))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, Request{Message: []byte("m"), Deadline: deadline})
				hold(t, c)
				time.Sleep(time.Second)
				c.start(0, 1)
				time.Sleep(deadline - 1)
				synctest.Wait()
				if got := c.outcome(0); got != "" {
					t.Errorf("ended with %q before its deadline", got)
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				if got := c.outcome(0); got != code.DeadlineExceeded {
					t.Errorf("at its deadline: %q, want %s", got, code.DeadlineExceeded)
				}
			})
		})
	}
}

// A zero window without a deadline: the RPC ends when the loop gives up, and the
// server is told.
func TestAZeroWindowForEverEndsWithTheLoop(t *testing.T) {
	c := newClient(t, Request{Message: []byte("m")})
	c.must(t, c.settings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}))
	c.start(0, 3)
	c.frames(t)
	Engine{Channels: []*Channel{c.Channel}}.Cancel()
	resets := slices.DeleteFunc(c.frames(t), func(f frame) bool { return f.Type != http2.FrameRSTStream })
	if len(c.told.codes) != 3 || len(resets) != 3 {
		t.Errorf("outcomes %v and %d RST_STREAM, want 3 of each", c.told.codes, len(resets))
	}
}

// A client that asks for its next RPC when one cannot be sent at all is held back,
// not called again and again from within.
func TestAHeaderListAboveTheServersLimitIsNotSent(t *testing.T) {
	c := newClient(t, Request{Metadata: []Field{{"x", strings.Repeat("y", 1000)}}})
	c.must(t, c.settings(http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: 1000}))
	c.told.again = 1 << 40
	c.frames(t)
	c.start(0, 1)
	if got := c.told.codes[0]; got != code.Internal || !strings.Contains(c.Channel.words.Said, "the maximum size (1000 bytes) set by server") || len(c.frames(t)) != 0 {
		t.Errorf("ended with %q, %q, want %s, the limit and nothing sent", got, c.Channel.words.Said, code.Internal)
	}
}

// Every message may be cut anywhere: a response in bytes of one is the same.
func TestAResponseInPiecesIsTheSame(t *testing.T) {
	c := newClient(t, Request{Length: 0})
	c.start(0, 2)
	b := append(c.ok(1), c.headers(3, true, ":status", "200", "content-type", "application/grpc", "grpc-status", "5", "grpc-message", "no%20such")...)
	have := []byte{}
	for _, one := range b {
		have = append(have, one)
		used, err := c.received(c.conn, have)
		if err != nil {
			t.Fatal(err)
		}
		have = have[used:]
	}
	if got := c.told.codes; got[0] != load.OK || got[1] != "NOT_FOUND" || c.Channel.words.decoded().Said != "no such" {
		t.Errorf("outcomes %v, %q, want OK and NOT_FOUND", got, c.Channel.words.decoded().Said)
	}
}

// The windows that are given back are those that were used, padding included.
func TestWindowsAreGivenBackToTheByte(t *testing.T) {
	c := newClient(t, Request{Length: -1})
	c.start(0, 1)
	c.frames(t)
	body := make([]byte, MaxMessage-100)
	c.must(t, c.opening(1))
	message := appendMessage(nil, body, false)
	sent, back := map[uint32]int{}, map[uint32]int{}
	for len(message) > 0 {
		n := min(16_000, len(message))
		c.must(t, c.wrote(c.WriteDataPadded(1, false, message[:n], make([]byte, 100))))
		message = message[n:]
		for _, id := range []uint32{0, 1} {
			if sent[id] += n + 101; sent[id]-back[id] > window {
				t.Fatalf("stream %d: %d bytes sent of a window of %d", id, sent[id]-back[id], window)
			}
		}
		for _, f := range c.frames(t) {
			if f.Type == http2.FrameWindowUpdate {
				back[f.StreamID] += int(binary.BigEndian.Uint32(f.payload))
			}
		}
	}
	for id, used := range sent {
		if left := used - back[id]; left < 0 || left >= window/2 {
			t.Errorf("stream %d: %d of %d bytes given back, want all but less than half a window", id, back[id], used)
		}
	}
	c.must(t, c.headers(1, true, "grpc-status", "0"))
	if c.told.codes[0] != load.OK {
		t.Errorf("outcome %q, want OK", c.told.codes[0])
	}
}
