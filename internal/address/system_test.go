package address

import (
	"strings"
	"testing"
)

func TestAbstractSocketsAreOfLinuxAlone(t *testing.T) {
	for system, want := range map[string]string{"linux": "", "darwin": "use unix:PATH", "windows": "use unix:PATH"} {
		err := checkName("unix-abstract:s", system)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", system, err, want)
		}
	}
}
