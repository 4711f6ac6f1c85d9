package benchserver

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	benchv1 "grpcbench/proto/bench/v1"
)

const (
	// maxBacklog is how many bytes of large response bodies a connection may have
	// between their handlers and the socket. A client that reads has the largest
	// response on its way and the next one ready; one that asks for many and reads
	// none makes the server keep these and no more.
	maxBacklog = 2 * MaxBody
	// largeBody is what a response's body is counted from. Smaller ones are
	// bounded by the number of streams.
	largeBody = 16 << 10
)

// counted is a response whose bytes are part of its connection's backlog until
// they are written, or given up with their stream.
type counted struct {
	proto.Message
	backlog *semaphore.Weighted
	size    int64
}

// admit returns reply when its connection's backlog has room for it, as a
// counted one if it is large. Otherwise it waits, as long as a request may ask for.
func admit(ctx context.Context, reply any) (any, error) {
	message, size := body(reply)
	p, ok := peer.FromContext(ctx)
	if size < largeBody || !ok {
		return reply, nil
	}
	at, ok := p.Addr.(remoteAddr)
	if !ok {
		return reply, nil
	}
	c := &counted{Message: message, backlog: at.conn.backlog, size: int64(size)}
	if c.backlog.TryAcquire(c.size) {
		return c, nil
	}
	limited, cancel := context.WithTimeout(ctx, MaxDelay)
	defer cancel()
	if c.backlog.Acquire(limited, c.size) == nil {
		return c, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, status.FromContextError(err).Err()
	}
	return nil, status.Errorf(codes.ResourceExhausted,
		"response of %d bytes: the client has not read the %d before it within %v", size, maxBacklog-size, time.Duration(MaxDelay))
}

// body is the message of a response with a body, and the body's size.
func body(reply any) (m proto.Message, size int) {
	switch r := reply.(type) {
	case *benchv1.EchoResponse:
		return r, len(r.GetBody())
	case *testpb.SimpleResponse:
		return r, len(r.GetPayload().GetBody())
	}
	return nil, 0
}

// countingCodec gives the bytes of counted responses back to their connection's
// backlog when grpc-go frees them.
type countingCodec struct{ encoding.CodecV2 }

// Marshal implements encoding.CodecV2.
func (c countingCodec) Marshal(v any) (mem.BufferSlice, error) {
	r, ok := v.(*counted)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	data, err := c.CodecV2.Marshal(r.Message)
	if err != nil {
		r.backlog.Release(r.size)
		return nil, err
	}
	whole := data.MaterializeToBuffer(mem.DefaultBufferPool())
	data.Free()
	bytes := whole.ReadOnlyData()
	return mem.BufferSlice{mem.NewBuffer(&bytes, release{response: r, data: whole})}, nil
}

// release is the pool of one response's buffer: it takes the buffer back.
type release struct {
	mem.BufferPool // nil: nothing is taken from it
	response       *counted
	data           mem.Buffer
}

// Put implements mem.BufferPool.
func (p release) Put(*[]byte) {
	p.data.Free()
	p.response.backlog.Release(p.response.size)
}
