package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// opened says whether r is of a plan that opens connections for their own sake.
func opened(r result.Result) bool {
	return r.Plan.Kind == plan.KindHandshake && r.Plan.Handshakes != nil
}

// program is the command that made r.
func program(r result.Result) string {
	return "grpc-bench " + r.Plan.Command()
}

// pace says how connections are opened.
func pace(r result.Result) []string {
	h := r.Plan.Handshakes
	items := []string{measuredEpochs(r) + " × " + plural(h.Count, "connection")}
	if h.Rate > 0 {
		items = append(items, "at most "+rate(h.Rate)+"/s")
	}
	return items
}

// connectionBytes is the column of what went over a connection until it was open.
func (b book) connectionBytes() measured {
	return measured{column{"bytes", "out · in"}, "", func(a *result.Arm) string {
		h := a.Handshake.Measured()
		if h == nil || h.Phases == nil {
			return absent
		}
		return both(&h.SentBytes, &h.ReceivedBytes, amount)
	}}
}

// measuredOf is what is compared of a; empty if there is nothing.
func measuredOf(a *result.Arm) result.Handshake {
	if h := a.Handshake.Measured(); h != nil {
		return *h
	}
	return result.Handshake{}
}

// rushOf is a's saturated block; empty if there was none.
func rushOf(a *result.Arm) result.SaturatedHandshakes {
	if a.Handshake == nil || a.Handshake.Saturated == nil {
		return result.SaturatedHandshakes{}
	}
	return *a.Handshake.Saturated
}

// phaseHead heads the cells of phaseRows. Name resolution is among them if there was a
// name.
func (b book) phaseHead() []string {
	head := []string{"TCP", "TLS", "HTTP/2", "first RPC", "CPU client · server", "bytes out · in", "allocs client · server", "saturated · per core"}
	if b.resolves() {
		head = append([]string{"resolve"}, head...)
	}
	return head
}

// resolves says whether some connection was to a name.
func (b book) resolves() bool {
	return slices.ContainsFunc(b.Arms, func(a result.Arm) bool {
		h := a.Handshake.Measured()
		return h != nil && h.Phases != nil && h.Phases.Resolve.Max != nil && *h.Phases.Resolve.Max > 0
	})
}

// phaseRows are what connections of each kind of each arm cost, in absolute figures.
// Medians of the phases; what the first RPC takes longer than a later one; means.
func (b book) phaseRows() (rows []row) {
	for i := range b.Arms {
		a := &b.Arms[i]
		if a.Handshake == nil {
			continue
		}
		for _, k := range []struct {
			suffix string
			of     *result.Handshake
		}{{"", a.Handshake.Full}, {" resumed", a.Handshake.Resumed}} {
			if k.of != nil && k.of.Phases != nil {
				rows = append(rows, textRow(a.Name+k.suffix, b.phaseCells(a, *k.of, k.of == a.Handshake.Measured())))
			}
		}
	}
	return rows
}

// phaseCells are those of one row. The block at full speed is of the kind that is
// compared.
func (b book) phaseCells(a *result.Arm, h result.Handshake, compared bool) []string {
	p := h.Phases
	p50 := func(d result.Distribution) string {
		if d.Max == nil || *d.Max == 0 {
			return "–"
		}
		return quantile(d.Quantile(0.5), 0)
	}
	surcharge := absent
	if h.FirstRPC != nil {
		surcharge = signed(*h.FirstRPC)
	}
	allocs, saturated := "–", "–"
	if s := rushOf(a); compared && s.Achieved > 0 {
		allocs, saturated = both(s.ClientAllocs, s.ServerAllocs, amount), rate(s.Achieved)+" · "+maybe(s.PerCore, rate)+" /s"
	}
	cells := []string{p50(p.Connect), p50(p.TLS), p50(p.HTTP2), surcharge, both(h.ClientCPU, h.ServerCPU, duration),
		both(&h.SentBytes, &h.ReceivedBytes, amount), allocs, saturated}
	if b.resolves() {
		cells = append([]string{p50(p.Resolve)}, cells...)
	}
	return cells
}

// signed prints a time with its sign.
func signed(ns float64) string {
	if ns < 0 {
		return "-" + duration(-ns)
	}
	return "+" + duration(ns)
}

// listOpened lays out the connections of an arm for a reader who compares them with
// nothing.
func (b book) listOpened(a *result.Arm) listing {
	l := listing{name: a.Name}
	if a.Handshake == nil {
		return l
	}
	for _, k := range []struct {
		name string
		of   *result.Handshake
	}{{"full", a.Handshake.Full}, {"resumed", a.Handshake.Resumed}} {
		if k.of == nil || k.of.Phases == nil {
			continue
		}
		h, p := k.of, k.of.Phases
		l.lines = append(l.lines, line{"connections", []string{count(h.Count) + " " + k.name}})
		for _, d := range []struct {
			head string
			of   result.Distribution
		}{{"resolve", p.Resolve}, {"TCP", p.Connect}, {"TLS", p.TLS}, {"HTTP/2", p.HTTP2}, {"total", p.Total}, {"first RPC", p.FirstRPC}, {"later RPC", p.SteadyRPC}} {
			if d.of.Max != nil && *d.of.Max > 0 {
				l.lines = append(l.lines, line{d.head, b.distribution(d.of, "")})
			}
		}
		l.lines = append(l.lines,
			line{"CPU", []string{"client " + maybe(h.ClientCPU, duration), "server " + b.ofServer(a, h.ServerCPU, duration)}},
			line{"bytes", []string{"out " + amount(h.SentBytes), "in " + amount(h.ReceivedBytes)}})
	}
	if s := a.Handshake.Saturated; s != nil {
		l.lines = append(l.lines, line{"saturated", []string{rate(s.Achieved) + " connections/s", "CPU client " + maybe(s.ClientCPU, duration),
			"server " + b.ofServer(a, s.ServerCPU, duration), maybe(s.PerCore, rate) + "/s per core",
			"allocations client " + maybe(s.ClientAllocs, amount), "server " + b.ofServer(a, s.ServerAllocs, amount)}})
	}
	return l
}

// connectionNotes say what numbers of connections need beside them; not safe to print.
func connectionNotes(r result.Result) (notes []string) {
	var retries []string
	for _, a := range r.Arms {
		if n := a.Observed.HelloRetryRequests; n > 0 {
			retries = append(retries, fmt.Sprintf("%s %s with HelloRetryRequest", a.Name, count(n)))
		}
	}
	if len(retries) > 0 {
		notes = append(notes, strings.Join(retries, ", ")+": "+retried+" in the TLS handshake, since the server takes none of the key shares that it is offered first")
	}
	notes = append(notes, backendNotes(r)...)
	if !opened(r) {
		return notes
	}
	for _, a := range r.Arms {
		if s := a.Observed.ForwardSecrecy; s != nil && !*s {
			notes = append(notes, a.Name+": no forward secrecy: TLS 1.2 resumes a session without a key exchange, so whoever gets the key of its ticket can read the connection")
		}
	}
	return notes
}

// lostConnections lists the arms of which some connection was not made or not used;
// not safe to print.
func lostConnections(r result.Result) (list [][]string) {
	for _, a := range r.Arms {
		if a.Handshake == nil || a.Handshake.Ledger == nil {
			continue
		}
		l := *a.Handshake.Ledger
		rpcs := failedBy(result.Ledger{Failed: a.Handshake.RPCFailed, Causes: a.Handshake.RPCCauses})
		if l.Failures()+l.NotStarted == 0 && rpcs == "" {
			continue
		}
		items := []string{a.Name, "planned " + count(l.Planned), "made " + count(l.OK())}
		for _, part := range []struct{ head, text string }{{"failed ", tallies(l.Failed)}, {"not started ", tallies(map[string]int64{"by the end": l.NotStarted})}, {"RPCs failed ", rpcs}} {
			if part.text != "" {
				items = append(items, part.head+part.text)
			}
		}
		list = append(list, items)
	}
	return list
}

// openedAgreement says what the books of a handshake plan say of each other.
func openedAgreement(r result.Result) []string {
	var l result.HandshakeLedger
	var server result.ServerHandshakes
	served := len(r.Arms) > 0
	for _, a := range r.Arms {
		if a.Handshake == nil || a.Handshake.LedgerTotal == nil {
			continue
		}
		l.Add(*a.Handshake.LedgerTotal)
		if s := a.Handshake.ServerLedger; s == nil {
			served = false
		} else {
			server.Accepted += s.Accepted
			server.Full += s.Full
			server.Resumed += s.Resumed
		}
	}
	items := []string{fmt.Sprintf("ledger %s connections begun, %s full, %s resumed", count(l.Planned-l.NotStarted), count(l.Full), count(l.Resumed))}
	if len(l.Failed) > 0 {
		items = append(items, "failed "+tallies(l.Failed))
	}
	if served {
		return append(items, fmt.Sprintf("server counted %s, TLS %s full, %s resumed", count(server.Accepted), count(server.Full), count(server.Resumed)))
	}
	return append(items, "server has no count")
}

// openings of a handshake plan, for programs: the account, and of each kind its phases
// and costs.
func openedMeasurements(h result.Handshakes) []measurement {
	if h.Ledger == nil {
		return nil
	}
	var list []measurement
	counted := func(metric string, n int64) {
		list = append(list, measurement{metric: metric, unit: "count", value: float64(n)})
	}
	counted("planned", h.Ledger.Planned)
	counted("not_started", h.Ledger.NotStarted)
	counted("full", h.Ledger.Full)
	counted("resumed", h.Ledger.Resumed)
	counted("failed", h.Ledger.Failures())
	for _, class := range slices.Sorted(maps.Keys(h.Ledger.Failed)) {
		counted("failed_"+class, h.Ledger.Failed[class])
	}
	for _, code := range slices.Sorted(maps.Keys(h.RPCFailed)) {
		counted("rpc_failed_"+code, h.RPCFailed[code])
	}
	return list
}

// openedPhases are the distributions of one kind.
func openedPhases(kind string, h result.Handshake) (list []measurement) {
	if h.FirstRPC != nil {
		list = append(list, measurement{metric: kind + "_first_rpc_surcharge_ns", unit: "ns", value: *h.FirstRPC, count: h.Count})
	}
	if p := h.Phases; p != nil {
		for _, d := range []struct {
			name string
			of   result.Distribution
		}{{"resolve", p.Resolve}, {"connect", p.Connect}, {"tls", p.TLS}, {"http2", p.HTTP2}, {"total", p.Total}, {"first_rpc", p.FirstRPC}, {"steady_rpc", p.SteadyRPC}} {
			list = append(list, distribution(kind+"_"+d.name, d.of)...)
		}
	}
	return list
}
