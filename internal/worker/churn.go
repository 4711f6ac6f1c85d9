package worker

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"grpcbench/internal/channel"
	"grpcbench/internal/hist"
	"grpcbench/internal/load"
)

// Churn is what became of connections that were to be replaced while they were good:
//
//	Due = Opened + Missed + Σ Failed
type Churn struct {
	Due    int64            `json:"due"`
	Opened int64            `json:"opened"`
	Missed int64            `json:"missed"` // the connection's last replacement was still being made
	Failed map[string]int64 `json:"failed"` // by class, as package channel names it; the old connection stayed
	// Full and Resumed are what the opened ones took; nil: there were none.
	Full    *Openings `json:"full,omitempty"`
	Resumed *Openings `json:"resumed,omitempty"`
	// Sent and Received are the bytes of opening them, failed attempts' included.
	Sent     int64 `json:"sent_bytes"`
	Received int64 `json:"received_bytes"`
}

// Openings is what opening connections of one kind took.
type Openings struct {
	Count    int64        `json:"count"`
	TCP      hist.Encoded `json:"tcp"`
	TLS      hist.Encoded `json:"tls"`
	HTTP2    hist.Encoded `json:"http2"`
	Total    hist.Encoded `json:"total"`
	Sent     int64        `json:"sent_bytes"`
	Received int64        `json:"received_bytes"`
}

// Replaced is the churn of a generator's whole life, or of that so far.
type Replaced struct {
	Churn
	Drained int64       `json:"drained"`  // connections that were replaced and ended with no RPC on them
	MostRPC int64       `json:"most_rpc"` // RPCs that one connection has had
	Links   []LinkCount `json:"links"`
}

// LinkCount is how many replacements negotiated the same.
type LinkCount struct {
	Link        // without an address
	Count int64 `json:"count"`
}

// churn replaces an arm's connections and keeps the account of it. It is safe for
// concurrent use.
type churn struct {
	mu       sync.Mutex
	from, to time.Time // the window
	underway int
	total    churnCounts
	window   churnCounts
	links    map[Link]int64
	turn     int // connection whose turn it is, by schedule
}

// churnCounts is a Churn under way.
type churnCounts struct {
	Churn
	kinds [2]*openings // full, resumed
}

// openings is an Openings under way.
type openings struct {
	tcp, tls, http2, total *hist.Histogram
	count, sent, received  int64
}

// measure says which replacements are those of the window: those due in it.
func (c *churn) measure(from, to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.from, c.to = from, to
}

// books are those that a replacement belongs in which was due at an instant.
func (c *churn) books(due time.Time) []*churnCounts {
	if due.Before(c.from) || !due.Before(c.to) {
		return []*churnCounts{&c.total}
	}
	return []*churnCounts{&c.total, &c.window}
}

// begin books a replacement that was due at an instant; what it returns is told once
// how it ended.
func (c *churn) begin(due time.Time) func(channel.Connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.underway++
	books := c.books(due)
	for _, b := range books {
		b.Due++
	}
	return func(made channel.Connection, err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.underway--
		for _, b := range books {
			b.end(made, err)
		}
		if err == nil {
			link := LinkOf(made)
			link.Local = ""
			if c.links == nil {
				c.links = map[Link]int64{}
			}
			c.links[link]++
		}
	}
}

// end books how a replacement ended.
func (c *churnCounts) end(made channel.Connection, err error) {
	c.Sent += made.Sent
	c.Received += made.Received
	if err != nil {
		if c.Failed == nil {
			c.Failed = map[string]int64{}
		}
		c.Failed[channel.Class(err)]++
		return
	}
	c.Opened++
	kind := &c.kinds[0]
	if made.State != nil && made.State.DidResume {
		kind = &c.kinds[1]
	}
	if *kind == nil {
		*kind = &openings{hist.New(), hist.New(), hist.New(), hist.New(), 0, 0, 0}
	}
	(*kind).add(made)
}

func (o *openings) add(made channel.Connection) {
	o.count++
	o.sent += made.Sent
	o.received += made.Received
	o.tcp.Record(int64(made.TCP))
	o.tls.Record(int64(made.TLS))
	o.http2.Record(int64(made.HTTP2))
	o.total.Record(int64(made.Total()))
}

// miss books a replacement that was not begun.
func (c *churn) miss(due time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.books(due) {
		b.Due++
		b.Missed++
	}
}

// still says whether no replacement is being made.
func (c *churn) still() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.underway == 0
}

// bytes are those of opening the replacements that have ended.
func (c *churn) bytes() (sent, received int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total.Sent, c.total.Received
}

// inWindow is the account of the window.
func (c *churn) inWindow() (Churn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.window.encoded()
}

// encoded is the account as it is sent.
func (c *churnCounts) encoded() (Churn, error) {
	out := c.Churn
	out.Failed = maps.Clone(c.Failed)
	for i, to := range []**Openings{&out.Full, &out.Resumed} {
		from := c.kinds[i]
		if from == nil {
			continue
		}
		o := &Openings{Count: from.count, Sent: from.sent, Received: from.received}
		for _, h := range []struct {
			to   *hist.Encoded
			from *hist.Histogram
		}{{&o.TCP, from.tcp}, {&o.TLS, from.tls}, {&o.HTTP2, from.http2}, {&o.Total, from.total}} {
			var err error
			if *h.to, err = h.from.Encode(); err != nil {
				return out, err
			}
		}
		*to = o
	}
	return out, nil
}

// replaced is the account of the whole life so far, without times.
func (c *churn) replaced(links []link, presented bool) *Replaced {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &Replaced{Churn: c.total.Churn}
	r.Failed = maps.Clone(c.total.Failed)
	for _, l := range links {
		if churning, ok := l.(renewable); ok {
			r.Drained += churning.Drained()
			r.MostRPC = max(r.MostRPC, churning.MostRPCs())
		}
	}
	for l, n := range c.links {
		l.ClientCertificate = presented
		r.Links = append(r.Links, LinkCount{l, n})
	}
	slices.SortFunc(r.Links, func(a, b LinkCount) int {
		return strings.Compare(a.TLSVersion+a.Cipher+a.Group, b.TLSVersion+b.Cipher+b.Group)
	})
	return r
}

// renewable is a link whose connection can be replaced.
type renewable interface {
	// Renew opens a connection and then takes it into use; see channel.Chain.
	Renew(ctx context.Context) (channel.Connection, error)
	Drained() int64
	MostRPCs() int64
}

// limitOf is when connection i is replaced for the number of its RPCs. The connections
// begin with shares of it used up, or all would end together.
func (g *generator) limitOf(i int) channel.Limit {
	n := int64(g.trial.Settings.MaxRPCs)
	if n == 0 {
		return channel.Limit{}
	}
	return channel.Limit{RPCs: n, Had: n * int64(i) / int64(g.trial.Connections),
		Begin: func() func(channel.Connection, error) { return g.churn.begin(time.Now()) }}
}

// churnStream sets the draws for churn apart from those of arrivals.
const churnStream = 0x636875726e

// churning replaces connections until d after start, or until ctx ends; the function
// that it returns waits until the last one is made.
func (g *generator) churning(ctx context.Context, start time.Time, d time.Duration) (wait func()) {
	rate := g.trial.Settings.Replacements()
	if rate == 0 {
		return func() { g.settle(ctx) }
	}
	r := load.Renewals{Rate: rate, Duration: d, Connections: len(g.channels), First: g.churn.turn,
		Phase: time.Duration(rand.New(rand.NewPCG(g.trial.Seed, churnStream)).Float64() / rate * 1e9)}
	for range r.Due() {
		g.churn.turn++
	}
	c := load.Churn{Renewals: r, Clock: load.SleepClock{Start: start},
		Renew: func(ctx context.Context, conn int, due time.Duration) {
			done := g.churn.begin(start.Add(due))
			done(g.channels[conn].(renewable).Renew(ctx)) // what open returned
		},
		Missed: func(_ int, due time.Duration) { g.churn.miss(start.Add(due)) },
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx)
	}()
	return func() { <-ended }
}

// settle waits until no connection is being made, at most as long as that may take.
func (g *generator) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, RenewLimit(g.trial.Timeout))
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !g.churn.still() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// RenewLimit is a little more than a connection may take that replaces another; timeout is
// that of the trial.
func RenewLimit(timeout time.Duration) time.Duration {
	return channel.Endpoint{Timeout: timeout}.Limit() + time.Second
}

// ConnectLimit is a little more than DoConnect may take, which finds out why there is no
// connection; timeout is that of the trial.
func ConnectLimit(timeout time.Duration) time.Duration {
	return 2*channel.Endpoint{Timeout: timeout}.Limit() + 2*time.Second
}
