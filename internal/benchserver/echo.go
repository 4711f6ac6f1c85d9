package benchserver

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"grpcbench/internal/codec"
	"grpcbench/internal/payload"
	benchv1 "grpcbench/proto/bench/v1"
)

// echo answers bench.v1.Bench.Echo.
type echo struct {
	plain    *codec.Uncompressed
	contents map[benchv1.Content]func() []byte // MaxBody bytes of each class
}

func newEcho(plain *codec.Uncompressed) *echo {
	e := &echo{plain: plain, contents: map[benchv1.Content]func() []byte{}}
	for content, class := range map[benchv1.Content]string{
		benchv1.Content_CONTENT_TEXT:   payload.Text,
		benchv1.Content_CONTENT_JSON:   payload.JSON,
		benchv1.Content_CONTENT_RANDOM: payload.Random,
		benchv1.Content_CONTENT_ZEROS:  payload.Zeros,
	} {
		// Made by the first call that wants it, so that a server holds only what
		// it is asked for.
		e.contents[content] = sync.OnceValue(func() []byte {
			body, _ := payload.Body(class, MaxBody) // the class is one of payload's own
			return body
		})
	}
	return e
}

// echoService describes bench.v1.Bench like the generated code, but for what a
// method returns: a prepared message has no generated type.
func echoService() *grpc.ServiceDesc {
	const method = "Echo"
	return &grpc.ServiceDesc{
		ServiceName: benchv1.Bench_ServiceDesc.ServiceName,
		HandlerType: (*any)(nil),
		Metadata:    benchv1.Bench_ServiceDesc.Metadata,
		Methods: []grpc.MethodDesc{{
			MethodName: method,
			Handler: func(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				req := &benchv1.EchoRequest{}
				if err := decode(req); err != nil {
					return nil, err
				}
				return srv.(*echo).answer(ctx, req)
			},
		}},
	}
}

// answer returns an *EchoResponse, or a *grpc.PreparedMsg of one.
func (e *echo) answer(ctx context.Context, r *benchv1.EchoRequest) (any, error) {
	body, err := e.body(r)
	if err != nil {
		return nil, err
	}
	if err := setEncoding(ctx, r.GetResponseEncoding()); err != nil {
		return nil, err
	}
	if err := wait(ctx, r.GetDelayUs()); err != nil {
		return nil, err
	}
	response := &benchv1.EchoResponse{Body: body}
	if r.GetResponseUncompressed() {
		return e.plain.Prepare(response)
	}
	return response, nil
}

// body returns the response's body, which must not be written to.
func (e *echo) body(r *benchv1.EchoRequest) ([]byte, error) {
	size := r.GetResponseSize()
	if size > MaxBody {
		return nil, status.Errorf(codes.InvalidArgument, "response_size %d: must be in [0, %d]", size, MaxBody)
	}
	content := r.GetResponseContent()
	if content == benchv1.Content_CONTENT_UNSPECIFIED {
		if size != 0 && int(size) != len(r.GetBody()) {
			return nil, status.Errorf(codes.InvalidArgument,
				"response_size %d: must be 0 or the body's %d without response_content", size, len(r.GetBody()))
		}
		return r.GetBody(), nil
	}
	whole, ok := e.contents[content]
	if !ok {
		return nil, status.Errorf(codes.InvalidArgument, "response_content %d: must be in [0, %d]", content, len(e.contents))
	}
	return whole()[:size], nil
}

// setEncoding sets the grpc-encoding of the response; "" leaves the request's.
func setEncoding(ctx context.Context, name string) error {
	switch name {
	case "":
		return nil
	case identity, codec.Gzip, codec.Deflate, codec.Zstd:
	default:
		return status.Errorf(codes.InvalidArgument, "response_encoding %q: must be identity, gzip, deflate or zstd", name)
	}
	if err := grpc.SetSendCompressor(ctx, name); err != nil {
		return status.Errorf(codes.InvalidArgument,
			"response_encoding %q: must be one that client (grpc-accept-encoding) and server have", name)
	}
	return nil
}

// wait returns after delay microseconds, or earlier with why the call ended.
func wait(ctx context.Context, delay uint32) error {
	const most = uint32(MaxDelay / time.Microsecond)
	if delay == 0 {
		return nil
	}
	if delay > most {
		return status.Errorf(codes.InvalidArgument, "delay_us %d: must be in [0, %d]", delay, most)
	}
	timer := time.NewTimer(time.Duration(delay) * time.Microsecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}
