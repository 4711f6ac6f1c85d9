package plan

import (
	"fmt"
	"slices"
	"strings"
)

// laterNames are flags and keys that belong to later versions.
func laterNames() []string {
	return []string{"gates", "gate"}
}

// unknown says that no such name exists, and which one is meant perhaps.
func unknown(name string, known []string) error {
	if slices.Contains(laterNames(), name) {
		return fmt.Errorf("%q is not supported by this version", name)
	}
	return fmt.Errorf("%q: must be a known name, such as %s", name, nearest(name, known))
}

// vary reads --vary SETTING=VALUE,VALUE…: a group each. The first values of all
// make the base arm, which is the control of every group. A setting that is given several
// times has one value each time, which may hold commas.
func (r *request) vary(flags []string, m *mistakes) {
	r.varied = true
	values := make(map[string][]string) // by setting
	times := make(map[string]int)
	var names []string
	for _, text := range flags {
		name, list, ok := strings.Cut(text, "=")
		_, known := settingNamed(name)
		switch {
		case !ok:
			m.add("--vary: must be SETTING=VALUE,VALUE…") // the text may hold a secret
		case !known:
			m.join(fmt.Errorf("--vary %w", unknown(name, settingNames())))
		default:
			if values[name] == nil {
				names = append(names, name)
			}
			times[name]++
			values[name] = append(values[name], list)
		}
	}
	for _, name := range names {
		g := groupRequest{name: name, where: "--vary " + name}
		all := values[name]
		if times[name] == 1 {
			all = strings.Split(all[0], ",")
		}
		if len(all) < 2 {
			m.add("%s: must have two values or more, separated by commas", g.where)
			continue
		}
		if name == serverBinary {
			checkVaried(g.where, all, times[name] > 1, m)
		}
		r.settings[name] = []given{{all[0], g.where}}
		for _, v := range all[1:] {
			g.arms = append(g.arms, choices{name: {{v, g.where}}})
		}
		r.groups = append(r.groups, g)
	}
}

// nearest returns the known name that the fewest edits make of name.
func nearest(name string, known []string) string {
	return slices.MinFunc(known, func(a, b string) int { return Edits(name, a) - Edits(name, b) })
}

// Edits is the number of bytes to insert, delete or replace to make b of a
// (Levenshtein 1966), one row of the table at a time. Names longer than any
// known one are cut, to bound the work.
func Edits(a, b string) int {
	a = a[:min(len(a), 64)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
