package worker

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
)

const (
	// announceLimit is how long a server binary has to say where it listens.
	announceLimit = 5 * time.Second
	// endLimit is how long it has to end after SIGTERM. It is shorter than what the
	// host itself is given.
	endLimit = 1500 * time.Millisecond
	// maxAnnouncement bounds its first line, in bytes.
	maxAnnouncement = 1 << 10
)

// command is a server that is not ours: a program of the user's, leader of a process
// group of its own.
type command struct {
	name   string    // of the program, as it was given
	dir    string    // holds its certificates
	cmd    *exec.Cmd // nil until it runs
	stderr Tail
	ended  chan struct{} // closed when the program has ended
	status error         // how it ended; read it after ended
}

// startCommand starts the server binary of s and waits for its first line.
func startCommand(s Serve) (*command, Listening, error) {
	words := strings.Fields(s.Settings.ServerBinary)
	c := &command{name: words[0], ended: make(chan struct{})}
	at, err := c.start(words, s)
	if err != nil {
		c.stop()
		return nil, Listening{}, fmt.Errorf("--server-binary %s: %w%s", c.name, err, c.note())
	}
	return c, at, nil
}

func (c *command) start(words []string, s Serve) (Listening, error) {
	var err error
	if c.dir, err = os.MkdirTemp("", "grpc-bench-"); err != nil {
		return Listening{}, err
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
	if cmd.Path, sum, err = c.private(cmd.Path); err != nil {
		return Listening{}, err
	}
	address, err := c.launch(cmd, s.Environment)
	if err != nil {
		return Listening{}, err
	}
	return Listening{Address: address, PIDs: c.pids(), SHA256: sum}, nil
}

// private returns the path to run path by, and the digest of what it holds.
//
// A program is run from a copy of its own. Processes of one file share the memory that
// its code is in, and with it what the caches hold of it: of two equal builds the one
// whose file the A/A arm runs too took 5 to 8 % less CPU per RPC. A script is run where
// it is, since it may look for its neighbours; its interpreter is shared by all arms.
func (c *command) private(path string) (run, sum string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	start := bufio.NewReader(f)
	head, _ := start.Peek(2) // a shorter file is no script
	h := sha256.New()
	run = path
	if string(head) == "#!" {
		_, err = io.Copy(h, start)
	} else {
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

// launch starts the program and returns its first line, which must be an address.
func (c *command) launch(cmd *exec.Cmd, environment []string) (string, error) {
	cmd.Env = environment
	cmd.Stderr = &c.stderr
	cmd.WaitDelay = endLimit // a grandchild may keep the pipes open
	ownGroup(cmd)
	out, stdout, err := os.Pipe()
	if err != nil {
		return "", err
	}
	cmd.Stdout = stdout
	err = cmd.Start()
	_ = stdout.Close() // the program has its own
	if err != nil {
		_ = out.Close() // nothing was read
		return "", err
	}
	c.cmd = cmd
	go func() {
		c.status = c.cmd.Wait()
		close(c.ended)
	}()
	type line struct {
		text string
		err  error
	}
	first := make(chan line, 1)
	go func() {
		defer out.Close()
		r := bufio.NewReaderSize(out, maxAnnouncement)
		text, err := r.ReadSlice('\n')
		first <- line{strings.TrimSpace(string(text)), err}
		_, _ = io.Copy(io.Discard, r) // so that it never waits for a reader
	}()
	timer := time.NewTimer(announceLimit)
	defer timer.Stop()
	select {
	case l := <-first:
		if l.err != nil && l.text == "" {
			return "", errors.New("must say HOST:PORT in its first line on standard output, but said nothing")
		}
		if host, port, err := net.SplitHostPort(l.text); err != nil || host == "" || strings.Contains(host, " ") || port == "" || port == "0" {
			return "", fmt.Errorf("must say HOST:PORT in its first line on standard output, not %.60q", l.text)
		}
		return l.text, nil
	case <-timer.C:
		return "", fmt.Errorf("must say HOST:PORT in its first line on standard output within %v", announceLimit)
	}
}

// pids are the processes of its group: the program, and what it started.
func (c *command) pids() []int { return probe.Group(c.cmd.Process.Pid) }

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

// read is what the given processes have used so far. A process that has ended takes
// its clock with it: then there is no figure.
func (c *command) read(pids []int) Reading {
	if len(pids) == 0 {
		return Reading{}
	}
	var sum int64
	for _, pid := range pids {
		ns, ok := probe.CPUOf(pid)
		if !ok {
			return Reading{}
		}
		sum += ns
	}
	return Reading{CPU: &sum}
}

// stop ends the program and everything it started, and removes its files.
func (c *command) stop() {
	if c.cmd != nil {
		terminateGroup(c.cmd)
		timer := time.NewTimer(endLimit)
		defer timer.Stop()
		select {
		case <-c.ended:
		case <-timer.C:
		}
		killGroup(c.cmd)
		<-c.ended
	}
	if c.dir != "" {
		_ = os.RemoveAll(c.dir) // holds keys that are good for this run alone
	}
}

// note is what is worth adding to an error: the last words of the program.
func (c *command) note() string {
	text := strings.TrimSpace(c.stderr.String())
	if text == "" {
		return ""
	}
	return ": " + text
}
