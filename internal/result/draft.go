package result

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Names in a results directory that begin with a dot are not results.
const (
	lockName    = ".lock"     // held while a place is made, or those of the dead are cleared
	runningName = ".running-" // and an id: a run's place while it runs
	brokenName  = ".broken-"  // and an id: a dead run's place that cannot be read
)

// Names in a run's place. A checkpoint is a directory whose name is a number; the
// highest is the last.
const (
	holderName = "lock" // held as long as the run's process lives
	nextName   = "next" // a directory that is being written
)

// room is what must fit into a results directory before anything is measured. The
// built-in suite takes half of it.
const room = 1 << 20

// A Draft is the place of a run in a results directory until its result has one:
// a hidden directory, held by a lock that the system gives back when the process
// ends in whatever way. Its methods are for one goroutine at a time.
type Draft struct {
	results, id string
	holder      *os.File
	saves       int // checkpoints written; the last one is there until Publish
	published   bool
}

// Begin makes the directory of results if it is missing, and a place in it for a
// run that begins at the given time. It proves that a result can be written, by a
// mebibyte that is synced and removed: call it before any load, so that no run
// ends with a result that has no place. The caller must Close the draft.
func Begin(results string, at time.Time) (*Draft, error) { return begin(results, NewID(at)) }

func begin(results, id string) (*Draft, error) {
	d := &Draft{results: results, id: id}
	if err := d.make(); err != nil {
		return nil, fmt.Errorf("write results directory: %w", err)
	}
	return d, nil
}

func (d *Draft) make() error {
	if err := makeDir(d.results); err != nil {
		return err
	}
	release, err := lockDir(d.results)
	if err != nil {
		return err
	}
	defer release()
	if err := os.Mkdir(d.place(), 0o700); err != nil {
		return err
	}
	if err := errors.Join(d.hold(), syncDir(d.results)); err != nil {
		return errors.Join(err, d.Close())
	}
	return nil
}

// hold takes the lock of the draft's place and proves that there is room.
func (d *Draft) hold() error {
	var err error
	if d.holder, err = os.OpenFile(filepath.Join(d.place(), holderName), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return err
	}
	if err := lock(d.holder); err != nil {
		return fmt.Errorf("lock %s: %w", d.holder.Name(), err)
	}
	_, err = d.holder.Write(make([]byte, room))
	if err = errors.Join(err, d.holder.Sync()); err != nil {
		return fmt.Errorf("must have room for %d bytes: %w", room, err)
	}
	return d.holder.Truncate(0)
}

// ID is the id of the run, which its result must have.
func (d *Draft) ID() string { return d.id }

func (d *Draft) place() string { return filepath.Join(d.results, runningName+d.id) }

func (d *Draft) checkpoint(n int) string { return filepath.Join(d.place(), strconv.Itoa(n)) }

// Save keeps the epochs of a result as safely as Publish, in case the process does not
// live to publish one; see [Recover]. Nothing is worked out of them, and nothing asked. It
// takes the place of what was saved before. After an error that is still there.
func (d *Draft) Save(r Result) error {
	own, err := files(normal(r))
	if err == nil {
		err = d.store(r.ID, d.checkpoint(d.saves+1), func(dir string) error {
			return errors.Join(writeFiles(dir, own), syncDir(dir))
		})
	}
	if err != nil {
		return fmt.Errorf("save result %s: %w", d.id, err)
	}
	d.saves++
	if err := os.RemoveAll(d.checkpoint(d.saves - 1)); err != nil {
		return fmt.Errorf("save result %s: %w", d.id, err)
	}
	return nil
}

// Publish stores an examined result as a new directory results/<id> and returns
// its path. The directory appears whole or not at all, also when the machine
// loses power: everything is written under another name, synced, read back and
// rechecked before it takes its own. What was read back is what render is given.
// After an error nothing of it is left and older results are as they were.
// Directories are 0700, files 0600.
func (d *Draft) Publish(r Result, render Render) (path string, err error) {
	path = filepath.Join(d.results, d.id)
	own, err := encode(r)
	if err == nil {
		err = d.store(r.ID, path, func(dir string) error { return fill(dir, r, own, render) })
	}
	if err != nil {
		return "", fmt.Errorf("write result %s: %w", d.id, err)
	}
	d.published = true
	return path, nil
}

// Close ends the draft and removes its place. Only what was saved and not
// published stays, for [Recover].
func (d *Draft) Close() error {
	var err error
	if d.saves == 0 || d.published {
		err = os.RemoveAll(d.place())
	}
	if d.holder != nil {
		err = errors.Join(err, d.holder.Close())
	}
	return err
}

// store writes r, and what render makes of it, as a directory of that path.
func (d *Draft) store(id, path string, fill func(dir string) error) error {
	if id != d.id {
		return fmt.Errorf("id %q: must be that of the draft", id)
	}
	next := filepath.Join(d.place(), nextName)
	err := os.Mkdir(next, 0o700)
	if err == nil {
		err = fill(next)
	}
	if err == nil {
		err = publish(next, path)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(next))
	}
	return nil
}

// Recover clears away what runs left whose process has died. What such a run had
// saved becomes its result, verdict PARTIAL, when judge has filled in what is made of its
// epochs, with what render makes of that; the ids of these are returned. Runs that still go on are left alone, and so are those of which that cannot be told:
// of another user, or on a file system without locks. A place that cannot be read
// is renamed and an error; one whose reports cannot be made or written is an error and
// stays as it is for the next time. The others are recovered none the less.
func Recover(results string, judge Judge, render Render) (ids []string, err error) {
	found, err := places(results)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	release, err := lockDir(results)
	if err != nil {
		return nil, fmt.Errorf("recover results: %w", err)
	}
	defer release()
	var failed []error
	for _, id := range found {
		kept, err := (&Draft{results: results, id: id}).takeOver(judge, render)
		if err != nil {
			failed = append(failed, fmt.Errorf("recover result %s: %w", id, err))
		}
		if kept {
			ids = append(ids, id)
		}
	}
	return ids, errors.Join(failed...)
}

// places are the ids of the runs that have a place in a results directory.
func places(results string) (ids []string, err error) {
	entries, err := os.ReadDir(results)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("recover results: %w", err)
	}
	for _, e := range entries {
		if id, ok := strings.CutPrefix(e.Name(), runningName); ok && IsID(id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// takeOver ends the draft of another process if that has died, and says whether
// there is a result of it now. The directory's lock must be held: then a place
// without a lock is not one that is being made.
func (d *Draft) takeOver(judge Judge, render Render) (kept bool, err error) {
	holder, err := os.OpenFile(filepath.Join(d.place(), holderName), os.O_RDWR, 0)
	switch {
	case err == nil:
		defer holder.Close()
		if !tryLock(holder) {
			return false, nil
		}
	case !errors.Is(err, fs.ErrNotExist):
		return false, nil
	}
	last, err := d.last()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // its own process has just removed it
	}
	if err != nil {
		return false, err
	}
	path := filepath.Join(d.results, d.id)
	if _, err := os.Lstat(path); last != "" && errors.Is(err, fs.ErrNotExist) {
		r, err := d.complete(last, judge)
		if err != nil {
			broken := filepath.Join(d.results, brokenName+d.id)
			return false, errors.Join(fmt.Errorf("%w; it is kept as %s", err, filepath.Base(broken)), os.Rename(d.place(), broken))
		}
		if err := errors.Join(strip(last), present(last, r, render)); err != nil {
			return false, err
		}
		if err := publish(last, path); err != nil {
			return false, err
		}
		kept = true
	}
	return kept, os.RemoveAll(d.place())
}

// last is the path of the last checkpoint, "" if there is none.
func (d *Draft) last() (string, error) {
	entries, err := os.ReadDir(d.place())
	if err != nil {
		return "", err
	}
	highest := 0
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			highest = max(highest, n)
		}
	}
	if highest == 0 {
		return "", nil
	}
	return d.checkpoint(highest), nil
}

// complete makes a result of a checkpoint, in its place. Done again it is the same.
func (d *Draft) complete(checkpoint string, judge Judge) (Result, error) {
	path := filepath.Join(checkpoint, FileName)
	r, err := readFile(path)
	if err == nil && r.ID != d.id {
		err = fmt.Errorf("id %q: must be that of the run", r.ID)
	}
	if err != nil {
		return r, err
	}
	if err := judge(&r); err != nil {
		return r, err
	}
	r = normal(r)
	data, err := marshal(r)
	if err != nil {
		return r, err
	}
	next := path + "." + nextName
	if err := os.RemoveAll(next); err != nil {
		return r, err
	}
	if err := errors.Join(writeSynced(next, data), os.Rename(next, path), syncDir(checkpoint)); err != nil {
		return r, err
	}
	if r, err = readFile(path); err != nil {
		return r, err
	}
	return r, Recheck(r)
}

// strip removes from a checkpoint what is not the result: reports that a recovery was
// writing when it died, or that an older tool kept with it.
func strip(checkpoint string) error {
	entries, err := os.ReadDir(checkpoint)
	for _, e := range entries {
		if e.Name() != FileName && e.Name() != LogFileName {
			err = errors.Join(err, os.RemoveAll(filepath.Join(checkpoint, e.Name())))
		}
	}
	return err
}

// makeDir makes a directory, durably, unless it is there.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// lockDir waits for the lock of a results directory. Its file is removed with the
// lock, so whoever gets the lock of a removed one tries again.
func lockDir(dir string) (release func(), err error) {
	path := filepath.Join(dir, lockName)
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		if err := lock(f); err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		held, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if there, err := os.Stat(path); err == nil && os.SameFile(held, there) {
			return func() {
				_ = os.Remove(path) // left behind it does no harm
				_ = f.Close()       // which gives the lock back; nothing was written
			}, nil
		}
		_ = f.Close() // nothing was written
	}
}
