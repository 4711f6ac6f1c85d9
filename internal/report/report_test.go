package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/plan"
	"grpcbench/internal/report"
	"grpcbench/internal/result"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with testdata/name, or rewrites that.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", path, diff)
	}
}

func fixtures() map[string]result.Result {
	return map[string]result.Result{"overheads": overheads(), "single": single(), "invalid": invalid(), "few": few(), "churn": churned(), "handshakes": openings()}
}

// render returns what write writes.
func render(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func text(t *testing.T, r result.Result, o report.TextOptions) string {
	t.Helper()
	return render(t, func(w io.Writer) error { return report.Text(w, r, o) })
}

func markdown(t *testing.T, r result.Result) string {
	t.Helper()
	return render(t, func(w io.Writer) error { return report.Markdown(w, r) })
}

func TestTextIsAsReviewed(t *testing.T) {
	for name, r := range fixtures() {
		golden(t, name+".txt", text(t, r, report.TextOptions{}))
	}
}

func TestMarkdownIsAsReviewed(t *testing.T) {
	for name, r := range fixtures() {
		golden(t, name+".md", markdown(t, r))
	}
}

func TestTextStaysWithinItsWidth(t *testing.T) {
	for name, r := range fixtures() {
		for _, width := range []int{60, 80, 120} {
			for _, line := range strings.Split(text(t, r, report.TextOptions{Width: width}), "\n") {
				if n := utf8.RuneCountInString(line); n > width {
					t.Errorf("%s at %d columns: line of %d: %s", name, width, n, line)
				}
			}
		}
	}
}

func TestTextSaysTheSameWithAndWithoutColor(t *testing.T) {
	strip := strings.NewReplacer("\x1b[0m", "", "\x1b[1m", "", "\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "")
	for name, r := range fixtures() {
		colored, plain := text(t, r, report.TextOptions{Color: true}), text(t, r, report.TextOptions{})
		if diff := cmp.Diff(plain, strip.Replace(colored)); diff != "" {
			t.Errorf("%s: color changed the text (-plain +colored):\n%s", name, diff)
		}
		if plain == colored {
			t.Errorf("%s: nothing was colored", name)
		}
	}
}

func TestJSONIsTheStoredResult(t *testing.T) {
	want := overheads()
	var got result.Result
	if err := json.Unmarshal([]byte(render(t, func(w io.Writer) error { return report.JSON(w, want) })), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
}

func TestFormatsAreTheWritersByName(t *testing.T) {
	r := stored(t)
	want := map[string]string{
		"text":     text(t, r, report.TextOptions{Width: 100}),
		"markdown": markdown(t, r),
		"json":     render(t, func(w io.Writer) error { return report.JSON(w, r) }),
		"csv":      render(t, func(w io.Writer) error { return report.CSV(w, r) }),
		"bench":    bench(t, r),
		"hgrm":     hgrm(t, r),
		"html":     html(t, r),
	}
	for _, f := range report.Formats(report.TextOptions{Width: 100}) {
		if got := render(t, func(w io.Writer) error { return f.Render(w, r) }); got != want[f.Name] {
			t.Errorf("%s is not what its writer writes", f.Name)
		}
		delete(want, f.Name)
	}
	if len(want) > 0 {
		t.Errorf("no format for %d writers", len(want))
	}
}

func TestTheHeadSaysHowManyEpochsOfARangeThereWere(t *testing.T) {
	r := overheads()
	r.Plan.Epochs = plan.Epochs{Min: 8, Max: 40}
	want := fmt.Sprintf("%d of 8..40 epochs × 3 s", len(r.Arms[0].Epochs))
	if got := text(t, r, report.TextOptions{}); !strings.Contains(got, want) {
		t.Errorf("must say %q:\n%.200s", want, got)
	}
	if got := markdown(t, r); !strings.Contains(got, want) {
		t.Errorf("Markdown must say %q:\n%.400s", want, got)
	}
}
