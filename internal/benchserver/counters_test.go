package benchserver_test

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/protobuf/testing/protocmp"

	"grpcbench/internal/benchserver"
	"grpcbench/internal/codec"
	serverpb "grpcbench/proto"
	benchv1 "grpcbench/proto/bench/v1"
)

// rawCodec sends bytes as they are, well formed or not.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error)      { return v.([]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error { *v.(*[]byte) = data; return nil }
func (rawCodec) Name() string                       { return "proto" }

func TestEveryMeasuredRPCIsOKOrFailed(t *testing.T) {
	s, addr := start(t, benchserver.Options{})
	conn := dial(t, addr)
	bench := benchv1.NewBenchClient(conn)
	for range 3 {
		if err := foo(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := bench.Echo(t.Context(), &benchv1.EchoRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := testpb.NewBenchmarkServiceClient(conn).UnaryCall(t.Context(), &testpb.SimpleRequest{}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := bench.Echo(t.Context(), &benchv1.EchoRequest{DelayUs: 1 << 31})
		wantCode(t, err, codes.InvalidArgument)
	}
	// Field 1 of EchoRequest with a length of 5 and nothing after it.
	var answer []byte
	err := conn.Invoke(t.Context(), "/bench.v1.Bench/Echo", []byte{0x0a, 5}, &answer, grpc.ForceCodec(rawCodec{}))
	wantCode(t, err, codes.Internal)

	want := &benchv1.Rpcs{
		Started: 8, Ok: 5, // 3 Foo, Echo, UnaryCall
		Failed:            map[string]uint64{"InvalidArgument": 2, "Internal": 1},
		RequestEncodings:  map[string]uint64{"identity": 8},
		ResponseEncodings: map[string]uint64{"identity": 5},
	}
	if diff := cmp.Diff(want, s.Snapshot().GetRpcs(), protocmp.Transform()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestOtherServicesAreNotCounted(t *testing.T) {
	s, addr := start(t, benchserver.Options{})
	conn := dial(t, addr)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "foo", "bar")
	if _, err := benchv1.NewControlClient(conn).Snapshot(ctx, &benchv1.SnapshotRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	if err := conn.Invoke(ctx, "/Server/Bar", &serverpb.Empty{}, &serverpb.Empty{}); err == nil {
		t.Fatal("an unknown method answered")
	}
	got := s.Snapshot()
	if diff := cmp.Diff(&benchv1.Rpcs{}, got.GetRpcs(), protocmp.Transform()); diff != "" {
		t.Errorf("rpcs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&benchv1.UserMetadata{}, got.GetUserMetadata(), protocmp.Transform()); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
}

// The encoding is read through a method that grpc-go's stream has and its
// interface does not promise. Without it these calls would count as "other".
func TestRPCsAreCountedByTheEncodingTheyAnnounce(t *testing.T) {
	s, addr := start(t, benchserver.Options{})
	conn := dial(t, addr)
	for _, name := range []string{codec.Gzip, codec.Deflate, codec.Deflate, codec.Zstd} {
		// An empty message is never compressed: what counts is the announcement.
		if _, err := serverpb.NewServerClient(conn).Foo(t.Context(), &serverpb.Empty{}, grpc.UseCompressor(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := foo(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	want := map[string]uint64{"gzip": 1, "deflate": 2, "zstd": 1, "identity": 1}
	if diff := cmp.Diff(want, s.Snapshot().GetRpcs().GetRequestEncodings()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// grpc-go answers in the request's encoding unless it is told otherwise.
	if diff := cmp.Diff(want, s.Snapshot().GetRpcs().GetResponseEncodings()); diff != "" {
		t.Errorf("responses (-want +got):\n%s", diff)
	}
}

// What the server says that it announced is what arrives: a handler of grpc-go's
// stats sees the header as the client does.
func TestResponsesAreCountedByTheEncodingTheyAnnounce(t *testing.T) {
	s, addr := start(t, benchserver.Options{})
	var arrived announcements
	conn := dial(t, addr, grpc.WithStatsHandler(&arrived))
	for _, of := range []struct{ request, response string }{
		{codec.Gzip, codec.Zstd}, {codec.Gzip, "identity"}, {"identity", codec.Deflate}, {codec.Zstd, ""},
	} {
		r := &benchv1.EchoRequest{Body: []byte("body"), ResponseEncoding: of.response}
		if _, err := benchv1.NewBenchClient(conn).Echo(t.Context(), r, grpc.UseCompressor(of.request)); err != nil {
			t.Fatal(err)
		}
	}
	// A refused request is answered by trailers alone, which announce nothing.
	_, err := benchv1.NewBenchClient(conn).Echo(t.Context(), &benchv1.EchoRequest{ResponseEncoding: "br"}, grpc.UseCompressor(codec.Gzip))
	wantCode(t, err, codes.InvalidArgument)

	want := map[string]uint64{"zstd": 2, "identity": 1, "deflate": 1}
	if diff := cmp.Diff(want, s.Snapshot().GetRpcs().GetResponseEncodings()); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, arrived.seen()); diff != "" {
		t.Errorf("arrived (-want +got):\n%s", diff)
	}
}

// announcements counts the grpc-encoding of the responses that a client sees.
type announcements struct {
	mu sync.Mutex
	by map[string]uint64
}

func (a *announcements) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (a *announcements) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}
func (a *announcements) HandleConn(context.Context, stats.ConnStats) {}

func (a *announcements) HandleRPC(_ context.Context, s stats.RPCStats) {
	header, ok := s.(*stats.InHeader)
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by == nil {
		a.by = map[string]uint64{}
	}
	a.by[orIdentity(header.Compression)]++
}

func orIdentity(name string) string {
	if name == "" {
		return "identity"
	}
	return name
}

func (a *announcements) seen() map[string]uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.by)
}

func TestMetadataOfTheUserIsCounted(t *testing.T) {
	s, addr := start(t, benchserver.Options{})
	conn := dial(t, addr, grpc.WithUserAgent("anything"))
	ctx := metadata.AppendToOutgoingContext(t.Context(),
		"foo", "bar", // 3
		"x-bench-0", "12345", "x-bench-0", "67890", // one key, 10
		"x-bench-bin", "\x00\xff\x00\xff") // 4 before base64
	for range 2 {
		if err := foo(ctx, conn); err != nil {
			t.Fatal(err)
		}
	}
	if err := foo(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	want := &benchv1.UserMetadata{Keys: 2 * 3, ValueBytes: 2 * 17}
	if diff := cmp.Diff(want, s.Snapshot().GetUserMetadata(), protocmp.Transform()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Names are kept of one RPC, when they are asked for, and of no more than the bound.
func TestNamesAreKeptOfTheRPCThatComesNext(t *testing.T) {
	s, addr := start(t, benchserver.Options{})
	conn := dial(t, addr)
	control := benchv1.NewControlClient(conn)
	names := func(note bool) []string {
		t.Helper()
		r, err := control.Snapshot(t.Context(), &benchv1.SnapshotRequest{NoteNames: note})
		if err != nil {
			t.Fatal(err)
		}
		return r.GetUserMetadata().GetNames()
	}
	with := func(pairs ...string) {
		t.Helper()
		if err := foo(metadata.AppendToOutgoingContext(t.Context(), pairs...), conn); err != nil {
			t.Fatal(err)
		}
	}
	with("before", "x")
	if got := names(true); got != nil {
		t.Errorf("%q before one was asked for", got)
	}
	with("foo", "bar", "baz", "1", "baz", "2", strings.Repeat("a", 101), "too long")
	with("after", "x")
	if got := names(true); !slices.Equal(got, []string{"baz", "foo"}) {
		t.Errorf("%q, want baz and foo", got)
	}
	var many []string
	for i := range 70 {
		many = append(many, fmt.Sprintf("k%02d", i), "v")
	}
	with(many...)
	if got := s.Snapshot().GetUserMetadata().GetNames(); len(got) != 64 || got[0] != "k00" {
		t.Errorf("%d names from %q, want 64", len(got), got[0])
	}
}

func TestMessagesReallyCompressedAreCounted(t *testing.T) {
	s, addr := start(t, benchserver.Options{Counters: counters})
	before := s.Snapshot().GetCodec()
	client := benchv1.NewBenchClient(dial(t, addr))
	for range 3 {
		if _, err := client.Echo(t.Context(), &benchv1.EchoRequest{
			ResponseSize: 1000, ResponseContent: benchv1.Content_CONTENT_TEXT, ResponseEncoding: codec.Gzip,
		}); err != nil {
			t.Fatal(err)
		}
	}
	after := s.Snapshot().GetCodec()
	// Client and server share this process and its counters: the responses, and
	// no request, were compressed by one and decompressed by the other.
	compressed := after.GetCompressed().GetMessages() - before.GetCompressed().GetMessages()
	size := after.GetCompressed().GetInputBytes() - before.GetCompressed().GetInputBytes()
	if compressed != 3 || size != 3*1003 { // field number, two bytes of length, body
		t.Errorf("compressed %d messages of %d bytes, want 3 of 3009", compressed, size)
	}
	if n := after.GetDecompressed().GetMessages() - before.GetDecompressed().GetMessages(); n != 3 {
		t.Errorf("decompressed %d messages, want 3", n)
	}
}

func TestControlAnswersWithTheServersOwnSnapshot(t *testing.T) {
	s, addr := start(t, benchserver.Options{})
	got, err := benchv1.NewControlClient(dial(t, addr)).Snapshot(t.Context(), &benchv1.SnapshotRequest{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := benchserver.New(benchserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if own := s.Snapshot(); got.GetInstanceId() != own.GetInstanceId() || len(got.GetInstanceId()) != 16 {
		t.Errorf("instance %q, want %q", got.GetInstanceId(), own.GetInstanceId())
	}
	if got.GetInstanceId() == other.Snapshot().GetInstanceId() {
		t.Errorf("two servers are both %q", got.GetInstanceId())
	}
	p := got.GetProcess()
	if p.GetHeapAllocObjects() == 0 || p.GetHeapAllocBytes() == 0 {
		t.Errorf("no allocations in %v", p)
	}
	if has := p.CpuNs != nil; has != (runtime.GOOS == "linux") {
		t.Errorf("CPU time present: %v on %s", has, runtime.GOOS)
	}
}
