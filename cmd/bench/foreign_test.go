//go:build peers

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"grpcbench/internal/certs"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/testing/foreign"
)

// These tests measure servers and proxies of other makers as their users would.

// running is a server or proxy that has been started and is stopped with the test.
func running(t *testing.T, s *foreign.Server, err error) *foreign.Server {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func nginx(t *testing.T, servers string) *foreign.Server {
	t.Helper()
	s, err := foreign.Nginx(t.Context(), t.TempDir(), servers)
	return running(t, s, err)
}

// haproxyBefore is haproxy in front of a server in plaintext.
func haproxyBefore(t *testing.T, upstream string) *foreign.Server {
	t.Helper()
	s, err := foreign.HAProxy(t.Context(), t.TempDir(), "frontend f\n\tbind {listen} proto h2\n\tdefault_backend b\nbackend b\n\tserver s "+upstream+" proto h2\n")
	return running(t, s, err)
}

// certified is a certificate for localhost and api.test, and its key, as files.
func certified(t *testing.T) (certificate, key string) {
	t.Helper()
	pair, err := certs.SelfSigned(certs.Options{Key: certs.RSA2048, Days: 1, SANs: []string{"localhost", "127.0.0.1", "api.test"}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")
	if err := errors.Join(os.WriteFile(certificate, pair.CertPEM, 0o600), os.WriteFile(key, pair.KeyPEM, 0o600)); err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

// cCore is a server on gRPC's C core, and the file of its certificate.
func cCore(t *testing.T, compression string) (s *foreign.Server, certificate string) {
	t.Helper()
	certificate, key := certified(t)
	s, err := foreign.CCore(t.Context(), certificate, key, compression)
	return running(t, s, err), certificate
}

// compressible is --request for a message that compresses.
func compressible(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "message")
	body := "\x0a\xf4\x03" + strings.Repeat("compressible ", 38) + "enough" // field 1, 500 bytes long
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	return "@" + path
}

// outcome is what a run printed, and its result if it has one.
type outcome struct {
	code           int
	stdout, stderr string
	result         result.Result
}

// measured runs `run` of one short epoch with args.
func measured(t *testing.T, args ...string) outcome {
	t.Helper()
	results := t.TempDir()
	args = append([]string{"run", "--results", results, "--epochs", "1", "--window", "1s", "--warmup", "200ms"}, args...)
	var o outcome
	o.code, o.stdout, o.stderr = command(t, args...)
	paths, err := filepath.Glob(filepath.Join(results, "*", result.FileName))
	if err != nil || len(paths) > 1 {
		t.Fatalf("results %v: %v", paths, err)
	}
	if len(paths) == 1 {
		data, err := os.ReadFile(paths[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &o.result); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// has wants all the texts in what was printed.
func (o outcome) has(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(o.stdout+o.stderr, text) {
			t.Errorf("must print %q:\n%s%s", text, o.stdout, o.stderr)
		}
	}
}

// hasNot wants none of the texts in what was printed.
func (o outcome) hasNot(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(o.stdout+o.stderr, text) {
			t.Errorf("must not print %q:\n%s%s", text, o.stdout, o.stderr)
		}
	}
}

func eachEngine(t *testing.T, test func(t *testing.T, engine string)) {
	for _, engine := range []string{plan.GRPC, plan.Wire} {
		t.Run(engine, func(t *testing.T) { test(t, engine) })
	}
}

// Behind two virtual hosts both engines reach the one that --server-name, or
// --authority, names.
func TestPeerNginxHasOneAuthorityOfBothEngines(t *testing.T) {
	certificate, key := certified(t)
	upstream := answering(t, nil, empty)
	secure := fmt.Sprintf("listen {listen} ssl http2; ssl_certificate %s; ssl_certificate_key %s;", certificate, key)
	for _, of := range []struct {
		name, listen string
		args         []string
	}{
		{"TLS", secure, []string{"--cacert", certificate, "--server-name", "api.test"}},
		{"authority over TLS", secure, []string{"--cacert", certificate, "--authority", "api.test"}},
		{"plaintext", "listen {listen} http2;", []string{"--tls", "off", "--authority", "api.test"}},
	} {
		t.Run(of.name, func(t *testing.T) {
			proxy := nginx(t, "server { "+of.listen+" server_name _; location / { return 404; } }\n"+
				"server { "+of.listen+" server_name api.test; location / { grpc_pass grpc://"+upstream+"; } }")
			o := measured(t, append([]string{proxy.Address, "--vary", "engine=grpc,wire", "--aa", "off", "--rate", "100"}, of.args...)...)
			if len(o.result.Arms) != 2 {
				t.Fatalf("exit code %d\n%s%s", o.code, o.stdout, o.stderr)
			}
			for _, a := range o.result.Arms {
				if l := a.LedgerTotal; l.OK == 0 || l.OK != l.Started {
					t.Errorf("%s: ledger %+v, want every RPC ok", a.Name, l)
				}
			}
			access, err := proxy.Access()
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(access) {
				if !strings.HasPrefix(line, "api.test 200 ") {
					t.Fatalf("access log: %q, want api.test and 200", line)
				}
			}
		})
	}
}

// Callers that wait for one of a server's few streams are no slow server.
func TestPeerNginxsLimitOfStreamsIsNamed(t *testing.T) {
	upstream := answering(t, nil, empty)
	eachEngine(t, func(t *testing.T, engine string) {
		proxy := nginx(t, "http2_max_concurrent_streams 2; server { listen {listen} http2; location / { grpc_pass grpc://"+upstream+"; } }")
		o := measured(t, proxy.Address, "--tls", "off", "--engine", engine, "--loop", "closed", "--concurrency", "16", "--connections", "1")
		o.has(t, "2 streams", "--connections")
	})
}

// nginx drops metadata whose names have an underscore or a dot.
func TestPeerNginxThatDropsMetadataIsNoticed(t *testing.T) {
	server := startProgram(t, "server", "--tls", "off", "--listen", "127.0.0.1:0")
	defer func() { server.signal(t, os.Interrupt); server.end(t) }()
	server.await(t, "listening on ")
	address, _, _ := strings.Cut(strings.TrimPrefix(server.said[len(server.said)-1], "listening on "), " ")
	eachEngine(t, func(t *testing.T, engine string) {
		proxy := nginx(t, "server { listen {listen} http2; location / { grpc_pass grpc://"+address+"; } }")
		o := measured(t, proxy.Address, "--tls", "off", "--engine", engine, "--rate", "100",
			"--metadata", "tenant_id=a", "--metadata", "req.id=b", "--metadata", "kept=c")
		o.has(t, "metadata")
		o.hasNot(t, "settings observed as asked", "server has no count")
		if o.code != exitInvalid {
			t.Errorf("exit code %d, want %d\n%s%s", o.code, exitInvalid, o.stdout, o.stderr)
		}
	})
}

// A proxy that answers by itself is named, with what it answered.
func TestPeerNginxWithoutAnUpstreamIsNamed(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		proxy := nginx(t, "server { listen {listen} http2; location / { grpc_pass grpc://127.0.0.1:9; } }")
		o := measured(t, proxy.Address, "--tls", "off", "--engine", engine)
		if o.code != exitFailed {
			t.Errorf("exit code %d, want %d", o.code, exitFailed)
		}
		o.has(t, "UNAVAILABLE", "502", "nginx", "upstream")
		o.hasNot(t, "<html>")
	})
}

func TestPeerNginxsLimitOfBodiesIsNamed(t *testing.T) {
	upstream := answering(t, nil, func(s grpc.ServerStream, _ []byte) error { return empty(s, nil) })
	path := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(path, append([]byte("\x0a\x80\x80\x80\x01"), make([]byte, 2<<20)...), 0o600); err != nil {
		t.Fatal(err)
	}
	eachEngine(t, func(t *testing.T, engine string) {
		proxy := nginx(t, "server { listen {listen} http2; location / { grpc_pass grpc://"+upstream+"; } }")
		o := measured(t, proxy.Address, "--tls", "off", "--engine", engine, "--method", "/Server/Foo", "--request", "@"+path)
		o.has(t, "413", "client_max_body_size")
		o.hasNot(t, "<html>")
	})
}

// haproxy ends the whole connection for 16 KiB of metadata.
func TestPeerHAProxyThatTakesNoLargeMetadataIsNamed(t *testing.T) {
	upstream := answering(t, nil, empty)
	eachEngine(t, func(t *testing.T, engine string) {
		proxy := haproxyBefore(t, upstream)
		o := measured(t, proxy.Address, "--tls", "off", "--engine", engine, "--metadata-size", "40KiB:1")
		o.has(t, "GOAWAY", "metadata")
	})
}

// nginx ends each connection after a number of requests: nothing is lost that the
// other engine keeps, and it is said.
func TestPeerNginxThatEndsConnectionsLosesNothing(t *testing.T) {
	upstream := answering(t, nil, empty)
	eachEngine(t, func(t *testing.T, engine string) {
		proxy := nginx(t, "keepalive_requests 50; server { listen {listen} http2; location / { grpc_pass grpc://"+upstream+"; } }")
		o := measured(t, proxy.Address, "--tls", "off", "--engine", engine, "--rate", "300", "--connections", "2")
		l := o.result.Arms[0].LedgerTotal
		access, err := proxy.Access()
		if err != nil {
			t.Fatal(err)
		}
		if answered := int64(strings.Count(access, " 200 /Server/Foo\n")); l.OK == 0 || l.OK != l.Started || answered != l.OK {
			t.Errorf("ledger %+v, and nginx answered %d", l, answered)
		}
		o.has(t, "GOAWAY")
	})
}

// connect compresses each response, empty ones too, for a client that announces gzip.
func TestPeerConnectDoesNotCompressForAnArmWithoutACompressor(t *testing.T) {
	server, err := foreign.Connect(t.Context())
	running(t, server, err)
	eachEngine(t, func(t *testing.T, engine string) {
		o := measured(t, server.Address, "--tls", "off", "--engine", engine, "--method", "/Server/Foo", "--request", compressible(t),
			"--vary", "compression=none,gzip:low", "--aa", "off", "--rate", "100")
		if len(o.result.Arms) != 2 {
			t.Fatalf("exit code %d\n%s%s", o.code, o.stdout, o.stderr)
		}
		for i, a := range o.result.Arms {
			if n := a.Observed.ResponsesDecompressed; (n > 0) != (i > 0) {
				t.Errorf("%s: %d of %d responses compressed", a.Name, n, a.LedgerTotal.OK)
			}
		}
	})
}

// C core hands a message that is compressed by a codec it does not know to the handler.
func TestPeerCCoreWithoutTheCodecIsNeverMeasured(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		server, certificate := cCore(t, "none")
		o := measured(t, server.Address, "--cacert", certificate, "--engine", engine, "--method", "/Server/Any", "--request", compressible(t),
			"--vary", "compression=none,zstd:low", "--aa", "off", "--rate", "100")
		if o.code != exitFailed {
			t.Errorf("exit code %d, want %d", o.code, exitFailed)
		}
		o.has(t, "identity, deflate, gzip", "--compression")
	})
}

// grpc-js decompresses requests and compresses no response.
func TestPeerGRPCJSThatDoesNotCompressIsSaid(t *testing.T) {
	server, err := foreign.GRPCJS(t.Context())
	running(t, server, err)
	eachEngine(t, func(t *testing.T, engine string) {
		o := measured(t, server.Address, "--tls", "off", "--engine", engine, "--method", "/Server/Foo", "--request", compressible(t),
			"--vary", "compression=none,gzip:low", "--aa", "off", "--rate", "100")
		o.has(t, "did not compress")
	})
}

// C core offers P-256 alone, so that a Go client's handshake takes a round trip more.
func TestPeerCCoresHelloRetryRequestIsCounted(t *testing.T) {
	server, certificate := cCore(t, "none")
	eachEngine(t, func(t *testing.T, engine string) {
		o := measured(t, server.Address, "--cacert", certificate, "--engine", engine, "--rate", "50")
		o.has(t, "HelloRetryRequest")
	})
	code, stdout, stderr := command(t, "call", server.Address, "--cacert", certificate)
	outcome{code: code, stdout: stdout, stderr: stderr}.has(t, "HelloRetryRequest")
}

// Each server announces settings of its own.
func TestPeerSettingsAreShown(t *testing.T) {
	connect, err := foreign.Connect(t.Context())
	running(t, connect, err)
	js, err := foreign.GRPCJS(t.Context())
	running(t, js, err)
	for _, of := range []struct{ name, address, streams string }{
		{"connect", connect.Address, "250"},
		{"grpc-js", js.Address, "no limit"},
		{"haproxy", haproxyBefore(t, connect.Address).Address, "100"},
		{"nginx", nginx(t, "server { listen {listen} http2; location / { grpc_pass grpc://"+connect.Address+"; } }").Address, "128"},
	} {
		t.Run(of.name, func(t *testing.T) {
			code, stdout, stderr := command(t, "call", of.address, "--tls", "off")
			o := outcome{code: code, stdout: stdout, stderr: stderr}
			if code != exitDone {
				t.Errorf("exit code %d\n%s", code, stderr)
			}
			o.has(t, of.streams)
		})
	}
}
