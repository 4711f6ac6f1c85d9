package exchange

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"grpcbench/internal/call"
	"grpcbench/internal/code"
	"grpcbench/internal/worker"
	benchv1 "grpcbench/proto/bench/v1"
)

// Server is what the server itself counted of the RPC.
type Server struct {
	Unknown string // why nothing is known; "": it is

	Code      string // how the RPC ended there; "": it has not
	Announced string // grpc-encoding of the request
	// Keys and Bytes are the metadata that arrived, without gRPC's own; bytes are of
	// values before base64.
	Keys, Bytes uint64
	// Names are those of the metadata that arrived, sorted; nil: not known.
	Names []string
	// Decompressed are the request's message, Compressed the response's.
	Decompressed, Compressed Work
}

// Work is what a compressor of the server did: nothing, or one message.
type Work struct{ Messages, In, Out uint64 }

// observer asks the server before and after.
type observer struct {
	control *worker.Control // nil: there is none
	before  *benchv1.SnapshotResponse
	unknown error // why there is no before
}

// observe asks the server what it had counted before the RPC.
func observe(ctx context.Context, t worker.Trial) *observer {
	o := &observer{}
	if o.control, o.unknown = worker.OpenControl(ctx, t); o.unknown == nil {
		o.before, o.unknown = o.control.Snapshot(ctx, true)
	}
	return o
}

func (o *observer) close() { o.control.Close() }

// saw is what the server counted since observe.
func (o *observer) saw(ctx context.Context) Server {
	if o.before == nil {
		return Server{Unknown: o.unknown.Error()}
	}
	after, err := o.control.Snapshot(ctx, false)
	if err != nil {
		return Server{Unknown: err.Error()}
	}
	return between(o.before, after)
}

// between is what happened from one snapshot to the next, if that can only be the
// RPC.
func between(before, after *benchv1.SnapshotResponse) Server {
	since := worker.Since(before, after)
	switch n := since.GetRpcs().GetStarted(); {
	case since == nil:
		return Server{Unknown: "another instance of the server answered"}
	case n == 0:
		return Server{Unknown: "the RPC reached no method that the server counts"}
	case n > 1:
		return Server{Unknown: "others called the server meanwhile"}
	}
	s := Server{
		Keys:         since.GetUserMetadata().GetKeys(),
		Bytes:        since.GetUserMetadata().GetValueBytes(),
		Names:        since.GetUserMetadata().GetNames(),
		Decompressed: workOf(since.GetCodec().GetDecompressed()),
		Compressed:   workOf(since.GetCodec().GetCompressed()),
	}
	if since.GetRpcs().GetOk() > 0 {
		s.Code = code.OK
	}
	for c := codes.Canceled; c <= codes.Unauthenticated; c++ {
		if since.GetRpcs().GetFailed()[c.String()] > 0 {
			s.Code = call.Code(status.Error(c, ""))
		}
	}
	for name := range since.GetRpcs().GetRequestEncodings() {
		s.Announced = name
	}
	return s
}

func workOf(w *benchv1.CodecWork) Work {
	return Work{Messages: w.GetMessages(), In: w.GetInputBytes(), Out: w.GetOutputBytes()}
}
