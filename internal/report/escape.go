package report

import (
	"strings"
	"unicode"

	"grpcbench/internal/mask"
)

// longest is how many characters of one string are shown: enough for a warning
// of several sentences, not enough to flood a terminal.
const longest = 500

// clean returns s on one line, safe to print on a terminal: what acts, and what
// is not UTF-8, is replaced by U+FFFD; newlines and tabs by spaces. A long s is
// cut and ends in an ellipsis.
func clean(s string) string {
	var b strings.Builder
	n := 0
	for _, c := range s {
		if n++; n > longest {
			b.WriteRune('…')
			break
		}
		switch {
		case c == '\n' || c == '\r' || c == '\t':
			b.WriteByte(' ')
		case mask.Acts(c):
			b.WriteRune(unicode.ReplacementChar)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// code returns s as a Markdown code span that nothing in s can end: its fence is
// longer than any run of backticks inside (CommonMark 0.31, section 6.1). A bar
// would end the cell of a table even in a code span, so it is replaced.
func code(s string) string {
	s = strings.ReplaceAll(clean(s), "|", "¦")
	if strings.TrimSpace(s) == "" {
		return "–"
	}
	f := fence(s, 1)
	if f == "`" {
		return f + s + f
	}
	return f + " " + s + " " + f
}

// fence returns backticks, at least n, in a longer run than any in s.
func fence(s string, n int) string {
	run := 0
	for _, c := range s {
		if c != '`' {
			run = 0
			continue
		}
		run++
		n = max(n, run+1)
	}
	return strings.Repeat("`", n)
}
