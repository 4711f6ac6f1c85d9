package history

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/compare"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// store writes a result that says nothing but a ratio, and returns its directory.
func store(t *testing.T, dir string, ratio float64) (id string) {
	t.Helper()
	at := time.Unix(1.8e9, 0)
	r := result.Result{
		Schema: result.Schema, ID: result.NewID(at), Created: at, Name: "nightly", Groups: []plan.Group{{Name: "g", Control: "a", Arms: []string{"a", "b"}}},
		Plan:        plan.Plan{Arms: []plan.Arm{{Name: "b"}}, Target: &plan.Target{Address: "localhost:1337"}, Tags: map[string]string{"branch": "main"}},
		Comparisons: []result.Comparison{{Group: "g", Arm: "b", Control: "a", Metric: "latency_p50", Unit: "ns", Delta: .05, Ratio: &ratio}},
	}
	result.Examine(&r)
	if _, err := result.Write(dir, r); err != nil {
		t.Fatal(err)
	}
	return r.ID
}

func read(t *testing.T, dir string) History {
	t.Helper()
	h, err := Read(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func indexed(t *testing.T, dir string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, IndexName))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestTheIndexIsOfThePresentQuestion: the index keeps the hashes of plans. Where plans get
// other ones, as when plan.Question changes, those of an index before must not be believed:
// then indexVersion is another one, and so is the hash here.
func TestTheIndexIsOfThePresentQuestion(t *testing.T) {
	p := plan.Plan{Arms: []plan.Arm{{Name: "a"}}, ConnectTimeout: time.Second, Seed: 1}
	got := [2]string{indexVersion, p.Hash()[:16]}
	if want := [2]string{"grpc-bench/index/v5", "45c47a731a830e33"}; got != want {
		t.Errorf("version and hash %q, want %q", got, want)
	}
}

// TestTheIndexIsNeverTheTruth: whatever is in the place of the index.
//
//	fault:   `results/.index` missing, damaged, foreign, of another version, or beside files that changed since
//	promise: it is made anew from the files, and `track` says the same as without it
//	figure:  the whole history, compared
func TestTheIndexIsNeverTheTruth(t *testing.T) {
	dir := t.TempDir()
	id := store(t, dir, 1.5)
	store(t, dir, 1.25)
	want := read(t, dir)
	if len(want.Runs) != 2 {
		t.Fatalf("%d runs, want 2", len(want.Runs))
	}
	index := filepath.Join(dir, IndexName)
	good := indexed(t, dir)
	var other bytes.Buffer
	packed := gzip.NewWriter(&other)
	packed.Write([]byte(`{"version":"grpc-bench/index/v99"}` + "\n" + `{"layout":7}`))
	packed.Close()
	for name, data := range map[string][]byte{
		"missing": nil, "empty": {}, "cut": good[:len(good)/2], "garbage": []byte("garbage"), "of another version": other.Bytes(),
	} {
		if err := os.Remove(index); err != nil {
			t.Fatal(err)
		}
		if data != nil {
			if err := os.WriteFile(index, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, read(t, dir)); diff != "" {
			t.Errorf("index %s (-want +got):\n%s", name, diff)
		}
		if got := indexed(t, dir); len(got) < len(good)/2 {
			t.Errorf("index %s: was not made again", name)
		}
	}

	// A run that is removed drops out; a file that was written again is read again.
	if err := os.RemoveAll(filepath.Join(dir, id)); err != nil {
		t.Fatal(err)
	}
	if h := read(t, dir); len(h.Runs) != 1 {
		t.Errorf("%d runs, want the one that is left", len(h.Runs))
	}
	left := filepath.Join(dir, read(t, dir).Runs[0].ID, result.FileName)
	if err := os.WriteFile(left, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if h, err := Read(dir, nil); len(h.Runs) != 0 || err == nil || !strings.Contains(err.Error(), left) {
		t.Errorf("%d runs and %v, want none and an error that names %s", len(h.Runs), err, left)
	}
}

func TestWhatDidNotChangeIsTakenFromTheIndex(t *testing.T) {
	dir := t.TempDir()
	id := store(t, dir, 1.5)
	want := read(t, dir)
	// The same size and time: what stands in the file is not looked at.
	path := filepath.Join(dir, id, result.FileName)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Repeat([]byte(" "), int(info.Size())), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, read(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestUnreadableResultsKeepNoneFromBeingRead: `track` over results of which some are bad.
//
//	fault:   results cut, edited, foreign, of the future, empty, of 200 MB, a link, a directory, or another's copy among those that `track` reads
//	promise: each is one sentence that names it, and the others are tracked; so again with an index
//	figure:  each by name, exactly once
func TestUnreadableResultsKeepNoneFromBeingRead(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, 1.5)
	good, err := os.ReadFile(filepath.Join(dir, store(t, dir, 1.25), result.FileName))
	if err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), result.FileName)
	if err := os.WriteFile(outside, good, 0o600); err != nil {
		t.Fatal(err)
	}
	bad := map[string]func(path string) error{
		"cut": func(path string) error { return os.WriteFile(path, good[:len(good)/2], 0o600) },
		"changed": func(path string) error {
			return os.WriteFile(path, bytes.Replace(good, []byte("1.25"), []byte("1.35"), 1), 0o600)
		},
		"foreign": func(path string) error { return os.WriteFile(path, []byte(`{"schema":"fortio"}`), 0o600) },
		"future": func(path string) error {
			return os.WriteFile(path, bytes.Replace(good, []byte("result/v1"), []byte("result/v2"), 1), 0o600)
		},
		"empty":       func(string) error { return nil },
		"link":        func(path string) error { return os.Symlink(outside, path) },
		"another's":   func(path string) error { return os.WriteFile(path, good, 0o600) },
		"of 200 MB":   func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
	}
	names := map[string]string{}
	for name, make := range bad {
		id := result.NewID(time.Unix(1.9e9, 0))
		names[id] = name
		if err := os.Mkdir(filepath.Join(dir, id), 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, id, result.FileName)
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		if name == "of 200 MB" {
			if err := os.Truncate(path, 200<<20); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 2 { // the second time with an index
		h, err := Read(dir, nil)
		if err == nil || len(h.Runs) != 2 {
			t.Fatalf("%d runs, %v, want the two good ones and errors", len(h.Runs), err)
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(bad) {
			t.Errorf("%d errors, want %d:\n%s", len(lines), len(bad), err)
		}
		for id, name := range names {
			if strings.Count(err.Error(), id) != 1 {
				t.Errorf("%s: %s must be named by one error:\n%s", name, id, err)
			}
		}
	}
}

func TestADirectoryThatCannotBeWrittenIsReadAllTheSame(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, 1.5)
	// A directory in the place of the index cannot be replaced by a file.
	if err := os.MkdirAll(filepath.Join(dir, IndexName, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if h := read(t, dir); len(h.Runs) != 1 {
		t.Errorf("%d runs, want 1", len(h.Runs))
	}
	if entries, _ := filepath.Glob(filepath.Join(dir, IndexName+"-*")); len(entries) != 0 {
		t.Errorf("%v is left", entries)
	}
}

// A run of the built-in suite has 139 figures: a list of their names for each of ten
// thousand runs takes more memory than all figures.
func TestRunsOfOnePlanShareTheirKeys(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		store(t, dir, 1.5)
	}
	for _, from := range []string{"files", "the index"} {
		records, err := readRecords(dir)
		if err != nil || len(records) != 3 {
			t.Fatalf("%d records, %v, want 3", len(records), err)
		}
		for _, r := range records {
			if &r.keys[0] != &records[0].keys[0] {
				t.Errorf("from %s: keys %p and %p, want one list", from, &r.keys[0], &records[0].keys[0])
			}
		}
	}
}

// facts are made of names and values.
func facts(texts ...string) (list []compare.Fact) {
	for i := 0; i < len(texts); i += 2 {
		list = append(list, compare.Fact{What: texts[i], Value: texts[i+1]})
	}
	return list
}

// The figures of the built-in suite: nine arms beside a control in eleven metrics, ten
// by themselves in four.
func TestTheIndexTakesAtMost2kBARun(t *testing.T) {
	const count = 200
	random := rand.New(rand.NewPCG(1, 1))
	var stamps []stamp
	var records []record
	for range count {
		r := record{Run: Run{ID: result.NewID(time.Now()), Created: time.Now(), Verdict: result.Valid, Commit: strings.Repeat("a", 40), Suite: "overheads", Plan: strings.Repeat("b", 64)}}
		for i := range 9*11 + 10*4 {
			v := triple{random.Float32(), random.Float32(), random.Float32()}
			if i >= 9*11 {
				v[1], v[2] = 0, 0
			}
			r.keys, r.values = append(r.keys, Key{Group: "g", Metric: strings.Repeat("m", i)}), append(r.values, v)
		}
		// What is known of the run is its own by its revision; of its ten arms it is that of others.
		r.facts = []armFacts{{"", facts("grpc-bench", "(devel) "+r.ID, "Go", "go1.26.8", "grpc-go", "v1.85.0", "kernel", "6.18.44", "CPU", "AMD EPYC", "memory", "8192 MiB")}}
		for i := range 10 {
			r.facts = append(r.facts, armFacts{fmt.Sprint("arm", i), facts("TLS version", "1.3", "cipher", fmt.Sprint(i), "ALPN", "h2", "method", "/Server/Foo")})
		}
		stamps, records = append(stamps, stamp{ID: r.ID, Size: 350_000, Modified: time.Now().UnixNano()}), append(records, r)
	}
	var b bytes.Buffer
	if err := encodeIndex(&b, stamps, records); err != nil {
		t.Fatal(err)
	}
	if each := b.Len() / count; each > 2000 {
		t.Errorf("%d bytes a run, want at most 2000", each)
	}
	back, err := decodeIndex(&b)
	if err != nil || len(back) != count {
		t.Fatalf("%d records, %v", len(back), err)
	}
	if diff := cmp.Diff(records[7], back[stamps[7]], cmp.AllowUnexported(record{}, armFacts{}), cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"version":"grpc-bench/index/v5","layouts":[[{"arm":"a"}]],"facts":[[{"what":"Go","value":"1"}]]}
{"layout":0,"values":[[1,2,3]],"facts":[{"list":0},{"arm":"a","list":1}]}`))
	f.Add([]byte(`{"version":"grpc-bench/index/v5","layouts":[[{"arm":"a"}]]}
{"layout":0,"values":[[1,2,3]]}
{"layout":-1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		w.Write(text)
		w.Close()
		all, err := decodeIndex(&packed)
		if err != nil {
			return
		}
		for _, r := range all {
			if len(r.keys) != len(r.values) {
				t.Fatalf("%d keys, %d values", len(r.keys), len(r.values))
			}
		}
	})
}

// A pipe to which nobody writes is no index, and is not waited for; nor is a link one.
func TestWhatIsNoFileIsNoIndex(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"pipe": func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"link": func(path string) error {
			other := filepath.Join(t.TempDir(), "other")
			f, err := os.Create(other)
			if err != nil {
				return err
			}
			defer f.Close()
			if err := encodeIndex(f, nil, nil); err != nil {
				return err
			}
			return os.Symlink(other, path)
		},
	} {
		dir := t.TempDir()
		if err := put(filepath.Join(dir, IndexName)); err != nil {
			t.Fatal(err)
		}
		if all := readIndex(dir); all != nil {
			t.Errorf("%s: %v, want no index", name, all)
		}
	}
}
