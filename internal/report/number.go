package report

import (
	"maps"
	"math"
	"slices"
	"strings"

	"grpcbench/internal/hist"
	"grpcbench/internal/result"
)

// measurement is one number of an arm, over all epochs or of one.
type measurement struct {
	metric string // as in comparisons where they have it; not safe to print if it names a code
	unit   string // "ns", "bytes", "count", "rpc/s" or "ratio"
	value  float64
	count  int64 // observations behind a quantile or a mean; 0 for other numbers
	above  int64 // of them, those that rank above a quantile
}

// measurements lists every number of f and h in a fixed order. What could not be
// had is not among them. A quantile, mean or maximum among the RPCs that did not
// end well is +Inf: it is above all that was seen, and leaving it out would make
// an average of the others look better than it was.
func measurements(f result.Figures, h *result.Handshakes) []measurement {
	if h != nil && h.Ledger != nil {
		list := openedMeasurements(*h)
		list = append(list, handshake("handshake_full", h.Full)...)
		return append(list, handshake("handshake_resumed", h.Resumed)...)
	}
	list := []measurement{
		{metric: "offered_rpc_per_s", unit: "rpc/s", value: f.Offered},
		{metric: "achieved_rpc_per_s", unit: "rpc/s", value: f.Achieved},
	}
	list = append(list, account(f.Ledger)...)
	list = append(list, distribution("latency", f.Latency)...)
	list = append(list, distribution("service_time", f.ServiceTime)...)
	list = append(list, distribution("lag", f.Lag)...)
	list = append(list, costs(f)...)
	if h != nil {
		list = append(list, handshake("handshake_full", h.Full)...)
		list = append(list, handshake("handshake_resumed", h.Resumed)...)
	}
	return list
}

// account is a ledger, the codes and reasons that occurred by name.
func account(l result.Ledger) []measurement {
	count := func(metric string, n int64) measurement {
		return measurement{metric: metric, unit: "count", value: float64(n)}
	}
	list := []measurement{
		count("scheduled", l.Scheduled), count("started", l.Started), count("ok", l.OK),
		count("failed", l.Failures()), count("not_started", l.Unstarted()), count("abandoned", l.Abandoned),
	}
	for _, code := range slices.Sorted(maps.Keys(l.Failed)) {
		list = append(list, count("failed_"+code, l.Failed[code]))
		for _, cause := range slices.Sorted(maps.Keys(l.Causes[code])) {
			list = append(list, count("failed_"+code+"_"+strings.ReplaceAll(strings.ReplaceAll(cause, "'", ""), " ", "_"), l.Causes[code][cause]))
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(l.NotStarted)) {
		list = append(list, count("not_started_"+reason, l.NotStarted[reason]))
	}
	return list
}

// distribution is d without its histogram; nothing if it is empty.
func distribution(name string, d result.Distribution) []measurement {
	if d.Count == 0 {
		return nil
	}
	var list []measurement
	add := func(metric string, value float64, above int64) {
		list = append(list, measurement{name + "_" + metric, "ns", value, d.Count, above})
	}
	if d.Valued > 0 {
		add("min", float64(d.Min), d.Count-1)
	}
	switch {
	case d.Mean != nil:
		add("mean", *d.Mean, 0)
	case d.Beyond:
		add("mean", math.Inf(1), 0)
	}
	for _, k := range []struct {
		metric string
		q      float64
		value  *int64
	}{{"p50", 0.50, d.P50}, {"p90", 0.90, d.P90}, {"p99", 0.99, d.P99}, {"p999", 0.999, d.P999}, {"max", 1, d.Max}} {
		switch above := d.Count - hist.Rank(k.q, d.Count); {
		case k.value != nil:
			add(k.metric, float64(*k.value), above)
		case d.Beyond:
			add(k.metric, math.Inf(1), above)
		}
	}
	return list
}

// costs are the figures per RPC and per message.
func costs(f result.Figures) []measurement {
	s := result.Saturated{}
	if f.Saturated != nil {
		s = *f.Saturated
	}
	var list []measurement
	for _, c := range []struct {
		metric, unit string
		value        *float64
	}{
		{"client_cpu_ns_per_rpc", "ns", f.ClientCPU}, {"server_cpu_ns_per_rpc", "ns", f.ServerCPU}, {"pacer_cpu_ns_per_rpc", "ns", f.PacerCPU},
		{"client_allocs_per_rpc", "count", f.ClientAllocs}, {"server_allocs_per_rpc", "count", f.ServerAllocs},
		{"sent_bytes_per_rpc", "bytes", f.SentBytes}, {"received_bytes_per_rpc", "bytes", f.ReceivedBytes},
		{"compression_ratio", "ratio", f.CompressionRatio}, {"response_compression_ratio", "ratio", f.ResponseCompressionRatio},
		{"client_codec_cpu_ns_per_message", "ns", f.CodecCPU}, {"server_codec_cpu_ns_per_message", "ns", f.ServerCodecCPU},
		{"saturated_client_cpu_ns_per_rpc", "ns", s.ClientCPU}, {"saturated_server_cpu_ns_per_rpc", "ns", s.ServerCPU},
	} {
		if c.value != nil {
			list = append(list, measurement{metric: c.metric, unit: c.unit, value: *c.value})
		}
	}
	if f.Saturated != nil {
		list = append(list, measurement{metric: "saturated_achieved_rpc_per_s", unit: "rpc/s", value: s.Achieved})
	}
	return list
}

// handshake is what opening connections of one kind cost: medians of the phases,
// means of the rest.
func handshake(kind string, h *result.Handshake) []measurement {
	if h == nil {
		return nil
	}
	var list []measurement
	add := func(metric, unit string, value float64) {
		list = append(list, measurement{metric: kind + "_" + metric, unit: unit, value: value, count: h.Count})
	}
	add("tcp_ns", "ns", float64(h.TCP))
	add("tls_ns", "ns", float64(h.TLS))
	add("http2_ns", "ns", float64(h.HTTP2))
	add("total_ns", "ns", float64(h.Total))
	if h.ClientCPU != nil {
		add("client_cpu_ns", "ns", *h.ClientCPU)
	}
	if h.ServerCPU != nil {
		add("server_cpu_ns", "ns", *h.ServerCPU)
	}
	add("sent_bytes", "bytes", h.SentBytes)
	add("received_bytes", "bytes", h.ReceivedBytes)
	return append(list, openedPhases(kind, *h)...)
}
