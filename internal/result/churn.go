package result

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"grpcbench/internal/plan"
)

// Churn is what became of the connections that were due to be replaced in the windows:
//
//	Due = Opened + Missed + Σ Failed
type Churn struct {
	Due    int64            `json:"due"`
	Opened int64            `json:"opened"` // connections that took the place of another
	Missed int64            `json:"missed"` // not begun: the connection's last replacement was still being made
	Failed map[string]int64 `json:"failed"` // handshakes, by class; no RPC failed by them alone
	// Handshake is what the opened ones took, while RPCs went on: no CPU of theirs can be
	// told apart.
	Handshake *Handshakes `json:"handshake,omitempty"`
}

// Replaced is the churn of the processes' whole life, all epochs.
type Replaced struct {
	Due      int64            `json:"due"`
	Opened   int64            `json:"opened"`
	Missed   int64            `json:"missed"`
	Failed   map[string]int64 `json:"failed"`
	Drained  int64            `json:"drained"`                   // connections that were replaced and ended with no RPC on them
	MostRPCs int64            `json:"most_rpcs"`                 // that one connection has had
	Accepted *int64           `json:"server_accepted,omitempty"` // connections that the bundled servers accepted after the first ones
}

// replacements holds what the client did, and what the bundled server saw of it, against
// the settings.
func (o *observation) replacements(p plan.Plan) {
	seen := o.Observed.Replaced
	if !o.Settings.Churns() {
		if seen != nil || o.Arm.Churn != nil {
			o.wrong = append(o.wrong, "connections replaced: asked for none, observed some")
		}
		return
	}
	if seen == nil || o.Arm.Churn == nil {
		o.want("connections replaced", "", "some")
		return
	}
	for _, e := range o.whole() {
		o.due(e, p)
	}
	if got := seen.Opened + seen.Missed + total(seen.Failed); got != seen.Due && len(o.whole()) == len(o.Epochs) {
		o.wrong = append(o.wrong, fmt.Sprintf("connections replaced: %d were due, opened, missed and failed are %d", seen.Due, got))
	}
	if o.Settings.MaxRPCs > 0 {
		o.full(*seen)
	}
	o.accepted(*seen)
}

// full holds connections that were replaced for the number of their RPCs against it. Of n
// connections that end after so many, each has begun some RPCs of its last life, and
// some had been counted to it when it began.
func (o *observation) full(seen Replaced) {
	most := int64(o.Settings.MaxRPCs)
	slack := int64(o.Settings.Connections * len(o.Epochs))
	// A connection that is replaced twice has had as many as it may, whatever was counted
	// to it when it began.
	if seen.MostRPCs > most || seen.MostRPCs < most && seen.Due > slack {
		o.wrong = append(o.wrong, fmt.Sprintf("RPCs of a connection: asked for %d at most, observed %d", most, seen.MostRPCs))
	}
	if o.LedgerTotal.Lost() > 0 || o.Observed.Reconnects > 0 {
		return // some RPCs had no connection, or one that began anew
	}
	lives := o.LedgerTotal.Started / most
	if seen.Due < lives-slack || seen.Due > lives+slack {
		o.wrong = append(o.wrong, fmt.Sprintf("connections replaced after %d RPCs: asked for %d in %d RPCs, give or take %d, observed %d",
			most, lives, o.LedgerTotal.Started, slack, seen.Due))
	}
}

// due holds the replacements of one epoch's window against those that the settings ask
// for.
func (o *observation) due(e Epoch, p plan.Plan) {
	if e.Churn == nil {
		o.want(fmt.Sprintf("epoch %d: connections replaced", e.Index), "", "some")
		return
	}
	// A window holds the whole part of what it is long enough for, or one more.
	asked := o.Settings.Replacements() * p.Window.Seconds()
	if n := float64(e.Churn.Due); asked > 0 && (n < math.Floor(asked+1e-9) || n > math.Ceil(asked-1e-9)) {
		o.wrong = append(o.wrong, fmt.Sprintf("epoch %d: connections to replace in the window: asked for %.6g, observed %d", e.Index, asked, e.Churn.Due))
	}
	if got := e.Churn.Opened + e.Churn.Missed + total(e.Churn.Failed); got != e.Churn.Due {
		o.wrong = append(o.wrong, fmt.Sprintf("epoch %d: connections to replace in the window: %d were due, opened, missed and failed are %d", e.Index, e.Churn.Due, got))
	}
}

// accepted holds the client's count of connections against the bundled server's. A
// handshake that failed may have got so far or not.
func (o *observation) accepted(seen Replaced) {
	if seen.Accepted == nil || !o.bundled {
		return
	}
	least := seen.Opened + o.Observed.Reconnects
	most := least + total(seen.Failed)
	if n := *seen.Accepted; n < least || n > most && o.LedgerTotal.Lost() == 0 {
		o.wrong = append(o.wrong, fmt.Sprintf("connections replaced: %d by the client's count, the server accepted %d", least, n))
	}
}

func total(counts map[string]int64) (n int64) {
	for _, k := range counts {
		n += k
	}
	return n
}

func askChurn(q *question) {
	q.skip("no connection was to be replaced")
	for _, a := range q.r.Arms {
		c := a.Churn
		if c == nil || c.Due == 0 {
			continue
		}
		q.skip("")
		lost := c.Missed + total(c.Failed)
		if lost <= 0 {
			continue
		}
		share := float64(lost) / float64(c.Due)
		q.find(finding{verdict: q.ofLost(share), arm: a.Name,
			text: fmt.Sprintf("%d of %d connections due to be replaced (%s) were not: %s; RPCs went on where they were, so this is less churn than was asked for",
				lost, c.Due, percent(share), unreplaced(*c, a.Settings)),
			values: map[string]float64{"not_replaced": float64(lost), "share": share}})
	}
}

// unreplaced says what became of the replacements that were not made.
func unreplaced(c Churn, s plan.Settings) string {
	var parts []string
	for _, class := range slices.Sorted(maps.Keys(c.Failed)) {
		parts = append(parts, fmt.Sprintf("%s %d", class, c.Failed[class]))
	}
	if c.Missed > 0 {
		less := "lower --churn"
		if s.ConnectionAge > 0 {
			less = "raise --connection-age"
		}
		parts = append(parts, fmt.Sprintf("%d were due while the last one was still being made (%s or raise --connections)", c.Missed, less))
	}
	return strings.Join(parts, ", ")
}
