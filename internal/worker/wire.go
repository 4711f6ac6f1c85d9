package worker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"grpcbench/internal/call"
	"grpcbench/internal/cause"
	"grpcbench/internal/channel"
	"grpcbench/internal/code"
	"grpcbench/internal/load"
	"grpcbench/internal/wire"
	serverpb "grpcbench/proto"
	benchv1 "grpcbench/proto/bench/v1"
)

// wireEngine makes RPCs by package wire.
type wireEngine struct {
	request  wire.Request
	size     int // of a message before it was compressed
	channels []*wire.Channel
}

func newWireEngine(o call.Options) (*wireEngine, error) {
	request, size, err := WireRequest(o)
	return &wireEngine{request: request, size: size}, err
}

// WireRequest returns what package wire sends for o, encoded and compressed once for
// all, and the size of its message before it was compressed.
func WireRequest(o call.Options) (r wire.Request, size int, err error) {
	r = wire.Request{Path: o.Name(), Deadline: o.Deadline, Length: -1,
		Accept: strings.Join(o.Accepts, ","), Expect: o.Expect, Metadata: fieldsOf(o.Static())}
	if unique := o.Unique(); unique != nil {
		r.Unique = func(seq int64) []wire.Field { return fieldsOf(unique(seq)) }
	}
	if err := message(&r, o); err != nil {
		return r, 0, err
	}
	if o.Compression.Announced() {
		r.Encoding = o.Compression.Name
	}
	// gRPC compresses no empty message.
	if size = len(r.Message); !o.Compression.Compresses() || size == 0 {
		return r, size, nil
	}
	var packed bytes.Buffer
	w, err := encoding.GetCompressor(o.Compression.Name).Compress(&packed)
	if err == nil {
		_, err = w.Write(r.Message)
		err = errors.Join(err, w.Close())
	}
	r.Message, r.Compressed = packed.Bytes(), true
	return r, size, err
}

// message encodes the request and says how its responses are checked.
func message(r *wire.Request, o call.Options) (err error) {
	var want proto.Message
	var response func() proto.Message
	switch {
	case o.Method != "":
		r.Message = o.Request
		r.Check = func(encoding string, compressed bool, message []byte, limit int) load.End {
			_, end := unpack(encoding, compressed, message, limit)
			return end
		}
		return nil
	case o.Echo != nil:
		r.Message, err = proto.Marshal(o.Echo)
		want = &benchv1.EchoResponse{Body: make([]byte, o.ResponseSize())}
		response = func() proto.Message { return &benchv1.EchoResponse{} }
	default:
		want, response = &serverpb.Empty{}, func() proto.Message { return &serverpb.Empty{} }
	}
	size := proto.Size(want)
	r.Length = size
	r.Check = func(encoding string, compressed bool, message []byte, limit int) load.End {
		message, failed := unpack(encoding, compressed, message, limit)
		switch {
		case failed != load.Good:
			return failed
		case len(message) != size:
			return load.End{Code: load.BadPayload, Cause: cause.Response}
		case proto.Unmarshal(message, response()) != nil:
			return unreadable
		}
		return load.Good
	}
	return err
}

// unpack decompresses a response, at most to limit bytes.
func unpack(name string, compressed bool, message []byte, limit int) ([]byte, load.End) {
	if !compressed {
		return message, load.Good
	}
	r, err := encoding.GetCompressor(name).Decompress(bytes.NewReader(message)) // it was accepted
	if err != nil {
		return nil, unreadable
	}
	b, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	switch {
	case err != nil:
		return nil, unreadable
	case len(b) > limit:
		return nil, load.End{Code: code.ResourceExhausted, Cause: cause.MessageLimit}
	}
	return b, load.Good
}

// unreadable is the end of an RPC whose response is not the message that was asked for,
// or does not decompress.
var unreadable = load.End{Code: code.Internal, Cause: cause.Response}

func fieldsOf(pairs []call.Pair) []wire.Field {
	fields := make([]wire.Field, len(pairs))
	for i, p := range pairs {
		fields[i] = wire.Field(p)
	}
	return fields
}

func (e *wireEngine) open(ctx context.Context, o channel.Options) (link, error) {
	return linked(wire.Open(ctx, e.options(o)))
}

func (e *wireEngine) attempt(ctx context.Context, o channel.Options) (link, error) {
	return linked(wire.Attempt(ctx, e.options(o)))
}

func (e *wireEngine) options(o channel.Options) wire.Options {
	return wire.Options{Address: o.Address, Authority: o.Authority, TLS: o.TLS, AllowNoALPN: o.AllowNoALPN, Timeout: o.Timeout, MaxMessage: o.MaxMessage, TimeoutFlag: o.TimeoutFlag, Request: e.request, Limit: o.Limit, Made: o.Made}
}

func (e *wireEngine) use(links []link) error {
	for _, l := range links {
		e.channels = append(e.channels, l.(*wire.Channel)) // what open returned
	}
	return nil
}

func (e *wireEngine) loop(first int64, _ bool) load.Engine {
	return wire.Engine{Channels: e.channels, First: first}
}

func (e *wireEngine) once(ctx context.Context, l link) (call.Heard, error) {
	// The RPCs of a run are numbered from 0: no unique value is used twice.
	end, words, heard := l.(*wire.Channel).Once(ctx, -1) // what open returned
	h := call.Heard{Accepts: call.ParseAccepts(heard.Accepts), Size: -1}
	if e.request.Length < 0 { // of a method whose responses are not known
		h.Size = heard.Size
	}
	if end.Good() {
		if end.Code != load.OK {
			h.Expected = end.Code
		}
		return h, nil
	}
	switch end.Code {
	case load.UnexpectedOK:
		return h, &call.Failure{End: end, Err: e.request.Expect.Unmet()}
	case load.BadPayload:
		return h, &call.Failure{End: end, Err: call.ErrBadPayload}
	}
	return h, &call.Failure{End: end, Err: status.Error(call.CodeOf(end.Code), words.Said), Server: words.Server, Debug: words.Debug}
}

// work counts every RPC's message that went out compressed, though it was compressed
// once for all: its CPU is not the RPCs'.
func (e *wireEngine) work() (compressed, decompressed Work) {
	for _, c := range e.channels {
		if e.request.Compressed {
			n := c.MessagesSent()
			compressed.Messages += n
			compressed.In += n * int64(e.size)
			compressed.Out += n * int64(len(e.request.Message))
		}
		_, answers := c.Attempts()
		decompressed.Messages += answers.Compressed
	}
	return compressed, decompressed
}

func (e *wireEngine) received() map[string]int64 {
	all := map[string]int64{}
	for _, c := range e.channels {
		for encoding, n := range c.Received() {
			all[encoding] += n
		}
	}
	return all
}
