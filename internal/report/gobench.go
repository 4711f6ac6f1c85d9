package report

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// benchUnits maps metrics to units of the Go benchmark format, in the order of a
// line. benchstat understands ns and B, also as part of a unit.
func benchUnits() [][2]string {
	return [][2]string{
		{"latency_mean", "ns/op"}, {"latency_p50", "p50-ns"}, {"latency_p90", "p90-ns"}, {"latency_p99", "p99-ns"},
		{"client_cpu_ns_per_rpc", "client-cpu-ns/rpc"}, {"server_cpu_ns_per_rpc", "server-cpu-ns/rpc"},
		{"client_allocs_per_rpc", "client-allocs/rpc"}, {"server_allocs_per_rpc", "server-allocs/rpc"},
		{"sent_bytes_per_rpc", "sent-B/rpc"}, {"received_bytes_per_rpc", "received-B/rpc"},
		{"saturated_client_cpu_ns_per_rpc", "saturated-client-cpu-ns/rpc"}, {"saturated_server_cpu_ns_per_rpc", "saturated-server-cpu-ns/rpc"},
		{"saturated_achieved_rpc_per_s", saturatedRate},
	}
}

// saturatedRate is the one unit of which more is better.
const saturatedRate = "saturated-rpc/s"

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
	if ceilings(r) {
		fmt.Fprintf(&b, "Unit %s better=higher\n", ceilingRate)
	}
	tags := result.Tags(r.Arms)
	if opened(r) {
		openedBench(&b, r, tags)
		_, err := io.WriteString(w, b.String())
		return err
	}
	fmt.Fprintf(&b, "Unit %s better=higher\n", saturatedRate)
	for i, a := range r.Arms {
		for _, e := range a.Epochs {
			if e.Interrupted || e.Ledger.Scheduled <= 0 {
				continue
			}
			name, values := "BenchmarkRun", benchValues(e)
			if ceilings(r) {
				name, values = "BenchmarkCeiling", benchCeiling(e)
			}
			fmt.Fprintf(&b, "%s/arm=%s-%d\t%d%s\n", name, tags[i], max(1, r.Machine.GOMAXPROCS), e.Ledger.Scheduled, values)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// ceilingRate is the unit of an epoch's own ceiling.
const ceilingRate = "ceiling-rpc/s"

// benchCeiling are the values and units of one epoch of a ceiling: latencies of many
// loads are not among them.
func benchCeiling(e result.Epoch) string {
	var b strings.Builder
	add := func(v *float64, unit string) {
		if v != nil {
			fmt.Fprintf(&b, "\t%s %s", strconv.FormatFloat(*v, 'f', -1, 64), unit)
		}
	}
	add(e.CeilingRate, ceilingRate)
	if s := e.Saturated; s != nil {
		add(s.ClientCPU, "saturated-client-cpu-ns/rpc")
		add(s.ServerCPU, "saturated-server-cpu-ns/rpc")
	}
	return b.String()
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

// benchValues are the values and units of one epoch. A quantile with so few
// observations above it that no report shows it is left out.
func benchValues(e result.Epoch) string {
	by := make(map[string]measurement)
	for _, m := range measurements(e.Figures, nil) {
		by[m.metric] = m
	}
	var b strings.Builder
	for _, u := range benchUnits() {
		m, ok := by[u[0]]
		if quantile := strings.Contains(u[0], "_p"); !ok || quantile && m.unit == "ns" && m.count > 0 && m.above < result.MinAbove {
			continue
		}
		value := strconv.FormatFloat(m.value, 'f', -1, 64)
		if math.IsInf(m.value, 1) {
			value = "+Inf"
		}
		fmt.Fprintf(&b, "\t%s %s", value, u[1])
	}
	return b.String()
}

// openedBench writes the lines of a handshake plan: the opening of a connection, of the
// kind that is compared, is the operation.
func openedBench(b *strings.Builder, r result.Result, tags []string) {
	fmt.Fprintf(b, "Unit saturated-conn/s better=higher\n")
	for i := range r.Arms {
		a := &r.Arms[i]
		for k := range a.Epochs {
			e := &a.Epochs[k]
			h := e.Handshake.Measured()
			if e.Interrupted || h == nil || h.Phases == nil || h.Count <= 0 {
				continue
			}
			fmt.Fprintf(b, "BenchmarkHandshake/arm=%s-%d\t%d", tags[i], max(1, r.Machine.GOMAXPROCS), h.Count)
			value := func(v *float64, unit string) {
				if v != nil {
					fmt.Fprintf(b, "\t%s %s", strconv.FormatFloat(*v, 'f', -1, 64), unit)
				}
			}
			value(h.Phases.Total.Mean, "ns/op")
			for _, p := range []struct {
				ns   *int64
				unit string
			}{{h.Phases.Total.P50, "p50-ns"}, {h.Phases.Connect.P50, "connect-p50-ns"}, {h.Phases.TLS.P50, "tls-p50-ns"},
				{h.Phases.HTTP2.P50, "http2-p50-ns"}, {h.Phases.FirstRPC.P50, "first-rpc-p50-ns"}} {
				if p.ns != nil && *p.ns > 0 {
					value(new(float64(*p.ns)), p.unit)
				}
			}
			value(h.ClientCPU, "client-cpu-ns/conn")
			value(h.ServerCPU, "server-cpu-ns/conn")
			value(&h.SentBytes, "sent-B/conn")
			value(&h.ReceivedBytes, "received-B/conn")
			if s := e.Handshake.Saturated; s != nil {
				value(s.ClientAllocs, "client-allocs/conn")
				value(s.ServerAllocs, "server-allocs/conn")
				value(s.ClientCPU, "saturated-client-cpu-ns/conn")
				value(s.ServerCPU, "saturated-server-cpu-ns/conn")
				value(&s.Achieved, "saturated-conn/s")
			}
			b.WriteByte('\n')
		}
	}
}
