// Package metric is the table of what is measured, compared, limited and shown under a
// name. A metric is one row of it, and no other package spells its name: whoever treats
// one of them specially takes the constant of its name from here.
package metric

import (
	"slices"
	"strconv"
	"strings"
)

// Unit is what the values of a metric are in, as results name it.
type Unit string

// Units.
const (
	Time     Unit = "ns"
	Bytes    Unit = "bytes"
	Count    Unit = "count"
	Rate     Unit = "rpc/s"
	Openings Unit = "1/s"   // connections a second
	Ratio    Unit = "ratio" // after/before
	Share    Unit = "share" // in [0, 1]; people read percent
)

// Scope is the kinds of run that have a metric.
type Scope uint8

// Kinds of run.
const (
	Load Scope = 1 << iota // RPCs under load
	Handshake
	Ceiling
)

// Against is what a metric is compared with.
type Against uint8

// What there is to compare with.
const (
	Nothing  Against = iota
	Control          // an arm with its control, and what that gives with another run
	Baseline         // an arm with itself in another run: within one, arms differ in it by what they are
)

// Need is what must be there for a metric to be measured.
type Need uint8

// What a metric may need.
const (
	None          Need = iota
	ServerProcess      // a server whose process can be asked
	BundledServer      // a server of ours
	Resumption         // connections that resume a session
)

// Metric is one row of the table.
type Metric struct {
	Name    string
	Aliases []string // what flags take for the name
	Unit    Unit
	// Path is where it is read in a stored epoch and arm: the names of the JSON fields,
	// with dots between. Package result has names of its own for what it works out:
	// handshake.measured and ledger.lost_share.
	Path     string
	Quantile float64 // of the distribution at Path, in (0, 1]; 0: it is no quantile
	Mean     bool    // of the distribution at Path

	Label  string // in lists of metrics
	Column string // heads its column in the table of a group; "": it has none
	Title  string // over a chart of its differences; "": there is none
	Bench  string // unit in the Go benchmark format; "": it is not there
	Apart  bool   // csv has it with what it is a part of, by another name or for each kind of connection

	Scope   Scope
	Needs   Need
	Limits  bool // a threshold may name it
	Against Against
	Delta   float64 // relative difference that matters: 0.03 is 3 percent
	Least   float64 // difference in its unit below which arms are the same; 0: none
	Default bool    // compared by --fail-on-regression without a value
	Primary bool    // decides when a range of epochs is enough, and is what track shows
	// Lasting says that the machine's state does not move it, so that its values in
	// different runs can be judged.
	Lasting bool
	// Codecs says that what an arm announces that it accepts is in it: it is part of every
	// request, and decides what the server compresses.
	Codecs bool
	Higher bool // is better
}

// Saturated reports whether it is measured in saturated blocks.
func (m Metric) Saturated() bool { return slices.Contains(strings.Split(m.Path, "."), "saturated") }

// OfServer reports whether the server must be asked for it.
func (m Metric) OfServer() bool { return m.Needs == ServerProcess || m.Needs == BundledServer }

// In reports whether runs of a kind have it.
func (m Metric) In(kind Scope) bool { return m.Scope&kind != 0 }

// Allows is the share of RPCs that a limit on a quantile of latency allows to be above it,
// of p99 0.01. ok is false for another metric.
func (m Metric) Allows() (share float64, ok bool) {
	if m.Path != LatencyPath || m.Quantile == 0 {
		return 0, false
	}
	share, err := strconv.ParseFloat(strconv.FormatFloat(1-m.Quantile, 'g', 10, 64), 64) // 1 − 0.99 is not 0.01
	return share, err == nil
}

// QuantileName is what a quantile goes by in names: p50, p999.
func QuantileName(q float64) string { return "p" + strings.ReplaceAll(percent(q), ".", "") }

// Percentile is what a quantile goes by in writing: p50, p99.9.
func Percentile(q float64) string { return "p" + percent(q) }

func percent(q float64) string { return strconv.FormatFloat(100*q, 'g', 10, 64) }

// All returns the rows, which must not be changed, in the order of comparisons.
func All() []Metric { return *table.Load() }

// Where returns the rows that keep says.
func Where(keep func(Metric) bool) []Metric {
	var rows []Metric
	for _, m := range All() {
		if keep(m) {
			rows = append(rows, m)
		}
	}
	return rows
}

// Names are those of rows.
func Names(rows []Metric) []string {
	var names []string
	for _, m := range rows {
		names = append(names, m.Name)
	}
	return names
}

// Named finds a row by its name. ok is false if there is none: another version of the tool
// may have had it.
func Named(name string) (m Metric, ok bool) {
	i := slices.IndexFunc(All(), func(m Metric) bool { return m.Name == name })
	if i < 0 {
		return Metric{}, false
	}
	return All()[i], true
}

// Limited finds a row that a threshold may name, by its name or an alias.
func Limited(text string) (m Metric, ok bool) {
	rows := Where(func(m Metric) bool { return m.Limits && (m.Name == text || slices.Contains(m.Aliases, text)) })
	if len(rows) == 0 {
		return Metric{}, false
	}
	return rows[0], true
}

// Lasts reports whether the machine's state does not move a metric, so that its values in
// two runs can be judged.
func Lasts(name string) bool {
	m, _ := Named(name)
	return m.Lasting
}

// Compared are the metrics by which the arms of a run of a kind are compared with their
// controls.
func Compared(kind Scope) []Metric {
	return Where(func(m Metric) bool { return m.In(kind) && m.Against == Control })
}

// Usual are the names of the primary metrics, those of each kind of run together.
func Usual() []string {
	var names []string
	for _, kind := range []Scope{Load, Handshake, Ceiling} {
		names = append(names, Names(Where(func(m Metric) bool { return m.Primary && m.Scope == kind }))...)
	}
	return names
}

// Quantiles are those of the distribution at a path that reports show, in rising order:
// the ones that every distribution has, and those of the table.
func Quantiles(path string) []float64 {
	all := Stored()
	for _, m := range All() {
		if m.Path == path && m.Quantile > 0 && m.Quantile < 1 {
			all = append(all, m.Quantile)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Stored are the quantiles that every stored distribution has beside its histogram.
func Stored() []float64 { return []float64{0.50, 0.90, 0.99, 0.999} }
