package ui_test

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"

	markup "golang.org/x/net/html"

	"grpcbench/internal/compare"
	"grpcbench/internal/history"
	"grpcbench/internal/report"
	"grpcbench/internal/result"
	"grpcbench/testing/hostile"
	"grpcbench/testing/lane"
)

// examined reads a result as commands do.
func examined(t *testing.T, dir, ref string) result.Result {
	t.Helper()
	r, err := result.Read(dir, ref)
	if err != nil {
		t.Fatal(err)
	}
	result.Examine(&r)
	return r
}

func written(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestPagesHoldWhatTheReportsDo: of one run, of two compared, of the history.
func TestPagesHoldWhatTheReportsDo(t *testing.T) {
	t.Parallel()
	dir, ids := three(t)
	s := serve(t, dir)
	r := examined(t, dir, ids[1])
	got := s.ask(t, "/part/run?ref="+ids[1], nil).body
	if want := written(t, func(w io.Writer) error { return report.HTMLPart(w, r) }); !strings.HasSuffix(got, want) {
		t.Error("the page of a run is not its report")
	}
	for _, link := range []string{"/compare?base=" + ids[0] + "&amp;new=" + ids[1], "/?new=" + ids[1], "/history?plan=" + r.Plan.Hash()} {
		if !strings.Contains(got, `href="`+link+`"`) {
			t.Errorf("the page of a run has no link to %s", link)
		}
	}
	base, new := examined(t, dir, "baseline:main"), examined(t, dir, ids[2])
	b, err := compare.Results(&base, &new, false)
	if err != nil {
		t.Fatal(err)
	}
	b.Base.Baseline = "main"
	got = s.ask(t, "/part/compare?base=baseline:main&new="+ids[2], nil).body
	if want := written(t, func(w io.Writer) error { return report.BetweenPart(w, b) }); !strings.HasSuffix(got, want) {
		t.Error("the page of two runs is not their comparison")
	}
	slower := slices.ContainsFunc(b.Ratios, func(c compare.Change) bool {
		return c.Arm == "tls=1.3" && c.Metric == "server_cpu_ns_per_rpc" && c.Verdict == "slower"
	})
	if !slower || !strings.Contains(got, "▲") {
		t.Error("an arm whose server takes 30 % more is not called slower")
	}
	h, err := history.Read(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := h.Series
	h.Series = slices.DeleteFunc(slices.Clone(all), func(s history.Series) bool { return s.Arm != "tls=1.3" || s.Metric != "server_cpu_ns_per_rpc" })
	track := report.Track{History: h, Plan: history.Plans(dir), Show: func(history.Series) bool { return true }}
	got = s.ask(t, "/part/history?arm=tls%3D1.3&metric=server_cpu_ns_per_rpc", nil).body
	if want := written(t, func(w io.Writer) error { return report.TrackPart(w, track) }); !strings.HasSuffix(got, want) || len(h.Series) == 0 {
		t.Error("the page of a series is not its track")
	}
	for _, one := range all {
		if one.Plan != all[0].Plan {
			continue
		}
		for _, value := range []string{one.Arm, one.Metric} {
			if !strings.Contains(got, `<option value="`+value+`"`) {
				t.Errorf("%s cannot be chosen", value)
			}
		}
	}
}

// TestUnlikePlansAreComparedWhenAskedTo, and the reason is told before.
// One arm has no control, so of its history only bytes and allocations are known.
func TestAHistoryWithoutUsualMetricsShowsWhatItHas(t *testing.T) {
	dir := t.TempDir()
	alone := func(r *result.Result) {
		r.Arms, r.Plan.Arms, r.Groups, r.Plan.Groups = r.Arms[:1], r.Plan.Arms[:1], nil, nil
	}
	store(t, dir, 0, alone)
	store(t, dir, 1, alone)
	if got := serve(t, dir).ask(t, "/part/history", nil); got.code != 200 || !strings.Contains(got.body, `class="course"`) {
		t.Errorf("%d, without a chart:\n%s", got.code, got.body)
	}
}

func TestUnlikePlansAreComparedWhenAskedTo(t *testing.T) {
	t.Parallel()
	dir, ids := three(t)
	unlike := store(t, dir, 5, other)
	s := serve(t, dir)
	path := "/part/compare?base=" + ids[0] + "&new=" + unlike
	got := s.ask(t, path, nil)
	link := "/compare?base=" + ids[0] + "&amp;force=1&amp;new=" + unlike
	if got.code != 200 || !strings.Contains(got.body, link) || strings.Contains(got.body, "<svg") || !strings.Contains(got.body, "7777") {
		t.Errorf("%d, want the reason and a link to %s:\n%.600s", got.code, link, got.body)
	}
	if got := s.ask(t, path+"&force=1", nil); got.code != 200 || !strings.Contains(got.body, "PLANS DIFFER") {
		t.Errorf("asked to all the same: %d", got.code)
	}
}

// TestWhatIsStoredMeanwhileIsShown without a restart.
func TestWhatIsStoredMeanwhileIsShown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, dir)
	if got := s.ask(t, "/part/runs", nil); got.code != 200 || !strings.Contains(got.body, "0 runs") {
		t.Errorf("of an empty directory: %d %.300s", got.code, got.body)
	}
	if got := s.ask(t, "/part/history", nil); got.code != 404 || !strings.Contains(got.body, "holds none") {
		t.Errorf("the history of an empty directory: %d %q", got.code, got.body)
	}
	id := store(t, dir, 0, nil)
	for _, path := range []string{"/part/runs", "/part/run?ref=" + id, "/part/history"} {
		if got := s.ask(t, path, nil); got.code != 200 || !strings.Contains(got.body, id) {
			t.Errorf("%s: %d, and not of the run that was stored meanwhile", path, got.code)
		}
	}
}

// TestEveryRunIsOnOnePageOfTheList and on no other.
func TestEveryRunIsOnOnePageOfTheList(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := many(t, dir, 230)
	s := serve(t, dir)
	var got []string
	for page := 1; page <= 3; page++ {
		body := s.ask(t, fmt.Sprintf("/part/runs?page=%d&order=up", page), nil).body
		if !strings.Contains(body, fmt.Sprintf("page %d of 3", page)) {
			t.Errorf("page %d does not say so", page)
		}
		for _, row := range strings.Split(body, `<a href="/run?ref=`)[1:] {
			id, _, _ := strings.Cut(row, `"`)
			got = append(got, id)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d runs on three pages, want %d in order of time", len(got), len(want))
	}
}

// poisoned puts s wherever a result has a string that its user, its server or somebody
// who made the file has chosen.
func poisoned(s string) func(*result.Result) {
	return func(r *result.Result) {
		r.Name, r.Plan.Suite, r.Plan.Kind = s, s, ""
		r.Plan.Tags = map[string]string{s: s, "commit": s, "branch": s}
		r.Tool.Version, r.Machine.CPU = s, s
		r.Warnings = append(r.Warnings, result.Warning{Code: s, Text: s, Arm: s})
		for i := range r.Groups {
			r.Groups[i].Name += s
			r.Plan.Groups[i].Name = r.Groups[i].Name
		}
		arm := r.Arms[1].Name
		r.Arms[1].Name, r.Plan.Arms[1].Name = s, s
		for _, names := range [][]string{r.Groups[0].Arms, r.Plan.Groups[0].Arms} {
			if k := slices.Index(names, arm); k >= 0 {
				names[k] = s
			}
		}
	}
}

// TestHostileTextIsText in every part, as HTML5 reads it. That a browser does so too is
// tested in one.
//
//	fault:   markup, scripts, templates and control characters in names, tags, arms and messages of the results that `ui` shows
//	promise: a part has no element, attribute, link or script but its own, and nothing acts
//	figure:  every string of the corpus in the list, a run, a comparison and the history: 0 elements more
func TestHostileTextIsText(t *testing.T) {
	lane.Long(t, "works for seconds: stores dozens of results")
	t.Parallel()
	dir := t.TempDir()
	ids := make(map[string]string)
	hour := 0
	for _, s := range hostile.Strings() {
		hour++
		ids[s] = store(t, dir, hour, poisoned(s[:min(len(s), 5000)]))
	}
	h, err := history.Read(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	plans := make(map[string]string)
	for _, r := range h.Runs {
		plans[r.ID] = r.Plan
	}
	s := serve(t, dir)
	first := ids[hostile.Strings()[0]]
	for text, id := range ids {
		asked := url.QueryEscape(text[:min(len(text), 500)])
		for _, path := range []string{"/part/run?ref=" + id, "/part/compare?force=1&base=" + first + "&new=" + id, "/part/history?plan=" + plans[id],
			"/part/runs?q=" + asked, "/part/history?arm=" + asked, "/part/run?ref=" + asked} {
			got := s.ask(t, path, nil)
			if err := hostile.Check(got.body); err != nil {
				t.Errorf("%.40q: %s: %v", text, path, err)
			}
			if got.code == 200 {
				wantInert(t, text, got.body)
			} else if got.header.Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("%.40q: %s: %d of type %s", text, path, got.code, got.header.Get("Content-Type"))
			}
		}
	}
	list := s.ask(t, "/part/runs", nil)
	if err := hostile.Check(list.body); err != nil || len(list.body) > 1<<20 {
		t.Errorf("the list: %d bytes, %v", len(list.body), err)
	}
	wantInert(t, "the list", list.body)
}

// wantInert fails if there is anything in a part that acts, or leads elsewhere.
func wantInert(t *testing.T, s, part string) {
	t.Helper()
	z := markup.NewTokenizer(strings.NewReader(part))
	for {
		switch z.Next() {
		case markup.ErrorToken:
			return
		case markup.StartTagToken, markup.SelfClosingTagToken:
			token := z.Token()
			if !strings.Contains(" script header main nav form section div p h1 h2 h3 strong b code span ul li dl dt dd a details summary figure figcaption table caption thead tbody tr th td data pre input label select option button svg g line rect circle path text title ", " "+token.Data+" ") {
				t.Fatalf("%.40q: element %s", s, token.Data)
			}
			kind := ""
			for _, a := range token.Attr {
				if a.Key == "type" {
					kind = a.Val
				}
				known := strings.HasPrefix(a.Key, "data-") || strings.HasPrefix(a.Key, "aria-") || strings.Contains(" id class scope role tabindex value name type checked selected disabled for hidden autocomplete spellcheck maxlength viewbox x y x1 x2 y1 y2 cx cy r width height d ", " "+a.Key+" ")
				if a.Key == "href" && (strings.HasPrefix(a.Val, "#") || strings.HasPrefix(a.Val, "?") || strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "//")) {
					known = true
				}
				if !known {
					t.Fatalf("%.40q: attribute %s=%.60q of %s", s, a.Key, a.Val, token.Data)
				}
			}
			if token.Data == "script" && kind != "application/json" {
				t.Fatalf("%.40q: a script", s)
			}
		}
	}
}

// TestTheListHoldsWhatTheFilesDo: id, verdict, tags, number of arms of each.
func TestTheListHoldsWhatTheFilesDo(t *testing.T) {
	t.Parallel()
	dir, ids := three(t)
	body := serve(t, dir).ask(t, "/part/runs", nil).body
	for _, id := range ids {
		r := examined(t, dir, id)
		_, row, _ := strings.Cut(body, `id="base-`+id+`"`)
		row, _, _ = strings.Cut(row, "</tr>")
		for _, want := range []string{r.Name, string(r.Verdict), "branch=" + r.Plan.Tags["branch"], r.Created.UTC().Format("2006-01-02 15:04"), fmt.Sprintf(`<td class="number">%d</td>`, len(r.Arms)-1)} {
			if !strings.Contains(row, want) {
				t.Errorf("the row of %s does not hold %q:\n%s", id, want, row)
			}
		}
	}
}
