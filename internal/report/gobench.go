package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"grpcbench/internal/metric"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// benchMetrics are the metrics of a kind of run that have a unit of the Go benchmark format,
// in the order of a line: those of saturated blocks last, counts, times and rates of these.
// benchstat understands ns and B, also as part of a unit.
func benchMetrics(kind metric.Scope) []metric.Metric {
	place := func(m metric.Metric) int {
		if !m.Saturated() {
			return -1
		}
		return slices.Index([]metric.Unit{metric.Count, metric.Time, m.Unit}, m.Unit)
	}
	all := metric.Where(func(m metric.Metric) bool { return m.In(kind) && m.Bench != "" })
	slices.SortStableFunc(all, func(a, b metric.Metric) int { return place(a) - place(b) })
	return all
}

// Bench writes r in the Go benchmark format (golang.org/design/14313), a line for
// each whole epoch of each arm: benchstat takes them for repetitions and finds
// its own intervals. The error is that of w.
//
// What tells two runs apart without making them incomparable, such as their ids
// and versions, stands in comments: benchstat never compares across a difference
// in configuration. That is why a result that is not to be used has its verdict
// there.
func Bench(w io.Writer, r result.Result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s %s · %s\n# %s\n", program(r), clean(r.ID), headline(r, clean), clean(strings.Join(machine(r), " · ")))
	for _, f := range findings(r) {
		fmt.Fprintf(&b, "# %s: %s\n", clean(f.head()), clean(f.text))
	}
	for _, c := range benchConfiguration(r) {
		fmt.Fprintf(&b, "%s\n", strings.TrimSpace(c.key+": "+clean(c.value)))
	}
	kind := kindOf(r)
	higher := benchMetrics(kind)
	if kind == metric.Ceiling {
		higher = append(higher, benchMetrics(metric.Load)...)
	}
	for _, m := range higher {
		if m.Higher {
			fmt.Fprintf(&b, "Unit %s better=higher\n", m.Bench)
		}
	}
	name := map[metric.Scope]string{metric.Load: "BenchmarkRun", metric.Handshake: "BenchmarkHandshake", metric.Ceiling: "BenchmarkCeiling"}[kind]
	tags := result.Tags(r.Arms)
	for i := range r.Arms {
		for k := range r.Arms[i].Epochs {
			e := &r.Arms[i].Epochs[k]
			if n := operations(e, kind); !e.Interrupted && n > 0 {
				fmt.Fprintf(&b, "%s/arm=%s-%d\t%d%s\n", name, tags[i], max(1, r.Machine.GOMAXPROCS), n, benchValues(e, kind))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// operations is how many RPCs an epoch is of; of a handshake plan how many connections, of
// the kind that is compared.
func operations(e *result.Epoch, kind metric.Scope) int64 {
	if kind != metric.Handshake {
		return e.Ledger.Scheduled
	}
	if h := e.Handshake.Measured(); h != nil && h.Phases != nil {
		return h.Count
	}
	return 0
}

// benchLine is a line of configuration. One without a value takes back that of a
// result before it.
type benchLine struct{ key, value string }

// benchConfiguration is what two runs must have in common to be compared.
func benchConfiguration(r result.Result) []benchLine {
	l := r.Plan.Load
	if opened(r) {
		return []benchLine{
			{"goos", r.Machine.OS}, {"goarch", r.Machine.Arch}, {"pkg", "grpc-bench"}, {"cpu", r.Machine.CPU},
			{"load", fmt.Sprintf("%d connections an epoch and arm, one at a time", r.Plan.Handshakes.Count)}, {"verdict", flag(r.Verdict)},
		}
	}
	load := fmt.Sprintf("%s, %s RPC/s over %d arms", plan.Open, number(l.Rate), len(r.Plan.Arms))
	if ceilings(r) {
		load = strings.Join(ceilingShape(r.Plan), ", ")
	} else if l.Loop == plan.Closed {
		load = fmt.Sprintf("%s, %d callers an arm", plan.Closed, l.Concurrency)
	}
	return []benchLine{
		{"goos", r.Machine.OS}, {"goarch", r.Machine.Arch}, {"pkg", "grpc-bench"}, {"cpu", r.Machine.CPU},
		{"load", load}, {"verdict", flag(r.Verdict)},
	}
}

// benchValues are the values and units of one epoch. A quantile of latency with so few
// observations above it that no report shows it is left out.
func benchValues(e *result.Epoch, kind metric.Scope) string {
	var b strings.Builder
	for _, m := range benchMetrics(kind) {
		r := e.Read(m)
		value := strconv.FormatFloat(r.Value, 'f', -1, 64)
		switch {
		case r.State == result.Absent, kind == metric.Load && r.Few(m, result.MinAbove):
			continue
		case r.State == result.Beyond:
			value = "+Inf"
		}
		fmt.Fprintf(&b, "\t%s %s", value, m.Bench)
	}
	return b.String()
}
