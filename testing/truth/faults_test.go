//go:build truth && linux

package truth

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"grpcbench/internal/result"
	"grpcbench/testing/mutants"
)

// runs is how often each fault is planted: it may not pass once.
const runs = 5

// short is a small comparison in which every fault below has something to break.
func short(seed int) []string {
	return []string{"--payload", "4KiB:json", "--vary", "compression=none,gzip:low", "--rate", "600", "--epochs", "2",
		"--warmup", "300ms", "--window", "1s", "--seed", strconv.Itoa(seed)}
}

// Without a fault the same run is VALID, so that it is the fault that is found.
func TestTruthOfARunWithoutAFault(t *testing.T) {
	b := build(t)
	measured(t, func(f *findings) {
		r := b.run(short(1)...)
		f.want(r.Verdict == result.Valid, "%s: %+v", r.Verdict, r.Warnings)
	})
}

// A program with a mistake in how it counts or sends never gets a VALID result, and
// the check that is meant to find the mistake is one of those that do. It may also
// contradict itself so much that it has no result to give.
func TestTruthOfMistakesInTheProgram(t *testing.T) {
	for name, check := range map[string]string{
		mutants.DropsSamples:         "histogram_disagrees",
		mutants.UnplugsCompression:   "settings_not_observed",
		mutants.TimesFromActualStart: "timed_from_actual_start",
		mutants.ForgetsIntendedStart: "timed_from_actual_start",
	} {
		t.Run(name, func(t *testing.T) {
			m, ok := mutants.Named(name)
			if !ok {
				t.Fatal("no such mutant")
			}
			b := build(t, m)
			for seed := range runs {
				r, err := b.begin(short(seed)...)()
				if err != nil {
					t.Logf("run %d has no result: %v", seed, err)
				} else if r.Verdict != result.Invalid || !found(r, check) {
					t.Errorf("run %d: %s, %s found: %t", seed, r.Verdict, check, found(r, check))
				}
			}
		})
	}
}

// A server that is killed in the window makes the result INVALID.
func TestTruthOfAKilledServer(t *testing.T) {
	b := build(t)
	for seed := range runs {
		end := b.begin("--tls", "off", "--rate", "500", "--epochs", "2", "--warmup", "500ms", "--window", "3s", "--seed", strconv.Itoa(seed))
		pid := b.host()
		<-time.After(2 * time.Second) // half a second to connect, the warm-up, a second of the window
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		r, err := end()
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict != result.Invalid || r.Arms[0].Ledger.OK == 0 {
			t.Errorf("run %d: %s with %d RPCs ok, want INVALID after some", seed, r.Verdict, r.Arms[0].Ledger.OK)
		}
	}
}

// host waits for b's bundled server and returns its process.
func (b bench) host() (pid int) {
	b.t.Helper()
	want := []byte(b.path + "\x00host\x00")
	for range 500 {
		files, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			b.t.Fatal(err)
		}
		for _, file := range files {
			line, err := os.ReadFile(file)
			if err != nil || !bytes.Equal(line, want) {
				continue // most are others' or have ended
			}
			if pid, err = strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
				return pid
			}
		}
		<-time.After(10 * time.Millisecond)
	}
	b.t.Fatal("no bundled server was started")
	return 0
}

// A neighbour that keeps one core busy all the time makes every result doubtful,
// that of one arm and that of the built-in suite.
func TestTruthOfABurntCore(t *testing.T) {
	b := build(t)
	start(t, "burn", "0", "1000", "1000")
	for name, args := range map[string][]string{
		"one arm": {"--tls", "1.3", "--epochs", "1", "--window", "1s"},
		"suite":   {"--epochs", "3", "--warmup", "500ms", "--window", "1s"},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range runs {
				r := b.run(append(args, "--seed", strconv.Itoa(seed))...)
				if r.Verdict == result.Valid || !found(r, "competing_cpu") {
					t.Errorf("run %d: %s, competing_cpu found: %t", seed, r.Verdict, found(r, "competing_cpu"))
				}
			}
		})
	}
}
