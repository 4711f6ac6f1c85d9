package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// errNoCommit is the error of a directory that is in no repository, or in one without a
// commit.
var errNoCommit = errors.New("no commit")

// git runs a command that changes nothing, starts no program of the repository's
// configuration, asks nobody and fetches nothing, and calls each for every line that it
// prints, without the space around it. The error is one line.
func git(ctx context.Context, dir string, stdin io.Reader, each func(line string), command []string, options ...string) error {
	options = append(options, "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", dir)
	c := exec.CommandContext(ctx, "git", append(options, command...)...)
	c.Env = append(os.Environ(), "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1") // its sentences are read
	c.WaitDelay = 50 * time.Millisecond                                                      // what it has started may keep its output open
	out, words := lines{each: each}, bytes.Buffer{}
	c.Stdin, c.Stdout, c.Stderr = stdin, &out, &words
	err := c.Run()
	out.end()
	if err == nil {
		return nil
	}
	said, _, _ := strings.Cut(strings.TrimSpace(words.String()), "\n")
	switch {
	case strings.Contains(said, "not a git repository"), strings.Contains(said, "Needed a single revision"):
		return errNoCommit
	case ctx.Err() != nil:
		return fmt.Errorf("git %s: %w", command[0], context.Cause(ctx))
	case said != "":
		return fmt.Errorf("git %s: %s", command[0], strings.TrimPrefix(said, "fatal: "))
	}
	return fmt.Errorf("git %s: %w", command[0], err)
}

// within bounds how long git may take, of which its error says.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v", limit))
}

// gitSays is what a git command prints.
func gitSays(ctx context.Context, dir string, command []string, options ...string) (string, error) {
	var all []string
	err := git(ctx, dir, nil, func(line string) { all = append(all, line) }, command, options...)
	return strings.TrimSpace(strings.Join(all, "\n")), err
}

// lines calls each for every line that is written.
type lines struct {
	each func(line string)
	rest []byte // the beginning of one
}

// Write implements io.Writer.
func (l *lines) Write(b []byte) (int, error) {
	n := len(b)
	for {
		line, after, found := bytes.Cut(b, []byte{'\n'})
		l.rest = append(l.rest, line...)
		if !found {
			return n, nil
		}
		l.each(string(bytes.TrimSpace(l.rest)))
		l.rest, b = l.rest[:0], after
	}
}

// end is the end of what is written, perhaps in a line.
func (l *lines) end() {
	if len(l.rest) > 0 {
		l.each(string(bytes.TrimSpace(l.rest)))
	}
}
