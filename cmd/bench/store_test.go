package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/result"
	"grpcbench/testing/conform"
	"grpcbench/testing/lane"
)

// TestARunThatIsKilledKeepsWhatItHadFinished: the next report finds it.
//
//	fault:   the run's process killed between two epochs (SIGKILL, as when memory runs out)
//	promise: report shows them as a PARTIAL result that says so
//	figure:  {finished} epochs of {planned}; nothing else left
func TestARunThatIsKilledKeepsWhatItHadFinished(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const finished, planned = 2, 4
	results := t.TempDir()
	p := startProgram(t, short(results, "4")...)
	p.await(t, "epoch 3 of 4")
	kill(t, p)
	id := idOfDead(t, results)
	if diff := cmp.Diff([]string{"latency.hlog", "result.json"}, filesIn(t, filepath.Join(results, ".running-"+id, "2"))); diff != "" {
		t.Errorf("files of the checkpoint (-want +got):\n%s", diff)
	}
	code, shown, stderr := command(t, "report", id, "--results", results)
	if code != exitDone || !strings.Contains(stderr, "ended without storing its result; what it had finished is "+id) {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	if !strings.Contains(shown, "PARTIAL: ended without storing its result after 2 of 4 epochs") {
		t.Errorf("the report does not say what it is of:\n%s", shown)
	}
	if onlyResult(t, results) != id {
		t.Errorf("result %s, want %s", onlyResult(t, results), id)
	}
	r, err := result.Read(results, id)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Unfinished || r.Verdict != result.Partial || r.Plan.Epochs.Min != planned {
		t.Errorf("verdict %s, unfinished %t, want PARTIAL", r.Verdict, r.Unfinished)
	}
	wantLedgers(t, r, finished)
	wantReports(t, results, id)
}

// kill ends a program as the kernel does that is out of memory.
func kill(t *testing.T, p *program) {
	t.Helper()
	p.signal(t, os.Kill)
	_ = p.cmd.Wait() // killed
}

// idOfDead is the id of the run that has a place in results and no result.
func idOfDead(t *testing.T, results string) string {
	t.Helper()
	names := filesIn(t, results)
	if len(names) != 1 {
		t.Fatalf("results %v, want the place of one run", names)
	}
	// A process that it was just starting holds the lock until it is its own program.
	until(t, func() bool {
		f, err := os.Open(filepath.Join(results, names[0], "lock"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
	})
	return strings.TrimPrefix(names[0], ".running-")
}

// wantLedgers fails unless every arm has so many epochs and accounts for its RPCs.
func wantLedgers(t *testing.T, r result.Result, epochs int) {
	t.Helper()
	if err := result.Recheck(r); err != nil {
		t.Error(err)
	}
	for _, a := range r.Arms {
		if len(a.Epochs) != epochs || a.Ledger.OK == 0 {
			t.Errorf("arm %s: %d epochs with %d RPCs, want %d epochs", a.Name, len(a.Epochs), a.Ledger.OK, epochs)
		}
		for _, l := range []result.Ledger{a.Ledger, a.LedgerTotal} {
			if err := l.Check(); err != nil {
				t.Errorf("arm %s: %v", a.Name, err)
			}
		}
	}
}

// TestARunKilledAtEachStepLeavesNothingUnreadable. A kill at each system call of a
// write is the test of package result under the tag root.
//
//	fault:   the run's process killed as it begins, in an epoch, after a checkpoint, and when its result is stored
//	promise: what is left can be read and adds up, with every epoch that was finished
//	figure:  {kills} kills of {kills}
func TestARunKilledAtEachStepLeavesNothingUnreadable(t *testing.T) {
	lane.Long(t, "starts processes")
	const kills = 7
	steps := []struct {
		line, file string // the step is reached when this was said, or is there
		epochs     int    // finished by then at least
	}{
		{"", ".running-*/lock", 0},
		{"epoch 1 of 3", "", 0},
		{"epoch 2 of 3", "", 1},
		{"epoch 3 of 3", "", 2},
		{"", ".running-*/1", 1},
		{"", ".running-*/2", 2},
		{"", "2*/" + result.FileName, 3},
	}
	if len(steps) != kills {
		t.Fatalf("%d steps, want %d", len(steps), kills)
	}
	for _, of := range steps {
		t.Run(of.line+of.file, func(t *testing.T) {
			t.Parallel()
			results := t.TempDir()
			p := startProgram(t, short(results, "3")...)
			if of.line != "" {
				p.await(t, of.line)
			} else {
				until(t, func() bool { return has(t, results, of.file) })
			}
			kill(t, p)
			// A process that it was just starting holds the lock until it is its own program.
			until(t, func() bool {
				if _, err := result.Recover(results, complete, reports); err != nil {
					t.Error(err)
				}
				return !has(t, results, ".running-*")
			})
			left := filesIn(t, results)
			if len(left) > 1 || len(left) == 0 && of.epochs > 0 {
				t.Fatalf("left %v, want one result of what was finished", left)
			}
			for _, id := range left {
				r, err := result.Read(results, id)
				if err != nil {
					t.Fatalf("left %s: %v", id, err)
				}
				if n := len(r.Arms[0].Epochs); n < of.epochs {
					t.Errorf("%d epochs, want %d at least", n, of.epochs)
				}
				wantLedgers(t, r, len(r.Arms[0].Epochs))
			}
		})
	}
}

func TestANextRunRecoversToo(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results := t.TempDir()
	p := startProgram(t, short(results, "3")...)
	p.await(t, "epoch 2 of 3")
	kill(t, p)
	id := idOfDead(t, results)
	code, _, stderr := command(t, short(results, "1")...)
	if code != exitDone || !strings.Contains(stderr, "what it had finished is "+id) {
		t.Errorf("exit code %d, stderr %q, want the recovered run in it", code, stderr)
	}
	if names := filesIn(t, results); len(names) != 2 || !slices.Contains(names, id) {
		t.Errorf("results %v, want the recovered one and that of this run", names)
	}
}

// TestResultsRemovedDuringARunAreStillPrinted: what was measured is on the
// terminal, and the error names why it is nowhere else.
//
//	fault:   results directory removed while the run measures
//	promise: exit 1, the cause, and the report on standard output; nothing half written
//	figure:  1 report of 2 epochs
func TestResultsRemovedDuringARunAreStillPrinted(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results := filepath.Join(t.TempDir(), "results")
	p := startProgram(t, short(results, "2")...)
	p.await(t, "epoch 2 of 2")
	if err := os.RemoveAll(results); err != nil {
		t.Fatal(err)
	}
	code := p.end(t)
	if said := strings.Join(p.said, "\n"); code != exitFailed || !strings.Contains(said, "store result: ") || !strings.Contains(said, "no such file or directory") {
		t.Errorf("exit code %d, stderr %q, want 1 and why", code, said)
	}
	wantReport(t, p.stdout.String())
	if _, err := os.Stat(results); !os.IsNotExist(err) {
		t.Errorf("results: %v, want none", err)
	}
}

// wantReport fails unless text is the report of a run of two epochs whose
// checkpoint could not be written.
func wantReport(t *testing.T, text string) {
	t.Helper()
	for _, part := range []string{"2 epochs", "tls=1.3", "could not be kept while the run lasted"} {
		if !strings.Contains(text, part) {
			t.Errorf("the report does not say %q:\n%s", part, text)
		}
	}
}

// TestAPlaceThatCannotHoldResultsIsFoundBeforeTheLoad.
//
//	fault:   results is a file, a link to nowhere, or below a file
//	promise: exit 1 before anything is measured, with the cause
//	figure:  3 of 3; 0 epochs begun
func TestAPlaceThatCannotHoldResultsIsFoundBeforeTheLoad(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "nowhere"), link); err != nil {
		t.Fatal(err)
	}
	for _, results := range []string{file, link, filepath.Join(file, "results")} {
		code, stdout, stderr := command(t, short(results, "1")...)
		wantRefused(t, results, code, stdout, stderr)
	}
}

func wantRefused(t *testing.T, results string, code int, stdout, stderr string) {
	t.Helper()
	if code != exitFailed || stdout != "" || !strings.HasPrefix(stderr, "grpc-bench: --results \""+results+"\": write results directory: ") || strings.Contains(stderr, "epoch 1") {
		t.Errorf("%s: exit code %d, stdout %q, stderr %q, want exit code 1 and the cause before any epoch", results, code, stdout, stderr)
	}
}

// What --format json prints is a result that can be kept under any name.
func TestAReportInJSONIsReadAsAResultWithoutADoubt(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results := t.TempDir()
	if code, _, stderr := command(t, short(results, "1")...); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	_, printed, _ := command(t, "report", onlyResult(t, results), "--results", results, "--format", "json")
	file := filepath.Join(t.TempDir(), "before-the-upgrade.json")
	if err := os.WriteFile(file, []byte(printed), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := conform.File(file); err != nil {
		t.Error(err)
	}
	if code, again, stderr := command(t, "report", file, "--format", "json"); code != exitDone || again != printed || strings.Contains(again, "no_checksum") {
		t.Errorf("exit code %d, the same: %t\n%s", code, again == printed, stderr)
	}
}
