package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"grpcbench/internal/result"
	"grpcbench/internal/webpage"
)

// MaxHTML is how large a report in HTML may be, in bytes: what every browser opens
// at once, and mail takes along.
const MaxHTML = 2 << 20

// detail is how much of a result is drawn. Figures are never left out for points.
type detail struct {
	points int // of all lines of a figure together; 0: no series of seconds
	arms   int // of a group that are drawn and listed
	rows   int // of a table of doubts or checks
}

// details are the steps in which a page gets shorter until it fits, the whole first.
// The first one suffices for every result that a run can have; files of others
// may hold anything.
func details() []detail {
	return []detail{{8000, 64, 300}, {2000, 64, 300}, {0, 64, 100}, {0, 16, 20}}
}

// HTML writes one result as a page of its own: at most MaxHTML bytes, nothing
// loaded from anywhere, readable without scripts. Its error is that of w, or says
// that there is not one result.
func HTML(w io.Writer, rs ...result.Result) error {
	if len(rs) != 1 {
		return fmt.Errorf("html: must be one result, not %d: compare shows two beside each other", len(rs))
	}
	return fitting(w, webpage.Page.Write, func(d detail) webpage.Page { return htmlPage(rs[0], d) })
}

// HTMLPart writes what [HTML] does to stand inside of another page; see
// [webpage.Page.WritePart]. The error is that of w.
func HTMLPart(w io.Writer, r result.Result) error {
	return fitting(w, webpage.Page.WritePart, func(d detail) webpage.Page { return htmlPage(r, d) })
}

// fitting writes the page of the most detail that is not too large.
func fitting(w io.Writer, write func(webpage.Page, io.Writer) error, lay func(detail) webpage.Page) error {
	var out bytes.Buffer
	for _, d := range details() {
		out.Reset()
		if err := write(lay(d), &out); err != nil {
			return err
		}
		if out.Len() <= MaxHTML {
			_, err := w.Write(out.Bytes())
			return err
		}
	}
	return errors.New("html: the result holds more than fits into a page of 2 MB: use --format json")
}

// htmlPage lays out r.
func htmlPage(r result.Result, d detail) webpage.Page {
	h := htmlBook{book: newBook(r), detail: d}
	p := webpage.Page{
		Title: clean(htmlTitle(r)), Verdict: string(knownVerdict(r.Verdict)), Tone: tone(r.Verdict),
		Headline: strings.Trim(strings.TrimPrefix(headline(r, clean), string(r.Verdict))+" · "+tally(r), ": ·"),
		Lead:     []string{strings.Join(shape(r), " · ")},
		Facts:    h.facts(), Notes: append(gateNotes(r.Gates, r.Plan.Gates.NotMeasured), h.doubts()...),
		Foot: "grpc-bench " + clean(r.Tool.Version) + " · " + clean(r.ID) + " · this file loads nothing and runs no script but its own",
	}
	if flag(r.Verdict) != "" { // why it may not be used comes first
		p.Notes = append(h.doubts(), gateNotes(r.Gates, r.Plan.Gates.NotMeasured)...)
	}
	for _, s := range h.sections() {
		if len(s.Blocks) == 0 {
			continue
		}
		if f := flag(r.Verdict); f != "" && s.ID != "checks" && s.ID != "settings" && s.ID != "machine" && s.ID != "repeat" {
			s.Flag = f
		}
		p.Sections = append(p.Sections, s)
	}
	return p
}

// htmlBook is a result that is being laid out as a page.
type htmlBook struct {
	book
	detail detail
}

func htmlTitle(r result.Result) string {
	switch {
	case r.Name != "":
		return r.Name
	case r.Plan.Suite != "":
		return "Suite " + r.Plan.Suite
	case target(r) != "":
		return "Target " + target(r)
	case len(r.Groups) > 0 && len(r.Groups) < 5 && len(r.Arms) > 1:
		var names []string
		for _, g := range r.Groups {
			names = append(names, g.Name)
		}
		return strings.Join(names, " · ")
	}
	return r.ID
}

func knownVerdict(v result.Verdict) result.Verdict {
	switch v {
	case result.Valid, result.Degraded, result.Partial, result.Invalid:
		return v
	}
	return "UNKNOWN VERDICT"
}

func tone(v result.Verdict) string {
	switch v {
	case result.Valid:
		return "good"
	case result.Degraded:
		return "doubt"
	}
	return "bad"
}

// facts say what ran, where and when.
func (h htmlBook) facts() []webpage.Fact {
	r := h.Result
	facts := []webpage.Fact{{Name: "run", Text: clean(r.ID)}, {Name: "begun", Text: r.Created.UTC().Format("2006-01-02 15:04:05 UTC")}}
	if r.Name != "" && r.Plan.Suite != "" {
		facts = append(facts, webpage.Fact{Name: "suite", Text: clean(r.Plan.Suite)})
	}
	if t := target(r); t != "" {
		facts = append(facts, webpage.Fact{Name: "target", Text: clean(t)})
	}
	for _, g := range r.Groups {
		names := []string{}
		key := h.key(g)
		for _, a := range h.members(g) {
			names = append(names, key.strip(a))
		}
		facts = append(facts, webpage.Fact{Name: clean(g.Name), Text: clean(strings.Join(names, " · "))})
	}
	for _, tag := range tags(r.Plan.Tags) {
		text := tag[1]
		if tag[0] == "commit" && len(text) == 40 { // the whole stands at the end
			text = text[:12]
		}
		facts = append(facts, webpage.Fact{Name: clean(tag[0]), Text: clean(text)})
	}
	facts = append(facts, webpage.Fact{Name: "machine", Text: clean(strings.Join(machine(r)[:2], " · "))})
	return capped(facts, h.detail.rows, func(n int) webpage.Fact { return webpage.Fact{Name: "and", Text: plural(n, "more")} })
}

// doubts are the findings about the result.
func (h htmlBook) doubts() []webpage.Note {
	var notes []webpage.Note
	for _, f := range findings(h.Result) {
		n := webpage.Note{Tone: "doubt", Head: f.head(), Text: clean(f.text)}
		if f.verdict == result.Invalid || f.verdict == result.Partial {
			n.Tone = "bad"
		}
		notes = append(notes, n)
	}
	return capped(notes, h.detail.rows, func(n int) webpage.Note { return webpage.Note{Head: "AND", Text: plural(n, "more finding")} })
}

// gateNotes are the answers of gates, their count first, then those that failed.
func gateNotes(gates []result.Gate, notMeasured []string) []webpage.Note {
	if len(gates) == 0 {
		return nil
	}
	groups := gateGroups(gates)
	count := webpage.Note{Head: "gates", Text: gateTally(groups)}
	if unasked := notAsked(notMeasured); unasked != "" {
		count.Text += "; " + clean(unasked)
	}
	notes := []webpage.Note{count}
	for _, g := range groups {
		for _, l := range g.lines {
			notes = append(notes, webpage.Note{Tone: g.tone, Head: g.sign + " gate " + g.word, Text: clean(l)})
		}
	}
	return capped(notes, 200, func(n int) webpage.Note { return webpage.Note{Head: "AND", Text: plural(n, "more gate")} })
}

// capped cuts a list that is longer than most, and says so in its last element.
func capped[T any](list []T, most int, more func(int) T) []T {
	if len(list) <= most {
		return list
	}
	return append(list[:most:most], more(len(list)-most))
}

// drawn are the members of g that are drawn, the control first.
func (h htmlBook) drawn(g groupOf) []*result.Arm {
	return g.arms[:min(len(g.arms), h.detail.arms)]
}
