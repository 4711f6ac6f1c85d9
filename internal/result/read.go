package result

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Read reads a stored result. ref is an id or baseline:NAME, looked up in the
// directory results, or the path of a result directory or of its result.json. A
// file that is too large, malformed, changed since it was written, in another
// result's directory or of another version of the schema is refused by name. One
// without a checksum is read with a warning.
//
// A path is the user's choice. What an id or a baseline stands for must be a file
// inside results: a link that leads out of it is refused.
func Read(results, ref string) (Result, error) {
	f, path, err := open(results, ref)
	if err != nil {
		return Result{}, err
	}
	defer f.Close()
	r, err := decodeFile(f, path)
	dir, isBaseline := filepath.Base(filepath.Dir(path)), strings.HasPrefix(ref, baselinePrefix)
	if err == nil && !isBaseline && IsID(dir) && r.ID != dir {
		return Result{}, fmt.Errorf("read %s: id %q: must be the name of its directory", path, r.ID)
	}
	return r, err
}

// open opens the file that ref stands for; path is what to call it.
func open(results, ref string) (f *os.File, path string, err error) {
	if name, ok := strings.CutPrefix(ref, baselinePrefix); ok {
		if !IsBaselineName(name) {
			return nil, "", fmt.Errorf("read baseline %.110q: must be of letters, digits, dots, underscores and dashes, 100 at most, and not begin with a dot", name)
		}
		return openInside(results, baselineFile(name))
	}
	if IsID(ref) {
		return openInside(results, filepath.Join(ref, FileName))
	}
	info, err := os.Stat(ref)
	if err != nil {
		return nil, "", because(ref, err)
	}
	if info.IsDir() {
		path := filepath.Join(ref, FileName)
		f, err := regular(os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0))
		return f, path, because(path, err)
	}
	f, err = os.Open(ref) // which may be a pipe
	return f, ref, because(ref, err)
}

// openInside opens a file of the directory results.
func openInside(results, name string) (f *os.File, path string, err error) {
	path = filepath.Join(results, name)
	root, err := os.OpenRoot(results)
	if err != nil {
		return nil, "", because(path, err)
	}
	defer root.Close()
	f, err = regular(root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0))
	return f, path, because(path, err)
}

// regular passes on a file that was opened without waiting for a writer, if it is
// a regular one: a pipe in a directory would be waited for.
func regular(f *os.File, err error) (*os.File, error) {
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("must be a file")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// because says which file err is about; the system's own words name a step on the
// way to it.
func because(path string, err error) error {
	if err == nil {
		return nil
	}
	if step, ok := errors.AsType[*fs.PathError](err); ok {
		err = step.Err
	}
	return fmt.Errorf("read %s: %w", path, err)
}

func readFile(path string) (Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return Result{}, because(path, err)
	}
	defer f.Close()
	return decodeFile(f, path)
}

// decodeFile reads f. One whose size is known to be too large is not read at all.
func decodeFile(f *os.File, path string) (Result, error) {
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() && info.Size() > MaxBytes {
		err = fmt.Errorf("%d bytes: must be at most %d bytes", info.Size(), MaxBytes)
	}
	if err != nil {
		return Result{}, because(path, err)
	}
	r, err := decode(f)
	return r, because(path, err)
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
	var r Result
	malformed := json.Unmarshal(data, &r)
	if err := checkSchema(data, r.Schema, malformed); err != nil {
		return Result{}, err
	}
	sealed, err := verify(data)
	if err = cmp.Or(err, malformed); err != nil {
		return Result{}, oneLine(err)
	}
	if !sealed {
		r.Warnings = append([]Warning{unsealed()}, r.Warnings...)
	}
	return r, nil
}

// checkSchema returns an error unless data is of this schema. What could not be decoded
// is asked for its schema alone, since that of another one may well not fit.
func checkSchema(data []byte, schema string, malformed error) error {
	if malformed != nil {
		var head struct {
			Schema string `json:"schema"`
		}
		if err := json.Unmarshal(data, &head); err != nil {
			return oneLine(err)
		}
		schema = head.Schema
	}
	if schema != Schema {
		return fmt.Errorf("schema %.60q: must be %q", schema, Schema)
	}
	return nil
}

// oneLine adds to a JSON error where in the file it is, and leaves out of it what the
// file is read into.
func oneLine(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Errorf("byte %d: %s must not be of JSON's kind %s", kind.Offset, cmp.Or(kind.Field, "a result"), kind.Value)
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("byte %d: %w", syntax.Offset, err)
	}
	return err
}
