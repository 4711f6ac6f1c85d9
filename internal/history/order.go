package history

import (
	"cmp"
	"slices"
	"strings"
)

// Places says where commits, in hexadecimal and perhaps abbreviated, stand in a history:
// each in a higher place than its ancestors. A commit that is not known has none.
type Places func(commits []string) map[string]int

// inHistory puts records, which are in order of time, in order of their commits where
// places knows these, and marks those that are late. A run without a known commit stands
// where the history had got to when it was made. placed is how many have a known commit.
func inHistory(records []record, places Places) (ordered []record, placed int) {
	if places == nil {
		return records, 0
	}
	var commits []string
	seen := make(map[string]bool)
	for _, r := range records {
		if c := r.commit(); c != "" && !seen[c] {
			seen[c], commits = true, append(commits, c)
		}
	}
	if len(commits) == 0 {
		return records, 0
	}
	known := places(commits)
	if len(known) == 0 {
		return records, 0
	}
	type standing struct {
		record
		place int
	}
	all := make([]standing, len(records))
	reached, newest := -1, make(map[measured]int) // the highest places so far
	for i, r := range records {
		of := measured{r.Plan, r.System}
		at, ok := known[r.commit()]
		if ok {
			placed++
			highest, before := newest[of]
			r.Late = before && at < highest
			newest[of] = max(highest, at)
			reached = max(reached, at)
		} else {
			at = reached
		}
		all[i] = standing{r, at}
	}
	slices.SortStableFunc(all, func(a, b standing) int { return cmp.Compare(a.place, b.place) })
	ordered = make([]record, len(all))
	for i, s := range all {
		ordered[i] = s.record
	}
	return ordered, placed
}

// commit is the commit that a run's working tree was made from; "" if the tag is none.
func (r record) commit() string {
	hash, _, _ := strings.Cut(strings.ToLower(r.Commit), "+")
	isHex := func(c rune) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }
	if len(hash) < 4 || len(hash) > 64 || strings.ContainsFunc(hash, func(c rune) bool { return !isHex(c) }) {
		return ""
	}
	return hash
}
