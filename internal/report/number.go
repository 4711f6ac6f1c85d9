package report

import (
	"maps"
	"math"
	"slices"
	"strings"

	"grpcbench/internal/metric"
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

// reader is an epoch, or an arm over all of them.
type reader interface {
	Read(metric.Metric) result.Reading
}

// measurements lists every number of f and h, which are those of an epoch or an arm, in a
// fixed order. What could not be had is not among them. A quantile, mean or maximum among
// the RPCs that did not end well is +Inf: it is above all that was seen, and leaving it out
// would make an average of the others look better than it was.
func measurements(of reader, f result.Figures, h *result.Handshakes) []measurement {
	if h != nil && h.Ledger != nil {
		list := append(openedMeasurements(*h), listed(of, metric.Handshake)...)
		list = append(list, handshake("handshake_full", h.Full)...)
		return append(list, handshake("handshake_resumed", h.Resumed)...)
	}
	var list []measurement
	for _, name := range []string{metric.Offered, metric.Achieved} {
		m, _ := metric.Named(name)
		list = append(list, measurement{metric: m.Path, unit: string(m.Unit), value: of.Read(m).Value})
	}
	list = append(list, account(f.Ledger)...)
	for _, d := range []struct {
		name, path string
		of         result.Distribution
	}{{"latency", metric.LatencyPath, f.Latency}, {"service_time", "service_time_ns", f.ServiceTime}, {"lag", "lag_ns", f.Lag}} {
		list = append(list, quantiles(d.name, d.of, metric.Quantiles(d.path), func(q float64) result.Reading {
			return of.Read(metric.Metric{Path: d.path, Quantile: q})
		})...)
	}
	list = append(list, listed(of, metric.Load)...)
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
	return quantiles(name, d, metric.Stored(), d.Quantile)
}

// quantiles is what is known of d; read gives the quantiles that are listed.
func quantiles(name string, d result.Distribution, listed []float64, read func(q float64) result.Reading) []measurement {
	if d.Count == 0 {
		return nil
	}
	var list []measurement
	add := func(part string, value float64, above int64) {
		list = append(list, measurement{name + "_" + part, string(metric.Time), value, d.Count, above})
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
	for _, q := range listed {
		switch r := read(q); r.State {
		case result.Known:
			add(metric.QuantileName(q), r.Value, r.Above)
		case result.Beyond:
			add(metric.QuantileName(q), math.Inf(1), r.Above)
		}
	}
	switch {
	case d.Max != nil:
		add("max", float64(*d.Max), 0)
	case d.Beyond:
		add("max", math.Inf(1), 0)
	}
	return list
}

// listed are the metrics of a kind of run that stand by their own names, those of saturated
// blocks last.
func listed(of reader, kind metric.Scope) []measurement {
	var paced, saturated []measurement
	for _, m := range metric.All() {
		r := of.Read(m)
		if !m.In(kind) || m.Apart || r.State == result.Absent {
			continue
		}
		one := measurement{m.Name, string(m.Unit), r.Value, r.Count, r.Above}
		if r.State == result.Beyond {
			one.value = math.Inf(1)
		}
		if m.Saturated() {
			saturated = append(saturated, one)
		} else {
			paced = append(paced, one)
		}
	}
	return append(paced, saturated...)
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
