package exchange_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"grpcbench/internal/benchserver"
	"grpcbench/internal/channel"
	"grpcbench/internal/codec"
	"grpcbench/internal/exchange"
	"grpcbench/internal/payload"
	"grpcbench/internal/plan"
	"grpcbench/internal/worker"
	"grpcbench/testing/faultproxy"
)

// The tests of this package are not parallel: each call installs the compressors
// of the process.

// serve runs a server on loopback until the test ends.
func serve(t *testing.T, serve func(net.Listener) error, stop func()) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- serve(l) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return l.Addr().String()
}

func bundled(t *testing.T) (addr string) {
	t.Helper()
	s, err := benchserver.New(benchserver.Options{StaticWindow: channel.StaticWindow})
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, s.Serve, func() { s.Stop(0) })
}

// foreign is a server of which every method is handle, which gets the request's
// bytes.
func foreign(t *testing.T, handle func(stream grpc.ServerStream, request []byte) error) (addr string) {
	t.Helper()
	s := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		if method, _ := grpc.MethodFromServerStream(stream); strings.HasPrefix(method, "/bench.v1.") {
			return status.Error(codes.Unimplemented, "no such service")
		}
		var request emptypb.Empty // whose every field is unknown, and kept
		if err := stream.RecvMsg(&request); err != nil {
			return err
		}
		return handle(stream, request.ProtoReflect().GetUnknown())
	}))
	return serve(t, s.Serve, s.Stop)
}

// trial is a call in plaintext.
func trial(addr string, change func(*plan.Settings)) worker.Trial {
	t := worker.Trial{Address: addr, Settings: plan.Settings{
		TLS: plan.Off, Windows: plan.Static, Compression: codec.Spec{Name: codec.None}, ResponseCompression: plan.ResponseCodec{Mirror: true},
	}}
	if change != nil {
		change(&t.Settings)
	}
	return t
}

func do(t *testing.T, of worker.Trial) exchange.Exchange {
	t.Helper()
	e, err := exchange.Do(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestBothEndsShowTheSameCall(t *testing.T) {
	addr := bundled(t)
	of := trial(addr, func(s *plan.Settings) {
		s.Compression = codec.Spec{Name: codec.Gzip, Level: codec.LevelLow}
		s.Payload, s.ResponsePayload = plan.Payload{Bytes: 4096, Class: payload.JSON}, plan.Payload{Bytes: 1000, Class: payload.Text}
		s.Metadata = []plan.MetadataKey{{Name: "foo", Bytes: 3}, {Name: "trace-bin", Bytes: 2}}
	})
	of.Secrets = []string{"bar", "\x00\xff"}
	e := do(t, of)
	if e.Failure != nil || e.Status.Code != "OK" {
		t.Fatalf("status %+v, failure %v", e.Status, e.Failure)
	}
	want := map[string][]string{"foo": {"bar"}, "trace-bin": {"\x00\xff"}, "user-agent": {"grpc-go/" + grpc.Version}}
	if diff := cmp.Diff([]string{"foo", "trace-bin"}, e.Server.Names); diff != "" {
		t.Errorf("names that arrived (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, e.Sent); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if s := e.Server; s.Unknown != "" || s.Code != "OK" || s.Announced != "gzip" || s.Keys != 2 || s.Bytes != 5 {
		t.Errorf("the server counted %+v, want one OK, gzip, 2 names and 5 bytes", s)
	}
	// The body's and the response_content's fields: a tag, two bytes of length, 4096
	// bytes; two tags with a value of one byte and of two.
	if m := e.Request; !m.Compressed || m.Announced != "gzip" || m.Bytes != 4099+2+3 || m.Wire >= m.Bytes {
		t.Errorf("request %+v, want 4104 bytes, compressed by gzip", m)
	}
	if m := e.Response; !m.Compressed || m.Announced != "gzip" || m.Bytes != 1003 || m.Wire >= m.Bytes {
		t.Errorf("response %+v, want 1003 bytes, compressed by gzip", m)
	}
	// TCP carries the message and what HTTP/2 needs around it, but no handshake.
	if b, m := e.Traffic, e.Request; b.Sent <= int64(m.Wire) || b.Sent > int64(m.Wire)+500 {
		t.Errorf("%d bytes sent for a message of %d", b.Sent, m.Wire)
	}
	m := e.Moments
	if m.Sent <= 0 || m.Header < m.Sent || m.Message < m.Header || m.End < m.Message {
		t.Errorf("moments %+v, want them in order", m)
	}
}

func TestBytesOfConnectingAreNotTheRPCs(t *testing.T) {
	e := do(t, trial(bundled(t), nil))
	// Out: the preface, SETTINGS of two values, WINDOW_UPDATE, and the acknowledged
	// SETTINGS, which may follow when the connection is ready; in: SETTINGS of four
	// values and the same two (RFC 9113, sections 3.4, 6.5 and 6.9).
	if want := (exchange.Bytes{Sent: 24 + 9 + 2*6 + 13 + 9, Received: 9 + 4*6 + 13 + 9}); e.Opening != want {
		t.Errorf("connecting took %+v, want %+v", e.Opening, want)
	}
	// Every field of the header is sent for the first time: some 100 bytes, of which
	// those of the port differ, and a message of five.
	if b := e.Traffic; b.Sent < 100 || b.Sent > 130 || b.Received < 60 || b.Received > 80 {
		t.Errorf("the RPC took %+v, want about 114 and 70", b)
	}
}

// A proxy's page is not the server's message: its status and what to do stand in the one
// sentence.
func TestAPageOfAProxyIsNotShownAsAMessage(t *testing.T) {
	p, err := faultproxy.NewPeer(func(s *faultproxy.Stream) {
		s.Headers(false, faultproxy.Field{Name: ":status", Value: "502"}, faultproxy.Field{Name: "content-type", Value: "text/html"})
		s.Data([]byte("<html><center>nginx/1.22.1</center></html>"))
		s.Cut()
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	e := do(t, trial(p.Address(), nil))
	if want := (exchange.Status{Code: "UNAVAILABLE", Cause: "HTTP 502"}); !cmp.Equal(e.Status, want) {
		t.Errorf("status %+v, want %+v", e.Status, want)
	}
	if e.Failure == nil || !strings.Contains(e.Failure.Error(), "HTTP 502 (Bad Gateway) from nginx/1.22.1: a proxy answered") || strings.Contains(e.Failure.Error(), "<") {
		t.Errorf("failure %v", e.Failure)
	}
}

func TestAServerWithoutControlIsNotAskedFurther(t *testing.T) {
	addr := foreign(t, func(stream grpc.ServerStream, request []byte) error {
		if string(request) != "\x0a\x02hi" {
			t.Errorf("request %q, want the file's bytes", request)
		}
		stream.SetTrailer(metadata.Pairs("cost", "3", "cost", "4"))
		if err := stream.SetHeader(metadata.Pairs("served-by", "foreign")); err != nil {
			return err
		}
		return stream.SendMsg(&spb.Status{Message: "any"})
	})
	of := trial(addr, func(s *plan.Settings) { s.Method = "/other.Service/Get" })
	of.Request = []byte("\x0a\x02hi")
	e := do(t, of)
	if e.Failure != nil || e.Method != "/other.Service/Get" {
		t.Errorf("method %s, failure %v", e.Method, e.Failure)
	}
	if want := (exchange.Server{Unknown: "the server does not have bench.v1.Control"}); !cmp.Equal(e.Server, want) {
		t.Errorf("server %+v, want %+v", e.Server, want)
	}
	if diff := cmp.Diff(map[string][]string{"content-type": {"application/grpc"}, "served-by": {"foreign"}}, e.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string][]string{"cost": {"3", "4"}}, e.Trailer); diff != "" {
		t.Errorf("trailers (-want +got):\n%s", diff)
	}
	// Field 2, a string of three bytes.
	if want := (exchange.Message{Present: true, Bytes: 5, Wire: 5}); e.Response != want {
		t.Errorf("response %+v, want %+v", e.Response, want)
	}
}

func TestAServerThatAnswersAnythingIsNotTakenForOursBecauseOfIt(t *testing.T) {
	s := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error { return stream.SendMsg(&emptypb.Empty{}) }))
	e := do(t, trial(serve(t, s.Serve, s.Stop), nil))
	if want := (exchange.Server{Unknown: "the server does not have bench.v1.Control"}); e.Failure != nil || !cmp.Equal(e.Server, want) {
		t.Errorf("server %+v, failure %v, want %+v", e.Server, e.Failure, want)
	}
}

func TestDetailsOfAStatusAreNamedAndThoseKnownAreRead(t *testing.T) {
	unknown := &anypb.Any{TypeUrl: "type.googleapis.com/acme.Internal", Value: []byte("1234567")}
	broken := &anypb.Any{TypeUrl: "type.googleapis.com/google.rpc.RetryInfo", Value: []byte{0x0a, 0xff}}
	retry, err := anypb.New(&errdetails.RetryInfo{RetryDelay: durationpb.New(3 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	addr := foreign(t, func(grpc.ServerStream, []byte) error {
		return status.ErrorProto(&spb.Status{Code: int32(codes.Unavailable), Message: "later", Details: []*anypb.Any{retry, unknown, broken}})
	})
	e := do(t, trial(addr, func(s *plan.Settings) { s.Method = "/other.Service/Get" }))
	for i := range e.Status.Details { // the text form's spaces are not fixed
		e.Status.Details[i].Text = strings.Join(strings.Fields(e.Status.Details[i].Text), " ")
	}
	want := exchange.Status{Code: "UNAVAILABLE", Cause: "server status", Message: "later", Details: []exchange.Detail{
		{Type: "google.rpc.RetryInfo", Text: "retry_delay:{seconds:3}", Known: true, Bytes: proto.Size(&errdetails.RetryInfo{RetryDelay: durationpb.New(3 * time.Second)})},
		{Type: "acme.Internal", Bytes: 7},
		{Type: "google.rpc.RetryInfo", Bytes: 2},
	}}
	if diff := cmp.Diff(want, e.Status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if e.Failure == nil || !strings.Contains(e.Failure.Error(), "UNAVAILABLE") {
		t.Errorf("failure %v, want one that names the code", e.Failure)
	}
}

func TestAFailureNamesItsCauseAndNoMetadataValue(t *testing.T) {
	addr := foreign(t, func(stream grpc.ServerStream, _ []byte) error {
		md, _ := metadata.FromIncomingContext(stream.Context())
		return status.Errorf(codes.Unauthenticated, "token %s is not valid", md.Get("authorization"))
	})
	of := trial(addr, func(s *plan.Settings) {
		s.Method, s.Metadata = "/other.Service/Get", []plan.MetadataKey{{Name: "authorization", Bytes: 15}}
	})
	of.Secrets = []string{"tok-4711-secret"}
	e := do(t, of)
	if e.Failure == nil || strings.Contains(e.Failure.Error(), "4711") || !strings.Contains(e.Failure.Error(), "--metadata") {
		t.Errorf("failure %v: must name --metadata and no value", e.Failure)
	}
	if !strings.Contains(e.Status.Message, "tok-4711-secret") {
		t.Errorf("message %q: must be the server's own", e.Status.Message)
	}
}

func TestADeadlineEndsTheCallAndIsNamed(t *testing.T) {
	told := make(chan bool, 1)
	addr := foreign(t, func(stream grpc.ServerStream, _ []byte) error {
		_, ok := stream.Context().Deadline()
		told <- ok
		<-stream.Context().Done()
		return status.FromContextError(stream.Context().Err()).Err()
	})
	e := do(t, trial(addr, func(s *plan.Settings) { s.Method, s.Deadline = "/other.Service/Get", 50*time.Millisecond }))
	if !<-told {
		t.Error("the server was not told of the deadline")
	}
	if e.Status.Code != "DEADLINE_EXCEEDED" || e.Failure == nil || !strings.Contains(e.Failure.Error(), "--deadline 50ms") {
		t.Errorf("status %+v, failure %v: must name --deadline", e.Status, e.Failure)
	}
}

// A server of the test process knows every compressor of a call: what a server
// without one says is tested where the call is a process of its own.

func TestNoConnectionIsAnErrorAndNoExchange(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := exchange.Do(t.Context(), trial(addr, nil)); err == nil || !strings.Contains(err.Error(), "nothing listens there") {
		t.Errorf("error %v, want that nothing listens", err)
	}
}

func TestAnInterruptEndsTheCall(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr := foreign(t, func(stream grpc.ServerStream, _ []byte) error {
		cancel()
		<-stream.Context().Done()
		return nil
	})
	e, err := exchange.Do(ctx, trial(addr, func(s *plan.Settings) { s.Method = "/other.Service/Get" }))
	if err != nil || e.Status.Code != "CANCELLED" {
		t.Errorf("status %+v, error %v, want CANCELLED", e.Status, err)
	}
}

func TestAPayloadOfAFileIsSentAsItIs(t *testing.T) {
	body := bytes.Repeat([]byte("\x00\xffz"), 100)
	of := trial(bundled(t), func(s *plan.Settings) { s.Payload = plan.Payload{Bytes: len(body), File: &plan.Blob{Bytes: len(body)}} })
	of.Body = body
	// A tag, two bytes of length, 300 bytes; response_content zeros: a tag and 4.
	if e := do(t, of); e.Failure != nil || e.Request.Bytes != 303+2 {
		t.Errorf("request %+v, failure %v, want 305 bytes", e.Request, e.Failure)
	}
}

// A server that does not name the codec of a request cannot have read it, whatever it answers.
func TestACodecThatTheServerDoesNotNameFailsACall(t *testing.T) {
	p, err := faultproxy.NewPeer(func(s *faultproxy.Stream) {
		s.Begin(faultproxy.Field{Name: "grpc-accept-encoding", Value: "identity, deflate, gzip"})
		s.Message(nil)
		s.Status(0, "")
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	for name, want := range map[string]string{
		"zstd": "the server accepts identity, deflate, gzip, and not zstd: it may take a compressed message for the message itself (change --compression)",
		"gzip": "",
	} {
		of := trial(p.Address(), func(s *plan.Settings) {
			s.Method, s.Compression = "/p.S/M", codec.Spec{Name: name, Level: codec.LevelLow}
		})
		of.Request = []byte("\x0a\xf4\x03" + strings.Repeat("a", 500))
		e := do(t, of)
		if want == "" && e.Failure != nil || want != "" && (e.Failure == nil || !strings.Contains(e.Failure.Error(), want)) {
			t.Errorf("%s: %v, want %q", name, e.Failure, want)
		}
	}
}

// What a server says with a code that was expected is shown as ever, and fails nothing; a code
// that was not is explained with the flag.
func TestAnExpectedCodeIsNoFailure(t *testing.T) {
	addr := foreign(t, func(grpc.ServerStream, []byte) error { return status.Error(codes.NotFound, "no user 7") })
	for _, expected := range []bool{true, false} {
		of := trial(addr, func(s *plan.Settings) { s.Method = "/p.S/M" })
		if expected {
			of.Expect = []string{"OK", "NOT_FOUND"}
		}
		e := do(t, of)
		if s := e.Status; s.Code != "NOT_FOUND" || s.Message != "no user 7" || s.Good() != expected {
			t.Errorf("expected %t: status %+v", expected, s)
		}
		if expected != (e.Failure == nil) || !expected && !strings.Contains(e.Failure.Error(), "(use --expect code=NOT_FOUND if it is the right one)") {
			t.Errorf("expected %t: failure %v", expected, e.Failure)
		}
	}
}
