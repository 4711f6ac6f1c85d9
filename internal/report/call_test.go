package report_test

import (
	"crypto/tls"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"grpcbench/internal/channel"
	"grpcbench/internal/codec"
	"grpcbench/internal/exchange"
	"grpcbench/internal/report"
	"grpcbench/internal/worker"
	corpus "grpcbench/testing/hostile"
)

// echoed is a call of a bundled server in which everything went well.
func echoed() exchange.Exchange {
	s := settings("1.3")
	s.MTLS, s.Resumption = true, true
	s.Compression = codec.Spec{Name: codec.Gzip, Level: codec.LevelLow}
	return exchange.Exchange{
		Settings: s, Method: "/bench.v1.Bench/Echo", Address: "127.0.0.1:41613",
		Connection: channel.Connection{
			TCP: 181 * time.Microsecond, TLS: 1340 * time.Microsecond, HTTP2: 312 * time.Microsecond,
			Local: "127.0.0.1:33180", Remote: "127.0.0.1:41613", State: &tls.ConnectionState{},
		},
		Link: worker.Link{TLSVersion: "1.3", Cipher: "TLS_AES_128_GCM_SHA256", Group: "x25519mlkem768", ALPN: "h2", Resumed: true,
			ServerKey: "p256", ClientCertificate: true},
		Certificate: &exchange.Certificate{
			Subject: "CN=localhost", Issuer: "CN=grpc-bench CA", Names: []string{"localhost", "127.0.0.1", "::1"},
			From:  time.Date(2026, 11, 23, 22, 51, 0, 0, time.UTC),
			Until: time.Date(2026, 11, 24, 23, 51, 0, 0, time.UTC), Chain: 1, Verified: true,
		},
		Opening: exchange.Bytes{Sent: 2598, Received: 2340}, Traffic: exchange.Bytes{Sent: 15370, Received: 602},
		Request:  exchange.Message{Present: true, Announced: "gzip", Compressed: true, Bytes: 4110, Wire: 1341},
		Response: exchange.Message{Present: true, Announced: "gzip"},
		Sent: map[string][]string{
			"foo": {"bar", "second"}, "authorization": {"Bearer abcdefg12345"}, "trace-bin": {"\x00\x01\xff"},
			"x-bench-0": {strings.Repeat("0123456789abcdef", 64)}, "user-agent": {"grpc-go/1.85.0"},
		},
		Header:         map[string][]string{"content-type": {"application/grpc"}, "set-cookie": {"id=4711"}, "x-echo": {"you sent Bearer abcdefg12345"}},
		ServerSettings: channel.Settings{3: 100, 4: 65536, 6: 16384, 0x1234: 7},
		Status:         exchange.Status{Code: "OK"},
		Moments:        exchange.Moments{Sent: 1040 * time.Microsecond, Header: 3310 * time.Microsecond, Message: 3330 * time.Microsecond, End: 3340 * time.Microsecond},
		// 3 + 6 of foo, 19 of authorization, 3 of trace-bin, 1024 of x-bench-0.
		Server: exchange.Server{Code: "OK", Announced: "gzip", Keys: 4, Bytes: 1055,
			Decompressed: exchange.Work{Messages: 1, In: 1341, Out: 4110}},
	}
}

// refused is a call of somebody's server that failed.
func refused() exchange.Exchange {
	s := settings("off")
	s.Target = "api.example:443"
	return exchange.Exchange{
		Settings: s, Method: "/pkg.Service/Get", Address: s.Target,
		Connection: channel.Connection{TCP: 1500 * time.Microsecond, Resolution: 1400 * time.Microsecond, HTTP2: 400 * time.Microsecond,
			Local: "10.0.0.7:33180", Remote: "10.0.0.1:443"},
		Opening: exchange.Bytes{Sent: 67, Received: 55}, Traffic: exchange.Bytes{Sent: 114, Received: 70},
		Request: exchange.Message{Present: true, Bytes: 12},
		Sent:    map[string][]string{"x-api-key": {"k-4711-secret"}, "user-agent": {"grpc-go/1.85.0"}},
		Trailer: map[string][]string{"content-type": {"application/grpc"}, "retry-after": {"3"}},
		Status: exchange.Status{Code: "PERMISSION_DENIED", Message: "key k-4711-secret is not let in", Details: []exchange.Detail{
			{Type: "google.rpc.ErrorInfo", Known: true, Text: `reason:"KEY_REVOKED" metadata:{key:"key" value:"k-4711-secret"}`, Bytes: 44},
			{Type: "acme.Internal", Bytes: 7},
		}},
		Moments: exchange.Moments{Sent: 58 * time.Microsecond, End: 600 * time.Microsecond},
		Server:  exchange.Server{Unknown: "the server does not have bench.v1.Control"},
		// A proxy ended the connection for what was sent on it, and the next one too.
		ServerSettings: channel.Settings{},
		Attempts:       []exchange.Attempt{{Local: "10.0.0.7:33180", Cause: "GOAWAY ENHANCE_YOUR_CALM"}, {Local: "10.0.0.7:33182"}},
		GoAways:        channel.GoAways{{Code: "ENHANCE_YOUR_CALM", Reason: "too_many_pings", Connections: 1}},
	}
}

func callText(t *testing.T, e exchange.Exchange, o report.CallOptions) string {
	t.Helper()
	return render(t, func(w io.Writer) error { return report.Call(w, e, o) })
}

func TestACallIsAsReviewed(t *testing.T) {
	golden(t, "call.txt", callText(t, echoed(), report.CallOptions{}))
	golden(t, "call-secrets.txt", callText(t, echoed(), report.CallOptions{ShowSecrets: true}))
	golden(t, "call-refused.txt", callText(t, refused(), report.CallOptions{}))
}

func TestACallShowsCredentialsOnlyWhenAskedTo(t *testing.T) {
	for name, e := range map[string]exchange.Exchange{"echoed": echoed(), "refused": refused()} {
		shut, open := callText(t, e, report.CallOptions{}), callText(t, e, report.CallOptions{ShowSecrets: true})
		for _, secret := range []string{"abcdefg12345", "k-4711-secret", "id=4711", "0001ff"} {
			if strings.Contains(shut, secret) {
				t.Errorf("%s: %q is shown:\n%s", name, secret, shut)
			}
			there := secret == "k-4711-secret" == (name == "refused")
			if strings.Contains(open, secret) != there {
				t.Errorf("%s: %q is shown with ShowSecrets: %t, want %t:\n%s", name, secret, !there, there, open)
			}
		}
	}
}

// The cause stands beside the code, and a request that the server did not wait for is not
// "no message".
func TestACallNamesItsCauseAndARequestThatWasNotWaitedFor(t *testing.T) {
	e := echoed()
	e.Status, e.Failure = exchange.Status{Code: "UNIMPLEMENTED", Cause: "server status", Message: "no zstd here"}, errors.New("x")
	e.Request = exchange.Message{Announced: "zstd"}
	got := callText(t, e, report.CallOptions{})
	for _, want := range []string{"cause       server status", "not sent, the server answered first"} {
		if !strings.Contains(got, want) {
			t.Errorf("must say %q:\n%s", want, got)
		}
	}
	e.Status = exchange.Status{Code: "UNAVAILABLE", Cause: "connection ended"}
	if got := callText(t, e, report.CallOptions{}); !strings.Contains(got, "cause       connection ended") || strings.Contains(got, "answered first") {
		t.Errorf("a connection that ended:\n%s", got)
	}
}

// Names are no secret; what a proxy calls them may be anything.
func TestACallNamesTheMetadataThatAProxyAddedOrDropped(t *testing.T) {
	e := echoed()
	e.Server.Names = []string{"x-forwarded-for", "x-forwarded-host\x1b[31m"}
	for name := range e.Sent {
		if name != "user-agent" {
			e.Server.Names = append(e.Server.Names, name)
		}
	}
	e.Server.Keys += 2
	got := strings.Join(strings.Fields(callText(t, e, report.CallOptions{})), " ")
	if want := "metadata 6 names, 1055 B: 2 more names than sent (added on the way: x-forwarded-for, x-forwarded-host\ufffd[31m)"; !strings.Contains(got, want) {
		t.Errorf("must say %q:\n%s", want, got)
	}
	e.Server.Names, e.Server.Keys = e.Server.Names[:1], 1
	if got, want := strings.Join(strings.Fields(callText(t, e, report.CallOptions{})), " "), "1 more name than sent (added on the way: x-forwarded-for), 4 names of those sent dropped on the way ("; !strings.Contains(got, want) {
		t.Errorf("must say %q:\n%s", want, got)
	}
}

func TestACallSaysWhatWasNotObeyed(t *testing.T) {
	e := echoed()
	e.Link.Resumed, e.Link.ClientCertificate, e.Certificate.Verified = false, false, false
	e.Server.Keys--
	got := callText(t, e, report.CallOptions{})
	for _, want := range []string{"the server did not resume", "the server did not ask for one", "NOT VERIFIED", "metadata 3 names, 1055 B, but 4 names, 1055 B were sent"} {
		if !strings.Contains(strings.Join(strings.Fields(got), " "), want) {
			t.Errorf("must say %q:\n%s", want, got)
		}
	}
}

func TestACallHoldsNothingThatActsOnATerminal(t *testing.T) {
	for _, s := range corpus.Strings() {
		for _, open := range []bool{false, true} {
			for _, e := range []exchange.Exchange{echoed(), refused()} {
				e.Connection.State = nil // of crypto/tls, and not written
				secure := e.Certificate != nil
				fill(reflect.ValueOf(&e).Elem(), s)
				for _, md := range []map[string][]string{e.Header, e.Trailer} {
					for name := range md {
						md[name] = []string{s, "x" + s}
					}
				}
				for name := range e.Sent { // as long as metadata may be that a user sends
					e.Sent[name] = []string{s[:min(len(s), 4<<10)]}
				}
				e.Settings.TLS = "1.3"
				if secure {
					e.Certificate.Names = []string{s, s}
				}
				got := callText(t, e, report.CallOptions{ShowSecrets: open})
				if err := corpus.Check(got); err != nil {
					t.Fatalf("%.40q: %v", s, err)
				}
				for _, line := range strings.Split(got, "\n") {
					if n := utf8.RuneCountInString(line); n > 80 {
						t.Fatalf("%.40q: line of %d columns: %.200s", s, n, line)
					}
				}
				if len(got) > 64<<10 {
					t.Fatalf("%.40q: text of %d bytes", s, len(got))
				}
			}
		}
	}
}

// A call that was made more often than is kept says how often.
func TestACallSaysHowManyMoreAttemptsThereWere(t *testing.T) {
	e := refused()
	e.MoreAttempts = 9
	text := callText(t, e, report.CallOptions{})
	for _, want := range []string{"made 11 times", "and 9 times more", "again on the connection from 10.0.0.7:33182: not answered"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not said:\n%s", want, text)
		}
	}
}
