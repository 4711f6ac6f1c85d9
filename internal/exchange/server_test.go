package exchange

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/worker"
	benchv1 "grpcbench/proto/bench/v1"
)

// counted is a snapshot after n RPCs of one instance.
func counted(n uint64, change func(*benchv1.SnapshotResponse)) *benchv1.SnapshotResponse {
	s := &benchv1.SnapshotResponse{
		InstanceId: "a", Rpcs: &benchv1.Rpcs{Started: n, Ok: n, RequestEncodings: map[string]uint64{"identity": n}},
		UserMetadata: &benchv1.UserMetadata{}, Codec: &benchv1.Codec{Decompressed: &benchv1.CodecWork{}, Compressed: &benchv1.CodecWork{}},
	}
	if change != nil {
		change(s)
	}
	return s
}

func TestWhatTheServerCountedIsTheRPCsAloneOrNotKnown(t *testing.T) {
	before := counted(4, nil)
	for _, of := range []struct {
		name  string
		after *benchv1.SnapshotResponse
		want  Server
	}{
		{"one RPC", counted(5, func(s *benchv1.SnapshotResponse) {
			s.Rpcs.RequestEncodings = map[string]uint64{"identity": 4, "gzip": 1}
			s.UserMetadata = &benchv1.UserMetadata{Keys: 2, ValueBytes: 9}
			s.Codec.Decompressed = &benchv1.CodecWork{Messages: 1, InputBytes: 10, OutputBytes: 100}
		}), Server{Code: "OK", Announced: "gzip", Keys: 2, Bytes: 9, Decompressed: Work{1, 10, 100}}},
		{"one that failed", counted(5, func(s *benchv1.SnapshotResponse) {
			s.Rpcs.Ok, s.Rpcs.Failed = 4, map[string]uint64{"InvalidArgument": 1}
		}), Server{Code: "INVALID_ARGUMENT", Announced: "identity"}},
		{"one that goes on", counted(5, func(s *benchv1.SnapshotResponse) { s.Rpcs.Ok = 4 }), Server{Announced: "identity"}},
		{"none", counted(4, nil), Server{Unknown: "the RPC reached no method that the server counts"}},
		{"somebody else's too", counted(6, nil), Server{Unknown: "others called the server meanwhile"}},
		{"another instance", counted(5, func(s *benchv1.SnapshotResponse) { s.InstanceId = "b" }),
			Server{Unknown: "another instance of the server answered"}},
		{"another instance that counts from 0", counted(1, func(s *benchv1.SnapshotResponse) { s.InstanceId = "b" }),
			Server{Unknown: "another instance of the server answered"}},
	} {
		t.Run(of.name, func(t *testing.T) {
			if diff := cmp.Diff(of.want, between(before, of.after)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestACallWithoutADeadlineIsGivenUpAndNoServerIsToldWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, cancel := worker.Patient(t.Context(), 0, patience)
		defer cancel()
		if at, ok := ctx.Deadline(); ok {
			t.Errorf("deadline %v, want none: it would be sent", at)
		}
		<-ctx.Done()
		if took := time.Since(began); took != patience || context.Cause(ctx) != worker.ErrPatience {
			t.Errorf("ended after %v by %v, want %v by %v", took, context.Cause(ctx), patience, worker.ErrPatience)
		}
	})
}
