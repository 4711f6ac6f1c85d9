// Package history puts stored results in the order of their commits, or of time, and
// finds where a figure changed its level. It reads what others stored, and keeps a cache beside it.
package history

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"grpcbench/internal/compare"
	"grpcbench/internal/metric"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/stats"
)

// Run is one stored result.
type Run struct {
	ID       string         `json:"id"`
	Baseline string         `json:"baseline,omitempty"` // its name, if it is only that
	Created  time.Time      `json:"created"`
	Verdict  result.Verdict `json:"verdict"`
	Commit   string         `json:"commit,omitempty"` // the tag commit
	Suite    string         `json:"suite,omitempty"`
	Plan     string         `json:"plan"` // the hash

	Name   string            `json:"name,omitempty"`   // what the user called it
	Kind   string            `json:"kind,omitempty"`   // plan.Plan.Kind; "": RPCs under load
	Target string            `json:"target,omitempty"` // "": the run started its servers
	Groups []string          `json:"groups,omitempty"` // their names
	Arms   int               `json:"arms,omitempty"`   // how many, the A/A arm left out
	Tags   map[string]string `json:"tags,omitempty"`
	System System            `json:"system,omitzero"`
	// Late says that a commit which comes later in the history was measured before this
	// run, with the same plan on the same system.
	Late bool `json:"late,omitempty"`
}

// System is what a run was made on. Figures of one plan on two systems are two series:
// what a change of machine does is no change of what is measured.
type System struct {
	OS         string  `json:"os,omitempty"`
	Arch       string  `json:"arch,omitempty"`
	CPU        string  `json:"cpu,omitempty"`
	CPUs       int     `json:"cpus,omitempty"`
	CgroupCPUs float64 `json:"cgroup_cpus,omitempty"` // 0: no limit
}

// SystemOf is the system that a machine is.
func SystemOf(m result.Machine) System {
	return System{m.OS, m.Arch, m.CPU, m.CPUs, m.CgroupCPUs}
}

// String names the system for people. It is not safe to print.
func (s System) String() string {
	if s == (System{}) {
		return "a system that is not known"
	}
	text := s.OS + "/" + s.Arch
	if s.CPUs == 1 {
		text += ", 1 CPU"
	} else {
		text += fmt.Sprintf(", %d CPUs", s.CPUs)
	}
	if s.CPU != "" {
		text += " " + s.CPU
	}
	if s.CgroupCPUs > 0 {
		text += fmt.Sprintf(", limit %g CPUs", s.CgroupCPUs)
	}
	return text
}

// Ref is what result.Read calls the run.
func (r Run) Ref() string {
	if r.Baseline != "" {
		return "baseline:" + r.Baseline
	}
	return r.ID
}

// usable reports whether the figures of a run may stand in a series.
func (r Run) usable() bool { return r.Verdict == result.Valid || r.Verdict == result.Degraded }

// Key names a figure of one plan: of an arm against its control, or, of figures that
// the machine does not move, of an arm alone. Arms that are named by their address or
// program are named by their place in the plan.
type Key struct {
	Group   string  `json:"group,omitempty"` // "" for an arm's own figure
	Arm     string  `json:"arm"`
	Control string  `json:"control,omitempty"` // "" for an arm's own figure
	Metric  string  `json:"metric"`
	Unit    string  `json:"unit"`
	Delta   float64 `json:"delta"` // the relative difference that matters
}

// Point is a figure of one run: arm/control with its 95 % interval, or an arm's own
// value without one. Value 0: the run has none or may not be used, a gap.
type Point struct {
	Run   int     `json:"run"` // index in History.Runs
	Value float64 `json:"value"`
	Low   float64 `json:"low,omitempty"` // 0: no interval
	High  float64 `json:"high,omitempty"`
}

// Shift is a place where the level of a series seems to have changed. That is a
// nomination: only a fresh A/B confirms it.
type Shift struct {
	Before int     `json:"before"` // the last run of the old level, an index in History.Runs
	After  int     `json:"after"`  // the first one of the new level
	Ratio  float64 `json:"ratio"`  // new level / old level, the median of the ratios of all pairs
	P      float64 `json:"p"`
	// Facts are what else changed between the two runs, or within two runs of them, since
	// noise may move a change by as much: of all that [compare.Results] calls fingerprint,
	// the machine, the tool and settings observed.
	Facts []compare.Difference `json:"facts,omitempty"`
}

// Series is one figure over time.
type Series struct {
	Plan   string `json:"plan"`
	System System `json:"system,omitzero"`
	Key
	Points []Point `json:"points"` // one for each run of the plan on the system, in order of History.Runs
	Shifts []Shift `json:"shifts"`
	Usable int     `json:"usable"` // points that are no gap
	// Judged says that there are points enough for a change to be nominated; see Needed.
	Judged bool `json:"judged"`
	// Drifts says that neighbouring runs are alike for other reasons than their
	// commits. Then only the clearest changes are nominated.
	Drifts bool `json:"drifts,omitempty"`
}

// Needed is how many usable points the series needs for a nomination.
func (s Series) Needed() int {
	if s.Drifts {
		return minDriftRuns
	}
	return MinRuns
}

// History is what stored results say over time.
type History struct {
	Runs []Run `json:"runs"` // in order of their commits' history, those of no known commit where they were made; or in order of time
	// Placed is how many runs stand where their commit does in the history; 0: all are in
	// order of time.
	Placed int      `json:"placed,omitempty"`
	Series []Series `json:"series"` // plan by plan, the one that was run last first
}

// Usual says which series are shown if none is chosen: those of primary metrics, and
// all of a plan that has none of them.
func (h History) Usual() func(Series) bool {
	usual := func(s Series) bool { m, _ := metric.Named(s.Metric); return m.Primary }
	some := make(map[string]bool) // plans that have one
	for _, s := range h.Series {
		if usual(s) {
			some[s.Plan] = true
		}
	}
	return func(s Series) bool { return usual(s) || !some[s.Plan] }
}

// Window is how many of the last usable runs of a series a change of level is looked for
// in.
const Window = 60

// How a change of level is nominated: p at most alpha, or driftAlpha where the
// autocorrelation of neighbours is above maxCorrelation.
const (
	alpha          = 0.001
	driftAlpha     = 0.0001
	maxCorrelation = 0.3
)

// How many usable runs a series needs for a nomination at all: of fewer no order is rare
// enough. A change then lies in the middle, half of them before it and half after;
// in longer series at least [MinSide] are on either side.
const (
	MinRuns      = 14
	MinSide      = stats.MinSegment
	minDriftRuns = 18
)

// record is a run with its figures, in the order of its layout's keys.
type record struct {
	Run
	keys   []Key
	values []triple
	facts  []armFacts // of the run, then of its arms
}

// armFacts are what is known of an arm, by the name that keys have.
type armFacts struct {
	arm  string // "": of the whole run
	list []compare.Fact
}

// layouts are lists of keys, each once: the runs of a plan have the same figures, and ten
// thousand of them are not to hold ten thousand lists.
type layouts struct {
	all  [][]Key
	last int // where the list of the last run is
}

// shared returns the list equal to keys that was there first.
func (l *layouts) shared(keys []Key) []Key { return l.all[l.place(keys)] }

// place is where the list equal to keys is; a new one is added. The next run mostly has
// the list of the last one.
func (l *layouts) place(keys []Key) int {
	if l.last < len(l.all) && slices.Equal(l.all[l.last], keys) {
		return l.last
	}
	l.last = slices.IndexFunc(l.all, func(k []Key) bool { return slices.Equal(k, keys) })
	if l.last < 0 {
		l.last, l.all = len(l.all), append(l.all, keys)
	}
	return l.last
}

// triple is a value with its interval; 0 stands for none.
type triple [3]float32

// ordered puts records, whose order is of no account, in order of time, each run once.
func ordered(records []record) []record {
	slices.SortFunc(records, func(a, b record) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Baseline, b.Baseline))
	})
	return slices.CompactFunc(records, func(a, b record) bool { return a.ID == b.ID }) // a baseline is a run's copy
}

// assemble makes the history of ordered records.
func assemble(records []record) History {
	h := History{Runs: make([]Run, len(records)), Series: []Series{}}
	type place struct {
		of measured
		Key
	}
	at := make(map[place]int)
	runs := make(map[measured][]int)
	last := make(map[measured]time.Time)
	for i, r := range records {
		h.Runs[i] = r.Run
		of := measured{r.Plan, r.System}
		runs[of] = append(runs[of], i)
		if r.Created.After(last[of]) {
			last[of] = r.Created
		}
		for k, key := range r.keys {
			s, known := at[place{of, key}]
			if !known {
				s = len(h.Series)
				at[place{of, key}] = s
				h.Series = append(h.Series, Series{Plan: r.Plan, System: r.System, Key: key, Shifts: []Shift{}})
			}
			v := r.values[k]
			if !r.usable() {
				v = triple{}
			}
			h.Series[s].Points = append(h.Series[s].Points, Point{i, float64(v[0]), float64(v[1]), float64(v[2])})
		}
	}
	for i := range h.Series {
		h.Series[i].fill(runs[h.Series[i].measured()])
	}
	slices.SortStableFunc(h.Series, func(a, b Series) int { return last[b.measured()].Compare(last[a.measured()]) })
	return h
}

// measured is what one series is of, but for the figure: a plan on a system.
type measured struct {
	plan   string
	system System
}

func (s Series) measured() measured { return measured{s.Plan, s.System} }

// fill adds a gap for each of the plan's runs that does not have the figure.
func (s *Series) fill(runs []int) {
	if len(s.Points) == len(runs) {
		return
	}
	have := s.Points
	s.Points = make([]Point, 0, len(runs))
	for _, run := range runs {
		if len(have) > 0 && have[0].Run == run {
			s.Points, have = append(s.Points, have[0]), have[1:]
			continue
		}
		s.Points = append(s.Points, Point{Run: run})
	}
}

// nominate finds where the level of s seems to have changed in its last usable runs, which
// are among records, and what else changed there.
func (s *Series) nominate(records []record) {
	var runs []int
	var y []float64
	for _, p := range s.Points {
		if p.Value > 0 {
			runs, y = append(runs, p.Run), append(y, math.Log(p.Value))
		}
	}
	s.Usable = len(y)
	first := max(0, len(y)-Window)
	runs, y = runs[first:], y[first:]
	shifts := stats.Shifts(y, alpha)
	if correlation(y, shifts) > maxCorrelation {
		s.Drifts = true
		shifts = slices.DeleteFunc(shifts, func(c stats.Shift) bool { return c.P > driftAlpha })
	}
	s.Judged = s.Usable >= s.Needed()
	for i, shift := range shifts {
		from, to := 0, len(y)
		if i > 0 {
			from = shifts[i-1].At
		}
		if i+1 < len(shifts) {
			to = shifts[i+1].At
		}
		change := stats.MedianShift(y[from:shift.At], y[shift.At:to])
		if math.Abs(change) < math.Log1p(s.Delta/2) {
			continue
		}
		before, after := runs[shift.At-1], runs[shift.At]
		s.Shifts = append(s.Shifts, Shift{Before: before, After: after, Ratio: math.Exp(change), P: shift.P})
		near := [2]int{runs[max(0, shift.At-1-nearby)], runs[min(len(runs)-1, shift.At+nearby)]}
		s.Shifts[len(s.Shifts)-1].Facts = s.changed(records, [][2]int{{before, after}, near})
	}
}

// nearby is how many runs from a nominated change a fact may change and be named.
const nearby = 2

// changed are what else than the figure differs between the runs of pairs, each fact once:
// as of the first pair that differs in it.
func (s *Series) changed(records []record, pairs [][2]int) []compare.Difference {
	var all []compare.Difference
	for _, pair := range pairs {
		for _, d := range s.differences(records[pair[0]], records[pair[1]]) {
			if !slices.ContainsFunc(all, func(o compare.Difference) bool { return o.What == d.What && slices.Equal(o.Arms, d.Arms) }) {
				all = append(all, d)
			}
		}
	}
	return all
}

// differences are what else than the figure differs between two runs of s.
func (s *Series) differences(before, after record) []compare.Difference {
	var all []compare.Difference
	arms := []string{"", s.Arm}
	if s.Control != "" {
		arms = append(arms, s.Control)
	}
	for _, arm := range arms {
		for _, d := range compare.Differences(before.factsOf(arm), after.factsOf(arm)) {
			if arm != "" {
				d.Arms = []string{arm}
			}
			all = append(all, d)
		}
	}
	return all
}

func (r record) factsOf(arm string) []compare.Fact {
	for _, f := range r.facts {
		if f.arm == arm {
			return f.list
		}
	}
	return nil
}

// correlation is the lag-1 autocorrelation of y about the medians between its shifts,
// so that a change of level is none; of less than two segments' values 0.
func correlation(y []float64, shifts []stats.Shift) float64 {
	if len(y) < 4*stats.MinSegment {
		return 0
	}
	var about []float64
	from := 0
	for _, to := range append(starts(shifts), len(y)) {
		level := stats.Median(y[from:to])
		for _, v := range y[from:to] {
			about = append(about, v-level)
		}
		from = to
	}
	var products, squares float64
	for i, v := range about {
		squares += v * v
		if i > 0 {
			products += v * about[i-1]
		}
	}
	if squares == 0 {
		return 0
	}
	return products / squares
}

func starts(shifts []stats.Shift) (at []int) {
	for _, s := range shifts {
		at = append(at, s.At)
	}
	return at
}

// recordOf is what a history keeps of a result, which has been examined.
func recordOf(r *result.Result, baseline string) record {
	out := record{Run: Run{
		ID: r.ID, Baseline: baseline, Created: r.Created, Verdict: r.Verdict, Commit: r.Plan.Tags["commit"], Suite: r.Plan.Suite, Plan: r.Plan.Hash(),
		Name: r.Name, Kind: r.Plan.Kind, Tags: r.Plan.Tags,
	}}
	if r.Plan.Target != nil {
		out.Target = r.Plan.Target.Address
	}
	for _, g := range r.Groups {
		out.Groups = append(out.Groups, g.Name)
	}
	out.System = SystemOf(r.Machine)
	out.facts = []armFacts{{"", compare.RunFacts(r)}}
	names := make(map[string]string) // of arms, those of the plan's question
	tracked := make(map[string]bool)
	for i, a := range r.Plan.Question().Arms {
		name := r.Plan.Arms[i].Name
		names[name], tracked[name] = a.Name, !a.AA
		if !a.AA {
			out.Arms++
		}
	}
	for _, c := range r.Comparisons {
		if tracked[c.Arm] {
			key := Key{c.Group, names[c.Arm], names[c.Control], c.Metric, c.Unit, c.Delta}
			out.keys, out.values = append(out.keys, key), append(out.values, triple{single(c.Ratio), single(c.Low), single(c.High)})
		}
	}
	for i := range r.Arms {
		a := &r.Arms[i]
		if !tracked[a.Name] {
			continue
		}
		out.facts = append(out.facts, armFacts{names[a.Name], compare.ArmFacts(a)})
		for _, m := range lasting(r.Plan) {
			out.keys = append(out.keys, Key{"", names[a.Name], "", m.Name, string(m.Unit), m.Delta})
			out.values = append(out.values, triple{single(a.Read(m).Pointer())})
		}
	}
	out.values = slices.Clone(out.values) // of ten thousand runs what append left over is megabytes
	return out
}

// lasting are the metrics of an arm alone that the machine does not move.
func lasting(p plan.Plan) []metric.Metric {
	kind := metric.Load
	if p.Kind == plan.KindHandshake {
		kind = metric.Handshake
	}
	return slices.DeleteFunc(metric.Compared(kind), func(m metric.Metric) bool { return !m.Lasting })
}

// single is v, or 0 if there is none that a series can hold.
func single(v *float64) float32 {
	if v == nil || !(*v > 0) || *v > math.MaxFloat32 {
		return 0
	}
	return float32(*v)
}
