// Package report writes a stored result for people and programs: text for a
// terminal, Markdown for a pull request, JSON. It reads the result alone and
// computes nothing that is not in it but presentation: a difference, a rate of
// false verdicts, a break-even bandwidth.
//
// A result may come from a file that somebody else wrote and holds names and
// messages chosen by users and servers. No writer here lets such a string act:
// see clean and code.
package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"grpcbench/internal/result"
)

// A Format is one way to write a result.
type Format struct {
	Name   string // as in --format
	Doc    string // one line of help
	Render func(w io.Writer, r result.Result) error
}

// Formats returns the formats there are, the default first. Text is written as o
// asks.
func Formats(o TextOptions) []Format {
	return []Format{
		{"text", "tables for a terminal", func(w io.Writer, r result.Result) error { return Text(w, r, o) }},
		{"markdown", "tables for a pull request, details folded", Markdown},
		{"json", "the stored result, indented", JSON},
	}
}

// JSON writes the stored form of r, indented by two spaces. Decoding it gives r
// back; characters that act on a terminal are written as \u escapes.
func JSON(w io.Writer, r result.Result) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	// Outside of strings JSON is ASCII without control characters but newlines, so
	// whatever is replaced here stands in a string.
	var escaped bytes.Buffer
	for _, c := range b.String() {
		switch {
		case c == '\n' || !acts(c):
			escaped.WriteRune(c)
		case c > 0xFFFF: // RFC 8259, section 7: a surrogate pair
			c -= 0x10000
			fmt.Fprintf(&escaped, `\u%04x\u%04x`, 0xD800+c>>10, 0xDC00+c&0x3FF)
		default:
			fmt.Fprintf(&escaped, `\u%04x`, c)
		}
	}
	_, err := w.Write(escaped.Bytes())
	return err
}
