//go:build unix

package probe

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"grpcbench/testing/lane"
)

// What git has started, such as a program that watches files, may keep git's output open
// for as long as it likes.
func TestAGitThatLeavesItsOutputOpenIsNotWaitedFor(t *testing.T) {
	lane.Long(t, "starts processes")
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ends, err := os.OpenFile(pipe, os.O_RDWR, 0) // nothing is written: it ends with the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ends.Close() })
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte("#!/bin/sh\ncat '"+pipe+"' &\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	if got := Places(t.Context(), dir, []string{"0123abc"}); len(got) != 0 {
		t.Errorf("%v, want no place", got)
	}
	if c, err := Commit(t.Context(), dir); c != "" || err == nil {
		t.Errorf("%q, %v, want no commit", c, err)
	}
}
