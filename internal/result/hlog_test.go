package result

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"

	"grpcbench/internal/plan"
)

// readLog reads a log with the library's own reader and merges it by tag.
func readLog(t *testing.T, log []byte) (merged map[string]*hdrhistogram.Histogram, starts []int64) {
	t.Helper()
	merged = map[string]*hdrhistogram.Histogram{}
	reader := hdrhistogram.NewHistogramLogReader(bytes.NewReader(log))
	for {
		h, err := reader.NextIntervalHistogram()
		if err != nil {
			t.Fatal(err)
		}
		if h == nil {
			return merged, starts
		}
		starts = append(starts, h.StartTimeMs())
		if sum := merged[h.Tag()]; sum == nil {
			merged[h.Tag()] = h
		} else if lost := sum.Merge(h); lost != 0 {
			t.Fatalf("%s: %d values lost in merging", h.Tag(), lost)
		}
	}
}

func written(t *testing.T, r Result) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := writeLog(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTheLogHoldsEveryArmsHistograms(t *testing.T) {
	r := fixture(t)
	merged, starts := readLog(t, written(t, r))
	if want := 3 * len(r.Arms); len(merged) != want {
		t.Errorf("%d tags, want %d: three an arm", len(merged), want)
	}
	for i, a := range r.Arms {
		for kind, d := range map[string]Distribution{"latency": a.Latency, "service_time": a.ServiceTime, "lag": a.Lag} {
			want, err := d.Histogram()
			if err != nil {
				t.Fatal(err)
			}
			got := merged[Tags(r.Arms)[i]+"."+kind]
			if got == nil || !got.Equals(want.HDR()) {
				t.Errorf("%s %s: the log's intervals do not sum to the arm's histogram", a.Name, kind)
			}
		}
	}
	if !slices.IsSorted(starts) {
		t.Error("lines are not in the order of time")
	}
	// The first window began on 2026-11-23 at 18:15:02 UTC.
	if want := int64(1_795_457_702_000); starts[0] != want {
		t.Errorf("first interval starts at %d ms, want %d", starts[0], want)
	}
}

func TestTheLogIsAsHdrHistogramsToolsExpect(t *testing.T) {
	lines := strings.Split(string(written(t, fixture(t))), "\n")
	want := []string{
		"#[grpc-bench 20261123T181500Z-k3f2q2xa: times in ns, maxima in ms]",
		"#[Histogram log format version 1.3]",
		"#[BaseTime: 0.000 (seconds since epoch)]",
		"#[StartTime: 1795457702.000 (seconds since epoch), 2026-11-23T18:15:02Z]",
		`"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"`,
	}
	if got := lines[:len(want)]; !slices.Equal(got, want) {
		t.Errorf("head:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	line := regexp.MustCompile(`^Tag=[A-Za-z0-9_.=-]+,(\d+\.\d{3}),1\.000,(\d+\.\d{6}),HISTF[A-Za-z0-9+/=]+$`)
	for i, l := range lines[len(want) : len(lines)-1] {
		m := line.FindStringSubmatch(l)
		if m == nil {
			t.Fatalf("line %d: %q", i, l)
		}
		// The fixture's longest latency is nine medians of 689 µs, 6.2 ms.
		if largest, err := strconv.ParseFloat(m[2], 64); err != nil || largest <= 0 || largest > 7 {
			t.Errorf("line %d: largest value %s ms", i, m[2])
		}
	}
}

func TestTheLastIntervalOfAWindowMayBeShorter(t *testing.T) {
	r := fixture(t)
	r.Plan.Window -= 600_000_000
	if log := string(written(t, r)); !strings.Contains(log, ",0.400,") {
		t.Error("no interval of 0.4 s in windows of 2.4 s")
	}
}

// A ceiling has windows of several lengths, one after another.
func TestTheIntervalsOfACeilingEndWithTheirWindows(t *testing.T) {
	r := fixture(t)
	r.Plan.Kind, r.Plan.Ceiling, r.Plan.Window = plan.KindCeiling, &plan.Ceiling{}, 1_000_000_000
	for i := range r.Arms {
		for j := range r.Arms[i].Epochs { // the fixture's seconds begin at 0, 1 and 2 s
			r.Arms[i].Epochs[j].Blocks = []Block{{Length: 1_000_000_000}, {Start: 1_000_000_000, Length: 1_300_000_000}}
		}
	}
	log := string(written(t, r))
	if strings.Contains(log, ",-") || strings.Count(log, ",0.300,")*2 != strings.Count(log, ",1.000,") {
		t.Errorf("intervals are not two of 1 s and one of 0.3 s:\n%.2000s", log)
	}
}

func TestTagsAreSafeAndUnique(t *testing.T) {
	long := strings.Repeat("x", 200)
	names := []string{"tls=1.3", "A/A", "A_A", "a b,c\n", "é", "A A", "A_A_2", long + "y", long + "z"}
	var arms []Arm
	for _, name := range names {
		arms = append(arms, Arm{Name: name})
	}
	// The third "A_A" would be "A_A_2" and the name of that form steps aside.
	want := []string{"tls=1.3", "A_A", "A_A_2", "a_b_c_", "_", "A_A_3", "A_A_2_2", long, long + "_2"}
	if got := Tags(arms); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAWindowOfAnEpochThatIsNotThereIsRefused(t *testing.T) {
	r := fixture(t)
	r.Arms[0].Windows[0].Epoch = 99
	if err := writeLog(&bytes.Buffer{}, r); err == nil {
		t.Error("no error")
	}
}
