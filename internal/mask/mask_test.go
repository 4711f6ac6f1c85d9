package mask

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"grpcbench/testing/hostile"
)

// echoes are the ways in which a server may write a secret that we must see
// through, each whole and in two parts, within other text.
func echoes(secret string) map[string]string {
	half := len(secret) / 2
	all := map[string]string{
		"plain": secret, "upper": strings.ToUpper(secret), "quoted": fmt.Sprintf("%q", secret),
		"halves": secret[:half] + " and " + secret[half:],
		"url":    url.QueryEscape(secret), "path": url.PathEscape(secret),
		"hex": hex.EncodeToString([]byte(secret)), "HEX": fmt.Sprintf("%X", secret), "percent": percent(secret, "%%%02x"), "PERCENT": percent(secret, "%%%02X"),
		"halves in hex":    hex.EncodeToString([]byte(secret[:half])) + "." + hex.EncodeToString([]byte(secret[half:])),
		"halves in base64": base64.StdEncoding.EncodeToString([]byte(secret[:half])) + " " + base64.URLEncoding.EncodeToString([]byte(secret[half:])),
	}
	for name, encoding := range map[string]*base64.Encoding{
		"std": base64.StdEncoding, "raw std": base64.RawStdEncoding, "url": base64.URLEncoding, "raw url": base64.RawURLEncoding,
	} {
		for _, before := range []string{"", "u", "us", "user:"} {
			for _, behind := range []string{"", "x", "xy"} {
				all[fmt.Sprintf("base64 %s of %s%s%s", name, before, "secret", behind)] = encoding.EncodeToString([]byte(before + secret + behind))
			}
		}
	}
	return all
}

func percent(s, verb string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, verb, s[i])
	}
	return b.String()
}

// lowered is strings.ToLower for bytes of any kind.
func lowered(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] += 'a' - 'A'
		}
	}
	return string(b)
}

// survivor is a part of secret of six bytes that text still shows, in the clear
// or in a form that can be read back; "" if there is none.
func survivor(text, secret string) string {
	lower, standard := lowered(text), strings.NewReplacer("-", "+", "_", "/").Replace(text)
	for i := range len(secret) - shortest + 1 {
		part := secret[i : i+shortest]
		for _, form := range []string{part, hex.EncodeToString([]byte(part)), percent(part, "%%%02x")} {
			if strings.Contains(lower, lowered(form)) {
				return part
			}
		}
		// Six bytes are eight characters of base64, or nine of which the first and
		// the last hold bits of neighbours.
		for shift, own := range [][2]int{{0, 8}, {2, 9}, {3, 10}} {
			form := base64.RawStdEncoding.EncodeToString([]byte("\x00\x00"[:shift] + part + "\x00"))
			if strings.Contains(standard, form[own[0]:own[1]]) {
				return part
			}
		}
	}
	return ""
}

// TestSecretsAreHiddenInEveryFormAServerMayEcho: whole and in parts.
//
//	fault:   text of a server that repeats a secret, encoded and within other text
//	promise: no part of six bytes is shown, and the rest of the text is
//	figure:  5 secrets in 60 forms: 0 parts
func TestSecretsAreHiddenInEveryFormAServerMayEcho(t *testing.T) {
	for _, secret := range []string{"Bearer s3cret/token+value", "hunter2", "Passw0", "k7#\x00\xff\x10bin\x1b[2Jary", strings.Repeat("long-secret;", 20)} {
		for name, echo := range echoes(secret) {
			if len(secret) < 2*shortest && strings.HasPrefix(name, "halves") {
				continue // halves of less than six bytes are words
			}
			got := New("other", secret).Hide("denied: " + echo + " is not known")
			if part := survivor(got, secret); part != "" {
				t.Errorf("%s of %q: %q shows %q", name, secret, got, part)
			}
			if !strings.Contains(got, blank) || !strings.HasPrefix(got, "denied: ") || !strings.HasSuffix(got, " is not known") {
				t.Errorf("%s of %q: %q must have the secret replaced and the rest left", name, secret, got)
			}
		}
	}
}

func TestAPartOfSixBytesIsHiddenWhereverItStands(t *testing.T) {
	s := New("abcdefghijklmnop")
	for text, want := range map[string]string{
		"xxefghijxx":      "xx" + blank + "xx",
		"xxefghixx":       "xxefghixx", // five
		"abcdef|klmnop":   blank + "|" + blank,
		"ABCdefGHI":       blank,
		"abcdefabcdef":    blank, // one run
		"mnopabcdef tail": "mnop" + blank + " tail",
	} {
		if got := s.Hide(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestShortValuesAreHiddenWholeAndTheirPartsStayReadable(t *testing.T) {
	if got := New("abc").Clean("is abc known"); got != "is "+blank+" known" {
		t.Errorf("%q: a value of 3 bytes must be hidden", got)
	}
	if got := New("Bearer: abc").Clean("no abc here"); got != "no abc here" {
		t.Errorf("%q: a part of 3 bytes was hidden", got)
	}
	if got := New("").Clean("text"); got != "text" {
		t.Errorf("%q: an empty value hides nothing", got)
	}
}

func TestHostileTextIsHarmless(t *testing.T) {
	for _, text := range append(hostile.Strings(), "a\nb") {
		for _, got := range []string{(Secrets{}).Clean(text), (Secrets{}).Hide(text), Harmless(text)} {
			if err := hostile.Check(got); err != nil || strings.Contains(got, "\n") {
				t.Errorf("%.40q became %.40q: %v", text, got, err)
			}
		}
	}
}

func TestLongTextIsCutBetweenCharacters(t *testing.T) {
	got := (Secrets{}).Clean(strings.Repeat("ä", 1000))
	if len(got) > longest+len("…") || !utf8.ValidString(got) {
		t.Errorf("%d bytes, valid %v", len(got), utf8.ValidString(got))
	}
}

// A message of the largest size is looked through once a form, and the longest
// text is not looked through for each of a thousand values: seconds, not minutes.
func TestTheWorkIsBounded(t *testing.T) {
	began := time.Now()
	var values []string
	for i := range 1000 {
		values = append(values, strings.Repeat(fmt.Sprint(i, " value "), 4))
	}
	New(values...).Hide(strings.Repeat("text of a server. ", 1<<16))
	New(strings.Repeat("body of a request. ", 4<<20/19)).Hide(strings.Repeat("no such message; ", 20))
	if elapsed := time.Since(began); elapsed > 30*time.Second {
		t.Errorf("took %v", elapsed)
	}
}

// FuzzSecretsStayHidden checks that no part of six bytes or more of a secret
// survives in any form, whatever stands around it, and that what is shown is
// harmless and bounded.
func FuzzSecretsStayHidden(f *testing.F) {
	for i, text := range hostile.Strings() {
		f.Add("Bearer s3cret/token+value", text[:min(len(text), 100)], "\x1b[0m behind", uint(i))
	}
	f.Add("«masked»", "masked", "«", uint(0))
	f.Add("abcabcabcabc", "abc", "abcab", uint(1))
	f.Add("......", "%2e", "2e2e", uint(2))
	f.Fuzz(func(t *testing.T, secret, before, behind string, which uint) {
		if len(secret) < shortest || len(secret) > 60 || len(before)+len(behind) > 400 {
			return
		}
		all := echoes(secret)
		name := slices.Sorted(maps.Keys(all))[which%uint(len(all))]
		text := before + all[name] + behind
		got := New(secret).Hide(text)
		if err := hostile.Check(got); err != nil || strings.Contains(got, "\n") {
			t.Fatalf("%s: %q: %v", name, got, err)
		}
		// The marks that were put in hold bytes too, which are nobody's.
		for piece := range strings.SplitSeq(strings.ReplaceAll(got, string(utf8.RuneError), blank), blank) {
			if part := survivor(piece, secret); part != "" {
				t.Fatalf("%s of %q: %q shows %q", name, secret, got, part)
			}
		}
		if cut := New(secret).Clean(text); len(cut) > longest+len("…") || !utf8.ValidString(cut) {
			t.Fatalf("%s: %d bytes", name, len(cut))
		}
	})
}
