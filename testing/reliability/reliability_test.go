package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

func TestThePageIsWhatTheTestsSay(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	want, err := render(root, page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(page)); diff != "" {
		t.Errorf("docs/reliability.md must be made anew by make generate (-want +got):\n%s", diff)
	}
}

// write makes a module with one test file.
func write(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"cmd", "internal/x", "testing"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "internal/x/x_test.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAPromiseIsReadFromItsTest(t *testing.T) {
	dir := write(t, `//go:build linux && root

package x

const calls = 1_000

// TestX says more.
//
//	fault:   a
//	         thing
//	promise: holds | always
//	figure:  {calls} calls in {limit}, {size} at most, {second} apart
func TestX(t *testing.T) {
	const limit, size = 5 * time.Second, 8 << 20
	const second = time.Second
}

// TestY promises nothing.
func TestY(t *testing.T) {}
`)
	out, err := render(dir, []byte("head\n"+begin+"old\n"+end+"tail\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := "head\n" + begin + "\n### `internal/x`\n\n| fault | promised | figure | test | run by |\n|---|---|---|---|---|\n" +
		"| a thing | holds \\| always | 1 000 calls in 5 s, 8 MiB at most, 1 s apart | `TestX` | `.ci/run (tag root)` |\n" +
		"\n1 promises.\n\n" + end + "tail\n"
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAPromiseThatCannotBeHeldIsRefused(t *testing.T) {
	for name, test := range map[string]struct{ source, want string }{
		"a constant that is not there":  {"//\tfault: a\n//\tpromise: b\n//\tfigure: {gone}\nfunc TestX() {}", "{gone}: must be a constant"},
		"a constant that is no literal": {"//\tfault: a\n//\tpromise: b\n//\tfigure: {n}\nfunc TestX() { const n = f + 1 }", "{n}: must be a literal"},
		"no figure":                     {"//\tfault: a\n//\tpromise: b\nfunc TestX() {}", "must name fault, promise and figure"},
		"no test":                       {"//\tfault: a\n//\tpromise: b\n//\tfigure: c\nfunc x() {}", "only a test"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := collect(write(t, "package x\n\n// X.\n//\n"+test.source+"\n"))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one that holds %q", err, test.want)
			}
		})
	}
}
