package wire

import (
	"bytes"
	"strconv"
	"strings"

	"golang.org/x/net/http2/hpack"

	"grpcbench/internal/h2code"
)

// meaning is what this client wants to know of a header block.
type meaning struct {
	httpStatus int  // 0: none
	isGRPC     bool // a content-type application/grpc…
	grpcStatus int  // noStatus, badStatus, or what it is
	encoding   string
	accepts    string // grpc-accept-encoding
	message    string // grpc-message, as encoded
	server     string // what names itself so
	tooLong    bool   // the list is, and all else is of its beginning
}

// begins says whether a response of gRPC may begin so.
func (m *meaning) begins() bool { return m.isGRPC && m.httpStatus >= 200 && m.grpcStatus != badStatus }

// What grpcStatus is where there is none, and where it is no number.
const (
	noStatus  = -1
	badStatus = -2
)

// headerReader decodes one connection's header blocks.
//
// A block of indexed fields alone changes no table (RFC 7541, 6.1: only literals
// with incremental indexing and size updates do), so it means the same each time
// until a block of another kind has come. Such blocks are looked up in memory; all
// others go through the full decoder, and forget what was remembered unless they
// too leave the table alone.
type headerReader struct {
	decoder *hpack.Decoder
	known   []known
	current meaning // being decoded
	size    int     // of the list so far, as RFC 9113, 6.5.2 counts
}

// known is a block that was decoded before.
type known struct {
	block []byte
	meaning
}

// maxKnown bounds what is remembered. A server that answers honestly needs a few,
// which are found sooner in a list than by a hash.
const maxKnown = 8

// maxKnownBlock is the longest block that is remembered.
const maxKnownBlock = 64

func newHeaderReader() *headerReader {
	r := &headerReader{}
	r.decoder = hpack.NewDecoder(headerTable, r.field)
	// A longer string belongs to a list that is too long.
	r.decoder.SetMaxStringLength(maxHeaderList)
	return r
}

// read decodes one whole header block. What it returns is valid until the next call.
func (r *headerReader) read(block []byte) (*meaning, error) {
	for i := range r.known {
		if bytes.Equal(r.known[i].block, block) {
			return &r.known[i].meaning, nil
		}
	}
	kind := survey(block)
	if kind == changesTable {
		r.known = r.known[:0]
	}
	r.current, r.size = meaning{grpcStatus: noStatus}, 0
	r.decoder.SetEmitEnabled(true)
	if _, err := r.decoder.Write(block); err != nil {
		return nil, violation(h2code.CompressionError, "a header block that does not decode")
	}
	if err := r.decoder.Close(); err != nil {
		return nil, violation(h2code.CompressionError, "a header block that ends in the middle of a field")
	}
	if kind == indexedOnly && len(block) <= maxKnownBlock && len(r.known) < maxKnown {
		r.known = append(r.known, known{bytes.Clone(block), r.current})
	}
	return &r.current, nil
}

// field is called by the decoder for each field.
func (r *headerReader) field(f hpack.HeaderField) {
	if r.size += int(f.Size()); r.size > maxHeaderList {
		r.current.tooLong = true
		r.decoder.SetEmitEnabled(false) // the table is still kept right
		return
	}
	m := &r.current
	switch f.Name {
	case ":status":
		m.httpStatus, _ = strconv.Atoi(f.Value) // what is no number is no status: 0
	case "content-type":
		m.isGRPC = m.isGRPC || isGRPC(f.Value)
	case "grpc-encoding":
		m.encoding = f.Value
	case "grpc-accept-encoding":
		m.accepts = f.Value
	case "grpc-status":
		n, err := strconv.ParseInt(f.Value, 10, 32)
		switch {
		case err != nil:
			m.grpcStatus = badStatus
		case m.grpcStatus != badStatus: // what is no number is not made good by another
			m.grpcStatus = int(uint32(n)) // a negative one is a large one to gRPC
		}
	case "server":
		m.server = f.Value
	case "grpc-message":
		m.message = f.Value
	}
}

// isGRPC says whether a content type is gRPC's: application/grpc, or that with
// +subtype or ;parameters (gRPC over HTTP/2, "Content-Type").
func isGRPC(contentType string) bool {
	rest, ok := strings.CutPrefix(strings.ToLower(contentType), "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

// What a header block does.
type blockKind int

const (
	changesTable blockKind = iota // or may: a literal to be indexed, a size update, or malformed
	keepsTable                    // literals that are not indexed
	indexedOnly
)

// survey says what a block does to the decoder's table, from the representations
// in it (RFC 7541, 6) and without decoding a string.
func survey(block []byte) blockKind {
	kind := indexedOnly
	for len(block) > 0 {
		switch b := block[0]; {
		case b&0x80 != 0: // 1xxxxxxx: indexed field
			rest, _, ok := skipInteger(block, 7)
			if !ok {
				return changesTable
			}
			block = rest
		case b&0xe0 == 0: // 0000xxxx and 0001xxxx: literal not indexed, never indexed
			kind = keepsTable
			rest, index, ok := skipInteger(block, 4)
			if ok && index == 0 {
				rest, ok = skipString(rest)
			}
			if ok {
				rest, ok = skipString(rest)
			}
			if !ok {
				return changesTable
			}
			block = rest
		default: // 01xxxxxx: literal to be indexed; 001xxxxx: size update
			return changesTable
		}
	}
	return kind
}

// skipInteger reads an integer with an n-bit prefix (RFC 7541, 5.1).
func skipInteger(b []byte, n uint) (rest []byte, value int, ok bool) {
	if len(b) == 0 {
		return nil, 0, false
	}
	limit := 1<<n - 1
	value = int(b[0]) & limit
	if value < limit {
		return b[1:], value, true
	}
	for i, shift := 1, uint(0); i < len(b) && shift <= 21; i, shift = i+1, shift+7 {
		value += int(b[i]&0x7f) << shift
		if b[i]&0x80 == 0 {
			return b[i+1:], value, true
		}
	}
	return nil, 0, false
}

// skipString passes a string (RFC 7541, 5.2).
func skipString(b []byte) (rest []byte, ok bool) {
	rest, n, ok := skipInteger(b, 7)
	if !ok || n > len(rest) {
		return nil, false
	}
	return rest[n:], true
}
