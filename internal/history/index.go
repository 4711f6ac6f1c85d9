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
)

// IndexName is the name of the index in a directory of results.
const IndexName = ".index"

// indexVersion changes with what the index holds.
const indexVersion = "grpc-bench/index/v3"

// maxIndexBytes bounds what is unpacked of an index: 10 000 runs of the built-in suite
// take 40 MB.
const maxIndexBytes = 1 << 30

// indexHead is the first line of the index, which is gzipped lines of JSON. An entry for
// each file follows: none is held beside what is made of it.
type indexHead struct {
	Version string  `json:"version"`
	Layouts [][]Key `json:"layouts"` // each the figures of some runs
}

// indexEntry is what one file held.
type indexEntry struct {
	Stamp  stamp    `json:"stamp"`
	Run    Run      `json:"run"`
	Layout int      `json:"layout"`
	Values []triple `json:"values"`
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
		if e.Layout >= 0 && e.Layout < len(head.Layouts) && len(e.Values) == len(head.Layouts[e.Layout]) {
			all[e.Stamp] = record{e.Run, head.Layouts[e.Layout], slices.Clone(e.Values)}
		}
	}
}

func encodeIndex(to io.Writer, stamps []stamp, records []record) error {
	var known layouts
	places := make([]int, len(records))
	for i, r := range records {
		places[i] = known.place(r.keys)
	}
	packed := gzip.NewWriter(to)
	lines := json.NewEncoder(packed)
	if err := lines.Encode(indexHead{indexVersion, known.all}); err != nil {
		return err
	}
	for i, r := range records {
		if err := lines.Encode(indexEntry{stamps[i], r.Run, places[i], r.values}); err != nil {
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
