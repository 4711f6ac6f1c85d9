package report_test

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"grpcbench/internal/report"
	"grpcbench/internal/result"
	"grpcbench/testing/hostile"
	"grpcbench/testing/lane"
)

// fill puts s into every string of v, and into every map that is not empty as
// one more key.
func fill(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem(), s)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), s)
		}
	case reflect.Slice:
		for i := range v.Len() {
			fill(v.Index(i), s)
		}
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String && v.Len() > 0 {
			v.SetMapIndex(reflect.ValueOf(s).Convert(v.Type().Key()), v.MapIndex(v.MapKeys()[0]))
		}
	case reflect.String:
		v.SetString(s)
	}
}

// poisoned are results of which every string is s, and results in which the
// names that tie arms, groups and comparisons together are left.
func poisoned(s string) []result.Result {
	var rs []result.Result
	tied := fixtures()
	for name, all := range fixtures() {
		some := tied[name]
		for i := range some.Arms {
			fill(reflect.ValueOf(&some.Arms[i].Observed).Elem(), s)
			fill(reflect.ValueOf(&some.Arms[i].Ledger).Elem(), s)
			some.Arms[i].Observed.Mismatches = []string{s}
		}
		fill(reflect.ValueOf(&all).Elem(), s)
		some.ID, some.Name, some.Interrupted, some.Verdict = s, s, s, all.Verdict
		some.Checks, some.Warnings, some.Tool, some.Machine = all.Checks, all.Warnings, all.Tool, all.Machine
		rs = append(rs, all, some)
	}
	return rs
}

func TestTextHoldsNothingThatActsOnATerminal(t *testing.T) {
	for _, s := range hostile.Strings() {
		for _, r := range poisoned(s) {
			got := text(t, r, report.TextOptions{})
			if err := hostile.Check(got); err != nil || len(got) > 1<<20 {
				t.Fatalf("%.40q: text of %d bytes: %v", s, len(got), err)
			}
			for _, line := range strings.Split(got, "\n") {
				if n := utf8.RuneCountInString(line); n > 80 {
					t.Fatalf("%.40q: line of %d columns: %.200s", s, n, line)
				}
			}
		}
	}
}

// TestMarkdownHoldsHostileTextInCodeAlone: as CommonMark reads it.
//
//	fault:   markup in every string of a result
//	promise: it stands in code, and no table and no fold is broken
//	figure:  every string of the corpus in every field: 0 outside of code
func TestMarkdownHoldsHostileTextInCodeAlone(t *testing.T) {
	for _, s := range hostile.Strings() {
		for _, r := range poisoned(s) {
			got := markdown(t, r)
			if err := hostile.Check(got); err != nil {
				t.Fatalf("%.40q: %v", s, err)
			}
			wantInert(t, s, got)
		}
	}
}

// wantInert fails unless what s is made of stands in code alone.
func wantInert(t *testing.T, s, markdown string) {
	t.Helper()
	prose := strings.NewReplacer("<br>", "", "<details>", "", "</details>", "", "<summary>", "", "</summary>", "").Replace(withoutCode(t, markdown))
	if i := strings.IndexAny(prose, "<>`{}$!@'\"\\"); i >= 0 {
		t.Fatalf("%.40q: outside of code: %.60q", s, prose[max(0, i-20):])
	}
	for _, word := range []string{"alert", "heading", "evil", "someone", "AAAA", "rm -rf", "passwd", "cmd()"} {
		if strings.Contains(prose, word) {
			t.Fatalf("%.40q: %q stands outside of code", s, word)
		}
	}
}

// withoutCode removes code blocks and code spans as CommonMark finds them, and
// checks that every row of a table has the cells of its head.
func withoutCode(t *testing.T, markdown string) string {
	t.Helper()
	var prose strings.Builder
	fence, bars := "", 0
	for _, line := range strings.Split(markdown, "\n") {
		run := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case fence != "":
			if len(run) >= len(fence) && run == line {
				fence = ""
			}
			continue
		case len(run) >= 3 && !strings.Contains(line[len(run):], "`"):
			fence = run
			continue
		}
		if n := strings.Count(line, "|"); !strings.HasPrefix(line, "|") {
			bars = 0
		} else if bars == 0 {
			bars = n
		} else if n != bars {
			t.Fatalf("row of %d bars in a table of %d: %.200s", n, bars, line)
		}
		prose.WriteString(withoutSpans(line) + "\n")
	}
	if fence != "" {
		t.Fatal("a code block is not closed")
	}
	return prose.String()
}

var backticks = regexp.MustCompile("`+")

// withoutSpans removes the code spans of a line: a run of backticks up to the
// next run of the same length (CommonMark 0.31, section 6.1).
func withoutSpans(line string) string {
	runs := backticks.FindAllStringIndex(line, -1)
	var prose strings.Builder
	end := 0
	for i := 0; i < len(runs); i++ {
		for j := i + 1; j < len(runs); j++ {
			if runs[j][1]-runs[j][0] == runs[i][1]-runs[i][0] {
				prose.WriteString(line[end:runs[i][0]])
				end, i = runs[j][1], j
				break
			}
		}
	}
	return prose.String() + line[end:]
}

func TestJSONEscapesWhatActsAndLosesNothing(t *testing.T) {
	for _, s := range hostile.Strings() {
		want := result.Result{Name: s}
		got := render(t, func(w io.Writer) error { return report.JSON(w, want) })
		if err := hostile.Check(got); err != nil {
			t.Fatalf("%.40q: %v", s, err)
		}
		var back result.Result
		if err := json.Unmarshal([]byte(got), &back); err != nil {
			t.Fatalf("%.40q: %v", s, err)
		}
		if valid := strings.ToValidUTF8(s, "\ufffd"); back.Name != valid && utf8.ValidString(s) {
			t.Errorf("%.40q came back as %.40q", s, back.Name)
		}
	}
}

// TestNoFormatLetsAStringAct: whatever stands in an imported result.
//
//	fault:   control characters, escape sequences and formulas in every string of a result
//	promise: no format of a report lets one act on a terminal
//	figure:  every string of the corpus in every field, 0 controls
func TestNoFormatLetsAStringAct(t *testing.T) {
	lane.Long(t, "works for seconds: a mebibyte in every field")
	own := map[string]*strings.Replacer{ // what a format is made of
		"csv": strings.NewReplacer("\r\n", "\n"), "bench": strings.NewReplacer("\t", " "),
	}
	for _, f := range report.Formats(report.TextOptions{}) {
		for _, s := range hostile.Strings() {
			s = s[:min(len(s), 600)] // more than a writer shows
			for _, r := range []result.Result{overheads(), invalid()} {
				fill(reflect.ValueOf(&r).Elem(), s)
				var b bytes.Buffer
				_ = f.Render(&b, r) // a format may refuse what it cannot say
				got := b.String()
				if o := own[f.Name]; o != nil {
					got = o.Replace(got)
				}
				if err := hostile.Check(got); err != nil {
					t.Fatalf("%s of %.40q: %v", f.Name, s, err)
				}
			}
		}
	}
}
