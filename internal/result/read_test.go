package result

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// stored writes the fixture into a new results directory and returns both.
func stored(t *testing.T) (results string, r Result) {
	t.Helper()
	results, r = t.TempDir(), examined(t)
	if _, err := Write(results, r); err != nil {
		t.Fatal(err)
	}
	return results, r
}

func mkdir(t *testing.T, path string) string {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}

func TestABaselineIsReadByItsName(t *testing.T) {
	results, want := stored(t)
	mkdir(t, filepath.Join(results, Baselines))
	rename(t, filepath.Join(results, want.ID), filepath.Join(results, Baselines, "v1.2_x86-64"))
	got, err := Read(results, "baseline:v1.2_x86-64")
	if err != nil || got.ID != want.ID {
		t.Errorf("read %q (%v), want %s", got.ID, err, want.ID)
	}
}

func TestABaselineHasAPlainName(t *testing.T) {
	for name, want := range map[string]bool{
		"main": true, "v1.2": true, "_": true, "-x": true, strings.Repeat("a", 100): true,
		"": false, ".": false, "..": false, ".hidden": false, "a/b": false, `a\b`: false, "a b": false, "ä": false, "a\n": false, strings.Repeat("a", 101): false,
	} {
		if got := IsBaselineName(name); got != want {
			t.Errorf("%q is a name: %t, want %t", name, got, want)
		}
		if _, err := Read(t.TempDir(), "baseline:"+name); err == nil || strings.Contains(err.Error(), "must be of letters") == want {
			t.Errorf("baseline:%q: %v", name, err)
		}
	}
}

// TestALinkOutOfResultsIsNotFollowed.
//
//	fault:   the directory or the file of an id or a baseline is a link that leads out of results
//	promise: refused, naming the file; a path that the user gives may be anywhere
//	figure:  4 of 4
func TestALinkOutOfResultsIsNotFollowed(t *testing.T) {
	elsewhere, r := stored(t)
	outside := filepath.Join(elsewhere, r.ID)
	for name, lead := range map[string]func(dir string){
		"directory": func(dir string) { link(t, outside, dir) },
		"file":      func(dir string) { link(t, filepath.Join(outside, FileName), filepath.Join(mkdir(t, dir), FileName)) },
	} {
		for ref, dir := range map[string]string{r.ID: r.ID, "baseline:main": filepath.Join(Baselines, "main")} {
			results := t.TempDir()
			at := filepath.Join(results, dir)
			mkdir(t, filepath.Dir(at))
			lead(at)
			if _, err := Read(results, ref); err == nil || !strings.Contains(err.Error(), filepath.Join(at, FileName)) || !strings.Contains(err.Error(), "escapes") {
				t.Errorf("%s of %s: error %v, want one that names the file", name, ref, err)
			}
			if got, err := Read(results, at); err != nil || got.ID != r.ID {
				t.Errorf("%s of %s by its path: %q (%v), want %s", name, ref, got.ID, err, r.ID)
			}
		}
	}
}

// TestWhatIsNotAFileIsNotWaitedFor.
//
//	fault:   result.json is a named pipe that nobody writes to
//	promise: refused, naming it
//	figure:  by id and by directory
func TestWhatIsNotAFileIsNotWaitedFor(t *testing.T) {
	results, id := t.TempDir(), "20261123T181500Z-k3f2q2xa"
	pipe := filepath.Join(mkdir(t, filepath.Join(results, id)), FileName)
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{id, filepath.Dir(pipe)} {
		if _, err := Read(results, ref); err == nil || !strings.Contains(err.Error(), pipe+": must be a file") {
			t.Errorf("%s: error %v, want one that names the pipe", ref, err)
		}
	}
}

// TestAFileThatIsTooLargeIsNotRead.
//
//	fault:   a result.json of 200 MB
//	promise: refused by its size, without reading it
//	figure:  less than 1 MB allocated
func TestAFileThatIsTooLargeIsNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 200e6); err != nil { // takes no space
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Read("", path)
	runtime.ReadMemStats(&after)
	if want := path + ": 200000000 bytes: must be at most 16777216"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q in it", err, want)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1e6 {
		t.Errorf("%d bytes allocated", n)
	}
}
