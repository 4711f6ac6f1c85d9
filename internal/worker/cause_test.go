package worker

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"grpcbench/internal/call"
	"grpcbench/internal/cause"
	"grpcbench/internal/channel"
	"grpcbench/internal/load"
	"grpcbench/internal/wire"
	"grpcbench/testing/faultproxy"
)

// fault is what a server does to every RPC, and how that RPC ends.
type fault struct {
	name   string
	script faultproxy.Script
	want   load.End
	// alike is the cause that the grpc engine gives it, where grpc-go's caller cannot tell this
	// status from what the library says of a stream itself; "": that of want.
	alike string
}

// unannounced answers in a codec that no client here announces, nor any other test of this
// process: what is installed for gRPC stays.
func unannounced(s *faultproxy.Stream) {
	s.Begin(faultproxy.Field{Name: "grpc-encoding", Value: "snappy"})
	s.Prefixed(1, 1, []byte("x"))
	s.Status(0, "")
}

// faults are of each kind of cause that a server can bring about on a connection.
func faults() []fault {
	var all []fault
	add := func(name, code, c string, script faultproxy.Script) {
		all = append(all, fault{name: name, script: script, want: load.End{Code: code, Cause: c}})
	}
	add("hangs up", "UNAVAILABLE", cause.Ended, (*faultproxy.Stream).HangUp)
	add("GOAWAY and hangs up", "UNAVAILABLE", "GOAWAY ENHANCE_YOUR_CALM", func(s *faultproxy.Stream) {
		s.GoAway(http2.ErrCodeEnhanceYourCalm, []byte("too_many_pings")...)
		s.HangUp()
	})
	add("GOAWAY NO_ERROR and hangs up", "UNAVAILABLE", "GOAWAY NO_ERROR", func(s *faultproxy.Stream) { s.GoAway(http2.ErrCodeNo); s.HangUp() })
	for code := range http2.ErrCode(20) {
		status := "INTERNAL"
		switch code {
		case http2.ErrCodeFlowControl, http2.ErrCodeEnhanceYourCalm:
			status = "RESOURCE_EXHAUSTED"
		case http2.ErrCodeRefusedStream:
			status = "UNAVAILABLE"
		case http2.ErrCodeCancel:
			status = "CANCELLED"
		case http2.ErrCodeInadequateSecurity:
			status = "PERMISSION_DENIED"
		default:
			if code > http2.ErrCodeHTTP11Required {
				status = "UNKNOWN"
			}
		}
		add("resets "+code.String(), status, cause.RSTStream(uint32(code)), func(s *faultproxy.Stream) { s.Reset(code) })
	}
	for status, code := range map[int]string{200: "UNKNOWN", 400: "INTERNAL", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "UNIMPLEMENTED", 405: "UNKNOWN",
		413: "UNKNOWN", 415: "UNKNOWN", 429: "UNAVAILABLE", 431: "UNKNOWN", 500: "UNKNOWN", 502: "UNAVAILABLE", 503: "UNAVAILABLE", 504: "UNAVAILABLE"} {
		for _, body := range []bool{true, false} {
			add(fmt.Sprintf("HTTP %d, body %t", status, body), code, cause.HTTP(status), func(s *faultproxy.Stream) {
				s.Headers(!body, faultproxy.Field{Name: ":status", Value: strconv.Itoa(status)}, faultproxy.Field{Name: "content-type", Value: "text/html"},
					faultproxy.Field{Name: "server", Value: "nginx/1.22.1"})
				if body {
					s.Data([]byte("<html><title>no</title></html>"))
					s.Cut()
				}
			})
		}
	}
	only := func(end bool, fields ...string) faultproxy.Script {
		return func(s *faultproxy.Stream) {
			var all []faultproxy.Field
			for i := 0; i < len(fields); i += 2 {
				all = append(all, faultproxy.Field{Name: fields[i], Value: fields[i+1]})
			}
			s.Headers(end, all...)
		}
	}
	add("HTTP 103 that ends", "INTERNAL", cause.Violation, only(true, ":status", "103"))
	add("HTTP 600", "UNKNOWN", cause.Violation, only(true, ":status", "600"))
	add("HTTP that is no number", "INTERNAL", cause.Violation, only(true, ":status", "abc"))
	add("HTTP 302 without a type", "UNKNOWN", "HTTP 302", only(true, ":status", "302", "location", "/login"))
	add("a status that is no number", "UNKNOWN", cause.Violation, only(true, ":status", "200", "content-type", "application/grpc", "grpc-status", "abc"))
	add("a status below 0", "CODE_OTHER", cause.Status, only(true, ":status", "200", "content-type", "application/grpc", "grpc-status", "-5"))
	add("a status of 70000", "CODE_OTHER", cause.Status, only(true, ":status", "200", "content-type", "application/grpc", "grpc-status", "70000"))
	add("refuses by GOAWAY always", "UNAVAILABLE", "GOAWAY NO_ERROR", func(s *faultproxy.Stream) { s.Refuse(http2.ErrCodeNo) })
	add("refuses by GOAWAY for an error", "UNAVAILABLE", "GOAWAY COMPRESSION_ERROR", func(s *faultproxy.Stream) { s.Refuse(http2.ErrCodeCompression) })
	add("a frame that is no HTTP/2", "UNAVAILABLE", cause.Violation, func(s *faultproxy.Stream) { s.Nonsense() })
	add("no trailers", "INTERNAL", cause.Violation, func(s *faultproxy.Stream) { s.Begin(); s.Cut() })
	add("OK without a message", "INTERNAL", cause.Violation, func(s *faultproxy.Stream) { s.Begin(); s.Status(0, "") })
	add("OK with two messages", "INTERNAL", cause.Violation, func(s *faultproxy.Stream) { s.Begin(); s.Message(nil); s.Message(nil); s.Status(0, "") })
	add("headers twice", "INTERNAL", cause.Violation, func(s *faultproxy.Stream) { s.Begin(); s.Begin() })
	add("a flag of 7", "INTERNAL", cause.Violation, func(s *faultproxy.Stream) { s.Begin(); s.Prefixed(7, 0, nil); s.Status(0, "") })
	add("a page in place of a message", "RESOURCE_EXHAUSTED", cause.MessageLimit, func(s *faultproxy.Stream) { s.Begin(); s.Data([]byte("<html></html>")); s.Status(0, "") })
	add("a codec that was not announced", "INTERNAL", cause.Encoding, unannounced)
	add("5 MiB", "RESOURCE_EXHAUSTED", cause.MessageLimit, func(s *faultproxy.Stream) { s.Begin(); s.Prefixed(0, 5<<20, []byte("x")); s.Status(0, "") })
	add("68 KiB of headers", "INTERNAL", cause.HeaderLimit, func(s *faultproxy.Stream) {
		big := faultproxy.Field{Name: "big", Value: strings.Repeat("a", 4<<10)} // 2.5 KiB by Huffman's code
		s.Begin(slices.Repeat([]faultproxy.Field{big}, 17)...)
		s.Status(0, "")
	})
	add("silence", "DEADLINE_EXCEEDED", cause.Deadline, func(*faultproxy.Stream) {})
	return append(all, forged()...)
}

// forged are statuses of a server, as of a gateway in Go that hands on what its own
// client was told, in the words of every other cause.
func forged() []fault {
	var all []fault
	for text, code := range map[string]int{
		"": 2, "no": 14, "boom": 13, "try later": 8, "who are you": 16, "own": 200,
		`connection error: desc = "transport: Error while dialing: dial tcp 10.1.2.3:80: connect: connection refused"`: 14,
		`connection error: desc = "error reading from server: EOF"`:                                                    14,
		"error reading from server: read tcp 10.1.2.3:80->10.1.2.4:81: read: connection reset by peer":                 14,
		`closing transport due to: x, received prior goaway: code: ENHANCE_YOUR_CALM, debug data: "too_many_pings"`:    14,
		"the connection is draining":                                                 14,
		"transport is closing":                                                       14,
		"stream terminated by RST_STREAM with error code: CANCEL":                    1,
		"stream terminated by RST_STREAM with error code: NO_ERROR":                  13,
		"unexpected HTTP status code received from server: 502 (Bad Gateway)":        14,
		"context deadline exceeded":                                                  4,
		"context canceled":                                                           1,
		"grpc: received message larger than max (5000000 vs. 4194304)":               8,
		"grpc: received message larger than max (5000000 vs. 4198400)":               8,
		"trying to send message larger than max (5000000 vs. 4198400)":               8,
		"header list size to send violates the maximum size (9 bytes) set by server": 13,
		"grpc: failed to unmarshal the received message: x":                          13,
		"server closed the stream without sending trailers":                          13,
		"socket: too many open files":                                                14,
	} {
		for _, headers := range []bool{false, true} {
			all = append(all, fault{name: fmt.Sprintf("status %d %q, headers %t", code, text, headers), alike: ofStream(text, headers), script: func(s *faultproxy.Stream) {
				if headers {
					s.Begin()
					s.Status(code, text)
					return
				}
				s.Headers(true, faultproxy.Field{Name: ":status", Value: "200"}, faultproxy.Field{Name: "content-type", Value: "application/grpc"},
					faultproxy.Field{Name: "grpc-status", Value: strconv.Itoa(code)}, faultproxy.Field{Name: "grpc-message", Value: text})
			}, want: load.End{Code: call.Code(statusError(code)), Cause: cause.Status}})
		}
	}
	return all
}

// ofStream is the cause that a text has which grpc-go gives an RPC by what happened on its
// stream, after headers; "": none, or trailers alone show that it is the server's.
func ofStream(text string, headers bool) string {
	if !headers {
		return ""
	}
	return map[string]string{
		"grpc: received message larger than max (5000000 vs. 4198400)":               cause.MessageLimit,
		"trying to send message larger than max (5000000 vs. 4198400)":               cause.MessageLimit,
		"header list size to send violates the maximum size (9 bytes) set by server": cause.HeaderLimit,
		"grpc: failed to unmarshal the received message: x":                          cause.Response,
	}[text]
}

// TestBothEnginesNameTheSameCause: the same fault has the same code and the same cause,
// and a server's own words are never another cause.
//
//	fault:   every RPC is answered by a web page, RST_STREAM, GOAWAY, a broken or too large response, silence, or a status in the words that grpc-go has for these
//	promise: it fails with the code and the cause of what happened, the same in both engines
//	figure:  each of {faultsTried} faults
func TestBothEnginesNameTheSameCause(t *testing.T) {
	const faultsTried = 119 // docs/reliability.md has the number
	if n := len(faults()); n != faultsTried {
		t.Errorf("%d faults, want %d", n, faultsTried)
	}
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			o := call.Options{}
			if f.want.Cause == cause.Deadline {
				o.Deadline = 20 * time.Millisecond
			}
			want := load.End{Code: f.want.Code, Cause: cmp.Or(f.alike, f.want.Cause)}
			if got := byGRPC(t, f.script, o, false); got != want {
				t.Errorf("grpc: %+v, want %+v", got, want)
			}
			if got := byGRPC(t, f.script, o, true); got != want {
				t.Errorf("grpc, once: %+v, want %+v", got, want)
			}
			if got := byWire(t, f.script, o); got != f.want {
				t.Errorf("wire: %+v, want %+v", got, f.want)
			}
		})
	}
}

func peer(t *testing.T, script faultproxy.Script) string {
	t.Helper()
	p, err := faultproxy.NewPeer(script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p.Address()
}

// byGRPC is how an RPC ends by the grpc engine: the second of a load, or that of a
// preflight.
func byGRPC(t *testing.T, script faultproxy.Script, o call.Options, once bool) load.End {
	t.Helper()
	ch, err := channel.Open(t.Context(), channel.Options{Address: peer(t, script)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ch.Close() })
	if once && o.Deadline == 0 {
		_, err := call.Once(t.Context(), o, ch)
		return call.EndOf(err)
	}
	c, err := call.New(o, []grpc.ClientConnInterface{ch})
	if err != nil {
		t.Fatal(err)
	}
	c.Call(t.Context(), 0, 0)
	return c.Call(t.Context(), 0, 1)
}

func byWire(t *testing.T, script faultproxy.Script, o call.Options) load.End {
	t.Helper()
	request, _, err := WireRequest(o)
	if err != nil {
		t.Fatal(err)
	}
	ch, err := wire.Open(t.Context(), wire.Options{Address: peer(t, script), Request: request})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ch.Close() })
	end, _, _ := ch.Once(t.Context(), 0)
	return end
}

func statusError(code int) error { return status.Error(codes.Code(code), "") }
