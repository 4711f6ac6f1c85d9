// Package hostile is for tests: strings that act where they are shown as they
// are, and how to tell that one got through. Nothing but tests imports it.
package hostile

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Strings returns strings that act in HTML, templates, terminals, Markdown,
// tables, spreadsheets, shells and paths.
func Strings() []string {
	return []string{
		`</script><script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `" autofocus onfocus=alert(1) x="`,
		`javascript:alert(1)`, `{{.}}`, `${7*7}`, `]]>`, `<!--`, "a\u2028b", "\x1b[2J", "\x1b]0;PWNED\x07", "\x1b]8;;http://evil\x07x",
		"\x1b]52;c;cm0=\x07", "\u009b31m", "\u202e\u2066x\u2069\u202c", "a\x00b", "\xff\xfe\x80", strings.Repeat("A", 1<<20), "a|b|c",
		"x\n# heading\r\n\n| a |\n", "![](http://evil/x)", "[x](javascript:alert(1))", "```\n</details>\n```", "`", "a`b``c", "~~~",
		"=cmd()", "+cmd()", "-cmd()", "@cmd()", "\t=cmd()", "\r=cmd()", `"=cmd()`, "a,b\"c\nd",
		"../../etc/passwd", "CON", "\xed\xa0\xbd", "\U000e0041tag", "@someone #1", "   ", "'; rm -rf /; '", "\x7f\x08\x08",
	}
}

// Check returns an error that names what is left in text that acts on a terminal,
// or is not UTF-8. Newlines are a writer's own.
//
// It knows by itself what acts, so that a mistake in the code under test is not
// made here too: the ranges are those of ECMA-48, section 5, and of Unicode annex
// 9 and its default-ignorable format characters.
func Check(text string) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("text of %d bytes is not UTF-8", len(text))
	}
	for i, c := range text {
		switch {
		case c == '\n':
		case c < 0x20, c >= 0x7f && c <= 0x9f, // C0, DEL, C1
			c == 0xad, c == 0x61c, c == 0x180e, // soft hyphen, Arabic and Mongolian marks
			c >= 0x200b && c <= 0x200f, c >= 0x2028 && c <= 0x202e, // zero width, separators, overrides
			c >= 0x2060 && c <= 0x206f, c == 0xfeff, c >= 0xfff9 && c <= 0xfffb, // isolates, byte order mark, annotations
			c >= 0xe0000 && c <= 0xe007f: // tags
			return fmt.Errorf("%U at byte %d of %.60q", c, i, text[max(0, i-20):])
		}
	}
	return nil
}
