//go:build truth && linux

package truth

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"grpcbench/internal/result"
	"grpcbench/testing/mutants"
)

// bench is the program that is measured with, as a user has it.
type bench struct {
	t    *testing.T
	path string
}

// build compiles the program, with the mistakes of broken in it.
func build(t *testing.T, broken ...mutants.Mutant) bench {
	t.Helper()
	b := bench{t, filepath.Join(t.TempDir(), "grpc-bench")}
	args := []string{"build", "-buildvcs=false", "-o", b.path}
	if len(broken) > 0 {
		overlay, err := mutants.Overlay(t.TempDir(), root, broken...)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, "-overlay="+overlay)
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, "./cmd/bench")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v:\n%s", err, out)
	}
	return b
}

const root = "../.."

func write(t *testing.T, path string, content []byte) string {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run measures and returns the stored result, INVALID or not.
func (b bench) run(args ...string) result.Result {
	b.t.Helper()
	r, err := b.begin(args...)()
	if err != nil {
		b.t.Fatalf("run %q: %v", args, err)
	}
	return r
}

// begin starts a run; the returned function waits for its result, or for why there
// is none.
func (b bench) begin(args ...string) (end func() (result.Result, error)) {
	b.t.Helper()
	return b.command("run", args...)
}

// handshake opens connections and returns the stored result, INVALID or not.
func (b bench) handshake(args ...string) result.Result {
	b.t.Helper()
	r, err := b.command("handshake", args...)()
	if err != nil {
		b.t.Fatalf("handshake %q: %v", args, err)
	}
	return r
}

// command is begin for a command that measures.
func (b bench) command(verb string, args ...string) (end func() (result.Result, error)) {
	b.t.Helper()
	results := b.t.TempDir()
	cmd := exec.CommandContext(b.t.Context(), b.path, append([]string{verb, "--results", results, "--format", "json"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	return func() (result.Result, error) {
		const invalid = 4 // the exit code of a result that is INVALID
		err := cmd.Wait()
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == invalid {
			err = nil
		}
		if err != nil {
			return result.Result{}, fmt.Errorf("%w: %s", err, stderr.Bytes())
		}
		entries, err := os.ReadDir(results)
		if err != nil || len(entries) != 1 {
			return result.Result{}, fmt.Errorf("%d results, %v", len(entries), err)
		}
		return result.Read(results, entries[0].Name())
	}
}

// arm returns the arm of that name.
func arm(t *testing.T, r result.Result, name string) result.Arm {
	t.Helper()
	i := slices.IndexFunc(r.Arms, func(a result.Arm) bool { return a.Name == name })
	if i < 0 {
		t.Fatalf("no arm %q", name)
	}
	return r.Arms[i]
}

// found says whether the check of that code has something to say.
func found(r result.Result, code string) bool {
	return slices.ContainsFunc(r.Checks, func(c result.Check) bool {
		return c.Code == code && c.Verdict != result.Valid && c.Skipped == ""
	})
}

// ms is a quantile in milliseconds; one that there is not is none that any
// tolerance holds.
func ms(ns *int64) float64 {
	if ns == nil {
		return -1
	}
	return float64(*ns) / 1e6
}
