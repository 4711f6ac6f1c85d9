package benchserver_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"grpcbench/internal/benchserver"
	"grpcbench/internal/payload"
	serverpb "grpcbench/proto"
	benchv1 "grpcbench/proto/bench/v1"
)

func TestFooIsServedOnThePublishedPath(t *testing.T) {
	if got, want := serverpb.Server_Foo_FullMethodName, "/Server/Foo"; got != want {
		t.Errorf("generated path %s, want %s", got, want)
	}
	_, addr := start(t, benchserver.Options{})
	if err := foo(t.Context(), dial(t, addr)); err != nil {
		t.Error(err)
	}
}

func TestEchoAnswersWithTheContentAskedFor(t *testing.T) {
	class := func(name string, size int) []byte {
		b, err := payload.Body(name, size)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	tests := []struct {
		name    string
		request *benchv1.EchoRequest
		want    []byte
	}{
		{"nothing", &benchv1.EchoRequest{}, nil},
		{"the body", &benchv1.EchoRequest{Body: []byte("abc")}, []byte("abc")},
		{"the body and its size", &benchv1.EchoRequest{Body: []byte("abc"), ResponseSize: 3}, []byte("abc")},
		{"no bytes for a body", &benchv1.EchoRequest{Body: []byte("abc"), ResponseContent: benchv1.Content_CONTENT_ZEROS}, nil},
		{"text", &benchv1.EchoRequest{ResponseSize: 100, ResponseContent: benchv1.Content_CONTENT_TEXT}, class(payload.Text, 100)},
		{"JSON", &benchv1.EchoRequest{ResponseSize: 4096, ResponseContent: benchv1.Content_CONTENT_JSON}, class(payload.JSON, 4096)},
		{"random", &benchv1.EchoRequest{ResponseSize: 7, ResponseContent: benchv1.Content_CONTENT_RANDOM}, class(payload.Random, 7)},
		{"zeros", &benchv1.EchoRequest{ResponseSize: 7, ResponseContent: benchv1.Content_CONTENT_ZEROS}, make([]byte, 7)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := echo(t, tt.request)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.GetBody(), tt.want) {
				t.Errorf("got %d bytes %.20q, want %d bytes %.20q", len(got.GetBody()), got.GetBody(), len(tt.want), tt.want)
			}
		})
	}
}

func TestEchoRefusesWhatItWouldNotObey(t *testing.T) {
	tests := []struct {
		request *benchv1.EchoRequest
		want    string
	}{
		{&benchv1.EchoRequest{ResponseSize: 4194305, ResponseContent: benchv1.Content_CONTENT_ZEROS}, "response_size 4194305: must be in [0, 4194304]"},
		{&benchv1.EchoRequest{ResponseSize: 2, Body: []byte("abc")}, "response_size 2: must be 0 or the body's 3 without response_content"},
		{&benchv1.EchoRequest{ResponseContent: 5}, "response_content 5: must be in [0, 4]"},
		{&benchv1.EchoRequest{ResponseContent: -1}, "response_content -1: must be in [0, 4]"},
		{&benchv1.EchoRequest{ResponseEncoding: "br"}, `response_encoding "br": must be identity, gzip, deflate or zstd`},
		{&benchv1.EchoRequest{DelayUs: 10_000_001}, "delay_us 10000001: must be in [0, 10000000]"},
	}
	for _, tt := range tests {
		_, counted, err := echo(t, tt.request)
		if s := status.Convert(err); s.Code() != codes.InvalidArgument || s.Message() != tt.want {
			t.Errorf("got %v, want InvalidArgument %s", err, tt.want)
		}
		if n := counted.GetRpcs().GetFailed()["InvalidArgument"]; n != 1 {
			t.Errorf("%s: counted %d failed InvalidArgument, want 1", tt.want, n)
		}
	}
}

func TestUnaryCallAnswersOfficialBenchmarkClients(t *testing.T) {
	s, addr := start(t, benchserver.Options{})
	client := testpb.NewBenchmarkServiceClient(dial(t, addr))
	got, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{
		ResponseSize: 314, Payload: &testpb.Payload{Body: make([]byte, 271)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.GetPayload().GetBody()); n != 314 {
		t.Errorf("%d bytes, want 314", n)
	}
	_, err = client.UnaryCall(t.Context(), &testpb.SimpleRequest{ResponseStatus: &testpb.EchoStatus{Code: 5, Message: "x"}})
	wantCode(t, err, codes.NotFound)
	if r := s.Snapshot().GetRpcs(); r.GetStarted() != 2 || r.GetOk() != 1 || r.GetFailed()["NotFound"] != 1 {
		t.Errorf("counted %v", r)
	}
}

func TestUnaryCallRefusesWhatItWouldNotObey(t *testing.T) {
	_, addr := start(t, benchserver.Options{})
	client := testpb.NewBenchmarkServiceClient(dial(t, addr))
	for _, r := range []*testpb.SimpleRequest{
		{ResponseSize: -1},
		{ResponseSize: benchserver.MaxBody + 1},
		{ResponseType: 1},
		{ResponseStatus: &testpb.EchoStatus{Code: 17}},
		{ResponseStatus: &testpb.EchoStatus{Code: -1}},
		{FillUsername: true},
		{FillServerId: true},
		{ResponseCompressed: &testpb.BoolValue{}},
		{ExpectCompressed: &testpb.BoolValue{Value: true}},
		{OrcaPerQueryReport: &testpb.TestOrcaReport{}},
	} {
		_, err := client.UnaryCall(t.Context(), r)
		if wantCode(t, err, codes.InvalidArgument); !strings.Contains(status.Convert(err).Message(), ": must be ") {
			t.Errorf("%v: %v names no bound", r, err)
		}
	}
}

func TestHealthIsServingForEveryService(t *testing.T) {
	_, addr := start(t, benchserver.Options{})
	client := healthpb.NewHealthClient(dial(t, addr))
	for _, service := range []string{"", "Server", "bench.v1.Bench", "bench.v1.Control", "grpc.testing.BenchmarkService"} {
		got, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
		if err != nil || got.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("%q: %v, %v", service, got, err)
		}
	}
}

func TestReflectionIsServedOnlyWhenAskedFor(t *testing.T) {
	list := func(reflection bool) ([]string, error) {
		_, addr := start(t, benchserver.Options{Reflection: reflection})
		stream, err := grpc_reflection_v1.NewServerReflectionClient(dial(t, addr)).ServerReflectionInfo(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&grpc_reflection_v1.ServerReflectionRequest{
			MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{},
		}); err != nil && err != io.EOF { // EOF: it has refused already, and Recv says why
			t.Fatal(err)
		}
		answer, err := stream.Recv()
		var names []string
		for _, s := range answer.GetListServicesResponse().GetService() {
			names = append(names, s.GetName())
		}
		return names, err
	}
	got, err := list(true)
	want := []string{
		"Server", "bench.v1.Bench", "bench.v1.Control", "grpc.health.v1.Health",
		"grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
		"grpc.testing.BenchmarkService",
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("services (-want +got):\n%s%v", diff, err)
	}
	_, err = list(false)
	wantCode(t, err, codes.Unimplemented)
}
