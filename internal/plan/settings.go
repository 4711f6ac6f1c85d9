package plan

import "grpcbench/internal/codec"

// ResponseCodec is how the bundled server compresses its responses. The zero
// value mirrors: the response takes the request's codec, as grpc-go does unless
// told otherwise.
type ResponseCodec struct {
	Mirror bool
	Spec   codec.Spec // when Mirror is false
}

// MetadataSize is synthetic metadata of a known size, over keys x-bench-0, …
// The zero value is none.
type MetadataSize struct {
	Bytes  int  // sum of value bytes before base64, over all keys
	Keys   int  // at least 1 when Bytes > 0
	Unique bool // a new value for each RPC; else the same bytes every time
	Binary bool // -bin keys
}

// Payload is a message body. The zero value is none: Foo(Empty).
type Payload struct {
	Bytes int
	Class string // "text", "json", "random", "zeros"; "" when Bytes is 0 or File is set
	File  *Blob  // body read from a file; Bytes is its size
}
