package result

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// examined is the fixture as a run leaves it, with the windows' histograms.
func examined(t *testing.T) Result {
	t.Helper()
	r := fixture(t)
	Examine(&r)
	return r
}

// listed are the names in a directory.
func listed(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestWriteStoresAWholePrivateDirectory(t *testing.T) {
	dir, r := t.TempDir(), examined(t)
	path, err := writeWith(dir, r, beside(File{"report.md", []byte("# report\n")}))
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, r.ID); path != want {
		t.Errorf("path %s, want %s", path, want)
	}
	if got := listed(t, dir); !slices.Equal(got, []string{r.ID}) {
		t.Errorf("results directory holds %v, want the result alone", got)
	}
	if got := listed(t, path); !slices.Equal(got, []string{"latency.hlog", "report.md", "result.json"}) {
		t.Errorf("result holds %v", got)
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "result.json": 0o600, "latency.hlog": 0o600, "report.md": 0o600} {
		info, err := os.Stat(filepath.Join(path, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%q has mode %o, want %o", name, got, want)
		}
	}
}

func TestReadReturnsWhatWriteStored(t *testing.T) {
	dir, r := t.TempDir(), examined(t)
	path, err := Write(dir, r)
	if err != nil {
		t.Fatal(err)
	}
	for name, ref := range map[string]string{"id": r.ID, "directory": path, "file": filepath.Join(path, FileName)} {
		got, err := Read(dir, ref)
		if err != nil {
			t.Fatalf("by %s: %v", name, err)
		}
		// The windows' histograms are in latency.hlog.
		opts := []cmp.Option{cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Window{}, "Latency", "Service", "Lag")}
		if diff := cmp.Diff(r, got, opts...); diff != "" {
			t.Errorf("by %s:\n%s", name, diff)
		}
	}
}

func TestAFailedWriteLeavesOlderResultsAndNothingElse(t *testing.T) {
	dir, r := t.TempDir(), examined(t)
	old, err := Write(dir, r)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(old, FileName))
	if err != nil {
		t.Fatal(err)
	}
	other := r
	other.ID = "20261123T181600Z-aaaaaaaa"
	dishonest := other
	dishonest.Verdict = Degraded
	tests := map[string]struct {
		r     Result
		files []File
		want  string
	}{
		"the id is taken":             {r, nil, "exists"},
		"the id is a path":            {Result{ID: "../x"}, nil, `id "../x": must be of the form`},
		"a file twice":                {other, []File{{Name: FileName}}, "file exists"},
		"a file outside":              {other, []File{{Name: "../report.md"}}, "must be a name without a directory"},
		"a verdict it does not merit": {dishonest, nil, "verdict DEGRADED: must be VALID"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := writeWith(dir, tt.r, beside(tt.files...))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
			if got := listed(t, dir); !slices.Equal(got, []string{r.ID}) {
				t.Errorf("results directory holds %v, want the old result alone", got)
			}
			if after, err := os.ReadFile(filepath.Join(old, FileName)); err != nil || string(after) != string(before) {
				t.Errorf("the old result changed (%v)", err)
			}
		})
	}
}

func TestAStoredResultHasNoNullButWhereOneIsPromised(t *testing.T) {
	r := Result{Schema: Schema, ID: NewID(time.Now())}
	Examine(&r)
	path, err := Write(t.TempDir(), r)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(path, FileName))
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"checks", "warnings", "groups", "arms", "comparisons"} {
		if _, isList := fields[name].([]any); !isList {
			t.Errorf("%s is %v, want a list", name, fields[name])
		}
	}
}

func TestReadRefusesWhatIsNotAResultOfThisSchema(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"empty":           {"", "unexpected end of JSON input"},
		"not JSON":        {"{\n \"schema\": nonsense", "byte 15: invalid character 'o' in literal null"},
		"not an object":   {"[]", "a result must not be of JSON's kind array"},
		"no schema":       {"{}", `schema "": must be "grpc-bench/result/v1"`},
		"another version": {`{"schema":"grpc-bench/result/v2","id":7}`, `schema "grpc-bench/result/v2": must be "grpc-bench/result/v1"`},
		"a wrong type":    {`{"schema":"grpc-bench/result/v1","arms":[{"name":7}]}`, "arms.name must not be of JSON's kind number"},
		"two documents":   {`{"schema":"grpc-bench/result/v1"}{}`, "invalid character '{' after top-level value"},
		"too large":       {strings.Repeat(" ", MaxBytes+1), "must be at most 16777216 bytes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "result.json")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Read(t.TempDir(), path)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want %q in it", err, tt.want)
			}
			if text := err.Error(); !strings.Contains(text, path) || strings.Contains(text, "\n") {
				t.Errorf("error %q: must name the file, in one line", text)
			}
		})
	}
}

func TestReadIgnoresFieldsOfALaterTool(t *testing.T) {
	path := filepath.Join(t.TempDir(), "result.json")
	if err := os.WriteFile(path, []byte(`{"schema":"grpc-bench/result/v1","id":"x","novelty":{"a":1}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Read("", path)
	if err != nil || r.ID != "x" {
		t.Errorf("id %q, error %v; want x and none", r.ID, err)
	}
}

func TestAnIDIsItsTimeAndRandomLetters(t *testing.T) {
	at := time.Date(2026, 11, 23, 19, 15, 0, 5, time.FixedZone("CET", 3600))
	a, b := NewID(at), NewID(at)
	if !strings.HasPrefix(a, "20261123T181500Z-") || !IsID(a) || a == b {
		t.Errorf("ids %s and %s: want two different ones of 18:15 UTC", a, b)
	}
	for _, s := range []string{"", ".", "..", "20261123T181500Z-k3f2q2x1", "20261123T181500Z-k3f2q2xa/", "a/20261123T181500Z-k3f2q2xa", "20261123T181500Z-k3f2q2xa\n"} {
		if IsID(s) {
			t.Errorf("%q passes for an id", s)
		}
	}
}

// Whatever a file holds, reading and rechecking it ends with an answer.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"schema":"grpc-bench/result/v1","arms":[{"name":"a","epochs":[{}],"windows":[{"epoch":3}]}]}`))
	f.Add([]byte(`{"schema":"grpc-bench/result/v1","arms":[{"latency_ns":{"p50":null,"max":-1,"hdr":"HISTFAAAAA=="}}]}`))
	f.Add([]byte(`{"schema":"grpc-bench/result/v1","arms":[{"handshake":{"full":null},"observed":{"connections":-1}}],"machine":{"epochs":[{}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decode(strings.NewReader(string(data)))
		if err != nil {
			return
		}
		Examine(&r)
		if err := Recheck(r); err != nil {
			t.Errorf("a second examination disagrees: %v", err)
		}
	})
}
