package probe

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// unset takes the recorded variables out of the test's environment.
func unset(t *testing.T) {
	t.Helper()
	for _, name := range recorded() {
		t.Setenv(name, "") // so that it is restored
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOnlyNamedVariablesAreRecorded(t *testing.T) {
	unset(t)
	t.Setenv("API_TOKEN", "secret")
	t.Setenv("HTTPS_PROXY", "http://user:secret@proxy:3128")
	t.Setenv("SSLKEYLOGFILE", "keys.log")
	if got := Environment(); got != nil {
		t.Errorf("recorded %v, want nothing", got)
	}
	t.Setenv("GOGC", "50")
	t.Setenv("GODEBUG", "tlsmlkem=0,gctrace=1")
	t.Setenv("GOMEMLIMIT", "")
	t.Setenv("SSL_CERT_FILE", "/home/someone/ca.pem")
	want := map[string]string{"GOGC": "50", "GODEBUG": "tlsmlkem=0,gctrace=1", "GOMEMLIMIT": "", "SSL_CERT_FILE": "ca.pem"}
	if diff := cmp.Diff(want, Environment()); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestAStrangeValueIsRecordedByItsLength(t *testing.T) {
	unset(t)
	for value, want := range map[string]string{
		"\x1b[2Jx":               "<5 bytes>",
		"a b":                    "<3 bytes>",
		"</script>":              "<9 bytes>",
		"\u202eabc":              "<6 bytes>", // three bytes of UTF-8 and three letters
		"\xff":                   "<1 bytes>",
		strings.Repeat("1", 200): strings.Repeat("1", 200),
		strings.Repeat("1", 201): "<201 bytes>",
		"a;b":                    "<3 bytes>",
		"x=1,#y=0":               "x=1,#y=0",
	} {
		t.Setenv("GODEBUG", value)
		if got := Environment()["GODEBUG"]; got != want {
			t.Errorf("%q is recorded as %q, want %q", value, got, want)
		}
	}
}
