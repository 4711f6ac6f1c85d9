package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/compare"
	"grpcbench/internal/result"
	"grpcbench/testing/lane"
)

// twoRuns makes two results of one plan and returns their directory and ids.
func twoRuns(t *testing.T) (results string, ids []string) {
	t.Helper()
	results = t.TempDir()
	for _, commit := range []string{"1a2b", "3c4d"} {
		if code, _, stderr := command(t, short(results, "1", "--tag", "commit="+commit)...); code != exitDone {
			t.Fatalf("exit code %d\n%s", code, stderr)
		}
		for _, id := range filesIn(t, results) {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) != 2 {
		t.Fatalf("results %v, want two", ids)
	}
	return results, ids
}

func TestCompareShowsTwoResultsHoweverTheyAreNamed(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results, ids := twoRuns(t)
	base, new := filepath.Join(results, ids[0]), filepath.Join(results, ids[1])
	_, want, _ := command(t, "compare", ids[0], ids[1], "--results", results)
	for _, part := range []string{"grpc-bench compare", ids[0], ids[1], "commit 1a2b", "commit 3c4d", "tls=1.3", "server CPU/RPC", "p50"} {
		if !strings.Contains(want, part) {
			t.Errorf("the comparison does not say %q:\n%s", part, want)
		}
	}
	for _, refs := range [][]string{{base, new}, {filepath.Join(base, result.FileName), filepath.Join(new, result.FileName)}} {
		code, got, stderr := command(t, append([]string{"compare"}, refs...)...)
		if diff := cmp.Diff(want, got); code != exitDone || stderr != "" || diff != "" {
			t.Errorf("%q: exit code %d, %s (-by id +got):\n%s", refs, code, stderr, diff)
		}
	}
	baselines := filepath.Join(results, result.Baselines)
	if err := os.MkdirAll(filepath.Join(baselines, "main"), 0o700); err != nil {
		t.Fatal(err)
	}
	copyFile(t, filepath.Join(base, result.FileName), filepath.Join(baselines, "main", result.FileName))
	code, got, stderr := command(t, "compare", "baseline:main", ids[1], "--results", results, "--format", "json")
	var b compare.Between
	if err := json.Unmarshal([]byte(got), &b); err != nil {
		t.Fatalf("exit code %d, %s: %v", code, stderr, err)
	}
	if code != exitDone || b.Schema != compare.Schema || b.Base.Baseline != "main" || b.Base.ID != ids[0] || b.New.Baseline != "" || b.New.Revision != "3c4d" {
		t.Errorf("exit code %d, sides %+v and %+v", code, b.Base, b.New)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, to, data)
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestComparingUnlikePlansTakesForce(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results, ids := twoRuns(t)
	other := t.TempDir()
	if code, _, stderr := command(t, short(other, "1", "--payload", "1KiB")...); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	args := []string{"compare", ids[0], filepath.Join(other, onlyResult(t, other)), "--results", results}
	code, stdout, stderr := command(t, args...)
	if code != exitUsage || stdout != "" || !strings.Contains(stderr, "payload: base 0, new 1KiB") || !strings.Contains(stderr, "--force") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit code %d, stdout %q, stderr %q: must name the payload, in one line", code, stdout, stderr)
	}
	code, stdout, stderr = command(t, append(args, "--force")...)
	if code != exitDone || stderr != "" || !strings.Contains(stdout, "PLANS DIFFER") || !strings.Contains(stdout, "payload  base 0 · new 1KiB") {
		t.Errorf("forced: exit code %d, stderr %q\n%s", code, stderr, stdout)
	}
}

// change is result.json with another content, sealed anew.
func change(t *testing.T, data []byte, of func(*result.Result)) []byte {
	t.Helper()
	var r result.Result
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	of(&r)
	changed, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return result.Seal(changed)
}

// twoDigits is the encoding of a histogram of 1 to 10 ns with bounds of 1 ns to 1 h
// and 2 digits.
const twoDigits = "HISTFAAAACh42pJpmSzMwMDAzQABTFCakYGB2c1gxwIG+w8wGTgABAAA//9/oARp"

// badResults make, from a result's bytes, what stands in its place at dir, and say
// what is wrong with it.
func badResults(t *testing.T, good []byte) map[string]badResult {
	t.Helper()
	file := func(data []byte) func(dir string) {
		return func(dir string) { writeFile(t, filepath.Join(dir, result.FileName), data) }
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	elsewhere := filepath.Join(t.TempDir(), result.FileName)
	writeFile(t, elsewhere, good)
	return map[string]badResult{
		"truncated":       {exitFailed, "unexpected end of JSON input", file(good[:len(good)/2])},
		"corrupt":         {exitFailed, "checksum", file(bytes.Replace(good, []byte(`"epochs"`), []byte(`"epichs"`), 1))},
		"hand-edited":     {exitFailed, "checksum", file(bytes.Replace(good, []byte(`"seed": `), []byte(`"seed": 1`), 1))},
		"foreign schema":  {exitFailed, `schema "k6/summary": must be`, file([]byte(`{"schema": "k6/summary"}`))},
		"an array":        {exitFailed, "byte 1: a result must not be of JSON's kind array", file([]byte("[1, 2]"))},
		"no schema":       {exitFailed, `schema "": must be`, file([]byte(`{}`))},
		"future schema":   {exitFailed, `schema "grpc-bench/result/v2": must be`, file(bytes.Replace(good, []byte(result.Schema), []byte("grpc-bench/result/v2"), 1))},
		"empty file":      {exitFailed, "unexpected end of JSON input", file(nil)},
		"empty directory": {exitFailed, "no such file or directory", func(string) {}},
		"a directory":     {exitFailed, "must be a file", func(dir string) { must(os.Mkdir(filepath.Join(dir, result.FileName), 0o700)) }},
		"a pipe":          {exitFailed, "must be a file", func(dir string) { must(syscall.Mkfifo(filepath.Join(dir, result.FileName), 0o600)) }},
		"a link out":      {exitFailed, "escapes", func(dir string) { must(os.Symlink(elsewhere, filepath.Join(dir, result.FileName))) }},
		"200 MB": {exitFailed, "200000000 bytes: must be at most 16777216 bytes", func(dir string) {
			path := filepath.Join(dir, result.FileName)
			writeFile(t, path, good)
			must(os.Truncate(path, 200e6)) // takes no space
		}},
		"other geometry": {exitFailed, "must be of the geometry 1 ns to 1 h, 3 digits", file(change(t, good, func(r *result.Result) { r.Arms[1].Latency.HDR = twoDigits }))},
		"no common arm": {exitUsage, "no arm with its control in common", file(change(t, good, func(r *result.Result) {
			for i, name := range []string{"a", "b"} {
				r.Arms[i].Name, r.Plan.Arms[i].Name, r.Plan.Groups[0].Arms[i], r.Groups[0].Arms[i] = name, name, name, name
			}
			r.Plan.Groups[0].Control, r.Groups[0].Control = "a", "a"
		}))},
	}
}

type badResult struct {
	code int
	says string
	make func(dir string)
}

// TestABadResultIsOneSentence: whatever is wrong with one of two results.
//
//	fault:   a result truncated, corrupt, edited, foreign, of the future, empty, missing, a pipe, a link out of results, of 200 MB, of other geometry, without a common arm
//	promise: exit 1 or 2 and one line that names the file and the reason; nothing is written, changed or deleted; the other result still works
//	figure:  each by id and as a baseline, as BASE and as NEW
func TestABadResultIsOneSentence(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results, ids := twoRuns(t)
	good, err := os.ReadFile(filepath.Join(results, ids[1], result.FileName))
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range badResults(t, good) {
		t.Run(name, func(t *testing.T) {
			for ref, dir := range map[string]string{ids[1]: filepath.Join(results, ids[1]), "baseline:bad": filepath.Join(results, result.Baselines, "bad")} {
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
				if err := os.MkdirAll(dir, 0o700); err != nil {
					t.Fatal(err)
				}
				bad.make(dir)
				before := fingerprint(t, results)
				for _, refs := range [][]string{{ids[0], ref}, {ref, ids[0]}} {
					code, stdout, stderr := command(t, "compare", refs[0], refs[1], "--results", results, "--force")
					if code != bad.code || stdout != "" || strings.Count(stderr, "\n") != 1 {
						t.Errorf("%q: exit code %d, want %d; %d bytes on stdout; stderr %q: must be one line", refs, code, bad.code, len(stdout), stderr)
					}
					where := filepath.Base(dir)
					if !strings.Contains(stderr, bad.says) || !strings.Contains(stderr, where) {
						t.Errorf("%q: stderr %q: must name %s and say %q", refs, stderr, where, bad.says)
					}
				}
				if diff := cmp.Diff(before, fingerprint(t, results)); diff != "" {
					t.Errorf("%s: the results changed (-before +after):\n%s", ref, diff)
				}
			}
			if code, _, stderr := command(t, "compare", ids[0], ids[0], "--results", results); code != exitDone {
				t.Errorf("the other result: exit code %d\n%s", code, stderr)
			}
		})
	}
}

// fingerprint is what a directory holds, by path: a file's size and the checksum of
// its first MiB, for others their kind.
func fingerprint(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			all[path] = d.Type().String()
			return err
		}
		info, err := d.Info()
		if err != nil || info.Size() > result.MaxBytes {
			all[path] = info.ModTime().String()
			return err
		}
		data, err := os.ReadFile(path)
		sum := sha256.Sum256(data)
		all[path] = string(sum[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A gate beside the very same result cannot fail, by whatever names it is given.
func TestGatesBetweenAResultAndItselfAreRefused(t *testing.T) {
	lane.Long(t, "starts processes")
	results, ids := twoRuns(t)
	if code, _, stderr := command(t, "compare", ids[1], ids[1], "--results", results); code != exitDone || stderr != "grpc-bench: BASE and NEW are one result, "+ids[1]+": nothing can differ\n" {
		t.Errorf("without gates: exit code %d, %q", code, stderr)
	}
	for _, base := range []string{ids[1], filepath.Join(results, ids[1]), filepath.Join(results, ids[1], result.FileName)} {
		code, _, stderr := command(t, "compare", base, ids[1], "--results", results, "--fail-on-regression")
		if code != exitUsage || !strings.Contains(stderr, "they are one result, "+ids[1]) {
			t.Errorf("compare %s %s: exit code %d, %s", base, ids[1], code, stderr)
		}
	}
}
