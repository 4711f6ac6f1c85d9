package call

import (
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
)

// Heard is what the server showed of one RPC beside its outcome.
type Heard struct {
	// Expected is the code that the RPC ended with where that was expected and is not OK.
	Expected string
	// Ended is the error behind Expected.
	Ended error
	// Accepts are the codecs that the server accepts, by its grpc-accept-encoding; nil: it
	// named none, as grpc-go's do.
	Accepts []string
	// Size is the length of the response message, decompressed, in bytes; -1: not known.
	Size int64
}

// Lacks reports whether the server names the codecs that it accepts and name is not among
// them. gRPC's C core takes the message of such an RPC as it came, compressed, and answers
// OK (1.51), against compression.md, which asks for UNIMPLEMENTED.
func (h Heard) Lacks(name string) bool {
	if h.Accepts == nil {
		return false
	}
	for _, one := range h.Accepts {
		if one == name {
			return false
		}
	}
	return true
}

const (
	maxAccepts = 10
	maxCodec   = 20 // bytes
)

// ParseAccepts reads the value of a grpc-accept-encoding header, which a server wrote: what
// is no name of a codec is left out, and so is what is more than anybody needs.
func ParseAccepts(value string) []string {
	var names []string
	for name := range strings.SplitSeq(value, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "" || len(name) > maxCodec || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
			continue
		}
		if names = append(names, name); len(names) == maxAccepts {
			break
		}
	}
	return names
}

// acceptsIn are the codecs that a response's header names.
func acceptsIn(header metadata.MD) []string {
	return ParseAccepts(strings.Join(header.Get("grpc-accept-encoding"), ","))
}

// sizing is a codec of raw messages that notes the length of the one it reads.
type sizing struct {
	rawCodec
	size *int64
}

// Unmarshal implements encoding.CodecV2.
func (s sizing) Unmarshal(data mem.BufferSlice, v any) error {
	*s.size = int64(data.Len())
	return s.rawCodec.Unmarshal(data, v)
}

// sized makes an RPC of raw messages note its response's length.
func sized(size *int64) grpc.CallOption { return grpc.ForceCodecV2(sizing{size: size}) }
