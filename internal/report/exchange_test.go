package report_test

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/hist"
	"grpcbench/internal/report"
	"grpcbench/internal/result"
	corpus "grpcbench/testing/hostile"
	"grpcbench/testing/lane"
)

// stored is a result as a run writes it, with its histograms.
func stored(t *testing.T) result.Result {
	t.Helper()
	r, err := result.Read("", "../result/testdata/overheads.json")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lossy is stored with 100 of the first arm's RPCs failed, and INVALID for it.
func lossy(t *testing.T) result.Result {
	t.Helper()
	r := stored(t)
	a := &r.Arms[0]
	a.Ledger.OK, a.Ledger.Failed = a.Ledger.OK-100, map[string]int64{"UNAVAILABLE": 100}
	a.Latency.Count, a.Latency.Beyond = a.Latency.Count+100, true
	a.Latency.P99, a.Latency.P999, a.Latency.Max, a.Latency.Mean = nil, nil, nil, nil
	r.Verdict = result.Invalid
	return r
}

// table reads CSV as any reader of RFC 4180 does, each row by the names of the
// head.
func table(t *testing.T, rs ...result.Result) (rows []map[string]string) {
	t.Helper()
	text := render(t, func(w io.Writer) error { return report.CSV(w, rs...) })
	if strings.Count(text, "\n") != strings.Count(text, "\r\n") {
		t.Error("a line does not end in CR LF")
	}
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll() // wants as many fields in each row as in the first
	if err != nil {
		t.Fatal(err)
	}
	for _, fields := range all[1:] {
		row := make(map[string]string)
		for i, name := range all[0] {
			row[name] = fields[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// only returns the row that has all the wanted values.
func only(t *testing.T, rows []map[string]string, want map[string]string) map[string]string {
	t.Helper()
	var found []map[string]string
	for _, row := range rows {
		fits := true
		for name, value := range want {
			fits = fits && row[name] == value
		}
		if fits {
			found = append(found, row)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d rows with %v, want one", len(found), want)
	}
	return found[0]
}

func TestCSVHoldsEachEpochEachArmAndEachComparison(t *testing.T) {
	r := stored(t)
	rows := table(t, r)
	for _, a := range r.Arms {
		for _, metric := range []struct {
			name string
			of   func(result.Figures) (float64, int64)
		}{
			{"latency_p50", func(f result.Figures) (float64, int64) { return float64(*f.Latency.P50), f.Latency.Count }},
			{"lag_p99", func(f result.Figures) (float64, int64) { return float64(*f.Lag.P99), f.Lag.Count }},
			{"server_cpu_ns_per_rpc", func(f result.Figures) (float64, int64) { return *f.ServerCPU, 0 }},
			{"saturated_achieved_rpc_per_s", func(f result.Figures) (float64, int64) { return f.Saturated.Achieved, 0 }},
			{"scheduled", func(f result.Figures) (float64, int64) { return float64(f.Ledger.Scheduled), 0 }},
		} {
			figures := map[string]result.Figures{"all": a.Figures}
			for _, e := range a.Epochs {
				figures[strconv.Itoa(e.Index)] = e.Figures
			}
			for epoch, f := range figures {
				row := only(t, rows, map[string]string{"kind": "figure", "run": r.ID, "arm": a.Name, "epoch": epoch, "metric": metric.name})
				value, count := metric.of(f)
				if got, err := strconv.ParseFloat(row["value"], 64); err != nil || got != value || count > 0 && row["count"] != strconv.FormatInt(count, 10) {
					t.Errorf("%s %s epoch %s: %s of %s, want %v of %d", a.Name, metric.name, epoch, row["value"], row["count"], value, count)
				}
			}
		}
	}
	comparisons := 0
	for _, row := range rows {
		if row["kind"] == "comparison" {
			comparisons++
		}
	}
	if comparisons != len(r.Comparisons) {
		t.Errorf("%d comparisons, want %d", comparisons, len(r.Comparisons))
	}
	// As the fixture has it: p50 of TLS 1.3 against plaintext.
	got := only(t, rows, map[string]string{"kind": "comparison", "group": "TLS", "arm": "tls=1.3", "metric": "latency_p50"})
	want := map[string]string{"run": r.ID, "run_verdict": "VALID", "kind": "comparison", "group": "TLS", "arm": "tls=1.3", "control": "tls=off",
		"aa": "false", "epoch": "all", "interrupted": "false", "metric": "latency_p50", "unit": "ns", "value": "", "count": "",
		"estimate_ratio": "1.099", "ci_low": "1.077", "ci_high": "1.12", "p": "0.00195", "verdict": "slower", "mde": "0.031",
		"delta": "0.05", "epochs": "10", "reason": "", "callers": "", "rate_rpc_per_s": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("comparison (-want +got):\n%s", diff)
	}
}

// Leaving out a quantile that lies beyond would make the mean over the others
// look better than what was measured.
func TestAQuantileBeyondIsInfiniteAndTheDoubtIsOnEachRow(t *testing.T) {
	r := lossy(t)
	rows := table(t, r)
	for metric, want := range map[string]string{"latency_p99": "Inf", "latency_mean": "Inf", "latency_max": "Inf",
		"failed": "100", "failed_UNAVAILABLE": "100", "latency_p50": strconv.FormatInt(*r.Arms[0].Latency.P50, 10)} {
		if got := only(t, rows, map[string]string{"arm": "tls=off", "epoch": "all", "metric": metric, "kind": "figure"})["value"]; got != want {
			t.Errorf("%s is %s, want %s", metric, got, want)
		}
	}
	for _, row := range rows {
		if row["run_verdict"] != "INVALID" {
			t.Fatalf("row %v does not say that the run is INVALID", row)
		}
	}
}

func TestCSVHoldsNoFormulaAndNothingThatActs(t *testing.T) {
	lane.Long(t, "works for seconds: a mebibyte in every field")
	for _, s := range corpus.Strings() {
		for _, r := range poisoned(s) {
			text := render(t, func(w io.Writer) error { return report.CSV(w, r) })
			if err := corpus.Check(strings.ReplaceAll(text, "\r\n", "\n")); err != nil {
				t.Fatalf("%.40q: %v", s, err)
			}
			rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
			if err != nil {
				t.Fatalf("%.40q: %v", s, err)
			}
			for _, cell := range slices.Concat(rows...) {
				start := strings.TrimSpace(cell)
				if start == "" || !strings.ContainsRune("=+-@＝＋－＠", []rune(start[:min(4, len(start))])[0]) {
					continue
				}
				if _, err := strconv.ParseFloat(cell, 64); err != nil {
					t.Fatalf("%.40q: a cell is a formula: %.40q", s, cell)
				}
			}
		}
	}
}

// benchResult is one line of the Go benchmark format and the configuration it
// stands under.
type benchResult struct {
	name   string
	iters  int
	values map[string]float64
	config map[string]string
}

// benchmarks reads the Go benchmark format by its grammar (golang.org/design/14313):
// configuration begins with a lower-case key without spaces or capitals and a
// colon, a result is a name, a count and pairs of value and unit. It wants each
// line to be one of these, a unit's or a comment.
func benchmarks(t *testing.T, text string) (results []benchResult) {
	t.Helper()
	key := regexp.MustCompile(`^([a-z][^\sA-Z:]*):(?:[ \t]+(.*))?$`)
	config := make(map[string]string)
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		fields := strings.Fields(line)
		switch m := key.FindStringSubmatch(line); {
		case strings.HasPrefix(line, "# "):
		case m != nil && m[2] == "":
			delete(config, m[1])
		case m != nil:
			config[m[1]] = m[2]
		case strings.HasPrefix(line, "Unit ") && len(fields) == 3:
		case strings.HasPrefix(line, "Benchmark") && len(fields) >= 4 && len(fields)%2 == 0:
			b := benchResult{name: fields[0], values: make(map[string]float64), config: make(map[string]string)}
			for k, v := range config {
				b.config[k] = v
			}
			var err error
			if b.iters, err = strconv.Atoi(fields[1]); err != nil {
				t.Fatalf("%v in %q", err, line)
			}
			for i := 2; i < len(fields); i += 2 {
				if b.values[fields[i+1]], err = strconv.ParseFloat(fields[i], 64); err != nil {
					t.Fatalf("%v in %q", err, line)
				}
			}
			results = append(results, b)
		default:
			t.Fatalf("line %.200q is nothing of the format", line)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return results
}

func bench(t *testing.T, r result.Result) string {
	t.Helper()
	return render(t, func(w io.Writer) error { return report.Bench(w, r) })
}

func TestBenchHasALineForEachWholeEpoch(t *testing.T) {
	r := stored(t)
	r.Arms[0].Epochs[3].Interrupted = true
	all := benchmarks(t, bench(t, r))
	if want := 10*len(r.Arms) - 1; len(all) != want {
		t.Fatalf("%d lines, want %d: ten epochs an arm, one cut short", len(all), want)
	}
	epochs := slices.Delete(slices.Clone(r.Arms[0].Epochs), 3, 4)
	for i, e := range epochs {
		got := all[i]
		if want := "BenchmarkRun/arm=tls=off-2"; got.name != want || got.iters != int(e.Ledger.Scheduled) {
			t.Errorf("epoch %d: %s with %d, want %s with %d RPCs", e.Index, got.name, got.iters, want, e.Ledger.Scheduled)
		}
		// 750 RPCs: the p99 is rank 743 (ceil of 742.5), with 7 above: too few to show.
		want := map[string]float64{"ns/op": *e.Latency.Mean, "p50-ns": float64(*e.Latency.P50), "p90-ns": float64(*e.Latency.P90),
			"client-cpu-ns/rpc": *e.ClientCPU, "server-cpu-ns/rpc": *e.ServerCPU, "client-allocs/rpc": 68, "server-allocs/rpc": 61,
			"sent-B/rpc": 31, "received-B/rpc": 36, "saturated-client-cpu-ns/rpc": *e.Saturated.ClientCPU,
			"saturated-server-cpu-ns/rpc": *e.Saturated.ServerCPU, "saturated-rpc/s": e.Saturated.Achieved}
		if diff := cmp.Diff(want, got.values); diff != "" {
			t.Errorf("epoch %d (-want +got):\n%s", e.Index, diff)
		}
	}
	want := map[string]string{"goos": "linux", "goarch": "amd64", "pkg": "grpc-bench", "cpu": "Example CPU @ 2.60GHz",
		"load": "open, 1500 RPC/s over 6 arms"}
	if diff := cmp.Diff(want, all[0].config); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestBenchSetsAResultApartThatIsNotToBeUsed(t *testing.T) {
	all := benchmarks(t, bench(t, lossy(t))+bench(t, stored(t)))
	if got, want := all[0].config["verdict"], "INVALID: not usable"; got != want {
		t.Errorf("verdict %q, want %q", got, want)
	}
	if got := all[len(all)-1].config["verdict"]; got != "" {
		t.Errorf("the verdict %q of the result before it is left on a VALID one", got)
	}
}

func TestBenchIsOfTheFormatWhateverTheNames(t *testing.T) {
	want := len(benchmarks(t, bench(t, overheads())))
	for _, s := range corpus.Strings() {
		for i, r := range poisoned(s) {
			text := bench(t, r)
			if err := corpus.Check(strings.ReplaceAll(text, "\t", " ")); err != nil {
				t.Fatalf("%.40q: %v", s, err)
			}
			if got := len(benchmarks(t, text)); len(r.Arms) == len(overheads().Arms) && got != want {
				t.Fatalf("%.40q: result %d has %d lines, want %d", s, i, got, want)
			}
		}
	}
}

// percentile is a line of HdrHistogram's text.
type percentile struct {
	ms, share float64
	count     int64
	inverse   string
}

// plots reads the text as HdrHistogram's plotter does: comments begin with #, the
// head is no number, a line has four fields. It returns the arms' names in order.
func plots(t *testing.T, text string) (names []string, of map[string][]percentile) {
	t.Helper()
	of = make(map[string][]percentile)
	for _, line := range strings.Split(text, "\n") {
		if name, ok := strings.CutPrefix(line, "#[arm "); ok {
			names = append(names, strings.TrimSuffix(name, "]"))
		}
		fields := strings.Fields(line)
		if strings.HasPrefix(line, "#") || len(fields) != 4 || fields[0] == "Value" {
			continue
		}
		var p percentile
		if _, err := fmt.Sscan(line, &p.ms, &p.share, &p.count, &p.inverse); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		of[names[len(names)-1]] = append(of[names[len(names)-1]], p)
	}
	return names, of
}

func hgrm(t *testing.T, r result.Result) string {
	t.Helper()
	return render(t, func(w io.Writer) error { return report.HGRM(w, r) })
}

func TestHGRMHoldsTheQuantilesOfAllScheduledRPCs(t *testing.T) {
	for name, r := range map[string]result.Result{"all ok": stored(t), "100 failed": lossy(t)} {
		names, of := plots(t, hgrm(t, r))
		for i, a := range r.Arms {
			if names[i] != a.Name {
				t.Fatalf("%s: arms %v, want the result's", name, names)
			}
			h, err := a.Latency.Histogram()
			if err != nil {
				t.Fatal(err)
			}
			lines := of[a.Name]
			for _, p := range lines {
				// The library goes to a percentile of the RPCs that have a latency, and
				// rounds its rank: one rank of 7500 is 0.00014.
				low, _ := h.Quantile(math.Max(p.share-0.00014, 1e-9), a.Latency.Count)
				high, ok := h.Quantile(math.Min(p.share+0.00014, float64(h.Count())/float64(a.Latency.Count)), a.Latency.Count)
				if ns := int64(math.Round(p.ms * 1e6)); !ok || ns < low || ns > high {
					t.Errorf("%s: %s: quantile %v is %d ns, want %d to %d", name, a.Name, p.share, ns, low, high)
				}
			}
			// What has no latency ranks above the last line.
			last, want := lines[len(lines)-1], float64(h.Count())/float64(a.Latency.Count)
			if last.count != h.Count() || math.Abs(last.share-want) > 1e-12 || (last.inverse == "inf") != (want == 1) {
				t.Errorf("%s: %s ends with %+v, want %d RPCs and a share of %v", name, a.Name, last, h.Count(), want)
			}
		}
	}
}

func TestAnArmWithoutALatencyHasNoPercentiles(t *testing.T) {
	r := stored(t)
	for i, scheduled := range []int64{0, 5} { // none was due; none ended well
		var err error
		if r.Arms[i].Latency, err = result.Summarize(hist.New(), scheduled, true); err != nil {
			t.Fatal(err)
		}
	}
	_, of := plots(t, hgrm(t, r))
	for i, a := range r.Arms {
		if lines := of[a.Name]; (len(lines) == 0) != (i < 2) {
			t.Errorf("%s: %d lines: %v", a.Name, len(lines), lines)
		}
	}
}

func TestHGRMSaysWhatIsWrongWithAHistogram(t *testing.T) {
	r := stored(t)
	r.Arms[1].Latency.HDR = "\x1b[2Jtorn"
	var b strings.Builder
	err := report.HGRM(&b, r)
	if err == nil || !strings.Contains(err.Error(), "arm tls=1.3: decode histogram") || b.Len() != 0 {
		t.Errorf("error %v after %d bytes, want the arm named and nothing written", err, b.Len())
	}
}

func TestHGRMHoldsNothingThatActs(t *testing.T) {
	for _, s := range corpus.Strings() {
		r := stored(t)
		r.ID, r.Interrupted, r.Verdict = s, s, result.Partial
		for i := range r.Arms {
			r.Arms[i].Name = s
		}
		text := hgrm(t, r)
		if err := corpus.Check(text); err != nil {
			t.Fatalf("%.40q: %v", s, err)
		}
		for _, line := range strings.Split(text, "\n") {
			if fields := strings.Fields(line); !strings.HasPrefix(line, "#") && len(fields) != 4 && len(fields) != 0 {
				t.Fatalf("%.40q: line %.100q is neither a comment nor of four fields", s, line)
			}
		}
	}
}
