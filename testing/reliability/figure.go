package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"regexp"
	"strings"
)

// constants are those of a package's files, by name.
func constants(files []*ast.File) map[string]ast.Expr {
	known := map[string]ast.Expr{}
	for _, f := range files {
		for _, d := range f.Decls {
			add(known, d)
		}
	}
	return known
}

// local adds the constants of one function to those of its package.
func local(f *ast.FuncDecl, known map[string]ast.Expr) map[string]ast.Expr {
	all := maps.Clone(known)
	ast.Inspect(f.Body, func(n ast.Node) bool {
		if s, ok := n.(*ast.DeclStmt); ok {
			add(all, s.Decl)
		}
		return true
	})
	return all
}

func add(known map[string]ast.Expr, d ast.Decl) {
	g, ok := d.(*ast.GenDecl)
	if !ok || g.Tok != token.CONST {
		return
	}
	for _, s := range g.Specs {
		v := s.(*ast.ValueSpec) // all that a const declaration holds
		for i, name := range v.Names {
			if i < len(v.Values) {
				known[name.Name] = v.Values[i]
			}
		}
	}
}

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// fill puts the values of constants where a text names them.
func fill(text string, known map[string]ast.Expr) (string, error) {
	var failed error
	text = placeholder.ReplaceAllStringFunc(text, func(s string) string {
		name := s[1 : len(s)-1]
		value, ok := known[name]
		if !ok {
			failed = fmt.Errorf("{%s}: must be a constant of the test", name)
			return s
		}
		said, ok := say(value)
		if !ok {
			failed = fmt.Errorf("{%s}: must be a literal, as in 1_000, 5 * time.Second or 8 << 20", name)
		}
		return said
	})
	return text, failed
}

// say writes a constant's value as prose does, with its unit.
func say(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return say(e.X)
	case *ast.BasicLit:
		return strings.ReplaceAll(strings.Trim(e.Value, "\"`"), "_", " "), true
	case *ast.SelectorExpr:
		u, ok := unit(e)
		return "1 " + u, ok
	case *ast.BinaryExpr:
		n, ok := say(e.X)
		if !ok {
			return "", false
		}
		if e.Op == token.MUL {
			u, ok := unit(e.Y)
			return n + " " + u, ok
		}
		by, isLit := e.Y.(*ast.BasicLit)
		if e.Op != token.SHL || !isLit {
			return "", false
		}
		u, ok := map[string]string{"10": "KiB", "20": "MiB", "30": "GiB"}[by.Value]
		return n + " " + u, ok
	}
	return "", false
}

// unit is a unit of package time.
func unit(e ast.Expr) (string, bool) {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	u, ok := map[string]string{"Microsecond": "µs", "Millisecond": "ms", "Second": "s", "Minute": "min", "Hour": "h"}[s.Sel.Name]
	return u, ok
}
