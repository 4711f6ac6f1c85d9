package report

import (
	"strings"
	"testing"
	"unicode/utf8"

	"grpcbench/testing/hostile"
)

// FuzzEscapers checks for any string that it stands harmless on one line, that no
// code span ends inside it (CommonMark 0.31, section 6.1), and that no spreadsheet
// takes it for a formula.
func FuzzEscapers(f *testing.F) {
	for _, s := range hostile.Strings() {
		f.Add(s[:min(len(s), 1<<10)])
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, got := range map[string]string{"clean": clean(s), "code": code(s), "csv": csvText(s), "cut": cut(s, 20)} {
			if err := hostile.Check(got); err != nil || strings.Contains(got, "\n") {
				t.Errorf("%s of %q is %q: %v", name, s, got, err)
			}
			if n := utf8.RuneCountInString(got); n > 3*longest+6 { // two fences, each a longer run than one in the text
				t.Errorf("%s of %q has %d characters", name, s, n)
			}
		}
		if cell := csvText(s); strings.IndexAny(strings.TrimSpace(cell), "=+-@") == 0 {
			t.Errorf("csv of %q is the formula %q", s, cell)
		}
		span := code(s)
		if strings.Contains(span, "|") {
			t.Errorf("code of %q ends the cell of a table: %q", s, span)
		}
		if span == "–" {
			return
		}
		inside := strings.TrimLeft(span, "`")
		fence := span[:len(span)-len(inside)]
		body, closed := strings.CutSuffix(inside, fence)
		if !closed || fence == "" {
			t.Fatalf("code of %q is not closed: %q", s, span)
		}
		for _, run := range strings.FieldsFunc(body, func(c rune) bool { return c != '`' }) {
			if len(run) == len(fence) {
				t.Errorf("code of %q ends early: %q", s, span)
			}
		}
		if len(fence) > 1 && !strings.HasSuffix(body, " ") {
			t.Errorf("code of %q: the text may join the fence: %q", s, span)
		}
	})
}
