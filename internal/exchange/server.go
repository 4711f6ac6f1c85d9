package exchange

import (
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"grpcbench/internal/call"
	"grpcbench/internal/channel"
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

// controlLimit bounds each question to bench.v1.Control.
const controlLimit = 2 * time.Second

// observer asks the server before and after, on a connection of its own: what it
// carries is not the RPC's.
type observer struct {
	channel *channel.Channel // nil: there is none
	before  *benchv1.SnapshotResponse
	unknown string
}

// observe asks the server what it had counted before the RPC.
func observe(ctx context.Context, t worker.Trial) *observer {
	o := &observer{}
	options, err := t.Channel(new(atomic.Bool))
	if err == nil {
		o.channel, err = channel.Open(ctx, options)
	}
	if err != nil {
		o.unknown = "a second connection could not be opened"
		return o
	}
	o.before = o.snapshot(ctx, true)
	return o
}

func (o *observer) close() {
	if o.channel != nil {
		_ = o.channel.Close() // nothing is lost with it
	}
}

// snapshot is nil when the server does not tell, which unknown then explains. The server
// keeps the names of the next RPC's metadata if it is asked to.
func (o *observer) snapshot(ctx context.Context, noteNames bool) *benchv1.SnapshotResponse {
	ctx, cancel := context.WithTimeout(ctx, controlLimit)
	defer cancel()
	s, err := benchv1.NewControlClient(o.channel.ClientConn).Snapshot(ctx, &benchv1.SnapshotRequest{NoteNames: noteNames})
	switch {
	case status.Code(err) == codes.Unimplemented, err == nil && s.GetInstanceId() == "":
		o.unknown = "the server does not have bench.v1.Control"
		return nil
	case err != nil:
		o.unknown = "bench.v1.Control answers " + call.Code(err)
		return nil
	}
	return s
}

// saw is what the server counted since observe.
func (o *observer) saw(ctx context.Context) Server {
	if o.before == nil {
		return Server{Unknown: o.unknown}
	}
	after := o.snapshot(ctx, false)
	if after == nil {
		return Server{Unknown: o.unknown}
	}
	return between(o.before, after)
}

// between is what happened from one snapshot to the next, if that can only be the
// RPC.
func between(before, after *benchv1.SnapshotResponse) Server {
	was, is := before.GetRpcs(), after.GetRpcs()
	switch n := is.GetStarted() - was.GetStarted(); {
	case before.GetInstanceId() != after.GetInstanceId():
		return Server{Unknown: "another instance of the server answered"}
	case n == 0:
		return Server{Unknown: "the RPC reached no method that the server counts"}
	case n > 1:
		return Server{Unknown: "others called the server meanwhile"}
	}
	s := Server{
		Keys:         after.GetUserMetadata().GetKeys() - before.GetUserMetadata().GetKeys(),
		Bytes:        after.GetUserMetadata().GetValueBytes() - before.GetUserMetadata().GetValueBytes(),
		Names:        after.GetUserMetadata().GetNames(),
		Decompressed: workBetween(before.GetCodec().GetDecompressed(), after.GetCodec().GetDecompressed()),
		Compressed:   workBetween(before.GetCodec().GetCompressed(), after.GetCodec().GetCompressed()),
	}
	if is.GetOk() > was.GetOk() {
		s.Code = "OK"
	}
	for c := codes.Canceled; c <= codes.Unauthenticated; c++ {
		if is.GetFailed()[c.String()] > was.GetFailed()[c.String()] {
			s.Code = call.Code(status.Error(c, ""))
		}
	}
	for name, n := range is.GetRequestEncodings() {
		if n > was.GetRequestEncodings()[name] {
			s.Announced = name
		}
	}
	return s
}

func workBetween(before, after *benchv1.CodecWork) Work {
	return Work{
		Messages: after.GetMessages() - before.GetMessages(),
		In:       after.GetInputBytes() - before.GetInputBytes(),
		Out:      after.GetOutputBytes() - before.GetOutputBytes(),
	}
}
