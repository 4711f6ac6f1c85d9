package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// canaries are secrets by the channel that each comes in by.
type canaries map[string]string

// newCanary is a secret that is nowhere else. Its ends differ in URL forms.
func newCanary() string { return "Zk+" + rand.Text() + "/q" }

// trace is how many bytes of a canary in a row are one: in 80 bits of random text
// nothing else is found by chance.
const trace = 10

// search finds traces of secrets in text.
type search struct {
	windows map[int]map[string]string // by length: what is looked for, and whose it is
}

// newSearch looks for every ten bytes of each canary: as they are, in
// hexadecimal, with each byte escaped as in a URL, and in base64 at its three
// alignments, where nine whole bytes are twelve characters.
func newSearch(of canaries) search {
	s := search{map[int]map[string]string{}}
	add := func(channel, form string, n int) {
		if s.windows[n] == nil {
			s.windows[n] = map[string]string{}
		}
		for i := range len(form) - n + 1 {
			s.windows[n][plainCase(form[i:i+n])] = channel
		}
	}
	for channel, secret := range of {
		add(channel, secret, trace)
		add(channel, hex.EncodeToString([]byte(secret)), 2*trace)
		add(channel, escaped(secret), 3*trace)
		for start := range 3 {
			whole := secret[start:]
			add(channel, base64.StdEncoding.EncodeToString([]byte(whole[:len(whole)/3*3])), 12)
		}
	}
	return s
}

func escaped(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02x", s[i])
	}
	return b.String()
}

// plainCase makes one of the ways in which a form may be written.
func plainCase(s string) string {
	b := []byte(s)
	for i, c := range b {
		switch {
		case c >= 'A' && c <= 'Z':
			b[i] += 'a' - 'A'
		case c == '-':
			b[i] = '+'
		case c == '_':
			b[i] = '/'
		}
	}
	return string(b)
}

// in returns the channels of the canaries of which text holds a trace.
func (s search) in(text string) []string {
	text = plainCase(text)
	found := map[string]bool{}
	for n, windows := range s.windows {
		for i := range len(text) - n + 1 {
			if channel, ok := windows[text[i:i+n]]; ok {
				found[channel] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// hunt fails if a text holds a trace.
func (s search) hunt(t *testing.T, where, text string) {
	t.Helper()
	if found := s.in(text); len(found) > 0 {
		t.Errorf("%s: holds the canary of %s:\n%.2000s", where, strings.Join(found, ", "), text)
	}
}

// huntFiles searches names and contents of all files below dir, and returns how
// many bytes these are.
func (s search) huntFiles(t *testing.T, dir string) (bytes int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		bytes += len(data)
		s.hunt(t, "file "+filepath.Base(path), strings.TrimPrefix(path, dir)+"\n"+string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

// echoes are ways in which a server may repeat a secret.
func echoes(secret string) map[string]string {
	half := len(secret) / 2
	return map[string]string{
		"plain": secret, "upper case": strings.ToUpper(secret), "quoted": fmt.Sprintf("%q", secret), "in a URL": url.QueryEscape(secret), "in a path": url.PathEscape(secret),
		"in pieces": secret[:half] + " … " + secret[half:], "escaped": escaped(secret), "hex": hex.EncodeToString([]byte(secret)), "HEX": fmt.Sprintf("%X", secret),
		"base64":         base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64 for URL": base64.URLEncoding.EncodeToString([]byte(secret)),
		"base64 behind a character, without padding": base64.RawStdEncoding.EncodeToString([]byte(":" + secret)),
		"base64 behind two":                          base64.RawURLEncoding.EncodeToString([]byte("u:" + secret + "!")),
	}
}

func TestTheSearchFindsEveryEchoAndNothingElse(t *testing.T) {
	of := canaries{"this": newCanary(), "other": newCanary()}
	s := newSearch(of)
	for name, echo := range echoes(of["this"]) {
		if got := s.in("before " + echo + " behind"); !slices.Equal(got, []string{"this"}) {
			t.Errorf("%s: found %q, want this", name, got)
		}
	}
	if got := s.in(strings.Repeat(newCanary()+base64.StdEncoding.EncodeToString([]byte(newCanary())), 1000)); len(got) != 0 {
		t.Errorf("found %q in random text", got)
	}
}
