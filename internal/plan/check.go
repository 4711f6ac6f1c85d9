package plan

import (
	"fmt"
	"slices"
	"strings"
)

// checkArms refuses settings that contradict each other. What is wrong with
// every arm is said without their names.
func checkArms(arms []Arm, m *mistakes) {
	askArms(arms, func(a Arm) []string { return checkSettings(a.Settings) }, m)
	first := arms[0].Settings.Target
	for _, a := range arms {
		if (a.Settings.Target == "") != (first == "") {
			m.add("target: must be set for every arm or for none, but %s and %s differ", arms[0].Name, a.Name)
			return
		}
		if (a.Settings.ServerBinary == "") != (arms[0].Settings.ServerBinary == "") {
			m.add("server-binary: must be set for every arm or for none, but %s and %s differ", arms[0].Name, a.Name)
			return
		}
	}
}

// askArms says what is wrong with arms, each sentence once.
func askArms(arms []Arm, check func(Arm) []string, m *mistakes) {
	var sentences []string
	wrong := make(map[string][]string) // names of arms by sentence
	for _, a := range arms {
		for _, s := range check(a) {
			if wrong[s] == nil {
				sentences = append(sentences, s)
			}
			wrong[s] = append(wrong[s], a.Name)
		}
	}
	for _, s := range sentences {
		if names := wrong[s]; len(names) < len(arms) {
			s = fmt.Sprintf("arm %s: %s", strings.Join(names, ", "), s)
		}
		m.add("%s", s)
	}
}

// checkSettings returns a sentence for each contradiction in s.
func checkSettings(s Settings) []string {
	var wrong []string
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	plain := s.TLS == Off
	refuse(plain && s.MTLS, "--mtls on: must be off with --tls off")
	refuse(s.Engine == Wire && s.Windows == Dynamic, "--windows dynamic: must be static with --engine wire")
	refuse(plain && s.Resumption, "--resumption on: must be off with --tls off")
	refuse(s.Group == MLKEM && s.TLS == TLS12, "--group %s: must go with --tls 1.3", s.Group)

	raw := s.Method != ""
	refuse(raw && (s.Payload.Bytes > 0 || s.ResponsePayload.Bytes > 0),
		"--payload %s, --response-payload %s: must be 0 with --method %s, whose message is --request", s.Payload, s.ResponsePayload, s.Method)
	refuse(raw && !s.ResponseCompression.Mirror,
		"--response-compression %s: must be mirror with --method %s, which cannot ask for it", s.ResponseCompression, s.Method)
	refuse(!raw && s.Request != nil, "--request %s: must come with --method", requestText(s))

	empty := s.Payload.Bytes == 0 && s.ResponsePayload.Bytes == 0
	refuse(!raw && empty && !s.ResponseCompression.Mirror,
		"--response-compression %s: must come with a --payload or --response-payload, since Foo(Empty) cannot ask for it", s.ResponseCompression)

	total := headerListBytes(s)
	refuse(total > maxHeaderListBytes, "--metadata, --metadata-size %s: must be at most %d bytes of header list, not %d", s.MetadataSize, maxHeaderListBytes, total)
	return slices.Concat(wrong, checkAccept(s), checkReplacements(s), checkCommand(s))
}

// checkKeys refuses a key or a key exchange group that no arm can obey.
func (r request) checkKeys(m *mistakes) {
	if r.hasTarget() {
		for _, c := range r.allChoices() {
			for _, v := range c["key"] {
				m.add("%s %q: cannot be used with a TARGET, whose server has its key already", v.where, v.shown())
			}
		}
	}
	used := make(map[given]bool)
	note := func(layers ...choices) {
		a, _ := r.arm(layers...) // its mistakes are said by the roster
		over := r.effective(layers)
		for _, v := range slices.Concat(over["key"], over["group"]) {
			used[v] = used[v] || a.Settings.TLS != Off
		}
	}
	if len(r.groups) == 0 {
		note()
	}
	for _, g := range r.groups {
		note(g.control)
		for _, c := range g.arms {
			note(g.control, c)
		}
	}
	for _, c := range r.allChoices() {
		for _, v := range slices.Concat(c["key"], c["group"]) {
			if secure, effective := used[v]; effective && !secure {
				m.add("%s %q: cannot be used with --tls off", v.where, v.shown())
			}
		}
	}
}

// allChoices lists the settings of every arm, and each that a group makes.
func (r request) allChoices() []choices {
	all := []choices{r.settings}
	for _, g := range r.groups {
		all = append(append(all, g.control), g.arms...)
	}
	return all
}
