package call

import (
	"context"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"grpcbench/internal/cause"
	"grpcbench/internal/channel"
	"grpcbench/internal/codec"
	"grpcbench/internal/load"
	serverpb "grpcbench/proto"
	benchv1 "grpcbench/proto/bench/v1"
	"grpcbench/testing/faultproxy"
)

// witness answers every method and notes the metadata it saw.
type witness struct {
	serverpb.UnimplementedServerServer
	benchv1.UnimplementedBenchServer
	seen  []metadata.MD
	foo   error
	bytes int // of Echo's response
}

func (w *witness) note(ctx context.Context) {
	md, _ := metadata.FromIncomingContext(ctx)
	w.seen = append(w.seen, md)
}

func (w *witness) Foo(ctx context.Context, _ *serverpb.Empty) (*serverpb.Empty, error) {
	w.note(ctx)
	if w.foo != nil {
		return nil, w.foo
	}
	return &serverpb.Empty{}, nil
}

func (w *witness) Echo(ctx context.Context, r *benchv1.EchoRequest) (*benchv1.EchoResponse, error) {
	w.note(ctx)
	return &benchv1.EchoResponse{Body: make([]byte, w.bytes)}, nil
}

func dial(t *testing.T, w *witness) *grpc.ClientConn {
	t.Helper()
	l := bufconn.Listen(1 << 16)
	s := grpc.NewServer()
	serverpb.RegisterServerServer(s, w)
	benchv1.RegisterBenchServer(s, w)
	go func() { _ = s.Serve(l) }() // ends with Stop
	t.Cleanup(s.Stop)
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func caller(t *testing.T, o Options, w *witness) *Caller {
	t.Helper()
	c, err := New(o, []grpc.ClientConnInterface{dial(t, w)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestUniqueMetadataNeverRepeatsAndKeepsItsLength(t *testing.T) {
	w := &witness{}
	c := caller(t, Options{Sized: SizedMetadata{Bytes: 1001, Keys: 3, Unique: true}, Metadata: []Pair{{"foo", "bar"}}}, w)
	values := map[string]bool{}
	for seq := range int64(50) {
		if end := c.Call(t.Context(), 0, seq); end != load.Good {
			t.Fatalf("RPC %d: %s", seq, end)
		}
	}
	for _, md := range w.seen {
		if got := md.Get("foo"); len(got) != 1 || got[0] != "bar" {
			t.Errorf("foo = %q, want bar", got)
		}
		total := 0
		for _, key := range []string{"x-bench-0", "x-bench-1", "x-bench-2"} {
			v := md.Get(key)[0]
			total += len(v)
			if values[v] {
				t.Errorf("%s: a value came twice", key)
			}
			values[v] = true
		}
		if total != 1001 {
			t.Errorf("%d bytes of values, want 1001", total)
		}
	}
}

func TestStaticAndBinaryMetadataArriveAsAsked(t *testing.T) {
	w := &witness{}
	c := caller(t, Options{Sized: SizedMetadata{Bytes: 100, Keys: 2, Binary: true}}, w)
	c.Call(t.Context(), 0, 0)
	c.Call(t.Context(), 0, 1)
	for _, key := range []string{"x-bench-0-bin", "x-bench-1-bin"} {
		a, b := w.seen[0].Get(key), w.seen[1].Get(key)
		if len(a) != 1 || len(a[0]) != 50 || a[0] != b[0] {
			t.Errorf("%s: %d and %d values, want the same 50 bytes twice", key, len(a), len(b))
		}
	}
}

func TestFailuresAreNamedByTheSpecification(t *testing.T) {
	for code := codes.Code(1); code <= 16; code++ {
		name := codeName(code)
		if name != strings.ToUpper(name) || strings.HasPrefix(name, "CODE_") {
			t.Errorf("code %d is named %q", code, name)
		}
	}
	if got := codeName(99); got != "CODE_99" {
		t.Errorf("code 99 is named %q", got)
	}
	w := &witness{foo: status.Error(codes.ResourceExhausted, "busy")}
	if got := caller(t, Options{}, w).Call(t.Context(), 0, 0).Code; got != "RESOURCE_EXHAUSTED" {
		t.Errorf("outcome %q, want RESOURCE_EXHAUSTED", got)
	}
}

func TestAResponseOfTheWrongSizeIsNotOK(t *testing.T) {
	w := &witness{bytes: 99}
	o := Options{Echo: &benchv1.EchoRequest{ResponseSize: 100, ResponseContent: benchv1.Content_CONTENT_ZEROS}}
	c := caller(t, o, w)
	if got := c.Call(t.Context(), 0, 0).Code; got != load.BadPayload {
		t.Errorf("outcome %q of 99 bytes where 100 were asked for, want %s", got, load.BadPayload)
	}
	w.bytes = 100
	if got := c.Call(t.Context(), 0, 1).Code; got != load.OK {
		t.Errorf("outcome %q of 100 bytes, want OK", got)
	}
}

func TestADeadlineEndsACall(t *testing.T) {
	w := &witness{foo: status.Error(codes.Internal, "must not be seen")}
	c := caller(t, Options{Deadline: time.Nanosecond}, w)
	if got := c.Call(t.Context(), 0, 0).Code; got != "DEADLINE_EXCEEDED" {
		t.Errorf("outcome %q, want DEADLINE_EXCEEDED", got)
	}
}

func TestLevelNoneAnnouncesTheCompressorAndSendsTheMessageAsItIs(t *testing.T) {
	announced := codec.Spec{Name: codec.Gzip}
	counters := codec.Install(codec.Names(), announced)
	body := []byte(strings.Repeat("compressible ", 100))
	for name, o := range map[string]Options{
		"Foo":  {Compression: announced},
		"Echo": {Compression: announced, Echo: &benchv1.EchoRequest{Body: body, ResponseContent: benchv1.Content_CONTENT_ZEROS}},
		"raw":  {Compression: announced, Method: Echo, Request: append([]byte{0x0a, 0x04}, "body"...)},
	} {
		w := &witness{}
		if got := caller(t, o, w).Call(t.Context(), 0, 0).Code; got != load.OK || len(w.seen) != 1 {
			t.Errorf("%s: outcome %q, %d RPCs seen", name, got, len(w.seen))
		}
	}
	// Client and server share this process and its registry: nothing but an
	// uncompressed request leaves both counts at zero.
	if n := counters.Snapshot().Decompress.Messages; n != 0 {
		t.Errorf("%d messages were decompressed, want 0", n)
	}
}

func TestARequestIsCompressedAtALevelUnlessItIsEmpty(t *testing.T) {
	low := codec.Spec{Name: codec.Gzip, Level: 3}
	counters := codec.Install(codec.Names(), low)
	body := []byte(strings.Repeat("compressible ", 100))
	for _, o := range []Options{
		{Compression: low}, // empty: grpc-go leaves it as it is
		{Compression: low, Echo: &benchv1.EchoRequest{Body: body, ResponseContent: benchv1.Content_CONTENT_ZEROS}},
		{Compression: low, Method: Echo, Request: append([]byte{0x0a, 0x04}, "body"...)},
	} {
		if got := caller(t, o, &witness{}).Call(t.Context(), 0, 0).Code; got != load.OK {
			t.Errorf("%s: outcome %q", o.Name(), got)
		}
	}
	// The responses are empty, so what the server decompressed is all there is.
	if n := counters.Snapshot().Decompress.Messages; n != 2 {
		t.Errorf("%d messages were decompressed, want 2", n)
	}
}

// lost is a channel to a server that is to be closed: every connection after the first
// fails with err.
func lost(t *testing.T, err error) (*channel.Channel, *faultproxy.Peer) {
	t.Helper()
	server, failed := faultproxy.NewPeer(func(s *faultproxy.Stream) { s.Answer(nil) })
	if failed != nil {
		t.Fatal(failed)
	}
	t.Cleanup(server.Close)
	dialled := false
	ch, failed := channel.Open(t.Context(), channel.Options{Address: server.Address(), Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
		if dialled {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", err)}
		}
		dialled = true
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}})
	if failed != nil {
		t.Fatal(failed)
	}
	t.Cleanup(func() { _ = ch.Close() })
	return ch, server
}

// A server that is not there and a machine that has no descriptor left are not
// the same failure, though grpc-go has one code for them; what a server says of
// its own descriptors is not ours.
func TestALimitOfThisMachineIsNotAFailureOfTheServer(t *testing.T) {
	for _, of := range []struct {
		cause error
		want  string
	}{
		{syscall.EMFILE, load.ClientLimit}, {syscall.ENFILE, load.ClientLimit}, {syscall.EADDRNOTAVAIL, load.ClientLimit},
		{syscall.ECONNREFUSED, "UNAVAILABLE"},
	} {
		ch, server := lost(t, of.cause)
		server.Close()
		end := endOfOne(t, ch)
		for end.Cause == cause.Ended || end.Cause == cause.Reset { // it had not been seen to be over
			end = endOfOne(t, ch)
		}
		if end.Code != of.want {
			t.Errorf("%v: %v, want %s", of.cause, end, of.want)
		}
	}
	said := &witness{foo: status.Error(codes.Unavailable, "accept: too many open files")}
	if got := endOfOne(t, dial(t, said)).Code; got != "UNAVAILABLE" {
		t.Errorf("a server's own words: %s, want UNAVAILABLE", got)
	}
}

// TestTheCodesThatAServerMakesUpAreFew: a ledger has a row for each.
//
//	fault:   server that ends every RPC with another code that gRPC does not know
//	promise: memory and result stay bounded
//	figure:  at most {codesTold} codes and one for the others, of a million
func TestTheCodesThatAServerMakesUpAreFew(t *testing.T) {
	const codesTold = 99
	names := map[string]bool{}
	for c := range codes.Code(1_000_000) {
		if c > codes.OK {
			names[Code(status.Error(c, ""))] = true
		}
	}
	names[Code(status.Error(codes.Code(1<<32-1), ""))] = true
	if len(names) != codesTold+1 { // 1 to 99, and the others
		t.Errorf("%d names, want %d", len(names), codesTold+1)
	}
}

// endOfOne is how one RPC on ch ends that fails.
func endOfOne(t *testing.T, ch grpc.ClientConnInterface) load.End {
	t.Helper()
	_, err := Once(t.Context(), Options{}, ch)
	return EndOf(err)
}
