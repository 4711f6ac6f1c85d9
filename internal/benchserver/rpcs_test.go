package benchserver

import (
	"context"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	serverpb "grpcbench/proto"
)

// observe does what is done around every measured RPC but the call itself.
func observe(r *rpcs, ctx context.Context, call *tap.Info, err error) {
	r.readMetadata(call)
	r.start(ctx)
	r.end(ctx, err)
}

// ordinaryCall is what grpc-go's client sends with two keys of its user's.
func ordinaryCall() *tap.Info {
	return &tap.Info{
		FullMethodName: serverpb.Server_Foo_FullMethodName,
		Header: metadata.Pairs(":authority", "localhost:1337", "content-type", "application/grpc",
			"user-agent", "grpc-go/1.85.0", "foo", "bar", "x-bench-0", "value"),
	}
}

func TestObservingAnRPCAllocatesNothing(t *testing.T) {
	var r rpcs
	call := ordinaryCall()
	if n := testing.AllocsPerRun(100, func() { observe(&r, t.Context(), call, nil) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestACodeThatDoesNotExistIsUnknown(t *testing.T) {
	var r rpcs
	r.end(t.Context(), status.Error(codes.Code(99), ""))
	if got := r.snapshot().GetFailed()["Unknown"]; got != 1 {
		t.Errorf("counted %v, want one Unknown", r.snapshot())
	}
}

func BenchmarkObserve(b *testing.B) {
	var r rpcs
	call := ordinaryCall()
	b.ReportAllocs()
	for b.Loop() {
		observe(&r, b.Context(), call, nil)
	}
}
