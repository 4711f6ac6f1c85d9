package compare

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"grpcbench/internal/plan"
)

// unlikeness lists what two plans ask differently; nothing if they are of one
// hash, and no arm has the name of another one in the other plan.
func unlikeness(base, new plan.Plan) []Difference {
	if base.Hash() == new.Hash() && !crossed(base.Arms, new.Arms) {
		return []Difference{}
	}
	all := walk("", fields(base.Question()), fields(new.Question()))
	if len(all) == 0 {
		all = []Difference{{What: "order of arms", Base: order(base), New: order(new)}}
	}
	return all
}

// Alike returns an error that wraps ErrUnlike and names the differences, if results of
// the two plans cannot be compared.
func Alike(base, new plan.Plan) error {
	if all := unlikeness(base, new); len(all) > 0 {
		return fmt.Errorf("%w: %s", ErrUnlike, sentence(all))
	}
	return nil
}

// crossed reports whether an arm stands elsewhere in the other list: named by
// their addresses, two arms of one plan may have changed places.
func crossed(base, new []plan.Arm) bool {
	for i, a := range base {
		if j := slices.IndexFunc(new, func(b plan.Arm) bool { return b.Name == a.Name }); j >= 0 && j != i {
			return true
		}
	}
	return false
}

func order(p plan.Plan) string {
	var names []string
	for _, a := range p.Arms {
		names = append(names, a.Name)
	}
	return strings.Join(names, ", ")
}

// fields is p as its stored form has it.
func fields(p plan.Plan) (v any) {
	data, _ := json.Marshal(p) // cannot fail: a plan holds strings and finite numbers
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	_ = d.Decode(&v) // nor can this
	return v
}

// walk lists the differences of two JSON values at path. What has names is looked
// up by name, whatever its place.
func walk(path string, base, new any) []Difference {
	b, isMap := members(base)
	n, isMapToo := members(new)
	if !isMap || !isMapToo {
		was, is := leaf(path, base), leaf(path, new)
		if was == is {
			return nil
		}
		return []Difference{{What: strings.TrimSuffix(path, "_ns"), Base: was, New: is}}
	}
	for name := range n {
		if _, ok := b[name]; !ok {
			b[name] = nil
		}
	}
	var all []Difference
	for _, name := range slices.Sorted(maps.Keys(b)) {
		all = append(all, walk(strings.TrimPrefix(path+"."+name, "."), b[name], n[name])...)
	}
	return all
}

// members are those of an object, or of a list of objects that all have a name of
// their own.
func members(v any) (of map[string]any, ok bool) {
	switch v := v.(type) {
	case map[string]any:
		return maps.Clone(v), true
	case []any:
		of = make(map[string]any)
		for _, e := range v {
			m, _ := e.(map[string]any)
			name, _ := m["name"].(string)
			of[name] = e
		}
		_, unnamed := of[""]
		return of, !unnamed && len(of) == len(v)
	}
	return nil, false
}

// leaf prints a value that is not looked into.
func leaf(path string, v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		if ns, err := strconv.ParseInt(v.String(), 10, 64); err == nil && strings.HasSuffix(path, "_ns") {
			return time.Duration(ns).String()
		}
		return v.String()
	case map[string]any:
		return "present"
	}
	data, _ := json.Marshal(v) // came from JSON
	return string(data)
}

// maxNamed is how many differences an error names.
const maxNamed = 20

// sentence says in one line what is different.
func sentence(all []Difference) string {
	var parts []string
	for i, d := range all {
		if i == maxNamed {
			parts = append(parts, fmt.Sprintf("and %d more", len(all)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%s: base %s, new %s", d.What, orNone(d.Base), orNone(d.New)))
	}
	return strings.Join(parts, "; ")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
