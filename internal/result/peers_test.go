//go:build peers

package result

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// hdrHistogram is Debian's package of the original library and its tools.
const hdrHistogram = "/usr/share/java/hdrhistogram.jar"

// processed is what HistogramLogProcessor makes of the lines of one tag: a line
// for each interval, and the percentiles of all.
func processed(t *testing.T, log, tag string) (intervals, percentiles string) {
	t.Helper()
	if _, err := os.Stat(hdrHistogram); err != nil {
		t.Fatalf("%v: install libhdrhistogram-java and a Java runtime", err)
	}
	out := filepath.Join(t.TempDir(), "out")
	cmd := exec.CommandContext(t.Context(), "java", "-cp", hdrHistogram, "org.HdrHistogram.HistogramLogProcessor",
		"-i", log, "-tag", tag, "-outputValueUnitRatio", "1", "-o", out)
	if said, err := cmd.CombinedOutput(); err != nil || len(said) > 0 {
		t.Fatalf("HistogramLogProcessor -tag %s: %v\n%s", tag, err, said)
	}
	var files [2]string
	for i, name := range []string{out, out + ".hgrm"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[i] = string(data)
	}
	return files[0], files[1]
}

func TestHdrHistogramsOwnToolReadsTheLog(t *testing.T) {
	r := fixture(t)
	log := filepath.Join(t.TempDir(), LogFileName)
	if err := os.WriteFile(log, written(t, r), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, a := range r.Arms {
		if a.Name != "A/A" && a.Name != "compression=gzip:low" { // a slash and a colon; the others differ in nothing
			continue
		}
		for kind, d := range map[string]Distribution{"latency": a.Latency, "service_time": a.ServiceTime, "lag": a.Lag} {
			intervals, percentiles := processed(t, log, Tags(r.Arms)[i]+"."+kind)
			samePercentiles(t, a.Name+" "+kind, percentiles, d)
			sameIntervals(t, a.Name+" "+kind, intervals)
		}
	}
}

// samePercentiles holds each line of the tool against the stored histogram.
func samePercentiles(t *testing.T, name, text string, d Distribution) {
	t.Helper()
	h, err := d.Histogram()
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, m := range regexp.MustCompile(`(?m)^ *([0-9.]+) ([0-9.]+) +([0-9]+)`).FindAllStringSubmatch(text, -1) {
		lines++
		value, _ := strconv.ParseFloat(m[1], 64) // digits, as the expression says
		share, _ := strconv.ParseFloat(m[2], 64)
		// The tool prints the upper edge of a bucket, which for the last is above the
		// exact maximum.
		want, ok := h.Quantile(max(share, 1e-9), d.Count)
		if !ok || !near(float64(want), value, 1.0/1024) {
			t.Errorf("%s: quantile %v is %v ns, %d by the result", name, share, value, want)
		}
	}
	if lines < 20 { // five for each halving of 7500 observations, at least to the p99
		t.Errorf("%s: %d lines of percentiles", name, lines)
	}
	if want := fmt.Sprintf("Total count    = %12d]", d.Count); !strings.Contains(text, want) {
		t.Errorf("%s: must hold %q:\n%s", name, want, text[max(0, len(text)-200):])
	}
	for _, k := range d.quantiles() { // also as result.json has them
		if got, ok := h.Quantile(k.q, d.Count); !ok || !near(float64(got), float64(**k.value), 1.0/1024) {
			t.Errorf("%s %s: %d ns, %d in the result", name, k.name, got, **k.value)
		}
	}
}

// sameIntervals wants a line for each second of each window, at the end of the
// second after the start of the log: windows of three seconds, six seconds apart.
func sameIntervals(t *testing.T, name, text string) {
	t.Helper()
	var want []string
	for epoch := range fixtureEpochs {
		for second := range fixtureWindows {
			want = append(want, fmt.Sprintf("%d.000 %d", 6*epoch+second+1, fixtureRate))
		}
	}
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^([0-9.]+): I:([0-9]+) `).FindAllStringSubmatch(text, -1) {
		got = append(got, m[1]+" "+m[2])
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("%s: intervals end at, with count\n%v\nwant\n%v", name, got, want)
	}
}
