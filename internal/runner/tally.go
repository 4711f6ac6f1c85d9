package runner

import (
	"slices"
	"time"

	"grpcbench/internal/hist"
	"grpcbench/internal/load"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/worker"
	benchv1 "grpcbench/proto/bench/v1"
)

// cost is a sum that is divided by what it was spent on. It is unknown as soon
// as one of its parts is. A part that was spent on nothing counts: a process that
// was offered no RPC in an epoch still ran.
type cost struct {
	sum, n  float64
	unknown bool
	any     bool
}

func (c *cost) add(sum *int64, n int64) {
	c.any = true
	if sum == nil {
		c.unknown = true
		return
	}
	c.sum += float64(*sum)
	c.n += float64(n)
}

// per is the sum over the number; nil when it is unknown, or was spent on nothing
// at all.
func (c cost) per() *float64 {
	if !c.any || c.unknown || c.n == 0 {
		return nil
	}
	v := c.sum / c.n
	return &v
}

// tally adds up one arm over one epoch or all.
type tally struct {
	plan                                             plan.Plan
	window, total                                    load.Ledger
	server                                           *result.ServerLedger
	latency, service, lag                            *hist.Histogram
	seconds                                          float64
	clientCPU, serverCPU, pacerCPU                   cost
	clientAllocs, serverAllocs                       cost
	sent, received                                   cost
	satCalls, satSeconds                             float64
	satClientCPU, satServerCPU                       cost
	compressed, responseCompressed                   int64
	ratio, responseRatio, codecCPU, responseCodecCPU cost
	connections                                      []connection
	ledgersMissing                                   bool
	churn                                            *churnTally // nil: connections are not replaced
	openingSent, openingReceived                     cost
}

func newTally(p plan.Plan) *tally {
	return &tally{plan: p, latency: hist.New(), service: hist.New(), lag: hist.New()}
}

// add adds an epoch of the arm.
func (t *tally) add(a *armEpoch) error {
	t.connections = append(t.connections, a.connected...)
	for _, m := range a.windows() {
		if err := t.addWindow(m); err != nil {
			return err
		}
	}
	if m := a.measured; m != nil && !m.Stopped {
		t.addCosts(a)
	}
	t.addSaturated(a)
	t.addLifetime(a)
	return nil
}

// addWindow adds what became of the RPCs of one window.
func (t *tally) addWindow(m *worker.Measured) error {
	t.window.Add(m.Ledger)
	for _, h := range []struct {
		to   *hist.Histogram
		from hist.Encoded
	}{{t.latency, m.Latency}, {t.service, m.Service}, {t.lag, m.Lag}} {
		from, err := hist.Decode(h.from)
		if err != nil {
			return err
		}
		if err := h.to.Merge(from); err != nil {
			return err
		}
	}
	t.seconds += seconds(m)
	return t.addChurn(m)
}

// seconds is how much of the window was offered. An interrupted one is known to
// the second only.
func seconds(m *worker.Measured) float64 {
	if !m.Stopped {
		return m.Window.Seconds()
	}
	last := 0
	for i, iv := range m.Seconds() {
		if iv.Ledger.Scheduled > 0 {
			last = i + 1
		}
	}
	return min(float64(last), m.Window.Seconds())
}

func (t *tally) addCosts(a *armEpoch) {
	m := a.measured
	n := m.Ledger.Scheduled
	own := m.CPU
	if m.CPU != nil && m.PacerCPU != nil {
		v := *m.CPU - *m.PacerCPU
		own = &v
	}
	t.clientCPU.add(own, n)
	t.pacerCPU.add(m.PacerCPU, n)
	t.clientAllocs.add(new(int64(m.Allocs)), n)
	t.serverCPU.add(used(a.server), n)
	if a.bundled() {
		t.serverAllocs.add(allocated(a.server), n)
	}
	t.sent.add(&m.Sent.Bytes, m.Sent.Calls)
	t.received.add(&m.Received.Bytes, m.Received.Calls)
}

// used is the CPU between two readings.
func used(r [2]*worker.Reading) *int64 {
	if r[0] == nil || r[1] == nil || r[0].CPU == nil || r[1].CPU == nil {
		return nil
	}
	return new(*r[1].CPU - *r[0].CPU)
}

func allocated(r [2]*worker.Reading) *int64 {
	if r[0] == nil || r[1] == nil {
		return nil
	}
	return new(int64(r[1].Allocs - r[0].Allocs))
}

func (t *tally) addSaturated(a *armEpoch) {
	if a.saturated == nil {
		return
	}
	t.satCalls += float64(a.saturated.Calls)
	t.satSeconds += (t.plan.Saturated - t.plan.Saturated/5).Seconds()
	client, server := a.saturated.CPU, used(a.satServer)
	if a.saturated.Calls == 0 { // at full speed that is a server that is gone, not a low rate
		client, server = nil, nil
	}
	t.satClientCPU.add(client, a.saturated.Calls)
	t.satServerCPU.add(server, a.saturated.Calls)
}

// addLifetime adds what both processes counted from their start to their end.
func (t *tally) addLifetime(a *armEpoch) {
	f := a.finished
	t.total.Add(f.Total)
	t.compressed += f.Compressed.Messages
	if f.Compressed.Messages > 0 {
		t.ratio.add(&f.Compressed.Out, f.Compressed.In)
		t.codecCPU.add(f.Compressed.CPU, f.Compressed.Messages)
	}
	if a.snapshot == nil {
		t.ledgersMissing = true
		return
	}
	if t.server == nil {
		t.server = &result.ServerLedger{}
	}
	t.server.Started += int64(a.snapshot.GetRpcs().GetStarted())
	t.server.OK += int64(a.snapshot.GetRpcs().GetOk())
	work := a.snapshot.GetCodec().GetCompressed()
	t.responseCompressed += int64(work.GetMessages())
	if work.GetMessages() > 0 {
		t.responseRatio.add(new(int64(work.GetOutputBytes())), int64(work.GetInputBytes()))
		t.responseCodecCPU.add(codecCPU(work), int64(work.GetMessages()))
	}
}

func codecCPU(w *benchv1.CodecWork) *int64 {
	if w.CpuNs == nil {
		return nil
	}
	return new(int64(w.GetCpuNs()))
}

// figures are what the tally comes to.
func (t *tally) figures(withHDR bool) (result.Figures, error) {
	f := result.Figures{
		Ledger: t.window, LedgerTotal: t.total, ServerLedger: t.server,
		ClientCPU: t.clientCPU.per(), ServerCPU: t.serverCPU.per(), PacerCPU: t.pacerCPU.per(),
		ClientAllocs: t.clientAllocs.per(), ServerAllocs: t.serverAllocs.per(),
		SentBytes: together(t.sent, t.openingSent), ReceivedBytes: together(t.received, t.openingReceived),
		Compressed: t.compressed, CompressionRatio: t.ratio.per(), CodecCPU: t.codecCPU.per(),
		ResponseCompressed: t.responseCompressed, ResponseCompressionRatio: t.responseRatio.per(), ServerCodecCPU: t.responseCodecCPU.per(),
	}
	if t.ledgersMissing {
		f.ServerLedger = nil
	}
	if t.seconds > 0 {
		f.Offered = float64(t.window.Scheduled) / t.seconds
		f.Achieved = float64(t.window.OK) / t.seconds
	}
	if t.satSeconds > 0 {
		f.Saturated = &result.Saturated{Achieved: t.satCalls / t.satSeconds, ClientCPU: t.satClientCPU.per(), ServerCPU: t.satServerCPU.per()}
	}
	for _, d := range []struct {
		to   *result.Distribution
		from *hist.Histogram
		n    int64
	}{{&f.Latency, t.latency, t.window.Scheduled}, {&f.ServiceTime, t.service, t.service.Count()}, {&f.Lag, t.lag, t.lag.Count()}} {
		var err error
		if *d.to, err = result.Summarize(d.from, d.n, withHDR); err != nil {
			return f, err
		}
	}
	return f, nil
}

// handshakes summarises the connections that were opened, full and resumed ones
// apart; nil if there were none.
func handshakes(all []connection) *result.Handshakes {
	h := &result.Handshakes{}
	for _, resumed := range []bool{false, true} {
		var some []connection
		for _, c := range all {
			if c.Link.Resumed == resumed {
				some = append(some, c)
			}
		}
		if len(some) == 0 {
			continue
		}
		if resumed {
			h.Resumed = handshake(some)
		} else {
			h.Full = handshake(some)
		}
	}
	if h.Full == nil && h.Resumed == nil {
		return nil
	}
	return h
}

func handshake(all []connection) *result.Handshake {
	// Of so few, exactly: a histogram has three digits.
	median := func(of func(connection) time.Duration) int64 {
		v := make([]time.Duration, len(all))
		for i, c := range all {
			v[i] = of(c)
		}
		slices.Sort(v)
		return int64(v[(len(v)-1)/2])
	}
	h := &result.Handshake{
		Count: int64(len(all)),
		TCP:   median(func(c connection) time.Duration { return c.TCP }),
		TLS:   median(func(c connection) time.Duration { return c.TLS }),
		HTTP2: median(func(c connection) time.Duration { return c.HTTP2 }),
		Total: median(func(c connection) time.Duration { return c.TCP + c.TLS + c.HTTP2 }),
	}
	var client, server cost
	for _, c := range all {
		client.add(c.CPU, 1)
		server.add(c.serverCPU, 1)
		h.SentBytes += float64(c.Sent) / float64(len(all))
		h.ReceivedBytes += float64(c.Received) / float64(len(all))
	}
	h.ClientCPU, h.ServerCPU = client.per(), server.per()
	return h
}
