package runner_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"

	"grpcbench/internal/payload"
	benchv1 "grpcbench/proto/bench/v1"
)

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
		{option: "metadata", args: "--tls off", check: perRPC(0, 0)},
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
