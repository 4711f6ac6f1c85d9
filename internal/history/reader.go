package history

import (
	"errors"
	"slices"
	"sync"
)

// Reader reads a directory of results again and again. What it has read stays in
// memory, and files that did not change are not read again; nobody asks, nothing is
// done. Its methods may be called from several goroutines; what they return is not to
// be changed. The zero value is not usable; call Open.
type Reader struct {
	dir    string
	places Places

	mu      sync.Mutex
	found   []file // as they were when last asked for
	stamps  []stamp
	known   map[stamp]record
	ordered []record
	runs    []Run
	failed  error    // of files that cannot be read
	history *History // of ordered; nil: not asked for yet
}

// Open reads a directory as [Read] does, its index with it; places may be nil. The Reader writes nothing
// afterwards. The error is that of a directory that cannot be read; files that cannot
// are the errors of the methods.
func Open(dir string, places Places) (*Reader, error) {
	found, err := list(dir)
	if err != nil {
		return nil, err
	}
	r := &Reader{dir: dir, places: places}
	r.keep(found, gatherIndexed(dir, found))
	return r, nil
}

// Runs returns the runs that the directory holds now, in order of time. A result that
// cannot be read is left out and one of the errors joined in err; the others are there.
func (r *Reader) Runs() ([]Run, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.refresh(); err != nil {
		return nil, err
	}
	return r.runs, r.failed
}

// History returns what [Read] does, of the directory as it is now.
func (r *Reader) History() (History, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.refresh(); err != nil {
		return History{}, err
	}
	if r.history == nil {
		h := historyOf(r.ordered, r.places)
		r.history = &h
	}
	return *r.history, r.failed
}

// refresh reads what changed since the last time.
func (r *Reader) refresh() error {
	found, err := list(r.dir)
	if err != nil {
		return err
	}
	// Behind a link there may be another file of the same size and time.
	irregular := slices.ContainsFunc(found, func(f file) bool { return !f.regular })
	if irregular || !slices.Equal(found, r.found) {
		r.keep(found, gather(r.dir, found, r.known))
	}
	return nil
}

func (r *Reader) keep(found []file, g gathered) {
	r.found, r.failed = found, errors.Join(g.failed...)
	if g.fresh == 0 && r.known != nil && slices.Equal(g.stamps, r.stamps) {
		return
	}
	r.stamps, r.history = g.stamps, nil
	r.known = make(map[stamp]record, len(g.records))
	for i, s := range g.stamps {
		r.known[s] = g.records[i]
	}
	r.ordered = ordered(g.records)
	r.runs = make([]Run, len(r.ordered))
	for i, o := range r.ordered {
		r.runs[i] = o.Run
	}
}
