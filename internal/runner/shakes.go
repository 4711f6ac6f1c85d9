package runner

import (
	"time"

	"grpcbench/internal/hist"
	"grpcbench/internal/load"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/worker"
)

// shakes adds up the connections of one kind.
type shakes struct {
	tcp                                                *hist.Histogram // name resolution included
	resolve, connect, tls, http2, total, first, steady *hist.Histogram
	clientCPU, serverCPU, sent, received               cost
}

func newShakes() *shakes {
	return &shakes{tcp: hist.New(), resolve: hist.New(), connect: hist.New(), tls: hist.New(), http2: hist.New(),
		total: hist.New(), first: hist.New(), steady: hist.New()}
}

// histograms are all of s's, in an order of their own.
func (s *shakes) histograms() []*hist.Histogram {
	return []*hist.Histogram{s.tcp, s.resolve, s.connect, s.tls, s.http2, s.total, s.first, s.steady}
}

// add adds one connection and what its server spent on it.
func (s *shakes) add(c worker.Shaken, serverCPU *int64) {
	for _, v := range []struct {
		to   *hist.Histogram
		took time.Duration
	}{
		{s.tcp, c.TCP}, {s.resolve, c.Resolution}, {s.connect, c.TCP - c.Resolution}, {s.tls, c.TLS}, {s.http2, c.HTTP2},
		{s.total, c.TCP + c.TLS + c.HTTP2},
	} {
		v.to.Record(int64(v.took))
	}
	s.clientCPU.add(c.CPU, 1)
	s.serverCPU.add(serverCPU, 1)
	s.sent.add(&c.Sent, 1)
	s.received.add(&c.Received, 1)
}

// merge adds the connections of o.
func (s *shakes) merge(o *shakes) error {
	from := o.histograms()
	for i, h := range s.histograms() {
		if err := h.Merge(from[i]); err != nil {
			return err
		}
	}
	for _, c := range []struct{ to, from *cost }{
		{&s.clientCPU, &o.clientCPU}, {&s.serverCPU, &o.serverCPU}, {&s.sent, &o.sent}, {&s.received, &o.received},
	} {
		c.to.merge(*c.from)
	}
	return nil
}

func (c *cost) merge(o cost) {
	c.sum, c.n = c.sum+o.sum, c.n+o.n
	c.unknown, c.any = c.unknown || o.unknown, c.any || o.any
}

// summary is what s comes to; nil if there is no connection in it.
func (s *shakes) summary(withHDR bool) (*result.Handshake, error) {
	n := s.total.Count()
	if n == 0 {
		return nil, nil
	}
	out := &result.Handshake{
		Count: n, TCP: median(s.tcp), TLS: median(s.tls), HTTP2: median(s.http2), Total: median(s.total),
		ClientCPU: s.clientCPU.per(), ServerCPU: s.serverCPU.per(),
		SentBytes: *s.sent.per(), ReceivedBytes: *s.received.per(), Phases: &result.Phases{},
	}
	if s.first.Count() > 0 && s.steady.Count() > 0 {
		out.FirstRPC = new(float64(median(s.first) - median(s.steady)))
	}
	p := out.Phases
	for _, d := range []struct {
		to   *result.Distribution
		from *hist.Histogram
	}{{&p.Resolve, s.resolve}, {&p.Connect, s.connect}, {&p.TLS, s.tls}, {&p.HTTP2, s.http2}, {&p.Total, s.total},
		{&p.FirstRPC, s.first}, {&p.SteadyRPC, s.steady}} {
		var err error
		if *d.to, err = result.Summarize(d.from, d.from.Count(), withHDR); err != nil {
			return nil, err
		}
	}
	e, err := s.total.Encode()
	p.TotalHDR = e.HDR.Text()
	return out, err
}

// book is the account of an arm's connections over one epoch or all.
type book struct {
	ledger, total result.HandshakeLedger
	server        *result.ServerHandshakes
	serverMissing bool
	full, resumed *shakes
	rpcs          result.Ledger         // of those that failed alone
	links         map[worker.Link]int64 // without their addresses

	rushed, rushSeconds                                      float64
	rushClientCPU, rushServerCPU, clientAllocs, serverAllocs cost
}

func newBook() *book {
	return &book{full: newShakes(), resumed: newShakes(), links: map[worker.Link]int64{}}
}

// shaken books what became of one connection; measured says that it is one of those
// whose costs are wanted.
func (b *book) shaken(c worker.Shaken, serverCPU *int64, measured bool) {
	one := result.HandshakeLedger{}
	switch {
	case c.Class != "":
		one.Fail(c.Class, 1)
	case c.Link.Resumed:
		one.Resumed++
	default:
		one.Full++
	}
	b.total.Planned++
	b.total.Add(one)
	if !measured {
		return
	}
	b.ledger.Add(one)
	if c.Class != "" {
		return
	}
	b.kind(c).add(c, serverCPU)
	link := c.Link
	link.Local = ""
	b.links[link]++
}

func (b *book) kind(c worker.Shaken) *shakes {
	if c.Link.Resumed {
		return b.resumed
	}
	return b.full
}

// asked books the RPCs on a connection that was measured.
func (b *book) asked(c worker.Shaken, a worker.Asked) {
	if a.Code != "" {
		b.rpcs.Fail(load.End{Code: a.Code, Cause: a.Cause}, 1)
		return
	}
	b.kind(c).first.Record(int64(a.First))
	b.kind(c).steady.Record(int64(a.Steady))
}

// rush books a saturated block.
func (b *book) rush(a *armEpoch, p plan.Plan) {
	r := a.rushed
	if r == nil {
		return
	}
	b.total.Planned += r.Full + r.Resumed
	b.total.Full += r.Full
	b.total.Resumed += r.Resumed
	for class, n := range r.Failed {
		b.total.Planned += n
		b.total.Fail(class, n)
	}
	if !a.rushWhole || r.Connections == 0 {
		return
	}
	b.rushed += float64(r.Connections)
	b.rushSeconds += (p.Saturated - p.Saturated/5).Seconds()
	b.rushClientCPU.add(r.CPU, r.Connections)
	b.rushServerCPU.add(used(a.satServer), r.Connections)
	b.clientAllocs.add(new(int64(r.Allocs)), r.Connections)
	if a.bundled() {
		b.serverAllocs.add(allocated(a.satServer), r.Connections)
	}
}

// serverSaw books the server's own count, if it is one that tells.
func (b *book) serverSaw(a *armEpoch) {
	if !a.bundled() {
		return
	}
	if a.snapshot == nil {
		b.serverMissing = true
		return
	}
	c := a.snapshot.GetConnections()
	b.server = &result.ServerHandshakes{Accepted: int64(c.GetAccepted()), Full: int64(c.GetHandshakesFull()),
		Resumed: int64(c.GetHandshakesResumed()), Failed: int64(c.GetHandshakesFailed())}
}

// merge adds the connections of another epoch.
func (b *book) merge(o *book) error {
	b.ledger.Add(o.ledger)
	b.total.Add(o.total)
	if o.server != nil {
		if b.server == nil {
			b.server = &result.ServerHandshakes{}
		}
		b.server.Accepted += o.server.Accepted
		b.server.Full += o.server.Full
		b.server.Resumed += o.server.Resumed
		b.server.Failed += o.server.Failed
	}
	b.serverMissing = b.serverMissing || o.serverMissing
	b.rpcs.Add(o.rpcs)
	for link, n := range o.links {
		b.links[link] += n
	}
	b.rushed, b.rushSeconds = b.rushed+o.rushed, b.rushSeconds+o.rushSeconds
	b.rushClientCPU.merge(o.rushClientCPU)
	b.rushServerCPU.merge(o.rushServerCPU)
	b.clientAllocs.merge(o.clientAllocs)
	b.serverAllocs.merge(o.serverAllocs)
	if err := b.full.merge(o.full); err != nil {
		return err
	}
	return b.resumed.merge(o.resumed)
}

// handshakes are what the book comes to.
func (b *book) handshakes(withHDR bool) (*result.Handshakes, error) {
	h := &result.Handshakes{Ledger: &b.ledger, LedgerTotal: &b.total, ServerLedger: b.server, RPCFailed: b.rpcs.Failed, RPCCauses: b.rpcs.Causes}
	if b.serverMissing {
		h.ServerLedger = nil
	}
	if b.rushSeconds > 0 {
		s := &result.SaturatedHandshakes{Achieved: b.rushed / b.rushSeconds, ClientCPU: b.rushClientCPU.per(),
			ServerCPU: b.rushServerCPU.per(), ClientAllocs: b.clientAllocs.per(), ServerAllocs: b.serverAllocs.per()}
		if s.ClientCPU != nil && s.ServerCPU != nil && *s.ClientCPU+*s.ServerCPU > 0 {
			s.PerCore = new(1e9 / (*s.ClientCPU + *s.ServerCPU))
		}
		h.Saturated = s
	}
	var err error
	if h.Full, err = b.full.summary(withHDR); err != nil {
		return nil, err
	}
	h.Resumed, err = b.resumed.summary(withHDR)
	return h, err
}
