package benchserver

import (
	"context"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A registrar registers services with every handler guarded: a panic ends the
// RPC as Internal, not the process. Unary methods are counted if measured.
//
// It wraps handlers where an interceptor would be called too late: a message
// that cannot be decoded is a failed RPC, and decoding is guarded too.
type registrar struct {
	*grpc.Server
	rpcs     *rpcs
	measured bool
}

// RegisterService implements grpc.ServiceRegistrar.
func (r registrar) RegisterService(desc *grpc.ServiceDesc, impl any) {
	guarded := *desc
	guarded.Methods = slices.Clone(desc.Methods)
	for i := range guarded.Methods {
		m := &guarded.Methods[i]
		m.Handler = r.guardUnary(m.Handler)
	}
	guarded.Streams = slices.Clone(desc.Streams)
	for i := range guarded.Streams {
		m := &guarded.Streams[i]
		m.Handler = r.guardStream(m.Handler)
	}
	r.Server.RegisterService(&guarded, impl)
}

func (r registrar) guardUnary(next grpc.MethodHandler) grpc.MethodHandler {
	guarded := func(srv any, ctx context.Context, decode func(any) error, i grpc.UnaryServerInterceptor) (reply any, err error) {
		defer r.recoverTo(&err)
		return next(srv, ctx, decode, i)
	}
	if !r.measured {
		return guarded
	}
	return func(srv any, ctx context.Context, decode func(any) error, i grpc.UnaryServerInterceptor) (any, error) {
		r.rpcs.start(ctx)
		reply, err := guarded(srv, ctx, decode, i)
		if err == nil {
			reply, err = admit(ctx, reply)
		}
		r.rpcs.end(ctx, err)
		return reply, err
	}
}

func (r registrar) guardStream(next grpc.StreamHandler) grpc.StreamHandler {
	return func(srv any, stream grpc.ServerStream) (err error) {
		defer r.recoverTo(&err)
		return next(srv, stream)
	}
}

// recoverTo is deferred. The panic's value stays here: it may hold user data.
func (r registrar) recoverTo(err *error) {
	if recover() != nil {
		r.rpcs.panics.Add(1)
		*err = status.Error(codes.Internal, "handler panicked")
	}
}
