package codec

import (
	"runtime/debug"
	"testing"
)

func TestVersionIsThatOfTheLinkedModule(t *testing.T) {
	info := &debug.BuildInfo{Deps: []*debug.Module{
		{Path: "example.org/a", Version: "v1.2.3"},
		{Path: "example.org/b", Version: "v2.0.0", Replace: &debug.Module{Path: "example.org/fork", Version: "v2.0.1"}},
	}}
	for path, want := range map[string]string{
		"example.org/a": "v1.2.3",
		"example.org/b": "v2.0.1",
		"example.org/c": "",
	} {
		if got := versionIn(info, path); got != want {
			t.Errorf("version of %s %q, want %q", path, got, want)
		}
	}
}
