package probe

import (
	"context"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// commitTime bounds how long git may take to say what it has checked out.
const commitTime = 5 * time.Second

// Commit is the commit that git has checked out in a directory, in hexadecimal, with
// "+dirty" when files that it knows are changed. It is "" without a repository, without
// git, and if git takes too long.
func Commit(ctx context.Context, dir string) string {
	ctx, cancel := context.WithTimeout(ctx, commitTime)
	defer cancel()
	head, err := git(ctx, dir, "rev-parse", "--verify", "HEAD")
	if isHash, _ := regexp.MatchString(`^[0-9a-f]{40,64}$`, head); err != nil || !isHash {
		return ""
	}
	changed, err := git(ctx, dir, "status", "--porcelain", "--untracked-files=no")
	if err != nil {
		return ""
	}
	if changed != "" {
		head += "+dirty"
	}
	return head
}

// git runs a command that changes nothing, and starts no program of the repository's
// configuration.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "git", append([]string{"--no-optional-locks", "-c", "core.fsmonitor=false", "-C", dir}, args...)...)
	out, err := c.Output()
	return strings.TrimSpace(string(out)), err
}
