package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"grpcbench/internal/payload"
)

// Payload is a message body. The zero value is none; a call without any is
// Foo(Empty).
type Payload struct {
	Bytes int
	Class string // "text", "json", "random", "zeros"; "" when Bytes is 0 or File is set
	File  *Blob  // body read from a file; Bytes is its size
}

// payloadClasses are the kinds of synthetic content; the first is the default.
func payloadClasses() []string {
	return []string{payload.Text, payload.JSON, payload.Random, payload.Zeros}
}

// ParsePayload reads 0 or SIZE[:CLASS]. Files are read by the flags alone.
func ParsePayload(text string) (Payload, error) {
	size, class, hasClass := strings.Cut(text, ":")
	n, err := parseSize(size)
	if err != nil {
		return Payload{}, err
	}
	if !hasClass {
		class = payloadClasses()[0]
	}
	switch {
	case n == 0 && hasClass:
		return Payload{}, errors.New("0 must be given without a class")
	case n == 0:
		return Payload{}, nil
	case n > maxMessageBytes:
		return Payload{}, fmt.Errorf("must be at most %s", formatSize(maxMessageBytes))
	case !slices.Contains(payloadClasses(), class):
		return Payload{}, fmt.Errorf("class must be %s", orList(payloadClasses()))
	}
	return Payload{Bytes: n, Class: class}, nil
}

// readPayload reads what ParsePayload reads, or @FILE.
func readPayload(text string) (Payload, error) {
	if !strings.HasPrefix(text, "@") {
		return ParsePayload(text)
	}
	blob, err := readBlob(text, maxMessageBytes)
	if err != nil {
		return Payload{}, err
	}
	if blob.Bytes == 0 {
		return Payload{}, errors.New("file must not be empty; 0 is the empty payload")
	}
	return Payload{Bytes: blob.Bytes, File: blob}, nil
}

// String returns the canonical form that the flag reads: "0", "4KiB:json",
// "@body.bin" with the file's base name.
func (p Payload) String() string {
	switch {
	case p.File != nil:
		return "@" + p.File.File
	case p.Bytes == 0:
		return "0"
	}
	return formatSize(p.Bytes) + ":" + p.Class
}

// stored is String, and for a file its size and digest behind it.
func (p Payload) stored() string {
	if p.File == nil {
		return p.String()
	}
	return fmt.Sprintf("@%s:%d:%s", p.File.File, p.Bytes, p.File.SHA256)
}

// MarshalText returns String, and for a file its size and digest behind it:
// "@body.bin:4096:<SHA-256 in hexadecimal>".
func (p Payload) MarshalText() ([]byte, error) { return []byte(p.stored()), nil }

// UnmarshalText reads what MarshalText wrote. The content of a file is not in
// it, and is absent then.
func (p *Payload) UnmarshalText(text []byte) (err error) {
	stored, isFile := strings.CutPrefix(string(text), "@")
	if !isFile {
		*p, err = ParsePayload(string(text))
		return err
	}
	parts := strings.Split(stored, ":")
	last := len(parts) - 1
	if last < 2 {
		return fmt.Errorf("payload %q: must be @FILE:BYTES:SHA256", text)
	}
	n, err := strconv.Atoi(parts[last-1])
	if err != nil || n <= 0 || n > maxMessageBytes {
		return fmt.Errorf("payload %q: bytes must be in [1, %d]", text, maxMessageBytes)
	}
	file := strings.Join(parts[:last-1], ":")
	*p = Payload{Bytes: n, File: &Blob{File: file, Bytes: n, SHA256: parts[last]}}
	return nil
}

// Blob is the content of a file: stored by size and digest only.
type Blob struct {
	File   string `json:"file"` // base name
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"` // in hexadecimal
	Data   []byte `json:"-"`
}

// readBlob reads the file of at most limit bytes that @FILE names.
func readBlob(text string, limit int) (*Blob, error) {
	path, ok := strings.CutPrefix(text, "@")
	if !ok || path == "" {
		return nil, errors.New("must be @FILE")
	}
	data, err := readFile(path, limit)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	return &Blob{File: filepath.Base(path), Bytes: len(data), SHA256: hex.EncodeToString(sum[:]), Data: data}, nil
}

// readRequest reads the file of --request, which --max-message bounds.
func readRequest(text string) (*Blob, error) { return readBlob(text, mostMessageBytes) }

// readFile reads a file of at most limit bytes.
func readFile(path string, limit int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(data) > limit {
		return nil, fmt.Errorf("file must be at most %s", formatSize(limit))
	}
	return data, nil
}

// orList joins words for a sentence: "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
