// Package codec holds the message compressors of a process: gzip, deflate and
// zstd with levels, registered with grpc-go and counted.
//
// It knows how a message is compressed and what that cost. Which call is
// compressed, and when, is decided by its users.
package codec

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Names of the compressors, as in a Spec. Those but None are also the values
// of the grpc-encoding header.
const (
	None    = "none"
	Gzip    = "gzip"
	Deflate = "deflate"
	Zstd    = "zstd"
)

// Levels with a name; the numbers between them are levels too.
const (
	LevelNone   = 0 // the compressor is announced, messages are sent uncompressed
	LevelLow    = 3
	LevelMedium = 6 // the default, as in zlib
	LevelHigh   = 9
)

// A Spec is a choice of compressor and level for one direction of a call. The
// zero value means the same as None. Specs made by Parse are equal exactly if
// they mean the same.
type Spec struct {
	Name  string // None, Gzip, Deflate or Zstd
	Level int    // LevelNone to LevelHigh; 0 if Name is None
}

// Parse reads NAME or NAME:LEVEL, where LEVEL is none, low, medium, high or a
// digit from 1 to 9; without one it is medium. None takes no level.
func Parse(s string) (Spec, error) {
	name, level, hasLevel := strings.Cut(s, ":")
	switch name {
	case None:
		if hasLevel {
			return Spec{}, fmt.Errorf("compression %q: none must be given without a level", s)
		}
		return Spec{Name: None}, nil
	case Gzip, Deflate, Zstd:
	default:
		return Spec{}, fmt.Errorf("compression %q: must be none, gzip, deflate or zstd", s)
	}
	if !hasLevel {
		return Spec{Name: name, Level: LevelMedium}, nil
	}
	n, ok := parseLevel(level)
	if !ok {
		return Spec{}, fmt.Errorf("compression %q: level must be none, low, medium, high or 1 to 9", s)
	}
	return Spec{Name: name, Level: n}, nil
}

func parseLevel(s string) (level int, ok bool) {
	switch s {
	case "none":
		return LevelNone, true
	case "low":
		return LevelLow, true
	case "medium":
		return LevelMedium, true
	case "high":
		return LevelHigh, true
	}
	if len(s) != 1 || s[0] < '1' || s[0] > '9' {
		return 0, false
	}
	return int(s[0] - '0'), true
}

func levelName(level int) string {
	switch level {
	case LevelNone:
		return "none"
	case LevelLow:
		return "low"
	case LevelMedium:
		return "medium"
	case LevelHigh:
		return "high"
	}
	return strconv.Itoa(level)
}

// String returns the canonical form, which Parse reads back: "none",
// "gzip:low", "zstd:5".
func (s Spec) String() string {
	if !s.Announced() {
		return None
	}
	return s.Name + ":" + levelName(s.Level)
}

// Announced reports whether the grpc-encoding header names a compressor.
func (s Spec) Announced() bool { return s.Name != "" && s.Name != None }

// Compresses reports whether messages are compressed. grpc-go leaves an empty
// message uncompressed even then.
func (s Spec) Compresses() bool { return s.Announced() && s.Level != LevelNone }

// Implementation names the code that compresses, with its version and level:
// "compress/gzip go1.26.8 level 3". It is "none" if the Spec is not announced.
// The version of a library is absent if the binary does not record it.
func (s Spec) Implementation() string {
	if !s.Announced() {
		return None
	}
	code := "compress/" + s.Name + " " + runtime.Version()
	level := strconv.Itoa(s.Level)
	switch s.Name {
	case Deflate:
		code = "compress/zlib " + runtime.Version()
	case Zstd:
		code = "klauspost/compress/zstd"
		if v := linkedVersion("github.com/klauspost/compress"); v != "" {
			code += " " + v
		}
		level = fmt.Sprintf("%v (zstd %d)", zstd.EncoderLevelFromZstd(s.Level), s.Level)
	}
	if !s.Compresses() {
		return code + ", messages sent uncompressed"
	}
	return code + " level " + level
}

// linkedVersion returns the version of a module in this binary, or "".
func linkedVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return versionIn(info, path)
}

// versionIn returns the version of a module that info lists, or "". Binaries
// made by go test list no modules.
func versionIn(info *debug.BuildInfo, path string) string {
	for _, m := range info.Deps {
		if m.Path != path {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		return m.Version
	}
	return ""
}
