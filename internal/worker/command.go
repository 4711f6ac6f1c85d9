package worker

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
)

// endLimit is how long a server binary has to end after SIGTERM. It is shorter than what
// the host itself is given.
const endLimit = 1500 * time.Millisecond

// command is a server that is not ours: a program of the user's, leader of a process
// group of its own.
type command struct {
	name   string    // of the program, as it was given
	dir    string    // holds its certificates, and its copy if it has one
	copied bool      // it runs from that copy
	cmd    *exec.Cmd // nil until it runs
	stdout greeting
	stderr Tail
	ended  chan struct{} // closed when the program has ended
	status error         // how it ended; read it after ended
	used   probe.Usage   // when it was last read
	total  int64         // CPU time until then, in nanoseconds
}

// startCommand starts the server binary of s and waits for its address, until ctx ends.
func startCommand(ctx context.Context, s Serve) (*command, Listening, error) {
	words := strings.Fields(s.Settings.ServerBinary)
	c := &command{name: words[0], ended: make(chan struct{})}
	at, err := c.start(ctx, words, s)
	if err != nil {
		c.stop()
		return nil, Listening{}, fmt.Errorf("--server-binary %s: %w%s%s", c.name, err, c.note(), cmp.Or(c.onStandardError(), c.whereItRan(err)))
	}
	return c, at, nil
}

func (c *command) start(ctx context.Context, words []string, s Serve) (Listening, error) {
	var err error
	if c.dir, err = os.MkdirTemp("", "grpc-bench-"); err != nil {
		return Listening{}, fmt.Errorf("make a temporary directory (set TMPDIR to another folder): %w", err)
	}
	places := []string{plan.AddrPlace, "127.0.0.1:0"}
	for _, f := range []struct {
		place, file string
		pem         []byte
	}{{plan.CertPlace, "server.crt", s.CertPEM}, {plan.KeyPlace, "server.key", s.KeyPEM}, {plan.CAPlace, "ca.crt", s.ClientCAPEM}} {
		path := filepath.Join(c.dir, f.file)
		if err := place(path, 0o600, bytes.NewReader(f.pem)); err != nil {
			return Listening{}, err
		}
		places = append(places, f.place, path)
	}
	fill := strings.NewReplacer(places...)
	for i := range words {
		words[i] = fill.Replace(words[i])
	}
	cmd := exec.Command(words[0], words[1:]...)
	if cmd.Err != nil {
		return Listening{}, cmd.Err
	}
	var sum string
	if cmd.Path, sum, err = c.private(cmd.Path, s.InPlace); err != nil {
		return Listening{}, err
	}
	out, err := c.launch(cmd, s.Environment)
	if err != nil {
		return Listening{}, unstarted(cmd.Path, err)
	}
	address, err := c.address(ctx, out, cmp.Or(s.StartTimeout, plan.ServerStartTimeout))
	if err != nil {
		return Listening{}, err
	}
	return Listening{Address: address, PIDs: c.pids(), SHA256: sum, Printed: c.stdout.before()}, nil
}

// private returns the path to run path by, and the digest of what it holds.
//
// A program is run from a copy of its own, unless inPlace. Processes of one file share the memory that
// its code is in, and with it what the caches hold of it: of two equal builds the one
// whose file the A/A arm runs too took 5 to 8 % less CPU per RPC. A script is run where
// it is, since it may look for its neighbours; its interpreter is shared by all arms.
func (c *command) private(path string, inPlace bool) (run, sum string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	start := bufio.NewReader(f)
	head, _ := start.Peek(2) // a shorter file is no script
	h := sha256.New()
	run = path
	if inPlace || string(head) == "#!" {
		_, err = io.Copy(h, start)
	} else {
		c.copied = true
		run = filepath.Join(c.dir, filepath.Base(path))
		err = place(run, 0o700, io.TeeReader(start, h))
	}
	return run, hex.EncodeToString(h.Sum(nil)), err
}

// place writes a new file. No process is forked meanwhile: it would hold the file open
// for writing, and nothing runs a file that somebody may write.
func place(path string, mode os.FileMode, from io.Reader) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}

// whereItRan is what the place of the copy has to do with err, by which the program did
// not start; "" if nothing hints at it.
func (c *command) whereItRan(err error) string {
	if !c.copied {
		return ""
	}
	const remedy = "give --server-in-place"
	said := strings.ToLower(c.stderr.String())
	switch {
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return fmt.Sprintf(" (it runs from a copy in %s, where programs may not be run: noexec? set TMPDIR to another folder, or %s)", filepath.Dir(c.dir), remedy)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Sprintf(" (it runs from a copy in %s: set TMPDIR to a folder with room, or %s)", filepath.Dir(c.dir), remedy)
	case strings.Contains(said, strings.ToLower(c.dir)), slices.ContainsFunc([]string{"shared librar", "shared object", "library not loaded",
		"cannot open", "could not find", "couldn't find", "cannot find", "not found", "no such file", "no module named"},
		func(hint string) bool { return strings.Contains(said, hint) }):
		return fmt.Sprintf(" (it runs from a copy of the file in %s: if it looks for libraries or files beside itself, %s, or start it by another program, as in 'env %s …')", filepath.Dir(c.dir), remedy, c.name)
	}
	return ""
}

// launch starts the program and returns its standard output.
func (c *command) launch(cmd *exec.Cmd, environment []string) (*os.File, error) {
	cmd.Env = environment
	cmd.Stderr = &c.stderr
	cmd.WaitDelay = endLimit // a grandchild may keep the pipes open
	ownGroup(cmd)
	out, stdout, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout = stdout
	err = cmd.Start()
	_ = stdout.Close() // the program has its own
	if err != nil {
		_ = out.Close() // nothing was read
		return nil, err
	}
	c.cmd = cmd
	go func() {
		c.status = c.cmd.Wait()
		close(c.ended)
	}()
	return out, nil
}

// address is the first line of out that is one. What the program prints later is read and
// dropped, so that it never waits for a reader.
func (c *command) address(ctx context.Context, out *os.File, limit time.Duration) (string, error) {
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	type answer struct {
		at  string
		err error
	}
	found := make(chan answer, 1)
	go func() {
		defer out.Close()
		at, err := c.stdout.read(timed, out)
		found <- answer{at, err}
		_, _ = io.Copy(io.Discard, out)
	}()
	select {
	case a := <-found:
		return a.at, a.err
	case <-timed.Done():
		if ctx.Err() != nil {
			return "", errStopped
		}
		return "", c.stdout.late(limit)
	}
}

// pids are the program and what it started: the processes of its group, and all that
// descend from them, which may be in groups and sessions of their own.
func (c *command) pids() []int { return probe.Descendants(probe.Group(c.cmd.Process.Pid), nil) }

// failure says how the program ended; nil while it runs.
func (c *command) failure() error {
	select {
	case <-c.ended:
		how := "exit status 0"
		if c.status != nil {
			how = c.status.Error()
		}
		return fmt.Errorf("--server-binary %s ended: %s%s", c.name, how, c.note())
	default:
		return nil
	}
}

// read is what the processes have used so far. One that has ended, and that none of the
// others has waited for, takes its clock with it: then there is no figure.
func (c *command) read() Reading {
	leader := c.cmd.Process.Pid
	u, ok := probe.UsageOf([]int{leader}, probe.Group(leader), nil, c.used)
	if !ok {
		return Reading{}
	}
	ns, whole := u.Since(c.used)
	c.used, c.total = u, c.total+ns
	if !whole {
		return Reading{}
	}
	return Reading{CPU: new(c.total)}
}

// stop ends the program and everything it started, and removes its files.
func (c *command) stop() {
	if c.cmd != nil {
		all := found(c.pids())
		terminateGroup(c.cmd)
		group := probe.Group(c.cmd.Process.Pid) // which one may have left after pids
		for _, p := range all {
			if !slices.Contains(group, p.PID) {
				terminate(p)
			}
		}
		timer := time.NewTimer(endLimit)
		defer timer.Stop()
		select {
		case <-c.ended:
		case <-timer.C:
		}
		killGroup(c.cmd)
		for _, p := range all {
			kill(p)
		}
		<-c.ended
	}
	if c.dir != "" {
		_ = os.RemoveAll(c.dir) // holds keys that are good for this run alone
	}
}

// found are those processes that run.
func found(pids []int) (all []probe.Process) {
	for _, pid := range pids {
		if p, err := probe.Find(pid); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// note is what is worth adding to an error: the last words of the program.
func (c *command) note() string {
	text := strings.TrimSpace(c.stderr.String())
	if text == "" {
		return ""
	}
	return ": " + text
}
