//go:build peers

package runner_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/certs"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/foreign"
)

// cCore is the published example's server on gRPC's C core, which Python, C++,
// Ruby and PHP stand on.
type cCore struct {
	addr, certificate string

	server *foreign.Server
}

// saw is what the server says when it ends.
type saw struct {
	RPCs  int64    `json:"rpcs"`
	Foo   []string `json:"foo"`
	Bin   []string `json:"bin"` // in hexadecimal
	Sizes []int    `json:"sizes"`
}

func newCCore(t *testing.T, compression string) *cCore {
	t.Helper()
	pair, err := certs.SelfSigned(certs.Options{Key: certs.RSA2048, Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &cCore{certificate: filepath.Join(dir, "server.crt")}
	key := filepath.Join(dir, "server.key")
	if err := errors.Join(os.WriteFile(s.certificate, pair.CertPEM, 0o600), os.WriteFile(key, pair.KeyPEM, 0o600)); err != nil {
		t.Fatal(err)
	}
	server, err := foreign.CCore(t.Context(), s.certificate, key, compression)
	if err != nil {
		t.Fatal(err)
	}
	s.server, s.addr = server, server.Address
	return s
}

// end stops the server and returns what it saw.
func (s *cCore) end(t *testing.T) saw {
	t.Helper()
	out, err := s.server.End()
	if err != nil {
		t.Fatal(err)
	}
	var all saw
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatalf("server.py: %v", err)
	}
	return all
}

// peerMessage is a message that compresses: field 1, 500 bytes long.
var peerMessage = "\x0a\xf4\x03" + strings.Repeat("compressible ", 38) + "enough"

// messageFile is --request for peerMessage.
func messageFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(path, []byte(peerMessage), 0o600); err != nil {
		t.Fatal(err)
	}
	return "@" + path
}

// Both engines give the same account of it.
func TestPeerServerOnTheCCoreIsMeasured(t *testing.T) {
	for _, engine := range []string{plan.GRPC, plan.Wire} {
		for _, compression := range []string{"gzip", "deflate", "none"} {
			for name, message := range map[string]string{"empty": "", "message": peerMessage} {
				t.Run(strings.Join([]string{engine, compression, name}, " "), func(t *testing.T) {
					measureCCore(t, engine, compression, message)
				})
			}
		}
	}
}

func measureCCore(t *testing.T, engine, compression, message string) {
	s := newCCore(t, compression)
	binary := filepath.Join(t.TempDir(), "binary")
	if err := os.WriteFile(binary, []byte("\x00\xff,"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--engine", engine, "--cacert", s.certificate, "--metadata", "foo=bar", "--metadata", "foo-bin=@" + binary, "--compression", compression, "--rate", "100", "--window", "500ms", s.addr}
	if message != "" {
		args = append(args, "--method", "/Server/Foo", "--request", messageFile(t))
	}
	r := measure(t, t.Context(), planOf(t, args...), runner.Options{})
	for _, c := range r.Checks {
		if c.Verdict == result.Invalid && !slices.Contains(busyMachine, c.Code) {
			t.Errorf("check %s: %s", c.Code, c.Text)
		}
	}
	a := r.Arms[0]
	if l := a.LedgerTotal; l.OK == 0 || l.OK != l.Scheduled {
		t.Errorf("ledger %+v, want every RPC ok", l)
	}
	if compressed := a.Compressed > 0 && a.Compressed == a.LedgerTotal.Started; compressed != (message != "" && compression != "none") {
		t.Errorf("%d of %d requests compressed", a.Compressed, a.LedgerTotal.Started)
	}
	want := saw{RPCs: a.LedgerTotal.OK, Foo: []string{"bar"}, Bin: []string{"00ff2c"}, Sizes: []int{len(message)}}
	if diff := cmp.Diff(want, s.end(t)); diff != "" {
		t.Errorf("what the server saw (-want +got):\n%s", diff)
	}
}

// Its errors are failures with their code and message, and break nothing.
func TestPeerServerOnTheCCoreThatRefuses(t *testing.T) {
	const every = 10
	eachEngine(t, func(t *testing.T, engine string) {
		s := newCCore(t, "gzip")
		args := func(method string) []string {
			return []string{"--cacert", s.certificate, "--method", method, "--compression", "deflate", "--accept-compression", "gzip+deflate", "--request", messageFile(t),
				"--loop", "closed", "--concurrency", "1", "--connections", "1", s.addr}
		}
		err := refusal(t, engine, args("/Server/Never"))
		if want := "(use --expect code=FAILED_PRECONDITION if it is the right one): no café is 100% open"; !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want %q", err, want)
		}
		l := measure(t, t.Context(), planOf(t, append([]string{"--engine", engine}, args("/Server/Tenth")...)...), runner.Options{}).Arms[0].LedgerTotal
		got := s.end(t)
		// One was refused before, so that these are the server's from the second on.
		refused := (l.Started + 1) / every
		if l.Failed["FAILED_PRECONDITION"] != refused || refused == 0 || l.OK != l.Started-refused || got.RPCs != l.Started+1 {
			t.Errorf("ledger %+v, want %d refused; the server saw %d RPCs", l, refused, got.RPCs)
		}
	})
}

// The C core takes an empty message under any codec, since it is sent as it is.
func TestPeerServerWithoutTheCodecIsNamedBeforeTheLoad(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		s := newCCore(t, "gzip")
		args := []string{"--cacert", s.certificate, "--compression", "zstd", "--method", "/Server/Foo", "--request", messageFile(t), s.addr}
		if err := refusal(t, engine, args); !strings.Contains(err.Error(), "--compression") {
			t.Errorf("error %q: must name --compression", err)
		}
		if got := s.end(t); got.RPCs != 0 {
			t.Errorf("the server saw %d RPCs, want none", got.RPCs)
		}
	})
}

// A proxy before the server holds the connections: it is named, by the process that serves
// them, and counts by the one that has started it.
func TestAProxyBeforeTheServerIsNamed(t *testing.T) {
	s := newTarget(t, nil)
	proxy, err := foreign.Nginx(t.Context(), t.TempDir(), "server { listen {listen} http2; location / { grpc_pass grpc://"+s.addr+"; } }")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Stop(); err != nil {
			t.Error(err)
		}
	})
	server, master := strconv.Itoa(os.Getpid()), strconv.Itoa(proxy.PID())
	eachEngine(t, func(t *testing.T, engine string) {
		err := refusal(t, engine, []string{"--tls", "off", "--server-pid", server, proxy.Address})
		if !strings.Contains(err.Error(), "--server-pid "+server+": ") || !strings.Contains(err.Error(), " (nginx), which holds the connections") {
			t.Errorf("%v, want nginx to be named", err)
		}
		err = refusal(t, engine, []string{"--tls", "off", "--server-pid", idle(t), proxy.Address})
		if !strings.Contains(err.Error(), " (nginx) holds the connections: name it too, or instead") || strings.Contains(err.Error(), "process "+master) {
			t.Errorf("%v, want nginx's worker to be named", err)
		}
		p := planOf(t, "--engine", engine, "--tls", "off", "--server-pid", master, proxy.Address)
		serverSeen(t, measure(t, t.Context(), p, runner.Options{}))
	})
}
