package runner_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// bothEngines measures one arm of each engine side by side, at the same arrivals:
// every phase holds a whole number of the 5 ms between two of them, so that it does
// not matter that arms do not arrive together. A connection's first RPC, which spells
// out its metadata, is long over when the window begins.
func bothEngines(t *testing.T, args ...string) (grpc, wire result.Arm) {
	t.Helper()
	p := planOf(t, append([]string{"--vary", "engine=grpc,wire", "--aa", "off",
		"--arrival", "uniform", "--rate", "400", "--warmup", "500ms", "--window", "300ms"}, args...)...)
	p.Saturated = 0
	r := measure(t, t.Context(), p, runner.Options{})
	for _, c := range r.Checks {
		if c.Verdict == result.Invalid && !slices.Contains(busyMachine, c.Code) {
			t.Errorf("check %s: %s", c.Code, c.Text)
		}
	}
	if len(r.Arms) != 2 || r.Arms[0].Settings.Engine != plan.GRPC || r.Arms[1].Settings.Engine != plan.Wire {
		t.Fatalf("%d arms, want one of each engine", len(r.Arms))
	}
	return r.Arms[0], r.Arms[1]
}

// TestBothEnginesGiveOneAccount: what a server and the wire show of two arms is
// equal, whichever engine made the RPCs. What is not, by design: grpc-go writes the
// time that is left as grpc-timeout, which changes, where this client writes the
// deadline, which does not; and as each gathers frames in its own way, TLS puts them
// into more records or fewer.
func TestBothEnginesGiveOneAccount(t *testing.T) {
	lane.Long(t, "starts processes")
	const (
		// A probe, and half of 400 RPC/s for 800 ms.
		rpcs = 1 + 160
		// Most that an RPC's records can differ by: two of 29 bytes (TLS 1.2 with
		// AES-GCM: RFC 5246, 6.2.1, RFC 5288, 3), where one would do.
		records = 2 * 29
		// Index, length and at most 8 digits with their unit (RFC 7541, 6.2).
		timeout = 2 + 1 + 9
	)
	for _, of := range []struct {
		args string
		near float64 // how many bytes an RPC may differ
	}{
		{"--tls off", 0},
		{"--tls 1.2 --mtls on --key ed25519", records},
		{"--tls 1.3 --resumption on --group p256 --connections 3", records},
		// Not both at once: where RPCs wait, each has another grpc-timeout, and so many
		// entries of grpc-go's table push the metadata out of it.
		{"--tls off --deadline 20s --metadata foo=bar", timeout},
		{"--tls off --metadata foo=bar --metadata-size 2KiB:3:bin", 0},
		// Hexadecimal digits are 5 or 6 bits long in Huffman's code (RFC 7541, B).
		{"--tls off --metadata-size 1KiB:unique", 20},
		{"--tls off --payload 4KiB:json --response-payload 3KiB:text --compression gzip:low --response-compression deflate:high", 0},
		{"--tls 1.3 --payload 16KiB:random --compression zstd --response-compression none", 4 * records},
		{"--tls off --payload 1KiB --compression gzip:none", 0},
		{"--tls off --compression deflate", 0},
	} {
		t.Run(of.args, func(t *testing.T) {
			t.Parallel()
			grpc, wire := bothEngines(t, strings.Fields(of.args)...)
			if diff := cmp.Diff(grpc.LedgerTotal, wire.LedgerTotal); diff != "" || wire.LedgerTotal.OK != rpcs {
				t.Errorf("%d RPCs ok, want %d with both; ledgers (-grpc +wire):\n%s", wire.LedgerTotal.OK, rpcs, diff)
			}
			if diff := cmp.Diff(grpc.Observed, wire.Observed); diff != "" {
				t.Errorf("observed (-grpc +wire):\n%s", diff)
			}
			if diff := cmp.Diff(grpc.ServerLedger, wire.ServerLedger); diff != "" {
				t.Errorf("server's ledgers (-grpc +wire):\n%s", diff)
			}
			sameMessages(t, grpc.Figures, wire.Figures)
			sameHandshakes(t, grpc.Handshake, wire.Handshake)
			sameCosts(t, grpc, wire, of.near, func() (grpc, wire result.Arm) { return bothEngines(t, strings.Fields(of.args)...) })
		})
	}
}

// sameMessages compares how many messages were compressed, and how well. What wire
// compresses once for all costs an RPC nothing, so that it has no figure for it.
func sameMessages(t *testing.T, grpc, wire result.Figures) {
	t.Helper()
	type messages struct {
		Requests, Responses int64
		Ratio, Response     *float64
	}
	of := func(f result.Figures) messages {
		return messages{f.Compressed, f.ResponseCompressed, f.CompressionRatio, f.ResponseCompressionRatio}
	}
	if diff := cmp.Diff(of(grpc), of(wire)); diff != "" {
		t.Errorf("messages compressed (-grpc +wire):\n%s", diff)
	}
	if wire.CodecCPU != nil || (grpc.CodecCPU == nil) != (grpc.Compressed == 0) {
		t.Errorf("codec CPU %v with grpc and %v with wire of %d messages compressed", deref(grpc.CodecCPU), deref(wire.CodecCPU), grpc.Compressed)
	}
}

// sameCosts compares bytes an RPC, and objects, of which wire allocates less than half.
// An RPC that a busy machine delays over an end of the window is counted outside of it:
// figures that differ are measured again. A difference between the engines shows every
// time.
func sameCosts(t *testing.T, grpc, wire result.Arm, near float64, again func() (grpc, wire result.Arm)) {
	t.Helper()
	const times = 5
	differ := func(grpc, wire *float64) bool {
		// A WINDOW_UPDATE of 13 bytes, now and then, is in the count of the one only.
		return grpc == nil || wire == nil || math.Abs(*grpc-*wire) > near+1
	}
	more := func(grpc, wire *float64) bool { return grpc == nil || wire == nil || *wire > *grpc/2 }
	for n := 1; differ(grpc.SentBytes, wire.SentBytes) || differ(grpc.ReceivedBytes, wire.ReceivedBytes) || more(grpc.ClientAllocs, wire.ClientAllocs); n++ {
		t.Logf("with grpc an RPC sent %v bytes, received %v and allocated %v objects, with wire %v, %v and %v; bytes may differ by %v",
			deref(grpc.SentBytes), deref(grpc.ReceivedBytes), deref(grpc.ClientAllocs),
			deref(wire.SentBytes), deref(wire.ReceivedBytes), deref(wire.ClientAllocs), near+1)
		if n == times {
			t.Errorf("bytes or objects of an RPC differ %d times out of %d", n, times)
			return
		}
		grpc, wire = again()
	}
}

// sameHandshakes compares which connections were made and which phases they had.
func sameHandshakes(t *testing.T, grpc, wire *result.Handshakes) {
	t.Helper()
	if grpc == nil || wire == nil {
		t.Fatalf("handshakes %v with grpc and %v with wire", grpc, wire)
	}
	for _, both := range [][2]*result.Handshake{{grpc.Full, wire.Full}, {grpc.Resumed, wire.Resumed}} {
		a, b := both[0], both[1]
		if (a == nil) != (b == nil) {
			t.Errorf("handshakes %+v with grpc and %+v with wire", a, b)
			continue
		}
		if a == nil {
			continue
		}
		if a.Count != b.Count || (a.TLS > 0) != (b.TLS > 0) || b.TCP <= 0 || b.HTTP2 <= 0 || b.Total <= 0 ||
			(a.ClientCPU == nil) != (b.ClientCPU == nil) || (a.ServerCPU == nil) != (b.ServerCPU == nil) {
			t.Errorf("handshakes %+v with grpc and %+v with wire", a, b)
		}
		// 15 bytes of settings and the user agent's length lie between them; TLS
		// certificates vary by a few bytes in their signatures.
		if math.Abs(a.SentBytes-b.SentBytes) > 100 || math.Abs(a.ReceivedBytes-b.ReceivedBytes) > 100 {
			t.Errorf("a handshake of %v and %v bytes with grpc, %v and %v with wire", a.SentBytes, a.ReceivedBytes, b.SentBytes, b.ReceivedBytes)
		}
	}
}
