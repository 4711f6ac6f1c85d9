package history

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/result"
)

// TestAReaderSeesWhatTheDirectoryHolds: at each moment the same as Read.
func TestAReaderSeesWhatTheDirectoryHolds(t *testing.T) {
	dir := t.TempDir()
	first := store(t, dir, 1.5)
	r, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	same := func(when string) {
		t.Helper()
		runs, runsErr := r.Runs()
		h, err := r.History()
		want, wantErr := Read(dir, nil)
		if diff := cmp.Diff(want, h); diff != "" {
			t.Errorf("%s (-Read +Reader):\n%s", when, diff)
		}
		if diff := cmp.Diff(want.Runs, runs); diff != "" {
			t.Errorf("%s, runs (-Read +Reader):\n%s", when, diff)
		}
		for _, err := range []error{runsErr, err} {
			if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
				t.Errorf("%s: error %v, want %v", when, err, wantErr)
			}
		}
	}
	same("at first")
	second := store(t, dir, 1.25)
	same("with a run more")
	if runs, _ := r.Runs(); len(runs) != 2 {
		t.Errorf("%d runs, want 2", len(runs))
	}
	path := filepath.Join(dir, first, result.FileName)
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	same("with one that is damaged")
	if _, err := r.Runs(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want one that names %s", err, path)
	}
	if err := os.RemoveAll(filepath.Join(dir, first)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(second, filepath.Join(dir, result.NewID(time.Unix(1.8e9+3600, 0)))); err != nil {
		t.Fatal(err)
	}
	same("with a link")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Runs(); err == nil {
		t.Error("a directory that is gone is no error")
	}
}

// TestAReaderWritesNothingOnceItIsOpen: what shows results changes none.
func TestAReaderWritesNothingOnceItIsOpen(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, 1.5)
	r, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	store(t, dir, 1.25)
	before := indexed(t, dir)
	if runs, err := r.Runs(); err != nil || len(runs) != 2 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	if h, err := r.History(); err != nil || len(h.Runs) != 2 {
		t.Fatalf("%d runs, %v", len(h.Runs), err)
	}
	if diff := cmp.Diff(before, indexed(t, dir)); diff != "" {
		t.Error("the index was written")
	}
}

// What did not change is not looked at: a file of the same size and time may hold
// anything.
func TestAReaderReadsWhatChangedAlone(t *testing.T) {
	dir := t.TempDir()
	id := store(t, dir, 1.5)
	r, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, id, result.FileName)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat(" ", int(info.Size()))), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	store(t, dir, 1.25)
	if runs, err := r.Runs(); err != nil || len(runs) != 2 {
		t.Errorf("%d runs, %v, want both", len(runs), err)
	}
}

func TestARunSaysWhatItWasOf(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, 1.5)
	runs, err := func() ([]Run, error) {
		r, err := Open(dir, nil)
		if err != nil {
			return nil, err
		}
		return r.Runs()
	}()
	if err != nil || len(runs) != 1 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	got := runs[0]
	got.ID, got.Created, got.Verdict, got.Plan, got.Commit = "", got.Created.Truncate(0), "", "", ""
	want := Run{Created: got.Created, Name: "nightly", Target: "localhost:1337", Groups: []string{"g"}, Arms: 1, Tags: map[string]string{"branch": "main"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
