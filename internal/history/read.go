package history

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"grpcbench/internal/result"
)

// Read returns the history of a directory of results and of the baselines in it, in the
// order of places; nil: in order of time. A
// result that cannot be read is left out and one of the errors joined in err; the
// others are there.
//
// What was read is kept in an index, a file of the directory, from which results that
// did not change since are taken. It is never the truth: without it, or with one that
// cannot be read, everything is read again. That it cannot be written is no error.
func Read(dir string, places Places) (History, error) {
	records, err := readRecords(dir)
	return historyOf(ordered(records), places), err
}

// historyOf makes the history of records, which are in order of time.
func historyOf(records []record, places Places) History {
	records, placed := inHistory(records, places)
	h := assemble(records)
	h.Placed = placed
	h.nominate(records)
	return h
}

// readRecords returns the records of all results that can be read.
func readRecords(dir string) ([]record, error) {
	found, err := list(dir)
	if err != nil {
		return nil, err
	}
	g := gatherIndexed(dir, found)
	return g.records, errors.Join(g.failed...)
}

// gatherIndexed gathers with the index of the directory, which it writes anew if it was
// not that of what was found.
func gatherIndexed(dir string, found []file) gathered {
	index := readIndex(dir)
	g := gather(dir, found, index)
	if g.fresh > 0 || len(index) != len(g.stamps) {
		writeIndex(dir, g.stamps, g.records)
	}
	return g
}

// gathered is what a directory holds.
type gathered struct {
	records []record // those that can be read, in the order of their files; keys that are the same are one list
	stamps  []stamp  // their files
	fresh   int      // how many of them were read
	failed  []error  // of the others
}

// gather returns the records of files, from known where they did not change.
func gather(dir string, found []file, known map[stamp]record) gathered {
	records := make([]record, len(found))
	var shared layouts
	var facts factLists
	var missing []int
	for i, f := range found {
		if r, ok := known[f.stamp]; ok && f.regular {
			r.keys = shared.shared(r.keys)
			facts.share(r.facts)
			records[i] = r
		} else {
			missing = append(missing, i)
		}
	}
	g := gathered{failed: readAll(dir, found, missing, func(i int, r record) {
		r.keys = shared.shared(r.keys)
		facts.share(r.facts)
		records[i] = r
	})}
	g.fresh = len(missing) - len(g.failed)
	for i, r := range records {
		if r.ID != "" {
			g.records, g.stamps = append(g.records, r), append(g.stamps, found[i].stamp)
		}
	}
	return g
}

// stamp says which file a record is of, and of which state of it.
type stamp struct {
	Baseline string `json:"baseline,omitempty"`
	ID       string `json:"id,omitempty"`
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"` // ns since 1970
}

func (s stamp) ref() string { return Run{ID: s.ID, Baseline: s.Baseline}.Ref() }

// file is a result that there may be.
type file struct {
	stamp
	regular bool // nothing on the way to it inside the directory is a link
}

// list lists the results and the baselines of a directory.
func list(dir string) ([]file, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	var found []file
	for _, e := range entries {
		if result.IsID(e.Name()) {
			found = append(found, stampOf(filepath.Join(dir, e.Name()), stamp{ID: e.Name()}, e))
		}
	}
	baselines := filepath.Join(dir, result.Baselines)
	entries, err = os.ReadDir(baselines)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read baselines: %w", err)
	}
	for _, e := range entries {
		if result.IsBaselineName(e.Name()) {
			found = append(found, stampOf(filepath.Join(baselines, e.Name()), stamp{Baseline: e.Name()}, e))
		}
	}
	return found, nil
}

func stampOf(path string, s stamp, e fs.DirEntry) file {
	info, err := os.Lstat(filepath.Join(path, result.FileName))
	if err != nil {
		return file{stamp: s}
	}
	s.Size, s.Modified = info.Size(), info.ModTime().UnixNano()
	return file{s, e.IsDir() && info.Mode().IsRegular()}
}

// readAll reads the files that are missing, as many at once as there are CPUs: each
// takes some megabytes. keep is called with the place of each and its record, one at a
// time.
func readAll(dir string, found []file, missing []int, keep func(i int, r record)) []error {
	failed := make([]error, len(missing))
	next := make(chan int)
	var wait sync.WaitGroup
	var one sync.Mutex
	for range min(runtime.GOMAXPROCS(0), len(missing)) {
		wait.Go(func() {
			for k := range next {
				i := missing[k]
				r, err := result.Read(dir, found[i].ref())
				if err != nil {
					failed[k] = err
					continue
				}
				// The checksum says that the verdict is the one of the run; without it the
				// content is asked again.
				if slices.ContainsFunc(r.Warnings, func(w result.Warning) bool { return w.Code == result.NoChecksum }) {
					result.Examine(&r)
				}
				one.Lock()
				keep(i, recordOf(&r, found[i].Baseline))
				one.Unlock()
			}
		})
	}
	for k := range missing {
		next <- k
	}
	close(next)
	wait.Wait()
	var errs []error
	for _, err := range failed {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// nominate does so in every series, as many at once as there are CPUs.
func (h *History) nominate(records []record) {
	next := make(chan int)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := range next {
				h.Series[i].nominate(records)
			}
		})
	}
	for i := range h.Series {
		next <- i
	}
	close(next)
	wait.Wait()
}
