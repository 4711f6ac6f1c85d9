package history

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// IndexName is the name of the index in a directory of results.
const IndexName = ".index"

// indexVersion changes with what the index holds.
const indexVersion = "grpc-bench/index/v1"

// maxIndexBytes bounds what is unpacked of an index: 10 000 runs of the built-in suite
// take 40 MB.
const maxIndexBytes = 1 << 30

// index is the stored form, gzipped JSON.
type index struct {
	Version string       `json:"version"`
	Layouts [][]Key      `json:"layouts"` // each the figures of some runs
	Entries []indexEntry `json:"entries"`
}

// indexEntry is what one file held.
type indexEntry struct {
	Stamp  stamp    `json:"stamp"`
	Run    Run      `json:"run"`
	Layout int      `json:"layout"`
	Values []triple `json:"values"`
}

// readIndex returns the records of the index by their files; none if it cannot be
// read.
func readIndex(dir string) map[stamp]record {
	f, err := os.Open(filepath.Join(dir, IndexName))
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
	var x index
	if err := json.NewDecoder(io.LimitReader(unpacked, maxIndexBytes)).Decode(&x); err != nil {
		return nil, err
	}
	all := make(map[stamp]record, len(x.Entries))
	if x.Version != indexVersion {
		return all, nil
	}
	for _, e := range x.Entries {
		if e.Layout < 0 || e.Layout >= len(x.Layouts) || len(e.Values) != len(x.Layouts[e.Layout]) {
			continue
		}
		all[e.Stamp] = record{e.Run, x.Layouts[e.Layout], e.Values}
	}
	return all, nil
}

func encodeIndex(to io.Writer, stamps []stamp, records []record) error {
	x := index{Version: indexVersion, Entries: make([]indexEntry, len(records))}
	for i, r := range records {
		layout := slices.IndexFunc(x.Layouts, func(keys []Key) bool { return slices.Equal(keys, r.keys) })
		if layout < 0 {
			layout = len(x.Layouts)
			x.Layouts = append(x.Layouts, r.keys)
		}
		x.Entries[i] = indexEntry{stamps[i], r.Run, layout, r.values}
	}
	packed := gzip.NewWriter(to)
	if err := json.NewEncoder(packed).Encode(x); err != nil {
		return err
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
