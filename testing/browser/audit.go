package browser

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// axe is where scripts/browser.sh puts axe-core, seen from a package in internal,
// where its tests run.
const axe = "../../bin/axe-*/axe.min.js"

// Audit is what axe-core says of a page.
type Audit struct {
	Passes     int      // rules that hold
	Violations []string // of serious and critical impact: the rule, and where it is broken first
}

// Audit opens every details element of the page and asks axe-core about all of it,
// but for the elements that the CSS selector except matches ("": none).
func (t *Tab) Audit(except string) (a Audit, err error) {
	found, err := filepath.Glob(axe)
	if err != nil {
		return a, err
	}
	if len(found) != 1 {
		return a, errors.New("axe-core is missing: run scripts/browser.sh, which fetches it")
	}
	script, err := os.ReadFile(found[0])
	if err != nil {
		return a, err
	}
	scope := map[string][]string{}
	if except != "" {
		scope["exclude"] = []string{except}
	}
	of, err := json.Marshal(scope)
	if err != nil {
		return a, err
	}
	if err := t.Eval("document.querySelectorAll('details').forEach((d) => { d.open = true })", nil); err != nil {
		return a, err
	}
	if err := t.Eval(string(script), nil); err != nil {
		return a, err
	}
	err = t.Eval(fmt.Sprintf(`axe.run(%s).then((r) => ({passes: r.passes.length,
		violations: r.violations.filter((v) => v.impact === "serious" || v.impact === "critical")
			.map((v) => v.id + ": " + v.help + ": " + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200)).join(" | "))}))`, of), &a)
	return a, err
}
