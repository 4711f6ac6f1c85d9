package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/compare"
	"grpcbench/internal/hist"
	"grpcbench/internal/plan"
	"grpcbench/internal/report"
	"grpcbench/internal/result"
	"grpcbench/testing/hostile"
)

// week is a result of three arms in which TLS costs the server so much, and the
// machine is so slow. Its noise depends on the epochs.
func week(t *testing.T, id string, epochs int, cost, slow float64) result.Result {
	t.Helper()
	off := model{name: "tls=off", settings: settings("off"), latency: 491e3 * slow, client: 393e3 * slow, server: 247e3 * slow, saturated: 18e3 * slow, sent: 31, received: 36, allocs: 93}
	tls, aa := off, off
	tls.name, tls.settings, tls.server, tls.sent, tls.received = "tls=1.3", settings("1.3"), off.server*cost, 53, 58
	aa.name, aa.aa = "A/A", true
	r := fixture(epochs, []plan.Group{{Name: "tls", Control: "tls=off", Arms: []string{"tls=off", "tls=1.3", "A/A"}}}, off, tls, aa)
	r.ID, r.Plan.Tags = id, map[string]string{"commit": "c0ffee" + id[len(id)-2:]}
	r.Created, _ = time.Parse("20060102T150405Z", id[:16])
	for i := range r.Arms {
		spread(t, &r.Arms[i])
	}
	return r
}

// spread gives an arm a histogram about its p50: value i of n is
// p50·(0.4 + 0.6/(1 − u)^0.4), u = (i + ½)/n.
func spread(t testing.TB, a *result.Arm) {
	t.Helper()
	h, n := hist.New(), a.Latency.Count
	for i := range n {
		u := (float64(i) + 0.5) / float64(n)
		h.Record(int64(float64(*a.Latency.P50) * (0.4 + 0.6*math.Pow(1-u, -0.4))))
	}
	d, err := result.Summarize(h, n, true)
	if err != nil {
		t.Fatal(err)
	}
	a.Latency = d
}

const lastWeek, thisWeek = "20261116T181500Z-k3f2q2xa", "20261123T181500Z-m5t7wq3b"

// changed is a server that got slower on a machine that did too.
func changed(t *testing.T) compare.Between {
	t.Helper()
	base, new := week(t, lastWeek, 10, 1.08, 1), week(t, thisWeek, 12, 1.17, 1.2)
	new.Name, new.Verdict = "after the upgrade", result.Degraded
	new.Tool.GRPCGo, new.Arms[1].Observed.Group, new.Machine.CgroupCPUs = "v1.86.0", "x25519", 1.5
	b, err := compare.Results(&base, &new, false)
	if err != nil {
		t.Fatal(err)
	}
	b.Base.Baseline = "main"
	return b
}

// forced is what is left of two results that are not alike, one of them cut short.
func forced(t *testing.T) compare.Between {
	t.Helper()
	base, new := week(t, lastWeek, 10, 1.08, 1), week(t, thisWeek, 5, 1.08, 1)
	new.Plan.Load.Rate, new.Plan.Arms[1].Settings.Group = 300, "x25519"
	new.Verdict = result.Partial
	new.Arms[1].Latency.Count, new.Arms[1].Latency.Beyond, new.Arms[1].Latency.Max = new.Arms[1].Latency.Valued+30, true, nil
	b, err := compare.Results(&base, &new, true)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func betweens(t *testing.T) map[string]compare.Between {
	t.Helper()
	return map[string]compare.Between{"between": changed(t), "between-forced": forced(t)}
}

func betweenText(t *testing.T, b compare.Between, o report.TextOptions) string {
	t.Helper()
	return render(t, func(w io.Writer) error { return report.BetweenText(w, b, o) })
}

func TestBetweenIsAsReviewed(t *testing.T) {
	for name, b := range betweens(t) {
		golden(t, name+".txt", betweenText(t, b, report.TextOptions{}))
		golden(t, name+".md", render(t, func(w io.Writer) error { return report.BetweenMarkdown(w, b) }))
	}
}

func TestBetweenStaysWithinItsWidth(t *testing.T) {
	for name, b := range betweens(t) {
		for _, width := range []int{60, 80, 120} {
			for _, line := range strings.Split(betweenText(t, b, report.TextOptions{Width: width}), "\n") {
				if n := utf8.RuneCountInString(line); n > width {
					t.Errorf("%s at %d columns: line of %d: %s", name, width, n, line)
				}
			}
		}
	}
}

func TestBetweenSaysTheSameWithAndWithoutColor(t *testing.T) {
	strip := strings.NewReplacer("\x1b[0m", "", "\x1b[1m", "", "\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "")
	for name, b := range betweens(t) {
		colored, plain := betweenText(t, b, report.TextOptions{Color: true}), betweenText(t, b, report.TextOptions{})
		if diff := cmp.Diff(plain, strip.Replace(colored)); diff != "" || plain == colored {
			t.Errorf("%s: color changed the text, or nothing was colored (-plain +colored):\n%s", name, diff)
		}
	}
}

func TestBetweenInJSONIsTheWhole(t *testing.T) {
	want := changed(t)
	var got compare.Between
	if err := json.Unmarshal([]byte(render(t, func(w io.Writer) error { return report.BetweenJSON(w, want) })), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" || got.Schema != "grpc-bench/comparison/v1" {
		t.Errorf("schema %q, decoded (-want +got):\n%s", got.Schema, diff)
	}
}

func TestBetweenInCSVHasARowForEachNumber(t *testing.T) {
	b := forced(t)
	rows, err := csv.NewReader(strings.NewReader(render(t, func(w io.Writer) error { return report.BetweenCSV(w, b) }))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := make(map[string]int)
	for i, name := range rows[0] {
		column[name] = i
	}
	kinds := make(map[string]int)
	beyond := 0
	for _, row := range rows[1:] {
		at := func(name string) string { return row[column[name]] }
		kinds[at("kind")]++
		if at("base_run") != lastWeek || at("new_run") != thisWeek || at("base_verdict") != "VALID" || at("new_verdict") != "PARTIAL" {
			t.Fatalf("row %q does not say what it is of", row)
		}
		if at("new") == "Inf" {
			beyond++
			if at("kind") != "quantile" || at("arm") != "tls=1.3" {
				t.Errorf("row %q is of an infinite figure", row)
			}
		}
	}
	quantiles := 0
	for _, d := range b.Distributions {
		quantiles += len(d.Shifts)
	}
	if diff := cmp.Diff(map[string]int{"ratio": len(b.Ratios), "absolute": len(b.Absolutes), "quantile": quantiles}, kinds); diff != "" || beyond == 0 {
		t.Errorf("%d infinite; kinds (-want +got):\n%s", beyond, diff)
	}
}

// TestNoFormatOfAComparisonLetsAStringAct: both results may be imported.
//
//	fault:   control characters, markup and formulas in every string of two results that are compared
//	promise: no format lets one act on a terminal, in Markdown or in a spreadsheet
//	figure:  every string of the corpus in every field, 0 outside of what quotes it
func TestNoFormatOfAComparisonLetsAStringAct(t *testing.T) {
	for _, s := range hostile.Strings() {
		for name, b := range betweens(t) {
			fill(reflect.ValueOf(&b).Elem(), s[:min(len(s), 600)])
			for _, f := range report.BetweenFormats(report.TextOptions{}) {
				var out bytes.Buffer
				if err := f.Render(&out, b); err != nil {
					t.Fatal(err)
				}
				got := out.String()
				if f.Name == "csv" {
					got = strings.ReplaceAll(got, "\r\n", "\n")
				}
				if err := hostile.Check(got); err != nil {
					t.Fatalf("%s of %s with %.40q: %v", f.Name, name, s, err)
				}
				if f.Name == "markdown" {
					wantInert(t, s, got)
				}
			}
		}
	}
}

func TestEveryFieldOfAComparisonIsDocumented(t *testing.T) {
	data, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(data), "## Two results compared")
	want := fieldNames(reflect.TypeFor[compare.Between]())
	if len(want) < 30 {
		t.Errorf("%d fields, want all of them", len(want))
	}
	for _, name := range want {
		if !strings.Contains(section, "`"+name+"`") {
			t.Errorf("docs/formats.md does not say what `%s` of a comparison means", name)
		}
	}
}

// fieldNames are the JSON names of a struct's fields and of those below it.
func fieldNames(of reflect.Type) (names []string) {
	for of.Kind() == reflect.Slice || of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || of == reflect.TypeFor[time.Time]() {
		return nil
	}
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		names = append(append(names, name), fieldNames(of.Field(i).Type)...)
	}
	return names
}
