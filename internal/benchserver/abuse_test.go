package benchserver_test

import (
	"context"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"grpcbench/internal/benchserver"
	benchv1 "grpcbench/proto/bench/v1"
	"grpcbench/testing/lane"
)

// What a request may not ask for is refused at once, whatever it would have cost.
//
//	fault:   {each} requests of each kind: an hour's wait, 2 GiB, negative sizes and codes, 1 MiB of metadata, no such method
//	promise: each is refused with its code; an honest client is served
//	figure:  none waits; at most {mostMiB} MiB of memory
func TestRequestsForTooMuchAreRefused(t *testing.T) {
	lane.Long(t, "starts processes")
	const each = 200
	f := newFortress(t, besieged{})
	client := f.client(t)
	bench, official := benchv1.NewBenchClient(client), testpb.NewBenchmarkServiceClient(client)
	echo := func(r *benchv1.EchoRequest) func(context.Context) error {
		return func(ctx context.Context) error { _, err := bench.Echo(ctx, r); return err }
	}
	unary := func(r *testpb.SimpleRequest) func(context.Context) error {
		return func(ctx context.Context) error { _, err := official.UnaryCall(ctx, r); return err }
	}
	invoke := func(method string) func(context.Context) error {
		return func(ctx context.Context) error {
			return client.Invoke(ctx, method, &benchv1.SnapshotRequest{}, &benchv1.SnapshotResponse{})
		}
	}
	kinds := []struct {
		name string
		call func(context.Context) error
		want codes.Code
	}{
		{"an hour's wait", echo(&benchv1.EchoRequest{DelayUs: 3_600_000_000}), codes.InvalidArgument},
		{"2 GiB", echo(&benchv1.EchoRequest{ResponseSize: 1 << 31, ResponseContent: benchv1.Content_CONTENT_ZEROS}), codes.InvalidArgument},
		{"2 GiB of the official service", unary(&testpb.SimpleRequest{ResponseSize: math.MaxInt32}), codes.InvalidArgument},
		{"a negative size", unary(&testpb.SimpleRequest{ResponseSize: -1}), codes.InvalidArgument},
		{"a negative code", unary(&testpb.SimpleRequest{ResponseStatus: &testpb.EchoStatus{Code: -1}}), codes.InvalidArgument},
		{"no such content", echo(&benchv1.EchoRequest{ResponseSize: 1, ResponseContent: -1}), codes.InvalidArgument},
		{"no such method", invoke("/bench.v1.Bench/Other"), codes.Unimplemented},
		{"no such service", invoke("/other.Service/Get"), codes.Unimplemented},
		{"1 MiB of metadata", func(ctx context.Context) error {
			return foo(metadata.AppendToOutgoingContext(ctx, "x-bench-0", strings.Repeat("v", 1<<20)), client)
		}, codes.Internal}, // by grpc-go's client, which knows the server's limit
	}
	f.withstand(t, 1, func() {
		for _, k := range kinds {
			var wg sync.WaitGroup
			var refused atomic.Int64
			for range each {
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), longest)
					defer cancel()
					if err := k.call(ctx); status.Code(err) == k.want {
						refused.Add(1)
					} else {
						t.Errorf("%s: %v, want %v", k.name, err, k.want)
					}
				})
			}
			wg.Wait()
			if refused.Load() != each {
				t.Errorf("%s: %d of %d refused", k.name, refused.Load(), each)
			}
		}
		_ = client.Close() // the attacker goes
	})
}

// A server that is told to stop under load says GOAWAY, ends what it has begun
// and takes nothing new.
//
//	fault:   the server is stopped while {callers} clients call
//	promise: what it began is answered, and every answer arrives
//	figure:  failed = 0; the clients' ok is the server's ok; at least {minTraffic} RPCs a client
func TestAServerStoppedUnderLoadEndsWhatItBegan(t *testing.T) {
	const callers = 8
	s, addr := start(t, benchserver.Options{})
	var ok, callersStarted atomic.Int64
	var wg sync.WaitGroup
	for range callers {
		conn := dial(t, addr, grpc.WithDisableRetry())
		wg.Go(func() {
			for n := 1; ; n++ {
				err := foo(t.Context(), conn)
				if err != nil {
					if status.Code(err) != codes.Unavailable {
						t.Errorf("a caller ended with %v, want UNAVAILABLE of a server that is gone", err)
					}
					return
				}
				ok.Add(1)
				if n == minTraffic {
					callersStarted.Add(1)
				}
			}
		})
	}
	await(t, "every client has called", func() bool { return callersStarted.Load() == callers })
	began := time.Now()
	s.Stop(longest)
	if took := time.Since(began); took > longest/2 {
		t.Errorf("stopped after %v, though no RPC takes a second", took)
	}
	wg.Wait()
	r := s.Snapshot().GetRpcs()
	if r.GetStarted() != r.GetOk() || len(r.GetFailed()) != 0 || int64(r.GetOk()) != ok.Load() {
		t.Errorf("the server counted %v, the clients %d ok: must agree, without failures", r, ok.Load())
	}
}

// Large answers that are read pass through the bound on those that are not: it
// delays and refuses none.
func TestLargeAnswersThatAreReadAllArrive(t *testing.T) {
	const callers, each = 32, 4 // of 4 MiB: many times the bound at once
	s, addr := start(t, benchserver.Options{StaticWindow: 1 << 20})
	client := benchv1.NewBenchClient(dial(t, addr, grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(8<<20))))
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for range each {
				ctx, cancel := context.WithCancel(t.Context())
				if i%4 == 0 { // is given up while it is on its way, which must not cost the others their room
					time.AfterFunc(time.Millisecond, cancel)
				}
				r, err := client.Echo(ctx, &benchv1.EchoRequest{ResponseSize: benchserver.MaxBody, ResponseContent: benchv1.Content_CONTENT_ZEROS})
				if i%4 != 0 && (err != nil || len(r.GetBody()) != benchserver.MaxBody) {
					t.Errorf("%d bytes, %v", len(r.GetBody()), err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if n := s.Snapshot().GetRpcs().GetFailed()["ResourceExhausted"]; n != 0 {
		t.Errorf("%d answers were refused", n)
	}
}
