package runner_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"grpcbench/internal/compare"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/internal/worker"
	"grpcbench/testing/conform"
	"grpcbench/testing/lane"
)

// TestMain is also the program of every child: the test binary is started again
// with the directory where the child notes its process id, and its role. The
// compressors are registered in the children alone, so that a server of the test
// process knows none.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		if err := serveBinary(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	work := map[string]func(context.Context, io.Reader, io.Writer) error{
		runner.Host: worker.Host, runner.Generator: worker.Generate,
	}[os.Args[len(os.Args)-1]]
	if work == nil || len(os.Args) != 3 {
		os.Exit(lane.Main(idling{m}, os.Stderr))
	}
	if err := child(os.Args[1], os.Args[2], work); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// idling are tests that wait for windows to end more than they compute: twice as many
// run beside each other as there are processors, unless -parallel says otherwise.
type idling struct{ *testing.M }

// Run implements lane.Tests.
func (i idling) Run() (code int) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return i.M.Run()
}

func child(notes, role string, work func(context.Context, io.Reader, io.Writer) error) error {
	signal.Ignore(os.Interrupt)
	resolve(notes)
	note := filepath.Join(notes, fmt.Sprintf("%s.%d", role, os.Getpid()))
	if err := os.WriteFile(note, nil, 0o600); err != nil {
		return err
	}
	return work(context.Background(), os.Stdin, os.Stdout)
}

// resolver is the name of the file, in the notes of children, with the address of the
// server that they ask for names.
const resolver = "resolver"

// resolve has a child ask its test's server for names, if it has one.
func resolve(notes string) {
	at, err := os.ReadFile(filepath.Join(notes, resolver))
	if err != nil {
		return
	}
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", string(at))
	}}
}

// children are the processes that a run starts.
type children struct{ notes string }

func newChildren(t *testing.T) children { return children{t.TempDir()} }

// command is runner.Options.Command.
func (c children) command(t *testing.T) []string {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{self, c.notes}
}

// kill kills every child of the role that was started so far, as the kernel
// does that is out of memory.
func (c children) kill(t *testing.T, role string) {
	notes, err := filepath.Glob(filepath.Join(c.notes, role+".*"))
	if err != nil || len(notes) == 0 {
		t.Errorf("children %s: %v, %v: must be there to be killed", role, notes, err)
	}
	for _, note := range notes {
		pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Ext(note), "."))
		if err != nil {
			t.Error(err)
			continue
		}
		p, err := os.FindProcess(pid)
		if err == nil {
			_ = p.Kill() // one of an epoch before has ended
		}
	}
}

// planOf is the plan of a command line, short unless the line says otherwise.
func planOf(t *testing.T, args ...string) plan.Plan {
	t.Helper()
	var c plan.Config
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	c.Flags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	for _, start := range [][2]string{{"epochs", "1"}, {"window", "100ms"}, {"warmup", "50ms"}, {"drain", "3s"}, {"rate", "300"}} {
		closed := start[0] == "rate" && flags.Lookup("loop").Changed
		if flags.Lookup(start[0]).Changed || closed {
			continue
		}
		if err := flags.Set(start[0], start[1]); err != nil {
			t.Fatal(err)
		}
	}
	c.TargetArg = flags.Arg(0)
	p, err := c.Plan()
	if err != nil {
		t.Fatalf("run %q: %v", args, err)
	}
	return p
}

// measure runs a plan and examines its result as the command does, and holds it
// to the sums that must hold whatever happened.
func measure(t *testing.T, ctx context.Context, p plan.Plan, o runner.Options) result.Result {
	t.Helper()
	if o.Command == nil {
		o.Command = newChildren(t).command(t)
	}
	r, err := runner.Run(ctx, p, o)
	if err != nil {
		t.Fatal(err)
	}
	compare.Judge(r)
	wantSums(t, *r)
	wantStorable(t, *r)
	return *r
}

// wantStorable fails if r cannot be stored, or what is stored is not as the
// published schema promises.
func wantStorable(t *testing.T, r result.Result) {
	t.Helper()
	path, err := result.Write(t.TempDir(), r)
	if err != nil {
		t.Error(err)
		return
	}
	if err := conform.File(filepath.Join(path, result.FileName)); err != nil {
		t.Error(err)
	}
}

// wantSums fails if the account of r is not whole.
func wantSums(t *testing.T, r result.Result) {
	t.Helper()
	for _, code := range []string{
		"ledger_unbalanced", "epochs_do_not_add_up", "windows_do_not_add_up", "histogram_disagrees",
		"quantiles_out_of_order", "server_disagrees", "timed_from_actual_start", "samples_missing",
	} {
		if c := checkOf(t, r, code); c.Verdict == result.Invalid {
			t.Errorf("check %s: %s", c.Code, c.Text)
		}
	}
	for _, a := range r.Arms {
		for _, l := range []result.Ledger{a.Ledger, a.LedgerTotal} {
			if err := l.Check(); err != nil {
				t.Errorf("arm %s: %v", a.Name, err)
			}
		}
	}
}

// checkOf is the answer to one question about r.
func checkOf(t *testing.T, r result.Result, code string) result.Check {
	t.Helper()
	for _, c := range r.Checks {
		if c.Code == code {
			return c
		}
	}
	t.Fatalf("check %s: must be among %d", code, len(r.Checks))
	return result.Check{}
}
