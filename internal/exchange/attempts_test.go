package exchange_test

import (
	"bytes"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"grpcbench/internal/channel"
	"grpcbench/internal/h2code"
)

// scripted is a server that answers the nth request as act says. It has no Control.
func scripted(t *testing.T, act func(w *http2.Framer, stream uint32, nth int64)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	var n atomic.Int64
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.ReadFull(conn, make([]byte, len(http2.ClientPreface))) // ReadFrame fails then
				w := http2.NewFramer(conn, conn)
				w.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
				control := map[uint32]bool{} // streams
				_ = w.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 100}, http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1})
				for {
					f, err := w.ReadFrame()
					if err != nil {
						return
					}
					switch f := f.(type) {
					case *http2.SettingsFrame:
						if !f.IsAck() {
							_ = w.WriteSettingsAck()
						}
					case *http2.MetaHeadersFrame:
						if strings.HasPrefix(f.PseudoValue("path"), "/bench.v1.") {
							control[f.StreamID] = true
							answer(w, f.StreamID, true, ":status", "200", "content-type", "application/grpc", "grpc-status", "12")
						}
					case *http2.DataFrame:
						if f.StreamEnded() && !control[f.StreamID] {
							act(w, f.StreamID, n.Add(1))
						}
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// fine answers a request.
func fine(w *http2.Framer, stream uint32) {
	answer(w, stream, false, ":status", "200", "content-type", "application/grpc")
	_ = w.WriteData(stream, false, make([]byte, 5))
	answer(w, stream, true, "grpc-status", "0")
}

// answer writes a header block of name and value in turn.
func answer(w *http2.Framer, stream uint32, last bool, pairs ...string) {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for pair := range slices.Chunk(pairs, 2) {
		_ = e.WriteField(hpack.HeaderField{Name: pair[0], Value: pair[1], Sensitive: true}) // to memory, and into no table
	}
	_ = w.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, EndHeaders: true, EndStream: last, BlockFragment: block.Bytes()})
}

// An RPC that was made twice shows on which connections and why, and what the server said
// of them.
func TestACallThatWasMadeTwiceIsShown(t *testing.T) {
	goAway := func(w *http2.Framer, _ uint32, _ int64) {
		_ = w.WriteGoAway(0, http2.ErrCodeInternal, []byte("header list of secrets"))
	}
	for _, of := range []struct {
		name    string
		act     func(w *http2.Framer, stream uint32, nth int64)
		code    string
		causes  []string
		same    bool // connection
		goAways channel.GoAways
	}{
		{"once", func(w *http2.Framer, stream uint32, _ int64) { fine(w, stream) }, "OK", []string{""}, true, nil},
		{"GOAWAY twice", goAway, "UNAVAILABLE", []string{"GOAWAY INTERNAL_ERROR", "GOAWAY INTERNAL_ERROR"}, false,
			channel.GoAways{{Code: "INTERNAL_ERROR", Connections: 2, Counted: 2, Refused: 2}}},
		{"GOAWAY, then fine", func(w *http2.Framer, stream uint32, nth int64) {
			if nth == 1 {
				goAway(w, stream, nth)
				return
			}
			fine(w, stream)
		}, "OK", []string{"GOAWAY INTERNAL_ERROR", ""}, false, channel.GoAways{{Code: "INTERNAL_ERROR", Connections: 1, Counted: 1, Refused: 1}}},
		{"refused, then fine", func(w *http2.Framer, stream uint32, nth int64) {
			if nth == 1 {
				_ = w.WriteRSTStream(stream, http2.ErrCodeRefusedStream)
				return
			}
			fine(w, stream)
		}, "OK", []string{"RST_STREAM REFUSED_STREAM", ""}, true, nil},
		{"refused twice", func(w *http2.Framer, stream uint32, nth int64) {
			_ = w.WriteRSTStream(stream, http2.ErrCodeRefusedStream)
		}, "UNAVAILABLE", []string{"RST_STREAM REFUSED_STREAM", "RST_STREAM REFUSED_STREAM"}, true, nil},
	} {
		t.Run(of.name, func(t *testing.T) {
			e := do(t, trial(scripted(t, of.act), nil))
			var causes []string
			for _, a := range e.Attempts {
				causes = append(causes, a.Cause)
			}
			if e.Status.Code != of.code || !slices.Equal(causes, of.causes) || !slices.Equal(e.GoAways, of.goAways) {
				t.Errorf("%s, attempts %+v, GOAWAYs %+v; want %s, %q, %+v", e.Status.Code, e.Attempts, e.GoAways, of.code, of.causes, of.goAways)
			}
			if n := len(e.Attempts); n == 2 && (e.Attempts[0].Local == e.Attempts[1].Local) != of.same {
				t.Errorf("attempts %+v, want one connection: %t", e.Attempts, of.same)
			}
			if s := e.ServerSettings; len(s) != 2 || s[h2code.SettingMaxConcurrentStreams] != 100 || s[h2code.SettingEnableConnectProtocol] != 1 {
				t.Errorf("settings %v", s)
			}
		})
	}
}
