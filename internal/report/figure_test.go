package report

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"grpcbench/internal/codec"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

func ptr[T any](v T) *T { return &v }

func TestDurationHasThreeDigitsAndAUnit(t *testing.T) {
	for ns, want := range map[float64]string{
		0: "0 ns", 999: "999 ns", 999.6: "1.00 µs", 1234: "1.23 µs", 18_000: "18.0 µs", 491_234: "491 µs",
		999_499: "999 µs", 999_500: "1.00 ms", 2_264_000: "2.26 ms", 9_996_000: "10.0 ms", 1.5e9: "1.50 s", 61e9: "61.0 s",
	} {
		if got := duration(ns); got != want {
			t.Errorf("duration(%v) = %q, want %q", ns, got, want)
		}
	}
}

func TestRatesAndAmountsKeepWhatCanBeRead(t *testing.T) {
	for got, want := range map[string]string{
		rate(0): "0.00", rate(13.64): "13.6", rate(136.4): "136", rate(41_234): "41 200", rate(math.Inf(1)): "+Inf", rate(1e300): "1e+300",
		amount(31): "31", amount(120.94): "120.9", amount(1489.6): "1490", amount(12_345): "12 345", amount(-1e300): "-1e+300",
		count(9999): "9999", count(89_760): "89 760", count(1_234_567): "1 234 567",
		span(10 * time.Second): "10 s", span(1500 * time.Millisecond): "1.5 s", span(300 * time.Millisecond): "300 ms",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestQuantileSaysHowFewObservationsAreAboveIt(t *testing.T) {
	ns := ptr(int64(2_260_000))
	tests := []struct {
		name  string
		count int64
		ns    *int64
		want  string
	}{
		// The p99 of n is rank ceil(0.99·n): 100, 99, 10 and 9 are above.
		{"a hundred above", 10_000, ns, "2.26 ms"},
		{"99 above", 9_900, ns, "2.26 ms few"},
		{"10 above", 1_000, ns, "2.26 ms few"},
		{"9 above", 900, ns, "n/a (9 above)"},
		{"among those without a value", 10_000, nil, "≥ 10 s"},
		{"nothing observed", 0, nil, "n/a"},
	}
	for _, tt := range tests {
		if got := quantile(result.Distribution{Count: tt.count, P99: tt.ns}.Quantile(0.99), 10*time.Second); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestChangeShowsTheMarkOnlyBesideTheInterval(t *testing.T) {
	tests := []struct {
		ratio, low, high, delta float64
		verdict, want           string
	}{
		{1.069, 1.051, 1.088, 0.05, "slower", "+6.9 [5.1, 8.8] ▲"},
		{1.103, 1.088, 1.12, 0.03, "slower", "+10 [8.8, 12] ▲"},
		{0.901, 0.88, 0.951, 0.03, "faster", "-9.9 [-12, -4.9] ▼"},
		{0.9999, 0.979, 1.01, 0.03, "same", "0.0 [-2.1, 1.0] = ±3"},
		{1.004, 0.98, 1.04, 0.10, "same", "0 [-2, 4] = ±10"},
		{1.03, 0.979, 1.04, 0.03, "inconclusive", "+3.0 [-2.1, 4.0] ~"},
		{1.03, 0.979, 1.04, 0.03, "as the file likes", "+3.0 [-2.1, 4.0] ~"},
		{36.6, 36.5, 36.7, 0.005, "slower", "×36.6 [36.5, 36.7] ▲"},
	}
	for _, tt := range tests {
		c := result.Comparison{Ratio: &tt.ratio, Low: &tt.low, High: &tt.high, Delta: tt.delta, Verdict: tt.verdict}
		if got := change(c).text; got != tt.want {
			t.Errorf("change(%v) = %q, want %q", tt.ratio, got, tt.want)
		}
	}
	if got, want := change(result.Comparison{Ratio: ptr(1.05), Verdict: "inconclusive"}).text, "+5.0 no interval ~"; got != want {
		t.Errorf("without an interval: %q, want %q", got, want)
	}
}

func TestCompressionPaysBelowTheBandwidthThatTakesAsLong(t *testing.T) {
	control := result.Arm{Name: "none", Figures: result.Figures{SentBytes: ptr(4160.0), ReceivedBytes: ptr(58.0)}}
	control.Latency.P50 = ptr(int64(1_000_000))
	zip := result.Arm{Name: "gzip", Figures: result.Figures{SentBytes: ptr(1550.0), ReceivedBytes: ptr(58.0),
		Compressed: 1, CodecCPU: ptr(50e3), ServerCodecCPU: ptr(24e3)}}
	grown := zip
	grown.Name, grown.SentBytes = "grown", ptr(4170.0)
	b := newBook(result.Result{
		Arms:   []result.Arm{control, zip, grown},
		Groups: []plan.Group{{Name: "g", Control: "none", Arms: []string{"none", "gzip", "grown"}}},
		// p50 is 148 µs longer for certain: 8 · 2610 B / 148 µs = 141 Mbit/s.
		Comparisons: []result.Comparison{{Group: "g", Arm: "gzip", Metric: "latency_p50", Ratio: ptr(1.148), Verdict: "slower"}},
	})
	want := []string{
		"saves 2610 B out, costs 148 µs (p50), pays below 141 Mbit/s",
		"adds 10 B out, costs 74.0 µs (codec CPU), never pays",
	}
	for i, got := range b.trades() {
		if s := strings.Join(got.cells, ", "); s != want[i] {
			t.Errorf("%s: %q, want %q", got.arm, s, want[i])
		}
	}
	// Nobody knows that p50 differs: what the codecs took is 74 µs, 8 · 2610 / 74 = 282.
	b.comparisons[[3]string{"g", "gzip", "latency_p50"}].Verdict = "inconclusive"
	if got, want := strings.Join(b.trades()[0].cells, ", "), "saves 2610 B out, costs 74.0 µs (codec CPU), pays below 282 Mbit/s"; got != want {
		t.Errorf("inconclusive: %q, want %q", got, want)
	}
}

func TestRepeatAsksForTheSamePlan(t *testing.T) {
	off := plan.Settings{TLS: "off", Connections: 4, Engine: "grpc", Windows: "static", ResponseCompression: plan.ResponseCodec{Mirror: true}}
	on := off
	on.TLS, on.Key = "1.3", "p256"
	p := plan.Plan{
		Arms:   []plan.Arm{{Name: "tls=off", Settings: off}, {Name: "tls=1.3", Settings: on}, {Name: "A/A", Settings: off, AA: true}},
		Target: &plan.Target{Address: "a b", CACert: "ca.pem"},
		Load:   plan.Load{Rate: 1500, Arrival: "poisson", Loop: "open"},
		Window: 3 * time.Second, Warmup: time.Second, Drain: 10 * time.Second, ConnectTimeout: 20 * time.Second,
		Epochs: plan.Epochs{Min: 8, Max: 20}, AllowFailures: 0.01, Seed: 1 << 53,
	}
	want := "grpc-bench run 'a b' --vary tls=off,1.3 --mtls off --key p256 --resumption off --compression none --response-compression mirror" +
		" --metadata-size 0 --payload 0 --response-payload 0 --connections 4 --engine grpc --windows static" +
		" --rate 1500 --arrival poisson --window 3s --warmup 1s --epochs 8..20 --drain 10s --connect-timeout 20s --seed 9007199254740992 --cacert ca.pem --allow-failures 0.01"
	if got := strings.Join(repeat(p), " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	p.Target, p.ServerStartTimeout, p.ServerInPlace = nil, 20*time.Second, true
	p.Arms[0].Settings.ServerBinary, p.Arms[1].Settings.ServerBinary, p.Arms[2].Settings.ServerBinary = "taskset -c 0,1 a {addr}", "b {addr}", "taskset -c 0,1 a {addr}"
	for _, want := range []string{
		" --server-start-timeout 20s --server-in-place --allow-failures ",
		" --vary 'server-binary=taskset -c 0,1 a {addr}' --vary 'server-binary=b {addr}' --vary tls=off,1.3 ",
	} {
		if got := strings.Join(repeat(p), " "); !strings.Contains(got, want) {
			t.Errorf("%q, want it to hold %q", got, want)
		}
	}
	p.Suite = "it's"
	if got, want := strings.Join(repeat(p), " "), `--suite 'it'\''s' --rate`; !strings.Contains(got, want) {
		t.Errorf("%q, want it to hold %q", got, want)
	}
}

// A shell joins lines that end in a backslash, outside quotes and between words alone.
func TestACommandIsBrokenBetweenWords(t *testing.T) {
	long := "--vary 'server-binary=" + strings.Repeat("./s --listen {addr} ", 9) + "'"
	got := command([]string{"grpc-bench", "run", "--vary", strings.TrimPrefix(long, "--vary "), "--tls", "off", "--aa"})
	want := []string{`grpc-bench run \`, long + ` \`, "--tls off --aa"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// What the stored form of settings leaves out, repeats or adds is asked for as a
// flag all the same.
func TestRepeatSaysWhatTheStoredFormDoesNot(t *testing.T) {
	base := plan.Settings{TLS: "1.3", Payload: plan.Payload{Bytes: 3, File: &plan.Blob{File: "b.bin", Bytes: 3, SHA256: "ab"}},
		Metadata: []plan.MetadataKey{{Name: "a", Bytes: 1}, {Name: "b", Bytes: 2}}}
	late := base
	late.Deadline, late.Group = time.Second, "x25519"
	late.Churn, late.MaxRPCs, late.ConnectionAge = 0.5, 100, 2*time.Second
	got := strings.Join(repeat(plan.Plan{Arms: []plan.Arm{{Settings: base}, {Settings: late}}}), " ")
	for _, want := range []string{"--metadata 'a=@(1 bytes)' --metadata 'b=@(2 bytes)'", "--vary deadline=none,1s", "--vary group=default,x25519", "--vary churn=none,0.5/s", "--vary max-rpcs-per-connection=none,100", "--vary connection-age=none,2s", "--payload @b.bin --"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q, want it to hold %q", got, want)
		}
	}
	plain := late
	plain.TLS, plain.Group = "off", "" // plaintext has no group to ask for
	if got := strings.Join(repeat(plan.Plan{Arms: []plan.Arm{{Settings: plain}, {Settings: late}}}), " "); !strings.Contains(got, "--group x25519") {
		t.Errorf("%q, want it to hold --group x25519", got)
	}
}

func TestServerFigureOfATargetSaysWhyItIsAbsent(t *testing.T) {
	var b book
	if got := b.ofServer(&result.Arm{}, nil, duration); got != "n/a" {
		t.Errorf("own server: %q, want n/a", got)
	}
	a := result.Arm{Settings: plan.Settings{Target: "host:1", Compression: codec.Spec{}}}
	if got, want := b.ofServer(&a, nil, duration), "n/a (server not ours)"; got != want {
		t.Errorf("target: %q, want %q", got, want)
	}
	if got := b.ofServer(&a, ptr(2e3), duration); got != "2.00 µs" {
		t.Errorf("target with a process id: %q, want 2.00 µs", got)
	}
}

func TestGroupsStripTheSettingThatNamesTheirArms(t *testing.T) {
	arms := []result.Arm{{Name: "tls=1.3"}, {Name: "metadata-size=1KiB"}, {Name: "metadata-size=8KiB"}, {Name: "mtls=on"}, {Name: "A/A", AA: true}}
	b := newBook(result.Result{Arms: arms})
	tests := []struct {
		members []string
		want    []string
	}{
		{[]string{"tls=1.3", "metadata-size=1KiB", "metadata-size=8KiB", "A/A"}, []string{"tls=1.3", "1KiB", "8KiB", "A/A"}},
		{[]string{"tls=1.3", "metadata-size=1KiB", "mtls=on"}, []string{"tls=1.3", "metadata-size=1KiB", "mtls=on"}},
	}
	for _, tt := range tests {
		g := plan.Group{Control: tt.members[0], Arms: tt.members}
		for i, a := range b.members(g) {
			if got := b.key(g).strip(a); got != tt.want[i] {
				t.Errorf("%v: arm %d is %q, want %q", tt.members, i, got, tt.want[i])
			}
		}
	}
}
