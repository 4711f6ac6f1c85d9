package faults

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"grpcbench/internal/result"
	"grpcbench/testing/lane"
)

// program is the name of what is tested, on the PATH of these tests.
const program = "grpc-bench"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && roles[os.Args[2]] != nil {
		os.Exit(child(os.Args[1], os.Args[2]))
	}
	os.Exit(lane.Main(built{m}, os.Stderr))
}

// built runs tests with the program where commands are looked for. It is built for
// them, but not in the fast lane, which has none of them.
type built struct{ *testing.M }

// Run implements lane.Tests.
func (b built) Run() (code int) {
	flag.Parse()
	if testing.Short() {
		return b.M.Run()
	}
	code, err := withProgram(b.M.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}

// withProgram builds the program, puts it where commands are looked for, and runs
// the tests.
func withProgram(tests func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "faults-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(dir, program), "../../cmd/bench")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build: %w:\n%s", err, out)
	}
	if err := os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		return 1, err
	}
	return tests(), nil
}

// Exit codes of the program.
const (
	done    = 0
	failed  = 1
	invalid = 4
)

// late is how long after its end by plan a run may last before it hangs: several
// times the second that is promised, since the machine is not ours alone.
const late = 15 * time.Second

// bench is one run of the program.
type bench struct {
	*exec.Cmd
	t              *testing.T
	results        string
	stdout, stderr bytes.Buffer // to be read after its end
	ended          chan error
}

// begin starts `grpc-bench run` with args, behind the words of under, such as
// those of prlimit.
func begin(t *testing.T, under []string, args ...string) *bench {
	t.Helper()
	return beginVerb(t, under, "run", args...)
}

// beginVerb is begin for a command that measures.
func beginVerb(t *testing.T, under []string, verb string, args ...string) *bench {
	t.Helper()
	b := &bench{t: t, results: t.TempDir(), ended: make(chan error, 1)}
	words := slices.Concat(under, []string{program, verb, "--results", b.results}, args)
	b.Cmd = exec.CommandContext(t.Context(), words[0], words[1:]...)
	b.Stdout, b.Stderr = &b.stdout, &b.stderr
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { b.ended <- b.Wait() }()
	return b
}

// end waits for the exit code, at most for limit.
func (b *bench) end(limit time.Duration) (code int) {
	b.t.Helper()
	select {
	case err := <-b.ended:
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			b.t.Fatal(err)
		}
	case <-time.After(limit):
		b.t.Fatalf("run %q: not ended after %v", b.Args[1:], limit)
	}
	return b.ProcessState.ExitCode()
}

// result waits for a run that plans to end within limit and returns what it
// stored, which must be whole: every RPC in it is accounted for once.
func (b *bench) result(limit time.Duration) (code int, r result.Result) {
	b.t.Helper()
	code = b.end(limit + late)
	stored, err := filepath.Glob(filepath.Join(b.results, "2*", result.FileName))
	if err != nil || len(stored) != 1 {
		b.t.Fatalf("exit code %d and results %v, want one:\n%s", code, stored, &b.stderr)
	}
	if info, err := os.Stat(stored[0]); err != nil || info.Size() > mostJSON {
		b.t.Errorf("%s: %v bytes, %v, want at most %d", result.FileName, info.Size(), err, mostJSON)
	}
	if r, err = result.Read(b.results, stored[0]); err != nil {
		b.t.Fatal(err)
	}
	if (code == invalid) != (r.Verdict == result.Invalid) || code != invalid && code != done {
		b.t.Errorf("exit code %d with %s", code, r.Verdict)
	}
	wantWhole(b.t, r)
	return code, r
}

// mostJSON is the size that no result of these tests exceeds, however many of its
// RPCs fail.
const mostJSON = 1 << 20

// wantWhole fails unless the account of r is whole.
func wantWhole(t *testing.T, r result.Result) {
	t.Helper()
	if err := result.Recheck(r); err != nil {
		t.Error(err)
	}
	for _, code := range []string{
		"ledger_unbalanced", "epochs_do_not_add_up", "windows_do_not_add_up", "histogram_disagrees",
		"quantiles_out_of_order", "server_disagrees", "timed_from_actual_start", "samples_missing",
	} {
		if c := checkOf(t, r, code); c.Verdict == result.Invalid {
			t.Errorf("check %s: %s", c.Code, c.Text)
		}
	}
	for _, a := range r.Arms {
		if err := errors.Join(a.Ledger.Check(), a.LedgerTotal.Check()); err != nil {
			t.Errorf("arm %s: %v", a.Name, err)
		}
	}
}

// checkOf is the answer to one question about r.
func checkOf(t *testing.T, r result.Result, code string) result.Check {
	t.Helper()
	i := slices.IndexFunc(r.Checks, func(c result.Check) bool { return c.Code == code })
	if i < 0 {
		t.Fatalf("check %s: must be among %d", code, len(r.Checks))
	}
	return r.Checks[i]
}
