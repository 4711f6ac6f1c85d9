package history

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"grpcbench/internal/compare"
)

// IndexName is the name of the index in a directory of results.
const IndexName = ".index"

// indexVersion changes with what the index holds, and with what plans have for a hash.
const indexVersion = "grpc-bench/index/v5"

// maxIndexBytes bounds what is unpacked of an index: 10 000 runs of the built-in suite
// take 40 MB.
const maxIndexBytes = 1 << 30

// indexHead is the first line of the index, which is gzipped lines of JSON. An entry for
// each file follows: none is held beside what is made of it.
type indexHead struct {
	Version string  `json:"version"`
	Layouts [][]Key `json:"layouts"` // each the figures of some runs
	// Facts are lists of what is known of some runs, or arms.
	Facts [][]compare.Fact `json:"facts"`
}

// indexEntry is what one file held.
type indexEntry struct {
	Stamp  stamp       `json:"stamp"`
	Run    Run         `json:"run"`
	Layout int         `json:"layout"`
	Values []triple    `json:"values"`
	Facts  []factEntry `json:"facts"`
}

// factEntry says which list of facts an arm has; of the whole run it is "".
type factEntry struct {
	Arm  string `json:"arm,omitempty"`
	List int    `json:"list"`
}

// readIndex returns the records of the index by their files; none if it cannot be
// read. What is no file of the directory is no index: a link, or a pipe, which nobody
// may ever write to.
func readIndex(dir string) map[stamp]record {
	path := filepath.Join(dir, IndexName)
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	all, err := decodeIndex(f)
	if err != nil {
		return nil
	}
	return all
}

func decodeIndex(from io.Reader) (map[stamp]record, error) {
	unpacked, err := gzip.NewReader(from)
	if err != nil {
		return nil, err
	}
	lines := json.NewDecoder(io.LimitReader(unpacked, maxIndexBytes))
	var head indexHead
	if err := lines.Decode(&head); err != nil {
		return nil, err
	}
	all := make(map[stamp]record)
	if head.Version != indexVersion {
		return all, nil
	}
	for e := (indexEntry{}); ; e = (indexEntry{Values: e.Values[:0]}) {
		if err := lines.Decode(&e); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		known := !slices.ContainsFunc(e.Facts, func(f factEntry) bool { return f.List < 0 || f.List >= len(head.Facts) })
		if known && e.Layout >= 0 && e.Layout < len(head.Layouts) && len(e.Values) == len(head.Layouts[e.Layout]) {
			r := record{Run: e.Run, keys: head.Layouts[e.Layout], values: slices.Clone(e.Values)}
			for _, f := range e.Facts {
				r.facts = append(r.facts, armFacts{f.Arm, head.Facts[f.List]})
			}
			all[e.Stamp] = r
		}
	}
}

func encodeIndex(to io.Writer, stamps []stamp, records []record) error {
	var known layouts
	var lists factLists
	places := make([]int, len(records))
	facts := make([][]factEntry, len(records))
	for i, r := range records {
		places[i] = known.place(r.keys)
		for _, f := range r.facts {
			facts[i] = append(facts[i], factEntry{f.arm, lists.place(f.list)})
		}
	}
	packed := gzip.NewWriter(to)
	lines := json.NewEncoder(packed)
	if err := lines.Encode(indexHead{indexVersion, known.all, lists.all}); err != nil {
		return err
	}
	for i, r := range records {
		if err := lines.Encode(indexEntry{stamps[i], r.Run, places[i], r.values, facts[i]}); err != nil {
			return err
		}
	}
	return packed.Close()
}

// writeIndex replaces the index. Of two that do so at once the last one wins. Failing
// leaves the old one.
func writeIndex(dir string, stamps []stamp, records []record) {
	f, err := os.CreateTemp(dir, IndexName+"-*")
	if err != nil {
		return
	}
	defer os.Remove(f.Name())
	err = encodeIndex(f, stamps, records)
	if f.Close() != nil || err != nil {
		return
	}
	_ = os.Rename(f.Name(), filepath.Join(dir, IndexName))
}
