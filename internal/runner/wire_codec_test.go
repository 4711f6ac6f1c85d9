package runner_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"

	"grpcbench/internal/payload"
	benchv1 "grpcbench/proto/bench/v1"
)

// compressed returns the length of m under one of the compressors.
func compressed(t *testing.T, name string, level int, m proto.Message) int {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	var w io.WriteCloser
	switch name {
	case "gzip":
		w, err = gzip.NewWriterLevel(&out, level)
	case "deflate":
		w, err = zlib.NewWriterLevel(&out, level)
	case "zstd":
		w, err = zstd.NewWriter(&out, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)))
	}
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Len()
}

// levels are the named levels and a digit. As with zlib, 1 is the fastest and 9
// the smallest.
func levels() map[string]int {
	return map[string]int{"low": 3, "medium": 6, "high": 9, "1": 1}
}

const body = 4 << 10 // bytes of the bodies that are compressed

func jsonBody(t *testing.T, size int) []byte {
	t.Helper()
	b, err := payload.Body(payload.JSON, size)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func compressionRows() []row {
	const args = "--payload 4KiB:json --response-compression none --compression "
	encoding := func(t *testing.T, s seen, want string) {
		if got := s.arm.Observed.RequestEncodings; !maps.Equal(got, map[string]int64{want: s.arm.LedgerTotal.OK}) {
			t.Errorf("the server saw encodings %v, want %s in each of %d", got, want, s.arm.LedgerTotal.OK)
		}
	}
	rows := []row{
		{option: "compression", args: args + "none", check: func(t *testing.T, s seen) {
			encoding(t, s, "identity")
			if n := s.arm.Observed.RequestsDecompressed; n != 0 {
				t.Errorf("the server decompressed %d requests", n)
			}
		}},
		// An empty message is never compressed; the encoding is announced.
		{option: "compression", args: "--compression gzip", check: func(t *testing.T, s seen) { encoding(t, s, "gzip") }},
	}
	for _, name := range []string{"gzip", "deflate", "zstd"} {
		rows = append(rows, row{option: "compression", args: args + name + ":none", check: func(t *testing.T, s seen) {
			encoding(t, s, name)
			if n := s.arm.Observed.RequestsDecompressed; n != 0 {
				t.Errorf("the server decompressed %d requests", n)
			}
			if sent := s.arm.SentBytes; sent == nil || *sent < body {
				t.Errorf("sent %v bytes an RPC, want the whole body", sent)
			}
		}})
		for level, number := range levels() {
			rows = append(rows, row{option: "compression", args: args + name + ":" + level, check: func(t *testing.T, s seen) {
				encoding(t, s, name)
				if n := s.arm.Observed.RequestsDecompressed; n != s.arm.LedgerTotal.OK {
					t.Errorf("the server decompressed %d requests of %d", n, s.arm.LedgerTotal.OK)
				}
				m := &benchv1.EchoRequest{Body: jsonBody(t, body), ResponseContent: benchv1.Content_CONTENT_ZEROS, ResponseEncoding: "identity"}
				wantRatio(t, s.arm.CompressionRatio, float64(compressed(t, name, number, m))/float64(proto.Size(m)))
			}})
		}
	}
	return rows
}

// wantRatio compares bytes after by bytes before. The sums are exact, their
// quotient is rounded.
func wantRatio(t *testing.T, got *float64, want float64) {
	t.Helper()
	if got == nil || *got < want*(1-1e-9) || *got > want*(1+1e-9) {
		t.Errorf("compression ratio %v, want %v", deref(got), want)
	}
}

func deref(f *float64) any {
	if f == nil {
		return "unknown"
	}
	return *f
}

func responseRows() []row {
	const args = "--response-payload 4KiB:json --response-compression "
	accepts := func(args string, want ...string) row {
		return row{option: "accept-compression", args: args, target: plaintext, check: func(t *testing.T, s seen) {
			if got := slices.Collect(maps.Keys(s.target.metadata["grpc-accept-encoding"])); !slices.Equal(got, want) {
				t.Errorf("grpc-accept-encoding %q, want %q", got, want)
			}
		}}
	}
	uncompressed := func(t *testing.T, s seen) {
		if s.arm.ResponseCompressed != 0 || s.arm.ReceivedBytes == nil || *s.arm.ReceivedBytes < body {
			t.Errorf("compressed %d responses, received %v bytes an RPC, want the whole body", s.arm.ResponseCompressed, deref(s.arm.ReceivedBytes))
		}
	}
	announced := func(want string, check func(*testing.T, seen)) func(*testing.T, seen) {
		return func(t *testing.T, s seen) {
			check(t, s)
			if got := s.arm.Observed.ResponseEncodings; !maps.Equal(got, map[string]int64{want: s.arm.LedgerTotal.OK}) {
				t.Errorf("the server announced encodings %v, want %s in each of %d", got, want, s.arm.LedgerTotal.OK)
			}
		}
	}
	rows := []row{
		accepts(""), accepts("--compression none"), accepts("--accept-compression none"),
		accepts("--accept-compression zstd+deflate", "deflate,zstd"),
		accepts(args+"gzip:low", "gzip"), accepts(args+"gzip:low --accept-compression gzip,zstd", "gzip,zstd"),
		{option: "response-compression", args: args + "none --compression gzip", check: announced("identity", uncompressed)},
		{option: "response-compression", args: args + "mirror", check: announced("identity", uncompressed)},
		{option: "response-compression", args: args + "gzip:none", check: announced("gzip", uncompressed)},
	}
	ratio := func(name, level string) func(*testing.T, seen) {
		return func(t *testing.T, s seen) {
			if n := s.arm.ResponseCompressed; n != s.arm.LedgerTotal.OK {
				t.Errorf("the server compressed %d responses of %d", n, s.arm.LedgerTotal.OK)
			}
			m := &benchv1.EchoResponse{Body: jsonBody(t, body)}
			wantRatio(t, s.arm.ResponseCompressionRatio, float64(compressed(t, name, levels()[level], m))/float64(proto.Size(m)))
		}
	}
	for _, of := range [][2]string{
		{"gzip", "low"}, {"gzip", "medium"}, {"gzip", "high"}, {"gzip", "1"}, {"deflate", "low"}, {"deflate", "high"}, {"zstd", "low"}, {"zstd", "high"},
	} {
		rows = append(rows, row{option: "response-compression", args: args + of[0] + ":" + of[1], check: announced(of[0], ratio(of[0], of[1]))})
	}
	return append(rows,
		row{option: "response-compression", args: args + "mirror --compression gzip:low", check: announced("gzip", ratio("gzip", "low"))},
		row{option: "response-compression", args: args + "deflate:high --compression gzip:low", check: announced("deflate", ratio("deflate", "high"))})
}
