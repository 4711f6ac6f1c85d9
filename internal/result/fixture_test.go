package result

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"grpcbench/internal/codec"
	"grpcbench/internal/hist"
	"grpcbench/internal/plan"
)

var update = flag.Bool("update", false, "rewrite the files that tests compare with")

const (
	fixtureEpochs  = 10
	fixtureWindows = 3   // seconds in an epoch
	fixtureRate    = 250 // RPC/s of each arm
	// RPCs of an epoch outside its window: a second of warm-up, and saturated ones.
	fixtureWarmup, fixtureSaturated = fixtureRate, 5000
)

// model is what the fixture says of an arm.
type model struct {
	name                 string
	aa                   bool
	change               func(*plan.Settings)
	median               int64   // service time, ns
	clientCPU, serverCPU float64 // ns per RPC
	saturatedServerCPU   float64
	sent, received       float64 // bytes per RPC
}

func models() []model {
	tls := func(s *plan.Settings) { s.TLS, s.Key = "1.3", "p256" }
	json4k := func(s *plan.Settings) { tls(s); s.Payload = plan.Payload{Bytes: 4096, Class: "json"} }
	return []model{
		{"tls=off", false, func(*plan.Settings) {}, 452e3, 251e3, 247e3, 18.0e3, 31, 36},
		{"tls=1.3", false, tls, 497e3, 279e3, 272e3, 18.6e3, 53, 58},
		{"metadata-size=1KiB:unique", false, func(s *plan.Settings) {
			tls(s)
			s.MetadataSize = plan.MetadataSize{Bytes: 1024, Keys: 1, Unique: true}
		}, 521e3, 290e3, 289e3, 23.9e3, 794, 58},
		{"compression=none", false, json4k, 541e3, 287e3, 296e3, 24.2e3, 4176, 58},
		{"compression=gzip:low", false, func(s *plan.Settings) {
			json4k(s)
			s.Compression = codec.Spec{Name: codec.Gzip, Level: codec.LevelLow}
		}, 689e3, 356e3, 341e3, 65.1e3, 1566, 58},
		{"A/A", true, func(*plan.Settings) {}, 452e3, 251e3, 247e3, 18.0e3, 31, 36},
	}
}

var built struct {
	once sync.Once
	r    Result
}

// fixture is a small but complete result of a run that went well, not examined.
// It is built once; lists that tests change are copied.
func fixture(t *testing.T) Result {
	t.Helper()
	built.once.Do(func() { built.r = buildFixture(t, fixtureEpochs) })
	r := built.r
	r.Arms = slices.Clone(r.Arms)
	for i := range r.Arms {
		r.Arms[i].Windows = slices.Clone(r.Arms[i].Windows)
	}
	return r
}

func buildFixture(t *testing.T, epochs int) Result {
	t.Helper()
	r := Result{
		Schema: Schema, ID: "20261123T181500Z-k3f2q2xa", Name: "before the upgrade",
		Created: time.Date(2026, 11, 23, 18, 15, 0, 0, time.UTC),
		Tool:    Tool{Version: "v0.1.0", Revision: "0123456789ab", Go: "go1.26.8", GRPCGo: "v1.85.0"},
		Machine: fixtureMachine(),
		Plan:    fixturePlan(),
	}
	r.Groups = r.Plan.Groups
	for i, m := range models() {
		r.Arms = append(r.Arms, fixtureArm(t, r.Plan.Arms[i].Settings, m, uint64(i), epochs))
	}
	r.Comparisons = fixtureComparisons()
	return r
}

func fixturePlan() plan.Plan {
	p := plan.Plan{
		Suite: "overheads", Name: "before the upgrade", Tags: map[string]string{"host": "laptop"},
		Load:   plan.Load{Rate: fixtureRate * 6, Arrival: "poisson", Loop: "open", Concurrency: 64},
		Epochs: plan.Epochs{Min: fixtureEpochs, Max: fixtureEpochs},
		Window: fixtureWindows * time.Second, Warmup: time.Second, Drain: 10 * time.Second, Saturated: 300 * time.Millisecond,
		Seed: 42, AllowFailures: 0.01,
		Groups: []plan.Group{
			{Name: "TLS", Control: "tls=off", Arms: []string{"tls=off", "tls=1.3", "A/A"}},
			{Name: "METADATA", Control: "tls=1.3", Arms: []string{"tls=1.3", "metadata-size=1KiB:unique"}},
			{Name: "COMPRESSION", Control: "compression=none", Arms: []string{"compression=none", "compression=gzip:low"}},
		},
	}
	for _, m := range models() {
		s := plan.Settings{TLS: "off", Connections: 4, Engine: "grpc", Windows: "static",
			Compression: codec.Spec{Name: codec.None}, ResponseCompression: plan.ResponseCodec{Spec: codec.Spec{Name: codec.None}}}
		m.change(&s)
		p.Arms = append(p.Arms, plan.Arm{Name: m.name, Settings: s, AA: m.aa})
	}
	return p
}

func fixtureMachine() Machine {
	m := Machine{OS: "linux", Arch: "amd64", Kernel: "6.18.0", CPU: "Example CPU @ 2.60GHz",
		CPUs: 2, GOMAXPROCS: 2, MemBytes: 8 << 30, Virtual: true}
	for i := range fixtureEpochs {
		m.Epochs = append(m.Epochs, MachineEpoch{
			OursShare: float64(400+5*i) / 1000, CompetingShare: new(0.02), StealShare: new(0.004),
			HiccupP99NS: new(int64(210_000)), HiccupMaxNS: new(int64(1_900_000)), ThrottledNS: new(int64(0)),
			ClockStepNS: 2100, MemAvailableMin: new(int64(3 << 30)),
		})
	}
	return m
}

// histograms are those of an arm or of one of its epochs.
type histograms struct{ latency, service, lag *hist.Histogram }

func newHistograms() histograms { return histograms{hist.New(), hist.New(), hist.New()} }

func (h histograms) merge(t *testing.T, o histograms) {
	t.Helper()
	for _, m := range []struct{ to, from *hist.Histogram }{{h.latency, o.latency}, {h.service, o.service}, {h.lag, o.lag}} {
		if err := m.to.Merge(m.from); err != nil {
			t.Fatal(err)
		}
	}
}

func (h histograms) summarize(t *testing.T, f *Figures, withHDR bool) {
	t.Helper()
	for _, d := range []struct {
		to *Distribution
		h  *hist.Histogram
	}{{&f.Latency, h.latency}, {&f.ServiceTime, h.service}, {&f.Lag, h.lag}} {
		var err error
		if *d.to, err = Summarize(d.h, d.h.Count(), withHDR); err != nil {
			t.Fatal(err)
		}
	}
}

func fixtureArm(t *testing.T, s plan.Settings, m model, seed uint64, epochs int) Arm {
	t.Helper()
	rng := rand.New(rand.NewPCG(42, seed))
	a := Arm{Name: m.name, AA: m.aa, Settings: s}
	whole := newHistograms()
	for e := range epochs {
		epoch, restart := newHistograms(), 985+rng.Int64N(31)
		for sec := range fixtureWindows {
			second := newHistograms()
			for range fixtureRate {
				service := serviceTime(rng, m.median*restart/1000)
				lag := 8_000 + rng.Int64N(30_000)
				second.service.Record(service)
				second.lag.Record(lag)
				second.latency.Record(service + lag)
			}
			a.Windows = append(a.Windows, fixtureWindow(t, e, sec, second))
			epoch.merge(t, second)
		}
		f := fixtureFigures(m, s, 1, float64(985+rng.Int64N(31))/1000)
		epoch.summarize(t, &f, false)
		a.Epochs = append(a.Epochs, Epoch{Index: e, Figures: f, Handshake: fixtureHandshake(s, 1),
			Start: time.Date(2026, 11, 23, 18, 15, 2+6*e, 0, time.UTC), Generator: fixtureGenerator(epoch)})
		whole.merge(t, epoch)
	}
	a.Figures = fixtureFigures(m, s, int64(epochs), 1)
	whole.summarize(t, &a.Figures, true)
	a.Handshake = fixtureHandshake(s, int64(epochs))
	a.Observed = fixtureObserved(s, a.ServerLedger.Started)
	a.Observed.ServerInstances = epochs
	return a
}

// serviceTime is around the median, and up to nine times that for one RPC in 50.
// Whole numbers make the fixture the same on every kind of processor.
func serviceTime(rng *rand.Rand, median int64) int64 {
	v := median * (600 + rng.Int64N(801)) / 1000
	if rng.IntN(50) == 0 {
		v += median * rng.Int64N(8)
	}
	return v
}

func fixtureWindow(t *testing.T, epoch, second int, h histograms) Window {
	t.Helper()
	d, err := Summarize(h.latency, h.latency.Count(), true)
	if err != nil {
		t.Fatal(err)
	}
	w := Window{Epoch: epoch, Start: int64(second) * int64(time.Second), Scheduled: d.Count, OK: d.Valued,
		Failed: new(int64(0)), NotStarted: new(int64(0)), P50: d.P50, P99: d.P99, Max: d.Max}
	for _, e := range []struct {
		to   *hist.Encoded
		from *hist.Histogram
	}{{&w.Latency, h.latency}, {&w.Service, h.service}, {&w.Lag, h.lag}} {
		if *e.to, err = e.from.Encode(); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func fixtureFigures(m model, s plan.Settings, epochs int64, noise float64) Figures {
	inWindow := epochs * fixtureWindows * fixtureRate
	total := inWindow + epochs*(fixtureWarmup+fixtureSaturated)
	f := Figures{
		Ledger:       Ledger{Scheduled: inWindow, Started: inWindow, OK: inWindow},
		LedgerTotal:  Ledger{Scheduled: total, Started: total, OK: total},
		ServerLedger: &ServerLedger{Started: total, OK: total},
		Offered:      fixtureRate, Achieved: fixtureRate,
		ClientCPU: new(m.clientCPU * noise), ServerCPU: new(m.serverCPU * noise), PacerCPU: new(21e3 * noise),
		ClientAllocs: new(68.0), ServerAllocs: new(61.0),
		Saturated: &Saturated{Achieved: 0.7e9 / m.saturatedServerCPU, ClientCPU: new(1.3 * m.saturatedServerCPU * noise), ServerCPU: new(m.saturatedServerCPU * noise)},
		SentBytes: new(m.sent), ReceivedBytes: new(m.received),
	}
	if s.Compression.Compresses() {
		f.Compressed = total
		f.CompressionRatio, f.CodecCPU, f.ServerCodecCPU = new(0.363), new(58e3*noise), new(21e3*noise)
	}
	return f
}

func fixtureGenerator(h histograms) Generator {
	window := float64(fixtureWindows * time.Second)
	return Generator{CPUShare: 0.05, Gomaxprocs: 2, GCCPUShare: new(0.004), RSSBytes: new(int64(31 << 20)),
		ReleaseP50: 2_100, ReleaseP99: 61_000, MeanInFlight: float64(h.service.Sum()) / window, BusySum: float64(h.service.Sum())}
}

func fixtureHandshake(s plan.Settings, epochs int64) *Handshakes {
	h := &Handshake{Count: 4 * epochs, TCP: 50_000, HTTP2: 220_000, Total: 270_000, SentBytes: 64, ReceivedBytes: 42}
	if s.TLS != "off" {
		h.TLS, h.Total = 1_310_000, 1_580_000
		h.ClientCPU, h.ServerCPU = new(0.9e6), new(0.6e6)
		h.SentBytes, h.ReceivedBytes = 1490, 1835
	}
	return &Handshakes{Full: h}
}

func fixtureObserved(s plan.Settings, rpcs int64) Observed {
	o := Observed{Connections: 4, ServerSettings: []ServerSettings{SettingsOf(map[uint16]uint32{3: 100, 4: 1 << 16, 5: 1 << 14}, 4)}, TLSVersion: s.TLS, Method: "/Server/Foo",
		RequestEncodings: map[string]int64{"identity": rpcs}, ResponseEncodings: map[string]int64{"identity": rpcs}, RequestCodec: s.Compression.Implementation(), ResponseCodec: codec.None,
		MetadataKeys: new(float64(s.MetadataSize.Keys)), MetadataBytes: new(float64(s.MetadataSize.Bytes))}
	if s.TLS != "off" {
		o.Cipher, o.Group, o.ALPN, o.ServerKey = "TLS_AES_128_GCM_SHA256", "x25519mlkem768", "h2", s.Key
	}
	if s.Payload.Bytes > 0 {
		o.Method = "/bench.v1.Bench/Echo"
	}
	if s.Compression.Announced() {
		o.RequestEncodings = map[string]int64{s.Compression.Name: rpcs}
		o.RequestCodec = "compress/gzip go1.26.8 level 3"
		o.RequestsDecompressed = rpcs
	}
	return o
}

// fixtureComparisons are plausible estimates, written by hand: each metric once
// with a verdict of every kind.
func fixtureComparisons() []Comparison {
	row := func(group, arm, control, metric, unit string, delta float64, v ...float64) Comparison {
		return Comparison{Group: group, Arm: arm, Control: control, Metric: metric, Unit: unit, Epochs: fixtureEpochs, Delta: delta,
			Ratio: &v[0], Low: &v[1], High: &v[2], P: &v[3], MDE: &v[4], Verdict: "inconclusive"}
	}
	judged := func(verdict string, c Comparison) Comparison { c.Verdict = verdict; return c }
	const p50, p90, server, client, saturated, sent = "latency_p50", "latency_p90", "server_cpu_ns_per_rpc", "client_cpu_ns_per_rpc", "saturated_server_cpu_ns_per_rpc", "sent_bytes_per_rpc"
	off, on, gz, none := "tls=off", "tls=1.3", "compression=gzip:low", "compression=none"
	meta := "metadata-size=1KiB:unique"
	return []Comparison{
		judged("slower", row("TLS", on, off, p50, "ns", .05, 1.099, 1.077, 1.120, .00195, .031)),
		judged("slower", row("TLS", on, off, p90, "ns", .10, 1.081, 1.012, 1.149, .00977, .089)),
		judged("slower", row("TLS", on, off, server, "ns", .03, 1.103, 1.088, 1.120, .00195, .022)),
		judged("slower", row("TLS", on, off, client, "ns", .03, 1.112, 1.085, 1.141, .00195, .038)),
		row("TLS", on, off, saturated, "ns", .03, 1.031, 1.009, 1.052, .01953, .029),
		judged("slower", row("TLS", on, off, sent, "bytes", .005, 1.710, 1.710, 1.710, .00195, 0)),
		judged("same", row("TLS", "A/A", off, p50, "ns", .05, 1.006, .984, 1.027, .55664, .030)),
		judged("same", row("TLS", "A/A", off, server, "ns", .03, .998, .985, 1.011, .76953, .018)),
		judged("same", row("TLS", "A/A", off, saturated, "ns", .03, 1.001, .979, 1.022, .92188, .029)),
		{Group: "TLS", Arm: on, Control: off, Metric: "latency_p99", Unit: "ns", Delta: .15, Verdict: "inconclusive",
			Reason: "7 observations beyond it in the smallest epoch, must be at least 20"},
		judged("same", row("METADATA", meta, on, p50, "ns", .05, 1.048, 1.020, 1.049, .00391, .035)),
		judged("slower", row("METADATA", meta, on, server, "ns", .03, 1.062, 1.041, 1.083, .00195, .029)),
		judged("slower", row("METADATA", meta, on, saturated, "ns", .03, 1.285, 1.251, 1.321, .00195, .039)),
		judged("slower", row("METADATA", meta, on, sent, "bytes", .005, 14.98, 14.98, 14.98, .00195, 0)),
		judged("slower", row("COMPRESSION", gz, none, p50, "ns", .05, 1.273, 1.241, 1.307, .00195, .040)),
		judged("slower", row("COMPRESSION", gz, none, server, "ns", .03, 1.152, 1.130, 1.176, .00195, .028)),
		judged("slower", row("COMPRESSION", gz, none, saturated, "ns", .03, 2.690, 2.612, 2.771, .00195, .031)),
		judged("faster", row("COMPRESSION", gz, none, sent, "bytes", .005, .375, .375, .375, .00195, 0)),
	}
}

const fixtureFile = "testdata/overheads.json"

// good is the fixture, examined and read back, so that tests may change it as
// they like.
func good(t *testing.T) Result {
	t.Helper()
	r, err := readFile(fixtureFile)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fixtureJSON(t *testing.T) []byte {
	t.Helper()
	r := normal(fixture(t))
	Examine(&r)
	data, err := marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFixtureFileIsCurrent(t *testing.T) {
	golden(t, fixtureFile, fixtureJSON(t))
}

// golden compares got with a file, or rewrites it under -update.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not current: run go test ./internal/result -update and review the change", path)
	}
}

func TestFixtureIsValid(t *testing.T) {
	r := good(t)
	if r.Verdict != Valid {
		t.Errorf("verdict %s, want VALID: %+v", r.Verdict, r.Warnings)
	}
	for _, c := range r.Checks {
		if c.Text != "" {
			t.Errorf("%s: %s", c.Code, c.Text)
		}
	}
}
