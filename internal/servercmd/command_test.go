package servercmd_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"grpcbench/internal/certs"
	"grpcbench/internal/servercmd"
	benchv1 "grpcbench/proto/bench/v1"
)

type usageError struct{ error }

// running is a server that was started by a command line.
type running struct {
	line   string // first line on stdout
	addr   string
	rest   *bytes.Buffer // later lines on stdout, to be read after stop
	stderr *bytes.Buffer // likewise
	stop   func() error
}

// launch runs the command in dir until the test ends.
func launch(t *testing.T, dir string, args ...string) running {
	t.Helper()
	t.Chdir(dir)
	out, in := io.Pipe()
	r := running{rest: &bytes.Buffer{}, stderr: &bytes.Buffer{}}
	cmd := servercmd.New("server", func(err error) error { return usageError{err} })
	cmd.SetArgs(args)
	cmd.SetOut(in)
	cmd.SetErr(r.stderr)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		err := cmd.ExecuteContext(ctx)
		_ = in.CloseWithError(errors.Join(err, io.EOF)) // returns nil
		ended <- err
	}()
	var err error
	lines := bufio.NewReader(out)
	if r.line, err = lines.ReadString('\n'); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	r.addr = strings.TrimSpace(r.line)
	read := make(chan struct{})
	go func() {
		_, _ = io.Copy(r.rest, lines) // until the command ends, whose error it is then
		close(read)
	}()
	r.stop = func() error { cancel(); <-read; return <-ended }
	t.Cleanup(cancel)
	return r
}

// refused returns what the command says of args, and whether it calls it a
// mistake in the command line.
func refused(t *testing.T, dir string, args ...string) (message string, usage bool) {
	t.Helper()
	t.Chdir(dir)
	cmd := servercmd.New("server", func(err error) error { return usageError{err} })
	cmd.SetArgs(args)
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(t.Context())
	if err == nil {
		t.Fatalf("%v was obeyed", args)
	}
	_, usage = errors.AsType[usageError](err)
	return err.Error(), usage
}

// certified returns a directory with server.crt, server.key and ca.crt, and the
// client's side of them.
func certified(t *testing.T) (dir string, client *tls.Config) {
	t.Helper()
	set, err := certs.Authority(certs.Options{Key: certs.P256, Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for name, content := range map[string][]byte{
		"server.crt": set.Server.CertPEM, "server.key": set.Server.KeyPEM, "ca.crt": set.CA.CertPEM,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.X509KeyPair(set.Client.CertPEM, set.Client.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(set.CA.CertPEM)
	return dir, &tls.Config{RootCAs: roots, ServerName: "localhost", Certificates: []tls.Certificate{pair}}
}

// snapshot calls the server and returns what it saw.
func snapshot(t *testing.T, addr string, c credentials.TransportCredentials) (*benchv1.SnapshotResponse, error) {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(c))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return benchv1.NewControlClient(conn).Snapshot(t.Context(), &benchv1.SnapshotRequest{})
}

func TestTheFirstLineIsTheAddressAndAnotherSaysHow(t *testing.T) {
	dir, _ := certified(t)
	tests := []struct {
		args   []string
		prefix string
		suffix string
	}{
		{[]string{"--tls", "off"}, "127.0.0.1:", " (plaintext)\n"},
		{[]string{"--tls", "off", "--listen", "[::1]:0"}, "[::1]:", " (plaintext)\n"},
		{nil, "127.0.0.1:", " (TLS 1.2 and 1.3)\n"},
		{[]string{"--tls", "1.2"}, "127.0.0.1:", " (TLS 1.2)\n"},
		{[]string{"--client-ca", "ca.crt"}, "127.0.0.1:", " (TLS 1.2 and 1.3, client certificate required)\n"},
	}
	for _, tt := range tests {
		r := launch(t, dir, append([]string{"--listen", "127.0.0.1:0"}, tt.args...)...)
		if _, port, err := net.SplitHostPort(r.addr); !strings.HasPrefix(r.line, tt.prefix) || port == "" || err != nil {
			t.Errorf("%v: first line %q, want %sPORT", tt.args, r.line, tt.prefix)
		}
		err := r.stop()
		if want := "listening on " + r.addr + tt.suffix; err != nil || r.stderr.String() != want {
			t.Errorf("%v: %v, stderr %q, want %q", tt.args, err, r.stderr, want)
		}
	}
}

func TestAnAddressThatOthersReachIsWarnedOf(t *testing.T) {
	r := launch(t, t.TempDir(), "--tls", "off", "--listen", "0.0.0.0:0")
	if _, err := snapshot(t, r.addr, insecure.NewCredentials()); err != nil {
		t.Error(err)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if want := "warning: other machines can reach " + r.addr + "\n"; !strings.HasSuffix(r.stderr.String(), want) {
		t.Errorf("stderr %q, want its end to be %q", r.stderr, want)
	}
}

func TestTheTLSFlagsReachTheConnection(t *testing.T) {
	dir, client := certified(t)
	tests := []struct {
		args    []string
		version string
		mutual  bool
	}{
		{nil, "TLS 1.3", false},
		{[]string{"--tls", "1.2"}, "TLS 1.2", false},
		{[]string{"--tls", "1.3"}, "TLS 1.3", false},
		{[]string{"--client-ca", "ca.crt"}, "TLS 1.3", true},
	}
	for _, tt := range tests {
		r := launch(t, dir, append([]string{"--listen", "127.0.0.1:0"}, tt.args...)...)
		got, err := snapshot(t, r.addr, credentials.NewTLS(client))
		if err != nil {
			t.Errorf("%v: %v", tt.args, err)
			continue
		}
		p := got.GetTlsParameters()
		if len(p) != 1 || p[0].GetVersion() != tt.version || p[0].GetClientCertificate() != tt.mutual {
			t.Errorf("%v: observed %v", tt.args, p)
		}
		anonymous := client.Clone()
		anonymous.Certificates = nil
		if _, err := snapshot(t, r.addr, credentials.NewTLS(anonymous)); (err != nil) != tt.mutual {
			t.Errorf("%v: a client without a certificate got %v", tt.args, err)
		}
		if err := r.stop(); err != nil {
			t.Errorf("%v: %v", tt.args, err)
		}
	}
}

// gzip at level 9 finds more in text than at level 1.
func TestTheResponseLevelReachesTheCompressor(t *testing.T) {
	size := func(level string) uint64 {
		r := launch(t, t.TempDir(), "--tls", "off", "--listen", "127.0.0.1:0", "--response-compression-level", level)
		conn, err := grpc.NewClient("passthrough:///"+r.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := benchv1.NewBenchClient(conn).Echo(t.Context(), &benchv1.EchoRequest{
			ResponseSize: 65536, ResponseContent: benchv1.Content_CONTENT_TEXT, ResponseEncoding: "gzip",
		}); err != nil {
			t.Fatal(err)
		}
		got, err := snapshot(t, r.addr, insecure.NewCredentials())
		if err != nil {
			t.Fatal(err)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		return got.GetCodec().GetCompressed().GetOutputBytes()
	}
	if low, high := size("gzip:1"), size("gzip:high"); low <= high || high == 0 {
		t.Errorf("level 1 leaves %d bytes, high %d", low, high)
	}
}

func TestTheLastLineIsWhatTheServerCounted(t *testing.T) {
	r := launch(t, t.TempDir(), "--tls", "off", "--listen", "127.0.0.1:0")
	conn, err := grpc.NewClient("passthrough:///"+r.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := benchv1.NewBenchClient(conn).Echo(t.Context(), &benchv1.EchoRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := benchv1.NewBenchClient(conn).Echo(t.Context(), &benchv1.EchoRequest{ResponseSize: 1}); err == nil {
		t.Fatal("a size that is not the body's was obeyed")
	}
	// What is asked of Control is not counted, but its connection is.
	seen, err := snapshot(t, r.addr, insecure.NewCredentials())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(conn.Close(), r.stop()); err != nil {
		t.Error(err)
	}
	want := `{"instance":"` + seen.GetInstanceId() + `","started":4,"ok":3,"failed":{"InvalidArgument":1},"panics":0,"connections":2}` + "\n"
	if r.rest.String() != want {
		t.Errorf("last line %q, want %q", r.rest, want)
	}
}

func TestMistakesInTheCommandLineAreNamed(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"--listen", "localhost"}, `--listen "localhost": must be HOST:PORT: missing port in address`},
		{[]string{"--listen", ":1337"}, `--listen ":1337": must be HOST:PORT: the host must not be empty; 0.0.0.0 and [::] are every address of this machine`},
		{[]string{"--listen", "localhost:65536"}, `--listen "localhost:65536": must be HOST:PORT: the port must be in [0, 65535]`},
		{[]string{"--tls", "1.1"}, `--tls "1.1": must be off, 1.2, 1.3 or default`},
		{[]string{"--tls", "off", "--cert", "x"}, "--cert: must not be given with --tls off"},
		{[]string{"--tls", "off", "--client-ca", "x"}, "--client-ca: must not be given with --tls off"},
		{[]string{"--cert", ""}, `--cert "": must name a file`},
		{[]string{"--client-ca", ""}, `--client-ca "": must name a file`},
		{[]string{"--windows", "big"}, `--windows "big": must be static or dynamic`},
		{[]string{"--response-compression-level", "gzip:none"}, `--response-compression-level: "gzip:none": must be gzip, deflate or zstd with a level above none`},
		{[]string{"--response-compression-level", "low"}, `--response-compression-level: compression "low": must be none, gzip, deflate or zstd`},
		{[]string{"--max-connections", "0"}, "--max-connections 0: must be > 0"},
		{[]string{"--grace", "-1s"}, "--grace -1s: must be >= 0"},
		{[]string{"--nonsense"}, "unknown flag: --nonsense"},
		{[]string{"extra"}, `unknown command "extra" for "server"`},
		{[]string{"--grace", "-1s", "--windows", "big"}, "--windows \"big\": must be static or dynamic\n--grace -1s: must be >= 0"},
	}
	for _, tt := range tests {
		if got, usage := refused(t, t.TempDir(), tt.args...); got != tt.want || !usage {
			t.Errorf("%v: %q (usage %v), want %q", tt.args, got, usage, tt.want)
		}
	}
}

func TestMissingCertificatesAreAFailureThatSaysHowToMakeThem(t *testing.T) {
	got, usage := refused(t, t.TempDir())
	for _, want := range []string{"server.crt", "`make gen_key`", "`grpc-bench certs`", "--tls off"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q does not name %s", got, want)
		}
	}
	if usage {
		t.Error("a missing file is called a mistake in the command line")
	}
}

func TestATakenAddressIsAFailure(t *testing.T) {
	r := launch(t, t.TempDir(), "--tls", "off", "--listen", "127.0.0.1:0")
	got, usage := refused(t, t.TempDir(), "--tls", "off", "--listen", r.addr)
	if want := "listen tcp " + r.addr + ": bind: address already in use"; got != want || usage {
		t.Errorf("%q (usage %v), want %q", got, usage, want)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

func TestAReadableKeyIsTakenIfAllowed(t *testing.T) {
	dir, _ := certified(t)
	if err := os.Chmod(filepath.Join(dir, "server.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, usage := refused(t, dir, "--listen", "127.0.0.1:0"); !strings.Contains(got, "--allow-readable-key") || usage {
		t.Errorf("%q (usage %v), want a failure that names the flag", got, usage)
	}
	r := launch(t, dir, "--listen", "127.0.0.1:0", "--allow-readable-key")
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}
