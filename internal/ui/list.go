package ui

import (
	"cmp"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"grpcbench/internal/history"
	"grpcbench/internal/result"
)

// pageSize is how many runs stand on a page of the list.
const pageSize = 100

// listing is what is asked of the list. As a query, what is as usual is left out.
type listing struct {
	query     string // words that a run must hold, all of them
	sort      string // one of the columns
	ascending bool
	page      int // from 1
	base, new string
}

// column is one that the list can be sorted by.
type column struct {
	name, title string
	compare     func(a, b *history.Run) int
}

// columns are in the order in which they are shown; the first is the usual one.
func columns() []column {
	return []column{
		{"begun", "begun (UTC)", func(a, b *history.Run) int { return a.Created.Compare(b.Created) }},
		{"run", "run", func(a, b *history.Run) int {
			return cmp.Compare(strings.ToLower(called(a)), strings.ToLower(called(b)))
		}},
		{"verdict", "verdict", func(a, b *history.Run) int { return cmp.Compare(a.Verdict, b.Verdict) }},
		{"arms", "arms", func(a, b *history.Run) int { return cmp.Compare(a.Arms, b.Arms) }},
		{"commit", "commit", func(a, b *history.Run) int { return cmp.Compare(a.Commit, b.Commit) }},
	}
}

// called is what a run is called: by its user, or by what it asks. It is not safe to
// show.
func called(r *history.Run) string {
	switch {
	case r.Name != "":
		return r.Name
	case r.Suite != "":
		return "Suite " + r.Suite
	case len(r.Groups) > 0:
		return strings.Join(r.Groups[:min(len(r.Groups), 8)], " · ")
	case r.Target != "":
		return r.Target
	}
	return r.ID
}

func parseListing(values url.Values) (listing, error) {
	l := listing{query: values.Get("q"), sort: cmp.Or(values.Get("sort"), columns()[0].name), page: 1, base: values.Get("base"), new: values.Get("new")}
	if err := asked(values, "q", "sort", "order", "page", "base", "new"); err != nil {
		return l, err
	}
	if !slices.ContainsFunc(columns(), func(c column) bool { return c.name == l.sort }) {
		return l, refuse("sort %.40q: must be one of the columns", l.sort)
	}
	switch order := values.Get("order"); order {
	case "", "down":
	case "up":
		l.ascending = true
	default:
		return l, refuse("order %.40q: must be up or down", order)
	}
	if text := values.Get("page"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1e6 {
			return l, refuse("page %.40q: must be a number from 1", text)
		}
		l.page = n
	}
	for _, ref := range []string{l.base, l.new} {
		if ref != "" && !isRef(ref) {
			return l, notAResult(ref)
		}
	}
	return l, nil
}

// link is the query that asks for l.
func (l listing) link() string {
	values := url.Values{}
	set := func(name, value, usual string) {
		if value != usual {
			values.Set(name, value)
		}
	}
	set("q", l.query, "")
	set("sort", l.sort, columns()[0].name)
	set("order", l.order(), "down")
	set("page", strconv.Itoa(l.page), "1")
	set("base", l.base, "")
	set("new", l.new, "")
	return "?" + values.Encode()
}

func (l listing) order() string {
	if l.ascending {
		return "up"
	}
	return "down"
}

// filtered returns the runs that l asks for, in its order.
func (l listing) filtered(runs []history.Run) []*history.Run {
	words := strings.Fields(strings.ToLower(l.query))
	var found []*history.Run
	for i := range runs {
		if len(words) == 0 || holds(&runs[i], words) {
			found = append(found, &runs[i])
		}
	}
	of := columns()[slices.IndexFunc(columns(), func(c column) bool { return c.name == l.sort })]
	slices.SortStableFunc(found, func(a, b *history.Run) int {
		order := of.compare(a, b)
		if !l.ascending {
			order = -order
		}
		return cmp.Or(order, b.Created.Compare(a.Created))
	})
	return found
}

// holds says whether a run has all of the words, which are lower case, somewhere in
// what is known of it.
func holds(r *history.Run, words []string) bool {
	all := []string{r.ID, r.Name, r.Suite, string(r.Verdict), r.Commit, r.Kind, r.Target, r.Plan, r.Created.UTC().Format(moment)}
	if r.Baseline != "" {
		all = append(all, r.Ref())
	}
	all = append(all, r.Groups...)
	for k, v := range r.Tags {
		all = append(all, k+"="+v)
	}
	text := strings.ToLower(strings.Join(all, "\n"))
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

const moment = "2006-01-02 15:04"

// list is what the template of the list is given.
type list struct {
	Directory  string
	Query      string
	Hidden     [][2]string // what else the list's form sends
	Count      string
	Unreadable []string
	More       int // unreadable ones that are not named
	Base, New  string
	Columns    []heading
	Rows       []row
	Page       string
	Before     string // links; "": there is none
	After      string
}

type heading struct{ Name, Title, Link, Sorted, Sign string }

type row struct {
	Ref, Begun, Name, Kind, Verdict, Tone, Commit, Label string
	Arms                                                 int
	Tags                                                 []tag
	MoreTags                                             int
	Base, New                                            bool
}

// tag is one with the list of all runs that have it.
type tag struct{ Text, Link string }

// runs writes the list of runs.
func (s *Server) runs(w io.Writer, values url.Values) error {
	l, err := parseListing(values)
	if err != nil {
		return err
	}
	all, err := s.reader.Runs()
	if all == nil {
		return err // of the directory
	}
	found := l.filtered(all)
	pages := max(1, (len(found)+pageSize-1)/pageSize)
	l.page = min(l.page, pages)
	part := found[(l.page-1)*pageSize : min(len(found), l.page*pageSize)]
	out := list{Directory: shown(s.results, longSentence), Query: shown(l.query, longSentence), Count: countOf(len(found), len(all)), Base: l.base, New: l.new}
	for _, of := range [][2]string{{"sort", l.sort}, {"order", l.order()}, {"base", l.base}, {"new", l.new}} {
		if of[1] != "" {
			out.Hidden = append(out.Hidden, of)
		}
	}
	out.Unreadable, out.More = unreadable(err)
	for _, c := range columns() {
		out.Columns = append(out.Columns, l.heading(c))
	}
	for _, r := range part {
		out.Rows = append(out.Rows, l.row(r))
	}
	if pages > 1 {
		out.Page = "page " + strconv.Itoa(l.page) + " of " + strconv.Itoa(pages)
	}
	turn := func(page int) string {
		if page < 1 || page > pages {
			return ""
		}
		other := l
		other.page = page
		return other.link()
	}
	out.Before, out.After = turn(l.page-1), turn(l.page+1)
	return render(w, "runs", out)
}

// heading is a column with the link that sorts by it, the other way round if it is
// sorted by already.
func (l listing) heading(c column) heading {
	h := heading{Name: c.name, Title: c.title}
	next := l
	next.sort, next.page = c.name, 1
	if l.sort == c.name {
		next.ascending = !l.ascending
		h.Sorted, h.Sign = "descending", "▾"
		if l.ascending {
			h.Sorted, h.Sign = "ascending", "▴"
		}
	} else {
		next.ascending = c.name == "run"
	}
	h.Link = next.link()
	return h
}

// mostTags is how many tags of a run are shown.
const mostTags = 6

func (l listing) row(r *history.Run) row {
	out := row{Ref: r.Ref(), Begun: r.Created.UTC().Format(moment), Name: shown(called(r), longName), Verdict: shown(string(r.Verdict), longName), Tone: tone(r.Verdict),
		Commit: shown(shortCommit(r.Commit), longName), Arms: r.Arms, Base: l.base == r.Ref(), New: l.new == r.Ref()}
	out.Label = out.Begun + " " + out.Name
	var kind []string
	for _, k := range []string{r.Kind, r.Target, r.Ref()} {
		if k != "" {
			kind = append(kind, shown(k, longName))
		}
	}
	out.Kind = strings.Join(kind, " · ")
	var names []string
	for k := range r.Tags {
		if k != "commit" { // which has a column
			names = append(names, k)
		}
	}
	slices.Sort(names)
	for _, k := range names[:min(len(names), mostTags)] {
		text := k + "=" + r.Tags[k]
		with := listing{query: strings.Join(strings.Fields(text[:min(len(text), longSentence)]), " "), sort: columns()[0].name, page: 1, base: l.base, new: l.new}
		out.Tags = append(out.Tags, tag{shown(text, longName/2), with.link()})
	}
	out.MoreTags = len(names) - len(out.Tags)
	return out
}

// shortCommit is a commit as far as people read it.
func shortCommit(commit string) string {
	hash, dirty, _ := strings.Cut(commit, "+")
	if dirty != "" {
		dirty = "+" + dirty
	}
	return hash[:min(12, len(hash))] + dirty
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

// countOf says how many runs there are, and how many of them are shown.
func countOf(found, all int) string {
	text := thousands(all) + " runs"
	if all == 1 {
		text = "1 run"
	}
	if found < all {
		return thousands(found) + " of " + text
	}
	return text
}

func thousands(n int) string {
	text := strconv.Itoa(n)
	if n < 10_000 {
		return text
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + " " + text[i:]
	}
	return text
}

// unreadable names the results that cannot be read, with the reason of each, as far as
// somebody reads on; more is how many others there are. err is one of [history.Reader].
func unreadable(err error) (sentences []string, more int) {
	joined, some := err.(interface{ Unwrap() []error })
	if !some {
		return nil, 0
	}
	all := joined.Unwrap()
	const most = 20
	for _, e := range all[:min(len(all), most)] {
		sentences = append(sentences, shown(e.Error(), longSentence))
	}
	return sentences, len(all) - len(sentences)
}

// isRef says whether ref names a result of the directory: never a path.
func isRef(ref string) bool {
	_, baseline := result.BaselineName(ref)
	return baseline || result.IsID(ref)
}

func notAResult(ref string) error {
	return refusal{404, "result " + strconv.Quote(shown(ref, longName)) + ": must be an ID or baseline:NAME"}
}
