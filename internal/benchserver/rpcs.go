package benchserver

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"grpcbench/internal/codec"
	serverpb "grpcbench/proto"
	benchv1 "grpcbench/proto/bench/v1"
)

// identity is the grpc-encoding of messages that are not compressed.
const identity = "identity"

// rpcs counts the measured RPCs. The zero value is ready; it is safe for
// concurrent use, and counting an RPC that succeeds allocates nothing.
type rpcs struct {
	started   atomic.Uint64
	ok        atomic.Uint64
	failed    [codes.Unauthenticated + 1]atomic.Uint64 // by code; OK stays 0
	panics    atomic.Uint64
	requests  encodings // of started RPCs
	responses encodings // of RPCs that are ok
	metadata  userMetadata
}

func (r *rpcs) start(ctx context.Context) {
	r.started.Add(1)
	r.requests.of(requestEncoding(ctx)).Add(1)
}

func (r *rpcs) end(ctx context.Context, err error) {
	if err == nil {
		r.responses.of(responseEncoding(ctx)).Add(1)
		r.ok.Add(1)
		return
	}
	s, ok := status.FromError(err)
	if !ok { // as grpc-go does with what a handler returns
		s = status.FromContextError(err)
	}
	code := s.Code()
	if int(code) >= len(r.failed) {
		code = codes.Unknown
	}
	r.failed[code].Add(1)
}

// snapshot reads the ends before the starts, so that an RPC that ends meanwhile
// is never counted as ended and not started.
func (r *rpcs) snapshot() *benchv1.Rpcs {
	out := &benchv1.Rpcs{
		Ok:     r.ok.Load(),
		Failed: map[string]uint64{},
		Panics: r.panics.Load(),
	}
	for code := range r.failed {
		if n := r.failed[code].Load(); n > 0 {
			out.Failed[codes.Code(code).String()] = n
		}
	}
	out.RequestEncodings, out.ResponseEncodings = r.requests.snapshot(), r.responses.snapshot()
	out.Started = r.started.Load()
	return out
}

// requestEncoding returns the grpc-encoding that the request announced, "" if
// the stream does not tell. grpc-go's own stream does, though its interface does
// not promise it.
func requestEncoding(ctx context.Context) string {
	stream, ok := grpc.ServerTransportStreamFromContext(ctx).(interface{ RecvCompress() string })
	if !ok {
		return ""
	}
	return orIdentity(stream.RecvCompress())
}

// responseEncoding returns the grpc-encoding that the response will announce,
// once its method has answered; "" like requestEncoding.
func responseEncoding(ctx context.Context) string {
	stream, ok := grpc.ServerTransportStreamFromContext(ctx).(interface{ SendCompress() string })
	if !ok {
		return ""
	}
	return orIdentity(stream.SendCompress())
}

// orIdentity names what a stream without a compressor announces.
func orIdentity(name string) string {
	if name == "" {
		return identity
	}
	return name
}

// encodings counts RPCs by grpc-encoding. The names are those this process can
// decode and encode; grpc-go refuses a request with any other before it reaches a
// method.
type encodings struct {
	identity, gzip, deflate, zstd, other atomic.Uint64
}

func (e *encodings) of(name string) *atomic.Uint64 {
	switch name {
	case identity:
		return &e.identity
	case codec.Gzip:
		return &e.gzip
	case codec.Deflate:
		return &e.deflate
	case codec.Zstd:
		return &e.zstd
	}
	return &e.other
}

func (e *encodings) snapshot() map[string]uint64 {
	out := map[string]uint64{}
	for _, name := range []string{identity, codec.Gzip, codec.Deflate, codec.Zstd, "other"} {
		if n := e.of(name).Load(); n > 0 {
			out[name] = n
		}
	}
	return out
}

// readMetadata reads the metadata of a call to a measured method. It sees the
// call where it arrives, in the one place where grpc-go lends the metadata
// without copying it: a copy in the handler is a microsecond and half a kilobyte
// a call, a twentieth of what a saturated server spends on it.
func (r *rpcs) readMetadata(call *tap.Info) {
	switch call.FullMethodName {
	case serverpb.Server_Foo_FullMethodName,
		benchv1.Bench_Echo_FullMethodName,
		testpb.BenchmarkService_UnaryCall_FullMethodName:
		r.metadata.add(call.Header)
	}
}

// userMetadata sums metadata that is not gRPC's own.
type userMetadata struct {
	keys, valueBytes atomic.Uint64

	note  atomic.Bool // the names of the next RPC are to be kept
	mu    sync.Mutex
	names []string // of the latest RPC of which they were
}

func (u *userMetadata) add(md map[string][]string) {
	keys, size := 0, 0
	for key, values := range md {
		if reserved(key) {
			continue
		}
		keys++
		for _, v := range values {
			size += len(v)
		}
	}
	if u.note.Load() && u.note.CompareAndSwap(true, false) {
		u.keep(md)
	}
	if keys > 0 {
		u.keys.Add(uint64(keys))
		u.valueBytes.Add(uint64(size))
	}
}

// What is kept of names: a client may send any.
const (
	mostNames    = 64
	longestNamed = 100
)

// keep keeps the names of md.
func (u *userMetadata) keep(md map[string][]string) {
	var names []string
	for key := range md {
		if !reserved(key) && len(key) <= longestNamed {
			names = append(names, key)
		}
	}
	slices.Sort(names)
	u.mu.Lock()
	u.names = names[:min(len(names), mostNames)]
	u.mu.Unlock()
}

// reserved says whether gRPC sends the key itself (gRPC over HTTP/2, Requests).
func reserved(key string) bool {
	switch key {
	case "content-type", "user-agent", "te":
		return true
	}
	return strings.HasPrefix(key, ":") || strings.HasPrefix(key, "grpc-")
}

func (u *userMetadata) snapshot() *benchv1.UserMetadata {
	u.mu.Lock()
	defer u.mu.Unlock()
	return &benchv1.UserMetadata{Keys: u.keys.Load(), ValueBytes: u.valueBytes.Load(), Names: slices.Clone(u.names)}
}
