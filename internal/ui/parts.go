package ui

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"slices"
	"strings"

	"grpcbench/internal/compare"
	"grpcbench/internal/history"
	"grpcbench/internal/report"
	"grpcbench/internal/result"
)

//go:embed parts.html
var parts embed.FS

// render writes one of the templates.
func render(w io.Writer, name string, data any) error {
	t, err := template.ParseFS(parts, "parts.html")
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	if err := t.ExecuteTemplate(w, name, data); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// read reads a result of the directory. What is shown of it is what its content says,
// whoever wrote the file.
func (s *Server) read(ref string) (result.Result, error) {
	if !isRef(ref) {
		return result.Result{}, notAResult(ref)
	}
	r, err := result.Read(s.results, ref)
	if err == nil {
		result.Examine(&r)
	}
	return r, err
}

// around is what one run can be seen beside: the one of its plan before, on its system.
type around struct{ Before, Another, Course string }

// run writes one result: what its report.html holds.
func (s *Server) run(w io.Writer, values url.Values) error {
	if err := asked(values, "ref"); err != nil {
		return err
	}
	ref := values.Get("ref")
	r, err := s.read(ref)
	if err != nil {
		return err
	}
	plan := r.Plan.Hash()
	links := around{Another: "/?" + url.Values{"new": {ref}}.Encode(), Course: "/history?" + url.Values{"plan": {plan}}.Encode()}
	runs, _ := s.reader.Runs() // those that cannot be read are told in the list
	for _, other := range slices.Backward(runs) {
		if other.Plan == plan && other.System == history.SystemOf(r.Machine) && other.ID != r.ID && other.Created.Before(r.Created) {
			links.Before = "/compare?" + url.Values{"base": {other.Ref()}, "new": {ref}}.Encode()
			break
		}
	}
	if err := render(w, "around", links); err != nil {
		return err
	}
	return report.HTMLPart(w, r)
}

// unlike is why two results were not compared, and how to compare them all the same.
type unlike struct{ Base, New, Reason, Force string }

// compare writes two results compared, as the command compare does without gates.
func (s *Server) compare(w io.Writer, values url.Values) error {
	if err := asked(values, "base", "new", "force"); err != nil {
		return err
	}
	refs := [2]string{values.Get("base"), values.Get("new")}
	var both [2]result.Result
	for i, ref := range refs {
		if ref == "" {
			return refuse("compare: must be given a base and a new result: choose both in the list of runs")
		}
		var err error
		if both[i], err = s.read(ref); err != nil {
			return err
		}
	}
	between, err := compare.Results(&both[0], &both[1], values.Get("force") == "1")
	if errors.Is(err, compare.ErrUnlike) {
		force := url.Values{"base": {refs[0]}, "new": {refs[1]}, "force": {"1"}}
		return render(w, "unlike", unlike{refs[0], refs[1], shown(err.Error(), longSentence), "/compare?" + force.Encode()})
	}
	if err != nil {
		return fmt.Errorf("compare %s with %s: %w", refs[0], refs[1], err)
	}
	between.Base.Baseline, _ = result.BaselineName(refs[0])
	between.New.Baseline, _ = result.BaselineName(refs[1])
	turned := url.Values{"base": {refs[1]}, "new": {refs[0]}}
	if values.Get("force") != "" {
		turned.Set("force", values.Get("force"))
	}
	links := sides{"/run?" + url.Values{"ref": {refs[0]}}.Encode(), "/run?" + url.Values{"ref": {refs[1]}}.Encode(), "/compare?" + turned.Encode()}
	if err := render(w, "sides", links); err != nil {
		return err
	}
	return report.BetweenPart(w, between)
}

// sides are the links of a comparison.
type sides struct{ Base, New, Turned string }

// choice is one that a reader has.
type choice struct {
	Value, Text string
	Chosen      bool
}

// chooser is what of the history can be seen.
type chooser struct{ Plans, Arms, Metrics []choice }

// history writes the series of one plan, as the command track does, with what is chosen
// of them.
func (s *Server) history(w io.Writer, values url.Values) error {
	if err := asked(values, "plan", "arm", "metric"); err != nil {
		return err
	}
	h, err := s.reader.History()
	if len(h.Runs) == 0 {
		return cmp.Or(err, error(refusal{404, "the directory of results holds none"}))
	}
	plan := values.Get("plan")
	if plan == "" && len(h.Series) > 0 {
		plan = h.Series[0].Plan
	}
	arm, metric := values.Get("arm"), values.Get("metric")
	c := choices(h, plan, arm, metric)
	if !chosen(c.Plans) || !chosen(c.Arms) || !chosen(c.Metrics) {
		return refusal{404, "the history holds no such series"}
	}
	h.Series = slices.Collect(func(yield func(history.Series) bool) {
		for _, one := range h.Series {
			if one.Plan == plan && (arm == "" || safe(one.Arm) == arm) && (metric == "" || metric == everything || safe(one.Metric) == metric) && !yield(one) {
				return
			}
		}
	})
	if err := render(w, "chooser", c); err != nil {
		return err
	}
	show := h.Usual()
	if metric != "" {
		show = func(history.Series) bool { return true }
	}
	return report.TrackPart(w, report.Track{History: h, Plan: history.Plans(s.results), Show: show})
}

// everything is the choice of all metrics.
const everything = "all"

func chosen(all []choice) bool {
	return slices.ContainsFunc(all, func(c choice) bool { return c.Chosen })
}

// safe is what an arm or a metric goes by.
func safe(name string) string { return shown(name, longName) }

// choices are the plans, the one that was run last first, and the arms and metrics of
// one of them. Arms and metrics go by what is shown of their names.
func choices(h history.History, plan, arm, metric string) chooser {
	count, last := make(map[string]int), make(map[string]history.Run)
	for _, r := range h.Runs {
		count[r.Plan]++
		if !r.Created.Before(last[r.Plan].Created) { // runs may be in order of their commits
			last[r.Plan] = r
		}
	}
	c := chooser{Arms: []choice{{"", "all arms", arm == ""}}, Metrics: []choice{{"", "the usual ones", metric == ""}, {everything, "all metrics", metric == everything}}}
	add := func(to *[]choice, value, text string, is bool) {
		if !slices.ContainsFunc(*to, func(o choice) bool { return o.Value == value }) {
			*to = append(*to, choice{value, text, is})
		}
	}
	for _, s := range h.Series {
		r := last[s.Plan]
		name := strings.TrimSpace(called(&r))
		add(&c.Plans, s.Plan, fmt.Sprintf("%s · %s · until %s · plan %.8s", shown(name, longName/2), countOf(count[s.Plan], count[s.Plan]), r.Created.UTC().Format("2006-01-02"), s.Plan), s.Plan == plan)
		if s.Plan == plan {
			add(&c.Arms, safe(s.Arm), safe(s.Arm), safe(s.Arm) == arm)
			add(&c.Metrics, safe(s.Metric), safe(s.Metric), safe(s.Metric) == metric)
		}
	}
	if len(h.Series) == 0 { // nothing to choose among
		c.Plans = []choice{{"", "no plan with a figure", plan == ""}}
	}
	return c
}
