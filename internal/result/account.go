package result

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"grpcbench/internal/cause"
	"grpcbench/internal/hist"
	"grpcbench/internal/load"
	"grpcbench/internal/plan"
)

func askMeasured(q *question) {
	if len(q.r.Arms) == 0 {
		q.invalid("", "no arm was measured")
	}
	for _, a := range q.r.Arms {
		switch {
		case len(a.Epochs) > 0 && a.Ledger.Scheduled > 0:
		case len(a.Epochs) > 0 && a.Handshake.Measured() != nil && q.r.Plan.Kind == plan.KindHandshake:
		case q.r.Plan.Kind == plan.KindHandshake && q.r.Interrupted == "":
			q.invalid(a.Name, "no connection was made")
		case q.r.Interrupted != "":
			q.find(finding{verdict: Partial, arm: a.Name, text: "the run was interrupted before an RPC was due in a window"})
		default:
			q.invalid(a.Name, "no RPC was scheduled in a window")
		}
	}
}

func askFailed(q *question) {
	if q.r.Failure != "" {
		q.invalid("", "the run could not be finished: %s", q.r.Failure)
	}
}

func askLedgers(q *question) {
	for _, a := range q.r.Arms {
		checkLedgers(q, a.Name, "arm", a.Figures)
		for _, e := range a.Epochs {
			checkLedgers(q, a.Name, fmt.Sprintf("epoch %d", e.Index), e.Figures)
		}
	}
}

func checkLedgers(q *question, arm, where string, f Figures) {
	for _, l := range []struct {
		name string
		Ledger
	}{{"ledger", f.Ledger}, {"ledger_total", f.LedgerTotal}} {
		if err := l.Check(); err != nil {
			q.invalid(arm, "%s: %s: %v", where, l.name, err)
		}
		checkCauses(q, arm, where+": "+l.name, l.Ledger)
		for name, n := range counters(l.Ledger) {
			if n < 0 {
				q.invalid(arm, "%s: %s: %s %d: must not be negative", where, l.name, name, n)
			}
		}
	}
	total := counters(f.LedgerTotal)
	for _, name := range slices.Sorted(maps.Keys(counters(f.Ledger))) {
		if n := counters(f.Ledger)[name]; n > total[name] {
			q.invalid(arm, "%s: %s: %d in the windows, must be at most the %d of the whole life", where, name, n, total[name])
		}
	}
}

// checkCauses finds fault with causes that are not of the list.
func checkCauses(q *question, arm, where string, l Ledger) {
	for _, code := range slices.Sorted(maps.Keys(l.Causes)) {
		for _, name := range slices.Sorted(maps.Keys(l.Causes[code])) {
			if name != load.NotKnown && !cause.Known(name) {
				q.invalid(arm, "%s: failed %s: %q is no cause", where, code, name)
			}
		}
	}
}

// counters are the ledger's numbers by name. Numbers that are 0 are absent, so
// that ledgers with and without an empty entry are equal.
func counters(l Ledger) map[string]int64 {
	m := map[string]int64{"scheduled": l.Scheduled, "started": l.Started, "ok": l.OK, "abandoned": l.Abandoned, "stream_waits": l.StreamWaits}
	for code, n := range l.OKByCode {
		m["ok "+code] = n
	}
	for reason, n := range l.NotStarted {
		m["not_started "+reason] = n
	}
	for code, n := range l.Failed {
		m["failed "+code] = n
	}
	for code, causes := range l.Causes {
		for name, n := range causes {
			m["failed "+code+": "+name] = n
		}
	}
	maps.DeleteFunc(m, func(_ string, n int64) bool { return n == 0 })
	return m
}

func askEpochSums(q *question) {
	for _, a := range q.r.Arms {
		sum := map[string]int64{}
		for _, e := range a.Epochs {
			if a.ServerLedger == nil { // of some epoch it is not known, so neither is the sum
				e.ServerLedger = nil
			}
			for name, n := range figureCounts(e.Figures) {
				sum[name] += n
			}
		}
		sameCounts(q, a.Name, sum, figureCounts(a.Figures))
	}
}

// figureCounts are all counts of f that add up over epochs.
func figureCounts(f Figures) map[string]int64 {
	m := map[string]int64{
		"messages_compressed":          f.Compressed,
		"response_messages_compressed": f.ResponseCompressed,
	}
	for prefix, l := range map[string]Ledger{"ledger ": f.Ledger, "ledger_total ": f.LedgerTotal} {
		for name, n := range counters(l) {
			m[prefix+name] = n
		}
	}
	if s := f.ServerLedger; s != nil {
		m["server_ledger started"], m["server_ledger ok"] = s.Started, s.OK
	}
	for prefix, d := range map[string]Distribution{"latency ": f.Latency, "service time ": f.ServiceTime, "lag ": f.Lag} {
		m[prefix+"count"], m[prefix+"valued"], m[prefix+"clamped"] = d.Count, d.Valued, d.Clamped
	}
	return m
}

// sameCounts finds fault with every count that is not what it must be.
func sameCounts(q *question, arm string, got, want map[string]int64) {
	names := map[string]bool{}
	for _, m := range []map[string]int64{got, want} {
		for name := range m {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if got[name] != want[name] {
			q.invalid(arm, "%s: parts sum to %d, the whole says %d", name, got[name], want[name])
		}
	}
}

func askWindowSums(q *question) {
	for _, a := range q.r.Arms {
		got, want, told := map[string]int64{}, map[string]int64{}, true
		for _, w := range a.Windows {
			got[fmt.Sprintf("epoch %d scheduled", w.Epoch)] += w.Scheduled
			got[fmt.Sprintf("epoch %d ok", w.Epoch)] += w.OK
			if w.Failed == nil || w.NotStarted == nil { // of an older tool
				told = false
				continue
			}
			got[fmt.Sprintf("epoch %d failed", w.Epoch)] += *w.Failed
			got[fmt.Sprintf("epoch %d not started", w.Epoch)] += *w.NotStarted
		}
		for _, e := range a.Epochs {
			want[fmt.Sprintf("epoch %d scheduled", e.Index)] = e.Ledger.Scheduled
			want[fmt.Sprintf("epoch %d ok", e.Index)] = e.Ledger.OK
			if told {
				want[fmt.Sprintf("epoch %d failed", e.Index)] = e.Ledger.Failures()
				want[fmt.Sprintf("epoch %d not started", e.Index)] = e.Ledger.Unstarted()
			}
		}
		sameCounts(q, a.Name, got, want)
	}
}

func askHistograms(q *question) {
	for _, a := range q.r.Arms {
		histogramCounts(q, a.Name, "arm", a.Figures)
		for _, e := range a.Epochs {
			histogramCounts(q, a.Name, fmt.Sprintf("epoch %d", e.Index), e.Figures)
		}
		for _, d := range a.distributions() {
			if err := agrees(*d.Distribution); err != nil {
				q.invalid(a.Name, "%s: %v", d.name, err)
			}
		}
	}
}

// named is a distribution with the name it has in reports.
type named struct {
	name string
	*Distribution
}

func (f *Figures) distributions() []named {
	return []named{{"latency", &f.Latency}, {"service time", &f.ServiceTime}, {"lag", &f.Lag}}
}

// histogramCounts holds the counts of f's distributions against its ledger.
func histogramCounts(q *question, arm, where string, f Figures) {
	l := f.Ledger
	for _, c := range []struct {
		name      string
		got, want int64
	}{
		{"latency count, scheduled", f.Latency.Count, l.Scheduled},
		{"latency values, ok", f.Latency.Valued, l.OK},
		{"service time count, ok", f.ServiceTime.Count, l.OK},
		{"service time values, ok", f.ServiceTime.Valued, l.OK},
		{"lag count, started", f.Lag.Count, l.Started},
		{"lag values, started", f.Lag.Valued, l.Started},
	} {
		if c.got != c.want {
			q.invalid(arm, "%s: histogram and ledger disagree: %s: %d, must be %d", where, c.name, c.got, c.want)
		}
	}
}

// agrees holds the stored quantiles against those of the stored histogram. They
// may differ by a bucket, 1/1024 of the value, where the exact maximum that
// bounds them is not stored.
func agrees(d Distribution) error {
	h, err := d.Histogram()
	if err != nil {
		return err
	}
	for _, k := range d.quantiles() {
		want, ok := h.Quantile(k.q, d.Count)
		if got := *k.value; (got != nil) != ok || ok && !near(float64(*got), float64(want), 1.0/1024) {
			return fmt.Errorf("%s %s: must be %s by the histogram", k.name, show(*k.value), show(pointer(want, ok)))
		}
	}
	return nil
}

func pointer(v int64, ok bool) *int64 {
	if !ok {
		return nil
	}
	return &v
}

func show(v *int64) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprintf("%d ns", *v)
}

// near says whether a and b differ by at most the share tolerance of b.
func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance*math.Abs(b) }

func askOrder(q *question) {
	for _, a := range q.r.Arms {
		for _, d := range a.distributions() {
			if err := ordered(*d.Distribution); err != nil {
				q.invalid(a.Name, "%s: %v", d.name, err)
			}
		}
		for _, e := range a.Epochs {
			for _, d := range e.distributions() {
				if err := ordered(*d.Distribution); err != nil {
					q.invalid(a.Name, "epoch %d: %s: %v", e.Index, d.name, err)
				}
			}
		}
	}
}

func ordered(d Distribution) error {
	last, lastName := d.Min, "min"
	if d.Min < 0 {
		return fmt.Errorf("min %d ns: must not be negative", d.Min)
	}
	for _, k := range append(d.quantiles(), quantile{name: "max", value: &d.Max}) {
		v := *k.value
		if v == nil {
			continue
		}
		if *v < last {
			return fmt.Errorf("%s %d ns: must be at least %s %d ns", k.name, *v, lastName, last)
		}
		last, lastName = *v, k.name
	}
	// The mean is a rounded quotient of exact sums: of equal values it may differ
	// from them in the last digits.
	if m := d.Mean; m != nil && d.Max != nil && (*m < float64(d.Min)*(1-1e-9) || *m > float64(*d.Max)*(1+1e-9)) {
		return fmt.Errorf("mean %.0f ns: must lie between min %d ns and max %d ns", *m, d.Min, *d.Max)
	}
	return nil
}

func askClamped(q *question) {
	for _, a := range q.r.Arms {
		for _, d := range a.distributions() {
			if d.Clamped != 0 {
				q.find(finding{verdict: Degraded, arm: a.Name,
					text:   fmt.Sprintf("%d values of %s lay outside 0 to %d s and count as the nearest of these", d.Clamped, d.name, hist.Highest/1_000_000_000),
					values: map[string]float64{"clamped": float64(d.Clamped)}})
			}
		}
	}
}

func askServer(q *question) {
	q.skip("no server counted the RPCs of an arm alone")
	for _, a := range q.r.Arms {
		for _, e := range a.Epochs {
			s, l := e.ServerLedger, e.LedgerTotal
			if s == nil && !q.r.bundled(a.Settings) { // others need not tell
				continue
			}
			switch {
			case s == nil && e.Interrupted:
			case s == nil:
				q.find(finding{verdict: Degraded, arm: a.Name,
					text: fmt.Sprintf("epoch %d: the server's own count is missing: it ended or did not answer", e.Index)})
			case !s.Fits(l):
				q.invalid(a.Name, "epoch %d: server counted %d started and %d ok; the client's %d ok of %d started do not fit",
					e.Index, s.Started, s.OK, l.OK, l.Started)
			default:
				q.skip("")
			}
		}
	}
}

// Fits reports whether s may be of the RPCs of l and no others: the server began at least those
// that are ok and at most those that were started, and answered OK to at least the ok ones but
// for those that were to end with another code.
func (s ServerLedger) Fits(l Ledger) bool {
	return l.OK <= s.Started && s.Started <= l.Started && l.OK-expected(l) <= s.OK
}

// expected is how many ok RPCs a server has ended with another code than OK.
func expected(l Ledger) (n int64) {
	for _, m := range l.OKByCode {
		n += m
	}
	return n
}

// A share of lost RPCs that makes the numbers doubtful whatever the user allows.
const lostDegraded = 0.001

// ofLost is the verdict on a share of what was asked for that was lost.
func (q *question) ofLost(share float64) Verdict {
	switch {
	case share > q.r.Plan.AllowFailures:
		return Invalid
	case share > lostDegraded:
		return Degraded
	}
	return Valid
}

func askLost(q *question) {
	for _, a := range q.r.Arms {
		l := a.Ledger
		for _, e := range a.Epochs {
			if e.Interrupted { // its calls were given up on purpose
				l.Abandoned -= e.Ledger.Abandoned
			}
		}
		if l.Scheduled == 0 || l.Lost() <= 0 {
			continue
		}
		share := float64(l.Lost()) / float64(l.Scheduled)
		q.find(finding{verdict: q.ofLost(share), arm: a.Name,
			text: fmt.Sprintf("%d of %d scheduled RPCs (%s) did not end well: %s; they rank above every latency",
				l.Lost(), l.Scheduled, percent(share), losses(l)),
			values: map[string]float64{"lost": float64(l.Lost()), "share": share}})
	}
}

// percent prints a share with three significant digits.
func percent(share float64) string { return fmt.Sprintf("%.3g %%", 100*share) }

func (a Arm) ofEpoch(index int) Epoch {
	i := slices.IndexFunc(a.Epochs, func(e Epoch) bool { return e.Index == index })
	return a.Epochs[i] // it is a whole one
}

func (a Arm) isWhole(epoch int) bool {
	return slices.ContainsFunc(a.whole(), func(e Epoch) bool { return e.Index == epoch })
}

func askStarted(q *question) {
	for _, a := range q.r.Arms {
		n := a.Ledger.Unstarted()
		if n == 0 {
			continue
		}
		limit := "the limit of calls in flight"
		if m := q.r.Plan.Load.MaxInFlight; m > 0 {
			limit = fmt.Sprintf("%s (--max-in-flight %d)", limit, m)
		}
		q.find(finding{verdict: Valid, arm: a.Name,
			text:   fmt.Sprintf("%d arrivals were not started because of %s: lower --rate or raise --max-in-flight", n, limit),
			values: map[string]float64{"not_started": float64(n)}})
	}
}
