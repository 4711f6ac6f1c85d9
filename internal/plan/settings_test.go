package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/codec"
	"grpcbench/internal/plan"
)

// kB is 10^3 and KiB 2^10 bytes (IEC 80000-13).
func TestPayloadsAreReadAndWritten(t *testing.T) {
	for _, row := range []struct {
		text string
		want plan.Payload
		form string
	}{
		{"0", plan.Payload{}, "0"},
		{"0KiB", plan.Payload{}, "0"},
		{"4096", plan.Payload{Bytes: 4096, Class: "text"}, "4KiB:text"},
		{"1kB:json", plan.Payload{Bytes: 1000, Class: "json"}, "1000:json"},
		{"1KiB:random", plan.Payload{Bytes: 1024, Class: "random"}, "1KiB:random"},
		{"1MB:zeros", plan.Payload{Bytes: 1_000_000, Class: "zeros"}, "1000000:zeros"},
		{"4MiB", plan.Payload{Bytes: 4 << 20, Class: "text"}, "4MiB:text"},
		{"512B", plan.Payload{Bytes: 512, Class: "text"}, "512:text"},
	} {
		got, err := plan.ParsePayload(row.text)
		if err != nil || got != row.want || got.String() != row.form {
			t.Errorf("payload %q: got %+v %q, %v; want %+v %q", row.text, got, got, err, row.want, row.form)
		}
	}
	for _, text := range []string{"", "-1", "1K", "1kib", "1.5KiB", " 1KiB", "1KiB:", "1KiB:xml", "0:json", "5MiB", "99999999999999999999", "3GiB", "0x10", "+1"} {
		if got, err := plan.ParsePayload(text); err == nil {
			t.Errorf("payload %q: accepted as %+v", text, got)
		}
	}
}

func TestMetadataSizesAreReadAndWritten(t *testing.T) {
	for _, row := range []struct {
		text string
		want plan.MetadataSize
		form string
	}{
		{"0", plan.MetadataSize{}, "0"},
		{"1KiB", plan.MetadataSize{Bytes: 1024, Keys: 1}, "1KiB"},
		{"1KiB:static:1 keys:ascii", plan.MetadataSize{Bytes: 1024, Keys: 1}, "1KiB"},
		{"1KiB:unique:4:bin", plan.MetadataSize{Bytes: 1024, Keys: 4, Unique: true, Binary: true}, "1KiB:unique:4:bin"},
		{"1KiB:4keys", plan.MetadataSize{Bytes: 1024, Keys: 4}, "1KiB:4"},
		{"1KiB:bin:4 keys:unique", plan.MetadataSize{Bytes: 1024, Keys: 4, Unique: true, Binary: true}, "1KiB:unique:4:bin"},
		{"40:unique:4", plan.MetadataSize{Bytes: 40, Keys: 4, Unique: true}, "40:unique:4"},
	} {
		got, err := plan.ParseMetadataSize(row.text)
		if err != nil || got != row.want || got.String() != row.form {
			t.Errorf("metadata-size %q: got %+v %q, %v; want %+v %q", row.text, got, got, err, row.want, row.form)
		}
	}
	for _, text := range []string{"", "1KiB:", "1KiB:often", "0:unique", "3:4", "39:unique:4", "1KiB:0", "1KiB:1001", "1KiB:bin:ascii", "1KiB:2:2"} {
		if got, err := plan.ParseMetadataSize(text); err == nil {
			t.Errorf("metadata-size %q: accepted as %+v", text, got)
		}
	}
}

func TestResponseCodecsAreReadAndWritten(t *testing.T) {
	for _, row := range []struct {
		text string
		want plan.ResponseCodec
		form string
	}{
		{"mirror", plan.ResponseCodec{Mirror: true}, "mirror"},
		{"none", plan.ResponseCodec{Spec: codec.Spec{Name: codec.None}}, "none"},
		{"gzip", plan.ResponseCodec{Spec: codec.Spec{Name: codec.Gzip, Level: 6}}, "gzip:medium"},
		{"deflate:none", plan.ResponseCodec{Spec: codec.Spec{Name: codec.Deflate}}, "deflate:none"},
	} {
		got, err := plan.ParseResponseCodec(row.text)
		if err != nil || got != row.want || got.String() != row.form {
			t.Errorf("response-compression %q: got %+v %q, %v; want %+v %q", row.text, got, got, err, row.want, row.form)
		}
	}
}

func TestEpochsAreReadAndWritten(t *testing.T) {
	for text, want := range map[string]plan.Epochs{"10": {Min: 10, Max: 10}, "8..20": {Min: 8, Max: 20}, "1..1": {Min: 1, Max: 1}} {
		got, err := plan.ParseEpochs(text)
		if err != nil || got != want {
			t.Errorf("epochs %q: got %+v, %v; want %+v", text, got, err, want)
		}
	}
	if got := (plan.Epochs{Min: 8, Max: 20}).String(); got != "8..20" {
		t.Errorf("got %q, want 8..20", got)
	}
}

func TestMetadataComesFromFlagFileOrEnvironment(t *testing.T) {
	t.Setenv("TOKEN", "from env")
	file := writeFile(t, "token", "from file\r\n")
	raw := writeFile(t, "raw", "\x00\xff\n")
	p := mustPlan(t, "--metadata", "foo=bar", "--metadata", "a.b_c-9=x=y", "--metadata", "token=env:TOKEN",
		"--metadata", "file=@"+file, "--metadata", "raw-bin=@"+raw, "--metadata", "foo=again")
	names := []plan.MetadataKey{{Name: "foo", Bytes: 3}, {Name: "a.b_c-9", Bytes: 3}, {Name: "token", Bytes: 8},
		{Name: "file", Bytes: 9}, {Name: "raw-bin", Bytes: 3}, {Name: "foo", Bytes: 5}}
	if diff := cmp.Diff(names, p.Arms[0].Settings.Metadata); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	values := []string{"bar", "x=y", "from env", "from file", "\x00\xff\n", "again"}
	if diff := cmp.Diff(values, p.Arms[0].Secrets); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

// The rules are those of the gRPC protocol over HTTP/2, "Custom-Metadata", and
// of RFC 9113, section 8.2.2.
func TestMetadataThatCannotBeSentIsRefused(t *testing.T) {
	for _, text := range []string{"=x", "Foo=x", "foo bar=x", ":path=x", "é=x", "-bin=x", "grpc-timeout=x", "content-type=x", "te=x",
		"user-agent=x", "connection=x", "host=x", "x-bench-0=x", "foo=", "foo= x", "foo=x ", "foo=é", "foo=\x00", "foo=a\nb", "foo=env:NOT_SET_AT_ALL", "foo=@/nonexistent"} {
		if _, err := planOf(t, "--metadata", text); err == nil || !strings.HasPrefix(err.Error(), "--metadata: ") {
			t.Errorf("metadata %q: %v, want a refusal", text, err)
		}
	}
}

// An entry is name + value + 32 bytes (RFC 9113, section 6.5.2), and a -bin
// value four bytes for three: 9+32 + 61399 = 61440 = 60 KiB. One key of 45 KiB
// in base64 is 61440 alone.
func TestHeaderListIsBounded(t *testing.T) {
	mustPlan(t, "--metadata-size", "61399")
	mustPlan(t, "--metadata-size", "45000:bin")
	for _, args := range [][]string{
		{"--metadata-size", "61400"},
		{"--metadata-size", "45KiB:bin"},
		{"--metadata-size", "61399", "--metadata", "a=b"},
		{"--metadata-size", "60000:1000"},
	} {
		if _, err := planOf(t, args...); err == nil {
			t.Errorf("run %q: accepted", args)
		}
	}
}

func TestKeysShareTheirBytesEvenly(t *testing.T) {
	m := plan.MetadataSize{Bytes: 11, Keys: 4, Binary: true}
	for i, want := range []int{3, 3, 3, 2} {
		if got := m.KeyBytes(i); got != want {
			t.Errorf("key %d has %d bytes, want %d", i, got, want)
		}
	}
	if got := m.Name(3); got != "x-bench-3-bin" {
		t.Errorf("name %q, want x-bench-3-bin", got)
	}
}

// A method is one method, with its leading slash or without.
func TestAMethodNeedsNoLeadingSlash(t *testing.T) {
	with, without := mustPlan(t, "h:1", "--method", "/pkg.Service/Get"), mustPlan(t, "h:1", "--method", "pkg.Service/Get")
	if got := without.Arms[0].Settings.Method; got != "/pkg.Service/Get" || with.Hash() != without.Hash() {
		t.Errorf("method %q, want that with the slash, and one plan", got)
	}
}

func TestRequestIsReadFromItsFile(t *testing.T) {
	file := writeFile(t, "get.bin", "abc")
	p := mustPlan(t, "h:1", "--method", "/pkg.Service/Get", "--request", "@"+file, "--deadline", "1s")
	// The digest is the one FIPS 180-2 gives for "abc".
	want := &plan.Blob{File: "get.bin", Bytes: 3, Data: []byte("abc"),
		SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
	s := p.Arms[0].Settings
	if diff := cmp.Diff(want, s.Request); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if s.Method != "/pkg.Service/Get" || s.Deadline != time.Second {
		t.Errorf("method %q, deadline %v; want /pkg.Service/Get, 1s", s.Method, s.Deadline)
	}
}

func TestFilesAreBounded(t *testing.T) {
	for _, arg := range []string{"--payload=@" + writeFile(t, "a", strings.Repeat("x", 4<<20+1)), "--payload=@" + writeFile(t, "b", "")} {
		if _, err := planOf(t, arg); err == nil {
			t.Errorf("%s: accepted", arg)
		}
	}
}
