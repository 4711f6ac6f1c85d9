package codec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"

	"google.golang.org/grpc"
)

// Uncompressed prepares messages that are sent as they are, whatever encoding
// their stream announces. It is safe for concurrent use.
//
// grpc-go compresses every message of a stream that has a compressor, but sends a
// PreparedMsg as it was encoded, and encodes it by what it finds in a stream's
// context. So the context of a stream without a compressor is what is needed, on
// whichever side the message is sent.
type Uncompressed struct {
	stream contextStream
}

// contextStream is a stream that has only a context.
type contextStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s contextStream) Context() context.Context { return s.ctx }

// NewUncompressed takes the context from an RPC of its own, which it sends to a
// server of its own in memory: a request can come compressed, and then its own
// context has the compressor. The options say by what codec messages are marshalled, as
// [grpc.ForceServerCodecV2].
func NewUncompressed(options ...grpc.ServerOption) (*Uncompressed, error) {
	var ctx context.Context
	server := grpc.NewServer(append(options, grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		ctx = s.Context()
		return nil
	}))...)
	defer server.Stop()
	empty := make([]byte, 5) // the prefix of a message of no bytes
	r, err := http.NewRequest(http.MethodPost, "http://localhost/in.Memory/Call", bytes.NewReader(empty))
	if err != nil {
		return nil, fmt.Errorf("take a stream's context: %w", err)
	}
	r.ProtoMajor = 2
	r.Header.Set("Content-Type", "application/grpc")
	server.ServeHTTP(discard{}, r)
	if ctx == nil {
		return nil, errors.New("take a stream's context: the call did not reach its handler")
	}
	return &Uncompressed{stream: contextStream{ctx: context.WithoutCancel(ctx)}}, nil
}

// Prepare encodes m.
func (u *Uncompressed) Prepare(m any) (*grpc.PreparedMsg, error) {
	p := &grpc.PreparedMsg{}
	if err := p.Encode(u.stream, m); err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return p, nil
}

// discard is an http.ResponseWriter and http.Flusher for an answer that nobody
// reads.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
func (discard) Flush()                      {}
