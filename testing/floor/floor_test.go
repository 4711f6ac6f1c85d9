package floor

import (
	"context"
	"net"
	"testing"

	"grpcbench/internal/load"
	"grpcbench/internal/wire"
)

const path = "/Server/Foo"

// listen starts a sink.
func listen(t testing.TB) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // ends the loop
	go func() {
		for {
			n, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = Serve(n) }() // ends with its client
		}
	}()
	return l.Addr().String()
}

// dial connects to a new sink.
func dial(t testing.TB) net.Conn {
	t.Helper()
	n, err := net.Dial("tcp", listen(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() }) // the test is over
	return n
}

func TestTheClientCountsWhatTheSinkAnswers(t *testing.T) {
	const enough, streams = 10_000, 16
	c := &Client{Path: path, Authority: "sink", Streams: streams, Enough: func(calls int64) bool { return calls >= enough }}
	got, err := c.Run(dial(t))
	if err != nil {
		t.Fatal(err)
	}
	// It asks after each read, which may bring as many answers as there are calls in
	// flight; and each call has a stream of its own, those in flight at the end too.
	if begun := int64(c.next / 2); got < enough || got >= enough+streams || got > begun || got < begun-streams {
		t.Errorf("%d calls of %d streams: must be at least %d and less than %d streams behind", got, begun, enough, streams)
	}
}

func TestAStrictClientAcceptsTheSink(t *testing.T) {
	ctx := context.Background()
	c, err := wire.Open(ctx, wire.Options{Address: listen(t), Request: wire.Request{Path: path, Length: 0}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for seq := range int64(100) {
		if end, said, _ := c.Once(ctx, seq); end != load.Good {
			t.Fatalf("call %d: %s %q", seq, end, said)
		}
	}
}

func TestRepeatedFramesAreIndexesAlone(t *testing.T) {
	_, answer := answers()
	// HEADERS, DATA and trailers; a byte for each of two fields, a message's prefix,
	// and again two fields.
	if got, want := len(answer), 3*headerLen+2+5+2; got != want {
		t.Errorf("answer of %d bytes: must be %d", got, want)
	}
	_, request := (&Client{Path: path, Authority: "sink"}).requests()
	// Seven fields, and a message's prefix.
	if got, want := len(request), 2*headerLen+7+5; got != want {
		t.Errorf("request of %d bytes: must be %d", got, want)
	}
}

func BenchmarkFloor(b *testing.B) {
	n := dial(b)
	c := &Client{Path: path, Authority: "sink", Streams: 16, Enough: func(calls int64) bool { return calls >= int64(b.N) }}
	b.ReportAllocs()
	b.ResetTimer()
	if _, err := c.Run(n); err != nil {
		b.Error(err)
	}
}
