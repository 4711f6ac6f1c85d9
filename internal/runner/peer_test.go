package runner_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"grpcbench/internal/call"
	"grpcbench/internal/load"
	"grpcbench/internal/plan"
	benchv1 "grpcbench/proto/bench/v1"
	"grpcbench/testing/faultproxy"
	"grpcbench/testing/lane"
)

// refusing answers but for every n-th stream, which it refuses.
func refusing(n int64) faultproxy.Script {
	return func(s *faultproxy.Stream) {
		if s.Number%n == 0 {
			s.Reset(http2.ErrCodeRefusedStream)
			return
		}
		s.Answer(nil)
	}
}

// TestARefusedStreamIsTriedAgainAndCountedOnce: gRPC tries a refused stream again
// by itself, so there are more attempts than RPCs. Counted by attempts, these
// would be 1111 RPCs.
//
//	fault:   the server refuses every 10th stream (REFUSED_STREAM), one caller
//	promise: one RPC is one outcome, however often it was tried
//	figure:  {rpcs} RPCs, {rpcs} ok, {attempts} attempts in the server's log
func TestARefusedStreamIsTriedAgainAndCountedOnce(t *testing.T) {
	t.Parallel()
	const (
		rpcs = 1000
		// Of n attempts n/10 are refused, and the attempt after each succeeds:
		// n = rpcs + ⌊n/10⌋.
		attempts = 1111
	)
	eachEngine(t, func(t *testing.T, engine string) {
		p := newPeer(t, refusing(10))
		l := connectTo(t, engine, p.Address(), 1, call.Options{}).times(t, rpcs)
		if l.Started != rpcs || l.OK != rpcs {
			t.Errorf("ledger %+v, want %d ok", l, rpcs)
		}
		if c := p.Counts(); c.OK != rpcs || c.Streams != attempts || c.Refused != attempts-rpcs || c.Connections != 1 {
			t.Errorf("the server counted %+v, want %d ok of %d streams on 1 connection", c, rpcs, attempts)
		}
	})
}

// TestAStreamRefusedTwiceIsAFailure: it is tried again once. With many callers
// the second attempt may be refused too.
//
//	fault:   the server refuses every 3rd stream, 16 callers on one connection
//	promise: the ledger agrees with the server's log
//	figure:  ok equal on both sides; failed = started − ok, all UNAVAILABLE; at least {minTraffic} ok
func TestAStreamRefusedTwiceIsAFailure(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		p := newPeer(t, refusing(3))
		g := connectTo(t, engine, p.Address(), 1, call.Options{})
		l := g.during(t, 16, func() { g.moreOK(t, minTraffic) })
		c := p.Counts()
		wantOnly(t, l, "UNAVAILABLE")
		if l.OK < minTraffic || l.OK != c.OK {
			t.Errorf("ok %d, want the server's %d and at least %d", l.OK, c.OK, minTraffic)
		}
		// Each refusal is one more attempt, but for the second of an RPC.
		if attempts := l.Started + c.Refused - l.Failures(); c.Streams != attempts {
			t.Errorf("the server counted %d streams, want %d started + %d refused − %d failed", c.Streams, l.Started, c.Refused, l.Failures())
		}
	})
}

// minTraffic is how many RPCs must succeed before and after a fault, or nothing
// is proved.
const minTraffic = 200

// TestARefusingServerIsMeasuredByARun holds the same for the whole program. A
// compressed message that is sent again was compressed for one RPC.
//
//	fault:   a TARGET refuses every 10th stream
//	promise: the run's account agrees with the server's log
//	figure:  ok of the run's whole life = ok in the server's log, and so many messages compressed; 0 failed; at least {least} refused
func TestARefusingServerIsMeasuredByARun(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const least = 10
	eachEngine(t, func(t *testing.T, engine string) {
		p := newPeer(t, refusing(10))
		a := measureUntil(t, func() bool { return p.Counts().Refused >= least },
			"--engine", engine, "--loop", "closed", "--concurrency", "1", "--connections", "1",
			"--method", "/Server/Foo", "--request", "@../../testing/foreign/testdata/ccore/server.py", "--compression", "gzip", p.Address())
		c := p.Counts()
		c.OK-- // of bench.v1.Control
		if l := a.LedgerTotal; l.OK != c.OK || l.Started != c.OK || a.Compressed != c.OK {
			t.Errorf("ledger %+v, %d messages compressed, the server counted %+v", l, a.Compressed, c)
		}
	})
}

// TestAGracefulGoAwayLosesNothing: the stream that it names is answered, those
// behind it were never looked at and are tried again on a new connection.
//
//	fault:   GOAWAY (NO_ERROR) after every 200th stream, 8 callers
//	promise: no RPC fails, none is counted twice
//	figure:  0 failed; ok equal on both sides; at least {least} connections
func TestAGracefulGoAwayLosesNothing(t *testing.T) {
	t.Parallel()
	const least = 5
	eachEngine(t, func(t *testing.T, engine string) {
		p := newPeer(t, func(s *faultproxy.Stream) {
			if s.Number%200 == 0 {
				s.GoAway(http2.ErrCodeNo)
			}
			s.Answer(nil)
		})
		g := connectTo(t, engine, p.Address(), 1, call.Options{})
		l := g.during(t, 8, func() { g.moreOK(t, 8*minTraffic) })
		c := p.Counts()
		// grpc-go tries twice: an RPC whose second attempt meets a GOAWAY again fails. Each
		// is followed by 199 streams without one, and there are 8 callers: of 49 streams
		// one attempt was late enough once in CI.
		if l.Failures() != 0 || l.OK != c.OK {
			t.Errorf("ledger %+v, want 0 failed and the server's %d ok", l, c.OK)
		}
		if c.GoAways < least || c.Connections < least || g.reconnects() < least-1 {
			t.Errorf("%d reconnects, the server counted %+v, want at least %d connections", g.reconnects(), c, least)
		}
	})
}

// misdeed is one way to answer an RPC that must not count as ok.
type misdeed struct {
	name   string
	answer func(*faultproxy.Stream)
	code   string // that the RPC fails with
	wire   string // with the wire engine, which looks at lengths first; "": code
	broken bool   // the connection does not survive
	call   call.Options
}

// misdeeds are those of a server that speaks HTTP/2, by what goes wrong.
func misdeeds() []misdeed {
	type stream = faultproxy.Stream
	field := func(name, value string) faultproxy.Field { return faultproxy.Field{Name: name, Value: value} }
	reset := func(code http2.ErrCode) func(*stream) { return func(s *stream) { s.Reset(code) } }
	page := func(status string) func(*stream) {
		return func(s *stream) { s.Headers(true, field(":status", status), field("content-type", "text/html")) }
	}
	// 20 times a field of 4000 bytes is 80 kB, which HPACK says in 3 kB.
	var long []faultproxy.Field
	for range 20 {
		long = append(long, field("x-long", strings.Repeat("a", 4000)))
	}
	var endless []faultproxy.Field
	for i := range 300 {
		endless = append(endless, field(fmt.Sprint("x-endless-", i), strings.Repeat("a", 4000)))
	}
	echo := call.Options{Echo: &benchv1.EchoRequest{ResponseSize: 4, ResponseContent: benchv1.Content_CONTENT_ZEROS}}
	return []misdeed{
		{name: "RST_STREAM INTERNAL_ERROR", answer: reset(http2.ErrCodeInternal), code: "INTERNAL"},
		{name: "RST_STREAM CANCEL", answer: reset(http2.ErrCodeCancel), code: "CANCELLED"},
		{name: "RST_STREAM ENHANCE_YOUR_CALM", answer: reset(http2.ErrCodeEnhanceYourCalm), code: "RESOURCE_EXHAUSTED"},
		{name: "RST_STREAM after half a message", answer: func(s *stream) {
			s.Begin()
			s.Prefixed(0, 100, make([]byte, 50))
			s.Reset(http2.ErrCodeInternal)
		}, code: "INTERNAL"},
		{name: "status NOT_FOUND", answer: func(s *stream) { s.Begin(); s.Status(5, "no such thing") }, code: "NOT_FOUND"},
		{name: "status 99", answer: func(s *stream) { s.Begin(); s.Status(99, "") }, code: "CODE_99"},
		{name: "status that is no number", answer: func(s *stream) { s.Begin(); s.Headers(true, field("grpc-status", "fine")) }, code: "UNKNOWN"},
		{name: "no status", answer: func(s *stream) { s.Begin(); s.Message(nil); s.Headers(true, field("x-other", "")) }, code: "UNKNOWN"},
		{name: "HTTP 503", answer: page("503"), code: "UNAVAILABLE"},
		{name: "HTTP 404", answer: page("404"), code: "UNIMPLEMENTED"},
		{name: "content-type text/html", answer: page("200"), code: "UNKNOWN"},
		{name: "no message", answer: func(s *stream) { s.Begin(); s.Status(0, "") }, code: "INTERNAL"},
		{name: "two messages", answer: func(s *stream) { s.Begin(); s.Message(nil); s.Message(nil); s.Status(0, "") }, code: "INTERNAL"},
		{name: "half a message", answer: func(s *stream) { s.Begin(); s.Prefixed(0, 100, make([]byte, 50)); s.Status(0, "") }, code: "INTERNAL"},
		{name: "bytes that are no message", answer: func(s *stream) { s.Answer([]byte("\xff")) }, code: "INTERNAL", wire: load.BadPayload},
		{name: "compressed without a codec", answer: func(s *stream) { s.Begin(); s.Prefixed(1, 4, make([]byte, 4)); s.Status(0, "") }, code: "INTERNAL"},
		{name: "unknown codec", answer: func(s *stream) {
			s.Begin(field("grpc-encoding", "brotli"))
			s.Prefixed(1, 4, make([]byte, 4))
			s.Status(0, "")
		}, code: "INTERNAL"},
		{name: "oversize message", answer: func(s *stream) { s.Begin(); s.Prefixed(0, 1<<30, make([]byte, 1000)) }, code: "RESOURCE_EXHAUSTED"},
		{name: "header list too large", answer: func(s *stream) { s.Begin(long...); s.Message(nil); s.Status(0, "") }, code: "INTERNAL"},
		{name: "trailers too large", answer: func(s *stream) { s.Begin(); s.Message(nil); s.Status(0, "", long...) }, code: "INTERNAL"},
		{name: "header list without an end", answer: func(s *stream) { s.Begin(endless...); s.Message(nil); s.Status(0, "") }, code: "UNAVAILABLE", broken: true},
		{name: "silence after headers", answer: func(s *stream) { s.Begin() }, code: "DEADLINE_EXCEEDED", call: call.Options{Deadline: 5 * time.Second}},
		{name: "connection closed in a message", answer: func(s *stream) { s.Begin(); s.Prefixed(0, 100, make([]byte, 50)); s.HangUp() }, code: "UNAVAILABLE", broken: true},
		{name: "GOAWAY and hung up", answer: func(s *stream) { s.GoAway(http2.ErrCodeInternal); s.HangUp() }, code: "UNAVAILABLE", broken: true},
		{name: "response of the wrong size", answer: func(s *stream) { s.Answer([]byte("\x0a\x03abc")) }, code: load.BadPayload, call: echo},
		{name: "empty response where one was asked for", answer: func(s *stream) { s.Answer([]byte{}) }, code: load.BadPayload, call: echo},
	}
}

// TestEachMisdeedOfAServerIsOneFailureOfItsCode: the others are answered well, so
// an account that counts one of them twice, or as ok, does not agree.
//
//	fault:   every {every}th response is wrong: reset, status, HTTP page, message, headers, size, silence
//	promise: it is one failed RPC with its code, never ok; the next RPC succeeds; the connection is kept where HTTP/2 allows
//	figure:  {rpcs} RPCs: as many failed as the server answered wrongly, the rest ok
func TestEachMisdeedOfAServerIsOneFailureOfItsCode(t *testing.T) {
	t.Parallel()
	const rpcs, every = 30, 10
	eachEngine(t, func(t *testing.T, engine string) {
		for _, m := range misdeeds() {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				var done atomic.Int64
				right := []byte(nil)
				if m.call.Echo != nil {
					right = []byte("\x0a\x04abcd") // field 1 of 4 bytes
				}
				p := newPeer(t, func(s *faultproxy.Stream) {
					if s.Number%every != 0 {
						s.Answer(right)
						return
					}
					done.Add(1)
					m.answer(s)
				})
				g := connectTo(t, engine, p.Address(), 1, m.call)
				l := g.times(t, rpcs)
				code := m.code
				if engine == plan.Wire && m.wire != "" {
					code = m.wire
				}
				wantOnly(t, l, code)
				if n := done.Load(); n != rpcs/every || l.Failures() != n || l.OK != rpcs-n {
					t.Errorf("ledger %+v, want %d of %d failed", l, n, rpcs)
				}
				if lost := g.reconnects() > 0; lost != m.broken {
					t.Errorf("%d reconnects, want some: %t", g.reconnects(), m.broken)
				}
			})
		}
	})
}

// bomb is a gzip file of n MiB of zeros: members of 1 MiB, one after another
// (RFC 1952, 2.2), in about a thousandth of it.
func bomb(t *testing.T, n int) []byte {
	t.Helper()
	var member bytes.Buffer
	w := gzip.NewWriter(&member)
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat(member.Bytes(), n)
}

// TestADecompressionBombDoesNotFillTheMemory: were it inflated, a generator would
// grow by its size.
//
//	fault:   every other response is 520 kB of gzip that inflate to 512 MiB
//	promise: RESOURCE_EXHAUSTED, or BAD_PAYLOAD with the wire engine; the generator reads no more than its limit of 4 MiB
//	figure:  at least {bombs} bombs, as many failed, the rest ok; generator at most {mostMemory} resident
func TestADecompressionBombDoesNotFillTheMemory(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const (
		// An ordinary build takes 30 MiB, one that looks for races 150.
		mostMemory = 256 << 20
		bombs      = 20
	)
	eachEngine(t, func(t *testing.T, engine string) {
		message := bomb(t, 512)
		var sent atomic.Int64
		p := newPeer(t, func(s *faultproxy.Stream) {
			if s.Number == 1 || s.Number%2 == 0 { // of bench.v1.Control, and the preflight's
				s.Answer(nil)
				return
			}
			sent.Add(1)
			s.Begin(faultproxy.Field{Name: "grpc-encoding", Value: "gzip"})
			s.Prefixed(1, len(message), message)
			s.Status(0, "")
		})
		a := measureUntil(t, func() bool { return sent.Load() >= bombs },
			"--engine", engine, "--accept-compression", "gzip", "--loop", "closed", "--concurrency", "1", "--connections", "1", p.Address())
		l := a.LedgerTotal
		code := "RESOURCE_EXHAUSTED"
		if engine == plan.Wire {
			code = load.BadPayload // no answer to Foo is so long
		}
		wantOnly(t, l, code)
		if n := sent.Load(); l.Failures() != n || l.OK != p.Counts().Streams-n-1 {
			t.Errorf("ledger %+v, want %d failed of %d", l, n, p.Counts().Streams)
		}
		rss := a.Epochs[0].Generator.RSSBytes
		if rss == nil {
			t.Fatal("the generator's memory is not known")
		}
		t.Logf("generator of %d MiB after %d bombs", *rss>>20, sent.Load())
		if *rss > mostMemory {
			t.Errorf("generator of %d bytes, want at most %d", *rss, mostMemory)
		}
	})
}
