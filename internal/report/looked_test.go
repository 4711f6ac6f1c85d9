package report_test

import (
	"io"
	"slices"
	"strings"
	"testing"

	"grpcbench/internal/compare"
	"grpcbench/internal/plan"
	"grpcbench/internal/report"
	"grpcbench/internal/result"
)

// oneArm leaves the first arm of a result.
func oneArm(r result.Result) result.Result {
	r.Arms, r.Plan.Arms = r.Arms[:1], r.Plan.Arms[:1]
	r.Groups = []plan.Group{{Name: "base", Control: r.Arms[0].Name, Arms: []string{r.Arms[0].Name}}}
	r.Plan.Groups, r.Comparisons = r.Groups, nil
	return r
}

// TestAComparisonThatCouldNotLookLooksOtherwise: results of one arm, of too few epochs, of a machine too restless, equal and slower ones.
//
//	fault:   a comparison of results that have no control, or too few epochs for any verdict
//	promise: its page, its text and its Markdown have other words, and its page another class, than one in which nothing was found
//	figure:  word, class and counts of each
func TestAComparisonThatCouldNotLookLooksOtherwise(t *testing.T) {
	restless := week(t, thisWeek, 10, 1.08, 1)
	for i := range restless.Arms {
		for k := range restless.Arms[i].Epochs {
			f := &restless.Arms[i].Epochs[k].Figures
			wild := 1.0
			if i == 1 {
				wild = []float64{.5, 2}[k%2]
			}
			for _, v := range []*float64{f.ClientCPU, f.ServerCPU, f.ClientAllocs, f.ServerAllocs, f.SentBytes, f.ReceivedBytes, f.Saturated.ClientCPU, f.Saturated.ServerCPU} {
				*v *= wild
			}
			for _, q := range []**int64{&f.Latency.P50, &f.Latency.P90} {
				*q = new(int64(float64(**q) * wild))
			}
		}
	}
	restless.Arms = slices.DeleteFunc(restless.Arms, func(a result.Arm) bool { return a.AA })
	for name, row := range map[string]struct {
		base, new          result.Result
		badge, class, text string
	}{
		"one arm": {oneArm(week(t, lastWeek, 10, 1.08, 1)), oneArm(week(t, thisWeek, 10, 1.08, 2)), "NOT JUDGED", "unknown",
			"one arm without a control: latency and CPU are not judged; of bytes and allocations 4 figures: 0 slower, 0 faster, 4 same, 0 cannot tell"},
		"too few epochs": {week(t, lastWeek, 5, 1.08, 1), week(t, thisWeek, 5, 1.5, 1), "NOT JUDGED", "unknown", "22 ratios: 0 slower, 0 faster, 0 same, 0 cannot tell, 22 not judged"},
		"equal":          {week(t, lastWeek, 10, 1.08, 1), week(t, thisWeek, 10, 1.08, 1), "COMPARED", "good", ", 2 not judged"},
		"slower":         {week(t, lastWeek, 10, 1.08, 1), week(t, thisWeek, 10, 1.3, 1), "SLOWER", "doubt", "22 ratios: 1 slower"},
		"restless":       {week(t, lastWeek, 10, 1.08, 1), restless, "CANNOT TELL", "doubt", "11 ratios: 0 slower, 0 faster, 0 same, 10 cannot tell, 1 not judged"},
	} {
		b, err := compare.Results(&row.base, &row.new, true)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		page := render(t, func(w io.Writer) error { return report.BetweenHTML(w, b) })
		if want := `<strong class="badge ` + row.class + `">` + row.badge + `</strong>`; !strings.Contains(page, want) {
			t.Errorf("%s: the page does not hold %s", name, want)
		}
		if text := strings.Join(strings.Fields(betweenText(t, b, report.TextOptions{})), " "); !strings.Contains(text, row.text) {
			t.Errorf("%s: the text does not say %q:\n%.600s", name, row.text, text)
		}
		if md := render(t, func(w io.Writer) error { return report.BetweenMarkdown(w, b) }); !strings.Contains(md, row.text) {
			t.Errorf("%s: the Markdown does not say %q:\n%.600s", name, row.text, md)
		}
	}
}

// What one result alone has is named, in every format.
func TestWhatIsNotComparedIsNamed(t *testing.T) {
	base, now := week(t, lastWeek, 10, 1.08, 1), week(t, thisWeek, 10, 1.08, 1)
	now.Plan.Arms = slices.Clone(now.Plan.Arms)
	now.Groups = []plan.Group{{Name: "tls", Control: "tls=off", Arms: []string{"tls=off", "tls=1.2", "A/A"}}}
	now.Arms[1].Name, now.Plan.Arms[1].Name, now.Plan.Groups = "tls=1.2", "tls=1.2", now.Groups
	now.Plan.Arms[1].Settings.TLS = "1.2"
	b, err := compare.Results(&base, &now, true)
	if err != nil {
		t.Fatal(err)
	}
	for format, text := range map[string]string{
		"text": betweenText(t, b, report.TextOptions{}), "Markdown": render(t, func(w io.Writer) error { return report.BetweenMarkdown(w, b) }),
		"HTML": render(t, func(w io.Writer) error { return report.BetweenHTML(w, b) }),
	} {
		for _, line := range []string{"tls=1.2/tls=off (tls): only the new result has it", "tls=1.3/tls=off (tls): only the base result has it", "tls=1.2: only the new result has it"} {
			if !strings.Contains(text, line) {
				t.Errorf("the %s does not say %q", format, line)
			}
		}
	}
}

// answered are gates of every outcome, the last as older builds stored it.
func answered() []result.Gate {
	return []result.Gate{
		{Asked: "latency_p50 not slower", Arm: "b", Ratio: new(1.0), Outcome: result.Pass, Text: "b is 0.0 % against a"},
		{Asked: "latency_p90 not slower", Arm: "b", Ratio: new(2.0), Outcome: result.Fail, Text: "b is +100.0 % against a"},
		{Asked: "latency_p99 not slower", Arm: "b", Ratio: new(1.1), Outcome: result.Undecided, Text: "b is +10.0 % against a"},
		{Asked: "server_cpu_ns_per_rpc not slower", Arm: "b", Outcome: result.Fail, NotJudged: true, Text: "b could not be compared: it was not measured"},
		{Asked: "latency_p999<5ms", Arm: "a", Outcome: result.Undecided, Text: "a: 9 observations above the quantile, a limit needs 10"},
	}
}

// Every count says how many gates were asked, judged, passed and failed, and what was not
// judged has a sign, a word and a class of its own.
func TestGatesAreCountedWhereTheyAreRead(t *testing.T) {
	b := changed(t)
	b.Gates, b.NotMeasured = answered(), []string{"server_allocs_per_rpc"}
	const count = "5 gates asked, 3 judged: 1 passed, 1 failed, 1 inconclusive; 2 not judged"
	const unasked = "not asked, because not measured here: server_allocs_per_rpc"
	if got, want := report.GateTally(b.Gates, b.NotMeasured), count+": server_cpu_ns_per_rpc not slower of b, latency_p999<5ms of a; "+unasked; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	page := render(t, func(w io.Writer) error { return report.BetweenHTML(w, b) })
	for format, text := range map[string]string{"text": betweenText(t, b, report.TextOptions{}), "Markdown": render(t, func(w io.Writer) error { return report.BetweenMarkdown(w, b) }), "HTML": page} {
		for _, part := range []string{count, unasked} {
			if !strings.Contains(text, part) {
				t.Errorf("the %s does not say %q", format, part)
			}
		}
		if format != "HTML" && strings.Count(text, "\n? ") != 2 {
			t.Errorf("the %s does not mark two gates as not judged:\n%s", format, text)
		}
	}
	if n := strings.Count(page, `<li class="unknown"><strong>? gate not judged</strong>`); n != 2 {
		t.Errorf("%d gates of the page are not judged, want 2", n)
	}
	if report.GateTally(nil, nil) != "" {
		t.Error("without gates nothing is counted")
	}
}

// A ceiling that was not looked for, one that lies above what was tried and one that was
// found have other words, and another class.
func TestACeilingThatWasNotFoundLooksOtherwise(t *testing.T) {
	for outcome, row := range map[string]struct{ text, md, html string }{
		"":                {"\nNOT JUDGED  not looked for", "**Not judged**: ", `<li class="unknown"><strong>NOT JUDGED</strong>`},
		result.TooFew:     {"\nNOT JUDGED  it", "**Not judged**: ", `<li class="unknown"><strong>NOT JUDGED</strong>`},
		result.NotReached: {"\nNO CEILING  it", "**No ceiling**: ", `<li class="doubt"><strong>NO CEILING</strong>`},
		result.NoneKeeps:  {"\nNO CEILING  it", "**No ceiling**: ", `<li class="doubt"><strong>NO CEILING</strong>`},
		result.Reached:    {"\nCEILING  it", "**Ceiling**: ", ""},
	} {
		r := ceilingFixtures()["ceiling-callers"]
		for i := range r.Arms {
			r.Arms[i].Ceiling = &result.Ceiling{Outcome: outcome, Text: "it"}
			if outcome == "" {
				r.Arms[i].Ceiling = nil
			}
		}
		if said := text(t, r, report.TextOptions{}); strings.Count(said, row.text) != len(r.Arms) {
			t.Errorf("%q: the text does not say %q of each arm:\n%s", outcome, row.text, said)
		}
		if said := markdown(t, r); strings.Count(said, row.md) != len(r.Arms) {
			t.Errorf("%q: the Markdown does not say %q of each arm", outcome, row.md)
		}
		page := render(t, func(w io.Writer) error { return report.HTML(w, r) })
		if marked := strings.Contains(page, "<strong>NO"); row.html == "" && marked || row.html != "" && strings.Count(page, row.html) != len(r.Arms) {
			t.Errorf("%q: the page does not hold %q for each arm", outcome, row.html)
		}
	}
}
