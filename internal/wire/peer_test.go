package wire

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"grpcbench/internal/code"
	"grpcbench/internal/load"
)

// ending is how a connection comes to its end in the middle of a load.
type ending struct {
	name string
	// end is what the server does after it has answered some RPCs, the last on a stream;
	// it returns when the connection is over.
	end func(v *visit, last uint32)
	// spares says that no RPC fails: the server tells which ones it has not seen.
	spares bool
}

func endings() []ending {
	say := func(b func(v *visit) []byte) func(*visit, uint32) {
		return func(v *visit, _ uint32) { v.say(b(v)); v.linger() }
	}
	goAway := func(code http2.ErrCode, times int, extra uint32) func(*visit, uint32) {
		return func(v *visit, last uint32) {
			for range times {
				v.say(v.wrote(v.WriteGoAway(last+extra, code, []byte("said in passing"))))
			}
			v.linger()
		}
	}
	return []ending{
		{name: "TCP closed", end: func(*visit, uint32) {}},
		{name: "TCP reset", end: func(v *visit, _ uint32) { _ = v.tcp.SetLinger(0) }},
		{name: "TCP closed one way", end: func(v *visit, _ uint32) { _ = v.tcp.CloseWrite(); v.linger() }},
		{name: "cut off in a frame", end: func(v *visit, last uint32) { v.say(v.ok(last + 2)[:20]) }},
		{name: "HTTP/1", end: say(func(*visit) []byte { return []byte("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n") })},
		{name: "zeros", end: say(func(*visit) []byte { return make([]byte, 100_000) })},
		{name: "ones", end: say(func(*visit) []byte { return []byte(strings.Repeat("\xff", 100_000)) })},
		{name: "PUSH_PROMISE", end: say(func(v *visit) []byte {
			return v.wrote(v.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true}))
		})},
		{name: "PING without end", end: func(v *visit, _ uint32) {
			flood := []byte(strings.Repeat(string(v.wrote(v.WritePing(false, [8]byte{}))), 1000))
			for {
				if _, err := v.conn.Write(flood); err != nil {
					return
				}
			}
		}},
		{name: "CONTINUATION without end", end: func(v *visit, last uint32) {
			v.say(v.wrote(v.WriteHeaders(http2.HeadersFrameParam{StreamID: last})))
			for {
				if _, err := v.conn.Write(v.wrote(v.WriteContinuation(last, false, []byte{0x88}))); err != nil {
					return
				}
			}
		}},
		{name: "GOAWAY", end: goAway(http2.ErrCodeNo, 1, 0), spares: true},
		{name: "GOAWAY twice", end: goAway(http2.ErrCodeNo, 2, 0), spares: true},
		{name: "GOAWAY with an error", end: goAway(http2.ErrCodeEnhanceYourCalm, 1, 0), spares: true},
		{name: "GOAWAY and the end of TCP", end: func(v *visit, last uint32) {
			v.say(v.goAway(last))
			_ = v.tcp.CloseWrite() // and no more: a reset could overtake the GOAWAY
			v.linger()
		}, spares: true},
		{name: "GOAWAY in two steps", end: func(v *visit, last uint32) {
			v.say(v.goAway(1<<31 - 1))
			for id, ok := v.request(); ok; id, ok = v.request() { // what is on its way
				v.say(v.ok(id))
			}
		}, spares: true},
		{name: "GOAWAY and no answers", end: func(v *visit, _ uint32) {
			v.say(v.goAway(1<<31 - 1))
			for range 4 {
				_, _ = v.request() // and is silent
			}
		}},
	}
}

// TestAnEndInTheMiddleOfALoadCostsWhatItMust.
//
//	fault:   a server that ends its first {bad} connections in {ways} ways: TCP, garbage, floods, GOAWAY
//	promise: each RPC ends once; only those fail that were open, and none that GOAWAY excludes; the rest succeed on the next connection
//	figure:  {callersOf} callers, {eachOf} RPCs each: at most {callersOf} UNAVAILABLE a connection, 0 after GOAWAY; streams = attempts
func TestAnEndInTheMiddleOfALoadCostsWhatItMust(t *testing.T) {
	t.Parallel()
	const callersOf, eachOf, bad, ways = 8, 40, 3, 16
	if n := len(endings()); n != ways {
		t.Errorf("%d ways to end, want %d", n, ways)
	}
	for _, e := range endings() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			script := func(v *visit) {
				v.greet()
				e.end(v, v.serve(20))
			}
			p := newPeer(t, script, script, script, honest)
			c := open(t, p, Options{Request: Request{Length: 0}})
			counts := run(t, c, callersOf, eachOf)
			failed := callersOf*eachOf - counts[load.OK]
			if failed != counts[code.Unavailable] || e.spares && failed != 0 || !e.spares && (failed == 0 || failed > bad*callersOf) {
				t.Errorf("outcomes %v; spares: %t", counts, e.spares)
			}
			if n := p.connections.Load(); n != bad+1 {
				t.Errorf("%d connections, want %d", n, bad+1)
			}
			attempts, answers := c.Attempts()
			if seen := p.streams.Load(); attempts < seen || answers.Messages != counts[load.OK] {
				t.Errorf("%d attempts, %d streams seen; %d messages, %d RPCs ok", attempts, seen, answers.Messages, counts[load.OK])
			}
		})
	}
}

// Every connection ends as soon as it can be used: the server is not overrun with
// them, and no dialling goroutine is left over. Those who call are told.
//
//	fault:   a server that ends each connection right after its SETTINGS, in 4 ways
//	promise: each RPC ends once, UNAVAILABLE; connections are made at a bounded rate, by one goroutine
//	figure:  at most one connection each {apart}; 8 callers, 4 RPCs each
func TestAServerThatEndsEachConnectionIsNotOverrun(t *testing.T) {
	t.Parallel()
	const apart = 80 * time.Millisecond // backoffBase less its jitter
	for name, end := range map[string]func(*visit){
		"TCP closed":         func(*visit) {},
		"a violation":        func(v *visit) { v.say(v.wrote(v.WriteWindowUpdate(0, 0))); v.linger() },
		"GOAWAY":             func(v *visit) { v.say(v.goAway(0)); v.linger() },
		"GOAWAY and the end": func(v *visit) { v.say(v.goAway(0)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			p := newPeer(t, honest, func(v *visit) {
				// In one piece with SETTINGS, so that both are read together.
				v.say(v.settings())
				end(v)
			})
			c := open(t, p, Options{Request: Request{Length: 0}})
			if got := run(t, c, 8, 4); got[load.OK] != 32 {
				t.Fatalf("outcomes %v before the fault", got)
			}
			p.mu.Lock()
			_ = p.open[0].Close()
			p.mu.Unlock()
			if counts := run(t, c, 8, 4); counts[code.Unavailable] != 32 {
				t.Errorf("outcomes %v, want 32 %s", counts, code.Unavailable)
			}
			// One more for the honest connection, one for the first dial, which is at once.
			if n, most := p.connections.Load(), int64(time.Since(start)/apart)+2; n < 3 || n > most {
				t.Errorf("%d connections in %v, want 3 to %d", n, time.Since(start), most)
			}
			if n := dialling(c); n != 1 {
				t.Errorf("%d goroutines make connections, want 1", n)
			}
		})
	}
}

// dialling counts the goroutines that make the channel's next connection. There is one
// while its server ends each at once, but for a moment between two of them, when there
// is none, or the earlier one has yet to return.
func dialling(c *Channel) (n int) {
	b := make([]byte, 4<<20)
	call := fmt.Sprintf("wire.(*Channel).reconnect(%p", c)
	for end := time.Now().Add(hung); n != 1 && time.Now().Before(end); {
		n = strings.Count(string(b[:runtime.Stack(b, true)]), call)
	}
	return n
}

// TestStreamNumbersThatRunOutLoseNoRPC: each of the first connections is near its end
// when it begins.
//
//	fault:   the numbers of streams are used up in the middle of a load
//	promise: a new connection takes over; every RPC succeeds, at its first attempt
//	figure:  {callersOf} callers, {eachOf} RPCs each, all ok; 2 connections; attempts = streams = RPCs
func TestStreamNumbersThatRunOutLoseNoRPC(t *testing.T) {
	t.Parallel()
	const callersOf, eachOf = 8, 40
	p := newPeer(t, honest)
	c := open(t, p, Options{Request: Request{Length: 0}})
	c.mu.Lock()
	c.current.nextID = lastStreamID - 2*100
	c.mu.Unlock()
	counts := run(t, c, callersOf, eachOf)
	attempts, _ := c.Attempts()
	if counts[load.OK] != callersOf*eachOf || attempts != callersOf*eachOf || p.streams.Load() != attempts || p.connections.Load() != 2 {
		t.Errorf("outcomes %v, %d attempts, %d streams, %d connections; want %d ok, as many attempts and streams, and 2 connections",
			counts, attempts, p.streams.Load(), p.connections.Load(), callersOf*eachOf)
	}
}

// The last numbers are given to RPCs that are all begun before any is sent: they are.
func TestWhatTakesTheLastStreamNumbersIsSent(t *testing.T) {
	t.Parallel()
	p := newPeer(t, honest)
	c := open(t, p, Options{Request: Request{Length: 0}})
	c.mu.Lock()
	c.current.nextID = lastStreamID - 4
	c.mu.Unlock()
	if counts := run(t, c, 4, 1); counts[load.OK] != 4 {
		t.Errorf("outcomes %v, want 4 ok", counts)
	}
}

// Requests wait for a stream on a connection that ends: they were never sent, and go
// to the next one.
func TestWhatWaitedForAStreamIsSentOnTheNextConnection(t *testing.T) {
	t.Parallel()
	one := http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1}
	p := newPeer(t, func(v *visit) {
		v.greet(one)
		v.serve(1)
		v.request()
	}, func(v *visit) {
		v.greet(one)
		v.serve(0)
	})
	c := open(t, p, Options{Request: Request{Length: 0}})
	if counts := run(t, c, 8, 1); counts[load.OK] != 7 || counts[code.Unavailable] != 1 {
		t.Errorf("outcomes %v, want 7 ok and the one that was open %s", counts, code.Unavailable)
	}
}

// TestAServerThatDoesNotReadCostsBoundedMemory: requests of 60 KB of metadata, which
// no window holds back.
//
//	fault:   a server that takes requests and never reads them
//	promise: what is kept for it is bounded; then the connection ends, and its RPCs are told
//	figure:  {rpcs} RPCs of 60 KB: at least {least} and not all of them UNAVAILABLE, for 64 MiB; the others ok elsewhere
func TestAServerThatDoesNotReadCostsBoundedMemory(t *testing.T) {
	t.Parallel()
	// 64 MiB are 1118 requests; sockets and what is on its way to them hold more.
	const rpcs, least = 2000, 1000
	stay := make(chan struct{})
	p := newPeer(t, func(v *visit) {
		v.greet()
		<-stay
	}, honest)
	c := open(t, p, Options{Request: Request{Metadata: []Field{{"x", strings.Repeat("y", 60_000)}}}})
	t.Cleanup(func() { close(stay) }) // before the peer is closed
	if counts := run(t, c, rpcs, 1); counts[code.Unavailable] < least || counts[load.OK] != rpcs-counts[code.Unavailable] || counts[load.OK] == 0 {
		t.Errorf("outcomes %v, want %d or more %s, and others ok", counts, least, code.Unavailable)
	}
}
