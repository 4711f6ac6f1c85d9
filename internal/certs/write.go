package certs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Modes of the files, whatever the umask.
const (
	certMode fs.FileMode = 0o644
	keyMode  fs.FileMode = 0o600
)

// Named is a Pair and the name of its files: Name.crt with mode 0644 and
// Name.key with mode 0600.
type Named struct {
	Name string
	Pair Pair
}

// Named returns the pairs of s as ca, server and client.
func (s Set) Named() []Named {
	return []Named{{"ca", s.CA}, {"server", s.Server}, {"client", s.Client}}
}

// WriteFiles writes the files of pairs into dir, which must exist. Each is
// complete under its name or not there. Without force nothing is written if one
// of them exists already; an error then leaves dir as it was. With force what
// exists is replaced, file by file.
func WriteFiles(dir string, pairs []Named, force bool) (err error) {
	var files []*file
	for _, p := range pairs {
		files = append(files,
			&file{path: filepath.Join(dir, p.Name+".crt"), data: p.Pair.CertPEM, mode: certMode},
			&file{path: filepath.Join(dir, p.Name+".key"), data: p.Pair.KeyPEM, mode: keyMode})
	}
	for _, f := range files {
		if err := f.checkTarget(force); err != nil {
			return err
		}
	}
	defer func() {
		for _, f := range files {
			f.clean(err != nil)
		}
	}()
	for _, f := range files {
		if err := f.stage(dir); err != nil {
			return fmt.Errorf("write %s: %w", f.path, withoutPath(err)) // not the temporary name
		}
	}
	for _, f := range files {
		if err := f.publish(force); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// file is one file on its way to its name.
type file struct {
	path    string
	data    []byte
	mode    fs.FileMode
	staged  string // the temporary name; empty: none
	created bool   // the file stands under path, where nothing stood before
}

// checkTarget reports what would stop publish, before anything is written.
func (f *file) checkTarget(force bool) error {
	info, err := os.Lstat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("write %s: %w", f.path, err)
	case !force:
		return existsError(f.path)
	case info.IsDir():
		return fmt.Errorf("write %s: must not be a directory", f.path)
	}
	return nil
}

func existsError(path string) error {
	return fmt.Errorf("write %s: %w; give --force to replace it", path, fs.ErrExist)
}

// stage writes the data under a temporary name in dir, down to the disk.
func (f *file) stage(dir string) error {
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(f.path)+".*.tmp")
	if err != nil {
		return err
	}
	f.staged = tmp.Name()
	_, err = tmp.Write(f.data)
	// CreateTemp asks for 0600, of which the umask may take more away; fchmod
	// does not heed the umask.
	return errors.Join(err, tmp.Chmod(f.mode), tmp.Sync(), tmp.Close())
}

// publish gives the staged file its name. Subtle: link(2) fails if the name has
// been taken since checkTarget, as open(2) with O_EXCL would; rename(2) would
// replace it.
func (f *file) publish(force bool) error {
	if force {
		if err := os.Rename(f.staged, f.path); err != nil {
			return fmt.Errorf("write %s: %w", f.path, err)
		}
		f.staged = ""
		return nil
	}
	err := os.Link(f.staged, f.path)
	if errors.Is(err, fs.ErrExist) {
		return existsError(f.path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	f.created = true
	return nil
}

// clean removes the temporary name, and after a failure what publish created.
func (f *file) clean(failed bool) {
	if f.staged != "" {
		_ = os.Remove(f.staged) // nobody can use the file under this name
	}
	if failed && f.created {
		_ = os.Remove(f.path) // the failure itself is what the caller must know
	}
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
