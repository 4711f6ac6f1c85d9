package wire

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2/hpack"

	"grpcbench/internal/cause"
	"grpcbench/internal/h2code"
	"grpcbench/internal/load"
)

// Field is one metadata entry. The value of a -bin name is raw bytes.
type Field struct{ Name, Value string }

// Request says what each RPC is. It is encoded once and only copied after that.
type Request struct {
	Path       string // full method name, /package.Service/Method
	Message    []byte // as it goes out, compressed or not
	Compressed bool   // the message's flag
	Encoding   string // grpc-encoding; "": none announced
	Accept     string // grpc-accept-encoding; "": none announced
	Metadata   []Field
	Unique     func(seq int64) []Field // more metadata, of one RPC each; nil: none
	Deadline   time.Duration           // 0: none

	Expect cause.Expectation // of each RPC's status

	// Length is the length of a response message that is not compressed; -1: not known.
	Length int
	// Check, when not nil, looks into the first 100 responses of a connection and every
	// 1000th after that, or, where their length is not known, into each that is compressed.
	// A message may have limit bytes. It returns how the RPC ended.
	Check func(encoding string, compressed bool, message []byte, limit int) load.End
}

// keep is how much of a response is kept to be looked into: the whole message, also
// where a codec has made it longer, which none does by more than a sixth and a few
// bytes. What is longer is wrong, and is wrong when it is cut off too.
func (r *Request) keep() int { return r.Length + r.Length/6 + 1024 }

// accepts says whether a response may be compressed in this way.
func (r *Request) accepts(encoding string) bool {
	for one := range strings.SplitSeq(r.Accept, ",") {
		if one == encoding {
			return encoding != ""
		}
	}
	return false
}

// fields are what every RPC's header block begins with, in the order that the
// specification asks for: those of HTTP/2, then gRPC's own, then the user's.
func (r *Request) fields(authority string, secure bool) []hpack.HeaderField {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	all := []hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: scheme}, {Name: ":path", Value: r.Path},
		{Name: ":authority", Value: authority}, {Name: "content-type", Value: "application/grpc"},
		{Name: "user-agent", Value: "grpc-bench-wire"}, {Name: "te", Value: "trailers"},
	}
	if r.Deadline > 0 {
		all = append(all, hpack.HeaderField{Name: "grpc-timeout", Value: timeout(r.Deadline)})
	}
	if r.Encoding != "" {
		all = append(all, hpack.HeaderField{Name: "grpc-encoding", Value: r.Encoding})
	}
	if r.Accept != "" {
		all = append(all, hpack.HeaderField{Name: "grpc-accept-encoding", Value: r.Accept})
	}
	return appendFields(all, r.Metadata)
}

func appendFields(all []hpack.HeaderField, metadata []Field) []hpack.HeaderField {
	for _, f := range metadata {
		value := f.Value
		if strings.HasSuffix(f.Name, "-bin") {
			value = base64.RawStdEncoding.EncodeToString([]byte(value))
		}
		all = append(all, hpack.HeaderField{Name: strings.ToLower(f.Name), Value: value})
	}
	return all
}

// timeout writes a duration as grpc-timeout does: at most eight digits and the
// finest unit that allows it (gRPC over HTTP/2, "TimeoutValue").
func timeout(d time.Duration) string {
	units := [...]struct {
		size time.Duration
		name string
	}{{time.Nanosecond, "n"}, {time.Microsecond, "u"}, {time.Millisecond, "m"}, {time.Second, "S"}, {time.Minute, "M"}, {time.Hour, "H"}}
	for _, u := range units {
		if n := (d + u.size - 1) / u.size; n < 1e8 {
			return strconv.FormatInt(int64(n), 10) + u.name
		}
	}
	return "99999999H"
}

// sender encodes one connection's requests.
//
// The encoder indexes every field that fits its table, so that from the second
// RPC on a block is indexes alone, changes nothing, and can be sent again as it is.
// It is looked for with survey, the same proof as on the receiving side; where it
// does not come to that, as with more metadata than the table holds or with values
// of one RPC each, every block is encoded anew.
type sender struct {
	request *Request
	fields  []hpack.HeaderField
	encoder *hpack.Encoder
	block   bytes.Buffer
	steady  []byte // a block that can be sent again; nil: not found
	size    uint64 // of the latest header list
	message []byte // with its prefix
}

func newSender(r *Request, authority string, secure bool) *sender {
	s := &sender{request: r, fields: r.fields(authority, secure), message: appendMessage(nil, r.Message, r.Compressed)}
	s.encoder = hpack.NewEncoder(&s.block)
	return s
}

// headers returns the header block of RPC seq. It is valid until the next call.
func (s *sender) headers(seq int64) ([]byte, error) {
	if s.steady != nil {
		return s.steady, nil
	}
	s.block.Reset()
	s.size = 0
	if err := s.write(s.fields); err != nil {
		return nil, err
	}
	if s.request.Unique != nil {
		err := s.write(appendFields(nil, s.request.Unique(seq)))
		return s.block.Bytes(), err
	}
	if survey(s.block.Bytes()) == indexedOnly {
		s.steady = bytes.Clone(s.block.Bytes())
	}
	return s.block.Bytes(), nil
}

// write encodes fields and adds up their size, as RFC 9113, 6.5.2 counts.
func (s *sender) write(fields []hpack.HeaderField) error {
	for _, f := range fields {
		s.size += uint64(f.Size())
		if err := s.encoder.WriteField(f); err != nil {
			return err
		}
	}
	return nil
}

// resize obeys a server's SETTINGS_HEADER_TABLE_SIZE: the next block says so and
// the one that was steady is none any more.
func (s *sender) resize(n uint32) {
	s.encoder.SetMaxDynamicTableSizeLimit(n)
	s.encoder.SetMaxDynamicTableSize(min(n, headerTable))
	s.steady = nil
}

// appendHeaders appends HEADERS, and CONTINUATION where the block is larger than
// a frame may be (RFC 9113, 6.2, 6.10).
func appendHeaders(dst, block []byte, stream uint32, limit int) []byte {
	kind := byte(h2code.FrameHeaders)
	for len(block) > limit {
		dst = appendFrameHeader(dst, limit, kind, 0, stream)
		dst = append(dst, block[:limit]...)
		block, kind = block[limit:], h2code.FrameContinuation
	}
	dst = appendFrameHeader(dst, len(block), kind, h2code.FlagEndHeaders, stream)
	return append(dst, block...)
}

// appendData appends DATA frames of at most limit bytes, the last with END_STREAM
// if end.
func appendData(dst, data []byte, stream uint32, limit int, end bool) []byte {
	for len(data) > limit {
		dst = appendFrameHeader(dst, limit, h2code.FrameData, 0, stream)
		dst = append(dst, data[:limit]...)
		data = data[limit:]
	}
	flags := byte(0)
	if end {
		flags = h2code.FlagEndStream
	}
	dst = appendFrameHeader(dst, len(data), h2code.FrameData, flags, stream)
	return append(dst, data...)
}
