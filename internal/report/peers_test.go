//go:build peers

package report_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// benchstat runs golang.org/x/perf/cmd/benchstat, as tools/go.mod pins it, and
// returns its table as CSV. It wants no complaint about its input.
func benchstat(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"tool", "-modfile=../../tools/go.mod", "benchstat", "-format", "csv"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	// Of a table in CSV, its remarks on too few samples and the like are on stderr,
	// behind the name of a cell: "B3: all samples are equal". The go command says what
	// it fetches the first time.
	complaints := regexp.MustCompile(`(?m)^([A-Z]+[0-9]+: |go: downloading ).*\n?`).ReplaceAllString(stderr.String(), "")
	if err != nil || complaints != "" {
		t.Fatalf("benchstat %v: %v\n%s", args, err, complaints)
	}
	return string(out)
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBenchstatComparesTheArmsOfARun(t *testing.T) {
	got := benchstat(t, "-col", "/arm", write(t, "run.txt", bench(t, stored(t))))
	for _, want := range []string{
		",tls=off,,tls=1.3,",
		"p50-sec,CI,p50-sec,CI,vs base,P",
		"client-cpu-sec/rpc,CI", "sent-B/rpc,CI", "saturated-rpc/s,CI",
		// 31 and 53 bytes in every epoch: 53/31 = 1.7097. Every value of the one is
		// below every one of the other: of C(20,10) = 184756 orders two are as extreme,
		// p = 0.00001.
		"31,0%,53,0%,+70.97%,p=0.000 n=10",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the table does not hold %q:\n%s", want, got)
		}
	}
}

func TestBenchstatComparesARunWithAnotherButNotWithAnInvalidOne(t *testing.T) {
	first := stored(t)
	second, bad := stored(t), lossy(t)
	second.ID, second.Tool.GRPCGo, second.Verdict = "20261124T181500Z-aaaaaaaa", "v1.86.0", "DEGRADED"
	base := write(t, "base.txt", bench(t, first))
	if got := benchstat(t, base, write(t, "new.txt", bench(t, second))); !strings.Contains(got, "~,p=1.000 n=10") {
		t.Errorf("equal runs are not compared:\n%s", got)
	}
	got := benchstat(t, base, write(t, "new.txt", bench(t, bad)))
	if !strings.Contains(got, "verdict: INVALID: not usable") || strings.Contains(got, "n=10") {
		t.Errorf("an INVALID run is compared, or not called so:\n%s", got)
	}
}
