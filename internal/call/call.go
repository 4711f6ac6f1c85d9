// Package call is what one RPC of an arm is: a method, a message, metadata and
// a compressor, on a channel. It makes load.Calls and knows nothing of when they
// are made.
package call

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"grpcbench/internal/codec"
	"grpcbench/internal/load"
	serverpb "grpcbench/proto"
	benchv1 "grpcbench/proto/bench/v1"
)

// Full names of the methods that the bundled server answers.
const (
	Foo  = serverpb.Server_Foo_FullMethodName
	Echo = benchv1.Bench_Echo_FullMethodName
)

// BadPayload is the code of a response that is not what was asked for. It is no
// gRPC code: the server thought that all was well.
const BadPayload = "BAD_PAYLOAD"

// Options says what each RPC is. The zero value is Foo(Empty).
type Options struct {
	Method  string // full name; "": Foo, or Echo when Echo is set
	Request []byte // raw message of Method, when Method is neither Foo nor Echo

	// Echo asks the bundled server for a response; nil: Foo.
	Echo *benchv1.EchoRequest

	Compression codec.Spec
	Metadata    []Pair        // sent with every RPC
	Sized       SizedMetadata // likewise
	Deadline    time.Duration // of each RPC after its start; 0: none
}

// Pair is one metadata entry. The value of a -bin key is raw bytes.
type Pair struct{ Name, Value string }

// Name is the full method name that o calls.
func (o Options) Name() string {
	switch {
	case o.Method != "":
		return o.Method
	case o.Echo != nil:
		return Echo
	}
	return Foo
}

// Compressed says whether each request message really is compressed: grpc-go
// never compresses an empty one, and level none only announces.
func (o Options) Compressed() bool {
	spec := o.Compression
	if spec.Name == "" || spec.Name == codec.None || spec.Level == codec.LevelNone {
		return false
	}
	switch {
	case o.Method != "":
		return len(o.Request) > 0
	case o.Echo != nil:
		return true // asked for because a body or a response is wanted: never empty
	}
	return false
}

// Caller makes RPCs.
type Caller struct {
	call  load.Call
	plain *plainStream
}

// Call is the load.Call.
func (c *Caller) Call(ctx context.Context, conn int, seq int64) string { return c.call(ctx, conn, seq) }

// Close releases what New opened.
func (c *Caller) Close() {
	if c.plain != nil {
		c.plain.close()
	}
}

// New returns a Caller on the given connections; Call's conn is an index of them.
func New(o Options, conns []*grpc.ClientConn) (*Caller, error) {
	var options []grpc.CallOption
	c := &Caller{}
	if name := o.Compression.Name; name != "" && name != codec.None {
		options = append(options, grpc.UseCompressor(name))
	}
	announceOnly := len(options) > 0 && o.Compression.Level == codec.LevelNone
	if announceOnly {
		var err error
		if c.plain, err = openPlainStream(); err != nil {
			return nil, err
		}
	}
	once, err := o.unary(conns, options, c.plain)
	if err != nil {
		return nil, err
	}
	outgoing := o.outgoing()
	c.call = func(ctx context.Context, conn int, seq int64) string {
		ctx = outgoing(ctx, seq)
		if o.Deadline > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, o.Deadline)
			defer cancel()
		}
		err := once(ctx, conn)
		if err == nil {
			return load.OK
		}
		return codeOf(err)
	}
	return c, nil
}

// unary makes one RPC on a connection.
type unary func(ctx context.Context, conn int) error

// unary returns the function for the method that is asked for. Foo goes through
// the generated stub, as an application's call does.
func (o Options) unary(conns []*grpc.ClientConn, options []grpc.CallOption, plain *plainStream) (unary, error) {
	switch {
	case plain != nil:
		return o.announced(conns, options, plain)
	case o.Method != "":
		options = append(options, grpc.ForceCodecV2(rawCodec{}))
		return func(ctx context.Context, conn int) error {
			var response []byte
			return conns[conn].Invoke(ctx, o.Method, o.Request, &response, options...)
		}, nil
	case o.Echo != nil:
		clients := make([]benchv1.BenchClient, len(conns))
		for i, cc := range conns {
			clients[i] = benchv1.NewBenchClient(cc)
		}
		want := o.responseSize()
		return func(ctx context.Context, conn int) error {
			response, err := clients[conn].Echo(ctx, o.Echo, options...)
			if err != nil {
				return err
			}
			return checkSize(response, want)
		}, nil
	}
	clients := make([]serverpb.ServerClient, len(conns))
	for i, cc := range conns {
		clients[i] = serverpb.NewServerClient(cc)
	}
	empty := &serverpb.Empty{}
	return func(ctx context.Context, conn int) error {
		_, err := clients[conn].Foo(ctx, empty, options...)
		return err
	}, nil
}

// announced sends messages as they are under an announced compressor: the
// compression level none.
func (o Options) announced(conns []*grpc.ClientConn, options []grpc.CallOption, plain *plainStream) (unary, error) {
	if o.Method != "" {
		return nil, fmt.Errorf("compression %v: level none must be used with the bundled server's methods, not with %s", o.Compression, o.Method)
	}
	return func(ctx context.Context, conn int) error {
		var request grpc.PreparedMsg
		if o.Echo == nil {
			if err := request.Encode(plain.stream, &serverpb.Empty{}); err != nil {
				return err
			}
			return conns[conn].Invoke(ctx, Foo, &request, &serverpb.Empty{}, options...)
		}
		if err := request.Encode(plain.stream, o.Echo); err != nil {
			return err
		}
		var response benchv1.EchoResponse
		if err := conns[conn].Invoke(ctx, Echo, &request, &response, options...); err != nil {
			return err
		}
		return checkSize(&response, o.responseSize())
	}, nil
}

// responseSize is the length of the body that Echo must send back.
func (o Options) responseSize() int {
	if o.Echo.GetResponseContent() == benchv1.Content_CONTENT_UNSPECIFIED {
		return len(o.Echo.GetBody())
	}
	return int(o.Echo.GetResponseSize())
}

var errBadPayload = errors.New("response of the wrong size")

func checkSize(r *benchv1.EchoResponse, want int) error {
	if len(r.GetBody()) != want {
		return errBadPayload
	}
	return nil
}

// codeOf names how an RPC failed: the gRPC code in capitals, as the
// specification writes it, or BadPayload.
func codeOf(err error) string {
	if errors.Is(err, errBadPayload) {
		return BadPayload
	}
	return CodeName(status.Code(err))
}

// CodeName is the specification's name of a gRPC code, such as
// DEADLINE_EXCEEDED (gRPC status codes, doc/statuscodes.md).
func CodeName(c codes.Code) string {
	if name, ok := codeNames[c]; ok {
		return name
	}
	return fmt.Sprintf("CODE_%d", c)
}

var codeNames = map[codes.Code]string{
	codes.OK: "OK", codes.Canceled: "CANCELLED", codes.Unknown: "UNKNOWN", codes.InvalidArgument: "INVALID_ARGUMENT",
	codes.DeadlineExceeded: "DEADLINE_EXCEEDED", codes.NotFound: "NOT_FOUND", codes.AlreadyExists: "ALREADY_EXISTS",
	codes.PermissionDenied: "PERMISSION_DENIED", codes.ResourceExhausted: "RESOURCE_EXHAUSTED",
	codes.FailedPrecondition: "FAILED_PRECONDITION", codes.Aborted: "ABORTED", codes.OutOfRange: "OUT_OF_RANGE",
	codes.Unimplemented: "UNIMPLEMENTED", codes.Internal: "INTERNAL", codes.Unavailable: "UNAVAILABLE",
	codes.DataLoss: "DATA_LOSS", codes.Unauthenticated: "UNAUTHENTICATED",
}

// Once makes one RPC and returns its error as gRPC gave it, for a preflight.
func Once(ctx context.Context, o Options, conn *grpc.ClientConn) error {
	var options []grpc.CallOption
	var plain *plainStream
	if name := o.Compression.Name; name != "" && name != codec.None {
		options = append(options, grpc.UseCompressor(name))
		if o.Compression.Level == codec.LevelNone {
			var err error
			if plain, err = openPlainStream(); err != nil {
				return err
			}
			defer plain.close()
		}
	}
	once, err := o.unary([]*grpc.ClientConn{conn}, options, plain)
	if err != nil {
		return err
	}
	return once(o.outgoing()(ctx, 0), 0)
}

// outgoing returns the function that puts an RPC's metadata into its context.
func (o Options) outgoing() func(ctx context.Context, seq int64) context.Context {
	static := metadata.MD{}
	for _, p := range o.Metadata {
		static.Append(p.Name, p.Value)
	}
	sized := o.Sized.entries()
	if !o.Sized.Unique {
		for _, p := range sized {
			static.Append(p.Name, p.Value)
		}
	}
	if !o.Sized.Unique || len(sized) == 0 {
		if len(static) == 0 {
			return func(ctx context.Context, _ int64) context.Context { return ctx }
		}
		return func(ctx context.Context, _ int64) context.Context { return metadata.NewOutgoingContext(ctx, static) }
	}
	return func(ctx context.Context, seq int64) context.Context {
		md := make(metadata.MD, len(static)+len(sized))
		for k, v := range static {
			md[k] = v
		}
		for i, p := range sized {
			md[p.Name] = []string{o.Sized.unique(p.Value, seq*int64(len(sized))+int64(i))}
		}
		return metadata.NewOutgoingContext(ctx, md)
	}
}

// rawCodec sends and receives messages as the bytes they are. Its name is that
// of protobuf, which is what the bytes are meant to be.
type rawCodec struct{}

var _ encoding.CodecV2 = rawCodec{}

// Entries is the number of metadata entries and value bytes each RPC carries.
func (o Options) Entries() (keys, bytes int) {
	for _, p := range append(o.Sized.entries(), o.Metadata...) {
		keys++
		bytes += len(p.Value)
	}
	return keys, bytes
}

// isBinary says whether a metadata key carries raw bytes (gRPC over HTTP/2:
// Binary-Header).
func isBinary(name string) bool { return strings.HasSuffix(name, "-bin") }
