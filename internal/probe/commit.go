package probe

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

// commitTime bounds how long git may take, all in all, to say what it has checked out.
const commitTime = time.Second

// Commit is the commit that git has checked out in a directory, in hexadecimal, with
// "+dirty" when files that it knows are changed. It is "" without a repository, without a
// commit and, outside of a repository, without git. The error says in one line why there is no commit, or why it is not
// known whether files are changed: git refuses, fails or takes too long.
func Commit(ctx context.Context, dir string) (commit string, err error) {
	ctx, cancel := within(ctx, commitTime)
	defer cancel()
	// Which commit it is may be read from a repository of any owner: of its configuration
	// nothing is run for that.
	head, err := gitSays(ctx, dir, []string{"rev-parse", "--verify", "HEAD"}, "-c", "safe.directory=*")
	switch {
	case errors.Is(err, exec.ErrNotFound) && inRepository(dir):
		return "", errors.New("git is not installed, and this is a repository (give --tag commit=HASH)")
	case errors.Is(err, errNoCommit), errors.Is(err, exec.ErrNotFound):
		return "", nil
	case err != nil:
		return "", err
	case !isHash(head):
		return "", errors.New("git rev-parse: what it prints is no commit")
	}
	changed, err := gitSays(ctx, dir, []string{"status", "--porcelain", "--untracked-files=no"})
	if err == nil && changed != "" {
		head += "+dirty"
	}
	return head, err
}

// inRepository reports whether dir, or a directory above it, has a .git.
func inRepository(dir string) bool {
	dir, err := filepath.Abs(dir)
	for err == nil {
		if _, none := os.Stat(filepath.Join(dir, ".git")); none == nil {
			return true
		}
		up := filepath.Dir(dir)
		if up == dir {
			return false
		}
		dir = up
	}
	return false
}

func isHash(text string) bool {
	ok, _ := regexp.MatchString(`^[0-9a-f]{40,64}$`, text) // the pattern is one
	return ok
}
