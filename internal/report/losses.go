package report

import (
	"fmt"
	"maps"
	"strings"

	"grpcbench/internal/result"
)

// failedBy lists the codes of a ledger's failed RPCs, the largest count first, each with
// its causes where they are known. It is not safe to print.
func failedBy(l result.Ledger) string {
	if len(l.Causes) == 0 {
		return tallies(l.Failed)
	}
	var parts []string
	for _, code := range result.LargestFirst(l.Failed) {
		part := code + " " + count(l.Failed[code])
		if causes := causesOf(l.Causes[code]); causes != "" {
			part += ": " + causes
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

// causesOf lists causes, the largest count first; a single one needs no count.
func causesOf(causes map[string]int64) string { return result.ListCauses(causes, count) }

// lostOf lists all RPCs of a run that were not ok: those of the windows, and those of the
// rest of its life with why, as no other line tells of them. It is not safe to print.
func lostOf(r result.Result) (items []string) {
	var windows, life result.Ledger
	outside := "in the warm-up"
	for _, a := range r.Arms {
		windows.Add(a.Ledger)
		life.Add(a.LedgerTotal)
		if a.Saturated != nil {
			outside = "outside the windows"
		}
	}
	in, all := lost(windows), lost(life)
	for _, name := range result.LargestFirst(in) {
		items = append(items, count(in[name])+" "+name)
		all[name] -= in[name]
	}
	for _, name := range result.LargestFirst(all) {
		why := maps.Clone(life.Causes[name])
		for c, n := range windows.Causes[name] {
			if why != nil {
				why[c] -= n
			}
		}
		where := outside
		if causes := causesOf(why); causes != "" {
			where += ": " + causes
		}
		items = append(items, fmt.Sprintf("%s %s (%s)", count(all[name]), name, where))
	}
	return items
}

// What becomes of an RPC that has no code.
const abandoned, notStarted = "abandoned", "not started"

// lost are the RPCs of a ledger that were not ok, by what became of them.
func lost(l result.Ledger) map[string]int64 {
	m := map[string]int64{}
	maps.Copy(m, l.Failed)
	m[abandoned], m[notStarted] = l.Abandoned, l.Unstarted()
	return m
}
