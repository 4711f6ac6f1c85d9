package worker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"grpcbench/internal/call"
	"grpcbench/internal/cause"
	"grpcbench/internal/channel"
	"grpcbench/internal/codec"
	"grpcbench/internal/load"
	"grpcbench/internal/wire"
	"grpcbench/testing/faultproxy"
)

// explained is what each engine says of the first RPC.
func explained(t *testing.T, script faultproxy.Script, o call.Options, secrets ...string) map[string]string {
	t.Helper()
	ch, err := channel.Open(t.Context(), channel.Options{Address: peer(t, script)})
	if err != nil {
		t.Fatal(err)
	}
	defer ch.Close()
	engine, err := newWireEngine(o)
	if err != nil {
		t.Fatal(err)
	}
	w, err := wire.Open(t.Context(), wire.Options{Address: peer(t, script), Request: engine.request})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	_, byGRPC := call.Once(t.Context(), o, ch)
	_, byWire := engine.once(t.Context(), w)
	return map[string]string{"grpc": fmt.Sprint(Explain(o, secrets, byGRPC)), "wire": fmt.Sprint(Explain(o, secrets, byWire))}
}

const page = "<html>\r\n<head><title>%d</title></head>\r\n<body>\r\n<center><h1>%d</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"

func answers(status int) faultproxy.Script {
	return func(s *faultproxy.Stream) {
		s.Headers(false, faultproxy.Field{Name: ":status", Value: fmt.Sprint(status)}, faultproxy.Field{Name: "content-type", Value: "text/html"},
			faultproxy.Field{Name: "server", Value: "nginx/1.22.1"})
		s.Data(fmt.Appendf(nil, page, status, status))
		s.Cut()
	}
}

// TestBothEnginesSayTheSameSentence: with what it means and what to change.
//
//	fault:   a proxy answers 502, 503, 504, 413, 431, 404, 405, 401 or 403, or a server ends stream or connection with an error code
//	promise: one sentence on one line names the status, who answered, or the code and its debug data, and what to change, in both engines
//	figure:  each of 21 answers
func TestBothEnginesSayTheSameSentence(t *testing.T) {
	small, big := call.Options{}, call.Options{Sized: call.SizedMetadata{Bytes: 40 << 10, Keys: 5}}
	for name, of := range map[string]struct {
		script faultproxy.Script
		o      call.Options
		want   string
	}{
		"502":                            {answers(502), small, "UNAVAILABLE: HTTP 502 (Bad Gateway) from nginx/1.22.1: a proxy answered instead of a gRPC server, its upstream is down or does not speak gRPC (start it, or change TARGET)"},
		"503":                            {answers(503), small, "UNAVAILABLE: HTTP 503 (Service Unavailable) from nginx/1.22.1: a proxy answered instead of a gRPC server, its upstream is down or does not speak gRPC (start it, or change TARGET)"},
		"504":                            {answers(504), small, "UNAVAILABLE: HTTP 504 (Gateway Timeout) from nginx/1.22.1: a proxy answered instead of a gRPC server, its upstream did not answer in time (see the upstream's log, or raise the proxy's timeout)"},
		"413":                            {answers(413), small, "UNKNOWN: HTTP 413 (Request Entity Too Large) from nginx/1.22.1: a proxy or server limits the request body (reduce --payload or --request, or raise its limit: client_max_body_size in nginx)"},
		"431":                            {answers(431), big, "UNKNOWN: HTTP 431 (Request Header Fields Too Large) from nginx/1.22.1: a proxy or server limits header fields (reduce --metadata-size or --metadata, or raise its limit)"},
		"404":                            {answers(404), small, "UNIMPLEMENTED: HTTP 404 (Not Found) from nginx/1.22.1: the server does not have this method (change --method), or a proxy has no route to it (change --authority)"},
		"405":                            {answers(405), small, "UNKNOWN: HTTP 405 (Method Not Allowed) from nginx/1.22.1: a web server answered instead of a gRPC server (change TARGET, or let it pass gRPC on)"},
		"a codec that was not announced": {unannounced, small, "INTERNAL: the server compresses its responses although no codec was announced that it uses (announce it: --accept-compression CODECS)"},
		"401":                            {answers(401), small, "UNAUTHENTICATED: HTTP 401 (Unauthorized) from nginx/1.22.1: the server refuses the caller (add --metadata)"},
		"403":                            {answers(403), small, "PERMISSION_DENIED: HTTP 403 (Forbidden) from nginx/1.22.1: the server refuses the caller (add --metadata)"},
		"418":                            {answers(418), small, "UNKNOWN: HTTP 418 (I'm a teapot) from nginx/1.22.1: the answer is not gRPC (is TARGET a gRPC server?)"},
		"200":                            {answers(200), small, "UNKNOWN: HTTP 200 (OK) from nginx/1.22.1: a web page, and no answer of gRPC (is TARGET a gRPC server? or another of its hosts: --authority)"},
		"too many pings": {goesAway(http2.ErrCodeEnhanceYourCalm, "too_many_pings"), small,
			"UNAVAILABLE: the server ended the connection: GOAWAY ENHANCE_YOUR_CALM (too_many_pings): it takes this client's PINGs for too many (change --windows to static)"},
		"calm, much metadata": {goesAway(http2.ErrCodeEnhanceYourCalm, ""), big,
			"UNAVAILABLE: the server ended the connection: GOAWAY ENHANCE_YOUR_CALM: the metadata of 40960 bytes is probably too large for it (reduce --metadata-size or --metadata, or raise its limit)"},
		"compression error, much metadata": {goesAway(http2.ErrCodeCompression, ""), big,
			"UNAVAILABLE: the server ended the connection: GOAWAY COMPRESSION_ERROR: the metadata of 40960 bytes is probably too large for it (reduce --metadata-size or --metadata, or raise its limit)"},
		"graceful": {goesAway(http2.ErrCodeNo, "graceful_stop"), small,
			"UNAVAILABLE: the server ended the connection: GOAWAY NO_ERROR (graceful_stop): it is being stopped, or limits the age or the RPCs of a connection"},
		"reset, much metadata": {resets(http2.ErrCodeProtocol), big,
			"INTERNAL: RST_STREAM PROTOCOL_ERROR: the metadata of 40960 bytes is probably too large for it (reduce --metadata-size or --metadata, or raise its limit)"},
		"calm": {resets(http2.ErrCodeEnhanceYourCalm), small,
			"RESOURCE_EXHAUSTED: RST_STREAM ENHANCE_YOUR_CALM: the server limits what a client may ask of it (lower --rate or --concurrency, or reduce --metadata)"},
		"hangs up": {(*faultproxy.Stream).HangUp, small, "UNAVAILABLE: connection ended before the answer: see the log of the server, or of the proxy before it"},
		"hangs up, much metadata": {(*faultproxy.Stream).HangUp, big,
			"UNAVAILABLE: connection ended: the metadata of 40960 bytes is probably too large for it (reduce --metadata-size or --metadata, or raise its limit)"},
		"no words":  {says(13, ""), small, "INTERNAL, without a message of the server"},
		"own words": {says(14, "down\u00a0for repair"), small, "UNAVAILABLE: down for repair"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for engine, got := range explained(t, of.script, of.o) {
				if want := "call /Server/Foo: " + of.want; strings.Replace(got, want+",", want+":", 1) != want {
					t.Errorf("%s: %s\nwant %s", engine, got, want)
				}
			}
		})
	}
}

// A codec that can be announced is named in full.
func TestTheCodecToAnnounceIsNamed(t *testing.T) {
	for _, name := range codec.Names() {
		err := &call.Failure{End: load.End{Code: "INTERNAL", Cause: cause.Encoding}, Err: errors.New("response compressed by " + name)}
		if got := Explain(call.Options{}, nil, err).Error(); !strings.HasSuffix(got, "(announce it: --accept-compression "+name+")") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A response whose content type is not gRPC's is a web page, whatever else of gRPC it has.
func TestAnAnswerOfAnotherTypeIsAPageToBothEngines(t *testing.T) {
	status, message := faultproxy.Field{Name: "grpc-status", Value: "0"}, []byte{0, 0, 0, 0, 0}
	for _, contentType := range []string{"", "text/html", "application/json", "application/grpc-web+proto", "application/grpcx"} {
		head := []faultproxy.Field{{Name: ":status", Value: "200"}}
		if contentType != "" {
			head = append(head, faultproxy.Field{Name: "content-type", Value: contentType})
		}
		with := append(slices.Clone(head), status)
		for name, script := range map[string]faultproxy.Script{
			"headers alone":               func(s *faultproxy.Stream) { s.Headers(true, head...) },
			"headers alone with a status": func(s *faultproxy.Stream) { s.Headers(true, with...) },
			"a body":                      func(s *faultproxy.Stream) { s.Headers(false, head...); s.Data([]byte("<html></html>")); s.Cut() },
			"a message":                   func(s *faultproxy.Stream) { s.Headers(false, head...); s.Data(message); s.Cut() },
			"a body, a status before it":  func(s *faultproxy.Stream) { s.Headers(false, with...); s.Data([]byte("<html></html>")); s.Cut() },
			"a body, a status after it": func(s *faultproxy.Stream) {
				s.Headers(false, head...)
				s.Data([]byte("<html></html>"))
				s.Status(0, "")
			},
			"a message, a status after it":       func(s *faultproxy.Stream) { s.Headers(false, head...); s.Data(message); s.Status(0, "") },
			"no body, a status that is an error": func(s *faultproxy.Stream) { s.Headers(false, head...); s.Status(5, "no such user") },
			"a message, and trailers without a status": func(s *faultproxy.Stream) {
				s.Headers(false, head...)
				s.Data(message)
				s.Headers(true, faultproxy.Field{Name: "x", Value: "y"})
			},
		} {
			t.Run(fmt.Sprintf("%q, %s", contentType, name), func(t *testing.T) {
				t.Parallel()
				const want = "call /Server/Foo: UNKNOWN: HTTP 200 (OK): a web page, and no answer of gRPC (is TARGET a gRPC server? or another of its hosts: --authority)"
				for engine, got := range explained(t, script, call.Options{}) {
					if got != want {
						t.Errorf("%s: %s\nwant %s", engine, got, want)
					}
				}
			})
		}
	}
}

func goesAway(code http2.ErrCode, debug string) faultproxy.Script {
	return func(s *faultproxy.Stream) {
		s.GoAway(code, []byte(debug)...)
		s.HangUp()
	}
}

func resets(code http2.ErrCode) faultproxy.Script {
	return func(s *faultproxy.Stream) { s.Reset(code) }
}

func says(code int, message string) faultproxy.Script {
	return func(s *faultproxy.Stream) { s.Begin(); s.Status(code, message) }
}

// TestNoSentenceIsCutOffOrHoldsMarkup: whatever a server does.
//
//	fault:   the same, and markup, secrets and escape sequences in all that a server may write
//	promise: the sentence is one line without HTML, secrets or an end at a colon
//	figure:  each of them, by 2 engines
func TestNoSentenceIsCutOffOrHoldsMarkup(t *testing.T) {
	const secret = "s3cret-token-of-a-user"
	all := append(faults(), []fault{
		{name: "markup in every place", script: func(s *faultproxy.Stream) {
			s.Headers(false, faultproxy.Field{Name: ":status", Value: "502"}, faultproxy.Field{Name: "server", Value: "<b>nginx</b>" + secret + strings.Repeat("x", 300)})
			s.Data([]byte("<html>" + secret))
			s.Cut()
		}},
		{name: "debug data with a secret", script: goesAway(http2.ErrCodeEnhanceYourCalm, "<b>"+secret+"\n\x1b[31m</b>")},
	}...)
	for _, f := range all {
		if f.want.Cause == cause.Deadline { // it waits for the context alone
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			for engine, got := range explained(t, f.script, call.Options{Metadata: []call.Pair{{Name: "authorization", Value: secret}}}, secret) {
				if strings.ContainsAny(got, "\n\r\x1b") || strings.Contains(got, "<html") || strings.Contains(got, "<b") || strings.Contains(got, "</") || strings.HasSuffix(strings.TrimSpace(got), ":") || len(got) > 400 || strings.Contains(got, secret) {
					t.Errorf("%s: %q", engine, got)
				}
			}
		})
	}
}

// connect answers a message that it cannot read with INVALID_ARGUMENT.
func TestARequestThatCannotBeReadIsNamed(t *testing.T) {
	for _, code := range []codes.Code{codes.Internal, codes.InvalidArgument} {
		err := &call.Failure{End: load.End{Code: "X", Cause: cause.Status}, Err: status.Error(code, "unmarshal message: proto: cannot parse")}
		if got := Explain(call.Options{Method: "/p.S/M"}, nil, err).Error(); !strings.Contains(got, "(change --request)") {
			t.Errorf("%v: %s", code, got)
		}
	}
}
