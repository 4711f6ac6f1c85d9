package benchserver_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"

	"grpcbench/internal/benchserver"
	"grpcbench/internal/codec"
	benchv1 "grpcbench/proto/bench/v1"
)

// wire is one HTTP/2 connection, frame by frame.
type wire struct {
	t        *testing.T
	net      net.Conn
	framer   *http2.Framer
	sent     bytes.Buffer // header block
	encoder  *hpack.Encoder
	settings map[http2.SettingID]uint32 // the server's
	received int                        // bytes
}

// Read counts what the server sent.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.net.Read(p)
	w.received += n
	return n, err
}

// connect opens a connection and reads the server's SETTINGS.
func connect(t *testing.T, addr string) *wire {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	// Nothing is measured: a lost frame fails the test instead of hanging it.
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t, net: c, settings: map[http2.SettingID]uint32{}}
	w.framer = http2.NewFramer(c, w)
	w.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	w.encoder = hpack.NewEncoder(&w.sent)
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := w.framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	f, ok := w.read().(*http2.SettingsFrame)
	if !ok {
		t.Fatalf("first frame is no SETTINGS")
	}
	_ = f.ForeachSetting(func(s http2.Setting) error { // returns what the function does
		w.settings[s.ID] = s.Val
		return nil
	})
	if err := w.framer.WriteSettingsAck(); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *wire) read() http2.Frame {
	w.t.Helper()
	f, err := w.framer.ReadFrame()
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// answer is what came back on a stream.
type answer struct {
	Encoding   string // grpc-encoding
	Compressed byte   // flag of the message
	Message    []byte
	Status     string // grpc-status
}

// call sends one message on stream id, with the header fields besides gRPC's
// usual ones.
func (w *wire) call(id uint32, flag byte, message []byte, fields ...hpack.HeaderField) answer {
	w.t.Helper()
	w.sent.Reset()
	for _, f := range slices.Concat([]hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"},
		{Name: ":path", Value: "/bench.v1.Bench/Echo"}, {Name: ":authority", Value: "localhost"},
		{Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
	}, fields) {
		if err := w.encoder.WriteField(f); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: w.sent.Bytes(), EndHeaders: true}); err != nil {
		w.t.Fatal(err)
	}
	data := append(binary.BigEndian.AppendUint32([]byte{flag}, uint32(len(message))), message...)
	if err := w.framer.WriteData(id, true, data); err != nil {
		w.t.Fatal(err)
	}
	return w.receive()
}

// receive reads frames until the stream's trailers.
func (w *wire) receive() answer {
	w.t.Helper()
	var a answer
	var body []byte
	for {
		switch f := w.read().(type) {
		case *http2.DataFrame:
			body = append(body, f.Data()...)
		case *http2.MetaHeadersFrame:
			for _, field := range f.Fields {
				switch field.Name {
				case "grpc-encoding":
					a.Encoding = field.Value
				case "grpc-status":
					a.Status = field.Value
				}
			}
			if f.StreamEnded() {
				if len(body) >= 5 {
					a.Compressed, a.Message = body[0], body[5:]
				}
				return a
			}
		}
	}
}

func marshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Level none is gRPC's "announced, not compressed": grpc-encoding in the headers
// and the Compressed-Flag 0 (gRPC over HTTP/2, Length-Prefixed-Message).
func TestTheResponsesEncodingAndFlagOnTheWire(t *testing.T) {
	accept := hpack.HeaderField{Name: "grpc-accept-encoding", Value: "identity,gzip, deflate"}
	announce := hpack.HeaderField{Name: "grpc-encoding", Value: codec.Gzip}
	text := func(encoding string, uncompressed bool) *benchv1.EchoRequest {
		return &benchv1.EchoRequest{
			ResponseSize: 500, ResponseContent: benchv1.Content_CONTENT_TEXT,
			ResponseEncoding: encoding, ResponseUncompressed: uncompressed,
		}
	}
	_, addr := start(t, benchserver.Options{})
	w := connect(t, addr)
	tests := []struct {
		name    string
		request *benchv1.EchoRequest
		flag    byte // of the request
		fields  []hpack.HeaderField
		want    answer // Message is compared by what it decodes to
	}{
		{"default", text("", false), 0, nil, answer{}},
		{"default mirrors", text("", false), 1, []hpack.HeaderField{announce}, answer{Encoding: "gzip", Compressed: 1}},
		{"default mirrors what is announced", text("", false), 0, []hpack.HeaderField{announce}, answer{Encoding: "gzip", Compressed: 1}},
		{"asked for", text("gzip", false), 0, []hpack.HeaderField{accept}, answer{Encoding: "gzip", Compressed: 1}},
		{"asked for another", text("deflate", false), 1, []hpack.HeaderField{announce, accept}, answer{Encoding: "deflate", Compressed: 1}},
		{"asked for none", text("identity", false), 1, []hpack.HeaderField{announce}, answer{Encoding: "identity"}},
		{"level none", text("gzip", true), 0, []hpack.HeaderField{accept}, answer{Encoding: "gzip"}},
		{"level none of another", text("deflate", true), 1, []hpack.HeaderField{announce, accept}, answer{Encoding: "deflate"}},
		{"level none mirrored from level none", text("", true), 0, []hpack.HeaderField{announce}, answer{Encoding: "gzip"}},
		{"level none mirrored from compressed", text("", true), 1, []hpack.HeaderField{announce}, answer{Encoding: "gzip"}},
		{"level none of nothing", text("", true), 0, nil, answer{}},
		{"not accepted", text("zstd", false), 0, []hpack.HeaderField{accept}, answer{Status: "3"}},
		{"nothing accepted", text("gzip", true), 0, nil, answer{Status: "3"}},
	}
	for i, tt := range tests {
		message := marshal(t, tt.request)
		if tt.flag == 1 {
			message = gzipped(t, message)
		}
		got := w.call(uint32(2*i+1), tt.flag, message, tt.fields...)
		if got.Status == "0" {
			got.Status = ""
			if got.Compressed == 0 { // prefix of field 1: two bytes of length
				if n := len(got.Message); n != 503 {
					t.Errorf("%s: message of %d bytes, want 503", tt.name, n)
				}
			} else if n := len(got.Message); n >= 503 {
				t.Errorf("%s: compressed message of %d bytes", tt.name, n)
			}
		}
		got.Message = nil
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestLimitsAndWindowsAreAnnouncedInSettings(t *testing.T) {
	tests := []struct {
		name    string
		options benchserver.Options
		window  uint32 // RFC 9113, section 6.5.2: 65535 if not sent
	}{
		{"dynamic", benchserver.Options{}, 65535},
		{"static", benchserver.Options{StaticWindow: 1 << 20}, 1 << 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, addr := start(t, tt.options)
			s := connect(t, addr).settings
			if got := s[http2.SettingMaxConcurrentStreams]; got != 1000 {
				t.Errorf("max concurrent streams %d, want 1000", got)
			}
			if got := s[http2.SettingMaxHeaderListSize]; got != benchserver.MaxHeaderList {
				t.Errorf("max header list %d, want %d", got, benchserver.MaxHeaderList)
			}
			window, ok := s[http2.SettingInitialWindowSize]
			if !ok {
				window = 65535
			}
			if window != tt.window {
				t.Errorf("initial window %d, want %d", window, tt.window)
			}
		})
	}
}

// An unknown encoding is refused by grpc-go before the method: nothing starts.
func TestAnUnknownRequestEncodingIsUnimplemented(t *testing.T) {
	s, addr := start(t, benchserver.Options{})
	got := connect(t, addr).call(1, 1, []byte("x"), hpack.HeaderField{Name: "grpc-encoding", Value: "br"})
	if got.Status != "12" {
		t.Errorf("status %s, want 12", got.Status)
	}
	if n := s.Snapshot().GetRpcs().GetStarted(); n != 0 {
		t.Errorf("started %d, want 0", n)
	}
}

func TestBytesAreThoseOfTheTCPStream(t *testing.T) {
	s, addr := start(t, benchserver.Options{})
	w := connect(t, addr)
	request := marshal(t, &benchv1.EchoRequest{Body: make([]byte, 1000)})
	w.call(1, 0, request)
	// The client's half ends; the server answers with its own end.
	if err := w.net.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, w); err != nil {
		t.Fatal(err)
	}
	s.Stop(0)
	c := s.Snapshot().GetConnections()
	if got, want := c.GetSentBytes(), uint64(w.received); got != want {
		t.Errorf("sent %d bytes, the client received %d", got, want)
	}
	// Preface, SETTINGS, its acknowledgement, HEADERS, DATA; 9 bytes begin each
	// frame (RFC 9113, section 4.1), 5 the message.
	want := len(http2.ClientPreface) + 9 + 9 + (9 + w.sent.Len()) + (9 + 5 + len(request))
	if got := int(c.GetReceivedBytes()); got != want {
		t.Errorf("received %d bytes, the client sent %d", got, want)
	}
}
