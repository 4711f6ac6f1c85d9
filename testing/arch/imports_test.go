package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "grpcbench/"
	root   = "../.."
)

// tops are the folders of this module that hold Go. Those of testing are for tests,
// benchmarks and what is generated: no row of the product below may name one.
var tops = []string{"cmd", "internal", "proto", "testing"}

// edges lists, for each package of this module, those of this module that it may
// import: a row names only packages of rows above it, or leaves, which have no
// row. An edge that is not here fails a test; adding one is a decision about the
// architecture, which docs/architecture.md then shows too.
func edges() map[string]string {
	const protos = " proto proto/bench/v1"
	return map[string]string{
		"internal/ceiling":     "internal/stats",
		"internal/load":        "internal/code internal/hist",
		"internal/cause":       "internal/h2code internal/load",
		"internal/probe":       "internal/address internal/hist",
		"internal/plan":        "internal/address internal/certs internal/code internal/codec internal/metric internal/payload internal/stats",
		"internal/channel":     "internal/address internal/cause internal/h2code",
		"internal/call":        "internal/cause internal/channel internal/code internal/codec internal/load" + protos,
		"internal/benchserver": "internal/codec internal/payload internal/probe" + protos,
		"internal/servercmd":   "internal/benchserver internal/certs internal/codec proto/bench/v1",
		"internal/wire":        "internal/address internal/cause internal/channel internal/code internal/h2code internal/load",
		"internal/worker": "internal/cause internal/wire internal/benchserver internal/call internal/channel internal/code internal/codec internal/h2code internal/hist internal/load internal/mask" +
			" internal/payload internal/plan internal/probe" + protos,
		"internal/result":   "internal/cause internal/ceiling internal/code internal/codec internal/h2code internal/hist internal/load internal/metric internal/plan internal/stats",
		"internal/runner":   "internal/address internal/ceiling internal/certs internal/hist internal/load internal/mask internal/metric internal/plan internal/probe internal/result internal/worker proto/bench/v1",
		"internal/exchange": "internal/call internal/cause internal/channel internal/code internal/codec internal/plan internal/worker proto/bench/v1",
		"internal/compare":  "internal/ceiling internal/hist internal/metric internal/plan internal/result internal/stats",
		"internal/history":  "internal/compare internal/metric internal/plan internal/result internal/stats",
		"internal/verify":   "internal/channel internal/metric internal/plan internal/result internal/stats proto",
		"internal/webpage":  "internal/svg",
		"internal/report":   "internal/address internal/compare internal/exchange internal/hist internal/history internal/mask internal/metric internal/plan internal/result internal/stats internal/svg internal/webpage",
		"internal/ui":       "internal/compare internal/history internal/mask internal/report internal/result internal/webpage",
		"cmd/bench": "internal/certs internal/compare internal/exchange internal/history internal/mask internal/metric internal/plan internal/probe internal/report internal/result internal/runner" +
			" internal/servercmd internal/ui internal/verify internal/worker",
		"cmd/server":          "internal/mask internal/servercmd",
		"testing/fakehistory": "internal/result",
		"testing/benchmarks": "internal/certs internal/channel internal/codec internal/plan internal/probe internal/result internal/runner internal/stats" +
			" internal/wire testing/floor internal/worker proto",
	}
}

// outside lists which packages may import what is not of this module: a library
// that is known in one place can be replaced there.
func outside() map[string]string {
	return map[string]string{
		"google.golang.org/grpc":          "internal/benchserver internal/call internal/channel internal/codec internal/exchange internal/verify internal/worker proto proto/bench/v1",
		"google.golang.org/protobuf":      "internal/benchserver internal/exchange internal/worker proto proto/bench/v1",
		"google.golang.org/genproto":      "internal/exchange",
		"github.com/HdrHistogram":         "internal/hist internal/result",
		"github.com/chromedp":             "testing/browser",
		"github.com/goccy/go-yaml":        "internal/plan",
		"github.com/google/jsonschema-go": "testing/conform",
		"github.com/klauspost/compress":   "internal/codec",
		"github.com/spf13":                "internal/plan internal/servercmd cmd/bench cmd/server",
		"golang.org/x/net":                "testing/faultproxy internal/wire testing/floor",
		"golang.org/x/sync":               "internal/benchserver internal/runner",
		"golang.org/x/sys":                "internal/codec internal/load internal/probe internal/verify",
		"golang.org/x/term":               "cmd/bench",
	}
}

func TestPackagesImportOnlyWhatTheTableAllows(t *testing.T) {
	table := edges()
	for from, imports := range packages(t) {
		for _, path := range imports {
			to, ours := strings.CutPrefix(path, module)
			if ours && !slices.Contains(strings.Fields(table[from]), to) {
				t.Errorf("%s imports %s, which the table of edges does not allow", from, to)
			}
		}
	}
}

func TestLibrariesAreImportedOnlyWhereTheTableAllows(t *testing.T) {
	table := outside()
	for from, imports := range packages(t) {
		for _, path := range imports {
			library := libraryOf(path, table)
			if library == "" && strings.Contains(path, ".") && !strings.HasPrefix(path, module) {
				t.Errorf("%s imports %s, which no row allows", from, path)
			}
			if library != "" && !slices.Contains(strings.Fields(table[library]), from) {
				t.Errorf("%s imports %s, which is for %s", from, path, table[library])
			}
		}
	}
}

// What decides when an RPC starts, counts durations or judges numbers can be
// tested without a network or a machine because it cannot reach either.
func TestPureKernelsReachNoNetworkAndNoFiles(t *testing.T) {
	all := packages(t)
	for _, kernel := range []string{"internal/ceiling", "internal/load", "internal/hist", "internal/metric", "internal/stats"} {
		if all[kernel] == nil {
			t.Errorf("%s: no such package", kernel)
		}
		for _, path := range all[kernel] {
			for _, forbidden := range []string{"google.golang.org/grpc", "net", "os", "syscall"} {
				if path == forbidden || strings.HasPrefix(path, forbidden+"/") {
					t.Errorf("%s imports %s", kernel, path)
				}
			}
		}
	}
}

// libraryOf is the row that a path belongs to, or "".
func libraryOf(path string, table map[string]string) string {
	for library := range table {
		if path == library || strings.HasPrefix(path, library+"/") {
			return library
		}
	}
	return ""
}

// packages lists the imports of each package of this module, tests left out, by
// its path inside the module. It reads the sources itself, those for every
// platform, so that a cached test is run again when one of them changes.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	add := func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "testdata" { // modules of their own
			return fs.SkipDir
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		from := filepath.Dir(path)
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if !slices.Contains(all[from], imported) {
				all[from] = append(all[from], imported)
			}
		}
		return nil
	}
	for _, dir := range tops {
		if err := fs.WalkDir(os.DirFS(root), dir, add); err != nil {
			t.Fatal(err)
		}
	}
	return all
}
