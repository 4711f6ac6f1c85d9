package compare

import (
	"fmt"
	"slices"

	"grpcbench/internal/hist"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// minBeyond is how many observations an epoch must have above a quantile for it
// to be compared. With fewer, the quantile of one epoch is one or two calls.
const minBeyond = 20

// metric is one figure that arms are compared by.
type metric struct {
	name     string
	unit     string  // "ns", "bytes" or "count"
	delta    float64 // relative difference that matters; 0.03 is 3 percent
	least    float64 // difference in the unit below which arms are the same; 0: none
	quantile float64 // of the distribution; 0 for other figures
	// distribution is what the quantile is of; nil for other figures.
	distribution func(*result.Epoch) *result.Distribution
	// lasting says that the machine's state does not move the figure, so that those
	// of different runs can be judged.
	lasting bool
	// codecs says that what an arm announces that it accepts is in the figure: it is part of
	// every request, and decides what the server compresses.
	codecs bool
	value  func(*result.Epoch) (float64, bool)
	// lost says that a quantile lies among the RPCs that did not end well, above every
	// value; nil for other figures.
	lost func(*result.Epoch) bool
}

// metrics are the figures compared in results of a kind of plan, in the order of the
// comparisons. The deltas are what a reader would act on, and what ten epochs can tell
// apart on a shared machine.
func metrics(kind string) []metric {
	switch kind {
	case plan.KindHandshake:
		return handshakeMetrics()
	case plan.KindCeiling:
		return ceilingMetrics()
	}
	return []metric{
		latency(0.50, 0.05, func(d *result.Distribution) *int64 { return d.P50 }),
		latency(0.90, 0.10, func(d *result.Distribution) *int64 { return d.P90 }),
		latency(0.99, 0.15, func(d *result.Distribution) *int64 { return d.P99 }),
		cpu("client_cpu_ns_per_rpc", func(f *result.Figures) *float64 { return f.ClientCPU }),
		cpu("server_cpu_ns_per_rpc", func(f *result.Figures) *float64 { return f.ServerCPU }),
		saturated("saturated_client_cpu_ns_per_rpc", func(s *result.Saturated) *float64 { return s.ClientCPU }),
		saturated("saturated_server_cpu_ns_per_rpc", func(s *result.Saturated) *float64 { return s.ServerCPU }),
		allocations("client_allocs_per_rpc", func(f *result.Figures) *float64 { return f.ClientAllocs }),
		allocations("server_allocs_per_rpc", func(f *result.Figures) *float64 { return f.ServerAllocs }),
		announced(bytes("sent_bytes_per_rpc", perRPC(func(f *result.Figures) *float64 { return f.SentBytes }))),
		announced(bytes("received_bytes_per_rpc", perRPC(func(f *result.Figures) *float64 { return f.ReceivedBytes }))),
	}
}

// absolutes are the figures that an arm is shown by, beside that of another result: of
// a load its connections too, which are what a handshake plan compares anyway.
func absolutes(kind string) []metric {
	if kind == plan.KindHandshake {
		return metrics(kind)
	}
	return append(metrics(kind), handshakes()...)
}

// handshakes are the figures of opening connections, compared only between runs:
// within one, arms differ in them by what they are.
func handshakes() []metric {
	full := func(h *result.Handshakes) *result.Handshake { return h.Full }
	resumed := func(h *result.Handshakes) *result.Handshake { return h.Resumed }
	sent := func(h *result.Handshake) *float64 { return &h.SentBytes }
	received := func(h *result.Handshake) *float64 { return &h.ReceivedBytes }
	return []metric{
		bytes("handshake_full_sent_bytes", opened(full, sent)),
		bytes("handshake_full_received_bytes", opened(full, received)),
		bytes("handshake_resumed_sent_bytes", opened(resumed, sent)),
		bytes("handshake_resumed_received_bytes", opened(resumed, received)),
	}
}

// opened reads a figure of the connections of one kind, if any were opened.
func opened(kind func(*result.Handshakes) *result.Handshake, get func(*result.Handshake) *float64) func(*result.Epoch) *float64 {
	return func(e *result.Epoch) *float64 {
		if e.Handshake == nil || kind(e.Handshake) == nil || kind(e.Handshake).Count == 0 {
			return nil
		}
		return get(kind(e.Handshake))
	}
}

func perRPC(get func(*result.Figures) *float64) func(*result.Epoch) *float64 {
	return func(e *result.Epoch) *float64 { return get(&e.Figures) }
}

func latency(q, delta float64, quantile func(*result.Distribution) *int64) metric {
	return quantileOf("latency", q, delta, func(e *result.Epoch) *result.Distribution { return &e.Latency }, quantile)
}

// quantileOf is the quantile q of a distribution, which may be nil.
func quantileOf(name string, q, delta float64, of func(*result.Epoch) *result.Distribution, quantile func(*result.Distribution) *int64) metric {
	return metric{
		name: fmt.Sprintf("%s_p%g", name, 100*q), unit: "ns", delta: delta, quantile: q, distribution: of,
		value: func(e *result.Epoch) (float64, bool) {
			d := of(e)
			if d == nil || quantile(d) == nil {
				return 0, false
			}
			return float64(*quantile(d)), true
		},
		lost: func(e *result.Epoch) bool {
			d := of(e)
			return d != nil && d.Count > 0 && quantile(d) == nil
		},
	}
}

// without reports whether m of e is missing because it lies among what was lost.
func (m metric) without(e *result.Epoch) bool { return m.lost != nil && m.lost(e) }

func figure(name, unit string, delta float64, get func(*result.Epoch) *float64) metric {
	return metric{name: name, unit: unit, delta: delta, value: func(e *result.Epoch) (float64, bool) {
		v := get(e)
		if v == nil {
			return 0, false
		}
		return *v, true
	}}
}

func cpu(name string, get func(*result.Figures) *float64) metric {
	return figure(name, "ns", 0.03, perRPC(get))
}

func saturated(name string, get func(*result.Saturated) *float64) metric {
	return cpu(name, func(f *result.Figures) *float64 {
		if f.Saturated == nil {
			return nil
		}
		return get(f.Saturated)
	})
}

func allocations(name string, get func(*result.Figures) *float64) metric {
	m := figure(name, "count", 0.03, perRPC(get))
	m.lasting = true
	return m
}

// bytes are exact but for what is in flight at the window's ends, so half a
// percent matters, if it is a byte at all.
func bytes(name string, get func(*result.Epoch) *float64) metric {
	m := figure(name, "bytes", 0.005, get)
	m.least, m.lasting = 1, true
	return m
}

// aboveQuantile is what the reasons of tooFew hold.
const aboveQuantile = "observations above the quantile, a comparison needs"

// tooFew says why a quantile cannot be compared: some epoch of either arm has
// fewer than minBeyond observations above it. ok is false if it can.
func (m metric) tooFew(arms ...*result.Arm) (reason string, ok bool) {
	if m.quantile == 0 {
		return "", false
	}
	least := int64(minBeyond)
	for _, a := range arms {
		for i := range a.Epochs {
			if d := m.distribution(&a.Epochs[i]); d != nil && d.Count > 0 {
				least = min(least, d.Count-hist.Rank(m.quantile, d.Count))
			}
		}
	}
	if least >= minBeyond {
		return "", false
	}
	return fmt.Sprintf("an epoch has %d "+aboveQuantile+" %d", least, minBeyond), true
}

func announced(m metric) metric {
	m.codecs = true
	return m
}

// otherCodecs is why bytes of two results are not compared.
const otherCodecs = "not compared: the arms announce other codecs"

// announces reports whether m has codecs in it, and the two arms announce other ones.
func (m metric) announces(base, new *result.Arm) bool {
	return m.codecs && !slices.Equal(base.Settings.Accepts(), new.Settings.Accepts())
}
