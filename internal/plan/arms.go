package plan

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

const (
	// baseName is the name of an arm that no setting sets apart.
	baseName = "base"
	// maxArms bounds the processes of a run, of which each arm has two.
	maxArms = 64
)

// roster collects the arms and groups of a plan.
type roster struct {
	arms   []Arm
	groups []Group
}

// roster resolves the groups into distinct arms.
func (r request) roster(m *mistakes) roster {
	var ro roster
	if len(r.groups) == 0 {
		a, err := r.arm()
		m.join(err)
		a.Name = baseName
		return roster{[]Arm{a}, []Group{{Name: baseName, Control: baseName, Arms: []string{baseName}}}}
	}
	for _, g := range r.groups {
		arms, err := r.armsOf(g)
		switch {
		case err != nil:
			m.join(err)
		case len(arms) < 2:
			m.add("%s: must have two different arms", g.where)
		default:
			if r.varied && len(r.groups) > 1 {
				arms[0].Name = baseName
			}
			ro.add(g.name, arms)
		}
	}
	ro.shorten()
	if len(ro.arms) > maxArms {
		m.add("arms: must be at most %d, not %d", maxArms, len(ro.arms))
	}
	return ro
}

// armsOf returns the distinct arms of g, the control first. They are named by
// what sets them apart: an arm by those of its settings that differ from the
// control's, the control by the first of these.
func (r request) armsOf(g groupRequest) ([]Arm, error) {
	var m mistakes
	control, err := r.arm(g.control)
	m.join(err)
	arms := []Arm{control}
	for _, c := range g.arms {
		a, err := r.arm(g.control, c)
		m.join(err)
		if slices.ContainsFunc(arms, a.equal) {
			continue
		}
		var parts []string
		for _, s := range settings() {
			if len(c[s.name]) == 0 || !s.differs(a, control) {
				continue
			}
			parts = append(parts, s.name+"="+s.get(a.Settings))
			if arms[0].Name == "" {
				arms[0].Name = s.name + "=" + s.get(control.Settings)
			}
		}
		a.Name = strings.Join(parts, " ")
		arms = append(arms, a)
	}
	return arms, m.err()
}

// arm is the arm of every setting's default under the settings of all arms and
// the layers, later ones above. Key and group are empty where nothing uses them.
func (r request) arm(layers ...choices) (Arm, error) {
	var m mistakes
	var a Arm
	over := r.effective(layers)
	for _, s := range settings() {
		if s.start != "" {
			m.join(s.apply(&a, []given{{s.start, s.name}}))
		}
		m.join(s.apply(&a, over[s.name]))
	}
	if r.kind == KindHandshake {
		a.Settings.Connections = 1 // at a time
	}
	secure := a.Settings.TLS != Off
	if len(over["mtls"]) == 0 && len(r.options["cert"]) > 0 {
		a.Settings.MTLS = secure // a certificate is given to be presented
	}
	if !secure {
		a.Settings.Key, a.Settings.Group = "", ""
	}
	if a.Settings.Target != "" {
		a.Settings.Key = ""
	}
	if a.Settings.AcceptCompression == "" {
		a.Settings.AcceptCompression = acceptText(a.Settings.uses())
	}
	return a, m.err()
}

// effective is what is given for each setting, later layers above.
func (r request) effective(layers []choices) choices {
	over := maps.Clone(r.settings)
	for _, layer := range layers {
		maps.Copy(over, layer)
	}
	return over
}

// add appends a group. An arm that is there already keeps its name; a name that
// another arm has is made different by the group's, and then by a number.
func (ro *roster) add(group string, arms []Arm) {
	g := Group{Name: group}
	for _, a := range arms {
		if i := slices.IndexFunc(ro.arms, a.equal); i >= 0 {
			g.Arms = append(g.Arms, ro.arms[i].Name)
			continue
		}
		name := a.Name
		for n := 1; ro.has(a.Name); n++ {
			a.Name = fmt.Sprintf("%s (%s)", name, group)
			if n > 1 {
				a.Name = fmt.Sprintf("%s (%s %d)", name, group, n)
			}
		}
		ro.arms = append(ro.arms, a)
		g.Arms = append(g.Arms, a.Name)
	}
	g.Control = g.Arms[0]
	ro.groups = append(ro.groups, g)
}

func (ro *roster) has(name string) bool {
	return slices.ContainsFunc(ro.arms, func(a Arm) bool { return a.Name == name })
}

// equal reports whether a and b measure the same, whatever their names.
func (a Arm) equal(b Arm) bool {
	return reflect.DeepEqual(a.Settings, b.Settings) && slices.Equal(a.Secrets, b.Secrets)
}
