//go:build root

package result

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"grpcbench/testing/lane"
)

// The test binary is also the writer that is killed and lied to: these variables
// name the directory of results that it writes to, and a file that holds its
// result.
const (
	writerResults = "RESULT_TEST_WRITER_RESULTS"
	writerSource  = "RESULT_TEST_WRITER_SOURCE"
)

// Files that are not there: opening them shows in a trace where writing begins and
// ends.
const (
	beginMark = "/writing begins"
	endMark   = "/writing ends"
)

// The traced thread is the main one, and it is certain only here that the main goroutine
// runs on it.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	if os.Getenv(writerResults) == "" {
		os.Exit(lane.Main(m, os.Stderr))
	}
	if err := write(os.Getenv(writerResults), os.Getenv(writerSource)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write is what a run does with its results: a checkpoint, another, the result.
func write(results, source string) error {
	r, err := readFile(source)
	if err != nil {
		return err
	}
	_, _ = os.Open(beginMark) // it is not there
	d, err := Begin(results, at)
	if err != nil {
		return err
	}
	r.ID = d.ID()
	for range 2 {
		r.Unfinished = true
		Examine(&r)
		if err := d.Save(r); err != nil {
			return errors.Join(err, d.Close())
		}
	}
	r.Unfinished = false
	Examine(&r)
	_, err = d.Publish(r, report)
	_ = d.Close() // as the program: what is left the next run removes
	_, _ = os.Open(endMark)
	return err
}

// report is what stands beside the results of these tests.
func report(Result) ([]File, error) {
	return []File{{"report.md", []byte(strings.Repeat("# report\n", 20))}}, nil
}

// A bed is a results directory that holds an old result, and the trace of a writer.
type bed struct {
	t       *testing.T
	results string
	source  string // of the writer's result
	trace   string
	old     string // id
	before  []byte // result.json of the old one
}

func newBed(t *testing.T, source string) *bed {
	t.Helper()
	b := &bed{t: t, results: t.TempDir(), source: source, trace: filepath.Join(t.TempDir(), "trace")}
	r, err := readFile(source)
	if err != nil {
		t.Fatal(err)
	}
	b.old = r.ID
	path, err := Write(b.results, r)
	if err != nil {
		t.Fatal(err)
	}
	if b.before, err = os.ReadFile(filepath.Join(path, FileName)); err != nil {
		t.Fatal(err)
	}
	return b
}

// newSource is a file with a result whose verdict may be stored.
func newSource(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), FileName)
	_, data := smallest(t)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run writes under strace with the arguments; said is what the writer printed.
func (b *bed) run(args ...string) (said string, err error) {
	b.t.Helper()
	self, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	args = append(append([]string{"-y", "-o", b.trace}, args...), self)
	cmd := exec.CommandContext(b.t.Context(), "strace", args...)
	cmd.Env = append(os.Environ(), writerResults+"="+b.results, writerSource+"="+b.source)
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		b.t.Fatal("strace: must be installed")
	}
	return string(out), err
}

// lines are those of the trace.
func (b *bed) lines() []string {
	b.t.Helper()
	data, err := os.ReadFile(b.trace)
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.Split(string(data), "\n")
}

func (b *bed) traced(text string) bool {
	return slices.ContainsFunc(b.lines(), func(line string) bool { return strings.Contains(line, text) })
}

// check holds the results directory to what is promised whatever happened to the
// writer, and returns the new result's verdict, "" if there is none. Hidden names
// are gone after the next run has begun.
func (b *bed) check() (v Verdict) {
	b.t.Helper()
	b.shown()
	d, err := Begin(b.results, at)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := Recover(b.results, judged, report); err != nil {
		b.t.Error(err)
	}
	if err := d.Close(); err != nil {
		b.t.Error(err)
	}
	for _, name := range listed(b.t, b.results) {
		if !IsID(name) {
			b.t.Errorf("the next run leaves %s", name)
		}
	}
	return b.shown()
}

// shown reads the results that have a name: the old one as it was, and at most one
// more, whole.
func (b *bed) shown() (v Verdict) {
	b.t.Helper()
	after, err := os.ReadFile(filepath.Join(b.results, b.old, FileName))
	if err != nil || string(after) != string(b.before) {
		b.t.Fatalf("the old result is not as it was (%v)", err)
	}
	for _, name := range listed(b.t, b.results) {
		if name == b.old || !IsID(name) {
			continue
		}
		if v != "" {
			b.t.Fatalf("more results than were written: %v", listed(b.t, b.results))
		}
		r, err := Read(b.results, name)
		if err == nil {
			err = Recheck(r)
		}
		if err != nil {
			b.t.Fatalf("half a result: %v", err)
		}
		if v = r.Verdict; r.Unfinished {
			v = Partial // or worse, which the fixture is
		}
		wantListed(b.t, filepath.Join(b.results, name), "latency.hlog", "report.md", "result.json")
	}
	return v
}

// begins is how often the writer called before it began to write.
func (b *bed) begins(call string) (n int) {
	b.t.Helper()
	for _, line := range b.lines() {
		if strings.Contains(line, beginMark) {
			return n
		}
		if strings.HasPrefix(line, call+"(") {
			n++
		}
	}
	b.t.Fatalf("the trace does not show where writing begins:\n%s", strings.Join(b.lines(), "\n"))
	return 0
}

// calls are those by which a writer changes a directory.
func calls() []string {
	return []string{"mkdirat", "openat", "write", "fsync", "flock", "renameat", "unlinkat", "close"}
}

// TestAWriterKilledAtAnyCallLeavesTheOldOrTheNew: the writer saves two checkpoints
// and its result, and is killed at each of its system calls in turn.
//
//	fault:   SIGKILL at the k-th system call of the writer, for every k (strace)
//	promise: the old results, or they and one whole new one; the next run removes the rest
//	figure:  at least {minCrashes} crashes; at each stage: nothing, checkpoint, result
func TestAWriterKilledAtAnyCallLeavesTheOldOrTheNew(t *testing.T) {
	const minCrashes = 80
	source := newSource(t)
	crashes := 0
	stages := map[Verdict]int{}
	for _, call := range calls() {
		for k := startOf(t, source, call) + 1; ; k++ {
			b := newBed(t, source)
			said, err := b.run("-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", call, k))
			v := b.check()
			if err == nil {
				break // there was no k-th call
			}
			if !b.traced("+++ killed by SIGKILL +++") {
				t.Fatalf("%s %d: %v: %s", call, k, err, said)
			}
			crashes++
			stages[v]++
		}
	}
	t.Logf("%d crashes, by what was there after them: %v", crashes, stages)
	if crashes < minCrashes || stages[""] == 0 || stages[Partial] == 0 || stages[Invalid] == 0 {
		t.Errorf("%d crashes, after which %v: must be at least %d at every stage", crashes, stages, minCrashes)
	}
}

// startOf counts the writer's calls before it writes.
func startOf(t *testing.T, source, call string) int {
	t.Helper()
	b := newBed(t, source)
	if said, err := b.run("-e", "trace=openat,"+call); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return b.begins(call)
}

// TestAWriterWhoseCallsFailSaysWhy: each call fails in turn.
//
//	fault:   ENOSPC, EIO at the k-th mkdir, open, write, sync, rename, for every k (strace)
//	promise: an error that names the cause; old results intact; no half result
//	figure:  at least {minFailures} failures; every failed sync is an error
func TestAWriterWhoseCallsFailSaysWhy(t *testing.T) {
	const minFailures = 60
	source := newSource(t)
	failures := 0
	for _, of := range []struct{ call, errno, text string }{
		{"mkdirat", "ENOSPC", "no space left on device"},
		{"openat", "EIO", "input/output error"},
		{"write", "ENOSPC", "no space left on device"},
		{"write", "EIO", "input/output error"},
		{"fsync", "EIO", "input/output error"},
		{"fsync", "ENOSPC", "no space left on device"},
		{"renameat", "EIO", "input/output error"},
		{"ftruncate", "EIO", "input/output error"},
	} {
		for k := startOf(t, source, of.call) + 1; ; k++ {
			b := newBed(t, source)
			said, err := b.run("-e", "trace="+of.call, "-e", fmt.Sprintf("inject=%s:error=%s:when=%d", of.call, of.errno, k))
			v := b.check()
			if !b.traced("(INJECTED)") {
				break
			}
			failures++
			switch {
			case err == nil && of.call != "openat": // two of these are the marks
				t.Errorf("%s %d: %s was ignored", of.call, k, of.errno)
			case err == nil && v != Invalid:
				t.Errorf("%s %d: no error and no result", of.call, k)
			case err != nil && !strings.Contains(said, of.text):
				t.Errorf("%s %d: says %q, want %q in it", of.call, k, said, of.text)
			case err != nil && v == Invalid:
				t.Errorf("%s %d: an error and a result: %s", of.call, k, said)
			}
		}
	}
	if t.Logf("%d failures", failures); failures < minFailures {
		t.Errorf("%d failures, must be at least %d", failures, minFailures)
	}
}

// TestAWriterThatIsInterruptedOrCannotTidyUpStores: what is not an error ends
// nothing.
//
//	fault:   EINTR at the k-th write or sync; EIO at the k-th removal, for every k (strace)
//	promise: the result is whole; what could not be removed the next run removes
//	figure:  at least {minCalls} calls
func TestAWriterThatIsInterruptedOrCannotTidyUpStores(t *testing.T) {
	const minCalls = 30
	source := newSource(t)
	n := 0
	for _, of := range []struct{ call, errno string }{{"write", "EINTR"}, {"fsync", "EINTR"}, {"flock", "EINTR"}, {"unlinkat", "EIO"}} {
		for k := startOf(t, source, of.call) + 1; ; k++ {
			b := newBed(t, source)
			said, err := b.run("-e", "trace="+of.call, "-e", fmt.Sprintf("inject=%s:error=%s:when=%d", of.call, of.errno, k))
			v := b.check()
			if !b.traced("(INJECTED)") {
				break
			}
			if n++; err != nil && of.call != "unlinkat" {
				t.Errorf("%s %d: %s", of.call, k, said)
			}
			if v == "" {
				t.Errorf("%s %d: nothing was stored: %s", of.call, k, said)
			}
		}
	}
	if t.Logf("%d calls", n); n < minCalls {
		t.Errorf("%d calls, must be at least %d", n, minCalls)
	}
}

// TestAFileThatHoldsLessThanWasWrittenIsNoticed: the kernel says that bytes were
// written which were not.
//
//	fault:   the k-th write stores nothing and claims 100 bytes, for every k (strace)
//	promise: what is read back is not what was written: an error, and no result
//	figure:  at least {minLies} lies noticed
func TestAFileThatHoldsLessThanWasWrittenIsNoticed(t *testing.T) {
	const minLies = 7 // two files of each of two checkpoints, three of the result
	source := newSource(t)
	noticed := 0
	for k := startOf(t, source, "write") + 1; ; k++ {
		b := newBed(t, source)
		said, err := b.run("-e", "trace=write", "-e", fmt.Sprintf("inject=write:retval=100:when=%d", k))
		v := b.check()
		if !b.traced("(INJECTED)") {
			if err != nil {
				t.Errorf("write %d: nobody lied, and yet: %s", k, said)
			}
			break
		}
		if err == nil {
			continue // of the room that is proven
		}
		if noticed++; v == Invalid || !strings.Contains(said, "read back") {
			t.Errorf("write %d: result %q, says %q", k, v, said)
		}
	}
	if t.Logf("%d noticed", noticed); noticed < minLies {
		t.Errorf("%d lies noticed, must be at least %d", noticed, minLies)
	}
}

// TestNamesAreGivenToWhatIsOnTheDiskOnly replays the writer's calls as a disk that
// loses power keeps them: a file's bytes and a directory's names last once they
// are synced.
//
//	fault:   power lost at any instant (order of system calls, strace)
//	promise: a directory takes its name when all in it is synced, and the name is synced before anything is removed
//	figure:  {named} directories named: two checkpoints and the result
func TestNamesAreGivenToWhatIsOnTheDiskOnly(t *testing.T) {
	const named = 3
	b := newBed(t, newSource(t))
	if said, err := b.run("-e", "trace=openat,write,fsync,mkdirat,renameat,unlinkat,ftruncate"); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	disk := newDisk(t)
	lines := b.lines()
	for _, line := range lines[slices.IndexFunc(lines, func(s string) bool { return strings.Contains(s, beginMark) }):] {
		disk.replay(line)
	}
	if disk.names != named || !disk.ended {
		t.Errorf("%d directories took their names (to the end: %t), want %d", disk.names, disk.ended, named)
	}
}

// disk knows what would be lost with the power now.
type disk struct {
	t     *testing.T
	lost  map[string]bool // paths of files with bytes, and of directories with names, that are not synced
	fresh string          // directory of the last name that was given
	names int
	ended bool
}

func newDisk(t *testing.T) *disk { return &disk{t: t, lost: map[string]bool{}} }

// replay takes in one line of a trace; failed calls change nothing.
func (d *disk) replay(line string) {
	path := func(pattern string) (found []string) {
		m := regexp.MustCompile(pattern).FindStringSubmatch(line)
		if m == nil {
			return nil
		}
		return m[1:]
	}
	if m := path(`^openat\(.*"(/[^"]*)", [A-Z_|]*O_CREAT.* = \d`); m != nil {
		d.lost[m[0]], d.lost[filepath.Dir(m[0])] = true, true
	}
	if m := path(`^mkdirat\(.*"(/[^"]*)".* = 0`); m != nil {
		d.lost[m[0]], d.lost[filepath.Dir(m[0])] = true, true
	}
	if m := path(`^write\(\d+<(/[^>]*)>.* = \d`); m != nil {
		d.lost[m[0]] = true
	}
	if m := path(`^fsync\(\d+<(/[^>]*)>\) += 0`); m != nil {
		d.lost[m[0]] = false
	}
	if m := path(`^renameat\([^"]*"(/[^"]*)",[^"]*"(/[^"]*)"\) += 0`); m != nil {
		d.name(m[0], m[1])
	}
	d.ended = d.ended || strings.Contains(line, endMark)
	if removes := strings.HasPrefix(line, "unlinkat("); (removes || d.ended) && d.fresh != "" && d.lost[d.fresh] {
		d.t.Errorf("%s: the name given in %s before it is not synced", line, d.fresh)
		d.fresh = ""
	}
}

// name gives the directory from its name to.
func (d *disk) name(from, to string) {
	for path, lost := range d.lost {
		if lost && (path == from || strings.HasPrefix(path, from+"/")) {
			d.t.Errorf("%s took its name before %s was synced", to, path)
		}
	}
	d.names++
	d.fresh = filepath.Dir(to)
	d.lost[d.fresh] = true
}
