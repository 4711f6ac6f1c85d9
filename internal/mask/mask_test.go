package mask

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSecretsAreHiddenInEveryFormAServerMayEcho(t *testing.T) {
	const secret = "Bearer s3cret/token+value"
	s := New(secret)
	for name, echo := range map[string]string{
		"plain":  secret,
		"part":   "bad token s3cret/token+value",
		"base64": base64.StdEncoding.EncodeToString([]byte(secret)),
		"url64":  base64.RawURLEncoding.EncodeToString([]byte("s3cret/token+value")),
		"hex":    hex.EncodeToString([]byte("s3cret/token+value")),
		"HEX":    strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"url":    url.QueryEscape("s3cret/token+value"),
	} {
		got := s.Clean("denied: " + echo + " is not known")
		if strings.Contains(got, echo) || strings.Contains(got, "s3cret") || !strings.Contains(got, blank) {
			t.Errorf("%s: %q shows the secret", name, got)
		}
	}
}

func TestShortPartsStayReadable(t *testing.T) {
	if got := New("Bearer: abc").Clean("no abc here"); got != "no abc here" {
		t.Errorf("%q: a part of 3 bytes was hidden", got)
	}
}

func TestHostileTextIsHarmless(t *testing.T) {
	for _, text := range []string{"\x1b[2J", "a\nb", "\u009b31m", "\u202egpj", "\x00", "\xff\xfe", "\u2028"} {
		if got := (Secrets{}).Clean(text); strings.ContainsAny(got, "\x1b\n\x00\u009b\u202e\u2028") || !utf8.ValidString(got) {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestLongTextIsCutBetweenCharacters(t *testing.T) {
	got := (Secrets{}).Clean(strings.Repeat("ä", 1000))
	if len(got) > longest+len("…") || !utf8.ValidString(got) {
		t.Errorf("%d bytes, valid %v", len(got), utf8.ValidString(got))
	}
}
