// Command reliability writes the table of docs/reliability.md: what is promised
// under which fault, and the test that holds it. A test says so itself, at the end
// of its doc comment:
//
//	fault:   what goes wrong
//	promise: what holds nevertheless
//	figure:  how it is judged, with {constants} of the test in braces
//
// so that the table is what the tests say, and a figure what they compare with.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

const (
	page  = "docs/reliability.md"
	begin = "<!-- generated from the tests: make generate -->\n"
	end   = "<!-- end -->\n"
)

func main() {
	root := flag.String("root", ".", "`directory` of the module")
	flag.Parse()
	if err := run(*root); err != nil {
		fmt.Fprintln(os.Stderr, "reliability:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	path := filepath.Join(root, page)
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text, err := render(root, old)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// render is the page with its table made anew from the tests below root.
func render(root string, old []byte) ([]byte, error) {
	head, rest, ok := bytes.Cut(old, []byte(begin))
	_, tail, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		return nil, fmt.Errorf("%s: must hold the lines %q and %q", page, begin, end)
	}
	promises, err := collect(root)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Write(head)
	out.WriteString(begin)
	table(&out, promises)
	out.WriteString(end)
	out.Write(tail)
	return out.Bytes(), nil
}
