package probe

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"grpcbench/testing/lane"
)

// repository makes a repository of a line of commits with a branch beside it and returns
// the hashes: main's, oldest first, then the branch's one.
func repository(t *testing.T) (dir string, hashes []string) {
	t.Helper()
	dir = t.TempDir()
	run := func(when string, args ...string) string {
		c := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"}, args...)...)
		c.Env = append(os.Environ(), "GIT_AUTHOR_DATE="+when, "GIT_COMMITTER_DATE="+when, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	commit := func(when string) {
		run(when, "commit", "-q", "--allow-empty", "-m", when)
		hashes = append(hashes, run(when, "rev-parse", "HEAD"))
	}
	run("", "init", "-q", "-b", "main")
	commit("2026-01-01T00:00:00Z")
	commit("2026-01-02T00:00:00Z")
	commit("2025-01-01T00:00:00Z") // by a clock that is wrong
	commit("2026-01-04T00:00:00Z")
	run("", "checkout", "-q", "-b", "branch", hashes[1])
	commit("2026-01-03T00:00:00Z")
	return dir, hashes
}

// Where commits stand follows from who is whose parent, not from dates; commits that are
// not there, or are none, have no place.
func TestPlacesFollowTheHistory(t *testing.T) {
	lane.Long(t, "starts processes")
	dir, h := repository(t)
	short := h[0][:10]
	got := Places(t.Context(), dir, []string{h[3], short, h[2], h[4], h[1], strings.Repeat("0", 40), "--all", "HEAD", ""})
	if len(got) != 5 {
		t.Fatalf("%v, want places of five commits", got)
	}
	for _, pair := range [][2]string{{short, h[1]}, {h[1], h[2]}, {h[2], h[3]}, {h[1], h[4]}} {
		if got[pair[0]] >= got[pair[1]] {
			t.Errorf("%.10s stands at %d and %.10s at %d, want it before", pair[0], got[pair[0]], pair[1], got[pair[1]])
		}
	}
}

func TestWithoutARepositoryNoCommitHasAPlace(t *testing.T) {
	lane.Long(t, "starts processes")
	dir, h := repository(t)
	if got := Places(t.Context(), t.TempDir(), h); len(got) != 0 {
		t.Errorf("no repository: %v", got)
	}
	if got := Places(t.Context(), dir, nil); len(got) != 0 {
		t.Errorf("no commits: %v", got)
	}
	if err := os.RemoveAll(filepath.Join(dir, ".git", "objects")); err != nil {
		t.Fatal(err)
	}
	if got := Places(t.Context(), dir, h); len(got) != 0 {
		t.Errorf("damaged: %v", got)
	}
	t.Setenv("PATH", t.TempDir())
	if got := Places(t.Context(), dir, h); len(got) != 0 {
		t.Errorf("no git: %v", got)
	}
}
