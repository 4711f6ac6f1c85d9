package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/compare"
	"grpcbench/internal/history"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// tracked is a history of forty runs, of which the figure of the last ten is 5 % higher
// and one is a gap.
func tracked() Track {
	var h history.History
	s := history.Series{
		Plan: strings.Repeat("0123456789abcdef", 4), Key: history.Key{Group: "server-binary", Arm: "server-binary=#1", Control: "server-binary=#0", Metric: "server_cpu_ns_per_rpc", Unit: "ns", Delta: .03},
		System: history.System{OS: "linux", Arch: "amd64", CPU: "AMD EPYC", CPUs: 2}, Usable: 39, Judged: true,
		Shifts: []history.Shift{{Before: 29, After: 30, Ratio: 1.05, P: .00005, Facts: []compare.Difference{
			{What: "grpc-bench", Base: "v1 aaa", New: "v1 bbb"}, {What: "cipher", Arms: []string{"server-binary=#1"}, New: "TLS_AES_128_GCM_SHA256"},
		}}},
	}
	for i := range 40 {
		h.Runs = append(h.Runs, history.Run{
			ID: fmt.Sprintf("2026010%dT000000Z-aaaaaaaa", i%10), Created: time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC), Verdict: result.Valid,
			Commit: fmt.Sprintf("%040x", i), Plan: s.Plan, System: s.System, Late: i == 30,
		})
		p := history.Point{Run: i, Value: 1.2, Low: 1.18, High: 1.22}
		if i >= 30 {
			p.Value *= 1.05
		}
		s.Points = append(s.Points, p)
	}
	h.Runs[35].Verdict, s.Points[35] = result.Invalid, history.Point{Run: 35}
	own := history.Series{Plan: s.Plan, Key: history.Key{Arm: "server-binary=#1", Metric: "sent_bytes_per_rpc", Unit: "bytes", Delta: .005}, Points: []history.Point{{Run: 39, Value: 53}}, System: s.System, Usable: 1}
	h.Series, h.Placed = []history.Series{s, own}, 40
	return Track{
		History: h,
		Show:    func(s history.Series) bool { return false },
		Plan: func(history.Run) (plan.Plan, bool) {
			settings := plan.Settings{TLS: "off", Connections: 4, Engine: "grpc", Windows: "static", ResponseCompression: plan.ResponseCodec{Mirror: true}}
			one, two := settings, settings
			one.ServerBinary, two.ServerBinary = "./a {addr}", "./b {addr}"
			return plan.Plan{
				Arms: []plan.Arm{{Name: "server-binary=./a", Settings: one}, {Name: "server-binary=./b", Settings: two}},
				Load: plan.Load{Rate: 1500, Arrival: "poisson", Loop: "open"},
			}, true
		},
	}
}

func TestTrackText(t *testing.T) {
	var b bytes.Buffer
	if err := TrackText(&b, tracked(), TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"grpc-bench track · 40 runs · 1 of them not usable: gaps\nin order of their commits\n",
		"1 run of old commits, measured after a successor: 000000000000\n(20260100T000000Z-aaaaaaaa)\n",
		"plan 01234567 · server-binary · arm against server-binary=#0 in % · 40 runs\n2026-01-01 to 2026-02-09 · linux/amd64, 2 CPUs AMD EPYC\n",
		"server-binary=#1\n  server CPU/RPC           +26.0 [+18.0, +22.0]     ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁█████ ████ ◆\n",
		"- server CPU/RPC of server-binary=#1/server-binary=#0: +5.0 % from 000000000000\n",
		"◆ 1 nomination of a change of level; 1 of 2 series are not judged: too few\nusable runs.\n",
		"A nomination needs at least 14 usable runs of one plan on one system, 7 before\nand 7 after the change; in longer series at least 5 on either side.\n",
		"p 5e-05; the first of the new level was measured\n  late, after a successor\n",
		"  changed there too: grpc-bench: v1 aaa, then v1 bbb; cipher of\n  server-binary=#1: –, then TLS_AES_128_GCM_SHA256\n",
		"--vary 'server-binary=(server of 000000000000),(server of 000000000000)' \\\n",
		"--tls off",
	} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("the page does not hold %q:\n%s", part, b.String())
		}
	}
	if strings.Contains(b.String(), "bytes/RPC") {
		t.Errorf("a series is shown that nobody asked for:\n%s", b.String())
	}
}

func TestChartIsFlatWhereNothingMatters(t *testing.T) {
	s := history.Series{Key: history.Key{Delta: .03}}
	for i := range 40 {
		s.Points = append(s.Points, history.Point{Value: 1.2 * (1 + 1e-4*math.Sin(float64(i)))})
	}
	if got := chart(s); strings.Trim(got, "▄▅") != "" || len([]rune(got)) != sparkWidth {
		t.Errorf("%q, want %d points of the middle", got, sparkWidth)
	}
	s.Points[39].Value = 1.3
	if got := []rune(chart(s)); got[len(got)-1] != '█' || got[0] != '▁' {
		t.Errorf("%q, want the last one at the top and the others at the bottom", string(got))
	}
}

func TestTrackWritesNothingThatActs(t *testing.T) {
	h := tracked()
	const evil = "a\x1b[31m|`<b>\n=1+1"
	for i := range h.Runs {
		h.Runs[i].ID, h.Runs[i].Commit, h.Runs[i].Suite = evil, evil, evil
	}
	for i := range h.Series {
		h.Series[i].System.CPU, h.Series[i].System.OS = evil, evil
		for k := range h.Series[i].Shifts {
			h.Series[i].Shifts[k].Facts = []compare.Difference{{What: evil, Arms: []string{evil}, Base: evil, New: evil}}
		}
		h.Series[i].Arm, h.Series[i].Control, h.Series[i].Group, h.Series[i].Metric = evil, evil, evil, evil
	}
	h.Show = func(history.Series) bool { return true }
	for _, f := range TrackFormats(TextOptions{}) {
		var b bytes.Buffer
		if err := f.Render(&b, h); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "\x1b") {
			t.Errorf("%s: an escape character passes through", f.Name)
		}
		if f.Name == "html" && strings.Contains(b.String(), "<b>") {
			t.Errorf("html: an element passes through")
		}
		if f.Name == "csv" && strings.Contains(b.String(), ",=") {
			t.Errorf("csv: a formula passes through")
		}
		if f.Name == "markdown" && strings.Contains(b.String(), "\n=1+1") {
			t.Errorf("markdown: a line break passes through:\n%s", b.String())
		}
	}
}

func TestTrackSaysHowManyRunsEachSeriesHas(t *testing.T) {
	h := tracked()
	h.Show = func(history.Series) bool { return true }
	var titles []string
	for _, table := range h.tables() {
		titles = append(titles, strings.Join(table.title, " · "))
	}
	want := []string{
		"plan 01234567 · server-binary · arm against server-binary=#0 in % · 40 runs · 2026-01-01 to 2026-02-09 · linux/amd64, 2 CPUs AMD EPYC",
		"plan 01234567 · each arm by itself · 1 run · 2026-02-09 to 2026-02-09 · linux/amd64, 2 CPUs AMD EPYC",
	}
	if diff := cmp.Diff(want, titles); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Changes that one A/B would confirm have one command among them.
func TestChangesOfAnArmHaveOneCommand(t *testing.T) {
	h := tracked()
	second := h.Series[0]
	second.Metric = "client_cpu_ns_per_rpc"
	h.Series = append(h.Series, second)
	for _, f := range TrackFormats(TextOptions{}) {
		var b bytes.Buffer
		if err := f.Render(&b, h); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(b.String(), "grpc-bench run --vary"); n > 1 || n == 0 && f.Name != "json" && f.Name != "csv" {
			t.Errorf("%s has %d commands, want one", f.Name, n)
		}
	}
}

// shortTrack has series of so many usable runs each, of runs of which all others are gaps.
func shortTrack(runs int, usable ...int) Track {
	t := tracked()
	t.Runs = t.Runs[:runs]
	one := t.Series[0]
	t.Series, one.Shifts = nil, nil
	for _, n := range usable {
		s := one
		s.Points, s.Usable = slices.Clone(one.Points[:runs]), n
		s.Judged = n >= history.MinRuns
		for i := range s.Points[n:] {
			s.Points[n+i] = history.Point{Run: n + i}
		}
		t.Series = append(t.Series, s)
	}
	t.Show = func(history.Series) bool { return true }
	return t
}

// TestAHistoryThatCouldNotLookLooksOtherwise: one run, all of them INVALID, every series too short, some of them.
//
//	fault:   a history in which no series has the runs that a nomination needs
//	promise: text, Markdown and the page of `track` and `ui` say NOT JUDGED, with another class, and how many runs are missing; never that nothing changed
//	figure:  word, class and counts of each
func TestAHistoryThatCouldNotLookLooksOtherwise(t *testing.T) {
	const none = "No series has the 14 usable runs that a nomination needs; the longest has "
	for name, row := range map[string]struct {
		track             Track
		word, class, text string
		mark              string // beside the first series
	}{
		"one run":          {shortTrack(1, 1), "NOT JUDGED", "unknown", none + "1.", "? 1 of 14"},
		"all runs INVALID": {shortTrack(20, 0, 0), "NOT JUDGED", "unknown", none + "0.", "? 0 of 14"},
		"no series":        {shortTrack(3), "NOT JUDGED", "unknown", none + "0.", ""},
		"all too short":    {shortTrack(20, 13, 9), "NOT JUDGED", "unknown", none + "13.", "? 13 of 14"},
		"some too short":   {shortTrack(20, 3, 14), "NO CHANGE in 1 of 2 series", "good", "No change of level is nominated in 1 series; 1 of 2 series are not judged: too few usable runs.", "? 3 of 14"},
		"long enough":      {shortTrack(20, 20, 14), "NO CHANGE", "good", "No change of level is nominated.", ""},
	} {
		var text, markdown, page bytes.Buffer
		if err := errors.Join(TrackText(&text, row.track, TextOptions{}), TrackMarkdown(&markdown, row.track), TrackPart(&page, row.track)); err != nil {
			t.Fatal(err)
		}
		said := strings.Join(strings.Fields(text.String()), " ")
		if !strings.Contains(said, row.word+": "+row.text) || row.mark != "" && !strings.Contains(said, row.mark) || row.mark == "" && strings.Contains(said, "? ") {
			t.Errorf("%s: the text does not say %q, %q and %q:\n%s", name, row.word, row.text, row.mark, text.String())
		}
		if !strings.Contains(markdown.String(), "**"+row.word+"**: "+row.text) || !strings.Contains(markdown.String(), row.mark) {
			t.Errorf("%s: the Markdown does not say so:\n%s", name, markdown.String())
		}
		if want := `<strong class="badge ` + row.class + `">` + row.word + `</strong> ` + row.text; !strings.Contains(page.String(), want) || !strings.Contains(page.String(), row.mark) {
			t.Errorf("%s: the page does not hold %q and %q:\n%.900s", name, want, row.mark, page.String())
		}
	}
}

// What runs are in order of is said.
func TestTrackSaysWhatRunsAreInOrderOf(t *testing.T) {
	for want, change := range map[string]func(*Track){
		"in order of their commits":                                     func(t *Track) {},
		"38 in order of their commits, the others where they were made": func(t *Track) { t.Placed = 38 },
		"in order of time: git here does not know their commits":        func(t *Track) { t.Placed = 0 },
		"in order of time": func(t *Track) {
			t.Placed = 0
			for i := range t.Runs {
				t.Runs[i].Commit = ""
			}
		},
	} {
		h := tracked()
		change(&h)
		if got := h.order(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// For programs every series has its system and whether it could be judged, every run
// whether it is late, and a nomination what else changed.
func TestTrackTellsProgramsWhatItTellsPeople(t *testing.T) {
	var text, data bytes.Buffer
	if err := errors.Join(TrackCSV(&text, tracked()), TrackJSON(&data, tracked())); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&text).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	values := func(row []string) string { return strings.Join(row[len(row)-8:], "|") }
	for i, want := range map[int]string{
		0:  "os|arch|cpu|cpus|cgroup_cpus|late|judged|changed_there",
		30: "linux|amd64|AMD EPYC|2||false|true|", // run 29, the last of the old level
		31: "linux|amd64|AMD EPYC|2||true|true|grpc-bench: v1 aaa, then v1 bbb; cipher of server-binary=#1: –, then TLS_AES_128_GCM_SHA256",
		41: "linux|amd64|AMD EPYC|2||false|false|", // of the series of one run
	} {
		if got := values(rows[i]); got != want {
			t.Errorf("row %d: %s, want %s", i, got, want)
		}
	}
	var h history.History
	if err := json.Unmarshal(data.Bytes(), &h); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tracked().History, h); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}
