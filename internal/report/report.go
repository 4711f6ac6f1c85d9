// Package report writes a stored result for people and programs: text for a
// terminal, Markdown for a pull request, a page with charts, JSON, CSV, and the
// formats of benchstat and HdrHistogram. It reads the result alone and computes
// nothing that is not in it but presentation: a difference, a rate of false
// verdicts, a break-even bandwidth.
//
// A result may come from a file that somebody else wrote and holds names and
// messages chosen by users and servers. No writer here lets such a string act:
// see clean and code.
package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"grpcbench/internal/mask"
	"grpcbench/internal/result"
)

// A Format is one way to write results.
type Format struct {
	Name string // as in --format
	Doc  string // one line of help
	// Render writes results to w. Its error is that of w, or says what of a result
	// cannot be written.
	Render func(w io.Writer, rs ...result.Result) error
}

// Formats returns the formats there are, the default first. Text is written as o
// asks.
func Formats(o TextOptions) []Format {
	return []Format{
		{"text", "tables for a terminal", each(func(w io.Writer, r result.Result) error { return Text(w, r, o) })},
		{"markdown", "tables for a pull request, details folded", each(Markdown)},
		{"json", "the stored result, indented", each(JSON)},
		{"html", "a page with charts, of one result: one file that loads nothing", HTML},
		{"csv", "one table, a row for each number and comparison, for pandas or R", CSV},
		{"bench", "Go benchmark format, a line for each epoch, for benchstat", each(Bench)},
		{"hgrm", "percentiles of each arm's latency, for HdrHistogram's plotter", each(HGRM)},
	}
}

// each writes results one after another. One that cannot be written does not keep
// the others from it.
func each(write func(io.Writer, result.Result) error) func(io.Writer, ...result.Result) error {
	return func(w io.Writer, rs ...result.Result) error {
		var failed []error
		for _, r := range rs {
			failed = append(failed, write(w, r))
		}
		return errors.Join(failed...)
	}
}

// JSON writes the stored form of r, indented by two spaces, with a checksum of its
// own. Decoding it gives r back; characters that act on a terminal are written as
// \u escapes.
func JSON(w io.Writer, r result.Result) error {
	data, err := encode(r)
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	_, err = w.Write(result.Seal(data))
	return err
}

// encode returns v as JSON in which nothing acts on a terminal.
func encode(v any) ([]byte, error) {
	var b, escaped bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	// Outside of strings JSON is ASCII without control characters but newlines, so
	// whatever is replaced here stands in a string.
	for _, c := range b.String() {
		switch {
		case c == '\n' || !mask.Acts(c):
			escaped.WriteRune(c)
		case c > 0xFFFF: // RFC 8259, section 7: a surrogate pair
			c -= 0x10000
			fmt.Fprintf(&escaped, `\u%04x\u%04x`, 0xD800+c>>10, 0xDC00+c&0x3FF)
		default:
			fmt.Fprintf(&escaped, `\u%04x`, c)
		}
	}
	return escaped.Bytes(), nil
}
