package runner

import (
	"time"

	"grpcbench/internal/load"
	"grpcbench/internal/result"
	"grpcbench/internal/worker"
)

// book is the account of the connections of one arm in an epoch of a handshake plan.
type book struct {
	ledger, total result.HandshakeLedger
	full, resumed *shakes
	rpcs          result.Ledger         // of those that failed alone
	links         map[worker.Link]int64 // without their local addresses
}

func newBook() *book {
	return &book{full: &shakes{}, resumed: &shakes{}, links: map[worker.Link]int64{}}
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
	b.kind(c).add(c.Connected, serverCPU)
	b.kind(c).record(resolve, c.Resolution)
	b.kind(c).record(connect, c.TCP-c.Resolution)
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
	b.kind(c).record(firstRPC, a.First)
	b.kind(c).record(steadyRPC, a.Steady)
}

// rush books the connections of a block at full speed.
func (b *book) rush(r *worker.Rushed) {
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
}

// handshakes are the connections of the arm's epoch, with a block at full speed of a
// length.
func (a *armEpoch) handshakes(block time.Duration) (*result.Handshakes, error) {
	b := a.book
	h, err := handshakes(b.full, b.resumed, true)
	if err != nil {
		return nil, err
	}
	h.Ledger, h.LedgerTotal, h.RPCFailed, h.RPCCauses = &b.ledger, &b.total, b.rpcs.Failed, b.rpcs.Causes
	if a.bundled() && a.snapshot != nil {
		c := a.snapshot.GetConnections()
		h.ServerLedger = &result.ServerHandshakes{Accepted: int64(c.GetAccepted()), Full: int64(c.GetHandshakesFull()),
			Resumed: int64(c.GetHandshakesResumed()), Failed: int64(c.GetHandshakesFailed())}
	}
	if r := a.rushed; r != nil && a.rushWhole && r.Connections > 0 {
		s := &result.SaturatedSums{RPCs: r.Connections, Time: measuredPart(block),
			ClientCPU: result.Spent(r.CPU, r.Connections), ServerCPU: result.Spent(used(a.satServer), r.Connections),
			ClientAllocs: result.Spent(new(int64(r.Allocs)), r.Connections)}
		if a.bundled() {
			s.ServerAllocs = result.Spent(allocated(a.satServer), r.Connections)
		}
		h.Saturated = &result.SaturatedHandshakes{Sums: s}
	}
	return h, nil
}
