package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// scene is what a run with secrets needs: files, and a place for all it writes.
type scene struct {
	canaries
	search
	dir     string // of the files; its name is a canary
	results string
	temp    string // the program's TMPDIR
}

func newScene(t *testing.T) scene {
	t.Helper()
	s := scene{canaries: canaries{}, results: t.TempDir(), temp: t.TempDir()}
	for _, channel := range []string{"flag", "file", "variable", "suite", "request", "payload", "TARGET", "environment", "directory", "broken key", "refused line"} {
		s.canaries[channel] = newCanary()
	}
	s.dir = filepath.Join(t.TempDir(), strings.ReplaceAll(s.canaries["directory"], "/", ""))
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := command(t, "certs", "--ca", "--key", "p256", "--dir", s.dir); code != exitDone {
		t.Fatal(stderr)
	}
	s.canaries["client key"] = s.privateKey(t)
	secret := "x-suite=" + s.canaries["suite"]
	for name, content := range map[string]string{
		"cookie": s.canaries["file"] + "\n", "body": "payload of " + s.canaries["payload"],
		"request": "\x0a" + string(rune(len(s.canaries["request"]))) + s.canaries["request"], // field 1, a string
		"broken":  "-----BEGIN PRIVATE KEY-----\n" + s.canaries["broken key"] + "\n-----END PRIVATE KEY-----\n",
		"suite":   "settings: {metadata: [\"" + secret + "\"]}\ngroups: [{name: TLS, control: {tls: \"off\"}, arms: [{tls: \"1.3\"}]}]\n",
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("CANARY_TOKEN", s.canaries["variable"])
	t.Setenv("CANARY_AMBIENT", s.canaries["environment"])
	t.Setenv("TMPDIR", s.temp)
	s.search = newSearch(s.canaries)
	return s
}

// privateKey is the secret number of the client's key: 32 of the bytes that PKCS
// #8 wraps around a P-256 key (RFC 5958, RFC 5915).
func (s scene) privateKey(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(s.path("client.key"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	if len(block.Bytes) < 68 || !bytes.Equal(block.Bytes[34:36], []byte{4, 32}) { // OCTET STRING of 32 bytes
		t.Fatalf("key of %d bytes: must be a P-256 key in PKCS #8", len(block.Bytes))
	}
	return string(block.Bytes[36:68])
}

func (s scene) path(name string) string { return filepath.Join(s.dir, name) }

// metadata hands a secret to each of the three ways in.
func (s scene) metadata() []string {
	return []string{"--metadata", "authorization=Bearer " + s.canaries["flag"], "--metadata", "cookie=@" + s.path("cookie"), "--metadata", "x-token=env:CANARY_TOKEN"}
}

// run runs the program in this process and searches what it says.
func (s scene) run(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	code, stdout, stderr := command(t, args...)
	s.hunt(t, fmt.Sprintf("%.60q", args), stdout+stderr)
	return code, stdout + stderr
}

// call is run with the command call, which is a process of its own: it installs
// compressors.
func (s scene) call(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	code, stdout, stderr := runCall(t, args...)
	s.hunt(t, fmt.Sprintf("call %.60q", args), stdout+stderr)
	return code, stdout + stderr
}

// huntResults searches everything that was stored, and every report of it.
func (s scene) huntResults(t *testing.T) {
	t.Helper()
	if n := s.huntFiles(t, s.results); n < 10_000 {
		t.Errorf("%d bytes of results: there must be some to search", n)
	}
	s.huntFiles(t, s.temp)
	for _, id := range filesIn(t, s.results) {
		for _, format := range formatNames() {
			if code, _ := s.run(t, "report", id, "--results", s.results, "--format", format); code != exitDone {
				t.Errorf("report as %s: exit code %d", format, code)
			}
		}
	}
}

// parrot is a server that says again what it was told.
type parrot struct {
	addr  string
	first int // RPCs that are answered before any is refused
	echo  func(secret string) string

	mu   sync.Mutex
	rpcs int
	told map[string]bool // everything, in one string each
}

// newParrot serves every method until the test ends, with mutual TLS when it has
// a config.
func newParrot(t *testing.T, config *tls.Config, first int) *parrot {
	t.Helper()
	p := &parrot{first: first, told: map[string]bool{}, echo: func(s string) string { return s }}
	options := []grpc.ServerOption{grpc.UnknownServiceHandler(p.handle)}
	if config != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	server := grpc.NewServer(options...)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return p
}

// handle repeats metadata and message in everything that a server can say.
func (p *parrot) handle(_ any, stream grpc.ServerStream) error {
	var request emptypb.Empty
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	md, _ := metadata.FromIncomingContext(stream.Context())
	secrets := slices.Concat(md["authorization"], md["cookie"], md["x-token"])
	for i, s := range secrets {
		secrets[i] = strings.TrimPrefix(s, "Bearer ")
	}
	if raw := request.ProtoReflect().GetUnknown(); len(raw) > 2 {
		secrets = append(secrets, string(raw[2:]))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told[strings.Join(secrets, "\n")] = true
	method, _ := grpc.MethodFromServerStream(stream)
	measured := !strings.HasPrefix(method, "/bench.v1.Control/") // which a run asks first, and is refused
	if measured {
		p.rpcs++
	}
	if measured && p.rpcs <= p.first {
		return stream.SendMsg(&emptypb.Empty{})
	}
	var words []string
	for _, s := range secrets {
		words = append(words, p.echo(s))
	}
	text := strings.Join(words, " ")
	stream.SetTrailer(metadata.Pairs("x-echo", strings.ReplaceAll(text, "…", "..."), "x-echo-bin", strings.Join(secrets, ";")))
	s, err := status.New(codes.Unauthenticated, text).WithDetails(&errdetails.DebugInfo{Detail: text, StackEntries: words})
	if err != nil {
		return err
	}
	return s.Err()
}

// heard fails unless the server was told every secret of the channels, in more
// RPCs than it answers well.
func (p *parrot) heard(t *testing.T, of canaries, channels ...string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	told := strings.Join(slices.Collect(maps.Keys(p.told)), "\n")
	for _, channel := range channels {
		if !strings.Contains(told, of[channel]) {
			t.Fatalf("the server was not told the secret of %s: the test is void", channel)
		}
	}
	if p.rpcs <= p.first {
		t.Fatalf("the server repeated nothing in %d RPCs: the test is void", p.rpcs)
	}
}

// kin is what /proc shows of a program's children.
type kin struct {
	mu    sync.Mutex
	shown map[int]string // command line and environment, by process
	roles map[string]int // a process of each role
}

// runWatched runs the program as a process, and watches its children until it
// ends. during, when not nil, is called over and over meanwhile.
func runWatched(t *testing.T, env []string, during func(*kin), args ...string) (code int, said string, _ *kin) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(append(os.Environ(), asProgram+"=1"), env...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	k := &kin{shown: map[int]string{}, roles: map[string]int{}}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return cmd.ProcessState.ExitCode(), out.String(), k
		case <-tick.C:
			k.look(cmd.Process.Pid)
			if during != nil {
				during(k)
			}
		}
	}
}

// look notes the children of a process. One that ends meanwhile is passed over.
func (k *kin) look(parent int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	for _, list := range lists {
		pids, _ := os.ReadFile(list)
		for pid := range strings.FieldsSeq(string(pids)) {
			line, err := os.ReadFile("/proc/" + pid + "/cmdline")
			environ, err2 := os.ReadFile("/proc/" + pid + "/environ")
			words := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
			role := words[len(words)-1]
			if err != nil || err2 != nil || role != runner.Host && role != runner.Generator {
				continue
			}
			var n int
			fmt.Sscan(pid, &n)
			k.mu.Lock()
			k.shown[n], k.roles[role] = string(line)+"\n"+string(environ), n
			k.mu.Unlock()
		}
	}
}

// hunt searches what was seen of the children.
func (k *kin) hunt(t *testing.T, s scene, children int) {
	t.Helper()
	if len(k.shown) < children {
		t.Fatalf("%d children were seen, want %d: the test is void", len(k.shown), children)
	}
	for _, shown := range k.shown {
		s.hunt(t, "command line and environment of a child", shown)
	}
}

// noisy makes libraries log as much as they can: HTTP/2 headers among it.
var noisy = []string{"GODEBUG=http2debug=2", "GRPC_GO_LOG_SEVERITY_LEVEL=info", "GRPC_GO_LOG_VERBOSITY_LEVEL=99"}

// TestNoSecretLeavesARun: of the user's secrets names and lengths are stored.
//
//	fault:   a secret in each of 12 ways in, libraries that log all they can
//	promise: no output, file, log, command line or environment of a child holds one, in no form
//	figure:  every 10 bytes of each, plain, base64, hex, URL: 0 found
func TestNoSecretLeavesARun(t *testing.T) {
	lane.Long(t, "starts processes")
	s := newScene(t)
	args := append(short(s.results, "1", "--payload", "@"+s.path("body")), s.metadata()...)
	code, said, children := runWatched(t, noisy, nil, args...)
	if code != exitDone && code != exitInvalid { // noise takes time
		t.Fatalf("exit code %d\n%s", code, said)
	}
	s.hunt(t, "the run", said)
	children.hunt(t, s, 4) // two arms
	if code, said := s.run(t, "run", "--suite", s.path("suite"), "--results", s.results, "--epochs", "1", "--loop", "closed", "--window", "100ms", "--warmup", "0s"); code != exitDone && code != exitInvalid {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	s.huntResults(t)
}

// TestNoSecretThatAServerRepeatsIsShown: the server knows all metadata and
// messages, and says them where it can.
//
//	fault:   a server that repeats every secret in status, details and trailers, in pieces and encoded
//	promise: no output and no file holds one, in no form
//	figure:  every 10 bytes of each, plain, base64, hex, URL: 0 found in 13 ways of repeating
func TestNoSecretThatAServerRepeatsIsShown(t *testing.T) {
	lane.Long(t, "starts processes")
	s := newScene(t)
	id := func(args ...string) []string {
		return append(append(args, "--cacert", s.path("ca.crt"), "--cert", s.path("client.crt"), "--key-file", s.path("client.key")), s.metadata()...)
	}
	call := []string{"--method", "/example.Service/Get", "--request", "@" + s.path("request")}

	// After the preflight: counted and stored.
	p := newParrot(t, s.mutual(t), 1)
	args := append(id("run", p.addr, "--results", s.results, "--epochs", "1", "--window", "200ms", "--warmup", "0s", "--rate", "200"), call...)
	if code, said := s.run(t, args...); code != exitInvalid {
		t.Fatalf("exit code %d, want %d\n%s", code, exitInvalid, said)
	}
	p.heard(t, s.canaries, "flag", "file", "variable", "request")
	s.huntResults(t)

	// In the preflight, and in a call: shown.
	p = newParrot(t, s.mutual(t), 0)
	for name := range echoes("") {
		p.echo = func(secret string) string { return echoes(secret)[name] }
		code, said := s.run(t, append(id("run", p.addr, "--results", s.results), call...)...)
		if code != exitFailed || !strings.Contains(said, "UNAUTHENTICATED") || !strings.Contains(said, "«masked»") {
			t.Errorf("%s: exit code %d, must show what the server said, and mask it:\n%s", name, code, said)
		}
		code, said = s.call(t, id(p.addr, "--method", "/example.Service/Get")...)
		if code != exitFailed || !strings.Contains(said, "«masked»") {
			t.Errorf("%s: call: exit code %d, must show what the server said, and mask it:\n%s", name, code, said)
		}
	}
	p.heard(t, s.canaries, "flag", "file", "variable", "request")
}

// mutual is the configuration of a server that asks for a certificate.
func (s scene) mutual(t *testing.T) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(s.path("server.crt"), s.path("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(s.path("ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
	c.ClientCAs.AppendCertsFromPEM(ca)
	return c
}

// TestTheLastWordsOfADeadChildHoldNoSecret: a library's log is the way by which a
// child's memory comes out.
//
//	fault:   generator killed while its log holds the secrets that a server repeats
//	promise: what it said last is shown without them
//	figure:  every 10 bytes of each, plain, base64, hex, URL: 0 found
func TestTheLastWordsOfADeadChildHoldNoSecret(t *testing.T) {
	lane.Long(t, "starts processes")
	s := newScene(t)
	p := newParrot(t, nil, 1)
	killed := false
	kill := func(k *kin) {
		p.mu.Lock()
		enough := p.rpcs >= 20
		p.mu.Unlock()
		if pid := k.roles[runner.Generator]; enough && pid != 0 && !killed {
			killed = syscall.Kill(pid, syscall.SIGKILL) == nil
		}
	}
	args := append([]string{"run", p.addr, "--tls", "off", "--results", s.results, "--epochs", "1", "--window", "2s", "--warmup", "0s", "--rate", "50"}, s.metadata()...)
	code, said, children := runWatched(t, noisy, kill, args...)
	p.heard(t, s.canaries, "flag", "file", "variable")
	s.hunt(t, "the run", said)
	if !killed || code == exitDone || !strings.Contains(said, "hpack") || !strings.Contains(said, "«masked»") {
		t.Fatalf("killed %v, exit code %d: must show the log, and mask it\n%s", killed, code, said)
	}
	children.hunt(t, s, 1)
	s.huntFiles(t, s.results)
	s.huntFiles(t, s.temp)
}

// TestNoRefusalRepeatsASecret: a value stands beside a mistake, or is one.
//
//	fault:   secrets on command lines, in suites and in keys that are refused
//	promise: what is said of them holds none
//	figure:  every 10 bytes of each, plain, base64, hex, URL: 0 found
func TestNoRefusalRepeatsASecret(t *testing.T) {
	s := newScene(t)
	secret := s.canaries["refused line"]
	suite := filepath.Join(t.TempDir(), "suite")
	if err := os.WriteFile(suite, []byte("settings: {metadata: [\"Authorization="+secret+"\"], authorization="+secret+": 1}\ngroups: []\n: : "), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"run", "--metdata", "authorization=" + secret}, {"run", "--metdata=authorization=" + secret}, {"run", "-metadata=" + secret},
		{"run", "-Hauthorization: " + secret}, {"run", "--authorization: " + secret}, {"run", "--=" + secret}, {"run", "--metadata"},
		{"run", "--metadata", "Authorization=" + secret}, {"run", "--metadata", secret}, {"run", "--metadata", "a=" + secret + "\n"},
		{"run", "--metadata", "authorization:", secret}, {"run", "--metadata", "password=@" + secret}, {"run", "authorization=" + secret},
		{"run", "--vary", "metadata=" + secret + "," + secret}, {"run", "--vary", secret}, {"run", "--vary", "authorization=" + secret + ",none"},
		{"run", "user:" + s.canaries["TARGET"] + "@localhost:1"}, {"run", "https://user:" + s.canaries["TARGET"] + "@localhost:1/"},
		{"call", "user:" + s.canaries["TARGET"] + "@localhost:1"}, {"call", "--metadata", "Authorization=" + secret}, {"call", "--metdata=" + secret},
		{"run", "api.example:1", "--tls", "off", "--metadata", "authorization=" + secret},
		{"run", "--suite", suite}, {"authorization=" + secret}, {"report", "--metadata=" + secret},
		{"run", "localhost:1", "--cert", s.path("client.crt"), "--key-file", s.path("broken")},
		{"server", "--listen", "127.0.0.1:0", "--cert", s.path("server.crt"), "--key-file", s.path("broken")},
	} {
		code, stdout, stderr := command(t, args...)
		if code == exitDone || stdout != "" || stderr == "" {
			t.Errorf("%q: exit code %d, %d bytes on stdout: must be refused", args, code, len(stdout))
		}
		// A file is named as the user named it.
		s.hunt(t, fmt.Sprintf("%.20q", args), strings.ReplaceAll(stderr, s.dir, ""))
	}
}

// TestTheServerKeepsItsKey: it says where it listens and what it counted.
//
//	fault:   a server that logs all that gRPC can, a client that sends secrets
//	promise: neither the server's key nor metadata is in anything it says
//	figure:  every 10 bytes of each, plain, base64, hex, URL: 0 found
func TestTheServerKeepsItsKey(t *testing.T) {
	lane.Long(t, "starts processes")
	s := newScene(t)
	s.canaries["server key"] = serverKey(t, s)
	s.search = newSearch(s.canaries)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A process of its own: its compressors are not this one's.
	cmd := exec.CommandContext(t.Context(), self, "server", "--listen", "127.0.0.1:0", "--cert", s.path("server.crt"), "--key-file", s.path("server.key"))
	cmd.Env = append(append(os.Environ(), asProgram+"=1"), noisy[1:]...) // http2debug is asked for to see headers
	var said, stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var addr string
	if _, err := fmt.Fscanf(io.TeeReader(stdout, &said), "%s", &addr); err != nil {
		t.Fatal(err)
	}
	if code, text := s.call(t, append([]string{addr, "--cacert", s.path("ca.crt")}, s.metadata()...)...); code != exitDone {
		t.Fatalf("call: exit code %d\n%s", code, text)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(&said, stdout); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, stderr.String())
	}
	s.hunt(t, "the server", said.String()+stderr.String())
}

// serverKey is the part of the server's key that nobody else has.
func serverKey(t *testing.T, s scene) string {
	t.Helper()
	data, err := os.ReadFile(s.path("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	return string(block.Bytes[36:68])
}
