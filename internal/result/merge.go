package result

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"grpcbench/internal/plan"
)

// Total works out the figures of r's arms of the sums of their epochs, as [NewEpoch] makes
// them. Those of an older tool, without sums, stay as they are.
func (r *Result) Total() error {
	for i := range r.Arms {
		if err := r.Arms[i].total(r.Plan); err != nil {
			return fmt.Errorf("arm %s: %w", r.Arms[i].Name, err)
		}
	}
	return nil
}

// Merge returns what a and b found together: two parts of one plan, be it epochs of one
// run, or the same epochs on two machines. A result is a map from epoch and arm to sums;
// those of equal keys are added, the others united, and all else is worked out of them, so
// that order and grouping do not matter. a and b stay as they are.
//
// What is worked out and judged is not merged and absent: the figures of arms over their
// epochs, which [Result.Total] fills in; comparisons, ceilings, gates, checks, the verdict and
// their warnings.
func Merge(a, b *Result) (*Result, error) {
	if err := samePlan(a.Plan, b.Plan); err != nil {
		return nil, fmt.Errorf("merge results: %w", err)
	}
	if b.ID < a.ID {
		a, b = b, a
	}
	out := &Result{
		Schema: Schema, ID: a.ID, Name: a.Name, Created: a.Created, Tool: a.Tool, Plan: a.Plan, Groups: a.Groups,
		Interrupted: least(a.Interrupted, b.Interrupted), Unfinished: a.Unfinished || b.Unfinished,
		Failure: strings.Join(union(sentences(a.Failure), sentences(b.Failure)), "; "), Warnings: observedWarnings(a, b),
	}
	if b.Created.Before(out.Created) {
		out.Created = b.Created
	}
	if out.Machines = mergeMachines(a, b); len(out.Machines) > 0 {
		out.Machine = out.Machines[0]
	}
	if len(out.Machines) == 1 {
		out.Machines, out.Machine.Run = nil, ""
	}
	for i := range max(len(a.Arms), len(b.Arms)) {
		if i >= len(a.Arms) || i >= len(b.Arms) || a.Arms[i].Name != b.Arms[i].Name {
			return nil, errors.New("merge results: they have different arms")
		}
		arm, err := mergeArm(a.Arms[i], b.Arms[i])
		if err != nil {
			return nil, fmt.Errorf("merge results: arm %s: %w", a.Arms[i].Name, err)
		}
		out.Arms = append(out.Arms, arm)
	}
	return out, nil
}

// samePlan returns an error if anything in two plans differs, seeds included.
func samePlan(a, b plan.Plan) error {
	first, err := json.Marshal(a)
	if err != nil {
		return err
	}
	second, err := json.Marshal(b)
	if err != nil {
		return err
	}
	if !bytes.Equal(first, second) {
		return errors.New("they are of different plans")
	}
	return nil
}

// Clone is r, to be judged: what judging changes is the clone's own.
func (r *Result) Clone() *Result {
	out := *r
	out.Warnings, out.Arms = slices.Clone(r.Warnings), slices.Clone(r.Arms)
	for i := range out.Arms {
		a := &out.Arms[i]
		a.Epochs, a.Levels = slices.Clone(a.Epochs), slices.Clone(a.Levels)
	}
	return &out
}

// least is the first text of both in alphabetical order that is not empty.
func least(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return min(a, b)
}

func sentences(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "; ")
}

// observedWarnings are those that were observed, and not made of a check.
func observedWarnings(a, b *Result) []Warning {
	var all []Warning
	for _, w := range slices.Concat(a.Warnings, b.Warnings) {
		if !isCheck(w.Code) {
			all = append(all, w)
		}
	}
	key := func(w Warning) string { return w.Code + "\x00" + w.Arm + "\x00" + w.Text }
	slices.SortStableFunc(all, func(a, b Warning) int { return cmp.Compare(key(a), key(b)) })
	return slices.CompactFunc(all, func(a, b Warning) bool { return key(a) == key(b) })
}

// mergeMachines are those of both results, by run. Epochs of one machine are united.
func mergeMachines(a, b *Result) []Machine {
	of := map[string]Machine{}
	for _, r := range []*Result{a, b} {
		all := r.Machines
		if len(all) == 0 {
			m := r.Machine
			m.Run = r.ID
			all = []Machine{m}
		}
		for _, m := range all {
			if known, ok := of[m.Run]; ok {
				epochs := slices.Concat(known.Epochs, m.Epochs)
				m, m.Epochs = known, epochs
			}
			of[m.Run] = m
		}
	}
	var out []Machine
	for _, run := range slices.Sorted(maps.Keys(of)) {
		out = append(out, of[run])
	}
	return out
}

// mergeArm merges one arm of two results.
func mergeArm(a, b Arm) (Arm, error) {
	out := Arm{Name: a.Name, AA: a.AA, Settings: a.Settings}
	epochs := map[int]Epoch{}
	for _, e := range slices.Concat(a.Epochs, b.Epochs) {
		if e.Sums == nil || e.Seen == nil {
			return out, fmt.Errorf("epoch %d has no sums: it is of an older tool", e.Index)
		}
		e.CeilingRate = nil
		e.unjudged()
		if known, ok := epochs[e.Index]; ok {
			var err error
			if e, err = mergeEpoch(known, e); err != nil {
				return out, fmt.Errorf("epoch %d: %w", e.Index, err)
			}
		}
		epochs[e.Index] = e
	}
	for _, i := range slices.Sorted(maps.Keys(epochs)) {
		out.Epochs = append(out.Epochs, epochs[i])
	}
	var err error
	out.Windows, err = mergeWindows(a.Windows, b.Windows)
	return out, err
}

// total works out what an arm found over its epochs.
func (a *Arm) total(p plan.Plan) error {
	if len(a.Epochs) == 0 || a.Epochs[0].Sums == nil {
		return nil
	}
	a.Figures, a.Handshake, a.Churn, a.Levels, a.Ceiling = Figures{}, nil, nil, nil, nil
	for _, e := range a.Epochs {
		one := Arm{Figures: e.Figures, Handshake: e.Handshake, Churn: e.Churn, Levels: levels(p, e)}
		if err := a.add(one); err != nil {
			return err
		}
	}
	return a.derive()
}

// add adds what other epochs found.
func (a *Arm) add(o Arm) (err error) {
	if a.Figures, err = a.Figures.and(o.Figures, inTurn); err != nil {
		return err
	}
	if a.Handshake, err = a.Handshake.and(o.Handshake, inTurn); err != nil {
		return err
	}
	if a.Churn, err = a.Churn.and(o.Churn, inTurn); err != nil {
		return err
	}
	a.Levels, err = addLevels(a.Levels, o.Levels)
	return err
}

// derive works out all that an arm and its epochs are said to have found.
func (a *Arm) derive() error {
	ofArm := a.Seen.Server.ofArm()
	if err := a.Figures.derive(ofArm, true); err != nil {
		return err
	}
	if err := a.Handshake.derive(true); err != nil {
		return err
	}
	if a.Churn != nil {
		if err := a.Churn.Handshake.derive(false); err != nil {
			return err
		}
	}
	for i := range a.Levels {
		if err := a.Levels[i].Step.derive(); err != nil {
			return err
		}
	}
	for i := range a.Epochs {
		a.Epochs[i].ofServer(ofArm)
	}
	a.Observed = a.Seen.observed()
	return nil
}

// ofServer fills in what the server counted, which is the arm's only if it is in all epochs.
func (f *Figures) ofServer(ofArm bool) {
	f.ServerLedger, f.ResponseCompressed, f.ResponseCompressionRatio, f.ServerCodecCPU = nil, 0, nil, nil
	told := f.Seen.Server
	if !ofArm || f.Sums.Windows == 0 {
		return
	}
	if told.Silent == 0 {
		f.ServerLedger = &ServerLedger{Started: told.Started, OK: told.OK}
	}
	f.ResponseCompressed = told.Responses.Messages
	f.ResponseCompressionRatio, f.ServerCodecCPU = told.Responses.Bytes.Value(), told.Responses.CPU.Value()
}

// and is what f and o add up to, without what is derived.
func (f Figures) and(o Figures, how adding) (Figures, error) {
	if f.Sums == nil || o.Sums == nil {
		if f.Sums == nil {
			f = o
		}
		return f.clone(), nil
	}
	sum := f.clone()
	sum.Ledger.Add(o.Ledger)
	sum.LedgerTotal.Add(o.LedgerTotal)
	sum.Seen.add(*o.Seen, how)
	switch {
	case o.Saturated == nil || o.Saturated.Sums == nil: // or made of a ceiling
	case sum.Saturated == nil:
		sum.Saturated = o.Saturated
	default:
		saturated := *sum.Saturated.Sums
		saturated.add(*o.Saturated.Sums, how)
		sum.Saturated = &Saturated{Sums: &saturated}
	}
	return sum, sum.Sums.add(*o.Sums, how)
}

// clone is f with ledgers, sums and what was seen of its own.
func (f Figures) clone() Figures {
	if f.Sums == nil {
		return f
	}
	window, total := Ledger{}, Ledger{}
	window.Add(f.Ledger)
	total.Add(f.LedgerTotal)
	f.Ledger, f.LedgerTotal = window, total
	sums, seen := *f.Sums, *f.Seen
	f.Sums, f.Seen = &sums, &seen
	f.unjudged()
	return f
}

// unjudged drops what was made of a ceiling.
func (f *Figures) unjudged() {
	if f.Saturated != nil && f.Saturated.Sums == nil {
		f.Saturated = nil
	}
}

// and is what h and o add up to; nil: neither has connections.
func (h *Handshakes) and(o *Handshakes, how adding) (*Handshakes, error) {
	switch {
	case h == nil && o == nil:
		return nil, nil
	case h == nil:
		h = &Handshakes{}
	case o == nil:
		o = &Handshakes{}
	}
	sum := &Handshakes{
		Ledger: h.Ledger.and(o.Ledger), LedgerTotal: h.LedgerTotal.and(o.LedgerTotal),
		RPCFailed: addCounts(h.RPCFailed, o.RPCFailed), RPCCauses: maps.Clone(h.RPCCauses),
	}
	for code, causes := range o.RPCCauses {
		if sum.RPCCauses == nil {
			sum.RPCCauses = map[string]map[string]int64{}
		}
		sum.RPCCauses[code] = addCounts(sum.RPCCauses[code], causes)
	}
	// A server that did not tell in one epoch has no count of all.
	if (h.Ledger == nil || h.ServerLedger != nil) && (o.Ledger == nil || o.ServerLedger != nil) {
		sum.ServerLedger = h.ServerLedger.and(o.ServerLedger)
	}
	var err error
	if sum.Full, err = h.Full.and(o.Full); err != nil {
		return nil, err
	}
	if sum.Resumed, err = h.Resumed.and(o.Resumed); err != nil {
		return nil, err
	}
	switch {
	case h.Saturated == nil:
		sum.Saturated = o.Saturated
	case o.Saturated == nil:
		sum.Saturated = h.Saturated
	default:
		saturated := *h.Saturated.Sums
		saturated.add(*o.Saturated.Sums, how)
		sum.Saturated = &SaturatedHandshakes{Sums: &saturated}
	}
	return sum, nil
}

func (h *Handshake) and(o *Handshake) (*Handshake, error) {
	if h == nil || o == nil {
		if h == nil {
			h = o
		}
		if h == nil {
			return nil, nil
		}
		one := *h // whose figures are worked out anew
		return &one, nil
	}
	sums := *h.Sums
	if err := sums.add(*o.Sums); err != nil {
		return nil, err
	}
	return &Handshake{Sums: &sums, Phases: cmp.Or(h.Phases, o.Phases)}, nil
}

func (l *HandshakeLedger) and(o *HandshakeLedger) *HandshakeLedger {
	if l == nil && o == nil {
		return nil
	}
	sum := &HandshakeLedger{}
	for _, one := range []*HandshakeLedger{l, o} {
		if one != nil {
			sum.Add(*one)
		}
	}
	return sum
}

func (s *ServerHandshakes) and(o *ServerHandshakes) *ServerHandshakes {
	switch {
	case s == nil:
		return o
	case o == nil:
		return s
	}
	return &ServerHandshakes{Accepted: s.Accepted + o.Accepted, Full: s.Full + o.Full, Resumed: s.Resumed + o.Resumed, Failed: s.Failed + o.Failed}
}

// and is what became of the connections of c and o; nil: none was to be replaced.
func (c *Churn) and(o *Churn, how adding) (*Churn, error) {
	switch {
	case c == nil && o == nil:
		return nil, nil
	case c == nil:
		c = &Churn{}
	case o == nil:
		o = &Churn{}
	}
	sum := &Churn{Due: c.Due + o.Due, Opened: c.Opened + o.Opened, Missed: c.Missed + o.Missed, Failed: addCounts(c.Failed, o.Failed)}
	if sum.Failed == nil {
		sum.Failed = map[string]int64{}
	}
	var err error
	sum.Handshake, err = c.Handshake.and(o.Handshake, how)
	return sum, err
}

// mergeEpoch is an epoch that was measured on two machines at once.
func mergeEpoch(a, b Epoch) (out Epoch, err error) {
	if len(a.Blocks)+len(b.Blocks) > 0 {
		return a, errors.New("the windows of a ceiling cannot be added: each machine has a search of its own")
	}
	out = a
	if b.Start.Before(out.Start) {
		out.Start = b.Start
	}
	out.Took, out.Interrupted = max(a.Took, b.Took), a.Interrupted || b.Interrupted
	if out.Figures, err = a.Figures.and(b.Figures, together); err != nil {
		return out, err
	}
	if out.Handshake, err = a.Handshake.and(b.Handshake, together); err != nil {
		return out, err
	}
	if out.Churn, err = a.Churn.and(b.Churn, together); err != nil {
		return out, err
	}
	out.Generator.add(b.Generator)
	return out, out.derive()
}

// NewEpoch works out the figures of an epoch of its sums. Its Ledgers, Sums and Seen, its
// Saturated, Handshake and Churn with their sums, and its Generator's own are there.
func NewEpoch(e Epoch) (Epoch, error) {
	seen := *e.Seen
	seen.Links, seen.ServerSettings, seen.GoAways = addLinks(seen.Links, nil), addSettings(seen.ServerSettings, nil), addGoAways(seen.GoAways, nil)
	e.Seen = &seen
	return e, e.derive()
}

// derive works out the figures of e of its sums.
func (e *Epoch) derive() error {
	if err := e.Figures.derive(e.Seen.Server.ofArm(), false); err != nil {
		return err
	}
	e.Generator.derive(e.Sums)
	if e.Churn != nil {
		if err := e.Churn.Handshake.derive(false); err != nil {
			return err
		}
	}
	return e.Handshake.derive(false)
}

// add adds the health of another generator: of both the worse.
func (g *Generator) add(o Generator) {
	g.Gomaxprocs = max(g.Gomaxprocs, o.Gomaxprocs)
	g.ReleaseP50, g.ReleaseP99 = max(g.ReleaseP50, o.ReleaseP50), max(g.ReleaseP99, o.ReleaseP99)
	g.BusySum += o.BusySum
	g.InFlight[0], g.InFlight[1] = g.InFlight[0]+o.InFlight[0], g.InFlight[1]+o.InFlight[1]
	if g.RSSBytes == nil || o.RSSBytes != nil && *o.RSSBytes > *g.RSSBytes {
		g.RSSBytes = o.RSSBytes
	}
}

// mergeWindows unites the timelines of two parts, in the order of epochs and time. Seconds
// of one epoch that both have are added.
func mergeWindows(a, b []Window) ([]Window, error) {
	all := slices.Concat(a, b)
	order := func(a, b Window) int { return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Start, b.Start)) }
	slices.SortStableFunc(all, order)
	out := []Window{}
	for _, w := range all {
		if n := len(out); n > 0 && order(out[n-1], w) == 0 {
			if err := out[n-1].add(w); err != nil {
				return nil, fmt.Errorf("epoch %d: %w", w.Epoch, err)
			}
			continue
		}
		out = append(out, w)
	}
	return out, nil
}

// add adds the same second of another machine.
func (w *Window) add(o Window) error {
	sum := Window{Epoch: w.Epoch, Start: w.Start, Scheduled: w.Scheduled + o.Scheduled, OK: w.OK + o.OK, Latency: w.Latency, Service: w.Service, Lag: w.Lag}
	if w.Failed != nil && o.Failed != nil {
		sum.Failed = new(*w.Failed + *o.Failed)
	}
	if w.NotStarted != nil && o.NotStarted != nil {
		sum.NotStarted = new(*w.NotStarted + *o.NotStarted)
	}
	if err := join([]pair{{&sum.Latency, o.Latency}, {&sum.Service, o.Service}, {&sum.Lag, o.Lag}}); err != nil {
		return err
	}
	if sum.Latency.Count != sum.OK {
		return errors.New("a second of it has no histogram: they are in latency.hlog")
	}
	*w = sum
	return w.derive()
}

// derive works out the quantiles of w of its histograms.
func (w *Window) derive() error {
	latency, err := summarize(w.Latency, w.Scheduled, false)
	if err != nil {
		return err
	}
	lag, err := summarize(w.Lag, w.Lag.Count, false)
	if err != nil {
		return err
	}
	w.P50, w.P99, w.Max, w.LagP99 = latency.P50, latency.P99, latency.Max, lag.P99
	return nil
}

// levels are what the windows of an epoch of a ceiling say of each number of callers or
// rate, but for those that nothing is estimated from.
func levels(p plan.Plan, e Epoch) (all []Level) {
	for _, b := range e.Blocks {
		if !b.Counts() || b.Sums == nil {
			continue
		}
		l := Level{Step: b.Step, Windows: 1}
		if p.Ceiling != nil && b.Rate > 0 && b.Keeps(p.Ceiling.SLO) {
			l.Kept = 1
		}
		all = append(all, l)
	}
	return all
}

// at is what a step is measured at.
func (s Step) at() float64 { return max(s.Rate, float64(s.Callers)) }

// addLevels are those of both, in rising order, without what is derived.
func addLevels(a, b []Level) ([]Level, error) {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(a, b Level) int { return cmp.Compare(a.at(), b.at()) })
	var out []Level
	for _, l := range all {
		one := Level{Step: Step{Callers: l.Callers, Rate: l.Rate, Growth: l.Growth, Over: slices.Clone(l.Over)}, Windows: l.Windows, Kept: l.Kept}
		one.Ledger.Add(l.Ledger)
		sums := *l.Sums
		one.Sums = &sums
		n := len(out)
		if n == 0 || out[n-1].at() != l.at() {
			out = append(out, one)
			continue
		}
		to := &out[n-1]
		to.Ledger.Add(l.Ledger)
		to.Growth += l.Growth
		for i := range min(len(to.Over), len(l.Over)) {
			to.Over[i] += l.Over[i]
		}
		to.Windows, to.Kept = to.Windows+l.Windows, to.Kept+l.Kept
		if err := to.Sums.add(*l.Sums, inTurn); err != nil {
			return nil, err
		}
	}
	return out, nil
}
