// Package mask keeps a run's secrets out of text that a server wrote, and that
// text harmless to show.
package mask

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// shortest is the length from which a part of a secret is masked by itself:
	// shorter ones are words that any text may hold.
	shortest = 6
	// longest is the length in bytes that text is cut at.
	longest = 200
	blank   = "«masked»"
)

// Secrets hides values. The zero value hides nothing. It is safe for concurrent
// use once made.
type Secrets struct{ forms []string }

// New returns what hides each value and each part of it that is long enough,
// split at space and , ; : = and in the forms in which a server may echo it:
// plain, base64 (standard and URL alphabet), hexadecimal, URL-escaped.
func New(values ...string) Secrets {
	seen := map[string]bool{}
	for _, v := range values {
		parts := strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(" ,;:=", r) })
		for _, p := range append(parts, v) {
			if p == v && p != "" || len(p) >= shortest {
				for _, f := range forms(p) {
					seen[f] = true
				}
			}
		}
	}
	var s Secrets
	for f := range seen {
		s.forms = append(s.forms, f)
	}
	// Longest first, so that a whole value is hidden before its parts.
	sort.Slice(s.forms, func(i, j int) bool {
		if len(s.forms[i]) != len(s.forms[j]) {
			return len(s.forms[i]) > len(s.forms[j])
		}
		return s.forms[i] < s.forms[j]
	})
	return s
}

func forms(v string) []string {
	b := []byte(v)
	h := hex.EncodeToString(b)
	return []string{
		v, h, strings.ToUpper(h), url.QueryEscape(v), url.PathEscape(v),
		strings.TrimRight(base64.StdEncoding.EncodeToString(b), "="),
		strings.TrimRight(base64.URLEncoding.EncodeToString(b), "="),
	}
}

// Clean returns text with every secret hidden, control characters and
// direction overrides replaced by U+FFFD, and cut at 200 bytes.
func (s Secrets) Clean(text string) string {
	for _, f := range s.forms {
		text = strings.ReplaceAll(text, f, blank)
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, unicode.IsControl(r), r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r == 0x2028, r == 0x2029:
			return utf8.RuneError
		}
		return r
	}, text)
	if len(text) <= longest {
		return text
	}
	cut := longest
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
