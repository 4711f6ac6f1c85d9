//go:build browser

package report_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"grpcbench/internal/report"
	"grpcbench/internal/result"
	"grpcbench/testing/browser"
	"grpcbench/testing/hostile"
)

// chromium is a browser for one test.
func chromium(t *testing.T) *browser.Browser {
	t.Helper()
	b, err := browser.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

var desktop = browser.View{Width: 1200, Height: 900}

// visit opens a page from a file, as a reader does.
func visit(t *testing.T, b *browser.Browser, page string, v browser.View) *browser.Tab {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	tab, err := b.Open("file://"+path, v)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func eval[T any](t *testing.T, tab *browser.Tab, expression string) (value T) {
	t.Helper()
	if err := tab.Eval(expression, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// quiet fails if the page did anything but show itself.
func quiet(t *testing.T, tab *browser.Tab, name string) {
	t.Helper()
	for _, p := range tab.Problems() {
		t.Errorf("%s: %.300s", name, p)
	}
	requests := tab.Requests()
	if len(requests) != 1 || !strings.HasPrefix(requests[0], "file:///") {
		t.Errorf("%s asked for %q", name, requests)
	}
}

// pages are what there is to be opened.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{"measured": html(t, measured(t, 5, 10, 3)), "between": betweenHTML(t, changed(t)), "between-forced": betweenHTML(t, forced(t)),
		"track": trackHTML(t, report.Tracked())}
	for _, some := range []map[string]result.Result{fixtures(), ceilingFixtures()} {
		for name, r := range some {
			all[name] = html(t, r)
		}
	}
	return all
}

// TestPagesLoadNothingAndSayNothing: in light and dark, wide and narrow, with and
// without scripts.
func TestPagesLoadNothingAndSayNothing(t *testing.T) {
	t.Parallel()
	b := chromium(t)
	for name, page := range pages(t) {
		for _, v := range []browser.View{desktop, {Width: 400, Height: 800, Dark: true}, {Width: 1200, Height: 900, NoScript: true}} {
			tab := visit(t, b, page, v)
			quiet(t, tab, name)
			if wide := eval[int](t, tab, "document.documentElement.scrollWidth"); wide > v.Width {
				t.Errorf("%s is %d wide in a window of %d", name, wide, v.Width)
			}
			if got := eval[string](t, tab, "getComputedStyle(document.documentElement).backgroundColor"); (got == "rgb(255, 255, 255)") == v.Dark {
				t.Errorf("%s with dark %t has the background %s", name, v.Dark, got)
			}
			if err := tab.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestPagesAreAccessible: axe-core finds nothing serious.
func TestPagesAreAccessible(t *testing.T) {
	t.Parallel()
	b := chromium(t)
	for name, page := range pages(t) {
		for _, dark := range []bool{false, true} {
			tab := visit(t, b, page, browser.View{Width: 1200, Height: 900, Dark: dark})
			a, err := tab.Audit("")
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Violations) > 0 || a.Passes < 20 {
				t.Errorf("%s, dark %t: %d rules passed, violations:\n%s", name, dark, a.Passes, strings.Join(a.Violations, "\n"))
			}
			if err := tab.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestPageShowsTheNumbersOfTheFile: what a browser shows beside each number in full.
func TestPageShowsTheNumbersOfTheFile(t *testing.T) {
	r := measured(t, 5, 10, 3)
	tab := visit(t, chromium(t), html(t, r), desktop)
	type shown struct{ Row, Key, Value, Text string }
	all := eval[[]shown](t, tab, `[...document.querySelectorAll("#latency data, #costs data")].map((d) => ({Row: d.closest("tr").querySelector("th").textContent,
		Key: d.dataset.key, Value: d.value, Text: d.textContent}))`)
	find := func(arm, key string) shown {
		for _, s := range all {
			if s.Key == key && strings.TrimSuffix(s.Row, " (control)") == arm {
				return s
			}
		}
		return shown{}
	}
	for _, a := range r.Arms {
		arm := strings.TrimPrefix(a.Name, "metadata-size=")
		for key, v := range map[string]float64{"p50": float64(*a.Latency.P50), "max": float64(*a.Latency.Max), "client_cpu_ns_per_rpc": *a.ClientCPU, "server_cpu_ns_per_rpc": *a.ServerCPU} {
			s := find(arm, key)
			if s.Value != fmt.Sprint(int64(v)) && s.Value != fmt.Sprint(v) || s.Text != result.FormatDuration(v) {
				t.Errorf("%s %s: the page has %q and shows %q, the file %v, %s", a.Name, key, s.Value, s.Text, v, result.FormatDuration(v))
			}
		}
	}
}

// TestPointingReadsValues: by mouse and by keys, on both scales.
func TestPointingReadsValues(t *testing.T) {
	r := measured(t, 5, 10, 3)
	tab := visit(t, chromium(t), html(t, r), desktop)
	p50 := result.FormatDuration(float64(*r.Arms[0].Latency.P50))
	tip := func() string {
		return eval[string](t, tab, `document.getElementById("tip").hidden ? "" : document.getElementById("tip").innerText`)
	}
	if got := tip(); got != "" {
		t.Errorf("a tip is shown before anybody points: %q", got)
	}
	// The place of the median on the spectrum's axis.
	spot := `(() => { const f = document.querySelector("#latency figure.pointed"), s = [...f.querySelectorAll("svg")].find((s) => s.getClientRects().length);
		s.scrollIntoView({block: "center"});
		const d = JSON.parse(document.getElementById("data").textContent)[f.id], i = d.labels.indexOf("50 %"), b = s.getBoundingClientRect();
		const places = s.closest(".on-second") ? d.other : d.places;
		return [b.left + places.x[i] * b.width / s.viewBox.baseVal.width, b.top + b.height / 2]; })()`
	for _, choice := range []string{"logarithmic", "linear"} {
		clicked := eval[bool](t, tab, fmt.Sprintf(`[...document.querySelectorAll("#latency label")].some((l) => l.textContent === %q && (l.click(), true))`, choice))
		at := eval[[2]float64](t, tab, spot)
		if err := tab.Point(at[0], at[1]); err != nil {
			t.Fatal(err)
		}
		if got := tip(); !clicked || !strings.Contains(got, "50 %") || !strings.Contains(got, p50) {
			t.Errorf("%s: pointing at the median shows %q, want 50 %% and %s", choice, got, p50)
		}
		if n := eval[int](t, tab, `document.querySelectorAll("#latency svg circle.spot").length`); n != len(r.Arms) {
			t.Errorf("%s: %d spots, want one for each of %d arms", choice, n, len(r.Arms))
		}
		visible := eval[string](t, tab, `[...document.querySelectorAll("#latency figure .on-first, #latency figure .on-second")].filter((d) => d.getClientRects().length).map((d) => d.className).join()`)
		if want := map[string]string{"logarithmic": "on-first", "linear": "on-second"}[choice]; visible != want {
			t.Errorf("%s shows %s, want %s", choice, visible, want)
		}
	}
	if err := tab.Eval(`document.querySelector("#latency figure.pointed").focus()`, nil); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"Home", "ArrowRight", "End"} {
		before := tip()
		if err := tab.Press(key); err != nil {
			t.Fatal(err)
		}
		if got := tip(); got == before || got == "" {
			t.Errorf("after %s the tip is %q, as before", key, got)
		}
	}
	if got, want := tip(), result.FormatDuration(float64(*r.Arms[0].Latency.Max)); !strings.Contains(got, want) {
		t.Errorf("at the end the tip is %q, want the maximum %s", got, want)
	}
	if err := tab.Press("Escape"); err != nil || tip() != "" {
		t.Errorf("after Escape the tip is %q, %v", tip(), err)
	}
	quiet(t, tab, "pointed at")
}

// TestARowTakesItsLineAway and back.
func TestARowTakesItsLineAway(t *testing.T) {
	tab := visit(t, chromium(t), html(t, measured(t, 12, 10, 3)), desktop)
	drawn := `[...document.querySelectorAll("#latency figure .on-first path.line:not(.few)")].filter((p) => getComputedStyle(p).display !== "none").length`
	before := eval[int](t, tab, drawn)
	for i, want := range []int{before - 1, before} {
		pressed := eval[string](t, tab, `(() => { const b = document.querySelectorAll("#latency tr[data-line] button")[1]; b.click(); return b.getAttribute("aria-pressed"); })()`)
		if got := eval[int](t, tab, drawn); got != want || pressed != []string{"false", "true"}[i] {
			t.Errorf("after click %d: %d lines, pressed %s, want %d", i+1, got, pressed, want)
		}
	}
	if before != 12 {
		t.Errorf("%d lines, want 12", before)
	}
	quiet(t, tab, "clicked")
}

// TestPrintHoldsWhatIsFolded: paper cannot be opened.
func TestPrintHoldsWhatIsFolded(t *testing.T) {
	tab := visit(t, chromium(t), html(t, measured(t, 5, 10, 3)), desktop)
	pdf, err := tab.PDF()
	if err != nil || len(pdf) < 20_000 {
		t.Fatalf("%d bytes of PDF, %v", len(pdf), err)
	}
	if open := eval[int](t, tab, `document.querySelectorAll("details:not([open])").length`); open != 0 {
		t.Errorf("%d parts stay folded in print", open)
	}
}

// TestNoHostileStringRunsInABrowser.
//
//	fault:   scripts and markup in every string of a result, a comparison and a history, opened in Chromium
//	promise: no script but the page's own runs, nothing is asked for
//	figure:  every string of the corpus in every field: 0 dialogs, 0 console messages, 0 requests
func TestNoHostileStringRunsInABrowser(t *testing.T) {
	t.Parallel()
	b := chromium(t)
	for i, s := range hostile.Strings() {
		rs := poisoned(s)
		all := []string{html(t, rs[(2*i)%len(rs)]), html(t, rs[(2*i+1)%len(rs)])}
		if i%2 == 0 { // a page takes a second
			between := changed(t)
			fill(reflect.ValueOf(&between).Elem(), s[:min(len(s), 600)])
			all = append(all, betweenHTML(t, between))
		} else {
			track := report.Tracked()
			fill(reflect.ValueOf(&track.History).Elem(), s[:min(len(s), 600)])
			all = append(all, trackHTML(t, track))
		}
		for _, page := range all {
			tab := visit(t, b, page, desktop)
			quiet(t, tab, fmt.Sprintf("%.40q", s))
			if n := eval[int](t, tab, "document.scripts.length"); n != 2 {
				t.Errorf("%.40q: %d scripts, want 2", s, n)
			}
			if err := tab.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestHostileStringsWouldRunWithoutEscaping: the tests here notice.
func TestHostileStringsWouldRunWithoutEscaping(t *testing.T) {
	b := chromium(t)
	for _, s := range []string{`<img src=x onerror=alert(1)>`, `</script><script>alert(1)</script>`, `<link rel=stylesheet href=http://evil.example/x.css>`} {
		tab := visit(t, b, "<!DOCTYPE html><title>x</title><script>1</script>"+s, desktop)
		if len(tab.Problems()) == 0 && len(tab.Requests()) < 2 {
			t.Errorf("%q: nothing was noticed", s)
		}
		// The page's own policy keeps it from acting even so, and tells.
		page := strings.Replace(html(t, few()), "<main>", "<main>"+s, 1)
		tab = visit(t, b, page, desktop)
		for _, p := range tab.Problems() {
			if strings.HasPrefix(p, "dialog") {
				t.Errorf("%q: %s, in spite of the policy", s, p)
			}
		}
		for _, u := range tab.Requests() {
			if strings.Contains(u, "evil") {
				t.Errorf("%q: %s was asked for, in spite of the policy", s, u)
			}
		}
		if len(tab.Problems()) == 0 {
			t.Errorf("%q: the policy told nothing", s)
		}
	}
}

// TestPicturesForReview writes what to look at before a change of the pages is
// called done, if PICTURES names a directory; else it looks at one page.
func TestPicturesForReview(t *testing.T) {
	t.Parallel()
	b := chromium(t)
	dir := os.Getenv("PICTURES")
	all := pages(t)
	if path := os.Getenv("RESULT"); path != "" {
		r, err := result.Read("", path)
		if err != nil {
			t.Fatal(err)
		}
		all["result"] = html(t, r)
	}
	if dir == "" {
		all = map[string]string{"measured": all["measured"]}
	}
	for name, page := range all {
		for look, v := range map[string]browser.View{"light": desktop, "dark": {Width: 1200, Height: 900, Dark: true}, "narrow": {Width: 400, Height: 800}} {
			tab := visit(t, b, page, v)
			png, err := tab.Screenshot()
			if err != nil || len(png) < 10_000 {
				t.Fatalf("%s %s: %d bytes, %v", name, look, len(png), err)
			}
			if dir != "" {
				if err := os.WriteFile(filepath.Join(dir, name+"-"+look+".png"), png, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := tab.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// BenchmarkOpen is how long Chromium takes until the largest report that the promise
// of speed names can be used: loaded, its script run, a frame drawn.
func BenchmarkOpen(b *testing.B) {
	chromium, err := browser.Start(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer chromium.Close()
	path := filepath.Join(b.TempDir(), "report.html")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		err = report.HTML(f, measured(b, 40, 40, 3))
	}
	if err != nil || f.Close() != nil {
		b.Fatal(err)
	}
	var slowest time.Duration
	for b.Loop() {
		tab, err := chromium.Open("file://"+path, desktop)
		if err != nil {
			b.Fatal(err)
		}
		var ms json.Number
		if err := tab.Eval(`new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))`, &ms); err != nil {
			b.Fatal(err)
		}
		v, err := ms.Float64()
		if err != nil {
			b.Fatal(err)
		}
		slowest = max(slowest, time.Duration(v*1e6))
		if err := tab.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(slowest.Milliseconds()), "ms-slowest")
}
