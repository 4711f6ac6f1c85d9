package report

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
		Shifts: []history.Shift{{Before: 29, After: 30, Ratio: 1.05, P: .00005}},
	}
	for i := range 40 {
		h.Runs = append(h.Runs, history.Run{
			ID: fmt.Sprintf("2026010%dT000000Z-aaaaaaaa", i%10), Created: time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC), Verdict: result.Valid,
			Commit: fmt.Sprintf("%040x", i), Plan: s.Plan,
		})
		p := history.Point{Run: i, Value: 1.2, Low: 1.18, High: 1.22}
		if i >= 30 {
			p.Value *= 1.05
		}
		s.Points = append(s.Points, p)
	}
	h.Runs[35].Verdict, s.Points[35] = result.Invalid, history.Point{Run: 35}
	own := history.Series{Plan: s.Plan, Key: history.Key{Arm: "server-binary=#1", Metric: "sent_bytes_per_rpc", Unit: "bytes", Delta: .005}, Points: []history.Point{{Run: 39, Value: 53}}}
	h.Series = []history.Series{s, own}
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
		"grpc-bench track · 40 runs · 1 of them not usable: gaps\n",
		"plan 01234567 · server-binary · arm against server-binary=#0 in % · 40 runs\n2026-01-01 to 2026-02-09\n",
		"server-binary=#1\n  server CPU/RPC           +26.0 [+18.0, +22.0]     ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁█████ ████ ◆\n",
		"- server CPU/RPC of server-binary=#1/server-binary=#0: +5.0 % from 000000000000\n",
		"p 5e-05\n",
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
		"plan 01234567 · server-binary · arm against server-binary=#0 in % · 40 runs · 2026-01-01 to 2026-02-09",
		"plan 01234567 · each arm by itself · 1 run · 2026-02-09 to 2026-02-09",
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
