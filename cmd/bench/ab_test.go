package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"grpcbench/testing/lane"
)

// fakeGo makes programs that print their arguments and end with exit code 3, as a run
// whose gate failed does.
const fakeGo = `#!/bin/sh
while test "$1" != -o; do shift; done
printf '#!/bin/sh\necho "$PWD"\nfor a in "$@"; do echo "<$a>"; done\nexit 3\n' >"$2"
chmod +x "$2"
`

// ab runs scripts/ab.sh in dir with a go that builds nothing, and returns what it wrote
// and what it put into the job's summary.
func ab(t *testing.T, dir string, args ...string) (stdout, summary string, code int) {
	t.Helper()
	script, err := filepath.Abs("../../scripts/ab.sh")
	if err != nil {
		t.Fatal(err)
	}
	bin, page := t.TempDir(), filepath.Join(t.TempDir(), "summary")
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(fakeGo), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{script}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "GITHUB_STEP_SUMMARY="+page, "TMPDIR="+t.TempDir())
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(out), string(text), code
}

// repository makes a git repository with one commit and a directory in it, and returns
// both.
func repository(t *testing.T) (root, inside string) {
	t.Helper()
	root = t.TempDir()
	inside = filepath.Join(root, "inside")
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cmd/bench", "cmd/server"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	git(t, root, "init", "--quiet")
	git(t, root, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--allow-empty", "-m", "one")
	return root, inside
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestTwoCommitsAreMeasuredSideBySide(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	root, inside := repository(t)
	const secure = "server-binary=base --listen {addr} --cert {cert} --key-file {key},head --listen {addr} --cert {cert} --key-file {key}"
	const plain = "server-binary=base --listen {addr} --tls off,head --listen {addr} --tls off"
	for _, c := range []struct {
		flags      string
		want, wont []string
	}{
		{"", []string{"--fail-on-regression", "10..40", "--max-time", secure}, []string{plain}},
		{"--epochs=20 --threshold p99<5ms", []string{"--epochs=20", secure}, []string{"10..40", "--fail-on-regression"}},
		{"--tls off --payload @body", []string{plain, "10..40", "@body"}, []string{secure}},
		{"--results elsewhere", []string{"10..40", secure}, nil},
		{"--max-time 5m --format html", []string{"10..40", "5m", "html", secure}, []string{"10m", "markdown"}},
		{"--tls=off --fail-on-regression=p50", []string{plain, "--fail-on-regression=p50"}, []string{secure, "--fail-on-regression"}},
	} {
		stdout, summary, code := ab(t, inside, append([]string{"HEAD", "HEAD"}, strings.Fields(c.flags)...)...)
		if code != exitGate || stdout == "" || summary != stdout {
			t.Errorf("%s: exit code %d, want that of the run; summary %q, report %q", c.flags, code, summary, stdout)
		}
		words := strings.Split(stdout, "\n")
		has := func(word string) bool {
			for _, w := range words {
				if w == "<"+word+">" {
					return true
				}
			}
			return false
		}
		results := filepath.Join(root, "results")
		if strings.Contains(c.flags, "--results") {
			results = "elsewhere"
			c.wont = append(c.wont, filepath.Join(root, "results"))
		}
		for _, word := range append(c.want, "commit="+git(t, root, "rev-parse", "HEAD"), results) {
			if !has(word) {
				t.Errorf("%s: %q must be asked for:\n%s", c.flags, word, stdout)
			}
		}
		for _, word := range c.wont {
			if has(word) {
				t.Errorf("%s: %q must not be asked for:\n%s", c.flags, word, stdout)
			}
		}
		if words[0] != inside { // so that @body is found
			t.Errorf("%s: run in %s, want %s", c.flags, words[0], inside)
		}
	}
	if trees := git(t, root, "worktree", "list"); strings.Count(trees, "\n") != 0 {
		t.Errorf("worktrees are left:\n%s", trees)
	}
	if code := func() int { _, _, code := ab(t, inside, "HEAD", "HEAD"); return code }(); code != exitGate {
		t.Errorf("again: exit code %d", code)
	}
}
