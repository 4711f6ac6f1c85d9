package probe

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"grpcbench/testing/lane"
)

// known is the commit of dir, of which all must be known.
func known(t *testing.T, dir string) string {
	t.Helper()
	c, err := Commit(t.Context(), dir)
	if err != nil {
		t.Errorf("%q, %v, want no error", c, err)
	}
	return c
}

func TestCommit(t *testing.T) {
	lane.Long(t, "starts processes")
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		c := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"}, args...)...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	if c := known(t, dir); c != "" {
		t.Errorf("outside of a repository: %q, want none", c)
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("init", "--quiet")
	if c := known(t, dir); c != "" {
		t.Errorf("before the first commit: %q, want none", c)
	}
	write("a")
	run("add", "file")
	run("commit", "--quiet", "--message", "one")
	clean := known(t, dir)
	if ok, _ := regexp.MatchString(`^[0-9a-f]{40}$`, clean); !ok {
		t.Errorf("%q, want a commit", clean)
	}
	write("b")
	if c := known(t, dir); c != clean+"+dirty" {
		t.Errorf("changed: %q, want %s+dirty", c, clean)
	}
	t.Run("of another owner", func(t *testing.T) {
		t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1") // git's own, for its tests
		c, err := Commit(t.Context(), dir)
		if c != clean || err == nil || !strings.Contains(err.Error(), "dubious ownership") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q, %v, want %s and one line with the cause", c, err, clean)
		}
	})
	t.Run("whose index is broken", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(dir, ".git", "index"), []byte("no index"), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := Commit(t.Context(), dir); c != clean || err == nil || !strings.Contains(err.Error(), "git status: ") {
			t.Errorf("%q, %v, want %s and the cause", c, err, clean)
		}
	})
	t.Setenv("PATH", "")
	if c, err := Commit(t.Context(), dir); c != "" || err == nil {
		t.Errorf("without git: %q, %v, want none and the cause", c, err)
	}
}

// A git that fails or is slow costs a moment, and is said; the hash is kept where git has
// told it.
//
//	fault:   git fails, is something else, or does not end when it is asked for the commit or for changes
//	promise: one line has the cause; the hash is kept where it was told
//	figure:  no more than 1 s
func TestAGitThatDoesNotTellIsNamed(t *testing.T) {
	lane.Long(t, "starts processes")
	const hash = "0123456789abcdef0123456789abcdef01234567"
	const hung = 10 * time.Second // of twenty
	for name, c := range map[string]struct {
		script, commit, says string
	}{
		"a slow status":      {"case \"$*\" in *rev-parse*) echo " + hash + ";; *) sleep 20; :;; esac", hash, "git status: no answer within 1s"},
		"a slow git":         {"sleep 20; :", "", "git rev-parse: no answer within 1s"},
		"a status that ends": {"case \"$*\" in *rev-parse*) echo " + hash + ";; *) exit 3;; esac", hash, "git status: exit status 3"},
		"a failure": {"echo 'fatal: bad config line 1 in file .git/config' >&2; echo more >&2; exit 128", "",
			"git rev-parse: bad config line 1 in file .git/config"},
		"something else": {"echo hello", "", "git rev-parse: what it prints is no commit"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "git"), []byte("#!/bin/sh\n"+c.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
			start := time.Now()
			commit, err := Commit(t.Context(), dir)
			if commit != c.commit || err == nil || err.Error() != c.says {
				t.Errorf("%q, %v, want %q and %q", commit, err, c.commit, c.says)
			}
			if took := time.Since(start); took > hung {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestAMissingGitIsSaidWhereThereIsARepository(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	plain, repository := t.TempDir(), t.TempDir()
	inside := filepath.Join(repository, "a", "b")
	if err := errors.Join(os.MkdirAll(inside, 0o700), os.Mkdir(filepath.Join(repository, ".git"), 0o700)); err != nil {
		t.Fatal(err)
	}
	if commit, err := Commit(t.Context(), plain); commit != "" || err != nil {
		t.Errorf("outside: %q, %v; want nothing", commit, err)
	}
	if commit, err := Commit(t.Context(), inside); commit != "" || err == nil || !strings.Contains(err.Error(), "--tag commit=HASH") {
		t.Errorf("inside: %q, %v; want a sentence", commit, err)
	}
}
