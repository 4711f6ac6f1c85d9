package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"grpcbench/internal/runner"
	"grpcbench/internal/worker"
)

// roles are what the test binary can be besides a test: a child of a run, which
// notes what its work left behind.
var roles = map[string]func(context.Context, io.Reader, io.Writer) error{
	runner.Host: worker.Host, runner.Generator: worker.Generate,
}

// held is what a process holds.
type held struct {
	Goroutines  int `json:"goroutines"`
	Descriptors int `json:"descriptors"`
}

// left is what a child held before and after its work.
type left struct{ Before, After held }

func holds() held {
	files, _ := filepath.Glob("/proc/self/fd/*") // the pattern is right
	return held{runtime.NumGoroutine(), len(files)}
}

// child works in a role and notes what it left behind. What ends by itself has a
// second for it.
func child(notes, role string) (code int) {
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	// The first connection of a process opens the poller, which is kept.
	if r, w, err := os.Pipe(); err == nil {
		_, _ = r.Close(), w.Close()
	}
	l := left{Before: holds()}
	if err := roles[role](context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 100 {
		if l.After = holds(); l.After == l.Before {
			break
		}
		<-tick.C
	}
	note, err := json.Marshal(l)
	if err == nil {
		err = os.WriteFile(filepath.Join(notes, fmt.Sprintf("%s.%d", role, os.Getpid())), note, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// wantNothingLeft fails unless every child of the role noted that it holds what it
// held before its work.
func wantNothingLeft(t *testing.T, notes, role string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(notes, role+".*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("notes of a %s: %v, %v: there must be some", role, files, err)
	}
	for _, file := range files {
		var l left
		note, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(note, &l)
		}
		if err != nil {
			t.Fatal(err)
		}
		if l.After != l.Before {
			t.Errorf("%s: left %+v, had %+v before", role, l.After, l.Before)
		}
	}
}
