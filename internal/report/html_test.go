package report_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	markup "golang.org/x/net/html"

	"grpcbench/internal/compare"
	"grpcbench/internal/plan"
	"grpcbench/internal/report"
	"grpcbench/internal/result"
	"grpcbench/testing/hostile"
	"grpcbench/testing/lane"
)

func html(t *testing.T, r result.Result) string {
	t.Helper()
	return render(t, func(w io.Writer) error { return report.HTML(w, r) })
}

func betweenHTML(t *testing.T, b compare.Between) string {
	t.Helper()
	return render(t, func(w io.Writer) error { return report.BetweenHTML(w, b) })
}

// element is a start tag.
type element struct {
	name       string
	attributes map[string]string
	text       string // directly behind it
}

// elements are the start tags of a page, as a browser finds them.
func elements(t *testing.T, page string) []element {
	t.Helper()
	var all []element
	z := markup.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case markup.ErrorToken:
			if z.Err() != io.EOF {
				t.Fatal(z.Err())
			}
			return all
		case markup.StartTagToken, markup.SelfClosingTagToken:
			token := z.Token()
			e := element{name: token.Data, attributes: make(map[string]string)}
			for _, a := range token.Attr {
				e.attributes[a.Key] = a.Val
			}
			all = append(all, e)
		case markup.TextToken:
			if n := len(all); n > 0 && all[n-1].text == "" {
				all[n-1].text = z.Token().Data
			}
		}
	}
}

// withoutCopies takes out what is the same in every page: style and script.
func withoutCopies(page string) string {
	for _, name := range []string{"style", "script"} {
		page = regexp.MustCompile("(?s)<"+name+">.*?</"+name+">").ReplaceAllString(page, "<"+name+"></"+name+">")
	}
	return regexp.MustCompile(`sha256-([^&']|&#43;)*`).ReplaceAllString(page, "sha256-…")
}

func TestHTMLIsAsReviewed(t *testing.T) {
	golden(t, "few.html", withoutCopies(html(t, few())))
	golden(t, "single.html", withoutCopies(html(t, single())))
	golden(t, "invalid.html", withoutCopies(html(t, invalid())))
	golden(t, "between.html", withoutCopies(betweenHTML(t, changed(t))))
	golden(t, "track.html", withoutCopies(trackHTML(t, report.Tracked())))
}

func trackHTML(t *testing.T, h report.Track) string {
	t.Helper()
	return render(t, func(w io.Writer) error { return report.TrackHTML(w, h) })
}

// TestPartsAreThePages: what another page shows is what a page of its own does.
func TestPartsAreThePages(t *testing.T) {
	r, between, track := few(), changed(t), report.Tracked()
	for name, of := range map[string]struct {
		page string
		part func(io.Writer) error
	}{
		"result":  {html(t, r), func(w io.Writer) error { return report.HTMLPart(w, r) }},
		"between": {betweenHTML(t, between), func(w io.Writer) error { return report.BetweenPart(w, between) }},
		"track":   {trackHTML(t, track), func(w io.Writer) error { return report.TrackPart(w, track) }},
	} {
		main := regexp.MustCompile("(?s)<header>.*</main>").FindString(of.page)
		if part := render(t, of.part); main == "" || !strings.HasPrefix(part, main) || strings.Contains(part, "<style") {
			t.Errorf("%s: the part is another one than the page's", name)
		}
	}
}

// A history of more runs than can be told apart is drawn as far as it can, and says so.
func TestTheCourseOfManyRunsIsTheLastOfThem(t *testing.T) {
	h := report.Tracked()
	s := &h.Series[0]
	for len(s.Points) < 1000 {
		p := s.Points[len(s.Points)-1]
		p.Run = len(h.Runs)
		h.Runs = append(h.Runs, h.Runs[len(h.Runs)-1])
		s.Points = append(s.Points, p)
	}
	page := trackHTML(t, h)
	// Its change is drawn first, and it again among the others.
	if n := strings.Count(page, "<circle"); n != 2*120 || strings.Count(page, "the last 120 of 1000 runs") != 2 {
		t.Errorf("%d points, want the last 120 twice, and notes that say so", n)
	}
}

// measured is a result with histograms and seconds, as runs have them.
func measured(t testing.TB, arms, epochs, seconds int) result.Result {
	t.Helper()
	base := model{name: "tls=off", settings: settings("off"), latency: 491e3, client: 393e3, server: 247e3, saturated: 18e3, sent: 31, received: 36, allocs: 93}
	models, names := []model{base}, []string{base.name}
	for i := 1; i < arms; i++ {
		m := base
		m.name, m.settings = fmt.Sprintf("metadata-size=%dKiB", i), settings("1.3")
		m.latency *= 1 + 0.01*float64(i)
		if i == arms-1 {
			m.name, m.aa = "A/A", true
		}
		models, names = append(models, m), append(names, m.name)
	}
	r := fixture(epochs, []plan.Group{{Name: "metadata", Control: base.name, Arms: names}}, models...)
	r.Plan.Window = time.Duration(seconds) * time.Second
	for i := range r.Arms {
		a := &r.Arms[i]
		spread(t, a)
		for e := range epochs {
			for s := range seconds {
				ns := func(factor float64) *int64 {
					v := int64(factor * float64(*a.Epochs[e].Latency.P50) * (1 + 0.1*float64(s%7)))
					return &v
				}
				a.Windows = append(a.Windows, result.Window{Epoch: e, Start: int64(s) * int64(time.Second), Scheduled: 136, OK: 136,
					Failed: new(int64(0)), NotStarted: new(int64(0)), P50: ns(1), P99: ns(4.6), Max: ns(9), LagP99: ns(0.02)})
			}
		}
	}
	return r
}

// What is drawn may be thinned out, so that a page opens anywhere, however long the
// run was.
func TestHTMLIsSmallHoweverLongTheRun(t *testing.T) {
	for _, c := range []struct{ arms, epochs, seconds int }{{2, 10, 3}, {40, 40, 3}, {64, 20, 60}, {2, 1, 36_000}, {3, 200, 15}} {
		page := html(t, measured(t, c.arms, c.epochs, c.seconds))
		if len(page) > report.MaxHTML {
			t.Errorf("%+v: %d bytes, want at most %d", c, len(page), report.MaxHTML)
		}
		if thinned := strings.Contains(page, "shows the worst of them"); thinned != (c.arms*c.epochs*c.seconds > 8000) {
			t.Errorf("%+v: the page says that seconds stand together: %t", c, thinned)
		}
	}
}

// A second in which something happened is in the point that stands for it.
func TestAThinnedSeriesShowsTheWorstSecond(t *testing.T) {
	r := measured(t, 2, 1, 36_000)
	worst := int64(9_876_543_210)
	r.Arms[1].Windows[20_001].P99 = &worst
	r.Arms[0].Windows[7].Failed = new(int64(13))
	page := html(t, r)
	data := pointed(t, page)
	found := map[string]bool{}
	for _, f := range data {
		for i, line := range f.Values {
			for _, v := range line {
				found["p99"] = found["p99"] || v != nil && *v == float64(worst) && i == 1
				found["failed"] = found["failed"] || v != nil && *v == 13 && i == 0 && f.Unit == "rpc/s"
			}
		}
	}
	if !found["p99"] || !found["failed"] {
		t.Errorf("found %v in %d figures, want both", found, len(data))
	}
}

// pointedData is what the script of a page is given of a figure.
type pointedData struct {
	Unit   string       `json:"unit"`
	Labels []string     `json:"labels"`
	Names  []string     `json:"names"`
	Values [][]*float64 `json:"values"`
}

func pointed(t *testing.T, page string) map[string]pointedData {
	t.Helper()
	_, after, _ := strings.Cut(page, `<script type="application/json" id="data">`)
	text, _, ok := strings.Cut(after, "</script>")
	var data map[string]pointedData
	if err := json.Unmarshal([]byte(text), &data); err != nil || !ok {
		t.Fatalf("data of the page: %v", err)
	}
	return data
}

// TestNumbersOfThePageAreTheResults: each number in full, beside the rounded one.
func TestNumbersOfThePageAreTheResults(t *testing.T) {
	r := measured(t, 3, 10, 3)
	got := map[string]int{}
	for _, e := range elements(t, html(t, r)) {
		if e.name == "data" {
			got[e.attributes["data-key"]+"="+e.attributes["value"]]++
		}
	}
	float := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	want := map[string]bool{}
	for _, a := range r.Arms {
		for key, v := range map[string]int64{"count": a.Latency.Count, "p50": *a.Latency.P50, "p90": *a.Latency.P90, "p99": *a.Latency.P99, "p999": *a.Latency.P999,
			"max": *a.Latency.Max, "scheduled": a.Ledger.Scheduled, "ok": a.Ledger.OK, "failed": 0} {
			want[key+"="+strconv.FormatInt(v, 10)] = true
		}
		for key, v := range map[string]float64{"mean": *a.Latency.Mean, "client_cpu_ns_per_rpc": *a.ClientCPU, "server_cpu_ns_per_rpc": *a.ServerCPU,
			"sent_bytes_per_rpc": *a.SentBytes, "saturated_server_cpu_ns_per_rpc": *a.Saturated.ServerCPU, "tls_ns": float64(a.Handshake.Full.TLS)} {
			want[key+"="+float(v)] = true
		}
	}
	for _, c := range r.Comparisons {
		if c.Ratio != nil {
			want["estimate_ratio="+float(*c.Ratio)] = true
		}
	}
	for w := range want {
		if got[w] == 0 {
			t.Errorf("%s is not on the page", w)
		}
	}
}

// The spectrum's points are the histogram's quantiles.
func TestSpectrumShowsTheHistogram(t *testing.T) {
	r := measured(t, 2, 10, 3)
	for _, f := range pointed(t, html(t, r)) {
		if len(f.Labels) == 0 || !strings.HasSuffix(f.Labels[0], "%") {
			continue
		}
		for i, a := range r.Arms {
			h, err := a.Latency.Histogram()
			if err != nil {
				t.Fatal(err)
			}
			for k, label := range f.Labels {
				var percent float64
				if _, err := fmt.Sscanf(label, "%g", &percent); err != nil {
					t.Fatal(err)
				}
				if v := f.Values[i][k]; label == "50 %" || label == "75 %" {
					if want, _ := h.Quantile(percent/100, a.Latency.Count); v == nil || *v != float64(want) {
						t.Errorf("%s at %s: %v, want %d", a.Name, label, v, want)
					}
				}
			}
			if last := f.Values[i][len(f.Labels)-1]; last == nil || *last != float64(h.Max()) {
				t.Errorf("%s ends at %v, want the maximum %d", a.Name, last, h.Max())
			}
		}
		return
	}
	t.Error("no spectrum on the page")
}

// Lost RPCs rank above all others: the line of an arm that lost a tenth ends at p90.
func TestSpectrumEndsWhereTheLostBegin(t *testing.T) {
	r := measured(t, 2, 10, 3)
	d := &r.Arms[1].Latency
	d.Count, d.Beyond, d.P99, d.P999, d.Max, d.Mean = d.Valued*10/9, true, nil, nil, nil, nil
	for _, f := range pointed(t, html(t, r)) {
		if len(f.Labels) == 0 || !strings.HasSuffix(f.Labels[0], "%") {
			continue
		}
		for k, label := range f.Labels {
			var percent float64
			_, _ = fmt.Sscanf(label, "%g", &percent)
			if v := f.Values[1][k]; math.Abs(percent-90) > 0.2 && (v != nil) != (percent < 90) {
				t.Errorf("at %s: %v", label, v)
			}
		}
		return
	}
	t.Error("no spectrum on the page")
}

// TestHTMLForbidsAllButItsOwn: the policy names the script and the style that are
// there by their hashes, and nothing on the page is loaded from anywhere.
func TestHTMLForbidsAllButItsOwn(t *testing.T) {
	for name, page := range map[string]string{"result": html(t, measured(t, 3, 10, 3)), "between": betweenHTML(t, changed(t)), "track": trackHTML(t, report.Tracked())} {
		policy := ""
		for _, e := range elements(t, page) {
			if strings.EqualFold(e.attributes["http-equiv"], "Content-Security-Policy") {
				policy = e.attributes["content"]
			}
			if e.name == "style" || e.name == "script" && e.attributes["type"] == "" {
				sum := sha256.Sum256([]byte(e.text))
				if want := e.name + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, want) {
					t.Errorf("%s: policy %q has no %s", name, policy, want)
				}
			}
		}
		if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", name, policy)
		}
		wantInertPage(t, name, page)
	}
}

// wantInertPage fails if there is anything on a page that acts, or loads, but its
// own script and style.
func wantInertPage(t *testing.T, s, page string) {
	t.Helper()
	scripts := 0
	for _, e := range elements(t, page) {
		switch e.name {
		case "script", "style":
			scripts++
		case "html", "head", "meta", "title", "body", "header", "main", "footer", "nav", "section", "div", "p", "h1", "h2", "h3", "strong", "span", "ul", "li",
			"dl", "dt", "dd", "a", "details", "summary", "figure", "figcaption", "table", "caption", "thead", "tbody", "tr", "th", "td", "data", "pre", "input", "label",
			"svg", "g", "line", "rect", "circle", "path", "text":
		default:
			t.Fatalf("%.40q: element %s", s, e.name)
		}
		for name, value := range e.attributes {
			known := strings.HasPrefix(name, "data-") || strings.HasPrefix(name, "aria-") || strings.Contains(" charset http-equiv content name lang id class scope "+
				"role tabindex value viewbox type checked for hidden x y x1 x2 y1 y2 cx cy r width height d ", " "+name+" ")
			if name == "href" && strings.HasPrefix(value, "#") {
				known = true
			}
			if !known {
				t.Fatalf("%.40q: attribute %s=%.60q of %s", s, name, value, e.name)
			}
		}
	}
	if scripts != 3 {
		t.Fatalf("%.40q: %d scripts and styles, want 3", s, scripts)
	}
}

// TestHTMLHoldsHostileTextAsText: as HTML5 reads it. That a browser does so too is
// tested in one.
//
//	fault:   markup, scripts, templates and control characters in every string of a result, of two compared and of a history
//	promise: a page has no element, attribute or script but its own, and nothing acts
//	figure:  every string of the corpus in every field: 0 elements more
func TestHTMLHoldsHostileTextAsText(t *testing.T) {
	lane.Long(t, "works for seconds: a mebibyte in every field")
	for _, s := range hostile.Strings() {
		for _, r := range poisoned(s) {
			got := html(t, r)
			if err := hostile.Check(withoutCopies(got)); err != nil {
				t.Fatalf("%.40q: %v", s, err)
			}
			if len(got) > report.MaxHTML {
				t.Fatalf("%.40q: %d bytes", s, len(got))
			}
			wantInertPage(t, s, got)
		}
		track := report.Tracked()
		fill(reflect.ValueOf(&track.History).Elem(), s)
		got := trackHTML(t, track)
		if err := hostile.Check(withoutCopies(got)); err != nil {
			t.Fatalf("%.40q: %v", s, err)
		}
		wantInertPage(t, s, got)
	}
}

// A file that somebody made may hold more than any run does.
func TestHTMLOfMoreThanARunCanHold(t *testing.T) {
	r := measured(t, 64, 8, 3)
	long := strings.Repeat("界", 400)
	for i := range r.Arms {
		r.Groups[0].Arms[i] += long
		r.Arms[i].Name += long
	}
	r.Groups[0].Control += long
	for i := range r.Comparisons {
		r.Comparisons[i].Arm += long
	}
	for range 5000 {
		r.Warnings = append(r.Warnings, result.Warning{Code: "x", Text: long})
	}
	page := html(t, r)
	if len(page) > report.MaxHTML || !strings.Contains(page, "48 arms of 64 arms are left out") || !strings.Contains(page, "more finding") {
		t.Errorf("%d bytes, or it does not say what is left out", len(page))
	}
}

func TestHTMLIsOfOneResult(t *testing.T) {
	for _, rs := range [][]result.Result{nil, {few(), few()}} {
		err := report.HTML(io.Discard, rs...)
		if want := fmt.Sprintf("html: must be one result, not %d: compare shows two beside each other", len(rs)); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// Many epochs of one run, as the promise of speed has them: see docs/method.md.
func BenchmarkHTML(b *testing.B) {
	r := measured(b, 40, 40, 3)
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		var n counter
		if err := report.HTML(&n, r); err != nil {
			b.Fatal(err)
		}
		size = int(n)
	}
	b.ReportMetric(float64(size), "bytes")
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// An arm's ceiling is compared with the control's, and the A/A arm of handshakes shows
// what noise is, as those of a run are.
func TestEachKindOfResultIsDrawnAgainstItsControl(t *testing.T) {
	for name, c := range map[string]struct {
		result result.Result
		want   []string
	}{
		"ceiling":            {ceilingFixtures()["ceiling-slo"], []string{">What it costs", "ceiling: change of each arm against tls=off"}},
		"ceiling of one arm": {ceilingFixtures()["ceiling-callers"], []string{">How much it can take"}},
		"handshakes":         {openings(), []string{">What it costs", ">What is noise", "handshake p50"}},
	} {
		page := html(t, c.result)
		for _, want := range c.want {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page must hold %q", name, want)
			}
		}
		if strings.Contains(page, "What was measured") {
			t.Errorf("%s: figures of a load are shown", name)
		}
	}
}
