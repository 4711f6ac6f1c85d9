package codec_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"grpcbench/internal/codec"
)

// witness records what a server saw of the request's compression.
type witness struct {
	mu         sync.Mutex
	encoding   string
	length     int
	compressed int
}

func (w *witness) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (w *witness) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (w *witness) HandleConn(context.Context, stats.ConnStats)                       {}

func (w *witness) HandleRPC(_ context.Context, s stats.RPCStats) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch s := s.(type) {
	case *stats.InHeader:
		w.encoding = s.Compression
	case *stats.InPayload:
		w.length, w.compressed = s.Length, s.CompressedLength
	}
}

// echo answers every call with its request.
func echo(_ any, stream grpc.ServerStream) error {
	var m wrapperspb.BytesValue
	if err := stream.RecvMsg(&m); err != nil {
		return err
	}
	return stream.SendMsg(&m)
}

// startEcho starts an echo server and returns a channel to it; both end with
// the test.
func startEcho(t *testing.T, h stats.Handler) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer(grpc.UnknownServiceHandler(echo), grpc.StatsHandler(h))
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // ends by Stop
	t.Cleanup(func() { server.Stop(); serving.Wait() })
	channel, err := grpc.NewClient("passthrough:///bufconn",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = channel.Close() }) // nothing is left to lose
	return channel
}

func TestServerSeesTheCompressedMessage(t *testing.T) {
	for _, text := range []string{"gzip:low", "deflate:high", "zstd:medium"} {
		t.Run(text, func(t *testing.T) { callCompressed(t, text) })
	}
}

func callCompressed(t *testing.T, setting string) {
	spec, err := codec.Parse(setting)
	if err != nil {
		t.Fatal(err)
	}
	counters := codec.Install(codec.Names(), spec)
	var w witness
	channel := startEcho(t, &w)
	request, response := wrapperspb.Bytes(text(4<<10)), &wrapperspb.BytesValue{}
	if err := channel.Invoke(t.Context(), "/test.Echo/Echo", request, response, grpc.UseCompressor(spec.Name)); err != nil {
		t.Fatal(err)
	}
	if string(response.Value) != string(request.Value) {
		t.Errorf("response of %d bytes differs from the request", len(response.Value))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	// A BytesValue of 4096 bytes has a tag byte and two bytes of length.
	if w.encoding != spec.Name || w.length != 4099 || w.compressed >= w.length/2 {
		t.Errorf("server saw encoding %q, %d bytes, %d compressed; want %q, 4099, less than half",
			w.encoding, w.length, w.compressed, spec.Name)
	}
	// Client and server are one process here, so both directions of both are
	// counted: request and mirrored response.
	got := counters.Snapshot()
	if got.Compress.Messages != 2 || got.Compress.BytesIn != 2*4099 || got.Compress.BytesOut != 2*int64(w.compressed) {
		t.Errorf("compressed %+v, want 2 messages of 4099 bytes to %d", got.Compress, w.compressed)
	}
	if got.Decompress.Messages != 2 || got.Decompress.BytesOut != 2*4099 {
		t.Errorf("decompressed %+v, want 2 messages of 4099 bytes", got.Decompress)
	}
}

func TestAnEmptyMessageIsAnnouncedButNotCompressed(t *testing.T) {
	counters := codec.Install(codec.Names(), codec.Spec{Name: codec.Gzip, Level: codec.LevelLow})
	var w witness
	channel := startEcho(t, &w)
	empty := &wrapperspb.BytesValue{}
	if err := channel.Invoke(t.Context(), "/test.Echo/Echo", empty, empty, grpc.UseCompressor(codec.Gzip)); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := counters.Snapshot().Compress.Messages; w.encoding != codec.Gzip || n != 0 {
		t.Errorf("server saw encoding %q, %d messages compressed; want gzip and 0", w.encoding, n)
	}
}
