package plan

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxHeaderListBytes bounds the metadata of a call as HTTP/2 counts it. It
	// leaves 4 KiB of the 64 KiB that both ends accept to gRPC's own header.
	maxHeaderListBytes = 60 << 10
	// syntheticPrefix starts the names of the keys that MetadataSize stands for.
	syntheticPrefix = "x-bench-"
	// minUniqueBytes is the shortest value that can be new on each RPC of a run:
	// in hexadecimal digits it counts to 2^40, a year of 30 000 RPC/s.
	minUniqueBytes = 10
	maxKeys        = 1000 // entries of 32 bytes and a name at least, in 60 KiB
)

// MetadataKey is one user-given metadata entry.
type MetadataKey struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"` // length of the value before base64
}

// parseMetadata reads NAME=VALUE, NAME=@FILE or NAME=env:VARIABLE. The value
// of a -bin name is raw bytes; of another it is printable ASCII, and the line
// end that closes a file is not part of it. No error holds the value.
//
// Names and values are those of the gRPC protocol over HTTP/2, "Custom-Metadata".
func parseMetadata(text string) (key MetadataKey, value string, err error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return key, "", errors.New("must be NAME=VALUE, NAME=@FILE, NAME=env:VARIABLE or none")
	}
	if err := checkMetadataName(name); err != nil {
		return key, "", err
	}
	binary := strings.HasSuffix(name, "-bin")
	if path, isFile := strings.CutPrefix(value, "@"); isFile {
		data, err := readFile(path, maxHeaderListBytes)
		if err != nil {
			// Without the path: a value that begins with @ is taken for one.
			if e, ok := errors.AsType[*fs.PathError](err); ok {
				err = e.Err
			}
			return key, "", fmt.Errorf("metadata %q: file behind @: %w", name, err)
		}
		value = string(data)
		if !binary {
			value = strings.TrimSuffix(strings.TrimSuffix(value, "\n"), "\r")
		}
	} else if variable, isEnv := strings.CutPrefix(value, "env:"); isEnv {
		if value, ok = os.LookupEnv(variable); !ok {
			return key, "", fmt.Errorf("metadata %q: environment variable %q must be set", name, variable)
		}
	}
	if !binary && !printable(value) {
		return key, "", fmt.Errorf("metadata %q: value must be printable ASCII, not empty and without spaces at its ends; others need a name that ends in -bin", name)
	}
	return MetadataKey{Name: name, Bytes: len(value)}, value, nil
}

func checkMetadataName(name string) error {
	legal := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r == '_' || r == '-' || r == '.'
	}
	switch {
	case name == "" || name == "-bin" || strings.ContainsFunc(name, func(r rune) bool { return !legal(r) }):
		return errors.New("metadata name must be of 0-9, a-z, _, - and . only")
	case strings.HasPrefix(name, "grpc-"), slices.Contains(reservedNames(), name):
		return fmt.Errorf("metadata name %q: must not be one that gRPC or HTTP/2 uses itself", name)
	case strings.HasPrefix(name, syntheticPrefix):
		return fmt.Errorf("metadata name %q: must not start with %s, which --metadata-size uses", name, syntheticPrefix)
	}
	return nil
}

// reservedNames are the fields that gRPC sets itself, and those that an HTTP/2
// message must not hold (RFC 9113, sections 8.2.2 and 8.3.1).
func reservedNames() []string {
	return []string{"content-type", "user-agent", "te", "host", "connection", "keep-alive",
		"proxy-connection", "transfer-encoding", "upgrade"}
}

// printable reports whether value is an ASCII-Value of the gRPC protocol that
// no peer may trim.
func printable(value string) bool {
	for i := range len(value) {
		if value[i] < 0x20 || value[i] > 0x7e {
			return false
		}
	}
	return value != "" && strings.TrimSpace(value) == value
}

// MetadataSize is synthetic metadata of a known size, over keys x-bench-0, …,
// whose names end in -bin when Binary. The zero value is none.
type MetadataSize struct {
	Bytes  int  // sum of value bytes before base64, over all keys
	Keys   int  // at least 1 when Bytes > 0
	Unique bool // a new value for each RPC; else the same bytes every time
	Binary bool // -bin keys
}

// ParseMetadataSize reads 0 or SIZE[:static|unique][:N keys][:ascii|bin]. The
// parts may be in any order, and "keys" may be left out.
func ParseMetadataSize(text string) (MetadataSize, error) {
	parts := strings.Split(text, ":")
	bytes, err := parseSize(parts[0])
	if err != nil {
		return MetadataSize{}, err
	}
	m := MetadataSize{Bytes: bytes, Keys: 1}
	seen := make(map[string]bool)
	for _, part := range parts[1:] {
		kind, err := m.set(part)
		if err != nil {
			return MetadataSize{}, err
		}
		if seen[kind] {
			return MetadataSize{}, fmt.Errorf("must say %s once", kind)
		}
		seen[kind] = true
	}
	switch {
	case m.Bytes == 0 && len(parts) > 1:
		return MetadataSize{}, errors.New("0 must be given alone")
	case m.Bytes == 0:
		return MetadataSize{}, nil
	case m.Bytes < m.Keys:
		return MetadataSize{}, fmt.Errorf("must be at least a byte a key: %d keys", m.Keys)
	case m.Unique && m.Bytes < m.Keys*minUniqueBytes:
		return MetadataSize{}, fmt.Errorf("must be at least %d bytes a key, to be unique", minUniqueBytes)
	}
	return m, nil
}

// set reads one part behind the size and says which kind it is.
func (m *MetadataSize) set(part string) (kind string, err error) {
	switch part {
	case "static", "unique":
		m.Unique = part == "unique"
		return "static or unique", nil
	case "ascii", "bin":
		m.Binary = part == "bin"
		return "ascii or bin", nil
	}
	digits := strings.TrimSuffix(strings.TrimSuffix(part, "keys"), " ")
	n, err := parseDigits(digits)
	if err != nil || n < 1 || n > maxKeys {
		return "", fmt.Errorf("must be SIZE[:static|unique][:N keys][:ascii|bin] with N in [1, %d]", maxKeys)
	}
	m.Keys = n
	return "the number of keys", nil
}

// String returns the canonical form, which ParseMetadataSize reads back: what
// is static, one key or ASCII is left out.
func (m MetadataSize) String() string {
	text := formatSize(m.Bytes)
	if m.Unique {
		text += ":unique"
	}
	if m.Keys > 1 {
		text += ":" + strconv.Itoa(m.Keys)
	}
	if m.Binary {
		text += ":bin"
	}
	return text
}

// MarshalText returns the canonical form.
func (m MetadataSize) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what ParseMetadataSize reads.
func (m *MetadataSize) UnmarshalText(text []byte) (err error) {
	*m, err = ParseMetadataSize(string(text))
	return err
}

// Name is the name of key i, in [0, Keys).
func (m MetadataSize) Name(i int) string {
	name := syntheticPrefix + strconv.Itoa(i)
	if m.Binary {
		name += "-bin"
	}
	return name
}

// KeyBytes is the length of the value of key i before base64. The keys share
// Bytes evenly; the first ones hold the remainder.
func (m MetadataSize) KeyBytes(i int) int {
	n := m.Bytes / m.Keys
	if i < m.Bytes%m.Keys {
		n++
	}
	return n
}

// headerListBytes is the size of the settings' metadata as HTTP/2 counts it for
// SETTINGS_MAX_HEADER_LIST_SIZE: name, value and 32 bytes an entry (RFC 9113,
// section 6.5.2).
func headerListBytes(s Settings) int {
	total := 0
	add := func(name string, value int) {
		if strings.HasSuffix(name, "-bin") {
			value = base64.RawStdEncoding.EncodedLen(value)
		}
		total += len(name) + value + 32
	}
	for _, key := range s.Metadata {
		add(key.Name, key.Bytes)
	}
	for i := range s.MetadataSize.Keys {
		add(s.MetadataSize.Name(i), s.MetadataSize.KeyBytes(i))
	}
	return total
}
