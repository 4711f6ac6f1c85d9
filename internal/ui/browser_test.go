//go:build browser

package ui_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"grpcbench/internal/compare"
	"grpcbench/internal/result"
	"grpcbench/testing/browser"
	"grpcbench/testing/hostile"
)

// shared is the browser of all tests here: to start one takes longer than most of them.
var shared = sync.OnceValues(func() (*browser.Browser, error) { return browser.Start(context.Background()) })

func TestMain(m *testing.M) {
	code := m.Run()
	if b, err := shared(); err == nil {
		if err := b.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func chromium(t *testing.T) *browser.Browser {
	t.Helper()
	b, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var desktop = browser.View{Width: 1200, Height: 900}

// tab is an open page of a server.
type tab struct {
	*browser.Tab
	t *testing.T
	s shown
}

// visit opens a page with the token that is printed.
func visit(t *testing.T, b *browser.Browser, s shown, path string, v browser.View) tab {
	t.Helper()
	opened, err := b.Open(s.url+path+"#token="+s.token, v)
	if err != nil {
		t.Fatal(err)
	}
	p := tab{opened, t, s}
	p.until(`document.querySelector("#page h1, #page [role=alert]")`)
	return p
}

func (p tab) eval(expression string, result any) {
	p.t.Helper()
	if err := p.Eval(expression, result); err != nil {
		p.t.Fatal(err)
	}
}

func (p tab) text(expression string) (text string) {
	p.t.Helper()
	p.eval("String("+expression+")", &text)
	return text
}

// until waits for something to be true. While a page is being replaced by another one,
// nothing can be asked.
func (p tab) until(condition string) {
	p.t.Helper()
	wait := `new Promise((done, fail) => { const end = Date.now() + 20000, look = () => { if (` + condition + `) done(true); else if (Date.now() > end) fail(new Error(document.body.innerText.slice(0, 300))); else setTimeout(look, 5); }; look(); })`
	var err error
	for range 5 {
		if err = p.Eval(wait, nil); err == nil {
			return
		}
	}
	p.t.Fatalf("%s: %v", condition, err)
}

// settled waits until the part that was asked for stands there.
func (p tab) settled() {
	p.t.Helper()
	p.until(`!document.getElementById("page").hasAttribute("aria-busy")`)
}

// press presses keys.
func (p tab) press(keys ...string) {
	p.t.Helper()
	for _, k := range keys {
		if err := p.Press(k); err != nil {
			p.t.Fatal(err)
		}
	}
}

// click clicks in the middle of an element.
func (p tab) click(selector string) {
	p.t.Helper()
	var at [2]float64
	p.eval(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.scrollIntoView({block: "center"}); const b = e.getBoundingClientRect(); return [b.left + b.width / 2, b.top + b.height / 2]; })()`, selector), &at)
	if err := p.Click(at[0], at[1]); err != nil {
		p.t.Fatal(err)
	}
}

// names are the names of the runs on the page, from the top.
func (p tab) names() string {
	return p.text(`[...document.querySelectorAll(".runs tbody th a")].map((a) => a.textContent).join()`)
}

// quiet fails if the page did anything but ask its own server, or told it the token.
func (p tab) quiet() {
	p.t.Helper()
	for _, problem := range p.Problems() {
		p.t.Errorf("%.300s", problem)
	}
	for _, u := range p.Requests() {
		if !strings.HasPrefix(u, p.s.url+"/") {
			p.t.Errorf("asked for %q", u)
		}
	}
	if at := p.text("location.href"); strings.Contains(at, p.s.token) {
		p.t.Errorf("the token is still in %s", at)
	}
}

// TestTheListByKeyboardAndMouse: filter, sort, choose two, compare.
func TestTheListByKeyboardAndMouse(t *testing.T) {
	dir, ids := three(t)
	p := visit(t, chromium(t), serve(t, dir), "/", desktop)
	if got, title := p.names(), p.text("document.title"); got != "third,second,first" || title != "Runs · grpc-bench" {
		t.Errorf("%q shows %s", title, got)
	}
	for _, id := range []string{"Runs", "History", "q", "sort-begun"} { // in this order by the Tab key, the scrolling table before its heads
		p.until(`true`)
		for range 3 {
			p.press("Tab")
			if p.text(`document.activeElement.id || document.activeElement.textContent`) == id {
				break
			}
		}
		if got := p.text(`document.activeElement.id || document.activeElement.textContent`); got != id {
			t.Errorf("Tab leads to %.40q, want %s", got, id)
		}
	}
	p.press("Enter")
	p.until(`location.search.includes("order=up")`)
	p.settled()
	if got, focus := p.names(), p.text("document.activeElement.id"); got != "first,second,third" || focus != "sort-begun" || p.text(`document.querySelector("[aria-sort]").getAttribute("aria-sort")`) != "ascending" {
		t.Errorf("sorted by keyboard: %s, focus on %s", got, focus)
	}
	p.click("#sort-run")
	p.until(`location.search.includes("sort=run")`)
	p.settled()
	if got := p.names(); got != "first,second,third" {
		t.Errorf("sorted by the mouse: %s", got)
	}
	p.eval(`document.getElementById("q").focus()`, nil)
	if err := p.Type("branch=main"); err != nil {
		t.Fatal(err)
	}
	p.until(`document.getElementById("count").textContent === "2 of 3 runs"`)
	if got, focus := p.names(), p.text("document.activeElement.id"); got != "first,second" || focus != "q" {
		t.Errorf("filtered: %s, focus on %s", got, focus)
	}
	p.settled()
	p.eval(`history.back()`, nil) // to the list before it was sorted by name, without a filter
	p.until(`document.querySelectorAll(".runs tbody tr").length === 3`)
	p.settled()
	p.click("#base-" + ids[0])
	p.until(fmt.Sprintf(`document.activeElement.id === "base-%s" && location.search.includes("base=")`, ids[0]))
	p.settled()
	p.eval(fmt.Sprintf(`document.getElementById("new-%s").focus()`, ids[2]), nil)
	p.press(" ")
	p.until(`!document.getElementById("compare").disabled`)
	p.settled()
	p.eval(`document.getElementById("compare").focus()`, nil)
	p.press("Enter")
	p.until(`location.pathname === "/compare" && document.querySelector("h1")`)
	if got, want := p.text("document.title"), "From "+ids[0]+" to "+ids[2]+" · grpc-bench"; got != want {
		t.Errorf("title %q, want %q", got, want)
	}
	p.quiet()
}

// TestPagesShowTheNumbersOfTheFiles: of a run, of a comparison as the command has it,
// of the history.
func TestPagesShowTheNumbersOfTheFiles(t *testing.T) {
	dir, ids := three(t)
	b, s := chromium(t), serve(t, dir)
	base, new := examined(t, dir, ids[0]), examined(t, dir, ids[2])
	p := visit(t, b, s, "/run?ref="+ids[0], desktop)
	for _, a := range base.Arms {
		for key, v := range map[string]float64{"p50": float64(*a.Latency.P50), "server_cpu_ns_per_rpc": *a.ServerCPU} {
			row := p.text(fmt.Sprintf(`[...document.querySelectorAll("data[data-key=%s]")].filter((d) => Number(d.value) === %v).map((d) => d.closest("tr").querySelector("th").textContent + "=" + d.textContent).join()`, key, v))
			if !strings.Contains(row, result.FormatDuration(v)) {
				t.Errorf("%s %s: the page shows %q, want %s", a.Name, key, row, result.FormatDuration(v))
			}
		}
	}
	p.eval(`document.querySelector("#latency figure.pointed").focus()`, nil)
	p.press("Home")
	if got := p.text(`document.getElementById("tip").innerText`); !strings.Contains(got, "µs") {
		t.Errorf("a figure that is pointed at shows %q", got)
	}
	p.quiet()
	between, err := compare.Results(&base, &new, false)
	if err != nil {
		t.Fatal(err)
	}
	p = visit(t, b, s, "/compare?base="+ids[0]+"&new="+ids[2], desktop)
	judged := make(map[string]int)
	for _, c := range between.Ratios {
		if c.Ratio != nil {
			judged[string(c.Verdict)]++
		}
	}
	for verdict, tone := range map[string]string{"slower": "higher", "faster": "lower", "same": "same", "inconclusive": "unsure"} {
		if got := p.text(fmt.Sprintf(`document.querySelectorAll("#answer td.%s").length`, tone)); got != fmt.Sprint(judged[verdict]) {
			t.Errorf("%s verdicts of %s on the page, want %d", got, verdict, judged[verdict])
		}
	}
	if judged["slower"] == 0 {
		t.Errorf("no verdict of slower in the comparison: %v", judged)
	}
	p.quiet()
	p = visit(t, b, s, "/history", desktop)
	p.eval(`document.querySelector("select[name=metric]").value = "server_cpu_ns_per_rpc"`, nil)
	p.click("#show")
	p.until(`location.search.includes("metric=server_cpu_ns_per_rpc") && !document.getElementById("page").hasAttribute("aria-busy")`)
	want := []string{}
	for _, c := range new.Comparisons {
		if c.Metric == "server_cpu_ns_per_rpc" && c.Ratio != nil && c.Arm != "A/A" {
			want = append(want, fmt.Sprint(*c.Ratio))
		}
	}
	got := p.text(`[...document.querySelectorAll("main data[data-key=server_cpu_ns_per_rpc]")].map((d) => d.value).join()`)
	for _, v := range want {
		if !slices.ContainsFunc(strings.Split(got, ","), func(g string) bool { return len(g) > 5 && strings.HasPrefix(v, g[:6]) }) {
			t.Errorf("the history ends at %s, want %s among them", got, v)
		}
	}
	p.quiet()
}

// paths are the pages there are.
func paths(ids []string, unlike string) map[string]string {
	return map[string]string{"runs": "/?base=" + ids[0] + "&new=" + ids[2] + "&q=branch", "run": "/run?ref=" + ids[2], "compare": "/compare?base=" + ids[0] + "&new=" + ids[2],
		"unlike": "/compare?base=" + ids[0] + "&new=" + unlike, "history": "/history"}
}

// TestPagesAreAccessible: axe-core finds nothing serious, in light and dark. Pictures
// of them are written if PICTURES names a directory, to be looked at before a change is
// called done; RESULTS names other results to be shown.
func TestPagesAreAccessible(t *testing.T) {
	dir, ids := three(t)
	unlike := store(t, dir, 5, other)
	all := paths(ids, unlike)
	b, s := chromium(t), serve(t, dir)
	if other := os.Getenv("RESULTS"); other != "" {
		s = serve(t, other)
		all = make(map[string]string)
		for _, of := range strings.Fields(os.Getenv("PAGES")) {
			name, path, _ := strings.Cut(of, ":")
			all[name] = path
		}
	}
	for name, path := range all {
		for look, v := range map[string]browser.View{"light": desktop, "dark": {Width: 1200, Height: 900, Dark: true}, "narrow": {Width: 400, Height: 800}} {
			if look != "light" && (name == "run" || name == "compare") || look == "narrow" && name == "unlike" {
				continue // what differs there is the report's
			}
			p := visit(t, b, s, path, v)
			if wide := p.text("document.documentElement.scrollWidth - document.documentElement.clientWidth"); wide != "0" {
				t.Errorf("%s, %s: %s too wide in a window of %d", name, look, wide, v.Width)
			}
			if to := os.Getenv("PICTURES"); to != "" {
				png, err := p.Screenshot()
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(to, name+"-"+look+".png"), png, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			p.quiet()
			if look != "narrow" {
				accessible(p, name+", "+look)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// accessible asks axe-core. What the reports hold is left out: it is the same here, see
// TestPagesHoldWhatTheReportsDo, and package report asks of it there.
func accessible(p tab, name string) {
	p.t.Helper()
	except := ""
	if p.text("document.getElementById('data') !== null") == "true" {
		except = "main"
	}
	a, err := p.Audit(except)
	if err != nil {
		p.t.Fatal(err)
	}
	if len(a.Violations) > 0 || a.Passes < 10 {
		p.t.Errorf("%s: %d rules passed, violations:\n%s", name, a.Passes, strings.Join(a.Violations, "\n"))
	}
}

// TestNoHostileStringRunsInABrowser.
//
//	fault:   scripts and markup in names, tags, arms and messages of the results that `ui` shows, opened in Chromium
//	promise: no script but the page's own runs, nothing is asked for elsewhere
//	figure:  every string of the corpus in the list, a run and the history: 0 dialogs, 0 console messages, 0 requests to elsewhere
func TestNoHostileStringRunsInABrowser(t *testing.T) {
	dir := t.TempDir()
	var ids []string
	for i, s := range hostile.Strings() {
		ids = append(ids, store(t, dir, i, poisoned(s[:min(len(s), 5000)])))
	}
	b, s := chromium(t), serve(t, dir)
	p := visit(t, b, s, "/", desktop)
	scripts := `[...document.scripts].filter((s) => s.type !== "application/json").length`
	if n, rows := p.text(scripts), p.text(`document.querySelectorAll(".runs tbody tr").length`); n != "2" || rows != fmt.Sprint(len(ids)) {
		t.Errorf("the list: %s scripts and %s rows, want 2 and %d", n, rows, len(ids))
	}
	for i, id := range ids {
		path := []string{"/run?ref=" + id, "/history?plan=" + examined(t, dir, id).Plan.Hash()}[i%2]
		p.eval(fmt.Sprintf("location.assign(%q)", path), nil)
		p.until(fmt.Sprintf(`location.pathname + location.search === %q && document.querySelector("#page h1")`, path))
		if n := p.text(scripts); n != "2" {
			t.Errorf("%.40q: %s scripts, want 2", hostile.Strings()[i], n)
		}
	}
	p.quiet()
}

// TestMarkupThatGotThroughWouldNotRun: if escaping failed in one place, the policy and
// the way in which parts are put in their place would still hold.
func TestMarkupThatGotThroughWouldNotRun(t *testing.T) {
	dir, _ := three(t)
	p := visit(t, chromium(t), serve(t, dir), "/", desktop)
	for _, s := range []string{`<img src=x onerror=alert(1)>`, `<script>alert(1)</script>`, `<a id=evil href="javascript:alert(1)">x</a>`, `<link rel=stylesheet href=http://evil.example/x.css>`} {
		p.eval(fmt.Sprintf(`document.getElementById("page").append(...new DOMParser().parseFromString(%q, "text/html").querySelectorAll("img, script, a, link"))`, s), nil)
	}
	p.click("#evil")
	p.eval(`new Promise((done) => requestAnimationFrame(() => setTimeout(done)))`, nil)
	told := 0
	for _, problem := range p.Problems() {
		if strings.HasPrefix(problem, "dialog") {
			t.Error(problem)
		}
		told++
	}
	for _, u := range p.Requests() {
		if !strings.HasPrefix(u, p.s.url+"/") {
			t.Errorf("asked for %q", u)
		}
	}
	if told == 0 {
		t.Error("the policy told nothing")
	}
}

// TestATabWithoutTheTokenSaysWhatToDo, and one that is given it goes on.
func TestATabWithoutTheTokenSaysWhatToDo(t *testing.T) {
	dir, _ := three(t)
	b, s := chromium(t), serve(t, dir)
	opened, err := b.Open(s.url+"/", desktop)
	if err != nil {
		t.Fatal(err)
	}
	p := tab{opened, t, s}
	p.until(`document.querySelector("[role=alert]")`)
	if got := p.text(`document.querySelector("[role=alert]").textContent`); !strings.Contains(got, "the whole address that grpc-bench ui printed") {
		t.Errorf("the page says %q", got)
	}
	p.eval(fmt.Sprintf("location.assign(%q)", s.whole), nil)
	p.until(`document.querySelector(".runs")`)
	if got := p.names(); got != "third,second,first" {
		t.Errorf("with the token: %s", got)
	}
}

// TestWhoeverMovesOnKeepsTheFocus: an answer that comes late does not take it back.
func TestWhoeverMovesOnKeepsTheFocus(t *testing.T) {
	dir, ids := three(t)
	p := visit(t, chromium(t), serve(t, dir), "/", desktop)
	p.eval(fmt.Sprintf(`document.getElementById("base-%s").click(); document.getElementById("new-%s").focus()`, ids[0], ids[2]), nil)
	p.until(`location.search.includes("base=") && !document.getElementById("page").hasAttribute("aria-busy")`)
	if got, base := p.text("document.activeElement.id"), p.text(`document.querySelector("input[name=base]:checked").value`); got != "new-"+ids[2] || base != ids[0] {
		t.Errorf("the focus is on %q and the base is %s", got, base)
	}
}
