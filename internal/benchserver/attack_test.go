package benchserver_test

import (
	"crypto/tls"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"grpcbench/internal/benchserver"
	benchv1 "grpcbench/proto/bench/v1"
	"grpcbench/testing/lane"
)

const (
	echoMethod = "/bench.v1.Bench/Echo"
	fooMethod  = "/Server/Foo"
)

// everyway runs a test against a server of its own, in plaintext and under TLS.
func everyway(t *testing.T, test func(t *testing.T, f *fortress)) {
	for name, secure := range map[string]bool{"plaintext": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each has a server process
			test(t, newFortress(t, besieged{TLS: secure}))
		})
	}
}

// A request is opened and reset before it is answered, again and again (CVE-2023-44487).
// Each asks for a wait, so that its handler would live for long.
//
//	fault:   {resets} requests, each reset at once, on one connection
//	promise: one handler at a time for each stream allowed; an honest client is served
//	figure:  at most 1000 + {spare} goroutines, {mostMiB} MiB; all given back
func TestRapidResetIsContained(t *testing.T) {
	lane.Long(t, "starts processes")
	const resets = 100_000
	everyway(t, func(t *testing.T, f *fortress) {
		wait := message(t, &benchv1.EchoRequest{DelayUs: 10_000_000})
		f.withstand(t, 1, func() {
			a := f.attacker(t, false)
			for range resets {
				id, _ := a.open(headers(echoMethod))
				if !a.wrote(a.WriteData(id, true, wait)) || !a.wrote(a.WriteRSTStream(id, http2.ErrCodeCancel)) {
					t.Fatalf("the connection ended after %d frames", a.frames)
				}
			}
			if !a.flush(longest) {
				t.Error("the server does not take the resets")
			}
		})
		started := f.snapshot(t).GetRpcs().GetStarted()
		if started < 1000 {
			t.Errorf("the server saw %d RPCs: must have been attacked", started)
		}
	})
}

// A header block that never ends (CVE-2023-45288).
//
//	fault:   HEADERS and then CONTINUATION frames without end
//	promise: the connection is closed; an honest client is served
//	figure:  closed before {headerMiB} MiB; at most {mostMiB} MiB of memory
func TestAHeaderBlockWithoutEndClosesTheConnection(t *testing.T) {
	lane.Long(t, "starts processes")
	const headerMiB = 64
	everyway(t, func(t *testing.T, f *fortress) {
		f.withstand(t, 1, func() {
			a := f.attacker(t, false)
			block := a.encode(headers(fooMethod))
			a.wrote(a.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block}))
			more := a.encode([]hpack.HeaderField{{Name: "x-bench-0", Value: strings.Repeat("x", 16<<10), Sensitive: true}})
			for len(more)*a.frames < headerMiB<<20 && a.wrote(a.WriteContinuation(1, false, more[:min(len(more), 16<<10)])) {
			}
			_ = a.flush(longest) // into a connection that is closed
			if len(more)*a.frames >= headerMiB<<20 {
				t.Errorf("the server took %d CONTINUATION frames", a.frames)
			}
			a.awaitClosed(t)
		})
	})
}

// HTTP/2 answers each PING; grpc-go calls a client that sends many of them
// abusive.
//
//	fault:   {pings} PING frames
//	promise: GOAWAY ENHANCE_YOUR_CALM and the end of the connection
//	figure:  at most {mostMiB} MiB of memory; an honest client is served
func TestAPingFloodClosesTheConnection(t *testing.T) {
	lane.Long(t, "starts processes")
	const pings = 100_000
	everyway(t, func(t *testing.T, f *fortress) {
		f.withstand(t, 1, func() {
			a := f.attacker(t, false)
			for range pings {
				if !a.wrote(a.WritePing(false, [8]byte{1})) {
					break
				}
			}
			_ = a.flush(longest) // into a connection that is closed
			a.awaitClosed(t)
			if a.goAway != http2.ErrCodeEnhanceYourCalm {
				t.Errorf("GOAWAY with %v, want ENHANCE_YOUR_CALM", a.goAway)
			}
		})
	})
}

// Each SETTINGS has to be answered: one that reads the answers is merely busy,
// one that does not is not read any further.
//
//	fault:   {frames} SETTINGS frames, their answers read or not
//	promise: each is answered, or the server stops reading; an honest client is served
//	figure:  at most {mostMiB} MiB of memory
func TestASettingsFloodIsAnsweredOrThrottled(t *testing.T) {
	lane.Long(t, "starts processes")
	const frames = 1_000_000
	hearingAndDeaf(t, func(t *testing.T, f *fortress, deaf bool) {
		f.withstand(t, 1, func() {
			a := f.attacker(t, deaf)
			a.flood(t, frames, deaf, func() error { return a.WriteSettings() })
			if !deaf { // the first SETTINGS of the connection has an answer too
				await(t, "every SETTINGS was answered", func() bool { return a.received(http2.FrameSettings) == frames+1 })
			}
		})
	})
}

// A WINDOW_UPDATE costs its sender thirteen bytes and is answered by nothing. One
// that has made the server's writer wait first piles them up.
//
//	fault:   {frames} WINDOW_UPDATE frames, while a large answer is read or is not
//	promise: each is taken, or the server stops reading; an honest client is served
//	figure:  at most {mostMiB} MiB of memory
func TestAWindowUpdateFloodIsTakenOrThrottled(t *testing.T) {
	lane.Long(t, "starts processes")
	const frames = 1_000_000
	hearingAndDeaf(t, func(t *testing.T, f *fortress, deaf bool) {
		f.withstand(t, 1, func() {
			a := f.attacker(t, deaf, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
			_ = a.WriteWindowUpdate(0, 1<<30) // into memory
			id, _ := a.open(headers(echoMethod))
			_ = a.WriteData(id, true, message(t, &benchv1.EchoRequest{
				ResponseSize: benchserver.MaxBody, ResponseContent: benchv1.Content_CONTENT_ZEROS}))
			a.flood(t, frames, deaf, func() error { return a.WriteWindowUpdate(0, 1) })
		})
	})
}

// hearingAndDeaf runs a test with an attacker that reads what the server sends,
// and with one that does not.
func hearingAndDeaf(t *testing.T, test func(t *testing.T, f *fortress, deaf bool)) {
	for name, deaf := range map[string]bool{"answers read": false, "answers not read": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each has a server process
			test(t, newFortress(t, besieged{}), deaf)
		})
	}
}

// flood writes n frames. A server must take all of them from an attacker that
// reads its answers, and must not from one that is deaf.
func (a *attacker) flood(t *testing.T, n int, deaf bool, write func() error) {
	t.Helper()
	patience := longest
	if deaf {
		patience = time.Second
	}
	_ = a.conn.SetWriteDeadline(time.Now().Add(patience)) // a closed connection says so when it is written to
	a.frames = 0
	for a.frames < n && a.wrote(write()) {
	}
	if taken := a.out.Flush() == nil && a.frames == n; taken == deaf {
		t.Errorf("the server took all of %d frames: %v, want %v", n, taken, !deaf)
	}
}

// A connection that says nothing, or begins and does not go on, is open until the
// handshake's timeout, which TestAHandshakeThatNeverEndsIsClosed holds to 10 s.
//
//	fault:   {connections} connections: TCP alone, half a TLS hello, half a preface
//	promise: each costs a goroutine and is given back; an honest client is served
//	figure:  at most {each} goroutines a connection, {mostMiB} MiB
func TestHalfOpenConnectionsCostLittle(t *testing.T) {
	lane.Long(t, "starts processes")
	const (
		connections = 200
		each        = 5
	)
	everyway(t, func(t *testing.T, f *fortress) {
		peak := f.withstand(t, 1, func() {
			for i := range connections {
				c := f.dial(t)
				switch {
				case i%3 == 1: // a record of 512 bytes, of which 3 come (RFC 8446, section 5.1)
					_, _ = c.Write([]byte{22, 3, 1, 2, 0, 1, 0, 1})
				case i%3 == 2 && f.secure:
					s := tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
					_, _ = io.WriteString(s, http2.ClientPreface[:12])
				case i%3 == 2:
					_, _ = io.WriteString(c, http2.ClientPreface[:12])
				}
			}
			await(t, "all connections were accepted", func() bool {
				return f.snapshot(t).GetConnections().GetAccepted() > connections
			})
		})
		if peak.Goroutines > uint64(connections*each) {
			t.Errorf("%d goroutines for %d connections", peak.Goroutines, connections)
		}
	})
}

// Many small pieces cost more to keep than the bytes in them.
//
//	fault:   a message of {size} bytes in DATA frames of one byte
//	promise: it is answered; an honest client is served meanwhile
//	figure:  at most {mostMiB} MiB of memory
func TestAMessageInFramesOfOneByteIsAnswered(t *testing.T) {
	lane.Long(t, "starts processes")
	const size = 300_000
	everyway(t, func(t *testing.T, f *fortress) {
		f.withstand(t, 1, func() {
			a := f.attacker(t, false)
			id, _ := a.open(headers(echoMethod))
			whole := message(t, &benchv1.EchoRequest{Body: make([]byte, size), ResponseContent: benchv1.Content_CONTENT_ZEROS})
			for i := range whole {
				if !a.wrote(a.WriteData(id, i == len(whole)-1, whole[i:i+1])) {
					t.Fatalf("the connection ended after %d frames", a.frames)
				}
			}
			if !a.flush(longest) {
				t.Error("the server does not take the frames")
			}
			await(t, "the answer came", func() bool { return a.received(http2.FrameHeaders) == 2 }) // headers and trailers
		})
	})
}

// A client that asks for much and reads nothing makes the server keep it.
//
//	fault:   1000 requests for 4 MiB each, no window to send them in
//	promise: few are kept, the others wait; an honest client is served
//	figure:  at most {mostMiB} MiB of memory; all given back
func TestAnswersThatNobodyReadsAreNotKept(t *testing.T) {
	lane.Long(t, "starts processes")
	everyway(t, func(t *testing.T, f *fortress) {
		ask := message(t, &benchv1.EchoRequest{ResponseSize: benchserver.MaxBody, ResponseContent: benchv1.Content_CONTENT_RANDOM})
		f.withstand(t, 1, func() {
			a := f.attacker(t, false, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
			for range maxConcurrentStreams {
				id, _ := a.open(headers(echoMethod))
				a.wrote(a.WriteData(id, true, ask))
			}
			if !a.flush(longest) {
				t.Error("the server does not take the requests")
			}
			await(t, "the server saw the requests", func() bool {
				return f.snapshot(t).GetRpcs().GetStarted() >= maxConcurrentStreams
			})
		})
	})
}

// Each request puts new names into the decoder's table, which pushes out the
// others.
//
//	fault:   {requests} requests, each with names never seen, of 3 KiB
//	promise: they are answered; an honest client is served
//	figure:  at most {mostMiB} MiB of memory
func TestHeaderTableChurnIsBounded(t *testing.T) {
	lane.Long(t, "starts processes")
	const requests = 10_000
	everyway(t, func(t *testing.T, f *fortress) {
		f.withstand(t, 1, func() {
			a := f.attacker(t, false, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 1 << 30})
			for i := range requests {
				name := "x-" + strings.Repeat(string(rune('a'+i%26)), 1+i%3000)
				id, _ := a.open(headers(fooMethod, hpack.HeaderField{Name: name, Value: strings.Repeat("v", 100)}))
				if !a.wrote(a.WriteData(id, true, make([]byte, 5))) {
					t.Fatalf("the connection ended after %d frames", a.frames)
				}
			}
			if !a.flush(longest) {
				t.Error("the server does not take the requests")
			}
			await(t, "the server saw the requests", func() bool {
				return f.snapshot(t).GetRpcs().GetStarted() >= requests/2
			})
		})
	})
}

// A header list far above the limit ends its request or its connection.
//
//	fault:   {requests} requests with {kib} KiB of metadata
//	promise: none reaches its method; an honest client is served
//	figure:  at most {mostMiB} MiB of memory
func TestAHugeHeaderListReachesNoMethod(t *testing.T) {
	lane.Long(t, "starts processes")
	const (
		requests = 20
		kib      = 1024
	)
	everyway(t, func(t *testing.T, f *fortress) {
		seen := func() uint64 { return f.snapshot(t).GetUserMetadata().GetKeys() }
		before := seen()
		f.withstand(t, requests, func() {
			for range requests {
				a := f.attacker(t, false)
				block := a.encode(headers(fooMethod, hpack.HeaderField{Name: "x-bench-0", Value: strings.Repeat("v", kib<<10), Sensitive: true}))
				ok := a.wrote(a.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:16<<10]}))
				for block = block[16<<10:]; ok && len(block) > 0; block = block[min(len(block), 16<<10):] {
					ok = a.wrote(a.WriteContinuation(1, len(block) <= 16<<10, block[:min(len(block), 16<<10)]))
				}
				_ = a.flush(longest) // into a connection that may be closed
				await(t, "the request or its connection ended", func() bool {
					select {
					case <-a.closed:
						return true
					default:
						return a.received(http2.FrameRSTStream) > 0
					}
				})
			}
		})
		if now := seen(); now != before {
			t.Errorf("%d requests with metadata reached their method", now-before)
		}
	})
}

// Connections above the limit are closed at once.
//
//	fault:   {asked} connections to a server that takes {limit}
//	promise: the rest are closed and counted; who is connected is served
//	figure:  {limit} open; when they go, a new client is served
func TestConnectionsAboveTheLimitDoNotHurtTheOthers(t *testing.T) {
	lane.Long(t, "starts processes")
	const (
		limit = 64
		asked = 500
	)
	f := newFortress(t, besieged{MaxConnections: limit})
	f.withstand(t, 1, func() {
		for range asked {
			f.dial(t)
		}
		await(t, "the rest were refused", func() bool {
			c := f.snapshot(t).GetConnections()
			return c.GetOpen() == limit && c.GetRefused() >= asked-limit+1 // one is the honest client's
		})
	})
	await(t, "a new client is served", func() bool { return foo(t.Context(), f.client(t)) == nil })
}

// What GODEBUG switches on again for old programs stays off here.
//
//	fault:   GODEBUG=tls10server=1 in the server's environment, a client of TLS 1.1
//	promise: the handshake is refused; TLS 1.3 goes on
//	figure:  {minTraffic} honest RPCs ok
func TestTheEnvironmentAllowsNoOldTLS(t *testing.T) {
	lane.Long(t, "starts processes")
	f := newFortress(t, besieged{TLS: true}, "GODEBUG=tls10server=1,tlsrsakex=1,tls3des=1")
	c := tls.Client(f.dial(t), &tls.Config{
		InsecureSkipVerify: true, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err := c.Handshake(); err == nil || !strings.Contains(err.Error(), "protocol version not supported") {
		t.Errorf("a handshake of TLS 1.1: %v, want a refusal of the version", err)
	}
	f.serves(t, minTraffic)
}
