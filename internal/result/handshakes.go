package result

import (
	"fmt"
	"maps"
	"slices"
)

// Handshakes is what opening the connections cost. Of a run they are the connections
// that its load then went over; of a handshake plan each was opened for its own sake,
// and there is an account of all of them.
type Handshakes struct {
	Full    *Handshake `json:"full,omitempty"`
	Resumed *Handshake `json:"resumed,omitempty"`
	// What follows is of handshake plans alone.
	Ledger       *HandshakeLedger  `json:"ledger,omitempty"`        // of the connections measured one at a time
	LedgerTotal  *HandshakeLedger  `json:"ledger_total,omitempty"`  // of the generators' whole life
	ServerLedger *ServerHandshakes `json:"server_ledger,omitempty"` // of the bundled servers' whole life
	RPCFailed    map[string]int64  `json:"rpc_failed,omitempty"`    // connections whose first RPCs failed, by code
	// RPCCauses are the causes of RPCFailed by code, as in a Ledger; nil: none failed, or an
	// older tool counted.
	RPCCauses map[string]map[string]int64 `json:"rpc_causes,omitempty"`
	Saturated *SaturatedHandshakes        `json:"saturated,omitempty"`
}

// Handshake summarises connections of one kind: phases are medians, CPU and bytes
// are means. The phases of a plaintext connection have no TLS part.
type Handshake struct {
	Count         int64    `json:"count"`
	TCP           int64    `json:"tcp_ns"` // name resolution included
	TLS           int64    `json:"tls_ns"`
	HTTP2         int64    `json:"http2_ns"` // preface sent to the server's SETTINGS
	Total         int64    `json:"total_ns"`
	ClientCPU     *float64 `json:"client_cpu_ns,omitempty"`
	ServerCPU     *float64 `json:"server_cpu_ns,omitempty"`
	SentBytes     float64  `json:"sent_bytes"`
	ReceivedBytes float64  `json:"received_bytes"`
	// What follows is of handshake plans alone.
	// FirstRPC is what the first RPC on a connection takes longer than a later one:
	// the difference of the two medians, which may be negative.
	FirstRPC *float64 `json:"first_rpc_surcharge_ns,omitempty"`
	Phases   *Phases  `json:"phases,omitempty"`
	// Sums are what the figures are worked out of; nil: of an older tool.
	Sums *HandshakeSums `json:"sums,omitempty"`
}

// Phases are the distributions behind a Handshake.
type Phases struct {
	Resolve   Distribution `json:"resolve_ns"` // name resolution; 0 for an address
	Connect   Distribution `json:"connect_ns"` // TCP alone
	TLS       Distribution `json:"tls_ns"`
	HTTP2     Distribution `json:"http2_ns"`
	Total     Distribution `json:"total_ns"`      // all of these together
	FirstRPC  Distribution `json:"first_rpc_ns"`  // not part of the total
	SteadyRPC Distribution `json:"steady_rpc_ns"` // the fourth RPC on the connection
}

// HandshakeLedger accounts for every connection once: planned = not started + full +
// resumed + the sum of failed.
type HandshakeLedger struct {
	Planned    int64            `json:"planned"`
	NotStarted int64            `json:"not_started,omitempty"` // the epoch ended before
	Full       int64            `json:"full"`                  // the server's SETTINGS came
	Resumed    int64            `json:"resumed"`               // likewise, with a session resumed
	Failed     map[string]int64 `json:"failed,omitempty"`      // by class
}

// OK is how many connections were made.
func (l HandshakeLedger) OK() int64 { return l.Full + l.Resumed }

// Failures is how many were not.
func (l HandshakeLedger) Failures() (n int64) {
	for _, k := range l.Failed {
		n += k
	}
	return n
}

// Check returns an error if some connection was lost or counted twice.
func (l HandshakeLedger) Check() error {
	for name, n := range l.counts() {
		if n < 0 {
			return fmt.Errorf("%s %d: must not be negative", name, n)
		}
	}
	if sum := l.NotStarted + l.OK() + l.Failures(); sum != l.Planned {
		return fmt.Errorf("planned %d: must be not started %d + full %d + resumed %d + failed %d = %d",
			l.Planned, l.NotStarted, l.Full, l.Resumed, l.Failures(), sum)
	}
	return nil
}

// Add adds the connections of o.
func (l *HandshakeLedger) Add(o HandshakeLedger) {
	l.Planned += o.Planned
	l.NotStarted += o.NotStarted
	l.Full += o.Full
	l.Resumed += o.Resumed
	for class, n := range o.Failed {
		l.Fail(class, n)
	}
}

// Fail adds n connections that failed.
func (l *HandshakeLedger) Fail(class string, n int64) {
	if l.Failed == nil {
		l.Failed = map[string]int64{}
	}
	l.Failed[class] += n
}

// less is l without the connections of o, which are some of those of l. What o did not
// start, l has none of.
func (l HandshakeLedger) less(o HandshakeLedger) HandshakeLedger {
	left := HandshakeLedger{Planned: l.Planned - o.Planned + o.NotStarted - l.NotStarted, Full: l.Full - o.Full, Resumed: l.Resumed - o.Resumed}
	for class, n := range l.Failed {
		if n -= o.Failed[class]; n > 0 {
			left.Fail(class, n)
		}
	}
	return left
}

// counts are its numbers by name; those that are 0 are absent.
func (l HandshakeLedger) counts() map[string]int64 {
	m := map[string]int64{"planned": l.Planned, "not started": l.NotStarted, "full": l.Full, "resumed": l.Resumed}
	for class, n := range l.Failed {
		m["failed "+class] = n
	}
	maps.DeleteFunc(m, func(_ string, n int64) bool { return n == 0 })
	return m
}

// Classes lists the failures, most first: "TIMEOUT_TLS 3, OTHER 1".
func (l HandshakeLedger) Classes() string {
	names := slices.Sorted(maps.Keys(l.Failed))
	slices.SortStableFunc(names, func(a, b string) int { return int(l.Failed[b] - l.Failed[a]) })
	text := ""
	for _, name := range names {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%s %d", name, l.Failed[name])
	}
	return text
}

// ServerHandshakes is the bundled server's own count.
type ServerHandshakes struct {
	Accepted int64 `json:"accepted"` // TCP connections
	Full     int64 `json:"full"`     // TLS handshakes
	Resumed  int64 `json:"resumed"`
	Failed   int64 `json:"failed"`
}

// SaturatedHandshakes is the second operating point: connections opened at full speed
// by several at once, and closed when the server's SETTINGS have come.
type SaturatedHandshakes struct {
	Achieved     float64        `json:"achieved_per_s"`
	PerCore      *float64       `json:"per_core_per_s,omitempty"` // per second of CPU, of both sides together
	ClientCPU    *float64       `json:"client_cpu_ns,omitempty"`
	ServerCPU    *float64       `json:"server_cpu_ns,omitempty"`
	ClientAllocs *float64       `json:"client_allocs,omitempty"` // heap objects
	ServerAllocs *float64       `json:"server_allocs,omitempty"`
	Sums         *SaturatedSums `json:"sums,omitempty"` // nil: of an older tool
}

// Measured is what is compared of h: the resumed connections, where there are any, else
// the full ones; nil if there are none.
func (h *Handshakes) Measured() *Handshake {
	switch {
	case h == nil:
		return nil
	case h.Resumed != nil:
		return h.Resumed
	}
	return h.Full
}
