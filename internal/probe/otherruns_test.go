package probe

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// process is one in a machine's files.
type process struct {
	pid, parent  int
	exe, command string // command: words with spaces between
}

func machineOf(t *testing.T, processes ...process) Machine {
	t.Helper()
	root := t.TempDir()
	for _, p := range processes {
		dir := filepath.Join(root, "proc", strconv.Itoa(p.pid))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{
			"cmdline": strings.ReplaceAll(p.command, " ", "\x00") + "\x00",
			"stat":    strconv.Itoa(p.pid) + " (a ) name) S " + strconv.Itoa(p.parent) + " 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9",
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(p.exe, filepath.Join(dir, "exe")); err != nil {
			t.Fatal(err)
		}
	}
	return Machine{Root: root}
}

// Another run is known by what it is: neither by a name that anyone may have, nor if it is
// the program's server, a part of a run, or a run that this one is part of.
func TestAnotherRunIsKnownByItsExecutable(t *testing.T) {
	self, err := os.Executable() // the main package of these processes is that of this one
	if err != nil {
		t.Fatal(err)
	}
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	golang, err := exec.LookPath("go") // a program in Go of other packages, which has a command of that name
	if err != nil {
		t.Fatal(err)
	}
	me := os.Getpid()
	named := filepath.Join(t.TempDir(), "grpc-bench")
	if err := os.WriteFile(named, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	const base = 1 << 23 // above any process
	m := machineOf(t,
		process{me, base + 1, self, "grpc-bench run"},
		process{base + 1, base + 2, self, "grpc-bench verify"},
		process{base + 2, 1, shell, "sh run"},
		process{base + 3, 1, self, "/elsewhere/gb run --quick"},
		process{base + 4, base + 3, self, "/elsewhere/gb generator"},
		process{base + 5, 1, self, "gb handshake"},
		process{base + 6, 1, self, "gb ceiling host:1"},
		process{base + 7, 1, self, "gb verify"},
		process{base + 8, 1, self, "gb server"},
		process{base + 9, 1, self, "gb ui run"},
		process{base + 10, 1, self, "gb"},
		process{base + 11, 1, named, "grpc-bench run"},
		process{base + 12, 1, shell, "grpc-bench run"},
		process{base + 13, 1, "/nowhere/at/all", "grpc-bench run"},
		process{base + 14, 1, self, ""},
		process{base + 15, 1, golang, "go run ./cmd/bench run"},
	)
	if got, want := m.OtherRuns(), []int{base + 3, base + 5, base + 6, base + 7}; !slices.Equal(got, want) {
		t.Errorf("%d, want %d", got, want)
	}
	if got := (Machine{Root: t.TempDir()}).OtherRuns(); got != nil {
		t.Errorf("without files: %d", got)
	}
}

// What a machine really shows is read without a fault: of this one nothing is known.
func TestOtherRunsOfThisMachineAreNotItself(t *testing.T) {
	if got := (Machine{}).OtherRuns(); slices.Contains(got, os.Getpid()) {
		t.Errorf("%d holds this process", got)
	}
}
