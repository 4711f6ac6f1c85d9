package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"grpcbench/testing/faultproxy"
	"grpcbench/testing/lane"
)

// stranger is a server that no RPC can be made to.
type stranger struct {
	name   string
	secure bool     // it has TLS
	protos []string // that it offers by ALPN then
	script func(*faultproxy.Visit)
	args   []string
	// says is a pattern of what every command says. LIMIT stands for its limit of a connection and WITHIN
	// for that of an RPC, each with its flag.
	says string
}

// in sends text as soon as there is a connection.
func in(text string) func(*faultproxy.Visit) {
	return func(v *faultproxy.Visit) { v.Say(text); v.Linger() }
}

// framed sends frames when the client's preface has come.
func framed(write func(*http2.Framer) error) func(*faultproxy.Visit) {
	return func(v *faultproxy.Visit) {
		v.Preface()
		v.Frames(func(w *http2.Framer) { _ = write(w) })
		v.Linger()
	}
}

// settings announces one setting, and is silent.
func settings(id http2.SettingID, value uint32) func(*faultproxy.Visit) {
	return framed(func(w *http2.Framer) error { return w.WriteSettings(http2.Setting{ID: id, Val: value}) })
}

// hidden is metadata that servers repeat.
const hidden = "hunter2-hunter2"

// leaving answers a request by GOAWAY.
func leaving(code http2.ErrCode, debug string) func(*faultproxy.Visit) {
	return func(v *faultproxy.Visit) {
		v.Preface()
		w := http2.NewFramer(v, v)
		_ = w.WriteSettings()
		for {
			frame, err := w.ReadFrame()
			if err != nil {
				return
			}
			if data, ok := frame.(*http2.DataFrame); ok {
				_ = w.WriteGoAway(data.StreamID, code, []byte(debug))
				v.Mute()
				v.Linger()
				return
			}
		}
	}
}

const (
	answer400 = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n400 Bad Request"
	http1     = `the server speaks HTTP/1 in plaintext, and gRPC needs HTTP/2 (check TARGET, or turn HTTP/2 on there; a port of HTTPS needs --tls 1.2 or 1.3): ` + first
	http1TLS  = `the server speaks HTTP/1 over TLS, and gRPC needs HTTP/2 (check TARGET, or turn HTTP/2 on there): ` + first
	first     = `what the server sends is not HTTP/2: SETTINGS were not its first frame`
	broken    = `the server breaks a rule of HTTP/2 (check TARGET, or see the log of the server or of the proxy before it): what the server sends is not HTTP/2: `
	clear     = `the server does not speak HTTP/2 in plaintext (is it a gRPC server? one with TLS needs --tls 1.2 or 1.3): `
	overTLS   = `the server does not speak HTTP/2 over TLS (is it a gRPC server? one that demands client certificates needs --cert and --key-file): `
	ended     = `the server ended the connection before its HTTP/2 SETTINGS`
	late      = `no HTTP/2 SETTINGS within LIMIT (raise FLAG, or check TARGET: is it a gRPC server? one with TLS needs --tls 1.2 or 1.3): the server fell silent before its HTTP/2 SETTINGS`
)

// ofAnotherProtocol are servers that do not speak HTTP/2 here.
func ofAnotherProtocol() []stranger {
	byTLS := []string{"--insecure-skip-verify", "--tls", "1.3"}
	return []stranger{
		{"HTTP/1 that closes", false, nil, func(v *faultproxy.Visit) { v.Preface(); v.Say(answer400); v.Mute(); v.Linger() }, nil, http1},
		{"HTTP/1 that stays", false, nil, in(answer400), nil, http1},
		{"HTTP/1 that redirects", false, nil, in("HTTP/1.0 301 Moved Permanently\r\nLocation: https://localhost/\r\n\r\n"), nil, http1},
		{"HTTP/1 over TLS", true, []string{"h2"}, in(answer400), nil, http1TLS},
		{"HTTP/1 over TLS by ALPN", true, []string{"http/1.1"}, in(answer400), nil, `the server speaks other protocols than HTTP/2, by ALPN (check TARGET): remote error: tls: no application protocol`},
		{"HTTP/1 over TLS without ALPN", true, nil, in(answer400), nil, `the server chose no protocol by ALPN (check TARGET; if it speaks HTTP/2 nonetheless, use --allow-no-alpn): the server chose no protocol`},
		{"HTTP/1 over TLS without ALPN, which is allowed", true, nil, in(answer400), []string{"--allow-no-alpn"}, http1TLS},
		{"SSH", false, nil, in("SSH-2.0-OpenSSH_9.2p1\r\n"), nil, `the server speaks SSH (check TARGET): ` + first},
		{"SMTP", false, nil, in("220 mail.example ESMTP\r\n"), nil, `the server speaks SMTP or FTP (check TARGET): ` + first},
		{"an alert of TLS", false, nil, in("\x15\x03\x01\x00\x02\x02\x46"), nil, `the server speaks TLS (use --tls 1.2 or 1.3): ` + first},
		{"TLS reached in plaintext", true, []string{"h2"}, in(""), []string{"--tls", "off"}, clear + ended},
		{"plaintext reached by TLS", false, nil, in(answer400), byTLS, `the server does not speak TLS (use --tls off): tls: first record does not look like a TLS handshake`},
		{"another frame", false, nil, framed(func(w *http2.Framer) error { return w.WritePing(false, [8]byte{}) }), nil, clear + first},
	}
}

// ofBadManners are servers that speak HTTP/2, or might, and end or break the connection.
func ofBadManners() []stranger {
	goAway := func(code http2.ErrCode, debug string) func(*http2.Framer) error {
		return func(w *http2.Framer) error { return w.WriteGoAway(0, code, []byte(debug)) }
	}
	said := func(code, debug, means string) string {
		return `call /Server/Foo: UNAVAILABLE: the server ended the connection: GOAWAY ` + code + ` (` + debug + ` «masked»): ` + means
	}
	secret := []string{"--metadata", "x-secret=" + hidden}
	return []stranger{
		{"GOAWAY first", false, nil, framed(goAway(http2.ErrCodeEnhanceYourCalm, "slow down")), nil,
			`the server refused the connection by GOAWAY ENHANCE_YOUR_CALM (see its log: it may be stopping or overloaded, or limit connections): ` + first},
		{"GOAWAY first, with a reason", false, nil, framed(goAway(http2.ErrCodeNo, "max_age")), nil,
			`the server refused the connection by GOAWAY NO_ERROR (max_age) (see its log: it may be stopping or overloaded, or limit connections): ` + first},
		{"GOAWAY for an answer", false, nil, leaving(http2.ErrCodeEnhanceYourCalm, "slow down "+hidden), secret,
			said("ENHANCE_YOUR_CALM", "slow down", "it limits what a client may ask of it (lower --rate or --concurrency)")},
		{"GOAWAY in order for an answer", false, nil, leaving(http2.ErrCodeNo, "bye "+hidden), secret,
			said("NO_ERROR", "bye", "it is being stopped, or limits the age or the RPCs of a connection")},
		{"SETTINGS of 5 bytes", false, nil, framed(func(w *http2.Framer) error { return w.WriteRawFrame(http2.FrameSettings, 0, 0, make([]byte, 5)) }), nil, broken + `SETTINGS of 5 bytes`},
		{"SETTINGS on a stream", false, nil, framed(func(w *http2.Framer) error { return w.WriteRawFrame(http2.FrameSettings, 0, 1, nil) }), nil, broken + `SETTINGS on a stream`},
		{"a window above 2^31-1", false, nil, settings(http2.SettingInitialWindowSize, 1<<31), nil, broken + `SETTINGS_INITIAL_WINDOW_SIZE 2147483648`},
		{"no room for headers", false, nil, settings(http2.SettingMaxHeaderListSize, 10), nil,
			`call /Server/Foo: INTERNAL: the metadata is larger than the server takes (reduce --metadata-size or --metadata): header list size to send violates the maximum size (10 bytes) set by server`},
		{"closed at once", false, nil, func(v *faultproxy.Visit) { v.Mute(); v.Linger() }, nil, clear + ended},
		{"closed after the preface", false, nil, func(v *faultproxy.Visit) { v.Preface(); v.Mute(); v.Linger() }, nil, clear + ended},
		{"closed after half of its SETTINGS", false, nil, func(v *faultproxy.Visit) { v.Say("\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00"); v.Mute(); v.Linger() }, nil, clear + ended},
		{"closed after TLS", true, []string{"h2"}, func(v *faultproxy.Visit) { v.Mute(); v.Linger() }, nil, overTLS + ended},
		{"reset after the preface", false, nil, func(v *faultproxy.Visit) { v.Preface(); v.Reset() }, nil, clear + ended},
	}
}

// ofSilence are servers that say nothing, or no more.
func ofSilence() []stranger {
	none := settings(http2.SettingMaxConcurrentStreams, 0)
	const streams = `call /Server/Foo: no answer within WITHIN: the server allows no streams (SETTINGS_MAX_CONCURRENT_STREAMS 0), as one that starts or is overloaded may (try again when it takes RPCs, or raise its limit of streams)`
	return []stranger{
		{"no SETTINGS", false, nil, (*faultproxy.Visit).Linger, nil, late},
		{"half of its SETTINGS", false, nil, in("\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00"), nil, late},
		{"no TLS", false, nil, (*faultproxy.Visit).Linger, []string{"--insecure-skip-verify", "--tls", "1.3"},
			`TLS handshake timeout after LIMIT (raise FLAG, or check TARGET: is it a TLS port?): no answer to the TLS handshake: context deadline exceeded`},
		{"no streams", false, nil, none, nil, streams},
		{"no streams over TLS", true, []string{"h2"}, none, nil, streams},
	}
}

// Limits of a connection and of an RPC: that of a server that is silent is reached.
const patient, brief = "30s", "1s"

// Whatever a server is, every command and both engines say the same of it, with the flag whose limit was
// reached, and exit with 1.
func TestEveryCommandSaysTheSameOfAServerThatCannotBeCalled(t *testing.T) { // not beside tests that measure
	lane.Long(t, "starts processes")
	config, trusted, _ := pems(t)
	try := func(of stranger, limit string) {
		t.Run(of.name, func(t *testing.T) {
			t.Parallel()
			own := config.Clone()
			own.NextProtos = of.protos
			if !of.secure {
				own = nil
			}
			s, err := faultproxy.NewStranger(own, of.script)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			security := []string{"--cacert", trusted}
			if !of.secure || len(of.args) > 0 && of.args[len(of.args)-1] == "off" {
				security = []string{"--tls", "off"}
			}
			if len(of.args) > 1 && of.args[len(of.args)-2] == "--tls" {
				security = nil
			}
			args := append(security, of.args...)
			for _, engine := range []string{"grpc", "wire"} {
				for _, command := range []string{"call", "run", "ceiling", "handshake"} {
					if command != "call" || engine == "grpc" { // call has one engine
						t.Run(command+" "+engine, func(t *testing.T) {
							t.Parallel()
							said(t, of, s.Address(), command, engine, limit, slices.Clone(args))
						})
					}
				}
			}
		})
	}
	for _, of := range append(ofAnotherProtocol(), ofBadManners()...) {
		try(of, patient)
	}
	for _, of := range ofSilence() {
		try(of, brief)
	}
}

// said holds what one command says against what it should.
func said(t *testing.T, of stranger, address, name, engine, limit string, more []string) {
	t.Helper()
	args := append([]string{name, address}, more...)
	deadline := limit
	if limit == brief {
		deadline = "100ms"
	}
	flag, within := "--connect-timeout", "--deadline "+deadline
	if name == "handshake" {
		flag, within = "--timeout", "--timeout "+limit
	} else {
		args = append(args, "--deadline", deadline)
	}
	args = append(args, flag, limit)
	if name != "call" {
		args = append(args, "--engine", engine, "--results", t.TempDir())
	}
	switch name {
	case "run":
		within += ", 3 times"
	case "ceiling":
		within += ", 3 times"
		args = append(args, "--slo", "p99<5ms", "--max-rate", "200")
	}
	var code int
	var stderr string
	if name == "call" {
		code, _, stderr = runCall(t, args[1:]...)
	} else {
		code, _, stderr = command(t, args...)
	}
	want := strings.NewReplacer("LIMIT", limit, "FLAG", flag, "WITHIN", within).Replace(of.says)
	if !strings.HasPrefix(want, "call ") {
		want = "connect to " + address + ": " + want
	}
	if name != "call" {
		want = "preflight: " + want
	}
	if ok, _ := regexp.MatchString(`(?m)^grpc-bench: `+regexp.QuoteMeta(want)+`$`, stderr); !ok || code != exitFailed {
		t.Errorf("%s, engine %s: exit code %d and\n%swant %d and\n%s", name, engine, code, stderr, exitFailed, want)
	}
}
