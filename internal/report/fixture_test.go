package report_test

import (
	"math"
	"math/rand/v2"
	"time"

	"grpcbench/internal/codec"
	"grpcbench/internal/compare"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// The fixtures are invented: they have the sizes of a real run, not its numbers.

// model is what an arm of a fixture costs, before noise.
type model struct {
	name           string
	settings       plan.Settings
	aa             bool
	latency        float64 // p50 in ns
	client, server float64 // CPU in ns
	saturated      float64 // CPU of the server in ns
	sent, received float64
	allocs         float64
	compressed     bool
	resumed        bool
}

func settings(tls string) plan.Settings {
	s := plan.Settings{
		TLS: tls, Connections: 4, Engine: "grpc", Windows: "static",
		Compression: codec.Spec{Name: codec.None}, ResponseCompression: plan.ResponseCodec{Mirror: true},
	}
	if tls != "off" {
		s.Key = "p256"
	}
	return s
}

// fixture is a result with epochs of each model, judged as a run judges them.
func fixture(epochs int, groups []plan.Group, models ...model) result.Result {
	r := result.Result{
		Schema: result.Schema, ID: "20261123T181500Z-k3f2q2xa", Verdict: result.Valid,
		Created: time.Date(2026, 11, 23, 18, 15, 0, 0, time.UTC),
		Tool:    result.Tool{Version: "v0.1.0", Revision: "0123456789ab", Go: "go1.26.8", GRPCGo: "v1.85.0"},
		Machine: result.Machine{OS: "linux", Arch: "amd64", Kernel: "6.18.0", CPU: "AMD EPYC", CPUs: 2, GOMAXPROCS: 2, Virtual: true},
		Groups:  groups,
		Plan: plan.Plan{
			Groups: groups,
			Load:   plan.Load{Rate: 136 * float64(len(models)), Arrival: "poisson", Loop: "open"},
			Epochs: plan.Epochs{Min: epochs, Max: epochs}, Window: 3 * time.Second, Warmup: time.Second,
			Drain: 10 * time.Second, Saturated: 300 * time.Millisecond, Seed: 42,
		},
	}
	for range epochs {
		r.Machine.Epochs = append(r.Machine.Epochs, result.MachineEpoch{OursShare: 0.45, CompetingShare: ptr(0.03), StealShare: ptr(0.004)})
	}
	for _, code := range []string{"ledger_unbalanced", "epochs_do_not_add_up", "histogram_disagrees", "settings_not_observed", "samples_missing"} {
		r.Checks = append(r.Checks, result.Check{Code: code, Verdict: result.Valid})
	}
	r.Checks = append(r.Checks, result.Check{Code: "throttled", Skipped: "no cgroup tells"})
	random := rand.New(rand.NewPCG(1, 2))
	for _, m := range models {
		a := m.arm(epochs, random)
		r.Arms = append(r.Arms, a)
		r.Plan.Arms = append(r.Plan.Arms, plan.Arm{Name: a.Name, Settings: a.Settings, AA: a.AA})
	}
	r.Comparisons = compare.Arms(&r)
	return r
}

const rpcs = 408 // of an arm in an epoch: 136 RPC/s for 3 s

func (m model) arm(epochs int, random *rand.Rand) result.Arm {
	a := result.Arm{Name: m.name, AA: m.aa, Settings: m.settings, Figures: m.figures(rpcs*int64(epochs), func(v, _ float64) float64 { return v })}
	total := a.Ledger
	total.Scheduled, total.Started, total.OK = 2*total.Scheduled, 2*total.Started, 2*total.OK
	a.LedgerTotal = total
	a.ServerLedger = &result.ServerLedger{Started: total.Started, OK: total.OK}
	for i := range epochs {
		noisy := func(v, sd float64) float64 { return v * math.Exp(sd*random.NormFloat64()) }
		a.Epochs = append(a.Epochs, result.Epoch{Index: i, Figures: m.figures(rpcs, noisy)})
	}
	full := result.Handshake{Count: int64(4 * epochs), TCP: 52e3, HTTP2: 221e3, Total: 273e3, ClientCPU: ptr(120e3), ServerCPU: ptr(90e3), SentBytes: 58, ReceivedBytes: 64}
	if m.settings.TLS != "off" {
		full.TLS, full.Total = 1310e3, 1583e3
		full.ClientCPU, full.ServerCPU, full.SentBytes, full.ReceivedBytes = ptr(910e3), ptr(604e3), 1490, 1835
	}
	a.Handshake = &result.Handshakes{Full: &full}
	if m.resumed {
		resumed := full
		resumed.TLS, resumed.ClientCPU = 640e3, ptr(410e3)
		a.Handshake.Resumed = &resumed
	}
	a.Observed = result.Observed{Connections: 4, ServerSettings: []result.ServerSettings{result.SettingsOf(map[uint16]uint32{4: 1 << 16}, 4*int64(epochs))}, TLSVersion: m.settings.TLS, Method: "/Server/Foo", ServerInstances: epochs,
		RequestEncodings: map[string]int64{"identity": total.OK}, ResponseEncodings: map[string]int64{"identity": total.OK}}
	if m.settings.TLS != "off" {
		a.Observed.Cipher, a.Observed.Group, a.Observed.ALPN, a.Observed.ServerKey = "TLS_AES_128_GCM_SHA256", "x25519mlkem768", "h2", "p256"
	}
	if n := m.settings.MetadataSize.Bytes; n > 0 {
		a.Observed.MetadataKeys, a.Observed.MetadataBytes = ptr(float64(m.settings.MetadataSize.Keys)), ptr(float64(n))
	}
	if m.compressed {
		a.Observed.RequestEncodings = map[string]int64{"gzip": total.OK}
		a.Observed.RequestCodec = "compress/gzip go1.26.8 level 3"
	}
	return a
}

// figures are m's after noise, with n RPCs.
func (m model) figures(n int64, noise func(v, sd float64) float64) result.Figures {
	p50 := noise(m.latency, 0.015)
	at := func(factor float64) *int64 { v := int64(p50 * factor); return &v }
	f := result.Figures{
		Ledger:  result.Ledger{Scheduled: n, Started: n, OK: n},
		Offered: 136, Achieved: 136,
		Latency:      result.Distribution{Count: n, Valued: n, Min: *at(0.5), P50: at(1), P90: at(2.1), P99: at(4.6), P999: at(11), Max: at(19)},
		ClientCPU:    ptr(noise(m.client, 0.023)),
		ServerCPU:    ptr(noise(m.server, 0.015)),
		ClientAllocs: ptr(noise(m.allocs, 0.001)),
		ServerAllocs: ptr(noise(1.3*m.allocs, 0.001)),
		SentBytes:    ptr(m.sent), ReceivedBytes: ptr(m.received),
		Saturated: &result.Saturated{Achieved: 41234, ClientCPU: ptr(noise(1.1*m.saturated, 0.02)), ServerCPU: ptr(noise(m.saturated, 0.02))},
	}
	f.ServiceTime = f.Latency
	lag := int64(9000)
	f.Lag = result.Distribution{Count: n, Valued: n, Min: 1000, P50: &lag, P90: &lag, P99: &lag, P999: &lag, Max: at(2)}
	if m.compressed {
		f.Compressed, f.CodecCPU, f.ServerCodecCPU = n, ptr(96e3), ptr(31e3)
	}
	return f
}

func ptr(v float64) *float64 { return &v }

// overheads is the built-in suite on a quiet machine, with one warning.
func overheads() result.Result {
	base := model{name: "tls=off", settings: settings("off"), latency: 491e3, client: 393e3, server: 247e3, saturated: 18e3, sent: 31, received: 36, allocs: 93}
	tls12, tls13, mutual, aa := base, base, base, base
	tls12.name, tls12.settings = "tls=1.2", settings("1.2")
	tls13.name, tls13.settings = "tls=1.3", settings("1.3")
	mutual.name, mutual.settings = "tls=1.3 mtls=on", settings("1.3")
	mutual.settings.MTLS = true
	for i, m := range []*model{&tls12, &tls13, &mutual} {
		m.latency, m.client, m.server, m.saturated = m.latency*(1.07+0.01*float64(i)), m.client*1.09, m.server*(1.08+0.01*float64(i)), m.saturated*1.02
		m.sent, m.received, m.allocs = 53, 58, 95
	}
	aa.name, aa.aa = "A/A", true
	static, unique := tls13, tls13
	static.name, static.latency = "metadata-size=1KiB", tls13.latency*1.01
	unique.name, unique.latency, unique.server, unique.sent = "metadata-size=1KiB:unique", tls13.latency*1.06, tls13.server*1.21, 828
	static.settings.MetadataSize = plan.MetadataSize{Bytes: 1024, Keys: 1}
	unique.settings.MetadataSize = plan.MetadataSize{Bytes: 1024, Keys: 1, Unique: true}
	json := tls13
	json.name, json.sent, json.latency = "compression=none", 4160, tls13.latency*1.1
	json.settings.Payload = plan.Payload{Bytes: 4096, Class: "json"}
	zip := func(spec, name string, factor, sent float64) model {
		m := json
		m.name, m.latency, m.server, m.sent, m.compressed = name, json.latency*factor, json.server*factor, sent, true
		m.settings.Compression, _ = codec.Parse(spec)
		return m
	}
	groups := []plan.Group{
		{Name: "TLS", Control: "tls=off", Arms: []string{"tls=off", "tls=1.2", "tls=1.3", "tls=1.3 mtls=on", "A/A"}},
		{Name: "METADATA", Control: "tls=1.3", Arms: []string{"tls=1.3", "metadata-size=1KiB", "metadata-size=1KiB:unique"}},
		{Name: "COMPRESSION", Control: "compression=none", Arms: []string{"compression=none", "compression=gzip:low", "compression=gzip:high", "compression=deflate:medium"}},
	}
	r := fixture(10, groups, base, tls12, tls13, mutual, static, unique, json,
		zip("gzip:low", "compression=gzip:low", 1.25, 1550), zip("gzip:high", "compression=gzip:high", 1.41, 1390),
		zip("deflate:medium", "compression=deflate:medium", 1.01, 1402), aa)
	r.Plan.Suite = "overheads"
	r.Checks = append(r.Checks, result.Check{Code: "steal", Verdict: result.Degraded, Text: "the hypervisor took 1.4 % of the machine: read the intervals with care"})
	r.Warnings = []result.Warning{{Code: "steal", Text: r.Checks[len(r.Checks)-1].Text}}
	r.Verdict = result.Degraded
	return r
}

// single is one arm against a server that is not the run's own.
func single() result.Result {
	m := model{name: "base", settings: settings("1.3"), latency: 1.94e6, client: 310e3, server: 0, saturated: 18e3, sent: 53, received: 58, allocs: 95, resumed: true}
	m.settings.Target = "api.example.test:443"
	r := fixture(6, []plan.Group{{Name: "base", Control: "base", Arms: []string{"base"}}}, m)
	r.Plan.Target = &plan.Target{Address: "api.example.test:443"}
	r.Name = "before the upgrade"
	a := &r.Arms[0]
	a.ServerCPU, a.ServerAllocs, a.ServerLedger, a.Saturated = nil, nil, nil, nil
	a.Settings.Compression = codec.Spec{Name: "gzip", Level: 3}
	a.Compressed, a.CompressionRatio, a.CodecCPU = a.LedgerTotal.Started, ptr(0.306), ptr(41e3)
	return r
}

// invalid is a run whose server died: failures, calls never sent, and calls
// given up.
func invalid() result.Result {
	base := model{name: "tls=off", settings: settings("off"), latency: 491e3, client: 393e3, server: 247e3, saturated: 18e3, sent: 31, received: 36, allocs: 93}
	other := base
	other.name, other.settings = "tls=1.3", settings("1.3")
	r := fixture(8, []plan.Group{{Name: "tls", Control: "tls=off", Arms: []string{"tls=off", "tls=1.3"}}}, base, other)
	a := &r.Arms[1]
	a.Ledger = result.Ledger{Scheduled: 3264, NotStarted: map[string]int64{"MAX_IN_FLIGHT": 20}, Started: 3244, OK: 2900,
		Failed: map[string]int64{"UNAVAILABLE": 320, "DEADLINE_EXCEEDED": 12}, Abandoned: 12,
		Causes: map[string]map[string]int64{"UNAVAILABLE": {"connection refused": 312, "connection reset": 5, "GOAWAY NO_ERROR": 3}, "DEADLINE_EXCEEDED": {"client deadline": 12}}}
	a.Latency.Valued, a.Latency.Beyond = 2900, true
	a.Latency.P90, a.Latency.P99, a.Latency.P999, a.Latency.Max, a.Latency.Mean = nil, nil, nil, nil, nil
	a.LedgerTotal = a.Ledger
	a.LedgerTotal.Add(result.Ledger{Scheduled: 3, Started: 3, OK: 2, Failed: map[string]int64{"UNAVAILABLE": 1}, Causes: map[string]map[string]int64{"UNAVAILABLE": {"connection ended": 1}}})
	a.ServerLedger = &result.ServerLedger{Started: 2932, OK: 2906}
	r.Verdict = result.Invalid
	lost := "11.2 % of the scheduled RPCs failed, were not started or were abandoned: the server did not stand the load, see the codes below"
	r.Checks = append(r.Checks, result.Check{Code: "rpcs_lost", Verdict: result.Invalid, Text: "tls=1.3: " + lost})
	r.Warnings = []result.Warning{{Code: "rpcs_lost", Arm: "tls=1.3", Text: lost}}
	return r
}

// few is a run that was interrupted after 5 epochs, in a closed loop.
func few() result.Result {
	base := model{name: "tls=off", settings: settings("off"), latency: 491e3, client: 393e3, server: 247e3, saturated: 18e3, sent: 31, received: 36, allocs: 93}
	other := base
	other.name, other.settings, other.latency = "tls=1.3", settings("1.3"), 540e3
	r := fixture(5, []plan.Group{{Name: "tls", Control: "tls=off", Arms: []string{"tls=off", "tls=1.3"}}}, base, other)
	r.Plan.Load = plan.Load{Loop: "closed", Concurrency: 64}
	r.Plan.Epochs = plan.Epochs{Min: 8, Max: 20}
	r.Arms[0].Achieved = 21870
	r.Verdict, r.Interrupted = result.Partial, "SIGINT"
	r.Checks = append(r.Checks, result.Check{Code: "interrupted", Verdict: result.Partial, Text: "SIGINT stopped the run: what was measured is whole"})
	r.Warnings = []result.Warning{{Code: "interrupted", Text: "SIGINT stopped the run: what was measured is whole"}}
	return r
}

// churned is a run whose second arm replaces connections, and whose third could not
// replace them all.
func churned() result.Result {
	base := model{name: "churn=none", settings: settings("1.3"), latency: 491e3, client: 393e3, server: 247e3, saturated: 18e3, sent: 53, received: 58, allocs: 93}
	five, fast := base, base
	five.name, five.settings.Churn = "churn=5/s", 5
	fast.name, fast.settings.Churn, fast.settings.Resumption = "churn=100/s", 100, true
	five.latency, five.server, five.sent = base.latency*1.04, base.server*1.05, 113
	fast.latency, fast.server, fast.sent = base.latency*1.5, base.server*1.6, 853
	r := fixture(8, []plan.Group{{Name: "churn", Control: "churn=none", Arms: []string{"churn=none", "churn=5/s", "churn=100/s"}}}, base, five, fast)
	full := result.Handshake{Count: 120, TCP: 71e3, TLS: 1420e3, HTTP2: 260e3, Total: 1760e3, SentBytes: 1616, ReceivedBytes: 1871}
	resumed := result.Handshake{Count: 2301, TCP: 93e3, TLS: 980e3, HTTP2: 300e3, Total: 1390e3, SentBytes: 1750, ReceivedBytes: 1403}
	r.Arms[1].Churn = &result.Churn{Due: 120, Opened: 120, Failed: map[string]int64{}, Handshake: &result.Handshakes{Full: &full}}
	r.Arms[1].Observed.Replaced = &result.Replaced{Due: 172, Opened: 172, Failed: map[string]int64{}, Drained: 172, MostRPCs: 131}
	r.Arms[2].Churn = &result.Churn{Due: 2400, Opened: 2301, Missed: 21, Failed: map[string]int64{"CONNECTION_RESET": 76, "CLIENT_LIMIT": 2},
		Handshake: &result.Handshakes{Resumed: &resumed}}
	for i := range r.Arms[1].Epochs {
		r.Arms[1].Epochs[i].Churn = &result.Churn{Due: 15, Opened: 15}
	}
	return r
}

// openings is a handshake plan: plaintext, TLS 1.3, and TLS 1.2 with resumption, whose
// last arm lost a connection.
func openings() result.Result {
	off := model{name: "tls=off", settings: settings("off"), latency: 900e3, client: 700e3, server: 380e3, saturated: 110e3, sent: 63, received: 51, allocs: 900}
	secure, resumed := off, off
	secure.name, secure.settings, secure.latency, secure.client, secure.server, secure.saturated, secure.sent, secure.received = "tls=1.3", settings("1.3"), 1700e3, 1600e3, 1000e3, 460e3, 1649, 1963
	resumed.name, resumed.settings, resumed.client, resumed.server, resumed.sent, resumed.received = "tls=1.2 resumption=on", settings("1.2"), 800e3, 500e3, 525, 396
	resumed.settings.Resumption = true
	twin := off
	twin.name, twin.aa = "A/A", true
	r := fixture(8, []plan.Group{{Name: "VERSION", Control: "tls=off", Arms: []string{"tls=off", "tls=1.3", "tls=1.2 resumption=on", "A/A"}}}, off, secure, resumed, twin)
	r.Plan.Kind, r.Plan.Suite = plan.KindHandshake, "handshakes"
	r.Plan.Handshakes = &plan.Handshakes{Count: 50, Timeout: 5 * time.Second}
	r.Plan.Load = plan.Load{Loop: plan.Closed, Concurrency: 8}
	r.Plan.Window, r.Plan.Warmup, r.Plan.Drain = 0, 0, 0
	random := rand.New(rand.NewPCG(3, 4))
	for i, m := range []model{off, secure, resumed, twin} {
		a := &r.Arms[i]
		a.Figures, a.Observed.Connections = result.Figures{}, 0
		a.Observed.RequestEncodings, a.Observed.ResponseEncodings = nil, nil
		a.Handshake = m.opened(8*50, func(v, _ float64) float64 { return v })
		for k := range a.Epochs {
			a.Epochs[k].Figures = result.Figures{}
			a.Epochs[k].Handshake = m.opened(50, func(v, sd float64) float64 { return v * math.Exp(sd*random.NormFloat64()) })
		}
		if a.Settings.TLS != "off" {
			a.Observed.ForwardSecrecy = new(!a.Settings.Resumption)
		}
	}
	l := r.Arms[2].Handshake.Ledger
	l.Resumed--
	l.Fail("TIMEOUT_SETTINGS", 1)
	r.Comparisons = compare.Arms(&r)
	return r
}

// opened is what n connections of m cost.
func (m model) opened(n int64, noise func(v, sd float64) float64) *result.Handshakes {
	kind := func(client, server float64) *result.Handshake {
		d := func(p50 float64) result.Distribution {
			at := func(factor float64) *int64 { v := int64(noise(p50, 0.01) * factor); return &v }
			return result.Distribution{Count: n, Valued: n, P50: at(1), P90: at(1.5), P99: at(2), P999: at(3), Max: at(3)}
		}
		p := &result.Phases{Resolve: d(0), Connect: d(180e3), HTTP2: d(120e3), TLS: d(0), Total: d(m.latency), FirstRPC: d(440e3), SteadyRPC: d(230e3)}
		if m.settings.TLS != "off" {
			p.TLS = d(m.latency - 300e3)
		}
		return &result.Handshake{Count: n, TCP: *p.Connect.P50, TLS: *p.TLS.P50, HTTP2: *p.HTTP2.P50, Total: *p.Total.P50,
			ClientCPU: ptr(noise(client, 0.02)), ServerCPU: ptr(noise(server, 0.02)), SentBytes: m.sent, ReceivedBytes: m.received,
			FirstRPC: ptr(210e3), Phases: p}
	}
	h := &result.Handshakes{Full: kind(m.client, m.server), Ledger: &result.HandshakeLedger{Planned: n, Full: n},
		LedgerTotal: &result.HandshakeLedger{Planned: n + 300, Full: n + 300}, ServerLedger: &result.ServerHandshakes{Accepted: n + 300, Full: n + 300},
		Saturated: &result.SaturatedHandshakes{Achieved: 3900, PerCore: ptr(1e9 / 2.1 / m.saturated), ClientCPU: ptr(noise(1.1*m.saturated, 0.02)),
			ServerCPU: ptr(noise(m.saturated, 0.02)), ClientAllocs: ptr(m.allocs), ServerAllocs: ptr(1.3 * m.allocs)}}
	if m.settings.Resumption {
		h.Resumed = kind(0.7*m.client, 0.6*m.server)
		h.Ledger = &result.HandshakeLedger{Planned: 2 * n, Full: n, Resumed: n}
	}
	return h
}
