package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"grpcbench/internal/metric"
	"grpcbench/internal/result"
	"grpcbench/testing/lane"
)

// A metric is one row of a table. These two are of no build of the tool: a quantile that
// epochs and arms store, and one that is read off the histogram. Everything knows them.
func TestAMetricIsOneRow(t *testing.T) {
	lane.Long(t, "starts processes")
	metric.With(t, metric.Latency(0.95, 0.10))
	metric.With(t, metric.Metric{
		Name: "service_time_p90", Unit: metric.Time, Path: "service_time_ns", Quantile: 0.90, Scope: metric.Load,
		Label: "served p90", Column: "served p90", Title: "p90 served", Bench: "served-p90-ns", Apart: true,
		Limits: true, Against: metric.Control, Delta: 0.10, Default: true, Primary: true,
	})
	results := t.TempDir()
	code, _, stderr := command(t, "run", "--results", results, "--epochs", "2", "--vary", "tls=off,1.3", "--aa", "off", "--connections", "1",
		"--loop", "closed", "--concurrency", "2", "--window", "1s", "--warmup", "50ms", "--threshold", "p(95)<1h", "--threshold", "service_time_p90<1h", "--allow-degraded")
	if code != exitDone {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	id := onlyResult(t, results)
	r, err := result.Read(results, id)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"latency_p95", "service_time_p90"} {
		if !slices.ContainsFunc(r.Gates, func(g result.Gate) bool { return g.Metric == name && g.Outcome == result.Pass && g.Value != nil }) {
			t.Errorf("no gate on %s passed: %+v", name, r.Gates)
		}
	}
	compared := func(name string) bool {
		return slices.ContainsFunc(r.Comparisons, func(c result.Comparison) bool { return c.Metric == name && c.Ratio != nil })
	}
	if !compared("service_time_p90") {
		t.Errorf("no arm was compared by it: %+v", r.Comparisons)
	}
	column := "p95, not"
	if compared("latency_p95") { // an epoch has its histogram
		column = "p95"
	}
	in := []string{"--results", results}
	stored, err := os.ReadFile(filepath.Join(results, id, result.FileName))
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(t.TempDir(), result.FileName) // another run of the same figures
	writeFile(t, base, change(t, stored, func(r *result.Result) { r.ID = "20261123T181500Z-k3f2q2xa" }))
	for _, c := range []struct {
		args string
		want []string
	}{
		{"report " + id + " --format text", []string{column, "served p90"}},
		{"report " + id + " --format markdown", []string{column, "served p90"}},
		{"report " + id + " --format html", []string{`scope="col">p95`, "p90 served in a closed loop", "served p90"}},
		{"report " + id + " --format csv", []string{",latency_p95,ns,", ",service_time_p90,ns,,,"}},
		{"report " + id + " --format bench", []string{" served-p90-ns"}},
		{"compare " + base + " " + id + " --fail-on-regression=service_time_p90,latency_p95 --threshold p95<1h --threshold service_time_p90<+900%",
			[]string{"served p90", "latency_p95<1h0m0s: ", "latency_p95 not slower: ", "service_time_p90 not slower: ", "service_time_p90<+900%: "}},
		{"track --metric service_time_p90", []string{"served p90"}},
		{"track --metric all", []string{"served p90"}},
		{"track", []string{"served p90"}}, // a primary one
	} {
		_, stdout, stderr := command(t, append(strings.Fields(c.args), in...)...)
		for _, want := range c.want {
			if !strings.Contains(stdout, want) {
				t.Errorf("%s: does not show %q\n%s%s", c.args, want, stdout, stderr)
			}
		}
	}
}

func TestARowIsCompletedAndInTheHelp(t *testing.T) {
	row := metric.Latency(0.95, 0.10)
	row.Default, row.Primary = true, true
	metric.With(t, row)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"__complete", "run", "--threshold", ""}, "latency_p95<"},
		{[]string{"__complete", "run", "--fail-on-regression="}, "latency_p95"},
		{[]string{"__complete", "ceiling", "--slo", ""}, "latency_p95<"},
		{[]string{"__complete", "track", "--metric", ""}, "latency_p95"},
		{[]string{"run", "--help"}, "received_bytes_per_rpc,latency_p95\n"}, // of --fail-on-regression
		{[]string{"run", "--help"}, "handshake_resumed_received_bytes,latency_p95\n"},
		{[]string{"track", "--help"}, "latency_p95"},
		{[]string{"ceiling", "--slo", "sent_bytes_per_rpc<1"}, "latency_p95 or failed"},
		{[]string{"run", "--threshold", "p95<bad"}, `value "bad": must be a duration as in 5ms, or a change as in +3%`},
		{[]string{"run", "--threshold", "p94<5ms"}, "such as latency_p9"},
	} {
		_, stdout, stderr := command(t, c.args...)
		if !strings.Contains(stdout+stderr, c.want) {
			t.Errorf("%q does not say %q\n%s%s", c.args, c.want, stdout, stderr)
		}
	}
}
