package webpage

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"grpcbench/internal/svg"
	"grpcbench/testing/hostile"
)

func written(t *testing.T, p Page) string {
	t.Helper()
	var out bytes.Buffer
	if err := p.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// full is a page with one of everything, every text of it s.
func full(s string) Page {
	one := 1.5
	figure := Figure{Title: s, Note: s, SVG: svg.Drawing("<svg></svg>"), Other: svg.Drawing("<svg></svg>"), Choice: [2]string{s, s},
		Data: &Data{Unit: s, Labels: []string{s}, Names: []string{s}, Class: []string{s}, Values: [][]*float64{{&one, nil}}}}
	block := Block{Heading: s, Lead: s, Folded: s, Keys: []Key{{s, s}}, Figures: []Figure{figure, {Title: s, SVG: "<svg></svg>"}}, Notes: []Note{{s, s, s}},
		Table: &Table{Caption: s, Head: []string{s}, Rows: []Row{{s, s, []Cell{{s, s, s, s, true}}}}}, Code: []string{s}, List: []string{s}}
	return Page{Title: s, Tone: s, Verdict: s, Headline: s, Lead: []string{s}, Facts: []Fact{{s, s}}, Notes: []Note{{s, s, s}},
		Sections: []Section{{ID: "part", Title: s, Flag: s, Lead: s, Blocks: []Block{block}}}, Foot: s}
}

// The markup of a page does not depend on its texts.
func TestTextsAddNoMarkup(t *testing.T) {
	tags := regexp.MustCompile(`</?[a-zA-Z][a-zA-Z0-9]*|<!`)
	count := func(page string) int { return len(tags.FindAllString(page, -1)) }
	want := count(written(t, full("plain")))
	for _, s := range hostile.Strings() {
		page := written(t, full(s))
		if got := count(page); got != want {
			t.Errorf("%.40q: %d tags, want %d", s, got, want)
		}
		if strings.Contains(page, "ZgotmplZ") {
			t.Errorf("%.40q: the template did not know what to make of it", s)
		}
	}
	if want < 80 {
		t.Errorf("%d tags: the page does not hold everything", want)
	}
}

// Style and script stand in the page as they are in their files, or their hashes
// would not be those of the policy.
func TestStyleAndScriptAreTheFiles(t *testing.T) {
	page := written(t, Page{Title: "empty"})
	for name, data := range map[string][]byte{"style.css": Style(), "script.js": Script()} {
		if !strings.Contains(page, ">"+string(data)+"</") {
			t.Errorf("%s is not in the page as it is", name)
		}
	}
}

// A part is what stands in the body of the page, without what runs.
func TestAPartIsThePageWithoutWhatRuns(t *testing.T) {
	var part bytes.Buffer
	if err := full("plain").WritePart(&part); err != nil {
		t.Fatal(err)
	}
	page := written(t, full("plain"))
	for _, piece := range strings.SplitAfter(part.String(), "</main>") {
		if !strings.Contains(page, strings.TrimSpace(piece)) {
			t.Errorf("the page does not hold %.60q", piece)
		}
	}
	if n := strings.Count(part.String(), "<script"); n != 1 || !strings.Contains(part.String(), `<script type="application/json" id="data">`) {
		t.Errorf("%d scripts, want the data alone", n)
	}
	if strings.Contains(part.String(), "<style") || strings.Contains(part.String(), "<html") {
		t.Error("the part is a page")
	}
}

// What a page has for scripts alone is not seen without them, and the two scales
// of a figure are chosen without one.
func TestAScaleIsChosenWithoutAScript(t *testing.T) {
	page := written(t, full("x"))
	if strings.Count(page, `type="radio"`) != 2 || !strings.Contains(page, `<div class="on-second"><svg></svg></div>`) {
		t.Error("a figure with two scales has no choice between them")
	}
	if strings.Count(written(t, Page{Sections: []Section{{ID: "a", Blocks: []Block{{Figures: []Figure{{SVG: "<svg></svg>"}}}}}}}), `type="radio"`) != 0 {
		t.Error("a figure with one scale has a choice")
	}
}
