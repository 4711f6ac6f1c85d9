package call

import (
	"fmt"

	"google.golang.org/grpc/mem"
)

// Marshal implements encoding.CodecV2.
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("marshal %T: must be bytes", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(b)}, nil
}

// Unmarshal implements encoding.CodecV2.
func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("unmarshal into %T: must be bytes", v)
	}
	*b = data.Materialize()
	return nil
}

// Name implements encoding.CodecV2. It is empty because grpc-go makes a content-subtype of
// it, and sends none with a codec that was not forced: application/grpc.
func (rawCodec) Name() string { return "" }
