package wire_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	"grpcbench/internal/benchserver"
	"grpcbench/internal/call"
	"grpcbench/internal/channel"
	"grpcbench/internal/codec"
	"grpcbench/internal/load"
	"grpcbench/internal/wire"
	"grpcbench/internal/worker"
	benchv1 "grpcbench/proto/bench/v1"
)

// Both loops, on every kind of connection, with the bundled server: the account, the
// handshakes and the bytes are the server's to the last one.
func TestTheBundledServerAgreesOnEveryKindOfConnection(t *testing.T) {
	const connections, rpcs = 3, 60
	for _, s := range securities() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			server, client := s.configs(t)
			b, addr := bundled(t, benchserver.Options{TLS: server, StaticWindow: channel.StaticWindow})
			channels := dial(t, addr, connections, call.Options{}, client)
			wantAll(t, openLoop(t, channels, rpcs).Window, rpcs)
			l := closedLoop(t, channels, 8, 50*time.Millisecond).Window
			if l.OK < 8 {
				t.Errorf("%d RPCs by 8 callers, want one each at least", l.OK)
			}
			wantAll(t, l, l.OK)
			s.negotiated(t, channels, false)
			got := b.Snapshot()
			if r := got.GetRpcs(); r.GetStarted() != uint64(rpcs+l.OK) || r.GetOk() != r.GetStarted() {
				t.Errorf("the server counted %v, want %d RPCs", r, rpcs+l.OK)
			}
			handshakes := uint64(connections)
			if s.version == 0 {
				handshakes = 0
			}
			if c := got.GetConnections(); c.GetAccepted() != connections || c.GetHandshakesFull() != handshakes {
				t.Errorf("the server counted %v, want %d connections and %d handshakes", c, connections, handshakes)
			}
			for _, p := range got.GetTlsParameters() {
				if p.GetClientCertificate() != s.mutual || p.GetAlpn() != "h2" {
					t.Errorf("the server negotiated %v, want client certificates: %t", p, s.mutual)
				}
			}
			wantBytes(t, b, channels)
		})
	}
}

// wantBytes fails unless client and server come to count the same bytes: the last
// ones, of acknowledgements, may be under way.
func wantBytes(t *testing.T, b *benchserver.Server, channels []*wire.Channel) {
	t.Helper()
	soon(t, "client and server count the same bytes", func() bool {
		var sent, received int64
		for _, c := range channels {
			s, r := c.Bytes()
			sent, received = sent+s, received+r
		}
		c := b.Snapshot().GetConnections()
		return uint64(sent) == c.GetReceivedBytes() && uint64(received) == c.GetSentBytes()
	})
}

func TestAPlainServerAgreesOnEveryKindOfConnection(t *testing.T) {
	const rpcs = 60
	for _, s := range securities() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			server, client := s.configs(t)
			options := []grpc.ServerOption{}
			if server != nil {
				options = append(options, grpc.Creds(credentials.NewTLS(server)))
			}
			p := newPlain(t, anyPort, nothing, options...)
			channels := dial(t, p.addr, 2, call.Options{}, client)
			wantAll(t, openLoop(t, channels, rpcs).Window, rpcs)
			s.negotiated(t, channels, false)
			if n := p.answered.Load(); n != rpcs {
				t.Errorf("the server answered %d RPCs, want %d", n, rpcs)
			}
		})
	}
}

// A channel whose configuration was used before resumes; the ticket of TLS 1.3 comes
// with the first bytes that are read, which the first RPC waits for.
func TestASecondConnectionResumes(t *testing.T) {
	for _, s := range securities()[1:] {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			server, client := s.configs(t)
			b, addr := bundled(t, benchserver.Options{TLS: server})
			config := client()
			config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			for _, resumed := range []bool{false, true} {
				channels := dial(t, addr, 1, call.Options{}, func() *tls.Config { return config })
				wantAll(t, openLoop(t, channels, 5).Window, 5)
				s.negotiated(t, channels, resumed)
				if err := channels[0].Close(); err != nil {
					t.Fatal(err)
				}
			}
			if c := b.Snapshot().GetConnections(); c.GetHandshakesFull() != 1 || c.GetHandshakesResumed() != 1 {
				t.Errorf("the server counted %v, want 1 full handshake and 1 resumed", c)
			}
		})
	}
}

// Messages of each size, as they are and compressed in each way, through windows that
// are smaller than most of them. It is not parallel: compressors are the process's.
//
// Of both directions' messages all are counted, since they are the first hundred:
// the server reads a request, and this client looks into its response.
func TestMessagesOfEverySizeGoBothWays(t *testing.T) {
	const smallestWindow = 64 << 10
	for _, name := range []string{codec.None, codec.Gzip, codec.Deflate, codec.Zstd} {
		for _, size := range []int{0, 1, 16 << 10, 64 << 10, 1 << 20, 4 << 20} {
			t.Run(fmt.Sprint(name, " ", size), func(t *testing.T) {
				spec, rpcs := codec.Spec{Name: name}, int64(4)
				if spec.Announced() {
					spec.Level = codec.LevelLow
					rpcs = max(1, min(rpcs, 1<<20/int64(size+1))) // compressors take long to look for races in
				}
				counters := codec.Install(codec.Names(), spec)
				_, addr := bundled(t, benchserver.Options{StaticWindow: smallestWindow})
				o := call.Options{Compression: spec, Accepts: codec.Names(), Echo: &benchv1.EchoRequest{
					Body: []byte(strings.Repeat("a", size)), ResponseSize: uint32(size), ResponseContent: benchv1.Content_CONTENT_TEXT}}
				channels := dial(t, addr, 1, o, plaintext)
				request, before, err := worker.WireRequest(o)
				if err != nil {
					t.Fatal(err)
				}
				start := counters.Snapshot()
				wantAll(t, openLoop(t, channels, int(rpcs)).Window, rpcs)
				_, answers := channels[0].Attempts()
				work := counters.Snapshot().Sub(start).Decompress
				want := codec.Work{}
				if request.Compressed {
					want.Messages, want.BytesIn, want.BytesOut = rpcs, rpcs*int64(len(request.Message)), rpcs*int64(before)
				}
				if answers.Compressed > 0 {
					want.Messages, want.BytesIn, want.BytesOut = want.Messages+rpcs, want.BytesIn+answers.Bytes, want.BytesOut+rpcs*responseLength(size)
				}
				if work.Messages != want.Messages || work.BytesIn != want.BytesIn || work.BytesOut != want.BytesOut {
					t.Errorf("decompressed %d messages of %d bytes to %d, want %d of %d to %d",
						work.Messages, work.BytesIn, work.BytesOut, want.Messages, want.BytesIn, want.BytesOut)
				}
				// gRPC compresses no empty message.
				if compressed := answers.Compressed == rpcs; answers.Messages != rpcs || compressed != (spec.Compresses() && size > 0) {
					t.Errorf("responses %+v, want %d, compressed by %s", answers, rpcs, name)
				}
			})
		}
	}
}

// responseLength is the length of an EchoResponse: the body as field 1, with the
// field's key and the length as a varint of 7 bits a byte; nothing for an empty body.
func responseLength(body int) int64 {
	n := int64(body)
	if n == 0 {
		return 0
	}
	for rest := body; rest > 0; rest >>= 7 {
		n++
	}
	return n + 1
}

// TestMetadataOfEveryRPCArrives: static values that the header table holds, ones of
// which it forgets the first before the last was written, and values of one RPC each.
func TestMetadataOfEveryRPCArrives(t *testing.T) {
	const rpcs = 40
	for _, of := range []struct {
		name    string
		options call.Options
	}{
		{"static", call.Options{Metadata: []call.Pair{{Name: "foo", Value: "bar"}}}},
		{"binary", call.Options{Metadata: []call.Pair{{Name: "trace-bin", Value: "\x00\xff\n,"}}}},
		{"beyond the table", call.Options{Sized: call.SizedMetadata{Bytes: 8 << 10, Keys: 20}}},
		{"one value beyond the table", call.Options{Sized: call.SizedMetadata{Bytes: 8 << 10, Keys: 1}}},
		{"beyond a frame", call.Options{Sized: call.SizedMetadata{Bytes: 40 << 10, Keys: 10, Binary: true}}},
		{"unique", call.Options{Sized: call.SizedMetadata{Bytes: 1 << 10, Keys: 3, Unique: true}}},
		{"unique and static", call.Options{Sized: call.SizedMetadata{Bytes: 8 << 10, Keys: 3, Unique: true, Binary: true},
			Metadata: []call.Pair{{Name: "foo", Value: "bar"}, {Name: "foo", Value: "baz"}}}},
	} {
		t.Run(of.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			got := map[string]int{} // RPCs by all their metadata
			p := newPlain(t, anyPort, func(ctx context.Context) {
				md, _ := metadata.FromIncomingContext(ctx)
				mu.Lock()
				defer mu.Unlock()
				for _, own := range []string{":authority", "content-type", "user-agent", "grpc-accept-encoding"} {
					md.Delete(own)
				}
				got[fmt.Sprint(md)]++
			}, grpc.MaxHeaderListSize(1<<20))
			channels := dial(t, p.addr, 1, of.options, plaintext)
			wantAll(t, openLoop(t, channels, rpcs).Window, rpcs)
			want := map[string]int{}
			for seq := range int64(rpcs) {
				all := of.options.Static()
				if unique := of.options.Unique(); unique != nil {
					all = append(all, unique(seq)...)
				}
				md := metadata.MD{}
				for _, pair := range all {
					md.Append(pair.Name, pair.Value)
				}
				want[fmt.Sprint(md)]++
			}
			for md, n := range want {
				if got[md] != n {
					t.Errorf("%d RPCs with metadata of %d bytes, want %d", got[md], len(md), n)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d kinds of metadata, want %d", len(got), len(want))
			}
		})
	}
}

// The server is told the deadline, and its handlers do not care; the connection is
// fit for the RPCs that follow.
func TestAFrozenHandlerCostsTheDeadline(t *testing.T) {
	t.Parallel()
	const rpcs, deadline = 40, 100 * time.Millisecond
	thaw := make(chan struct{})
	var without atomic.Int64
	p := newPlain(t, anyPort, func(ctx context.Context) {
		if at, ok := ctx.Deadline(); !ok || time.Until(at) > deadline {
			without.Add(1)
		}
		<-thaw
	})
	channels := dial(t, p.addr, 2, call.Options{Deadline: deadline}, plaintext)
	o := openLoop(t, channels, rpcs)
	if l := o.Window; l.Started != rpcs || l.Failed["DEADLINE_EXCEEDED"] != rpcs {
		t.Errorf("ledger %+v, want %d DEADLINE_EXCEEDED", l, rpcs)
	}
	close(thaw)
	soon(t, "every handler ends", func() bool { return p.answered.Load() == rpcs })
	l := openLoop(t, channels, 10).Window
	if l.OK == 0 || l.Failures() != l.Failed["DEADLINE_EXCEEDED"] { // a busy machine may take longer
		t.Errorf("ledger %+v, want RPCs ok", l)
	}
	if n := without.Load(); n != 0 {
		t.Errorf("%d handlers did not know the deadline of %v", n, deadline)
	}
	for i, c := range channels {
		if n := c.Reconnects(); n != 0 {
			t.Errorf("channel %d: %d reconnects, want the first connection kept", i, n)
		}
	}
}

// The server says goodbye to each connection after a while and waits for what is on
// it: nothing is lost, and nothing is done twice.
func TestAnAgeOfConnectionsLosesNothing(t *testing.T) {
	t.Parallel()
	const rpcs, connections, age = 600, 2, 30 * time.Millisecond
	p := newPlain(t, anyPort, nothing, grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: age, MaxConnectionAgeGrace: longest}))
	channels := dial(t, p.addr, connections, call.Options{}, plaintext)
	wantAll(t, openLoop(t, channels, rpcs).Window, rpcs)
	l := closedLoop(t, channels, 16, 300*time.Millisecond).Window
	wantAll(t, l, l.OK)
	if n := p.answered.Load(); n != rpcs+l.OK {
		t.Errorf("the server answered %d RPCs, want %d", n, rpcs+l.OK)
	}
	// grpc-go's server lets an age vary by a tenth. 900 ms are 27 of them; a machine
	// that halts now and then sees a few.
	for i, c := range channels {
		if n := c.Reconnects(); n < 2 {
			t.Errorf("channel %d: %d reconnects, want some", i, n)
		}
	}
}

// While nobody listens RPCs fail, each once and as UNAVAILABLE; then the channels
// find the server that has come to the same address.
func TestAServerThatComesBackIsFound(t *testing.T) {
	t.Parallel()
	const callers = 4
	first := newPlain(t, anyPort, nothing)
	channels := dial(t, first.addr, 2, call.Options{}, plaintext)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	both := func() bool { return len(channels[0].Connections()) > 1 && len(channels[1].Connections()) > 1 }
	var second *plain
	var acted sync.WaitGroup
	acted.Go(func() {
		defer cancel()
		soonEnough(ctx, func() bool { return first.answered.Load() > 100 })
		first.Stop()
		second = newPlain(t, first.addr, nothing)
		soonEnough(ctx, func() bool { return second.answered.Load() > 100 && both() })
	})
	o, err := load.ClosedLoop{Concurrency: callers, Connections: len(channels), Clock: load.SleepClock{Start: time.Now()},
		Phases: load.Phases{Window: longest}, Drain: longest, DrainStopped: longest, Edges: noEdges}.Run(ctx, wire.Engine{Channels: channels})
	acted.Wait()
	l := checked(t, o, err).Window
	answered := first.answered.Load() + second.answered.Load()
	begun := first.begun.Load() + second.begun.Load()
	if l.OK > answered || begun > l.Started || second.answered.Load() <= 100 {
		t.Errorf("ledger %+v; the servers answered %d and %d", l, first.answered.Load(), second.answered.Load())
	}
	if l.Failures() == 0 || l.Failures() != l.Failed["UNAVAILABLE"] {
		t.Errorf("failed %v, want UNAVAILABLE alone", l.Failed)
	}
	if !both() {
		t.Error("a channel has not found the second server")
	}
}

// soonEnough waits until done says so; the test then fails by what did not happen.
func soonEnough(ctx context.Context, done func() bool) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); !done() && ctx.Err() == nil && time.Since(start) < longest/2; {
		<-tick.C
	}
}

// Thousands of RPCs pass one that hangs. Nothing of them may be kept for it: at
// 100 bytes an RPC the memory would grow by more than what is allowed.
func TestAnRPCThatHangsDoesNotGrowTheMemory(t *testing.T) {
	const callers, most = 4, 1 << 19
	release := make(chan struct{})
	var hanging atomic.Bool
	p := newPlain(t, anyPort, func(context.Context) {
		if hanging.CompareAndSwap(false, true) {
			<-release
		}
	})
	c := dial(t, p.addr, 1, call.Options{Deadline: time.Hour}, plaintext)[0]
	w := &passing{start: time.Now(), quarter: make(chan uint64, 4)}
	c.Bind(w)
	for i := range int64(callers) {
		c.Start(load.Op{Seq: i})
	}
	c.Flush()
	var heap [4]uint64
	for i := range heap {
		select {
		case heap[i] = <-w.quarter:
		case <-time.After(longest):
			t.Fatalf("%d RPCs have passed, want %d", w.ended.Load(), 4*passingQuarter)
		}
	}
	if !hanging.Load() {
		t.Fatal("no RPC hangs")
	}
	close(release)
	soon(t, "the RPC that hung ends", func() bool { return w.ended.Load() == w.sent.Load() && p.begun.Load() == p.answered.Load() })
	if heap[3] > heap[0]+most {
		t.Errorf("heap of %v bytes after each quarter, want at most %d more", heap, most)
	}
	if n := w.failed.Load(); n != 0 {
		t.Errorf("%d RPCs failed", n)
	}
}

const passingQuarter = 5_000

// passing lets every caller go on until four quarters have ended, and weighs the
// heap after each.
type passing struct {
	start               time.Time
	sent, ended, failed atomic.Int64
	quarter             chan uint64
}

func (w *passing) Now() time.Duration { return time.Since(w.start) }
func (w *passing) Sent(load.Op)       { w.sent.Add(1) }

func (w *passing) Ended(_ load.Op, end load.End, _ time.Duration) {
	n := w.ended.Add(1)
	if end.Code != load.OK {
		w.failed.Add(1)
	}
	if n%passingQuarter == 0 && n <= 4*passingQuarter {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		w.quarter <- m.HeapAlloc
	}
}

func (w *passing) Next(after load.Op, now time.Duration) (load.Op, bool) {
	return load.Op{Seq: after.Seq + 4, Intended: now}, w.ended.Load() < 4*passingQuarter
}
