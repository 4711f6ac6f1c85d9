//go:build root

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// mounted is an empty file system in memory.
func mounted(t *testing.T, flags uintptr, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		t.Fatalf("mount tmpfs: %v: must be root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestADiskThatIsFullOrReadOnlyIsFoundBeforeTheLoad.
//
//	fault:   results on a disk of 64 KiB, or on one that is read-only
//	promise: exit 1 before anything is measured, with the cause; nothing left
//	figure:  2 of 2; 0 epochs begun
func TestADiskThatIsFullOrReadOnlyIsFoundBeforeTheLoad(t *testing.T) {
	for want, disk := range map[string]string{
		"no space left on device": mounted(t, 0, "size=64k"),
		"read-only file system":   mounted(t, syscall.MS_RDONLY, ""),
	} {
		code, stdout, stderr := command(t, short(disk, "1")...)
		wantRefused(t, disk, code, stdout, stderr)
		if !strings.Contains(stderr, want) {
			t.Errorf("stderr %q, want %q in it", stderr, want)
		}
		if names := filesIn(t, disk); len(names) != 0 {
			t.Errorf("left %v", names)
		}
	}
}

// TestADiskThatFillsDuringARunLosesNoNumbers.
//
//	fault:   disk filled up while the run measures
//	promise: exit 1, the cause, and the report on standard output; older results intact, nothing half written
//	figure:  1 report of 2 epochs; 0 results more
func TestADiskThatFillsDuringARunLosesNoNumbers(t *testing.T) {
	disk := mounted(t, 0, "size=2m")
	if code, _, stderr := command(t, short(disk, "1")...); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	old := onlyResult(t, disk)
	p := startProgram(t, short(disk, "2")...)
	p.await(t, "epoch 1 of 2")
	fill(t, filepath.Join(disk, "full"))
	code := p.end(t)
	if said := strings.Join(p.said, "\n"); code != exitFailed || !strings.Contains(said, "no space left on device") {
		t.Errorf("exit code %d, stderr %q, want 1 and why", code, said)
	}
	wantReport(t, p.stdout.String())
	if err := os.Remove(filepath.Join(disk, "full")); err != nil {
		t.Fatal(err)
	}
	if again := onlyResult(t, disk); again != old {
		t.Errorf("result %s, want %s alone", again, old)
	}
	if code, _, stderr := command(t, "report", old, "--results", disk); code != exitDone || stderr != "" {
		t.Errorf("the older result: exit code %d, stderr %q", code, stderr)
	}
}

// fill writes until nothing more fits.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAnAnswerThatCannotBeWrittenIsAnError.
//
//	fault:   standard output is /dev/full
//	promise: exit 1 with the cause; the result is stored
//	figure:  1 result
func TestAnAnswerThatCannotBeWrittenIsAnError(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	results := t.TempDir()
	var errs strings.Builder
	code := run(t.Context(), short(results, "1"), strings.NewReader(""), full, &errs)
	if code != exitFailed || !strings.Contains(errs.String(), "print report: ") || !strings.Contains(errs.String(), "no space left on device") {
		t.Errorf("exit code %d, stderr %q, want 1 and why", code, errs.String())
	}
	if id := onlyResult(t, results); id == "" {
		t.Error("nothing was stored")
	}
}
