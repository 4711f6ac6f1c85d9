package report

import (
	"fmt"
	"slices"
	"strings"

	"grpcbench/internal/compare"
	"grpcbench/internal/history"
)

// trackFinding is what a history says in a word, with its tone, and in a sentence.
type trackFinding struct{ word, tone, text string }

// finding says whether a level changed, and never that none did where too few runs were
// there to see it.
func (t Track) finding() trackFinding {
	judged, longest := 0, 0
	marked := 0
	for _, s := range t.Series {
		if s.Judged {
			judged++
		}
		longest = max(longest, s.Usable)
		marked += len(s.Shifts)
	}
	all := plural(len(t.Series), "series")
	if len(t.Series) != 1 {
		all = fmt.Sprintf("%d series", len(t.Series))
	}
	rest := ""
	if judged < len(t.Series) {
		rest = fmt.Sprintf("; %d of %s are not judged: too few usable runs", len(t.Series)-judged, all)
	}
	switch {
	case marked > 0:
		return trackFinding{"◆ " + plural(marked, "nomination"), "doubt", "of a change of level" + rest + "."}
	case judged == 0:
		return trackFinding{"NOT JUDGED", "unknown", fmt.Sprintf("No series has the %d usable runs that a nomination needs; the longest has %d.", history.MinRuns, longest)}
	case judged < len(t.Series):
		return trackFinding{fmt.Sprintf("NO CHANGE in %d of %s", judged, all), "good", fmt.Sprintf("No change of level is nominated in %d series%s.", judged, rest)}
	}
	return trackFinding{"NO CHANGE", "good", "No change of level is nominated."}
}

// needed says how many runs a nomination needs.
func needed() string {
	return fmt.Sprintf("A nomination needs at least %d usable runs of one plan on one system, %d before and %d after the change; in longer series at least %d on either side.",
		history.MinRuns, history.MinRuns/2, history.MinRuns/2, history.MinSide)
}

// hueOf is the color of a tone.
func hueOf(tone string) hue {
	switch tone {
	case "good":
		return green
	case "doubt":
		return yellow
	case "bad":
		return red
	}
	return plain
}

// seriesMark is what stands beside a series: a nomination, or how many of the runs that one
// needs it has.
func seriesMark(s history.Series) string {
	switch {
	case len(s.Shifts) > 0:
		return "◆"
	case !s.Judged:
		return fmt.Sprintf("? %d of %d", s.Usable, s.Needed())
	}
	return ""
}

// order says what runs are in order of.
func (t Track) order() string {
	switch {
	case t.Placed == 0 && slices.ContainsFunc(t.Runs, func(r history.Run) bool { return r.Commit != "" }):
		return "in order of time: git here does not know their commits"
	case t.Placed == 0:
		return "in order of time"
	case t.Placed < len(t.Runs):
		return fmt.Sprintf("%d in order of their commits, the others where they were made", t.Placed)
	}
	return "in order of their commits"
}

// late names the runs that were measured after a successor; "" if there is none. It is
// not safe to print.
func (t Track) late() string {
	var names []string
	for _, r := range t.Runs {
		if r.Late {
			names = append(names, named(r))
		}
	}
	if len(names) == 0 {
		return ""
	}
	const most = 10
	n := len(names)
	return plural(n, "run") + " of old commits, measured after a successor: " + strings.Join(capped(names, most, func(n int) string { return fmt.Sprintf("%d more", n) }), ", ")
}

// changedFacts says what else changed with a level; "" if nothing did. It is not safe to
// print.
func changedFacts(facts []compare.Difference) string {
	if len(facts) == 0 {
		return ""
	}
	var parts []string
	for _, d := range facts {
		base, new := sideValues(d)
		parts = append(parts, fmt.Sprintf("%s: %s, then %s", head(d), base, new))
	}
	return "changed there too: " + strings.Join(parts, "; ")
}

// lateAround says which of the two runs about a change were late.
func (t Track) lateAround(shift history.Shift) string {
	before, after := t.Runs[shift.Before].Late, t.Runs[shift.After].Late
	switch {
	case before && after:
		return "; both were measured late, after a successor"
	case before:
		return "; the last of the old level was measured late, after a successor"
	case after:
		return "; the first of the new level was measured late, after a successor"
	}
	return ""
}
