package benchserver

import (
	"context"

	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	serverpb "grpcbench/proto"
	benchv1 "grpcbench/proto/bench/v1"
)

// foo is the published example's service.
type foo struct {
	serverpb.UnimplementedServerServer
}

// Foo implements serverpb.ServerServer.
func (foo) Foo(context.Context, *serverpb.Empty) (*serverpb.Empty, error) {
	return &serverpb.Empty{}, nil
}

// control answers with the counters of its server.
type control struct {
	benchv1.UnimplementedControlServer
	server *Server
}

// Snapshot implements benchv1.ControlServer.
func (c control) Snapshot(_ context.Context, r *benchv1.SnapshotRequest) (*benchv1.SnapshotResponse, error) {
	if r.GetNoteNames() {
		c.server.rpcs.metadata.note.Store(true)
	}
	return c.server.Snapshot(), nil
}

// official is the unary call of gRPC's own benchmark service, for the benchmark
// clients of other languages. Its streaming calls are Unimplemented.
type official struct {
	testpb.UnimplementedBenchmarkServiceServer
	zeros func() []byte // MaxBody of them
}

// UnaryCall implements testpb.BenchmarkServiceServer: response_size zero bytes,
// as the benchmark servers of gRPC send them, or the status asked for.
func (o official) UnaryCall(_ context.Context, r *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	if err := checkOfficial(r); err != nil {
		return nil, err
	}
	if s := r.GetResponseStatus(); s.GetCode() != 0 {
		return nil, status.Error(codes.Code(s.GetCode()), s.GetMessage())
	}
	return &testpb.SimpleResponse{Payload: &testpb.Payload{
		Type: r.GetResponseType(),
		Body: o.zeros()[:r.GetResponseSize()],
	}}, nil
}

// checkOfficial refuses what UnaryCall would not obey.
func checkOfficial(r *testpb.SimpleRequest) error {
	refuse := func(format string, args ...any) error {
		return status.Errorf(codes.InvalidArgument, format, args...)
	}
	code := r.GetResponseStatus().GetCode()
	switch {
	case r.GetResponseType() != testpb.PayloadType_COMPRESSABLE:
		return refuse("response_type %d: must be COMPRESSABLE", r.GetResponseType())
	case r.GetResponseSize() < 0 || r.GetResponseSize() > MaxBody:
		return refuse("response_size %d: must be in [0, %d]", r.GetResponseSize(), MaxBody)
	case code < 0 || code > int32(codes.Unauthenticated):
		return refuse("response_status code %d: must be in [0, %d]", code, codes.Unauthenticated)
	case r.GetFillUsername(), r.GetFillOauthScope(), r.GetFillServerId(), r.GetFillGrpclbRouteType():
		return refuse("fill_username, fill_oauth_scope, fill_server_id, fill_grpclb_route_type: must be false")
	case r.GetResponseCompressed() != nil, r.GetExpectCompressed() != nil, r.GetOrcaPerQueryReport() != nil:
		return refuse("response_compressed, expect_compressed, orca_per_query_report: must be unset")
	}
	return nil
}
