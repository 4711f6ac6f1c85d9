package result

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
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

// NewID returns a new id: the time of t in UTC, then 40 random bits, as in
// 20261123T181500Z-k3f2q2xa. Ids sort by time.
func NewID(t time.Time) string {
	var b [5]byte
	rand.Read(b[:]) // never fails
	return t.UTC().Format("20060102T150405Z") + "-" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}

// IsID says whether s has the form of an id, so that it can be the name of a
// directory and nothing else.
func IsID(s string) bool { return idForm.MatchString(s) }

// idForm is made once: a directory may hold ten thousand names.
var idForm = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[a-z2-7]{8}$`)

// File is a file that goes into the directory beside those that Write makes.
type File struct {
	Name string // without a directory
	Data []byte
}

// Render makes the files that stand beside a result, of what was read back from the
// disk; nil: there are none.
type Render func(Result) ([]File, error)

// Judge fills in all that is made of the epochs of a result.
type Judge func(*Result) error

// Write stores an examined result that has an id already, as [Draft.Publish] does,
// without anything beside it.
func Write(results string, r Result) (path string, err error) { return writeWith(results, r, nil) }

func writeWith(results string, r Result, render Render) (path string, err error) {
	if !IsID(r.ID) {
		return "", fmt.Errorf("write result: id %q: must be of the form of NewID", r.ID)
	}
	d, err := begin(results, r.ID)
	if err != nil {
		return "", err
	}
	path, err = d.Publish(r, render)
	return path, errors.Join(err, d.Close())
}

// encode makes the files that hold r.
func encode(r Result) ([]File, error) {
	r = normal(r)
	if err := Recheck(r); err != nil {
		return nil, err
	}
	return files(r)
}

func files(r Result) ([]File, error) {
	data, err := marshal(r)
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
	return []File{{FileName, data}, {LogFileName, log.Bytes()}}, nil
}

// fill writes the files that hold r into dir, proves that the result can be read back,
// and renders that.
func fill(dir string, r Result, own []File, render Render) error {
	if err := writeFiles(dir, own); err != nil {
		return err
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
	return present(dir, back, render)
}

// present writes what render makes of r beside it, and syncs the directory.
func present(dir string, r Result, render Render) error {
	var files []File
	if render != nil {
		var err error
		if files, err = render(r); err != nil {
			return fmt.Errorf("make reports: %w", err)
		}
	}
	for _, file := range files {
		if filepath.Base(file.Name) != file.Name {
			return fmt.Errorf("file %q: must be a name without a directory", file.Name)
		}
	}
	if err := writeFiles(dir, files); err != nil {
		return err
	}
	return syncDir(dir)
}

func writeFiles(dir string, files []File) error {
	for _, file := range files {
		if err := writeSynced(filepath.Join(dir, file.Name), file.Data); err != nil {
			return err
		}
	}
	return nil
}

// publish gives a synced directory its name. The system refuses a name that a
// result has already, because that directory is not empty. A name that may not
// outlive the machine's power is taken back.
func publish(temp, path string) error {
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return errors.Join(err, os.Rename(path, temp))
	}
	return nil
}

// writeSynced writes a new file and proves that it holds the data.
func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	back, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(back, data) {
		return fmt.Errorf("%s: read back: must be what was written", filepath.Base(path))
	}
	return nil
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
