package plan

import (
	"embed"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Names of the built-in suites: of a run, and of a handshake plan.
const (
	overheadsName  = "overheads"
	handshakesName = "handshakes"
)

//go:embed overheads.yaml handshakes.yaml
var suites embed.FS

// builtIn is the name of the suite that a plan of a kind has without any request.
func builtIn(kind string) string {
	if kind == KindHandshake {
		return handshakesName
	}
	return overheadsName
}

// maxSuiteBytes bounds a suite file. The parser's time grows with the square of
// its input: this much takes it up to two seconds.
const maxSuiteBytes = 64 << 10

// readSuite reads a built-in suite or a suite file.
func readSuite(kind, suite string, m *mistakes) request {
	if suite == builtIn(kind) {
		data, _ := suites.ReadFile(suite + ".yaml") // is there
		return parseSuite(kind, suite, data, m)
	}
	data, err := readFile(suite, maxSuiteBytes)
	if err != nil {
		m.add("--suite %q: %w", suite, err)
		return newRequest(kind)
	}
	r := parseSuite(kind, suite, data, m)
	r.suiteFile = filepath.Base(suite)
	return r
}

// parseSuite reads a suite: a mapping of options, settings and groups. Its name
// is the file's without directory and ending.
func parseSuite(kind, file string, data []byte, m *mistakes) request {
	base := filepath.Base(file)
	r := newRequest(kind)
	r.suite = strings.TrimSuffix(base, filepath.Ext(base))
	s := suiteReader{file: file, mistakes: m}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		s.syntax(err)
		return r
	}
	if len(tree.Docs) != 1 || tree.Docs[0].Body == nil {
		m.add("%s: must be one YAML document with groups", file)
		return r
	}
	s.top(tree.Docs[0].Body, &r)
	return r
}

// suiteReader turns the tree of a suite file into a request. It walks the tree
// itself, so that each value keeps its place and its text: 1.30 is not 1.3, and
// what YAML calls a boolean is still the word that was written.
type suiteReader struct {
	file string
	*mistakes
}

// at is the place of a node, as compilers write it.
func (s suiteReader) at(n ast.Node) string {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		n = m.Values[0].Key // the mapping's own token is a colon
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return fmt.Sprintf("%s:%d:%d:", s.file, t.Position.Line, t.Position.Column)
	}
	return s.file + ":"
}

// syntax adds the parser's error. Its source excerpt is left out: it may show a
// metadata value.
func (s suiteReader) syntax(err error) {
	var e yaml.Error
	if errors.As(err, &e) && e.GetToken() != nil && e.GetToken().Position != nil {
		at := e.GetToken().Position
		s.add("%s:%d:%d: %s", s.file, at.Line, at.Column, e.GetMessage())
		return
	}
	s.add("%s: must be YAML", s.file)
}

func (s suiteReader) top(n ast.Node, r *request) {
	known := []string{"settings", "groups"}
	for _, o := range optionsOf(r.kind) {
		if o.name == thresholdOption {
			known = append(known, thresholdsKey)
		} else {
			known = append(known, o.name)
		}
	}
	hasGroups := false
	s.mapping(n, known, func(key string, value ast.Node) {
		switch key {
		case "settings":
			r.settings = s.choices(value)
		case "groups":
			hasGroups = true
			r.groups = s.groups(value)
		case thresholdsKey:
			r.options[thresholdOption] = s.values(key, value, true)
		default:
			o, _ := optionNamed(r.kind, key)
			r.options[key] = s.values(key, value, o.repeats)
		}
	})
	if !hasGroups {
		s.add("%s: must have groups", s.file)
	}
}

func (s suiteReader) groups(n ast.Node) []groupRequest {
	var groups []groupRequest
	for _, item := range s.sequence(n) {
		g, ok := s.group(item)
		if !ok {
			continue
		}
		if slices.ContainsFunc(groups, func(o groupRequest) bool { return o.name == g.name }) {
			s.add("%s group %q: must have a name of its own", s.at(item), g.name)
		}
		groups = append(groups, g)
	}
	if len(groups) == 0 && len(s.errs) == 0 {
		s.add("%s groups: must hold a group", s.at(n))
	}
	return groups
}

// group reads one group. ok is false if it has no name or arms.
func (s suiteReader) group(n ast.Node) (g groupRequest, ok bool) {
	seen := make(map[string]bool)
	s.mapping(n, []string{"name", "control", "arms", thresholdsKey}, func(key string, value ast.Node) {
		seen[key] = true
		switch key {
		case "name":
			for _, v := range s.values(key, value, false) {
				name, err := parseLabel(v.text)
				if err != nil {
					s.add("%s %q: %w", v.where, v.shown(), err)
				}
				g.name = name
			}
		case "control":
			g.control = s.choices(value)
		case "arms":
			told := len(s.errs)
			for _, item := range s.sequence(value) {
				g.arms = append(g.arms, s.choices(item))
			}
			if len(g.arms) == 0 && len(s.errs) == told { // or the group, and its thresholds, would be dropped
				s.add("%s arms: must hold an arm", s.at(value))
			}
		case thresholdsKey:
			g.thresholds = s.values(key, value, true)
		}
	})
	for _, key := range []string{"name", "control", "arms"} {
		if !seen[key] {
			s.add("%s group: must have %s", s.at(n), key)
		}
	}
	g.where = fmt.Sprintf("group %q of %s", g.name, s.file)
	return g, g.name != "" && len(g.arms) > 0
}

// choices reads a mapping of settings.
func (s suiteReader) choices(n ast.Node) choices {
	c := choices{}
	s.mapping(n, settingNames(), func(key string, value ast.Node) {
		known, _ := settingNamed(key)
		if values := s.values(key, value, known.clear != nil); len(values) > 0 {
			c[key] = values
		}
	})
	return c
}

// mapping calls each for every known key of a mapping.
func (s suiteReader) mapping(n ast.Node, known []string, each func(key string, value ast.Node)) {
	if null, ok := n.(*ast.NullNode); ok {
		s.add("%s must be a mapping, {} if empty", s.at(null))
		return
	}
	m, ok := n.(ast.MapNode)
	if !ok {
		s.add("%s must be a mapping of names to values", s.at(n))
		return
	}
	for i := m.MapRange(); i.Next(); {
		key, isText := i.Key().(*ast.StringNode)
		switch {
		case !isText:
			s.add("%s key: must be a name, without anchors, aliases, tags or merges", s.at(i.Key()))
		case !slices.Contains(known, key.Value):
			name, _, _ := strings.Cut(key.Value, "=") // what follows may be secret
			s.add("%s key %w", s.at(key), unknown(name, known))
		default:
			each(key.Value, i.Value())
		}
	}
}

func (s suiteReader) sequence(n ast.Node) []ast.Node {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		s.add("%s must be a list", s.at(n))
		return nil
	}
	return list.Values
}

// values reads a scalar, or a list of them where values add up.
func (s suiteReader) values(name string, n ast.Node, repeats bool) []given {
	nodes := []ast.Node{n}
	if _, isList := n.(*ast.SequenceNode); isList && repeats {
		nodes = s.sequence(n)
	}
	var values []given
	for _, n := range nodes {
		text, ok := scalar(n)
		if !ok {
			s.add("%s %s: must be one value, without anchors, aliases or tags", s.at(n), name)
			continue
		}
		values = append(values, given{text, s.at(n) + " " + name})
	}
	return values
}

// scalar is the text of a value as it was written.
func scalar(n ast.Node) (text string, ok bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}
