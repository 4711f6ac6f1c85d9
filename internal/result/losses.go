package result

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"grpcbench/internal/cause"
	"grpcbench/internal/code"
)

// losses lists what became of the RPCs that were not ok, most first.
func losses(l Ledger) string {
	n := map[string]int64{"abandoned": l.Abandoned}
	maps.Copy(n, l.Failed)
	for reason, k := range l.NotStarted {
		n["not started "+reason] = k
	}
	maps.DeleteFunc(n, func(_ string, k int64) bool { return k == 0 })
	separator := ", "
	if len(l.Causes) > 0 {
		separator = "; " // between causes there are commas
	}
	parts := LargestFirst(n)
	for i, name := range parts {
		parts[i] = fmt.Sprintf("%s %d", name, n[name])
		if causes := ListCauses(l.Causes[name], decimal); causes != "" {
			parts[i] += ": " + causes
		}
	}
	return strings.Join(parts, separator)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// maxCauses is how many causes of a code are listed by name.
const maxCauses = 6

// ListCauses lists causes with their counts, as count prints them, the largest first; a single
// one needs no count.
func ListCauses(causes map[string]int64, count func(int64) string) string {
	names := LargestFirst(causes)
	if len(names) == 1 {
		return names[0]
	}
	var parts []string
	var others int64
	for i, name := range names {
		if i < maxCauses {
			parts = append(parts, name+" "+count(causes[name]))
		} else {
			others += causes[name]
		}
	}
	if others > 0 {
		parts = append(parts, plural(int64(len(names)-maxCauses), "other cause")+" "+count(others))
	}
	return strings.Join(parts, ", ")
}

// LargestFirst are the names of n whose count is not zero, the largest count first.
func LargestFirst(n map[string]int64) []string {
	names := slices.SortedFunc(maps.Keys(n), func(a, b string) int {
		return cmp.Or(cmp.Compare(n[b], n[a]), cmp.Compare(a, b))
	})
	return slices.DeleteFunc(names, func(name string) bool { return n[name] == 0 })
}

func askEnd(q *question) {
	const second = 1_000_000_000
	for _, a := range q.r.Arms {
		last := map[int]*ending{}
		for _, w := range a.Windows {
			if !a.isWhole(w.Epoch) || w.Start+second <= int64(q.r.Plan.Window)-second { // it does not reach into the last second
				continue
			}
			if last[w.Epoch] == nil {
				last[w.Epoch] = &ending{drain: time.Duration(q.r.Plan.Drain)}
			}
			last[w.Epoch].add(w)
		}
		for _, epoch := range slices.Sorted(maps.Keys(last)) {
			if e := last[epoch]; e.scheduled > 0 && e.ok == 0 {
				q.invalid(a.Name, "epoch %d: none of the %d RPCs of the window's last second was %s", epoch, e.scheduled, e.instead(a.ofEpoch(epoch).Ledger))
			}
		}
	}
}

// ending is the last second of a window.
type ending struct {
	drain                            time.Duration
	scheduled, ok, failed, abandoned int64
}

func (e *ending) add(w Window) {
	e.scheduled += w.Scheduled
	e.ok += w.OK
	if w.Failed != nil && w.NotStarted != nil { // an older tool has not told them
		e.failed += *w.Failed
		e.abandoned += w.Scheduled - w.OK - *w.Failed - *w.NotStarted
	}
}

// instead says what became of RPCs none of which was ok, as far as the account of the
// whole window knows.
func (e *ending) instead(l Ledger) string {
	why := "(of the window: " + losses(l) + ")"
	switch {
	case e.abandoned > e.failed:
		return fmt.Sprintf("answered within --drain %v: the server is slow, or has stopped answering", e.drain)
	case ServerGone(l):
		return "ok: the server was gone " + why
	}
	return "ok " + why
}

// ServerGone says whether most of what failed did so because there was no server, or no
// way to it. Of an account without causes it is not known.
func ServerGone(l Ledger) bool {
	var gone int64
	for name, n := range l.Causes[code.Unavailable] {
		if cause.Gone(name) {
			gone += n
		}
	}
	return 2*gone > l.Failures()
}
