package plan

import (
	"cmp"
	"slices"
)

// aaName is the name of the A/A arm.
const aaName = "A/A"

// plan completes r with the defaults. It is of use only if m stays empty.
func (r request) plan(m *mistakes) Plan {
	d := r.draft(m)
	d.plan.Kind, d.plan.Suite, d.plan.SuiteFile = r.kind, r.suite, r.suiteFile
	r.checkKeys(m)
	r.checkHandshakeSettings(m)
	ro := r.roster(m)
	d.plan.Arms, d.plan.Groups = ro.arms, ro.groups
	if len(ro.arms) == 0 {
		return d.plan // every group has a mistake, which was told
	}
	switch r.kind {
	case KindHandshake:
		r.completeHandshakes(d, m)
	case KindCeiling:
		r.completeCeiling(d, m)
	default:
		r.completeLoad(d, m)
	}
	r.completeTarget(d, m)
	r.completeServers(d.plan, m)
	checkArms(d.plan.Arms, m)
	checkRequests(d.plan, m)
	r.addAA(d, m)
	askArms(d.plan.Arms, d.plan.replacesInWindow, m)
	r.checkHandshakes(d.plan, m)
	checkResult(d.plan, m)
	r.completeGates(d, m)
	return d.plan
}

// draft sets the options: to their defaults, then to what was given.
func (r request) draft(m *mistakes) *draft {
	d := &draft{}
	all := optionsOf(r.kind)
	quick, _ := optionNamed(r.kind, "quick")
	_ = quick.apply(d, r.options["quick"]) // said below, with the others
	starts := map[string]string{}
	if d.quick {
		starts = map[string]string{"window": "1s", "warmup": "500ms", "epochs": "8", handshakesOption: quickHandshakes}
	}
	if r.hasTarget() { // nobody's server is overloaded by accident
		starts["rate"] = map[string]string{"": "200", KindHandshake: targetHandshakeRate}[r.kind]
	}
	for _, o := range all {
		if text := cmp.Or(starts[o.name], o.start); text != "" {
			m.join(o.set(d, text))
		}
		m.join(o.apply(d, r.options[o.name]))
	}
	if len(r.options["seed"]) == 0 {
		d.plan.Seed = drawSeed()
	}
	return d
}

// hasTarget reports whether the servers are there already.
func (r request) hasTarget() bool {
	return len(r.settings[targetSetting]) > 0 ||
		slices.ContainsFunc(r.groups, func(g groupRequest) bool { return g.sets(targetSetting) })
}

// completeLoad fits the load to the loop and the arms.
func (r request) completeLoad(d *draft, m *mistakes) {
	l := &d.plan.Load
	if l.Loop == Closed {
		for _, name := range []string{"rate", "arrival", "max-in-flight"} {
			for _, v := range r.options[name] {
				m.add("%s %q: cannot be used with --loop closed", v.where, v.shown())
			}
		}
		l.Rate, l.Arrival, l.MaxInFlight = 0, "", 0
	} else if !r.hasTarget() {
		d.plan.Saturated = saturated
		if d.quick {
			d.plan.Saturated = quickSaturated
		}
	}
	most := slices.MaxFunc(d.plan.Arms, func(a, b Arm) int { return a.Settings.Connections - b.Settings.Connections }).Settings.Connections
	given := r.options["concurrency"]
	switch {
	case len(given) == 0:
		l.Concurrency = max(64, most)
	case l.Loop == Open && d.plan.Saturated == 0:
		m.add("%s %d: cannot be used with --loop open and a TARGET, where nothing waits", given[0].where, l.Concurrency)
	case l.Concurrency > 0 && l.Concurrency < most:
		m.add("%s %d: must be at least --connections %d", given[0].where, l.Concurrency, most)
	}
	if shortest := d.plan.Warmup + d.plan.Window; d.plan.MaxTime > 0 && d.plan.MaxTime < shortest {
		m.add("--max-time %v: must be at least an epoch, %v", d.plan.MaxTime, shortest)
	}
}

// addAA appends the A/A arm, in the first group.
func (r request) addAA(d *draft, m *mistakes) {
	p := &d.plan
	if len(p.Arms) < 2 {
		if v := r.options["aa"]; len(v) > 0 && v[0].text == On {
			m.add("%s on: must be off with one arm, which has nothing to be compared with", v[0].where)
		}
		return
	}
	if !d.aa {
		return
	}
	twin, _ := p.Arm(p.Groups[0].Control)
	twin.Name, twin.AA = aaName, true
	p.Arms = append(p.Arms, twin)
	p.Groups[0].Arms = append(p.Groups[0].Arms, aaName)
}

// apply reads values into the draft.
func (o option) apply(d *draft, values []given) error {
	var m mistakes
	for _, v := range values {
		if err := o.set(d, v.text); err != nil {
			m.add("%s %q: %w", v.where, v.shown(), err)
		}
	}
	return m.err()
}
