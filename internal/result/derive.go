package result

import (
	"grpcbench/internal/hist"
)

// derive works out f's figures of its sums, and its server's count of what the server saw
// if that is the arm's. withHDR keeps the histograms beside their summaries.
func (f *Figures) derive(ofArm, withHDR bool) (err error) {
	s := f.Sums
	f.Offered, f.Achieved = 0, 0
	if s.Time > 0 {
		f.Offered = float64(f.Ledger.Scheduled) / (float64(s.Time) / 1e9)
		f.Achieved = float64(f.Ledger.OK) / (float64(s.Time) / 1e9)
	}
	f.ClientCPU, f.ServerCPU, f.PacerCPU = s.ClientCPU.Value(), s.ServerCPU.Value(), s.PacerCPU.Value()
	f.ClientAllocs, f.ServerAllocs = s.ClientAllocs.Value(), s.ServerAllocs.Value()
	f.SentBytes, f.ReceivedBytes = with(s.SentBytes, s.OpeningSent), with(s.ReceivedBytes, s.OpeningReceived)
	f.Compressed, f.CompressionRatio, f.CodecCPU = s.Requests.Messages, s.Requests.Bytes.Value(), s.Requests.CPU.Value()
	if f.Saturated != nil && f.Saturated.Sums != nil {
		f.Saturated = f.Saturated.Sums.figures()
	}
	f.ofServer(ofArm)
	if s.Windows == 0 { // there was no load
		return nil
	}
	if f.Latency, err = summarize(s.Latency, f.Ledger.Scheduled, withHDR); err != nil {
		return err
	}
	if f.ServiceTime, err = summarize(s.Service, s.Service.Count, withHDR); err != nil {
		return err
	}
	f.Lag, err = summarize(s.Lag, s.Lag.Count, withHDR)
	return err
}

// with is the sum of two quotients, of which the second may not be there at all.
func with(a, b Quotient) *float64 {
	sum, more := a.Value(), b.Value()
	switch {
	case sum == nil || b == Quotient{}:
		return sum
	case more == nil:
		return nil
	}
	return new(*sum + *more)
}

// figures are what s comes to.
func (s *SaturatedSums) figures() *Saturated {
	return &Saturated{Achieved: s.perSecond(), ClientCPU: s.ClientCPU.Value(), ServerCPU: s.ServerCPU.Value(), Sums: s}
}

// summarize describes n observations of which e holds those with a value.
func summarize(e hist.Encoded, n int64, withHDR bool) (Distribution, error) {
	if len(e.HDR) == 0 {
		return Summarize(hist.New(), n, withHDR)
	}
	h, err := hist.Decode(e)
	if err != nil {
		return Distribution{}, err
	}
	d, err := Summarize(h, n, false)
	if withHDR {
		d.HDR = e.HDR.Text()
	}
	return d, err
}

// median is the middle value of e, 0 of none.
func median(e hist.Encoded) (int64, error) {
	if e.Count == 0 {
		return 0, nil
	}
	h, err := hist.Decode(e)
	if err != nil {
		return 0, err
	}
	ns, _ := h.Quantile(0.5, h.Count())
	return ns, nil
}

// NewStep is what was measured at a number of callers or a rate.
func NewStep(of Step, s Sums) (Step, error) {
	of.Sums = &s
	return of, of.derive()
}

// derive works out the figures of s of its sums.
func (s *Step) derive() error {
	f := Figures{Ledger: s.Ledger, Sums: s.Sums, Seen: &Seen{}}
	if err := f.derive(false, false); err != nil {
		return err
	}
	s.Offered, s.Achieved, s.Latency, s.Lag = f.Offered, f.Achieved, f.Latency, f.Lag
	s.ClientCPU, s.ServerCPU = f.ClientCPU, f.ServerCPU
	s.ClientShare, s.ServerShare = s.Sums.ClientTime.share(), s.Sums.ServerTime.share()
	return nil
}

// NewHandshake are connections of one kind; nil if there are none. With phases their
// distributions are in it, withHDR with their histograms.
func NewHandshake(s HandshakeSums, phases, withHDR bool) (*Handshake, error) {
	h := &Handshake{Count: s.Total.Count, Sums: &s}
	if h.Count == 0 {
		return nil, nil
	}
	if phases {
		h.Phases = &Phases{}
	}
	return h, h.derive(withHDR)
}

// derive works out the figures of h of its sums.
func (h *Handshake) derive(withHDR bool) (err error) {
	s := h.Sums
	h.Count = s.Total.Count
	for _, m := range []struct {
		to *int64
		of hist.Encoded
	}{{&h.TCP, s.TCP}, {&h.TLS, s.TLS}, {&h.HTTP2, s.HTTP2}, {&h.Total, s.Total}} {
		if *m.to, err = median(m.of); err != nil {
			return err
		}
	}
	h.ClientCPU, h.ServerCPU = s.ClientCPU.Value(), s.ServerCPU.Value()
	h.SentBytes, h.ReceivedBytes = 0, 0
	for _, m := range []struct {
		to *float64
		of Quotient
	}{{&h.SentBytes, s.SentBytes}, {&h.ReceivedBytes, s.ReceivedBytes}} {
		if v := m.of.Value(); v != nil {
			*m.to = *v
		}
	}
	h.FirstRPC = nil
	if s.FirstRPC.Count > 0 && s.SteadyRPC.Count > 0 {
		first, err := median(s.FirstRPC)
		if err != nil {
			return err
		}
		steady, err := median(s.SteadyRPC)
		if err != nil {
			return err
		}
		h.FirstRPC = new(float64(first - steady))
	}
	if h.Phases == nil {
		return nil
	}
	p := &Phases{}
	for _, d := range []struct {
		to *Distribution
		of hist.Encoded
	}{{&p.Resolve, s.Resolve}, {&p.Connect, s.Connect}, {&p.TLS, s.TLS}, {&p.HTTP2, s.HTTP2}, {&p.Total, s.Total},
		{&p.FirstRPC, s.FirstRPC}, {&p.SteadyRPC, s.SteadyRPC}} {
		if *d.to, err = summarize(d.of, d.of.Count, withHDR); err != nil {
			return err
		}
	}
	h.Phases = p
	return nil
}

// derive works out what h comes to of the sums of its parts.
func (h *Handshakes) derive(withHDR bool) error {
	if h == nil {
		return nil
	}
	for _, k := range []*Handshake{h.Full, h.Resumed} {
		if k != nil {
			if err := k.derive(withHDR); err != nil {
				return err
			}
		}
	}
	if h.Saturated != nil && h.Saturated.Sums != nil {
		h.Saturated = h.Saturated.Sums.handshakes()
	}
	return nil
}

// handshakes are what s comes to for connections.
func (s *SaturatedSums) handshakes() *SaturatedHandshakes {
	h := &SaturatedHandshakes{Achieved: s.perSecond(), ClientCPU: s.ClientCPU.Value(), ServerCPU: s.ServerCPU.Value(),
		ClientAllocs: s.ClientAllocs.Value(), ServerAllocs: s.ServerAllocs.Value(), Sums: s}
	if h.ClientCPU != nil && h.ServerCPU != nil && *h.ClientCPU+*h.ServerCPU > 0 {
		h.PerCore = new(1e9 / (*h.ClientCPU + *h.ServerCPU))
	}
	return h
}

// derive works out the shares of g of what its windows add up to.
func (g *Generator) derive(s *Sums) {
	g.CPUShare, g.GCCPUShare, g.MeanInFlight = 0, s.GC.share(), 0
	if v := s.ClientTime.share(); v != nil {
		g.CPUShare = *v
	}
	if s.Windows > 0 {
		g.MeanInFlight = g.BusySum / float64(s.Windows)
	}
}
