package compare

import "grpcbench/internal/result"

// handshakeMetrics are the figures of a handshake plan: of the resumed connections of
// an arm with resumption, of the full ones of any other.
func handshakeMetrics() []metric {
	p50 := func(d *result.Distribution) *int64 { return d.P50 }
	p90 := func(d *result.Distribution) *int64 { return d.P90 }
	return []metric{
		phase("handshake_total", 0.50, 0.05, p50, func(p *result.Phases) *result.Distribution { return &p.Total }),
		phase("handshake_total", 0.90, 0.10, p90, func(p *result.Phases) *result.Distribution { return &p.Total }),
		phase("handshake_connect", 0.50, 0.10, p50, func(p *result.Phases) *result.Distribution { return &p.Connect }),
		phase("handshake_tls", 0.50, 0.05, p50, func(p *result.Phases) *result.Distribution { return &p.TLS }),
		phase("handshake_http2", 0.50, 0.10, p50, func(p *result.Phases) *result.Distribution { return &p.HTTP2 }),
		phase("handshake_first_rpc", 0.50, 0.10, p50, func(p *result.Phases) *result.Distribution { return &p.FirstRPC }),
		figure("handshake_client_cpu_ns", "ns", 0.03, shaken(func(h *result.Handshake) *float64 { return h.ClientCPU })),
		figure("handshake_server_cpu_ns", "ns", 0.03, shaken(func(h *result.Handshake) *float64 { return h.ServerCPU })),
		figure("saturated_handshake_client_cpu_ns", "ns", 0.03, rushed(func(s *result.SaturatedHandshakes) *float64 { return s.ClientCPU })),
		figure("saturated_handshake_server_cpu_ns", "ns", 0.03, rushed(func(s *result.SaturatedHandshakes) *float64 { return s.ServerCPU })),
		lasting(figure("handshake_client_allocs", "count", 0.03, rushed(func(s *result.SaturatedHandshakes) *float64 { return s.ClientAllocs }))),
		lasting(figure("handshake_server_allocs", "count", 0.03, rushed(func(s *result.SaturatedHandshakes) *float64 { return s.ServerAllocs }))),
		bytes("handshake_sent_bytes", shaken(func(h *result.Handshake) *float64 { return &h.SentBytes })),
		bytes("handshake_received_bytes", shaken(func(h *result.Handshake) *float64 { return &h.ReceivedBytes })),
	}
}

// phase is a quantile of one part of opening a connection. An arm whose connections do
// not have the part, as plaintext has no TLS, has no value.
func phase(name string, q, delta float64, quantile func(*result.Distribution) *int64, of func(*result.Phases) *result.Distribution) metric {
	return quantileOf(name, q, delta, func(e *result.Epoch) *result.Distribution {
		h := e.Handshake.Measured()
		if h == nil || h.Phases == nil {
			return nil
		}
		if d := of(h.Phases); d.Max != nil && *d.Max > 0 {
			return d
		}
		return nil
	}, quantile)
}

func shaken(get func(*result.Handshake) *float64) func(*result.Epoch) *float64 {
	return func(e *result.Epoch) *float64 {
		if h := e.Handshake.Measured(); h != nil {
			return get(h)
		}
		return nil
	}
}

func rushed(get func(*result.SaturatedHandshakes) *float64) func(*result.Epoch) *float64 {
	return func(e *result.Epoch) *float64 {
		if e.Handshake == nil || e.Handshake.Saturated == nil {
			return nil
		}
		return get(e.Handshake.Saturated)
	}
}

func lasting(m metric) metric {
	m.lasting = true
	return m
}
