package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"grpcbench/internal/certs"
	"grpcbench/testing/hostile"
	"grpcbench/testing/lane"
)

// runCall is grpc-bench call as a process: it installs the compressors, which the
// servers of this process must not know.
func runCall(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, append([]string{"call"}, args...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if _, ended := errors.AsType[*exec.ExitError](err); !ended {
			t.Fatal(err)
		}
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// answering is a server of which every method but those of bench.v1 is handle,
// which gets the request's bytes. config nil: plaintext.
func answering(t *testing.T, config *tls.Config, handle func(stream grpc.ServerStream, request []byte) error) (addr string) {
	t.Helper()
	options := []grpc.ServerOption{grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		if method, _ := grpc.MethodFromServerStream(stream); strings.HasPrefix(method, "/bench.v1.") {
			return status.Error(codes.Unimplemented, "unknown service bench.v1")
		}
		var request emptypb.Empty // whose every field is unknown, and kept
		if err := stream.RecvMsg(&request); err != nil {
			return err
		}
		return handle(stream, request.ProtoReflect().GetUnknown())
	})}
	if config != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	server := grpc.NewServer(options...)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return l.Addr().String()
}

// empty answers with the empty message.
func empty(stream grpc.ServerStream, _ []byte) error { return stream.SendMsg(&emptypb.Empty{}) }

// varying is what differs from call to call, and what stands for it.
var varying = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`\d+(\.\d+)? (ns|µs|ms|s)\b`), "TIME"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d UTC`), "DATE"},
	{regexp.MustCompile(`\d[\d ]* B out · \d[\d ]* B in`), "BYTES"},
	{regexp.MustCompile(`grpc-go/[\d.]+`), "grpc-go/VERSION"},
	{regexp.MustCompile(`(compressed to|decompressed from) \d+`), "$1 N"},
	{regexp.MustCompile(`\n +\+TIME`), " · +TIME"}, // where a line breaks depends on times
}

func settled(text string) string {
	for _, v := range varying {
		text = v.pattern.ReplaceAllString(text, v.instead)
	}
	return text
}

func TestACallShowsAllOfItself(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	code, stdout, stderr := runCall(t, "--payload", "4KiB:json", "--compression", "gzip:low", "--mtls", "on",
		"--metadata", "foo=bar", "--metadata", "authorization=Bearer s3cr3t-value")
	if code != exitDone || stderr != "" {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	// The response's body is empty: no response payload was asked for. 4096 bytes of
	// body have a tag and two bytes of length, and CONTENT_ZEROS takes two bytes more.
	want := `grpc-bench call · /bench.v1.Bench/Echo · bundled server ADDRESS
OK · RPC TIME · connecting TIME

CONNECTION
  address     ADDRESS · from ADDRESS
  settings    1000 streams · window 1048576 B · frames up to 16384 B
              header list up to 65536 B
  security    TLS 1.3 · ALPN h2 · full handshake
  cipher      TLS_AES_128_GCM_SHA256 · x25519mlkem768
  certificate CN=localhost · p256 · for localhost, 127.0.0.1, ::1
  valid       DATE to DATE
  issuer      CN=grpc-bench CA · chain of 1 · verified
  client      certificate presented

METADATA
  sent        authorization: <19 bytes>
              foo: bar
              user-agent: grpc-go/VERSION
  header      content-type: application/grpc
  trailers    none

MESSAGES      asked for  announced  size
  request     gzip:low   gzip       4101 B, compressed to N B
  response    mirror     gzip       0 B, which is never compressed

SERVER
  saw         1 RPC OK · announced gzip · metadata 2 names, 22 B, as sent
              request decompressed from N to 4101 B

TIME AND BYTES
  connecting  TCP TIME · TLS TIME · HTTP/2 TIME
              BYTES
  RPC         +TIME sent · +TIME header · +TIME message · +TIME end
              BYTES
`
	if diff := cmp.Diff(want, settled(stdout)); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
}

func TestACallObeysItsSettings(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	for args, want := range map[string][]string{
		"--tls 1.2 --key rsa2048 --group p256":           {"TLS 1.2", "rsa2048", " · p256\n"},
		"--tls off":                                      {"plaintext"},
		"--resumption on":                                {"ALPN h2 · resumed"},
		"--response-payload 1KiB:text --windows dynamic": {"Echo", "1027 B\n"},
		"--payload 10 --compression zstd:none":           {"zstd:none  zstd       14 B, not compressed"},
		"--payload 1KiB --response-payload 1KiB --response-compression deflate:high": {"deflate:high", "response compressed from 1027 to"},
		"--metadata-size 1KiB:unique:2keys":                                          {"x-bench-1: ", "metadata 2 names, 1024 B, as sent"},
		"--metadata trace-bin=abc --show-secrets":                                    {"trace-bin: 616263\n"},
		"--metadata trace-bin=abc":                                                   {"trace-bin: <3 bytes>\n"},
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := runCall(t, strings.Fields(args)...)
			if code != exitDone || stderr != "" {
				t.Fatalf("exit code %d\n%s", code, stderr)
			}
			for _, w := range want {
				if !strings.Contains(stdout, w) {
					t.Errorf("must print %q:\n%s", w, stdout)
				}
			}
		})
	}
}

// pems is a server's TLS, and the files of its certificate and of another's.
func pems(t *testing.T) (config *tls.Config, mine, other string) {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for _, name := range []string{"mine.crt", "other.crt"} {
		pair, err := certs.SelfSigned(certs.Options{Key: certs.P256, Days: 1})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pair.CertPEM, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
		if config != nil {
			continue
		}
		loaded, err := tls.X509KeyPair(pair.CertPEM, pair.KeyPEM)
		if err != nil {
			t.Fatal(err)
		}
		config = &tls.Config{Certificates: []tls.Certificate{loaded}}
	}
	return config, paths[0], paths[1]
}

func TestACallThatFailsEndsWith1AndASentence(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	config, mine, other := pems(t)
	secure := answering(t, config, empty)
	open := answering(t, nil, func(stream grpc.ServerStream, _ []byte) error {
		return status.Error(codes.NotFound, "no such thing")
	})
	for _, of := range []struct {
		name   string
		args   []string
		stderr string
		stdout string // "": nothing
	}{
		{"nothing listens", []string{refusing(t), "--tls", "off"}, "nothing listens there (check TARGET)", ""},
		{"another authority", []string{secure, "--cacert", other}, "is not signed by the authority in --cacert", ""},
		{"another name", []string{secure, "--cacert", mine, "--server-name", "api.example"}, "(use --server-name)", ""},
		{"TLS to plaintext", []string{open}, "the server does not speak TLS (use --tls off)", ""},
		{"plaintext to TLS", []string{secure, "--tls", "off"}, "in plaintext (is it a gRPC server? one with TLS needs --tls 1.2 or 1.3)", ""},
		{"a slow handshake", []string{unanswering(t), "--connect-timeout", "60ms"}, "TLS handshake timeout after 60ms (raise --connect-timeout, or check TARGET", ""},
		{"slow SETTINGS", []string{unanswering(t), "--tls", "off", "--connect-timeout", "60ms"}, "no HTTP/2 SETTINGS within 60ms (raise --connect-timeout, or check TARGET", ""},
		{"a refusal", []string{open, "--tls", "off"}, "call /Server/Foo: NOT_FOUND: no such thing", "NOT_FOUND · RPC"},
		{"no bench.v1", []string{open, "--tls", "off", "--payload", "1KiB"}, "--payload and --response-payload need a server that answers bench.v1", "UNIMPLEMENTED"},
		{"no such compressor", []string{open, "--tls", "off", "--compression", "zstd"}, "(change --compression)", "UNIMPLEMENTED"},
		{"no such method", []string{"--method", "/no.Such/Method"}, "(change --method)", "UNIMPLEMENTED"},
		{"the deadline", []string{"--deadline", "1us"}, "no answer within --deadline 1µs", "DEADLINE_EXCEEDED"},
	} {
		t.Run(of.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := runCall(t, of.args...)
			if code != exitFailed || !strings.Contains(stderr, of.stderr) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit code %d and %q, want %d and one sentence with %q", code, stderr, exitFailed, of.stderr)
			}
			if !strings.Contains(stdout, of.stdout) || (stdout == "") != (of.stdout == "") {
				t.Errorf("stdout must hold %q:\n%s", of.stdout, stdout)
			}
		})
	}
}

func TestACallOfAnyUnaryMethodSendsTheFileAndShowsWhatCameBack(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	config, mine, _ := pems(t)
	request := "\x0a\x02hi"
	path := filepath.Join(t.TempDir(), "get.bin")
	if err := os.WriteFile(path, []byte(request), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := answering(t, config, func(stream grpc.ServerStream, got []byte) error {
		md, _ := metadata.FromIncomingContext(stream.Context())
		if string(got) != request || md.Get("foo")[0] != "bar" {
			return status.Errorf(codes.InvalidArgument, "request %q, foo %q", got, md.Get("foo"))
		}
		stream.SetTrailer(metadata.Pairs("cost", "3"))
		var answer emptypb.Empty
		answer.ProtoReflect().SetUnknown(got)
		return stream.SendMsg(&answer)
	})
	code, stdout, stderr := runCall(t, addr, "--cacert", mine, "--method", "/pkg.Service/Get", "--request", "@"+path, "--metadata", "foo=bar")
	if code != exitDone || stderr != "" {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	for _, want := range []string{"/pkg.Service/Get", "verified", "foo: bar", "trailers    cost: 3", "response    mirror     none       4 B",
		"not known: the server does not have bench.v1.Control"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("must print %q:\n%s", want, stdout)
		}
	}
}

// TestAServerThatRepeatsASecretDoesNotShowIt: it is seen on standard output with
// --show-secrets alone, and on standard error never.
func TestAServerThatRepeatsASecretDoesNotShowIt(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const secret = "tok-4711-secret"
	addr := answering(t, nil, func(stream grpc.ServerStream, _ []byte) error {
		md, _ := metadata.FromIncomingContext(stream.Context())
		said := strings.Join(md.Get("authorization"), "")
		stream.SetTrailer(metadata.Pairs("echo", said, "set-cookie", "id=99999"))
		return status.Error(codes.Unauthenticated, "no "+said)
	})
	args := []string{addr, "--tls", "off", "--metadata", "authorization=Bearer " + secret}
	code, stdout, stderr := runCall(t, args...)
	if code != exitFailed || strings.Contains(stdout+stderr, secret) || strings.Contains(stdout, "99999") {
		t.Errorf("exit code %d, want %d and no secret:\n%s%s", code, exitFailed, stdout, stderr)
	}
	if _, stdout, stderr = runCall(t, append(args, "--show-secrets")...); strings.Contains(stderr, secret) {
		t.Errorf("standard error holds the secret: %s", stderr)
	}
	for _, want := range []string{"authorization: Bearer " + secret, "echo: Bearer " + secret, "set-cookie: id=99999", "no Bearer " + secret} {
		if !strings.Contains(stdout, want) {
			t.Errorf("--show-secrets must print %q:\n%s", want, stdout)
		}
	}
}

func TestWhatAServerWritesDoesNotActOnTheTerminal(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	all := hostile.Strings()
	addr := answering(t, nil, func(stream grpc.ServerStream, _ []byte) error {
		md := metadata.MD{}
		var message strings.Builder
		for _, s := range all {
			if len(s) > 1000 {
				continue // more than a header list takes
			}
			md.Append("evil-bin", s)
			message.WriteString(s)
			if !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) {
				md.Append("evil", s)
			}
		}
		stream.SetTrailer(md)
		return status.Error(codes.Internal, message.String())
	})
	for _, more := range [][]string{nil, {"--show-secrets"}} {
		code, stdout, stderr := runCall(t, append([]string{addr, "--tls", "off"}, more...)...)
		if code != exitFailed || !strings.Contains(stdout, "INTERNAL") {
			t.Errorf("exit code %d, want %d\n%s", code, exitFailed, stderr)
		}
		if err := errors.Join(hostile.Check(stdout), hostile.Check(stderr)); err != nil {
			t.Error(err)
		}
	}
}

func TestACallStoresNothing(t *testing.T) {
	lane.Long(t, "starts processes")
	dir := t.TempDir()
	t.Chdir(dir)
	if code, _, stderr := runCall(t, "--metadata", "foo=bar"); code != exitDone {
		t.Fatal(stderr)
	}
	if names := filesIn(t, dir); len(names) != 0 {
		t.Errorf("files %q, want none", names)
	}
}

func TestACallRefusesWhatItCannotObey(t *testing.T) {
	t.Parallel()
	for args, says := range map[string]string{
		"--rate 5":                       "--rate is not a flag of grpc-bench call: it is one of ",
		"--epochs 3":                     "--epochs is not a flag of grpc-bench call: it is one of ",
		"--connections 2":                "--connections is not a flag of grpc-bench call: it is one of ",
		"--vary tls=off,1.3":             "--vary is not a flag of grpc-bench call: it is one of ",
		"--suite overheads":              "--suite is not a flag of grpc-bench call: it is one of ",
		"--results x":                    "--results is not a flag of grpc-bench call: it is one of ",
		"--server-pid 1":                 "--server-pid is not a flag of grpc-bench call: it is one of ",
		"a:1 b:2":                        "TARGET: must be one HOST:PORT",
		"localhost":                      "must be HOST:PORT",
		"a:1 --key p256":                 "cannot be used with a TARGET",
		"--cacert x.crt":                 "cannot be used without a TARGET",
		"--tls off --mtls on":            "--mtls on: must be off with --tls off",
		"--request @x":                   `--request "@x"`,
		"--compression lz4":              `--compression "lz4": must be`,
		"--deadline 1d":                  `--deadline "1d": must be none or a duration`,
		"--method Foo":                   `--method "Foo": must be /PKG.SERVICE/METHOD`,
		"--metadata s3cr3t":              "--metadata: must be NAME=VALUE",
		"--payload 1KiB --method /a.B/C": "must be 0 with --method",
	} {
		code, stdout, stderr := command(t, append([]string{"call"}, strings.Fields(args)...)...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, says) || strings.Contains(stderr, "s3cr3t") {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want %d and %q", args, code, stdout, stderr, exitUsage, says)
		}
	}
}

func TestAnInterruptedCallEndsWithTheSignalsCode(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	held := make(chan struct{})
	addr := answering(t, nil, func(stream grpc.ServerStream, _ []byte) error {
		close(held)
		<-stream.Context().Done()
		return context.Cause(stream.Context())
	})
	p := startProgram(t, "call", addr, "--tls", "off")
	<-held
	p.signal(t, os.Interrupt)
	if code := p.end(t); code != 130 || p.stdout.Len() != 0 {
		t.Errorf("exit code %d and %q, want 130 and nothing", code, p.stdout.String())
	}
}

// unanswering is a port at which connections are accepted, by the kernel, and nobody answers.
func unanswering(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}
