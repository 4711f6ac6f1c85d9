package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// promise is what one test holds.
type promise struct {
	fault, promise, figure string

	dir, test string
	tag       string // build tag of its file; none: run by go test ./...
	pos       token.Position
}

// collect reads the promises of all tests below root, sorted by package and place.
func collect(root string) ([]promise, error) {
	packages := map[string][]*ast.File{}
	set := token.NewFileSet()
	for _, top := range []string{"cmd", "internal", "testing"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			packages[filepath.Dir(path)] = append(packages[filepath.Dir(path)], file)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	var all []promise
	for dir, files := range packages {
		name, err := filepath.Rel(root, dir)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			some, err := inFile(set, file, constants(files))
			if err != nil {
				return nil, err
			}
			for _, p := range some {
				p.dir = filepath.ToSlash(name)
				all = append(all, p)
			}
		}
	}
	slices.SortFunc(all, func(a, b promise) int {
		return cmp.Or(cmp.Compare(a.dir, b.dir), cmp.Compare(a.pos.Filename, b.pos.Filename), cmp.Compare(a.pos.Line, b.pos.Line))
	})
	return all, nil
}

// inFile reads the promises of one file's tests.
func inFile(set *token.FileSet, file *ast.File, known map[string]ast.Expr) ([]promise, error) {
	var all []promise
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil || f.Doc == nil {
			continue
		}
		p, ok := parse(f.Doc.Text())
		if !ok {
			continue
		}
		p.test, p.tag, p.pos = f.Name.Name, tagOf(file), set.Position(f.Pos())
		if !strings.HasPrefix(p.test, "Test") && !strings.HasPrefix(p.test, "Fuzz") {
			return nil, fmt.Errorf("%v: %s: only a test can hold a promise", p.pos, p.test)
		}
		if p.fault == "" || p.promise == "" || p.figure == "" {
			return nil, fmt.Errorf("%v: %s: must name fault, promise and figure", p.pos, p.test)
		}
		for _, text := range []*string{&p.fault, &p.promise, &p.figure} {
			var err error
			if *text, err = fill(*text, local(f, known)); err != nil {
				return nil, fmt.Errorf("%v: %s: %w", p.pos, p.test, err)
			}
		}
		all = append(all, p)
	}
	return all, nil
}

var field = regexp.MustCompile(`^\t(fault|promise|figure):\s*(.*)$`)

// parse reads the lines of a doc comment; a line that is only indented goes on
// with the one before.
func parse(doc string) (p promise, ok bool) {
	var at *string
	for line := range strings.Lines(doc) {
		line = strings.TrimRight(line, "\n")
		m := field.FindStringSubmatch(line)
		switch {
		case m != nil:
			at = map[string]*string{"fault": &p.fault, "promise": &p.promise, "figure": &p.figure}[m[1]]
			*at, ok = m[2], true
		case at != nil && strings.HasPrefix(line, "\t"):
			*at += " " + strings.TrimSpace(line)
		default:
			at = nil
		}
	}
	return p, ok
}

// tagOf is the build tag that a file asks for beside its platform.
func tagOf(file *ast.File) string {
	for _, group := range file.Comments {
		for _, c := range group.List {
			constraint, ok := strings.CutPrefix(c.Text, "//go:build ")
			if !ok {
				continue
			}
			for _, word := range strings.Split(constraint, "&&") {
				if word = strings.TrimSpace(word); word != "linux" {
					return word
				}
			}
		}
	}
	return ""
}
