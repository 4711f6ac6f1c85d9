package runner

import (
	"time"

	"grpcbench/internal/hist"
	"grpcbench/internal/result"
	"grpcbench/internal/worker"
)

// windowSums are those of a window: of its RPCs, and of the generator's CPU time.
func windowSums(m *worker.Measured) result.Sums {
	s := result.Sums{Time: int64(offered(m)), Windows: int64(m.Window), Latency: m.Latency, Service: m.Service, Lag: m.Lag}
	if m.Elapsed > 0 {
		s.ClientTime = result.Spent(m.CPU, int64(float64(m.Elapsed)*m.Capacity))
	}
	if m.CPU != nil {
		s.GC = result.Spent(&m.GCCPU, *m.CPU)
	}
	return s
}

// offered is how much of the window was offered. An interrupted one is known to the
// second only.
func offered(m *worker.Measured) time.Duration {
	if !m.Stopped {
		return m.Window
	}
	last := 0
	for i, iv := range m.Seconds() {
		if iv.Ledger.Scheduled > 0 {
			last = i + 1
		}
	}
	return min(time.Duration(last)*time.Second, m.Window)
}

// costSums adds to s what the RPCs of a whole window cost.
func (a *armEpoch) costSums(s *result.Sums) {
	m := a.measured
	n := m.Ledger.Scheduled
	s.ClientCPU, s.PacerCPU = result.Spent(withoutPacer(m), n), result.Spent(m.PacerCPU, n)
	s.ClientAllocs = result.Spent(new(int64(m.Allocs)), n)
	s.ServerCPU = result.Spent(used(a.server), n)
	if a.bundled() {
		s.ServerAllocs = result.Spent(allocated(a.server), n)
	}
	s.SentBytes, s.ReceivedBytes = result.Spent(&m.Sent.Bytes, m.Sent.Calls), result.Spent(&m.Received.Bytes, m.Received.Calls)
	if m.Churn != nil {
		// What opening connections sent is divided by the RPCs of the whole window, in which
		// all that was due is counted.
		s.OpeningSent, s.OpeningReceived = result.Spent(&m.Churn.Sent, n), result.Spent(&m.Churn.Received, n)
	}
}

// withoutPacer is the generator's CPU time without its pacer's.
func withoutPacer(m *worker.Measured) *int64 {
	if m.CPU == nil || m.PacerCPU == nil {
		return m.CPU
	}
	return new(*m.CPU - *m.PacerCPU)
}

// used is the CPU between two readings, which is not known if it is none: a server that is
// asked uses some, so that what was read was not its clock.
func used(r [2]*worker.Reading) *int64 {
	if r[0] == nil || r[1] == nil || r[0].CPU == nil || r[1].CPU == nil || *r[1].CPU <= *r[0].CPU {
		return nil
	}
	return positive(*r[1].CPU - *r[0].CPU)
}

func allocated(r [2]*worker.Reading) *int64 {
	if r[0] == nil || r[1] == nil {
		return nil
	}
	return new(int64(r[1].Allocs - r[0].Allocs))
}

// measuredPart is how much of a saturated block counts.
func measuredPart(length time.Duration) int64 { return int64(length - length/5) }

// saturated are the sums of the arm's block at full speed; nil: there was none.
func (a *armEpoch) saturatedSums(length time.Duration) *result.Saturated {
	if a.saturated == nil {
		return nil
	}
	s := &result.SaturatedSums{RPCs: a.saturated.Calls, Time: measuredPart(length)}
	client, server := a.saturated.CPU, used(a.satServer)
	if s.RPCs == 0 { // at full speed that is a server that is gone, not a low rate
		client, server = nil, nil
	}
	s.ClientCPU, s.ServerCPU = result.Spent(client, s.RPCs), result.Spent(server, s.RPCs)
	return &result.Saturated{Sums: s}
}

// codecSums are those of messages that were compressed.
func codecSums(messages, in, out int64, cpu *int64) result.CodecSums {
	c := result.CodecSums{Messages: messages}
	if messages > 0 {
		c.Bytes, c.CPU = result.Spent(&out, in), result.Spent(cpu, messages)
	}
	return c
}

// opened are the connections that an arm opened for its load, full and resumed ones
// apart; nil if there were none.
func opened(all []connection) (*result.Handshakes, error) {
	full, resumed := &shakes{}, &shakes{}
	for _, c := range all {
		to := full
		if c.Link.Resumed {
			to = resumed
		}
		to.add(c.Connected, c.serverCPU)
	}
	return handshakes(full, resumed, false)
}

// handshakes are connections of both kinds; nil if there is none. With phases they are
// of a handshake plan.
func handshakes(full, resumed *shakes, phases bool) (*result.Handshakes, error) {
	h := &result.Handshakes{}
	for _, k := range []struct {
		to   **result.Handshake
		from *shakes
	}{{&h.Full, full}, {&h.Resumed, resumed}} {
		sums, err := k.from.sums()
		if err != nil {
			return nil, err
		}
		if *k.to, err = result.NewHandshake(sums, phases, false); err != nil {
			return nil, err
		}
	}
	if h.Full == nil && h.Resumed == nil && !phases {
		return nil, nil
	}
	return h, nil
}

// replaced is what became of the connections that were due to be replaced in a window; nil:
// none was to be.
func replaced(m *worker.Measured) (*result.Churn, error) {
	if m.Churn == nil {
		return nil, nil
	}
	from := m.Churn
	c := &result.Churn{Due: from.Due, Opened: from.Opened, Missed: from.Missed, Failed: map[string]int64{}}
	for class, n := range from.Failed {
		c.Failed[class] = n
	}
	if from.Full == nil && from.Resumed == nil {
		return c, nil
	}
	c.Handshake = &result.Handshakes{}
	for _, k := range []struct {
		to   **result.Handshake
		from *worker.Openings
	}{{&c.Handshake.Full, from.Full}, {&c.Handshake.Resumed, from.Resumed}} {
		if k.from == nil {
			continue
		}
		var err error
		if *k.to, err = result.NewHandshake(result.HandshakeSums{
			TCP: k.from.TCP, TLS: k.from.TLS, HTTP2: k.from.HTTP2, Total: k.from.Total,
			SentBytes: result.Spent(&k.from.Sent, k.from.Count), ReceivedBytes: result.Spent(&k.from.Received, k.from.Count),
		}, false, false); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// shakes collects connections of one kind.
type shakes struct {
	durations                            map[phase]*hist.Histogram // those that there are
	clientCPU, serverCPU, sent, received result.Quotient
}

// phase is a part of opening a connection.
type phase int

const (
	tcp phase = iota // name resolution included
	tls
	http2
	total
	resolve // of a handshake plan, as those below
	connect
	firstRPC
	steadyRPC
)

// record notes how long a phase took.
func (s *shakes) record(p phase, took time.Duration) {
	if s.durations == nil {
		s.durations = map[phase]*hist.Histogram{}
	}
	if s.durations[p] == nil {
		s.durations[p] = hist.New()
	}
	s.durations[p].Record(int64(took))
}

// add adds one connection and what its server spent on it.
func (s *shakes) add(c worker.Connected, serverCPU *int64) {
	s.record(tcp, c.TCP)
	s.record(tls, c.TLS)
	s.record(http2, c.HTTP2)
	s.record(total, c.TCP+c.TLS+c.HTTP2)
	s.clientCPU.Add(result.Spent(c.CPU, 1))
	s.serverCPU.Add(result.Spent(serverCPU, 1))
	s.sent.Add(result.Spent(&c.Sent, 1))
	s.received.Add(result.Spent(&c.Received, 1))
}

// sums are those of s.
func (s *shakes) sums() (result.HandshakeSums, error) {
	out := result.HandshakeSums{ClientCPU: s.clientCPU, ServerCPU: s.serverCPU, SentBytes: s.sent, ReceivedBytes: s.received}
	for p, to := range map[phase]*hist.Encoded{tcp: &out.TCP, tls: &out.TLS, http2: &out.HTTP2, total: &out.Total,
		resolve: &out.Resolve, connect: &out.Connect, firstRPC: &out.FirstRPC, steadyRPC: &out.SteadyRPC} {
		h := s.durations[p]
		if h == nil {
			continue
		}
		var err error
		if *to, err = h.Encode(); err != nil {
			return out, err
		}
	}
	return out, nil
}
