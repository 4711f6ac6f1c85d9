// Package call is what one RPC of an arm is: a method, a message, metadata and
// a compressor, on a channel. It makes load.Calls and knows nothing of when they
// are made.
package call

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"

	"grpcbench/internal/cause"
	"grpcbench/internal/code"
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

// Options says what each RPC is. The zero value is Foo(Empty).
type Options struct {
	Method  string // full name; "": Foo, or Echo when Echo is set
	Request []byte // raw message of Method, when Method is neither Foo nor Echo

	// Echo asks the bundled server for a response; nil: Foo.
	Echo *benchv1.EchoRequest

	Compression codec.Spec
	Accepts     []string      // codecs of responses that are announced, as codec.Install was given
	Metadata    []Pair        // sent with every RPC
	Sized       SizedMetadata // likewise
	Deadline    time.Duration // of each RPC after its start; 0: none
	Expect      cause.Expectation
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

// Caller makes RPCs.
type Caller struct {
	call load.Call
}

// Call is the load.Call.
func (c *Caller) Call(ctx context.Context, conn int, seq int64) load.End {
	return c.call(ctx, conn, seq)
}

// New returns a Caller on the given connections; Call's conn is an index of them.
func New(o Options, conns []grpc.ClientConnInterface) (*Caller, error) {
	once, err := o.prepare(conns)
	if err != nil {
		return nil, err
	}
	outgoing := o.outgoing()
	var doubtful atomic.Bool
	call := func(ctx context.Context, conn int, seq int64) load.End {
		ctx = outgoing(ctx, seq)
		if o.Deadline > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, o.Deadline)
			defer cancel()
		}
		if doubtful.Load() {
			return o.Expect.Judge(examined(ctx, once, conn, conns[conn]))
		}
		err := once(ctx, conn)
		if err == nil {
			return o.Expect.Judge(load.Good)
		}
		e := end(ctx, err, conns[conn], nil)
		if byStream(e.Cause) {
			doubtful.Store(true)
		}
		return o.Expect.Judge(e)
	}
	return &Caller{call: call}, nil
}

// Once makes one RPC, for a preflight, and returns what the server showed of it. An RPC
// that fails gives a *Failure.
func Once(ctx context.Context, o Options, conn grpc.ClientConnInterface) (Heard, error) {
	heard := Heard{Size: -1}
	once, err := o.prepare([]grpc.ClientConnInterface{conn})
	if err != nil {
		return heard, err
	}
	// The RPCs of a run are numbered from 0: no unique value is used twice.
	ctx = o.outgoing()(ctx, -1)
	var a answer
	options := a.options()
	if o.Method != "" {
		options = append(options, sized(&heard.Size))
	}
	err = once(ctx, 0, options...)
	heard.Accepts = acceptsIn(a.header)
	f := &Failure{End: load.Good}
	if err != nil {
		f = failure(ctx, err, conn, &a)
	}
	if f.End = o.Expect.Judge(f.End); f.Code == load.UnexpectedOK {
		f.Err = o.Expect.Unmet()
	}
	if !f.End.Good() {
		return heard, f
	}
	if f.Code != load.OK {
		heard.Expected, heard.Ended = f.Code, f
	}
	return heard, nil
}

// prepare returns the function that makes one RPC.
func (o Options) prepare(conns []grpc.ClientConnInterface) (unary, error) {
	if !o.Compression.Announced() {
		return o.unary(conns, nil, nil), nil
	}
	options := []grpc.CallOption{grpc.UseCompressor(o.Compression.Name)}
	if o.Compression.Compresses() {
		return o.unary(conns, options, nil), nil
	}
	var encoded []grpc.ServerOption
	if o.Method != "" {
		encoded = append(encoded, grpc.ForceServerCodecV2(rawCodec{}))
	}
	plain, err := codec.NewUncompressed(encoded...)
	if err != nil {
		return nil, err
	}
	return o.unary(conns, options, plain), nil
}

// unary makes one RPC on a connection.
type unary func(ctx context.Context, conn int, more ...grpc.CallOption) error

// with is options and, seldom, more. It allocates only then.
func with(options, more []grpc.CallOption) []grpc.CallOption {
	if len(more) == 0 {
		return options
	}
	return slices.Concat(options, more)
}

// unary returns the function for the method that is asked for. Foo goes through
// the generated stub, as an application's call does.
func (o Options) unary(conns []grpc.ClientConnInterface, options []grpc.CallOption, plain *codec.Uncompressed) unary {
	switch {
	case plain != nil:
		return o.announced(conns, options, plain)
	case o.Method != "":
		options = append(options, grpc.ForceCodecV2(rawCodec{}))
		return func(ctx context.Context, conn int, more ...grpc.CallOption) error {
			var response []byte
			return conns[conn].Invoke(ctx, o.Method, o.Request, &response, with(options, more)...)
		}
	case o.Echo != nil:
		clients := make([]benchv1.BenchClient, len(conns))
		for i, cc := range conns {
			clients[i] = benchv1.NewBenchClient(cc)
		}
		want := o.ResponseSize()
		return func(ctx context.Context, conn int, more ...grpc.CallOption) error {
			response, err := clients[conn].Echo(ctx, o.Echo, with(options, more)...)
			if err != nil {
				return err
			}
			return checkSize(response, want)
		}
	}
	clients := make([]serverpb.ServerClient, len(conns))
	for i, cc := range conns {
		clients[i] = serverpb.NewServerClient(cc)
	}
	empty := &serverpb.Empty{}
	return func(ctx context.Context, conn int, more ...grpc.CallOption) error {
		_, err := clients[conn].Foo(ctx, empty, with(options, more)...)
		return err
	}
}

// announced sends messages as they are under an announced compressor: the
// compression level none.
func (o Options) announced(conns []grpc.ClientConnInterface, options []grpc.CallOption, plain *codec.Uncompressed) unary {
	method, message, response, check := o.Name(), any(&serverpb.Empty{}), func() any { return &serverpb.Empty{} }, func(any) error { return nil }
	switch {
	case o.Method != "":
		message, response = o.Request, func() any { return new([]byte) }
		options = append(options, grpc.ForceCodecV2(rawCodec{}))
	case o.Echo != nil:
		want := o.ResponseSize()
		message, response = o.Echo, func() any { return &benchv1.EchoResponse{} }
		check = func(r any) error { return checkSize(r.(*benchv1.EchoResponse), want) }
	}
	return func(ctx context.Context, conn int, more ...grpc.CallOption) error {
		request, err := plain.Prepare(message)
		if err != nil {
			return err
		}
		r := response()
		if err := conns[conn].Invoke(ctx, method, request, r, with(options, more)...); err != nil {
			return err
		}
		return check(r)
	}
}

// ResponseSize is the length of the body that Echo must send back.
func (o Options) ResponseSize() int {
	if o.Echo.GetResponseContent() == benchv1.Content_CONTENT_UNSPECIFIED {
		return len(o.Echo.GetBody())
	}
	return int(o.Echo.GetResponseSize())
}

// ErrBadPayload is what a response is that is not what was asked for.
var ErrBadPayload = errors.New("response of the wrong size")

func checkSize(r *benchv1.EchoResponse, want int) error {
	if len(r.GetBody()) != want {
		return ErrBadPayload
	}
	return nil
}

// Code names how an RPC failed: the gRPC code in capitals, as the specification
// writes it, load.BadPayload or load.ClientLimit. err is not nil.
func Code(err error) string {
	return EndOf(err).Code
}

// codeName is the specification's name of a gRPC code.
func codeName(c codes.Code) string { return code.Name(int64(c)) }

// CodeOf is the gRPC code of a name, as Code gives it; Unknown for load.BadPayload and
// other names that are not gRPC's.
func CodeOf(name string) codes.Code {
	if n, ok := code.Number(name); ok {
		return codes.Code(n)
	}
	return codes.Unknown
}

// Unique returns the metadata that RPC seq has for itself; nil if it has none.
func (o Options) Unique() func(seq int64) []Pair {
	sized := o.Sized.entries()
	if !o.Sized.Unique || len(sized) == 0 {
		return nil
	}
	return func(seq int64) []Pair {
		own := make([]Pair, len(sized))
		for i, p := range sized {
			own[i] = Pair{Name: p.Name, Value: o.Sized.unique(p.Value, seq*int64(len(sized))+int64(i))}
		}
		return own
	}
}

// Static returns the metadata that all RPCs have alike.
func (o Options) Static() []Pair {
	all := append([]Pair{}, o.Metadata...)
	if !o.Sized.Unique {
		all = append(all, o.Sized.entries()...)
	}
	return all
}

// outgoing returns the function that puts an RPC's metadata into its context.
func (o Options) outgoing() func(ctx context.Context, seq int64) context.Context {
	static := metadata.MD{}
	for _, p := range o.Static() {
		static.Append(p.Name, p.Value)
	}
	unique := o.Unique()
	switch {
	case unique == nil && len(static) == 0:
		return func(ctx context.Context, _ int64) context.Context { return ctx }
	case unique == nil:
		return func(ctx context.Context, _ int64) context.Context { return metadata.NewOutgoingContext(ctx, static) }
	}
	return func(ctx context.Context, seq int64) context.Context {
		md := make(metadata.MD, len(static)+o.Sized.Keys)
		for k, v := range static {
			md[k] = v
		}
		for _, p := range unique(seq) {
			md[p.Name] = []string{p.Value}
		}
		return metadata.NewOutgoingContext(ctx, md)
	}
}

// rawCodec sends and receives messages as the bytes they are.
type rawCodec struct{}

var _ encoding.CodecV2 = rawCodec{}
