package wire

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"grpcbench/internal/code"
	"grpcbench/internal/load"
)

// response is what a server sends on one stream, and what the RPC is by that.
type response struct {
	name   string
	frames func(s *server, id uint32) []byte
	want   string
	// reset says that the client ends a stream which the server has not.
	reset bool
}

const grpcType = "application/grpc"

// data is DATA with a message's bytes.
func (s *server) data(id uint32, end bool, b []byte) []byte { return s.wrote(s.WriteData(id, end, b)) }

// body is a response's begin, and then DATA and trailers.
func body(data ...[]byte) func(*server, uint32) []byte {
	return func(s *server, id uint32) []byte {
		b := s.opening(id)
		for _, d := range data {
			b = append(b, s.data(id, false, d)...)
		}
		return append(b, s.headers(id, true, "grpc-status", "0")...)
	}
}

// only is a response that is one header block.
func only(end bool, fields ...string) func(*server, uint32) []byte {
	return func(s *server, id uint32) []byte { return s.headers(id, end, fields...) }
}

// after is a response's begin and more.
func after(more func(s *server, id uint32) []byte) func(*server, uint32) []byte {
	return func(s *server, id uint32) []byte { return append(s.opening(id), more(s, id)...) }
}

// responses are to RPCs whose answer is a message of five bytes, "hello".
func responses() []response {
	hello := appendMessage(nil, []byte("hello"), false)
	empty := appendMessage(nil, nil, false)
	all := []response{
		{"hello", body(hello), load.OK, false},
		{"in pieces", body(hello[:1], nil, hello[1:5], hello[5:9], hello[9:]), load.OK, false},
		{"no message", body(), code.Internal, false},
		{"two messages", body(hello, hello), code.Internal, false},
		{"two messages in one frame", body(append(bytes.Clone(hello), empty...)), code.Internal, false},
		{"a message cut off", body(hello[:7]), code.Internal, false},
		{"a prefix cut off", body(hello[:3]), code.Internal, false},
		{"a message and a part of another", body(hello, []byte{0, 0}), code.Internal, false},
		{"a message of another length", body(empty), load.BadPayload, false},
		{"a message that is marked with 2", body([]byte{2, 0, 0, 0, 0}), code.Internal, true},
		{"a message that claims 4 GiB", body([]byte{0, 0xff, 0xff, 0xff, 0xff}), code.ResourceExhausted, true},
		{"compressed in no way", body(appendMessage(nil, []byte("hello"), true)), code.Internal, false},
		{"DATA that ends the stream", after(func(s *server, id uint32) []byte { return s.data(id, true, hello) }), code.Internal, false},
		{"trailers without a status", after(func(s *server, id uint32) []byte {
			return append(s.data(id, false, hello), s.headers(id, true, "x", "y")...)
		}), code.Unknown, false},
		{"trailers that do not end the stream", after(only(false, "grpc-status", "0")), code.Internal, true},
		{"an error in trailers, after a message", after(func(s *server, id uint32) []byte {
			return append(s.data(id, false, hello), s.headers(id, true, "grpc-status", "9")...)
		}), "FAILED_PRECONDITION", false},
		{"an error in trailers, without a message", after(only(true, "grpc-status", "5")), "NOT_FOUND", false},
		{"a status that is no number", after(only(true, "grpc-status", "five")), code.Unknown, false},
		{"trailers alone with an error", only(true, ":status", "200", "content-type", grpcType, "grpc-status", "7"), code.PermissionDenied, false},
		{"trailers alone with OK", only(true, ":status", "200", "content-type", grpcType, "grpc-status", "0"), code.Internal, false},
		{"trailers alone without a status", only(true, ":status", "200", "content-type", grpcType), code.Unknown, false},
		{"trailers alone of no gRPC server", only(true, ":status", "200", "content-type", "text/html"), code.Unknown, false},
		{"an empty header block", only(true), code.Internal, false},
		{"headers without :status", only(false, "content-type", grpcType), code.Internal, true},
		{"a :status that is no number", only(false, ":status", "abc", "content-type", grpcType), code.Internal, true},
		{"informational headers first", func(s *server, id uint32) []byte {
			return append(append(s.headers(id, false, ":status", "100"), s.headers(id, false, ":status", "103")...), body(hello)(s, id)...)
		}, load.OK, false},
		{"padding and priority", func(s *server, id uint32) []byte {
			b := s.wrote(s.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: s.fields(":status", "200", "content-type", grpcType),
				EndHeaders: true, PadLength: 255, Priority: http2.PriorityParam{StreamDep: 3, Exclusive: true, Weight: 9}}))
			b = append(b, s.wrote(s.WriteDataPadded(id, false, hello, make([]byte, 255)), s.WriteDataPadded(id, false, nil, make([]byte, 3)))...)
			return append(b, s.headers(id, true, "grpc-status", "0")...)
		}, load.OK, false},
		{"a header list above the limit", func(s *server, id uint32) []byte {
			return s.wrote(append(s.pieces(id, s.fields(":status", "200", "content-type", grpcType, "x", strings.Repeat("y", maxHeaderList))), s.WriteRSTStream(id, http2.ErrCodeNo))...)
		}, code.Internal, true},
	}
	for _, contentType := range []string{grpcType, grpcType + "+proto", grpcType + ";charset=utf-8", "Application/gRPC+json"} {
		all = append(all, response{"content-type " + contentType, func(s *server, id uint32) []byte {
			b := append(s.headers(id, false, ":status", "200", "content-type", contentType), s.data(id, false, hello)...)
			return append(b, s.headers(id, true, "grpc-status", "0")...)
		}, load.OK, false})
	}
	for _, contentType := range []string{"", "text/html", "application/grpcx", "application/grpc-web"} {
		all = append(all, response{"content-type " + contentType, only(false, ":status", "200", "content-type", contentType), code.Unknown, true})
	}
	// http-grpc-status-mapping.md, and what it leaves out.
	for status, want := range map[int]string{400: code.Internal, 401: code.Unauthenticated, 403: code.PermissionDenied, 404: code.Unimplemented,
		429: code.Unavailable, 502: code.Unavailable, 503: code.Unavailable, 504: code.Unavailable, 204: code.Unknown, 302: code.Unknown, 500: code.Unknown, 999: code.Unknown} {
		text := strconv.Itoa(status)
		all = append(all,
			response{"HTTP " + text + " and a page", func(s *server, id uint32) []byte {
				return append(s.headers(id, false, ":status", text, "content-type", "text/html"), s.data(id, true, []byte("<html>"))...)
			}, want, true},
			response{"HTTP " + text + " alone", only(true, ":status", text), want, false},
			response{"HTTP " + text + " with a grpc-status", only(true, ":status", text, "content-type", grpcType, "grpc-status", "11"), "OUT_OF_RANGE", false})
	}
	return all
}

// pieces are HEADERS and CONTINUATION of at most a frame each.
func (s *server) pieces(id uint32, block []byte) (errs []error) {
	n := min(len(block), maxFrame)
	errs = append(errs, s.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block[:n], EndHeaders: n == len(block)}))
	for block = block[n:]; len(block) > 0; block = block[n:] {
		n = min(len(block), maxFrame)
		errs = append(errs, s.WriteContinuation(id, n == len(block), block[:n]))
	}
	return errs
}

// TestEachResponseIsItsCode: each goes to one RPC of three on a connection.
//
//	fault:   responses that break gRPC: messages, trailers, status, content-type, HTTP status
//	promise: the RPC ends with the code of gRPC's tables; those beside it and after it succeed
//	figure:  72 responses: 1 outcome of each RPC, as expected
func TestEachResponseIsItsCode(t *testing.T) {
	for _, r := range responses() {
		t.Run(r.name, func(t *testing.T) {
			c := newClient(t, Request{Length: 5, Accept: "gzip"})
			hello := body(appendMessage(nil, []byte("hello"), false))
			c.start(0, 2)
			c.frames(t)
			c.must(t, r.frames(c.server, 1))
			resets := 0
			for _, f := range c.frames(t) {
				if f.Type == http2.FrameRSTStream && f.StreamID == 1 {
					resets++
				}
			}
			if got := c.told.codes[0]; got != r.want || resets > 1 || (resets == 1) != r.reset {
				t.Errorf("outcome %q, %d RST_STREAM; want %s, reset: %t", got, resets, r.want, r.reset)
			}
			c.must(t, hello(c.server, 3))
			c.start(2, 1)
			c.must(t, hello(c.server, 5))
			if got := c.told.codes; got[1] != load.OK || got[2] != load.OK {
				t.Errorf("RPCs beside and after it: %v, want OK", got)
			}
		})
	}
	if n := len(responses()); n != 72 {
		t.Errorf("%d responses, the figure above says 72", n)
	}
}

// is returns a Check for one message that knows gzip.
func is(want string) func(encoding string, compressed bool, message []byte, limit int) load.End {
	return func(encoding string, compressed bool, message []byte, _ int) load.End {
		if compressed {
			r, err := gzip.NewReader(bytes.NewReader(message))
			if err != nil || encoding != "gzip" {
				return load.End{Code: load.BadPayload}
			}
			if message, err = io.ReadAll(io.LimitReader(r, int64(len(want)+1))); err != nil {
				return load.End{Code: load.BadPayload}
			}
		}
		if string(message) != want {
			return load.End{Code: load.BadPayload}
		}
		return load.Good
	}
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTheContentOfResponsesIsChecked(t *testing.T) {
	packed := zipped(t, "hello")
	broken := bytes.Clone(packed)
	broken[len(broken)-5] ^= 1 // of the checksum
	for _, test := range []struct {
		name, encoding string
		compressed     bool
		message        []byte
		want           string
	}{
		{"as it is", "", false, []byte("hello"), load.OK},
		{"as it is under an encoding", "gzip", false, []byte("hello"), load.OK},
		{"other content", "", false, []byte("hallo"), load.BadPayload},
		{"compressed", "gzip", true, packed, load.OK},
		{"compressed, other content", "gzip", true, zipped(t, "hallo"), load.BadPayload},
		{"compressed, broken", "gzip", true, broken, load.BadPayload},
		{"compressed, cut off", "gzip", true, packed[:len(packed)-3], load.BadPayload},
		{"compressed in a way that was not offered", "snappy", true, packed, code.Internal},
		{"compressed, no encoding", "", true, packed, code.Internal},
		{"compressed, identity", "identity", true, packed, code.Internal},
	} {
		c := newClient(t, Request{Length: 5, Accept: "deflate,gzip", Check: is("hello")})
		c.start(0, 1)
		fields := []string{":status", "200", "content-type", grpcType}
		if test.encoding != "" {
			fields = append(fields, "grpc-encoding", test.encoding)
		}
		b := append(c.headers(1, false, fields...), c.data(1, false, appendMessage(nil, test.message, test.compressed))...)
		c.must(t, append(b, c.server.headers(1, true, "grpc-status", "0")...))
		if got := c.told.codes[0]; got != test.want {
			t.Errorf("%s: %q, want %s", test.name, got, test.want)
		}
	}
}

// TestWhatIsKeptOfResponsesIsBounded: a hundred RPCs whose content is looked at, and a
// server that sends each 4 MiB where a few bytes are due.
//
//	fault:   a server that answers {rpcs} RPCs at once with 4 MiB each in place of 5 bytes, and never ends one
//	promise: no more is kept of each than an honest message can have
//	figure:  at most {most} bytes an RPC
func TestWhatIsKeptOfResponsesIsBounded(t *testing.T) {
	const rpcs, most = 100, 4096
	for name, flag := range map[string]byte{"plain": 0, "compressed": 1} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, Request{Length: 5, Accept: "gzip", Check: is("hello")})
			c.start(0, rpcs)
			piece := make([]byte, maxFrame)
			for i := range uint32(rpcs) {
				id := 2*i + 1
				c.must(t, append(c.headers(id, false, ":status", "200", "content-type", grpcType, "grpc-encoding", "gzip"), c.data(id, false, []byte{flag, 0, 0x40, 0, 0})...))
				for range 20 {
					c.must(t, c.data(id, false, piece))
				}
			}
			if len(c.told.codes) != 0 {
				t.Fatalf("outcomes %v before any RPC was ended", c.told.codes)
			}
			c.conn.streams.all(func(s *stream) {
				if n := cap(s.response.kept); n > most {
					t.Errorf("%d bytes are kept on stream %d", n, s.id)
				}
			})
		})
	}
}

// A server that never waits for a window: what it sends is read and forgotten, on open
// streams and on closed ones, and the windows stay right.
func TestAServerThatIgnoresWindowsCostsNothing(t *testing.T) {
	c := newClient(t, Request{Length: 5, Check: is("hello")})
	c.start(0, 2)
	c.must(t, append(c.opening(1), c.data(1, false, []byte{0, 0, 0x40, 0, 0})...)) // 4 MiB to come
	piece := c.data(1, false, make([]byte, maxFrame))
	for range 4 << 20 / maxFrame {
		c.must(t, piece)
	}
	c.must(t, c.server.headers(1, true, "grpc-status", "0"))
	c.frames(t)
	const closed = 64 << 20 // bytes on a stream that has ended
	for range closed / maxFrame {
		c.must(t, piece)
	}
	back := 0
	for _, f := range c.frames(t) {
		if f.Type != http2.FrameWindowUpdate || f.StreamID != 0 {
			t.Fatalf("%v written, want WINDOW_UPDATE of the connection alone", f)
		}
		back += int(binary.BigEndian.Uint32(f.payload))
	}
	if back > closed+window || back < closed-window {
		t.Errorf("%d bytes given back of %d", back, closed)
	}
	c.must(t, body(appendMessage(nil, []byte("hello"), false))(c.server, 3))
	if got := c.told.codes; got[0] != load.BadPayload || got[1] != load.OK {
		t.Errorf("outcomes %v, want %s and OK", got, load.BadPayload)
	}
}
