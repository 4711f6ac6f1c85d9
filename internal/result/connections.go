package result

import (
	"fmt"

	"grpcbench/internal/plan"
)

// askConnections holds the account of a handshake plan together.
func askConnections(q *question) {
	for _, a := range q.r.Arms {
		if a.Handshake == nil || a.Handshake.Ledger == nil || a.Handshake.LedgerTotal == nil {
			q.invalid(a.Name, "the account of its connections is missing")
			continue
		}
		checkConnections(q, a.Name, "arm", *a.Handshake)
		sum := map[string]int64{}
		for _, e := range a.Epochs {
			if e.Handshake == nil || e.Handshake.Ledger == nil || e.Handshake.LedgerTotal == nil {
				q.invalid(a.Name, "epoch %d: the account of its connections is missing", e.Index)
				continue
			}
			checkConnections(q, a.Name, fmt.Sprintf("epoch %d", e.Index), *e.Handshake)
			for name, n := range connectionCounts(*e.Handshake) {
				sum[name] += n
			}
		}
		sameCounts(q, a.Name, sum, connectionCounts(*a.Handshake))
		for _, d := range a.Handshake.distributions() {
			if err := agrees(*d.Distribution); err != nil {
				q.invalid(a.Name, "%s: %v", d.name, err)
			}
			if err := ordered(*d.Distribution); err != nil {
				q.invalid(a.Name, "%s: %v", d.name, err)
			}
		}
	}
}

// checkConnections holds the ledgers of h and the counts of its histograms together.
func checkConnections(q *question, arm, where string, h Handshakes) {
	for _, l := range []struct {
		name string
		*HandshakeLedger
	}{{"ledger", h.Ledger}, {"ledger_total", h.LedgerTotal}} {
		if err := l.Check(); err != nil {
			q.invalid(arm, "%s: %s: %v", where, l.name, err)
		}
	}
	if in, of := *h.Ledger, *h.LedgerTotal; in.Full > of.Full || in.Resumed > of.Resumed || in.Failures() > of.Failures() {
		q.invalid(arm, "%s: more connections measured than there were in the whole life", where)
	}
	failed := total(h.RPCFailed)
	rpcs := Ledger{Scheduled: failed, Started: failed, Failed: h.RPCFailed, Causes: h.RPCCauses}
	if err := rpcs.Check(); err != nil {
		q.invalid(arm, "%s: RPCs: %v", where, err)
	}
	checkCauses(q, arm, where+": RPCs", rpcs)
	var asked int64
	for _, k := range []struct {
		name   string
		of     *Handshake
		ledger int64
	}{{"full", h.Full, h.Ledger.Full}, {"resumed", h.Resumed, h.Ledger.Resumed}} {
		var count int64
		if k.of != nil {
			count = k.of.Count
			if k.of.Phases == nil {
				q.invalid(arm, "%s: %s: its phases are missing", where, k.name)
				continue
			}
			asked += k.of.Phases.FirstRPC.Count
			for _, d := range k.of.Phases.timed() {
				if d.Count != count || d.Valued != count {
					q.invalid(arm, "%s: histogram and ledger disagree: %s %s: %d values of %d, must be %d", where, k.name, d.name, d.Valued, d.Count, count)
				}
			}
		}
		if count != k.ledger {
			q.invalid(arm, "%s: %s: %d timed, the ledger has %d", where, k.name, count, k.ledger)
		}
	}
	if want := h.Ledger.OK() - total(h.RPCFailed); asked != want {
		q.invalid(arm, "%s: first RPCs on %d connections, must be %d", where, asked, want)
	}
}

// timed are the distributions that hold every connection.
func (p *Phases) timed() []named {
	return []named{{"resolve", &p.Resolve}, {"connect", &p.Connect}, {"tls", &p.TLS}, {"http2", &p.HTTP2}, {"total", &p.Total}}
}

// distributions are all of h's.
func (h *Handshakes) distributions() []named {
	var all []named
	for _, k := range []*Handshake{h.Full, h.Resumed} {
		if k != nil && k.Phases != nil {
			p := k.Phases
			all = append(append(all, p.timed()...), named{"first RPC", &p.FirstRPC}, named{"steady RPC", &p.SteadyRPC})
		}
	}
	return all
}

// connectionCounts are all counts of h that add up over epochs.
func connectionCounts(h Handshakes) map[string]int64 {
	m := map[string]int64{}
	for prefix, l := range map[string]*HandshakeLedger{"ledger ": h.Ledger, "ledger_total ": h.LedgerTotal} {
		for name, n := range l.counts() {
			m[prefix+name] = n
		}
	}
	for code, causes := range h.RPCCauses {
		for name, n := range causes {
			m["rpc_failed "+code+": "+name] = n
		}
	}
	for code, n := range h.RPCFailed {
		m["rpc_failed "+code] = n
	}
	return m
}

// askResumptions holds the kinds of connections against the plan. A resumption that was
// refused shows as one more full handshake.
func askResumptions(q *question) {
	for _, a := range q.r.Arms {
		if a.Handshake == nil || a.Handshake.Ledger == nil || a.Handshake.LedgerTotal == nil || q.r.Plan.Handshakes == nil {
			continue // connections_unaccounted says so
		}
		epochs := int64(len(a.Epochs))
		full := int64(q.r.Plan.Handshakes.Count) * epochs
		resumed := int64(0)
		if a.Settings.Resumption {
			resumed = full
		}
		if l := a.Handshake.Ledger; l.Full > full || l.Resumed > resumed || l.Planned != full+resumed ||
			l.Failures()+l.NotStarted == 0 && (l.Full != full || l.Resumed != resumed) {
			q.invalid(a.Name, "%d full and %d resumed connections, must be %d and %d", l.Full, l.Resumed, full, resumed)
		}
		q.rushed(a, full)
	}
}

// rushed holds those of the saturated blocks and of the preflight. Of resumption each
// opener, and the preflight, has one full handshake, that for its first ticket.
func (q *question) rushed(a Arm, full int64) {
	total := a.Handshake.LedgerTotal
	most := full + 1
	if q.r.Plan.Saturated > 0 {
		most += int64(q.r.Plan.Load.Concurrency) * int64(len(a.Epochs))
	}
	switch {
	case !a.Settings.Resumption && total.Resumed > 0:
		q.invalid(a.Name, "%d connections were resumed in the saturated blocks, must be none", total.Resumed)
	case a.Settings.Resumption && total.Full > most:
		q.invalid(a.Name, "%d full handshakes with those of the saturated blocks, must be at most %d: the server refused to resume", total.Full, most)
	}
}

// askServerHandshakes holds the client's account against the bundled server's.
func askServerHandshakes(q *question) {
	q.skip("no bundled server counted the handshakes")
	for _, a := range q.r.Arms {
		if !q.r.bundled(a.Settings) {
			continue
		}
		for _, e := range a.Epochs {
			if e.Handshake == nil || e.Handshake.LedgerTotal == nil {
				continue // connections_unaccounted says so
			}
			s, l := e.Handshake.ServerLedger, *e.Handshake.LedgerTotal
			switch {
			case s == nil && e.Interrupted:
			case s == nil:
				q.find(finding{verdict: Degraded, arm: a.Name,
					text: fmt.Sprintf("epoch %d: the server's own count is missing: it ended or did not answer", e.Index)})
			case !s.fits(l, a.Settings.TLS != plan.Off):
				q.invalid(a.Name, "epoch %d: server counted %d connections, %d full and %d resumed handshakes; the client's %d full, %d resumed of %d begun do not fit",
					e.Index, s.Accepted, s.Full, s.Resumed, l.Full, l.Resumed, l.Planned-l.NotStarted)
			default:
				q.skip("")
			}
		}
	}
}

// fits says whether l can be the other side of s. A connection that failed may have got
// so far or not.
func (s ServerHandshakes) fits(l HandshakeLedger, secure bool) bool {
	begun := l.Planned - l.NotStarted
	if s.Accepted < l.OK() || s.Accepted > begun {
		return false
	}
	return !secure || s.Full >= l.Full && s.Resumed >= l.Resumed && s.Full+s.Resumed+s.Failed <= begun
}

// askConnectionsLost asks of the connections that were measured one at a time, and then
// of all others: those of the saturated blocks and of the preflight.
func askConnectionsLost(q *question) {
	for _, a := range q.r.Arms {
		if a.Handshake == nil || a.Handshake.Ledger == nil || a.Handshake.LedgerTotal == nil {
			continue // connections_unaccounted says so
		}
		h := a.Handshake
		l, others := *h.Ledger, h.LedgerTotal.less(*h.Ledger)
		for _, e := range a.Epochs {
			if h := e.Handshake; e.Interrupted && q.r.Failure == "" && h != nil && h.Ledger != nil && h.LedgerTotal != nil { // given up on purpose
				l.NotStarted -= h.Ledger.NotStarted
				l.Failed = without(l.Failed, h.Ledger.Failed, "INTERRUPTED")
				others.Failed = without(others.Failed, h.LedgerTotal.less(*h.Ledger).Failed, "INTERRUPTED")
			}
		}
		q.connectionsLost(a.Name, "connections", l, h.RPCFailed)
		q.connectionsLost(a.Name, "connections at full speed", others, nil)
	}
}

// connectionsLost asks of the connections of l, and of those of them whose RPCs failed.
func (q *question) connectionsLost(arm, which string, l HandshakeLedger, rpcFailed map[string]int64) {
	lost := l.Failures() + l.NotStarted + total(rpcFailed)
	if l.Planned <= 0 || lost <= 0 {
		return
	}
	share := float64(lost) / float64(l.Planned)
	text := fmt.Sprintf("%d of %d %s (%s) were not made or could not be used", lost, l.Planned, which, percent(share))
	for _, part := range []struct{ head, text string }{
		{"failed ", l.Classes()}, {"not started ", nonZero(l.NotStarted)}, {"RPCs failed ", HandshakeLedger{Failed: rpcFailed}.Classes()},
	} {
		if part.text != "" {
			text += "; " + part.head + part.text
		}
	}
	q.find(finding{verdict: q.ofLost(share), arm: arm, text: text, values: map[string]float64{"lost": float64(lost), "share": share}})
}

func nonZero(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// without is all but those of some that are of a class.
func without(all, some map[string]int64, class string) map[string]int64 {
	left := map[string]int64{}
	for name, n := range all {
		if name == class {
			n -= some[name]
		}
		if n > 0 {
			left[name] = n
		}
	}
	return left
}
