package report

import (
	"fmt"
	"slices"
	"strconv"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/webpage"
)

// groupOf is a group with its arms, the control first.
type groupOf struct {
	plan.Group
	key  key
	arms []*result.Arm
}

// groupsOf are the groups of which something was measured. Arms that stand in none
// are not drawn: a plan has none.
func (h htmlBook) groupsOf() []groupOf {
	var all []groupOf
	for _, g := range h.Groups {
		if arms := h.members(g); len(arms) > 0 {
			all = append(all, groupOf{g, h.key(g), arms})
		}
	}
	return all
}

// heading names g over its drawings; "" if it is the only one.
func (h htmlBook) heading(g groupOf) string {
	if len(h.Groups) < 2 {
		return ""
	}
	return clean(g.Name)
}

// rest says which arms of g are not drawn.
func (h htmlBook) rest(g groupOf) string {
	if n := len(g.arms) - h.detail.arms; n > 0 {
		return fmt.Sprintf("%s of %d arms are left out: a page holds so many.", plural(n, "arm"), len(g.arms))
	}
	return ""
}

// colors are how many colors there are for arms beside the control.
const colors = 7

// class is the color of the i-th arm of a group in all its drawings.
func (g groupOf) class(i int) string {
	switch {
	case i == 0:
		return "a0"
	case g.arms[i].AA:
		return "aa"
	}
	class := "a" + strconv.Itoa((i-1)%colors+1)
	if i > colors {
		class += " again"
	}
	return class
}

// name is what the i-th arm is called beside its group.
func (g groupOf) name(i int) string {
	name := clean(g.key.strip(g.arms[i]))
	if i == 0 && len(g.arms) > 1 {
		name += " (control)"
	}
	return name
}

// keys explain the colors of g.
func (h htmlBook) keys(g groupOf) []webpage.Key {
	var keys []webpage.Key
	for i := range h.drawn(g) {
		keys = append(keys, webpage.Key{Class: "line " + g.class(i), Text: g.name(i)})
	}
	return keys
}

// tags are the tags of a plan in the order of their names.
func tags(m map[string]string) [][2]string {
	var all [][2]string
	for name, value := range m {
		all = append(all, [2]string{name, value})
	}
	slices.SortFunc(all, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return all
}
