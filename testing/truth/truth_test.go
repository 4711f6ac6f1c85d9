//go:build truth && linux

package truth

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"grpcbench/internal/probe"
)

// TestMain is also the program of every process that a test measures: the test
// binary is started again with a role as its first argument.
func TestMain(m *testing.M) {
	roles := map[string]func(args []string) error{"serve": serve, "spend": spend, "burn": burn, "shake": shake}
	if len(os.Args) > 1 {
		if role := roles[os.Args[1]]; role != nil {
			if err := role(os.Args[2:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	os.Exit(m.Run())
}

// untilParentEnds blocks until standard input ends, as it does when the test
// closes it or dies.
func untilParentEnds() { _, _ = io.Copy(io.Discard, os.Stdin) }

// process is a child in one of TestMain's roles. The first line it writes says
// that it is ready.
type process struct {
	*exec.Cmd
	in io.Closer
}

func start(t *testing.T, role string, args ...string) (p process, ready string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p.Cmd = exec.Command(self, append([]string{role}, args...)...)
	p.Stderr = os.Stderr
	if p.in, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.end)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v", role, err)
	}
	return p, strings.TrimSpace(line)
}

// end ends the child and waits for it. A second call does nothing.
func (p process) end() {
	_ = p.in.Close()
	_ = p.Wait()
}

// findings collects what was not as it must be, so that a measurement can be
// repeated before a test fails.
type findings struct {
	*testing.T
	wrong []string
}

func (f *findings) want(ok bool, format string, args ...any) {
	f.Helper()
	text := fmt.Sprintf(format, args...)
	if ok {
		f.Log(text)
		return
	}
	f.wrong = append(f.wrong, text)
}

func (f *findings) between(name string, got, low, high float64) {
	f.Helper()
	f.want(low <= got && got <= high, "%s: %.4g, must be in [%g, %g]", name, got, low, high)
}

// measured fails the test only if measure finds something wrong twice: a machine
// may do anything once.
func measured(t *testing.T, measure func(f *findings)) {
	t.Helper()
	for try := range 2 {
		idle(t)
		f := findings{T: t}
		measure(&f)
		switch {
		case len(f.wrong) == 0:
			return
		case try == 0:
			t.Logf("tried again, since:\n%s", strings.Join(f.wrong, "\n"))
		default:
			t.Errorf("twice not as it must be:\n%s", strings.Join(f.wrong, "\n"))
		}
	}
}

const (
	// busy is the share of the machine above which nothing is measured: a tenth of
	// two cores moves a p50 by less than the tolerances here.
	busy = 0.10
	// patience is how many seconds an idle one is waited for: what a test before
	// left behind ends in less.
	patience = 15
)

// idle returns once the machine has been idle for a second, and fails the test if
// it is not.
func idle(t *testing.T) {
	t.Helper()
	var share float64
	for range patience {
		w := probe.Machine{}.Watch()
		<-time.After(time.Second)
		i := w.Stop()
		if i.CompetingShare == nil {
			t.Fatal("cannot tell whether the machine is idle")
		}
		if share = *i.CompetingShare; share <= busy {
			return
		}
	}
	t.Fatalf("the machine is busy: other processes use %.0f %% of it; run these tests on an idle one", 100*share)
}
