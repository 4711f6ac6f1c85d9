package result

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"grpcbench/testing/lane"
)

// smallest is a stored result of less than 8 KiB with an estimate in it.
func smallest(t *testing.T) (r Result, data []byte) {
	t.Helper()
	r = normal(Result{Schema: Schema, ID: NewID(at), Created: at, Comparisons: fixtureComparisons()[:1]})
	Examine(&r)
	data, err := marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 8<<10 {
		t.Fatalf("%d bytes: must be few, as each of them is changed", len(data))
	}
	return r, data
}

func TestAStoredResultIsReadBackWithItsChecksum(t *testing.T) {
	want, data := smallest(t)
	got, err := decode(bytes.NewReader(data))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v (%v), want %+v", got, err, want)
	}
}

func asDocument(t *testing.T, data []byte) (doc map[string]any) {
	t.Helper()
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// The formula is that of the documentation: head -n -2 result.json | sha256sum.
func TestTheChecksumIsTheSHA256OfTheLinesBeforeIt(t *testing.T) {
	_, data := smallest(t)
	lines := strings.SplitAfter(string(data), "\n") // and "" behind the last
	n := len(lines) - 1
	sum := sha256.Sum256([]byte(strings.Join(lines[:n-2], "")))
	if want := fmt.Sprintf(" \"checksum\": \"sha256:%x\"\n", sum); lines[n-2] != want || lines[n-1] != "}\n" {
		t.Errorf("last lines %q, want %q and the end of the object", lines[n-2:], want)
	}
}

// TestEveryFlippedBitIsDetected: a bit of the checksum's own name makes a file
// without one, which is a warning; its numbers are right.
//
//	fault:   one bit of result.json turned over, each in turn
//	promise: refused by name, or read with a warning and the right numbers
//	figure:  8 bits of every byte; 0 accepted in silence, 0 panics
func TestEveryFlippedBitIsDetected(t *testing.T) {
	lane.Long(t, "works for seconds: reads a file as often as it has bits")
	t.Parallel()
	want, data := smallest(t)
	refused, warned := 0, 0
	for i := range data {
		for bit := range 8 {
			torn := bytes.Clone(data)
			torn[i] ^= 1 << bit
			got, err := decode(bytes.NewReader(torn))
			if err != nil {
				refused++
				continue
			}
			warned++
			if len(got.Warnings) != len(want.Warnings)+1 || got.Warnings[0].Code != "no_checksum" {
				t.Fatalf("bit %d of byte %d: read without a doubt", bit, i)
			}
			if got.Warnings = got.Warnings[1:]; !reflect.DeepEqual(got, want) {
				t.Fatalf("bit %d of byte %d: read as another result", bit, i)
			}
		}
	}
	if refused == 0 || warned > 8*len(sealName) {
		t.Errorf("%d refused, %d read with a warning: must be at most those of the checksum's name", refused, warned)
	}
}

// TestAResultCutShortAnywhereIsRefused holds for a file of every length but the
// whole one.
//
//	fault:   result.json cut short at every byte
//	promise: refused
//	figure:  every length; 0 accepted, 0 panics
func TestAResultCutShortAnywhereIsRefused(t *testing.T) {
	_, data := smallest(t)
	for n := range len(data) {
		if _, err := decode(bytes.NewReader(data[:n])); err == nil {
			t.Fatalf("the first %d of %d bytes are read as a result", n, len(data))
		}
	}
}

// TestAChangedEstimateIsRefused: the checks cannot know it, as it is of nothing
// else in the file.
//
//	fault:   one digit of an estimate changed in result.json
//	promise: refused, naming the file and its checksum
//	figure:  1 digit
func TestAChangedEstimateIsRefused(t *testing.T) {
	dir, r := t.TempDir(), examined(t)
	path, err := Write(dir, r)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(path, FileName)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(data, []byte(`"estimate_ratio": 1.099`), []byte(`"estimate_ratio": 1.009`), 1)
	if bytes.Equal(changed, data) {
		t.Fatal("the estimate is not in the file")
	}
	if err := os.WriteFile(file, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir, r.ID); err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("error %v, want one that names the file and its checksum", err)
	}
}

func TestAResultInTheDirectoryOfAnotherIsRefused(t *testing.T) {
	dir := t.TempDir()
	r := partial(t, 1)
	path, err := Write(dir, r)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, NewID(at))
	if err := os.Rename(path, other); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir, other); err == nil || !strings.Contains(err.Error(), "must be the name of its directory") {
		t.Errorf("error %v, want one that names the id", err)
	}
	free := filepath.Join(dir, "before-the-upgrade")
	if err := os.Rename(other, free); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(dir, free); err != nil || got.ID != r.ID {
		t.Errorf("under a name of the user's: %s (%v), want %s", got.ID, err, r.ID)
	}
}

func TestSealTakesTheIndentationOfTheObject(t *testing.T) {
	for _, object := range []string{"{\n \"a\": 1\n}", "{\n    \"a\": {\n        \"b\": {}\n    }\n}\n"} {
		sealed := Seal([]byte(object))
		if ok, err := verify(sealed); !ok || err != nil {
			t.Errorf("%q: sealed %t, %v", sealed, ok, err)
		}
		if doc := asDocument(t, sealed); len(doc) != 2 || doc["checksum"] == "" {
			t.Errorf("%v, want one member more", doc)
		}
	}
}

// What is stored is JSON whatever is in it, with no line of its own for what is deep.
func TestOnlyWhatIsNotDeepHasALineOfItsOwn(t *testing.T) {
	for _, tt := range []struct{ compact, want string }{
		{`{}`, `{}`},
		{`{"a":[],"b":{}}`, "{\n \"a\": [],\n \"b\": {}\n}"},
		{`{"a":[1,{"b":[2,3]}]}`, "{\n \"a\": [\n  1,\n  {\"b\":[2,3]}\n ]\n}"},
		{`{"{[,:\"":"\\","]}":"\"}"}`, "{\n" + ` "{[,:\"": "\\",` + "\n" + ` "]}": "\"}"` + "\n}"},
	} {
		if got := string(indent([]byte(tt.compact), 2)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.compact, got, tt.want)
		}
	}
	r := fixture(t)
	r.Name = `a "quoted\ name, with: [all] {of} it`
	compact, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back bytes.Buffer
	if err := json.Compact(&back, indent(compact, lineDepth)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(back.Bytes(), compact) {
		t.Error("indented it is another document")
	}
}
