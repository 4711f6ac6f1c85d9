package probe

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

func TestCommit(t *testing.T) {
	dir := t.TempDir()
	if c := Commit(t.Context(), dir); c != "" {
		t.Errorf("outside of a repository: %q, want none", c)
	}
	run := func(args ...string) {
		t.Helper()
		c := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"}, args...)...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("init", "--quiet")
	if c := Commit(t.Context(), dir); c != "" {
		t.Errorf("before the first commit: %q, want none", c)
	}
	write("a")
	run("add", "file")
	run("commit", "--quiet", "--message", "one")
	clean := Commit(t.Context(), dir)
	if ok, _ := regexp.MatchString(`^[0-9a-f]{40}$`, clean); !ok {
		t.Errorf("%q, want a commit", clean)
	}
	write("b")
	if c := Commit(t.Context(), dir); c != clean+"+dirty" {
		t.Errorf("changed: %q, want %s+dirty", c, clean)
	}
	t.Setenv("PATH", "")
	if c := Commit(t.Context(), dir); c != "" {
		t.Errorf("without git: %q, want none", c)
	}
}
