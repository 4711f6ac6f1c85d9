package result

import (
	"maps"
	"slices"

	"grpcbench/internal/hist"
)

// Quotient is a figure as it adds up: a sum, and what it was spent on. One part that is not
// known leaves the whole unknown. The zero value is that nothing was measured.
type Quotient struct {
	Sum     int64 `json:"sum"`
	Of      int64 `json:"of"`
	Unknown bool  `json:"unknown,omitempty"`
}

// Spent is a sum that was spent on of things; nil: it is not known. What was spent on
// nothing counts all the same: a process that was offered no RPC in an epoch still ran.
func Spent(sum *int64, of int64) Quotient {
	if sum == nil {
		return Quotient{Unknown: true}
	}
	return Quotient{Sum: *sum, Of: of}
}

// Add adds o.
func (q *Quotient) Add(o Quotient) {
	if q.Unknown = q.Unknown || o.Unknown; q.Unknown {
		q.Sum, q.Of = 0, 0
		return
	}
	q.Sum, q.Of = q.Sum+o.Sum, q.Of+o.Of
}

// Value is the sum over what it was spent on; nil: it is not known, or was spent on nothing.
func (q Quotient) Value() *float64 {
	if q.Unknown || q.Of == 0 {
		return nil
	}
	return new(float64(q.Sum) / float64(q.Of))
}

// share is q as a share. Readings of two clocks are not of one instant, so that it may be
// more than all there was.
func (q Quotient) share() *float64 {
	if v := q.Value(); v != nil {
		return new(min(1, *v))
	}
	return nil
}

// Sums are what the figures of an arm are quotients, quantiles and medians of: integers,
// counts and histograms, so that those of two epochs, or of one epoch on two machines, add
// up to what both found. Per RPC is per RPC scheduled.
type Sums struct {
	// Time is how long RPCs were due, Windows how long the windows were to be; in ns.
	Time    int64 `json:"time_ns,omitempty"`
	Windows int64 `json:"windows_ns,omitempty"`

	Latency hist.Encoded `json:"latency,omitzero"`
	Service hist.Encoded `json:"service_time,omitzero"`
	Lag     hist.Encoded `json:"lag,omitzero"`

	ClientCPU    Quotient `json:"client_cpu,omitzero"` // ns per RPC, pacer taken out
	PacerCPU     Quotient `json:"pacer_cpu,omitzero"`
	ServerCPU    Quotient `json:"server_cpu,omitzero"`
	ClientAllocs Quotient `json:"client_allocs,omitzero"`
	ServerAllocs Quotient `json:"server_allocs,omitzero"`
	// SentBytes and ReceivedBytes are per RPC that the connection carried, Opening's per
	// RPC: of connections that took the place of others.
	SentBytes       Quotient `json:"sent_bytes,omitzero"`
	ReceivedBytes   Quotient `json:"received_bytes,omitzero"`
	OpeningSent     Quotient `json:"opening_sent_bytes,omitzero"`
	OpeningReceived Quotient `json:"opening_received_bytes,omitzero"`

	Requests CodecSums `json:"requests,omitzero"`

	// ClientTime and ServerTime are CPU over the time of the CPUs that the side may use,
	// the pacer's and the collector's included; GC is the collector's over the client's.
	ClientTime Quotient `json:"client_cpu_time,omitzero"`
	ServerTime Quotient `json:"server_cpu_time,omitzero"`
	GC         Quotient `json:"gc_cpu,omitzero"`
}

// CodecSums are the messages that one side compressed.
type CodecSums struct {
	Messages int64    `json:"messages"`
	Bytes    Quotient `json:"bytes,omitzero"` // after compression, over before
	CPU      Quotient `json:"cpu,omitzero"`   // ns per message
}

// Add adds o.
func (c *CodecSums) Add(o CodecSums) {
	c.Messages += o.Messages
	c.Bytes.Add(o.Bytes)
	c.CPU.Add(o.CPU)
}

// How the sums of two epochs, or parts of one, add up.
type adding bool

const (
	inTurn   adding = false // one after the other: their times add up
	together adding = true  // at once, on two machines: the longer time is that of both
)

// time adds up two lengths of time.
func (a adding) time(x, y int64) int64 {
	if a == together {
		return max(x, y)
	}
	return x + y
}

// Add adds what another window found, one after the other.
func (s *Sums) Add(o Sums) error { return s.add(o, inTurn) }

func (s *Sums) add(o Sums, how adding) error {
	s.Time, s.Windows = how.time(s.Time, o.Time), how.time(s.Windows, o.Windows)
	for _, q := range []struct {
		to   *Quotient
		from Quotient
	}{
		{&s.ClientCPU, o.ClientCPU}, {&s.PacerCPU, o.PacerCPU}, {&s.ServerCPU, o.ServerCPU},
		{&s.ClientAllocs, o.ClientAllocs}, {&s.ServerAllocs, o.ServerAllocs},
		{&s.SentBytes, o.SentBytes}, {&s.ReceivedBytes, o.ReceivedBytes},
		{&s.OpeningSent, o.OpeningSent}, {&s.OpeningReceived, o.OpeningReceived},
		{&s.ClientTime, o.ClientTime}, {&s.ServerTime, o.ServerTime}, {&s.GC, o.GC},
	} {
		q.to.Add(q.from)
	}
	s.Requests.Add(o.Requests)
	return join([]pair{{&s.Latency, o.Latency}, {&s.Service, o.Service}, {&s.Lag, o.Lag}})
}

// pair is a histogram and what is added to it.
type pair struct {
	to   *hist.Encoded
	from hist.Encoded
}

func join(pairs []pair) (err error) {
	for _, p := range pairs {
		if *p.to, err = hist.Join(*p.to, p.from); err != nil {
			return err
		}
	}
	return nil
}

// SaturatedSums are those of blocks at full speed.
type SaturatedSums struct {
	RPCs         int64    `json:"rpcs"` // ok
	Time         int64    `json:"time_ns"`
	ClientCPU    Quotient `json:"client_cpu,omitzero"`
	ServerCPU    Quotient `json:"server_cpu,omitzero"`
	ClientAllocs Quotient `json:"client_allocs,omitzero"` // of connections
	ServerAllocs Quotient `json:"server_allocs,omitzero"`
}

func (s *SaturatedSums) add(o SaturatedSums, how adding) {
	s.RPCs += o.RPCs
	s.Time = how.time(s.Time, o.Time)
	s.ClientCPU.Add(o.ClientCPU)
	s.ServerCPU.Add(o.ServerCPU)
	s.ClientAllocs.Add(o.ClientAllocs)
	s.ServerAllocs.Add(o.ServerAllocs)
}

// perSecond is how many there were a second.
func (s SaturatedSums) perSecond() float64 { return float64(s.RPCs) / (float64(s.Time) / 1e9) }

// HandshakeSums are those of connections of one kind.
type HandshakeSums struct {
	TCP   hist.Encoded `json:"tcp,omitzero"` // name resolution included
	TLS   hist.Encoded `json:"tls,omitzero"`
	HTTP2 hist.Encoded `json:"http2,omitzero"`
	Total hist.Encoded `json:"total,omitzero"`
	// Of handshake plans alone.
	Resolve   hist.Encoded `json:"resolve,omitzero"`
	Connect   hist.Encoded `json:"connect,omitzero"`
	FirstRPC  hist.Encoded `json:"first_rpc,omitzero"`
	SteadyRPC hist.Encoded `json:"steady_rpc,omitzero"`

	ClientCPU     Quotient `json:"client_cpu,omitzero"`
	ServerCPU     Quotient `json:"server_cpu,omitzero"`
	SentBytes     Quotient `json:"sent_bytes,omitzero"`
	ReceivedBytes Quotient `json:"received_bytes,omitzero"`
}

func (s *HandshakeSums) add(o HandshakeSums) error {
	s.ClientCPU.Add(o.ClientCPU)
	s.ServerCPU.Add(o.ServerCPU)
	s.SentBytes.Add(o.SentBytes)
	s.ReceivedBytes.Add(o.ReceivedBytes)
	return join([]pair{{&s.TCP, o.TCP}, {&s.TLS, o.TLS}, {&s.HTTP2, o.HTTP2}, {&s.Total, o.Total},
		{&s.Resolve, o.Resolve}, {&s.Connect, o.Connect}, {&s.FirstRPC, o.FirstRPC}, {&s.SteadyRPC, o.SteadyRPC}})
}

// addCounts adds counts by name to a map of its own.
func addCounts(to, from map[string]int64) map[string]int64 {
	if len(to)+len(from) == 0 {
		return nil
	}
	sum := maps.Clone(to)
	if sum == nil {
		sum = map[string]int64{}
	}
	for name, n := range from {
		sum[name] += n
	}
	return sum
}

// union is the sorted set of the strings of both.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
