package plan_test

import (
	"strings"
	"testing"
)

// TestARefusalRepeatsNoUserAndIsShort: a value may be an address with a password, or what a
// variable of the shell held by mistake.
func TestARefusalRepeatsNoUserAndIsShort(t *testing.T) {
	long := strings.Repeat("a", 20_000)
	for _, args := range [][]string{
		{"h:1", "--authority", "user:s3cret@h"}, {"h:1", "--authority", "s3cret@h"},
		{"h:1", "--server-name", "user:s3cret@h"}, {"--authority", "user:s3cret@h"},
		{"https://user:s3cret@h:1"}, {"user:s3cret@h"}, {"--rate", "user:s3cret@h"},
		{"--tls", "https://user:s3cret@h"}, {"--vary", "target=user:s3cret@h:1,b:1"},
		{"h:1", "--authority", "s3cret=@h"}, {"h:1", "--authority", "a/s3cret@h"}, {"h:1", "--server-name", "a/s3cret=@h"},
		{"a/s3cret@h:1"}, {"s3cret==@h:1"}, {"--vary", "target=a/s3cret=@h:1,b:1"}, {"--authority", "a/s3cret@h"},
		{"h:1", "--authority", "h", "--authority", "a/s3cret=@h"},
		{"h:1", "--authority", long}, {"h:1", "--server-name", long}, {long}, {long + ":1"},
		{"--rate", long}, {"--payload", long}, {"--tag", long}, {"--tls", long}, {"--name", long},
		{"--seed", "1", "--seed", long}, {"--cacert", long}, {"--threshold", long}, {"--vary", long},
		{"h:1", "--tls", "off", "--server-name", "h", "--server-name", long},
	} {
		_, err := planOf(t, args...)
		if err == nil || strings.Contains(err.Error(), "s3cret") || len(err.Error()) > 1000 {
			t.Errorf("%.60q: %.400v, want a short refusal without the password", args, err)
		}
	}
}

// TestAnOddAuthorityIsRefusedBeforeTheLoad: no host is named so.
func TestAnOddAuthorityIsRefusedBeforeTheLoad(t *testing.T) {
	for _, name := range []string{"", " ", "a b", "a,b", "a\r\nb", "a\x00", "a/b", "a#b", "a?b", "a\tb", "ü"} {
		for _, flag := range []string{"--authority", "--server-name"} {
			_, err := planOf(t, "h:1", flag, name)
			if err == nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s %q: %v, want one sentence", flag, name, err)
			}
		}
	}
}
