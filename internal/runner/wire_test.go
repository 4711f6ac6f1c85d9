package runner_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/tls"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/proto"

	"grpcbench/internal/load"
	"grpcbench/internal/payload"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	benchv1 "grpcbench/proto/bench/v1"
)

// row is one value of an option, and how a server shows that it was obeyed.
type row struct {
	option string // the flag
	args   string // of the command line, separated by spaces
	// target makes a server of the test's own, whose address and files are added
	// to args; nil: the run's bundled server.
	target func(t *testing.T) (s *target, args []string)
	// saturated keeps the saturated block, which otherwise is left out.
	saturated bool
	check     func(t *testing.T, s seen)
}

// seen is what a run of one arm showed.
type seen struct {
	result.Result
	arm    result.Arm
	target *target // nil with a bundled server
}

func TestEachOptionReachesTheWire(t *testing.T) {
	for _, r := range rows() {
		t.Run(strings.TrimSpace("--"+r.option+" "+r.args), func(t *testing.T) {
			t.Parallel()
			var s seen
			args := strings.Fields(r.args)
			if r.target != nil {
				var more []string
				s.target, more = r.target(t)
				args = slices.Concat(args, more, []string{s.target.addr})
			}
			p := planOf(t, args...)
			if !r.saturated {
				p.Saturated = 0
			}
			s.Result = measure(t, t.Context(), p, runner.Options{})
			s.arm = s.Arms[0]
			if c := checkOf(t, s.Result, "settings_not_observed"); c.Verdict != result.Valid {
				t.Errorf("settings not observed: %s%s", c.Text, c.Skipped)
			}
			if l := s.arm.Ledger; l.OK == 0 || s.arm.LedgerTotal.Failures() != 0 {
				t.Errorf("ledger %+v, want every RPC ok", s.arm.LedgerTotal)
			}
			if s.target != nil {
				if got := int64(s.target.rpcs()); got != s.arm.LedgerTotal.Started {
					t.Errorf("the server saw %d RPCs, started were %d", got, s.arm.LedgerTotal.Started)
				}
				s.target.mu.Lock()
				defer s.target.mu.Unlock()
			}
			r.check(t, s)
		})
	}
}

// Options that decide nothing about what a server sees.
var unseen = []string{
	"aa", "allow-failures", "drain", "epochs", "format", "max-time", "name", "quick", "results", "suite", "tag", "vary", "warmup", "window",
}

func TestEveryOptionHasARow(t *testing.T) {
	covered := map[string]bool{}
	for _, r := range rows() {
		covered[r.option] = true
	}
	var c plan.Config
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	c.Flags(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		if !covered[f.Name] && !slices.Contains(unseen, f.Name) {
			t.Errorf("--%s: must have a row in the table of options, or be named as one that no server sees", f.Name)
		}
	})
	settings := reflect.TypeFor[plan.Settings]()
	for i := range settings.NumField() {
		// The JSON names are the flags' names with underscores, and a unit.
		name, _, _ := strings.Cut(settings.Field(i).Tag.Get("json"), ",")
		flag := strings.ReplaceAll(strings.TrimSuffix(name, "_ns"), "_", "-")
		if !covered[flag] {
			t.Errorf("Settings.%s: must have a row %q in the table of options", settings.Field(i).Name, flag)
		}
	}
}

func rows() []row {
	return slices.Concat(securityRows(), identityRows(), compressionRows(), responseRows(), metadataRows(), messageRows(), channelRows(), loadRows())
}

// plaintext is a target without TLS.
func plaintext(t *testing.T) (*target, []string) {
	return newTarget(t, nil), []string{"--tls", "off"}
}

// secure is a target with TLS, which may be changed first.
func secure(change func(*tls.Config), names ...string) func(*testing.T) (*target, []string) {
	return func(t *testing.T) (*target, []string) {
		id := newIdentities(t, names...)
		if change != nil {
			change(id.server)
		}
		return newTarget(t, id.server), []string{"--cacert", id.ca}
	}
}

// connections fails unless every connection that RPCs came on is as it must be.
func connections(ok func(*tls.ConnectionState) bool) func(*testing.T, seen) {
	return func(t *testing.T, s seen) {
		for addr, state := range s.target.peers {
			if !ok(state) {
				t.Errorf("connection from %s: %+v", addr, state)
			}
		}
	}
}

func securityRows() []row {
	version := func(v uint16) func(*testing.T, seen) {
		return connections(func(s *tls.ConnectionState) bool { return s != nil && s.Version == v && s.NegotiatedProtocol == "h2" })
	}
	group := func(id tls.CurveID) func(*testing.T, seen) {
		return connections(func(s *tls.ConnectionState) bool { return s.CurveID == id })
	}
	resumed := func(want bool) func(*testing.T, seen) {
		return connections(func(s *tls.ConnectionState) bool { return s.DidResume == want })
	}
	key := func(name string) row {
		return row{option: "key", args: "--key " + name, check: func(t *testing.T, s seen) {
			if got := s.arm.Observed.ServerKey; got != name {
				t.Errorf("the server's key is %s, want %s", got, name)
			}
		}}
	}
	return []row{
		{option: "tls", args: "", target: plaintext, check: connections(func(s *tls.ConnectionState) bool { return s == nil })},
		{option: "tls", args: "--tls 1.2", target: secure(nil), check: version(tls.VersionTLS12)},
		{option: "tls", args: "--tls 1.3", target: secure(nil), check: version(tls.VersionTLS13)},
		{option: "tls", args: "--tls off", check: tlsObserved("off")},
		{option: "tls", args: "--tls 1.2", check: tlsObserved("1.2")},
		{option: "tls", args: "--tls 1.3", check: tlsObserved("1.3")},
		key("rsa2048"), key("p256"), key("ed25519"),
		{option: "group", args: "--group x25519", target: secure(nil), check: group(tls.X25519)},
		{option: "group", args: "--group p256", target: secure(nil), check: group(tls.CurveP256)},
		{option: "group", args: "--group x25519mlkem768", target: secure(nil), check: group(tls.X25519MLKEM768)},
		{option: "group", args: "--tls 1.2 --group p256", target: secure(nil), check: group(tls.CurveP256)},
		{option: "resumption", args: "--resumption on", target: secure(nil), check: resumed(true)},
		{option: "resumption", args: "--resumption on --tls 1.2", target: secure(nil), check: resumed(true)},
		{option: "resumption", args: "--resumption off", target: secure(nil), check: resumed(false)},
		{option: "resumption", args: "--resumption on", check: func(t *testing.T, s seen) {
			if h := s.arm.Handshake; h.Resumed == nil || h.Resumed.Count != 4 || h.Full == nil || h.Full.Count != 4 {
				t.Errorf("handshakes %+v, want 4 full ones for their tickets and 4 resumed", h)
			}
		}},
	}
}

// tlsObserved is a bundled server's row: Observed, and bytes that a handshake
// needs.
func tlsObserved(version string) func(*testing.T, seen) {
	return func(t *testing.T, s seen) {
		if got := s.arm.Observed.TLSVersion; got != version {
			t.Errorf("TLS version %s, want %s", got, version)
		}
		// A certificate of P-256 has some 500 bytes; HTTP/2's SETTINGS have less.
		if got := s.arm.Handshake.Full.ReceivedBytes; (got > 500) != (version != "off") {
			t.Errorf("a handshake received %.0f bytes with TLS %s", got, version)
		}
	}
}

func identityRows() []row {
	presented := func(want bool) func(*testing.T, seen) {
		return connections(func(s *tls.ConnectionState) bool { return (len(s.PeerCertificates) > 0) == want })
	}
	mutual := func(t *testing.T) (*target, []string) {
		id := newIdentities(t)
		id.server.ClientAuth = tls.RequireAndVerifyClientCert
		return newTarget(t, id.server), []string{"--cacert", id.ca, "--cert", id.client, "--key-file", id.key}
	}
	asking := secure(func(c *tls.Config) { c.ClientAuth = tls.VerifyClientCertIfGiven })
	return []row{
		{option: "mtls", args: "--mtls on", target: mutual, check: presented(true)},
		{option: "mtls", args: "--mtls off", target: asking, check: presented(false)},
		{option: "mtls", args: "--mtls on", check: func(t *testing.T, s seen) {
			if !s.arm.Observed.ClientCertificate {
				t.Error("the bundled server saw no client certificate")
			}
		}},
		{option: "cert", args: "--tls 1.2", target: mutual, check: presented(true)},
		{option: "key-file", args: "--tls 1.3", target: mutual, check: presented(true)},
		// The authority is trusted by no system: without the flag no RPC is made.
		{option: "cacert", target: secure(nil), check: func(t *testing.T, s seen) {}},
		{option: "server-name", args: "--server-name bench.example", target: secure(nil, "bench.example"), check: func(t *testing.T, s seen) {
			if want := map[string]bool{"bench.example": true}; !maps.Equal(s.target.names, want) {
				t.Errorf("names asked for: %v, want %v", s.target.names, want)
			}
		}},
		{option: "insecure-skip-verify", args: "--insecure-skip-verify", target: func(t *testing.T) (*target, []string) {
			return newTarget(t, newIdentities(t, "elsewhere.example").server), nil
		}, check: connections(func(s *tls.ConnectionState) bool { return s.HandshakeComplete })},
	}
}

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
	uncompressed := func(t *testing.T, s seen) {
		if s.arm.ResponseCompressed != 0 || s.arm.ReceivedBytes == nil || *s.arm.ReceivedBytes < body {
			t.Errorf("compressed %d responses, received %v bytes an RPC, want the whole body", s.arm.ResponseCompressed, deref(s.arm.ReceivedBytes))
		}
	}
	rows := []row{
		{option: "response-compression", args: args + "none --compression gzip", check: uncompressed},
		{option: "response-compression", args: args + "mirror", check: uncompressed},
		{option: "response-compression", args: args + "gzip:none", check: uncompressed},
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
		rows = append(rows, row{option: "response-compression", args: args + of[0] + ":" + of[1], check: ratio(of[0], of[1])})
	}
	return append(rows,
		row{option: "response-compression", args: args + "mirror --compression gzip:low", check: ratio("gzip", "low")},
		row{option: "response-compression", args: args + "deflate:high --compression gzip:low", check: ratio("deflate", "high")})
}

func metadataRows() []row {
	// value is a row in which every RPC carries one value of one key.
	value := func(args, name, want string) row {
		return row{option: "metadata", args: args, target: plaintext, check: func(t *testing.T, s seen) {
			if got := s.target.metadata[name]; !maps.Equal(got, map[string]bool{want: true}) {
				t.Errorf("metadata %q: values %q, want %q alone", name, slices.Collect(maps.Keys(got)), want)
			}
		}}
	}
	raw := "\x00\xff\n"
	fromFile := value("", "trace-bin", raw)
	fromFile.target = func(t *testing.T) (*target, []string) {
		path := filepath.Join(t.TempDir(), "trace")
		if err := os.WriteFile(path, []byte(raw), 0o600); err != nil {
			t.Fatal(err)
		}
		s, args := plaintext(t)
		return s, append(args, "--metadata", "trace-bin=@"+path)
	}
	rows := []row{
		value("--metadata foo=bar", "foo", "bar"),
		value("--metadata foo=bar --metadata x=y=z", "x", "y=z"),
		value("--metadata foo-bin=bar", "foo-bin", "bar"),
		value("--metadata home=env:PATH", "home", os.Getenv("PATH")),
		fromFile,
		{option: "metadata", args: "--metadata foo=bar --metadata trace-bin=12345", check: perRPC(2, 8)},
		{option: "metadata", args: "", check: perRPC(0, 0)},
		{option: "metadata-size", args: "--metadata-size 1KiB:unique:3:bin --metadata foo=bar", check: perRPC(4, 1027)},
	}
	for _, of := range []struct {
		args   string
		keys   int
		unique bool
		suffix string
	}{
		{"1KiB", 1, false, ""}, {"1KiB:static", 1, false, ""}, {"1KiB:unique", 1, true, ""}, {"1KiB:3keys", 3, false, ""},
		{"1KiB:3", 3, false, ""}, {"1KiB:ascii", 1, false, ""}, {"1KiB:bin", 1, false, "-bin"}, {"1KiB:unique:2:bin", 2, true, "-bin"},
	} {
		rows = append(rows, row{option: "metadata-size", args: "--metadata-size " + of.args, target: plaintext, check: func(t *testing.T, s seen) {
			total, distinct := 0, 1
			if of.unique {
				distinct = s.target.methods["/Server/Foo"]
			}
			for i := range of.keys {
				name := "x-bench-" + strconv.Itoa(i) + of.suffix
				values := s.target.metadata[name]
				if len(values) != distinct {
					t.Errorf("metadata %s: %d different values, want %d", name, len(values), distinct)
				}
				for v := range values {
					total += len(v)
				}
			}
			if total != 1024*distinct {
				t.Errorf("metadata values of %d bytes, want 1024 in %d variants", total, distinct)
			}
		}}, row{option: "metadata-size", args: "--metadata-size " + of.args, check: perRPC(float64(of.keys), 1024)})
	}
	return rows
}

// perRPC holds the metadata that a bundled server counted in each RPC.
func perRPC(keys, bytes float64) func(*testing.T, seen) {
	return func(t *testing.T, s seen) {
		if o := s.arm.Observed; o.MetadataKeys == nil || *o.MetadataKeys != keys || *o.MetadataBytes != bytes {
			t.Errorf("metadata of %v keys and %v bytes an RPC, want %v and %v", deref(o.MetadataKeys), deref(o.MetadataBytes), keys, bytes)
		}
	}
}

func messageRows() []row {
	// echoes is a row in which every RPC is an Echo with that request.
	echoes := func(option, args string, want func(t *testing.T) *benchv1.EchoRequest) row {
		return row{option: option, args: args, target: plaintext, check: func(t *testing.T, s seen) {
			if len(s.target.requests) != s.target.rpcsLocked() {
				t.Errorf("%d of %d RPCs were Echo", len(s.target.requests), s.target.rpcsLocked())
			}
			for _, got := range s.target.requests {
				if !proto.Equal(got, want(t)) {
					t.Fatalf("a request of %d bytes is not the one asked for", proto.Size(got))
				}
			}
		}}
	}
	request := func(class string, size, response int, content benchv1.Content) func(t *testing.T) *benchv1.EchoRequest {
		return func(t *testing.T) *benchv1.EchoRequest {
			r := &benchv1.EchoRequest{ResponseSize: uint32(response), ResponseContent: content}
			if size > 0 {
				b, err := payload.Body(class, size)
				if err != nil {
					t.Fatal(err)
				}
				r.Body = b
			}
			return r
		}
	}
	none := benchv1.Content_CONTENT_ZEROS // of no bytes
	rows := []row{
		echoes("payload", "--payload 1KiB", request("text", 1024, 0, none)),
		echoes("payload", "--payload 100:text", request("text", 100, 0, none)),
		echoes("payload", "--payload 100B:json", request("json", 100, 0, none)),
		echoes("payload", "--payload 1kB:random", request("random", 1000, 0, none)),
		echoes("payload", "--payload 1MiB:zeros", request("zeros", 1<<20, 0, none)),
		echoes("response-payload", "--response-payload 1KiB", request("", 0, 1024, benchv1.Content_CONTENT_TEXT)),
		echoes("response-payload", "--response-payload 10:json", request("", 0, 10, benchv1.Content_CONTENT_JSON)),
		echoes("response-payload", "--response-payload 10:random", request("", 0, 10, benchv1.Content_CONTENT_RANDOM)),
		echoes("response-payload", "--response-payload 10:zeros --payload 7:zeros", request("zeros", 7, 10, none)),
		{option: "payload", args: "--payload 0 --response-payload 0", target: plaintext, check: onlyMethod("/Server/Foo")},
	}
	file := echoes("payload", "", func(*testing.T) *benchv1.EchoRequest {
		return &benchv1.EchoRequest{Body: []byte("\x00a file\n"), ResponseContent: none}
	})
	file.target = withFile("--payload", "\x00a file\n")
	// Field 1, a string of two bytes: any message is sent as it is.
	raw := "\x0a\x02hi"
	return append(rows, file,
		row{option: "method", args: "--method /other.Service/Get", target: plaintext, check: onlyMethod("/other.Service/Get")},
		row{option: "request", args: "--method /other.Service/Get", target: withFile("--request", raw), check: func(t *testing.T, s seen) {
			onlyMethod("/other.Service/Get")(t, s)
			for _, got := range s.target.raw {
				if got != raw {
					t.Fatalf("request %q, want %q", got, raw)
				}
			}
		}},
	)
}

// withFile is a plaintext target and a flag that names a file of that content.
func withFile(flag, content string) func(t *testing.T) (*target, []string) {
	return func(t *testing.T) (*target, []string) {
		path := filepath.Join(t.TempDir(), "message")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		s, args := plaintext(t)
		return s, append(args, flag, "@"+path)
	}
}

func onlyMethod(want string) func(*testing.T, seen) {
	return func(t *testing.T, s seen) {
		if got := slices.Collect(maps.Keys(s.target.methods)); !slices.Equal(got, []string{want}) {
			t.Errorf("methods called: %v, want %s", got, want)
		}
	}
}

func channelRows() []row {
	bytesBelow := func(limit float64, below bool) func(*testing.T, seen) {
		return func(t *testing.T, s seen) {
			sent, received := s.arm.SentBytes, s.arm.ReceivedBytes
			if sent == nil || received == nil || (*sent < limit) != below || (*received < limit) != below {
				t.Errorf("%v bytes sent and %v received an RPC; must they be below %v: %v", deref(sent), deref(received), limit, below)
			}
		}
	}
	return []row{
		{option: "target", target: plaintext, check: onlyMethod("/Server/Foo")},
		{option: "connections", args: "--connections 7", target: plaintext, check: func(t *testing.T, s seen) {
			if got := len(s.target.peers); got != 7 {
				t.Errorf("RPCs came on %d connections, want 7", got)
			}
		}},
		{option: "connections", args: "--connections 1", check: func(t *testing.T, s seen) {
			if got := s.arm.Observed.Connections; got != 1 {
				t.Errorf("%d connections, want 1", got)
			}
		}},
		{option: "deadline", args: "--deadline 1h", target: plaintext, check: func(t *testing.T, s seen) {
			within := func(d time.Duration) bool { return d > 50*time.Minute && d <= time.Hour }
			n := int64(0)
			for _, d := range s.target.timeouts {
				if within(d) {
					n++
				}
			}
			// The probe of the preflight has a limit of its own.
			if n != s.arm.LedgerTotal.Started-1 {
				t.Errorf("%d of %d RPCs had the deadline", n, s.arm.LedgerTotal.Started)
			}
		}},
		{option: "deadline", target: plaintext, check: func(t *testing.T, s seen) {
			if n := len(s.target.timeouts); n > 1 { // the probe's
				t.Errorf("%d RPCs had a deadline", n)
			}
		}},
		// 31 bytes go out and 36 come back for Foo on a connection whose header
		// tables are warm; dynamic windows add a PING and its answer each way, 34
		// bytes, and WINDOW_UPDATEs of 13.
		{option: "windows", args: "--tls off --windows static", check: bytesBelow(50, true)},
		{option: "windows", args: "--tls off --windows dynamic", check: bytesBelow(50, false)},
		{option: "engine", args: "--engine grpc", target: plaintext, check: func(t *testing.T, s seen) {
			for agent := range s.target.metadata["user-agent"] {
				if !strings.HasPrefix(agent, "grpc-go/") {
					t.Errorf("user-agent %q, want that of grpc-go", agent)
				}
			}
		}},
		{option: "server-pid", args: "--server-pid " + strconv.Itoa(os.Getpid()), target: plaintext, check: func(t *testing.T, s seen) {
			if got := s.arm.ServerCPU; got == nil || *got <= 0 {
				t.Errorf("server CPU %v, want that of the process", deref(got))
			}
		}},
	}
}

// arrivals is what an open loop's plan says that the server must see in warm-up
// and window together.
func arrivals(p plan.Plan) int64 {
	var s load.Schedule = load.Poisson{Rate: p.Load.Rate, Duration: p.Warmup + p.Window, Seed: plan.ArmSeed(p.Seed, 0, "base")}
	if p.Load.Arrival == plan.Uniform {
		s = load.Uniform{Rate: p.Load.Rate, Duration: p.Warmup + p.Window}
	}
	var n int64
	for range s.Arrivals() {
		n++
	}
	return n
}

func loadRows() []row {
	scheduled := func(t *testing.T, s seen) {
		const probe = 1
		if got, want := s.arm.LedgerTotal.OK, arrivals(s.Plan)+probe; got != want {
			t.Errorf("%d RPCs, want %d by the schedule", got, want)
		}
	}
	exactly := func(n int64) func(*testing.T, seen) {
		return func(t *testing.T, s seen) {
			scheduled(t, s)
			if got := s.arm.LedgerTotal.OK - 1; got != n {
				t.Errorf("%d RPCs beside the probe, want %d", got, n)
			}
		}
	}
	// slowly is a target on which callers meet.
	slowly := func(t *testing.T) (*target, []string) {
		s, args := plaintext(t)
		s.hold = waiting(20 * time.Millisecond)
		return s, args
	}
	most := func(n int) func(*testing.T, seen) {
		return func(t *testing.T, s seen) {
			if s.target.most != n {
				t.Errorf("%d RPCs in flight at most, want %d", s.target.most, n)
			}
		}
	}
	return []row{
		// Evenly spaced, 150 ms hold 45 arrivals of 300/s and 150 of 1000/s.
		{option: "arrival", args: "--arrival uniform", target: plaintext, check: exactly(45)},
		{option: "rate", args: "--arrival uniform --rate 1000", target: plaintext, check: exactly(150)},
		{option: "arrival", args: "--arrival poisson", target: plaintext, check: scheduled},
		{option: "seed", args: "--seed 1", target: plaintext, check: scheduled},
		{option: "seed", args: "--seed 2 --tls 1.2", check: scheduled},
		{option: "loop", args: "--loop closed --concurrency 6", target: slowly, check: most(6)},
		{option: "concurrency", args: "--loop closed --concurrency 9", target: slowly, check: most(9)},
		{option: "concurrency", args: "--concurrency 4", saturated: true, check: func(t *testing.T, s seen) {
			if got := s.arm.Saturated; got == nil || got.Achieved <= 0 || s.arm.ServerLedger.OK <= arrivals(s.Plan)+1 {
				t.Errorf("saturated block %+v, server counted %+v: must have had RPCs beside the schedule's", got, s.arm.ServerLedger)
			}
		}},
		// While the server is at work for 20 ms, 40 of 2000 arrivals a second are due.
		{option: "max-in-flight", args: "--max-in-flight 5 --rate 2000", target: slowly, check: func(t *testing.T, s seen) {
			most(5)(t, s)
			if s.arm.Ledger.NotStarted[load.MaxInFlight] == 0 {
				t.Errorf("ledger %+v: must hold arrivals that were not started", s.arm.Ledger)
			}
		}},
	}
}
