package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"grpcbench/internal/call"
	"grpcbench/internal/channel"
	"grpcbench/internal/codec"
	"grpcbench/internal/load"
	"grpcbench/internal/wire"
	serverpb "grpcbench/proto"
	benchv1 "grpcbench/proto/bench/v1"
)

// wireEngine makes RPCs by package wire. Its requests are encoded, and compressed,
// once for all.
type wireEngine struct {
	request  wire.Request
	size     int // of a message before it was compressed
	channels []*wire.Channel
}

func newWireEngine(o call.Options) (*wireEngine, error) {
	e := &wireEngine{request: wire.Request{Path: o.Name(), Deadline: o.Deadline, Length: -1,
		Accept: strings.Join(codec.Names(), ","), Metadata: fieldsOf(o.Static())}}
	if unique := o.Unique(); unique != nil {
		e.request.Unique = func(seq int64) []wire.Field { return fieldsOf(unique(seq)) }
	}
	if err := e.message(o); err != nil {
		return nil, err
	}
	if o.Compression.Announced() {
		e.request.Encoding = o.Compression.Name
	}
	// gRPC compresses no empty message.
	if e.size = len(e.request.Message); !o.Compression.Compresses() || e.size == 0 {
		return e, nil
	}
	var packed bytes.Buffer
	w, err := encoding.GetCompressor(o.Compression.Name).Compress(&packed)
	if err == nil {
		_, err = w.Write(e.request.Message)
		err = errors.Join(err, w.Close())
	}
	e.request.Message, e.request.Compressed = packed.Bytes(), true
	return e, err
}

// message encodes the request and says how its responses are checked.
func (e *wireEngine) message(o call.Options) (err error) {
	var want proto.Message
	var response func() proto.Message
	switch {
	case o.Method != "":
		e.request.Message = o.Request
		return nil
	case o.Echo != nil:
		e.request.Message, err = proto.Marshal(o.Echo)
		want = &benchv1.EchoResponse{Body: make([]byte, o.ResponseSize())}
		response = func() proto.Message { return &benchv1.EchoResponse{} }
	default:
		want, response = &serverpb.Empty{}, func() proto.Message { return &serverpb.Empty{} }
	}
	size := proto.Size(want)
	e.request.Length = size
	e.request.Check = func(encoding string, compressed bool, message []byte) error {
		message, err := unpack(encoding, compressed, message)
		if err != nil {
			return err
		}
		if len(message) != size {
			return fmt.Errorf("response of %d bytes: must be %d", len(message), size)
		}
		return proto.Unmarshal(message, response())
	}
	return err
}

// unpack decompresses a response, at most to the size that gRPC takes.
func unpack(name string, compressed bool, message []byte) ([]byte, error) {
	if !compressed {
		return message, nil
	}
	c := encoding.GetCompressor(name)
	if c == nil {
		return nil, fmt.Errorf("response encoding %.20q: not known", name)
	}
	r, err := c.Decompress(bytes.NewReader(message))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, wire.MaxMessage+1))
}

func fieldsOf(pairs []call.Pair) []wire.Field {
	fields := make([]wire.Field, len(pairs))
	for i, p := range pairs {
		fields[i] = wire.Field(p)
	}
	return fields
}

func (e *wireEngine) open(ctx context.Context, o channel.Options) (link, error) {
	c, err := wire.Open(ctx, wire.Options{Address: o.Address, TLS: o.TLS, Timeout: o.Timeout, Request: e.request})
	if err != nil {
		return nil, err // not c: a nil pointer in an interface is not nil
	}
	return c, nil
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

func (e *wireEngine) once(ctx context.Context) error {
	// The RPCs of a run are numbered from 0: no unique value is used twice.
	code, said := e.channels[0].Once(ctx, -1)
	switch code {
	case load.OK:
		return nil
	case load.BadPayload:
		return call.ErrBadPayload
	}
	return status.Error(call.CodeOf(code), said)
}

// work counts every message that went out compressed, though it was compressed
// once: its CPU is not the RPCs'.
func (e *wireEngine) work() (compressed, decompressed Work) {
	for _, c := range e.channels {
		attempts, answers := c.Attempts()
		if e.request.Compressed {
			compressed.Messages += attempts
			compressed.In += attempts * int64(e.size)
			compressed.Out += attempts * int64(len(e.request.Message))
		}
		decompressed.Messages += answers.Compressed
	}
	return compressed, decompressed
}

func (e *wireEngine) close() {}
