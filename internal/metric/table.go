package metric

import "sync/atomic"

// Names of the metrics that some package treats specially.
const (
	LatencyP50 = "latency_p50"

	Failed   = "failed" // share of the scheduled RPCs that did not end well
	Offered  = "offered"
	Achieved = "achieved"

	ClientCPU     = "client_cpu_ns_per_rpc"
	ServerCPU     = "server_cpu_ns_per_rpc"
	ClientAllocs  = "client_allocs_per_rpc"
	ServerAllocs  = "server_allocs_per_rpc"
	SentBytes     = "sent_bytes_per_rpc"
	ReceivedBytes = "received_bytes_per_rpc"

	CeilingRate        = "ceiling_rpc_per_s"
	SaturatedClientCPU = "saturated_client_cpu_ns_per_rpc"
	SaturatedServerCPU = "saturated_server_cpu_ns_per_rpc"
	SaturatedAchieved  = "saturated_achieved_rpc_per_s"

	SaturatedHandshakes = "saturated_handshakes_per_s"
)

// LatencyPath is where the latencies of RPCs under load are.
const LatencyPath = "latency_ns"

// table is replaced by tests alone.
var table = func() *atomic.Pointer[[]Metric] {
	var p atomic.Pointer[[]Metric]
	rows := append(append(ofLoad(), ofConnections()...), ofHandshakes()...)
	p.Store(&rows)
	return &p
}()

// With adds a row to the table until a test ends, which must not run beside others.
func With(t interface{ Cleanup(func()) }, m Metric) {
	before := table.Load()
	rows := append(append([]Metric{}, *before...), m)
	table.Store(&rows)
	t.Cleanup(func() { table.Store(before) })
}

// ofLoad are the metrics of RPCs. The deltas are what a reader would act on, and what ten
// epochs can tell apart on a shared machine.
func ofLoad() []Metric {
	return []Metric{
		{Name: OfLatency("mean"), Unit: Time, Path: LatencyPath, Mean: true, Bench: "ns/op", Apart: true, Scope: Load, Label: "mean"},
		usual(Latency(0.50, 0.05)), Latency(0.90, 0.10), Latency(0.99, 0.15), Latency(0.999, 0),
		{Name: Failed, Unit: Share, Path: "ledger.lost_share", Label: Failed, Apart: true, Scope: Load, Limits: true},
		{Name: Offered, Unit: Rate, Path: "offered_rpc_per_s", Label: Offered, Apart: true, Scope: Load, Limits: true, Higher: true},
		{Name: Achieved, Unit: Rate, Path: "achieved_rpc_per_s", Label: Achieved, Apart: true, Scope: Load, Limits: true, Higher: true},
		usual(cpu(Metric{Name: ClientCPU, Label: "client CPU/RPC", Title: "client CPU per RPC", Bench: "client-cpu-ns/rpc", Scope: Load})),
		usual(cpu(Metric{Name: ServerCPU, Label: "server CPU/RPC", Title: "server CPU per RPC", Bench: "server-cpu-ns/rpc", Scope: Load, Needs: ServerProcess})),
		{Name: "pacer_cpu_ns_per_rpc", Unit: Time, Path: "pacer_cpu_ns_per_rpc", Label: "pacer CPU/RPC", Scope: Load},
		{Name: CeilingRate, Unit: Rate, Path: CeilingRate, Label: "ceiling RPC/s of one epoch", Column: "ceiling", Title: "ceiling", Bench: "ceiling-rpc/s",
			Apart: true, Scope: Ceiling, Against: Control, Delta: 0.05, Primary: true, Higher: true},
		cpu(Metric{Name: SaturatedClientCPU, Path: "saturated." + ClientCPU, Label: "saturated client CPU/RPC", Column: "client CPU/RPC", Title: "client CPU per RPC",
			Bench: "saturated-client-cpu-ns/rpc", Scope: Load | Ceiling}),
		cpu(Metric{Name: SaturatedServerCPU, Path: "saturated." + ServerCPU, Label: "saturated server CPU/RPC", Column: "server CPU/RPC", Title: "server CPU per RPC",
			Bench: "saturated-server-cpu-ns/rpc", Scope: Load | Ceiling, Needs: ServerProcess}),
		{Name: SaturatedAchieved, Unit: Rate, Path: "saturated.achieved_rpc_per_s", Label: "saturated RPC/s", Bench: "saturated-rpc/s", Scope: Load, Higher: true},
		asked(allocations(Metric{Name: ClientAllocs, Label: "client allocations/RPC", Bench: "client-allocs/rpc", Scope: Load})),
		asked(allocations(Metric{Name: ServerAllocs, Label: "server allocations/RPC", Bench: "server-allocs/rpc", Scope: Load, Needs: BundledServer})),
		asked(bytes(Metric{Name: SentBytes, Label: "bytes/RPC out", Bench: "sent-B/rpc", Scope: Load, Codecs: true})),
		asked(bytes(Metric{Name: ReceivedBytes, Label: "bytes/RPC in", Bench: "received-B/rpc", Scope: Load, Codecs: true})),
		shown("compression_ratio", Ratio), shown("response_compression_ratio", Ratio),
		shown("client_codec_cpu_ns_per_message", Time), shown("server_codec_cpu_ns_per_message", Time),
	}
}

// ofConnections are what opening the connections of a load cost, which are compared
// between runs alone.
func ofConnections() []Metric {
	row := func(name, path, label string, needs Need) Metric {
		m := bytes(Metric{Name: name, Path: path, Label: label, Scope: Load | Ceiling, Needs: needs})
		m.Against, m.Limits, m.Apart = Baseline, true, true
		return m
	}
	return []Metric{
		row("handshake_full_sent_bytes", "handshake.full.sent_bytes", "handshake bytes out", None),
		row("handshake_full_received_bytes", "handshake.full.received_bytes", "handshake bytes in", None),
		row("handshake_resumed_sent_bytes", "handshake.resumed.sent_bytes", "resumed handshake bytes out", Resumption),
		row("handshake_resumed_received_bytes", "handshake.resumed.received_bytes", "resumed handshake bytes in", Resumption),
	}
}

// ofHandshakes are the metrics of a handshake plan: of the resumed connections of an arm
// with resumption, of the full ones of any other.
func ofHandshakes() []Metric {
	const measured, saturated = "handshake.measured.", "handshake.saturated."
	total := Metric{Name: "handshake_total", Path: measured + "phases.total_ns", Label: "handshake", Column: "total"}
	p50 := total
	p50.Title, p50.Bench, p50.Primary = "time to open a connection, p50", "p50-ns", true
	return []Metric{
		{Name: "handshake_total_mean", Unit: Time, Path: total.Path, Mean: true, Label: "handshake mean", Bench: "ns/op", Apart: true, Scope: Handshake},
		phase(p50, 0.50, 0.05), phase(total, 0.90, 0.10),
		phase(Metric{Name: "handshake_connect", Path: measured + "phases.connect_ns", Label: "handshake TCP", Bench: "connect-p50-ns"}, 0.50, 0.10),
		phase(Metric{Name: "handshake_tls", Path: measured + "phases.tls_ns", Label: "handshake TLS", Bench: "tls-p50-ns"}, 0.50, 0.05),
		phase(Metric{Name: "handshake_http2", Path: measured + "phases.http2_ns", Label: "handshake HTTP/2", Bench: "http2-p50-ns"}, 0.50, 0.10),
		phase(Metric{Name: "handshake_first_rpc", Path: measured + "phases.first_rpc_ns", Label: "first RPC", Bench: "first-rpc-p50-ns"}, 0.50, 0.10),
		cpu(Metric{Name: "handshake_client_cpu_ns", Path: measured + "client_cpu_ns", Label: "handshake client CPU", Column: "client CPU",
			Title: "client CPU per connection", Bench: "client-cpu-ns/conn", Scope: Handshake, Apart: true, Primary: true}),
		cpu(Metric{Name: "handshake_server_cpu_ns", Path: measured + "server_cpu_ns", Label: "handshake server CPU", Column: "server CPU",
			Title: "server CPU per connection", Bench: "server-cpu-ns/conn", Scope: Handshake, Apart: true, Primary: true, Needs: ServerProcess}),
		{Name: SaturatedHandshakes, Unit: Openings, Path: saturated + "achieved_per_s", Label: "saturated handshakes/s", Bench: "saturated-conn/s", Scope: Handshake, Higher: true},
		{Name: "saturated_handshakes_per_core_per_s", Unit: Openings, Path: saturated + "per_core_per_s", Label: "saturated handshakes/s per core", Scope: Handshake, Higher: true},
		cpu(Metric{Name: "saturated_handshake_client_cpu_ns", Path: saturated + "client_cpu_ns", Label: "saturated handshake client CPU", Column: "client CPU",
			Title: "client CPU per connection", Bench: "saturated-client-cpu-ns/conn", Scope: Handshake}),
		cpu(Metric{Name: "saturated_handshake_server_cpu_ns", Path: saturated + "server_cpu_ns", Label: "saturated handshake server CPU", Column: "server CPU",
			Title: "server CPU per connection", Bench: "saturated-server-cpu-ns/conn", Scope: Handshake, Needs: ServerProcess}),
		allocations(Metric{Name: "handshake_client_allocs", Path: saturated + "client_allocs", Label: "handshake client allocations", Bench: "client-allocs/conn", Scope: Handshake}),
		allocations(Metric{Name: "handshake_server_allocs", Path: saturated + "server_allocs", Label: "handshake server allocations", Bench: "server-allocs/conn",
			Scope: Handshake, Needs: BundledServer}),
		bytes(Metric{Name: "handshake_sent_bytes", Path: measured + "sent_bytes", Label: "handshake bytes out", Bench: "sent-B/conn", Scope: Handshake, Apart: true}),
		bytes(Metric{Name: "handshake_received_bytes", Path: measured + "received_bytes", Label: "handshake bytes in", Bench: "received-B/conn", Scope: Handshake, Apart: true}),
	}
}

// Latency is the row of a quantile of the latency of RPCs, in which a relative difference
// of delta matters; of delta 0 it can have limits and is compared with nothing.
func Latency(q, delta float64) Metric {
	short := QuantileName(q)
	m := Metric{Name: OfLatency(short), Aliases: []string{short, "p(" + percent(q) + ")"}, Unit: Time, Path: LatencyPath, Quantile: q,
		Label: short, Apart: true, Scope: Load, Limits: true}
	if delta > 0 {
		m.Column, m.Title, m.Bench = short, short+" latency", short+"-ns"
		m.Against, m.Delta = Control, delta
	}
	return m
}

// OfLatency is the name of what goes by short among latencies.
func OfLatency(short string) string { return "latency_" + short }

// phase completes the row of a quantile of one part of opening a connection. An arm whose
// connections do not have the part, as plaintext has no TLS, has no value.
func phase(m Metric, q, delta float64) Metric {
	short := QuantileName(q)
	m.Name, m.Label = m.Name+"_"+short, m.Label+" "+short
	if m.Column != "" {
		m.Column += " " + short
	}
	m.Unit, m.Quantile, m.Apart, m.Scope, m.Against, m.Delta = Time, q, true, Handshake, Control, delta
	return m
}

// usual makes m one that a few epochs on a shared machine can resolve.
func usual(m Metric) Metric {
	m.Default, m.Primary = true, true
	return m
}

func asked(m Metric) Metric {
	m.Default = true
	return m
}

// shown is a row that is in csv alone, under the name that it is stored by.
func shown(name string, u Unit) Metric {
	return Metric{Name: name, Unit: u, Path: name, Label: name, Scope: Load}
}

// compared completes a row that is compared with a control; one of a load may have
// limits, and is stored under its name unless it has a path.
func compared(m Metric, u Unit, delta float64) Metric {
	m.Unit, m.Delta, m.Against, m.Limits = u, delta, Control, m.In(Load)
	if m.Path == "" {
		m.Path = m.Name
	}
	return m
}

func cpu(m Metric) Metric {
	m = compared(m, Time, 0.03)
	if m.Column == "" {
		m.Column = m.Label
	}
	return m
}

func allocations(m Metric) Metric {
	m = compared(m, Count, 0.03)
	m.Lasting = true
	return m
}

// bytes are exact but for what is in flight at the window's ends, so half a percent
// matters, if it is a byte at all.
func bytes(m Metric) Metric {
	m = compared(m, Bytes, 0.005)
	m.Least, m.Lasting = 1, true
	return m
}
