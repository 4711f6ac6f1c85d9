package benchserver

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	serverpb "grpcbench/proto"
)

// faulty panics in every method.
func faulty() *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: "Faulty",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "Unary",
			Handler: func(any, context.Context, func(any) error, grpc.UnaryServerInterceptor) (any, error) {
				panic("secret")
			},
		}},
		Streams: []grpc.StreamDesc{{
			StreamName:    "Stream",
			ServerStreams: true,
			Handler:       func(any, grpc.ServerStream) error { panic("secret") },
		}},
	}
}

// A handler that panics takes its RPC with it and nothing else.
//
//	fault:   a panic in a unary and in a streaming handler
//	promise: INTERNAL without the panic's words; the process and its connections live
//	figure:  2 panics counted; the next RPC is ok
func TestAPanicEndsItsRPCAndNothingElse(t *testing.T) {
	s, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	registrar{Server: s.grpc, rpcs: &s.rpcs, measured: true}.RegisterService(faulty(), 0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	defer s.Stop(0)
	conn, err := grpc.NewClient("passthrough:///"+l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	const message = "handler panicked" // and not what it said
	empty := &serverpb.Empty{}
	err = conn.Invoke(t.Context(), "/Faulty/Unary", empty, empty)
	if got := status.Convert(err); got.Code() != codes.Internal || got.Message() != message {
		t.Errorf("unary: %v", err)
	}
	stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, "/Faulty/Stream")
	if err != nil {
		t.Fatal(err)
	}
	err = stream.RecvMsg(empty)
	if got := status.Convert(err); got.Code() != codes.Internal || got.Message() != message {
		t.Errorf("stream: %v", err)
	}
	if _, err := serverpb.NewServerClient(conn).Foo(t.Context(), empty); err != nil {
		t.Errorf("the next call: %v", err)
	}
	r := s.Snapshot().GetRpcs()
	if r.GetPanics() != 2 || r.GetFailed()["Internal"] != 1 || r.GetStarted() != 2 || r.GetOk() != 1 {
		t.Errorf("counted %v, want 2 panics, one of them a measured RPC", r)
	}
}
