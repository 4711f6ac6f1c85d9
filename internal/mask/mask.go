// Package mask keeps a run's secrets out of text that somebody else wrote, and
// makes such text harmless to show.
package mask

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// shortest is the length in bytes from which a part of a secret is hidden:
	// shorter ones are words that any text may hold.
	shortest = 6
	// longest is the length in bytes that Clean cuts text at.
	longest = 200
	// most is how many bytes of a text are looked at, to bound the work.
	most  = 16 << 10
	blank = "«masked»"
)

// Secrets hides values. The zero value hides nothing. It is safe for concurrent
// use.
type Secrets struct{ values []string }

// New returns what hides the values, empty ones left out. They may be messages of
// megabytes.
func New(values ...string) Secrets {
	return Secrets{slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })}
}

// Clean is Hide, cut at 200 bytes: for a message of a server in a sentence.
func (s Secrets) Clean(text string) string {
	text = s.Hide(text)
	if len(text) <= longest {
		return text
	}
	cut := longest
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// Hide returns at most the first 16 KiB of text, harmless to show, with every
// value hidden and every run of six bytes or more of one: as it is and in the
// forms in which a server may echo it or a part of it, whatever stands around:
// base64 (standard and URL alphabet, with and without padding), hexadecimal and
// URL escapes. Upper and lower case are one.
func (s Secrets) Hide(text string) string {
	text = text[:min(len(text), most)]
	found := search{text: fold(text), seen: map[int]map[string]bool{}}
	for _, v := range s.values {
		for _, f := range forms(v) {
			found.look(f)
		}
	}
	hidden := found.marks()
	var b strings.Builder
	for from := 0; from < len(text); {
		to := from + 1
		for to < len(text) && hidden[to] == hidden[from] {
			to++
		}
		if hidden[from] {
			b.WriteString(blank)
		} else {
			b.WriteString(Harmless(text[from:to]))
		}
		from = to
	}
	return b.String()
}

// form is one way to write a secret, and the length of the runs of it that are
// hidden: those that stand for six bytes of the secret or more.
type form struct {
	text string
	run  int
}

func forms(v string) []form {
	if len(v) < shortest {
		return []form{{fold(v), len(v)}}
	}
	var escaped strings.Builder
	for i := range len(v) {
		escaped.WriteString("%" + hex.EncodeToString([]byte{v[i]}))
	}
	all := []form{
		{fold(v), shortest}, {fold(url.QueryEscape(v)), shortest}, {fold(url.PathEscape(v)), shortest},
		{hex.EncodeToString([]byte(v)), 2 * shortest}, {escaped.String(), 3 * shortest},
	}
	// Base64 writes three bytes as four characters, so what stands before a secret
	// shifts it by 0, 1 or 2 bytes. Characters that hold bits of neighbours are left
	// out; of six bytes 7 characters are left at least.
	for shift := range 3 {
		text := base64.RawStdEncoding.EncodeToString([]byte("\x00\x00"[:shift] + v))
		if shift > 0 {
			text = text[shift+1:]
		}
		if (shift+len(v))%3 > 0 {
			text = text[:len(text)-1]
		}
		all = append(all, form{fold(text), shortest + 1})
	}
	return all
}

// fold makes one of upper and lower case, and of the two alphabets of base64. It
// keeps the place of every byte.
func fold(text string) string {
	b := []byte(text)
	for i, c := range b {
		switch {
		case c >= 'A' && c <= 'Z':
			b[i] = c - 'A' + 'a'
		case c == '-':
			b[i] = '+'
		case c == '_':
			b[i] = '/'
		}
	}
	return string(b)
}

// search finds which runs of a text occur in forms. Forms may be long and are
// passed over once; the text is short.
type search struct {
	text string
	seen map[int]map[string]bool // by length: each run of the text, true when some form holds it
}

func (s search) look(f form) {
	runs := s.seen[f.run]
	if runs == nil {
		runs = map[string]bool{}
		for i := range len(s.text) - f.run + 1 {
			runs[s.text[i:i+f.run]] = false
		}
		s.seen[f.run] = runs
	}
	for i := range len(f.text) - f.run + 1 {
		if known, there := runs[f.text[i:i+f.run]]; there && !known {
			runs[f.text[i:i+f.run]] = true
		}
	}
}

// marks says of each byte of the text whether a run that was found covers it.
func (s search) marks() []bool {
	hidden := make([]bool, len(s.text))
	for n, runs := range s.seen {
		for i := range len(s.text) - n + 1 {
			if runs[s.text[i:i+n]] {
				for k := range n {
					hidden[i+k] = true
				}
			}
		}
	}
	return hidden
}

// Acts reports whether c does something to a terminal or to the order of the
// text around it instead of standing for itself: C0 and C1 controls and DEL,
// which begin escape sequences (ECMA-48), line and paragraph separators, and
// format characters, among them the bidirectional ones (Unicode annex 9), and what
// is not drawn though it is none of these (Unicode annex 44, default ignorable).
func Acts(c rune) bool {
	return unicode.IsControl(c) || unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point)
}

// Harmless returns text on one line: what acts, and what is not UTF-8, is
// replaced by U+FFFD; newlines, tabs and all kinds of spaces by spaces.
func Harmless(text string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\r' || c == '\t':
			return ' '
		case unicode.Is(unicode.Zs, c): // two builds of one server may differ in nothing but U+00A0
			return ' '
		case Acts(c):
			return unicode.ReplacementChar
		}
		return c // an invalid byte comes as U+FFFD already
	}, text)
}
