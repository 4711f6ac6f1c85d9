package result

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"grpcbench/internal/load"
)

// Names in a result directory.
const (
	FileName    = "result.json"
	LogFileName = "latency.hlog"
)

// MaxBytes is the largest result.json that is read or written.
const MaxBytes = 16 << 20

const tempPrefix = ".writing-"

// NewID returns a new id: the time of t in UTC, then 40 random bits, as in
// 20261123T181500Z-k3f2q2xa. Ids sort by time.
func NewID(t time.Time) string {
	var b [5]byte
	rand.Read(b[:]) // never fails
	return t.UTC().Format("20060102T150405Z") + "-" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}

// IsID says whether s has the form of an id, so that it can be the name of a
// directory and nothing else.
func IsID(s string) bool {
	ok, err := regexp.MatchString(`^[0-9]{8}T[0-9]{6}Z-[a-z2-7]{8}$`, s)
	return ok && err == nil
}

// Probe makes the directory of results if it is missing and proves that it can
// be written, by a file that is synced and removed. Call it before any load, so
// that no run ends with a result that has no place.
func Probe(results string) error {
	if err := os.MkdirAll(results, 0o700); err != nil {
		return fmt.Errorf("make results directory: %w", err)
	}
	f, err := os.CreateTemp(results, ".probe-*")
	if err != nil {
		return fmt.Errorf("write results directory: %w", err)
	}
	defer os.Remove(f.Name())
	if err := writeSynced(f, []byte("probe")); err != nil {
		return fmt.Errorf("write results directory: %w", err)
	}
	return sweep(results, time.Now().Add(-time.Hour))
}

// sweep removes what writers left that died before the given time.
func sweep(results string, before time.Time) error {
	entries, err := os.ReadDir(results)
	if err != nil {
		return fmt.Errorf("read results directory: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !strings.HasPrefix(e.Name(), tempPrefix) || info.ModTime().After(before) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(results, e.Name())); err != nil {
			return fmt.Errorf("remove unfinished result: %w", err)
		}
	}
	return nil
}

// File is a file that goes into the directory beside those that Write makes.
type File struct {
	Name string // without a directory
	Data []byte
}

// Write stores an examined result as a new directory results/<id> and returns
// its path. The directory appears whole or not at all, also when the machine
// loses power: everything is written under another name, synced, read back and
// rechecked before it takes its own. After an error nothing of it is left and
// older results are as they were. Directories are 0700, files 0600.
func Write(results string, r Result, files ...File) (path string, err error) {
	if !IsID(r.ID) {
		return "", fmt.Errorf("write result: id %q: must be of the form of NewID", r.ID)
	}
	own, err := encode(r)
	if err != nil {
		return "", fmt.Errorf("write result %s: %w", r.ID, err)
	}
	temp, err := os.MkdirTemp(results, tempPrefix+"*")
	if err != nil {
		return "", fmt.Errorf("write result %s: %w", r.ID, err)
	}
	path = filepath.Join(results, r.ID)
	if err := fill(temp, r, append(own, files...)); err != nil {
		return "", errors.Join(fmt.Errorf("write result %s: %w", r.ID, err), os.RemoveAll(temp))
	}
	if err := publish(temp, path); err != nil {
		return "", errors.Join(fmt.Errorf("write result %s: %w", r.ID, err), os.RemoveAll(temp))
	}
	return path, nil
}

// encode makes the files that hold r.
func encode(r Result) ([]File, error) {
	r = normal(r)
	if err := Recheck(r); err != nil {
		return nil, err
	}
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return nil, err
	}
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("%s: %d bytes, must be at most %d: measure fewer arms or shorter", FileName, len(data), MaxBytes)
	}
	var log bytes.Buffer
	if err := writeLog(&log, r); err != nil {
		return nil, fmt.Errorf("%s: %w", LogFileName, err)
	}
	return []File{{FileName, append(data, '\n')}, {LogFileName, log.Bytes()}}, nil
}

// fill writes files into dir and proves that the result can be read back.
func fill(dir string, r Result, files []File) error {
	for _, file := range files {
		if filepath.Base(file.Name) != file.Name {
			return fmt.Errorf("file %q: must be a name without a directory", file.Name)
		}
		f, err := os.OpenFile(filepath.Join(dir, file.Name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		if err := writeSynced(f, file.Data); err != nil {
			return err
		}
	}
	back, err := readFile(filepath.Join(dir, FileName))
	if err != nil {
		return err
	}
	if back.ID != r.ID || back.Verdict != r.Verdict {
		return fmt.Errorf("%s: read back as %s %s, was %s %s", FileName, back.ID, back.Verdict, r.ID, r.Verdict)
	}
	if err := Recheck(back); err != nil {
		return fmt.Errorf("%s: read back: %w", FileName, err)
	}
	return syncDir(dir)
}

// publish gives a synced directory its name. The system refuses a name that a
// result has already, because that directory is not empty.
func publish(temp, path string) error {
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// writeSynced writes data and closes f.
func writeSynced(f *os.File, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// normal returns r with an empty list or map wherever one is promised, so that
// the stored form has no null but those of [Distribution].
func normal(r Result) Result {
	r.Checks, r.Warnings = filled(r.Checks), filled(r.Warnings)
	r.Groups, r.Comparisons = filled(r.Groups), filled(r.Comparisons)
	r.Arms = append([]Arm{}, r.Arms...)
	for i := range r.Arms {
		a := &r.Arms[i]
		a.Figures = normalFigures(a.Figures)
		a.Windows = filled(a.Windows)
		a.Epochs = append([]Epoch{}, a.Epochs...)
		for k := range a.Epochs {
			a.Epochs[k].Figures = normalFigures(a.Epochs[k].Figures)
		}
	}
	return r
}

func normalFigures(f Figures) Figures {
	for _, l := range []*Ledger{&f.Ledger, &f.LedgerTotal} {
		var sum load.Ledger // of its sum no map is nil
		sum.Add(*l)
		*l = sum
	}
	return f
}

func filled[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// Read reads a stored result. ref is an id, looked up in the directory results,
// or the path of a result directory or of its result.json. A file that is too
// large, malformed or of another version of the schema is refused by name.
func Read(results, ref string) (Result, error) {
	path := ref
	if IsID(ref) {
		path = filepath.Join(results, ref)
	}
	info, err := os.Stat(path)
	if err != nil {
		return Result{}, fmt.Errorf("read result: %w", err)
	}
	if info.IsDir() {
		path = filepath.Join(path, FileName)
	}
	return readFile(path)
}

func readFile(path string) (Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return Result{}, fmt.Errorf("read result: %w", err)
	}
	defer f.Close()
	r, err := decode(f)
	if err != nil {
		return Result{}, fmt.Errorf("read %s: %w", path, err)
	}
	return r, nil
}

// decode reads one result of this schema. Fields it does not know are of a later
// tool and ignored: within a version fields are only added.
func decode(from io.Reader) (Result, error) {
	data, err := io.ReadAll(io.LimitReader(from, MaxBytes+1))
	if err != nil {
		return Result{}, err
	}
	if len(data) > MaxBytes {
		return Result{}, fmt.Errorf("must be at most %d bytes", MaxBytes)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return Result{}, oneLine(err)
	}
	if head.Schema != Schema {
		return Result{}, fmt.Errorf("schema %.60q: must be %q", head.Schema, Schema)
	}
	var r Result
	if err := json.Unmarshal(data, &r); err != nil {
		return Result{}, oneLine(err)
	}
	return r, nil
}

// oneLine adds to a JSON error where in the file it is.
func oneLine(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("byte %d: %w", syntax.Offset, err)
	}
	return err
}
