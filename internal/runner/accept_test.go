package runner_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/faultproxy"
	"grpcbench/testing/lane"
)

// cCoreLike answers every RPC with OK and its codecs, whatever it was sent in, as gRPC's C
// core does to a codec that it does not know. The message of answer is of the RPC's number.
func cCoreLike(t *testing.T, answer func(n int) []byte) (address string) {
	t.Helper()
	var n atomic.Int64
	p, err := faultproxy.NewPeer(func(s *faultproxy.Stream) {
		s.Begin(faultproxy.Field{Name: "grpc-accept-encoding", Value: "identity, deflate, gzip"})
		s.Message(answer(int(n.Add(1) - 1)))
		s.Status(0, "")
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p.Address()
}

// request is --method and --request for a message that compresses.
func request(t *testing.T) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(path, []byte("\x0a\xf4\x03"+strings.Repeat("a", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--tls", "off", "--method", "/p.S/M", "--request", "@" + path}
}

func TestACodecThatTheServerDoesNotNameIsRefused(t *testing.T) {
	lane.Long(t, "starts processes")
	eachEngine(t, func(t *testing.T, engine string) {
		address := cCoreLike(t, func(int) []byte { return nil })
		err := refusal(t, engine, append(request(t), "--compression", "zstd:low", address))
		want := "the server accepts identity, deflate, gzip, and not zstd: it may take a compressed message for the message itself (change --compression)"
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want %q", err, want)
		}
		p := planOf(t, append(request(t), "--engine", engine, "--compression", "gzip:low", address)...)
		a := measure(t, t.Context(), p, runner.Options{}).Arms[0]
		if l := a.LedgerTotal; l.OK == 0 || l.OK != l.Started {
			t.Errorf("ledger %+v, want every RPC ok with a codec that it names", l)
		}
		if r := a.Observed.Responses; r == nil || r.Compressed != 0 {
			t.Errorf("responses %+v, want none compressed", r)
		}
	})
}

// Each arm has asked for bench.v1.Control before. Arms that get responses of other sizes to one message may not be doing one thing.
func TestResponsesOfOtherSizesAreNoticed(t *testing.T) {
	lane.Long(t, "starts processes")
	eachEngine(t, func(t *testing.T, engine string) {
		address := cCoreLike(t, func(n int) []byte { return make([]byte, 10+20*max(0, min(n-2, 1))) })
		p := planOf(t, append(request(t), "--engine", engine, "--aa", "off", "--vary", "compression=none,gzip:low", "--connections", "1", address)...)
		r := measure(t, t.Context(), p, runner.Options{})
		if c := checkOf(t, r, "responses_differ"); c.Verdict != result.Valid || !strings.Contains(c.Text, "30 bytes, and that of") {
			t.Errorf("check %+v, want a warning of 10 and 30 bytes", c)
		}
	})
}
