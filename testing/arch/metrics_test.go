package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"grpcbench/internal/metric"
)

// A metric is one row: whoever spells its name elsewhere has a table of his own, which the
// next metric is not in. Names of JSON fields are those of what is stored. A name that is
// one word is also a word of English, so it is looked for where metrics are told apart.
func TestNamesOfMetricsAreSpelledInTheTableAlone(t *testing.T) {
	var names, words []string
	for _, name := range metric.Names(metric.All()) {
		if strings.Contains(name, "_") {
			names = append(names, name)
		} else {
			words = append(words, name)
		}
	}
	files := 0
	for _, dir := range tops {
		err := fs.WalkDir(os.DirFS(root), dir, func(path string, d fs.DirEntry, err error) error {
			ours := strings.HasPrefix(path, "internal/metric/") || strings.HasPrefix(path, "testing/mutants/") // which plants mistakes into sources
			if err != nil || d.IsDir() || ours || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/testdata/") {
				return err
			}
			files++
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, filepath.Join(root, path), nil, 0)
			if err != nil {
				return err
			}
			for _, found := range spelled(file, names, words) {
				t.Errorf("%s spells %s: take the constant of package metric, or what the table says", set.Position(found.Pos()), found.Value)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 200 {
		t.Errorf("%d files were looked at", files)
	}
}

// spelled are the strings in which one of names stands, and those that something called a
// metric is held against.
func spelled(file ast.Node, names, words []string) (all []*ast.BasicLit) {
	token := regexp.MustCompile(`[a-z0-9_]+`)
	add := func(e ast.Expr, names []string) {
		if lit, ok := e.(*ast.BasicLit); ok {
			text, err := strconv.Unquote(lit.Value)
			if err == nil && slices.ContainsFunc(token.FindAllString(text, -1), func(s string) bool { return slices.Contains(names, s) }) {
				all = append(all, lit)
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field: // its tag is the name of what is stored
			return n.Tag == nil
		case *ast.BinaryExpr:
			if ofMetric(n.X) || ofMetric(n.Y) {
				add(n.X, words)
				add(n.Y, words)
			}
		case *ast.SwitchStmt:
			for _, c := range n.Body.List {
				for _, e := range c.(*ast.CaseClause).List {
					if ofMetric(n.Tag) {
						add(e, words)
					}
				}
			}
		case *ast.BasicLit:
			add(n, names)
		}
		return true
	})
	return all
}

// ofMetric reports whether an expression is a field or a variable called a metric.
func ofMetric(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return e.Sel.Name == "Metric" || e.Sel.Name == "metric"
	case *ast.Ident:
		return e.Name == "metric"
	}
	return false
}

func TestASpelledNameIsFound(t *testing.T) {
	source := `package p
type stored struct { CPU int ` + "`json:\"client_cpu_ns_per_rpc\"`" + ` }
var help = "as in client_cpu_ns_per_rpc<3"
var word, other = "failed", "xclient_cpu_ns_per_rpc"
func f(t Threshold) bool {
	switch t.Metric { case "offered": return true }
	return t.Metric == "failed" || t.Other == "failed"
}`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, lit := range spelled(file, []string{metric.ClientCPU}, []string{metric.Failed, metric.Offered}) {
		got = append(got, lit.Value)
	}
	if want := []string{`"as in client_cpu_ns_per_rpc<3"`, `"offered"`, `"failed"`}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
