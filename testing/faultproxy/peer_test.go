package faultproxy_test

import (
	"testing"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	serverpb "grpcbench/proto"
	"grpcbench/testing/faultproxy"
)

func TestAPeerCountsWhatItDid(t *testing.T) {
	t.Parallel()
	p, err := faultproxy.NewPeer(func(s *faultproxy.Stream) {
		switch s.Number {
		case 2:
			s.Reset(http2.ErrCodeInternal)
		case 3:
			s.Reset(http2.ErrCodeRefusedStream) // the client tries again: 4
		case 5:
			s.Begin()
			s.Status(int(codes.NotFound), "no such thing")
		case 6:
			s.GoAway(http2.ErrCodeNo)
			s.Answer(nil)
		case 7: // on a new connection
			s.HangUp()
		default:
			s.Answer(nil)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	conn, err := grpc.NewClient("passthrough:///"+p.Address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	client := serverpb.NewServerClient(conn)
	for i, want := range []codes.Code{codes.OK, codes.Internal, codes.OK, codes.NotFound, codes.OK, codes.Unavailable, codes.OK} {
		_, err := client.Foo(t.Context(), &serverpb.Empty{}, grpc.WaitForReady(true))
		if got := status.Code(err); got != want {
			t.Errorf("RPC %d: %v, want %v", i+1, err, want)
		}
	}
	want := faultproxy.PeerCounts{Connections: 3, Streams: 8, OK: 4, Refused: 1, Reset: 1, GoAways: 1}
	if got := p.Counts(); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
}
