package hist

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"
)

// random returns n values whose logarithm is uniform over [1 ns, 60 s], so that
// every bucket of the range a run can see is used.
func random(seed uint64, n int) []int64 {
	r := rand.New(rand.NewPCG(seed, 1))
	v := make([]int64, n)
	for i := range v {
		v[i] = int64(math.Exp(r.Float64() * math.Log(60e9)))
	}
	return v
}

func filled(values []int64) *Histogram {
	h := New()
	for _, v := range values {
		h.Record(v)
	}
	return h
}

func TestQuantilesAreWithinAThousandthOfTheSortedTruth(t *testing.T) {
	v := random(7, 1_000_000)
	h := filled(v)
	slices.Sort(v)
	for _, q := range []float64{0.0001, 0.01, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 1} {
		want := v[Rank(q, int64(len(v)))-1]
		got, ok := h.Quantile(q, h.Count())
		if !ok || math.Abs(float64(got-want)) > math.Max(1, 0.001*float64(want)) {
			t.Errorf("quantile %v = %d (%v), want %d ± 0.1 %%", q, got, ok, want)
		}
	}
	if h.Min() != v[0] || h.Max() != v[len(v)-1] {
		t.Errorf("min, max = %d, %d, want exactly %d, %d", h.Min(), h.Max(), v[0], v[len(v)-1])
	}
}

func TestRankIsTheCeiling(t *testing.T) {
	for _, c := range []struct {
		q    float64
		n    int64
		want int64
	}{
		{0.5, 10, 5},
		{0.51, 10, 6}, // ceil(5.1)
		{0.9, 10, 9},  // 0.9·10 = 9 exactly, though not in floating point
		{0.99, 100, 99},
		{0.999, 1000, 999},
		{0.07, 100, 7}, // 0.07·100 is 7.000000000000001 in floating point
		{0.001, 10, 1},
		{1, 10, 10},
		{0.5, 0, 0},
	} {
		if got := Rank(c.q, c.n); got != c.want {
			t.Errorf("Rank(%v, %d) = %d, want %d", c.q, c.n, got, c.want)
		}
	}
}

func TestObservationsWithoutAValueRankAboveAllOthers(t *testing.T) {
	h := New()
	for i := range 98 {
		h.Record(int64(i + 1))
	}
	// 98 values and 2 that never came: p98 is the largest value, p99 is unknown.
	if got, ok := h.Quantile(0.98, 100); !ok || got != 98 {
		t.Errorf("p98 = %d, %v, want 98, true", got, ok)
	}
	if got, ok := h.Quantile(0.99, 100); ok {
		t.Errorf("p99 = %d, want beyond", got)
	}
	if _, ok := New().Quantile(0.5, 0); ok {
		t.Error("an empty histogram has a median")
	}
}

func TestOutOfRangeValuesAreClampedAndCounted(t *testing.T) {
	h := New()
	h.Record(-5)
	h.Record(Highest + 1)
	h.Record(1000)
	if h.Count() != 3 || h.Clamped() != 2 {
		t.Errorf("count %d clamped %d, want 3 and 2", h.Count(), h.Clamped())
	}
	if h.Min() != -5 || h.Max() != Highest+1 {
		t.Errorf("min %d max %d, want the exact values", h.Min(), h.Max())
	}
}

func TestMergeInAnyGroupingEqualsOneHistogram(t *testing.T) {
	v := random(3, 64_000)
	want, err := filled(v).Encode()
	if err != nil {
		t.Fatal(err)
	}
	var shards []*Histogram
	for part := range slices.Chunk(v, 1000) {
		shards = append(shards, filled(part))
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shards), func(i, j int) { shards[i], shards[j] = shards[j], shards[i] })
	left, right := New(), New()
	for i, s := range shards {
		side := left
		if i%3 == 0 {
			side = right
		}
		if err := side.Merge(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := left.Merge(right); err != nil {
		t.Fatal(err)
	}
	got, err := left.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(got, want) {
		t.Error("64 merged shards encode differently from one histogram")
	}
}

func TestEncodeAndDecodeAreInverse(t *testing.T) {
	for _, values := range [][]int64{nil, {0}, {1, 2, 3}, random(9, 5000), {Highest * 2, -1}} {
		want, err := filled(values).Encode()
		if err != nil {
			t.Fatal(err)
		}
		h, err := Decode(want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := h.Encode(); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%d values: decoded and encoded again is %+v, want %+v (%v)", len(values), got, want, err)
		}
	}
}

func TestDecodeRefusesWhatItDidNotWrite(t *testing.T) {
	good, err := filled([]int64{1, 2, 3}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	miscounted := good
	miscounted.Count = 4
	truncated := good
	truncated.HDR = truncated.HDR[:len(truncated.HDR)/2]
	for name, e := range map[string]Encoded{"miscounted": miscounted, "truncated": truncated, "empty": {}, "garbage": {HDR: HDR("!!")}} {
		if _, err := Decode(e); err == nil {
			t.Errorf("%s: decoded without an error", name)
		}
	}
}

// A header may ask for any geometry; a decoder that believed it would allocate
// gigabytes for 1 to MaxInt64 at 5 digits.
func TestDecodeRefusesAnotherGeometryBeforeItAllocates(t *testing.T) {
	for name, h := range map[string]*hdrhistogram.Histogram{
		"wider": hdrhistogram.New(1, math.MaxInt64/2, 3), "finer": hdrhistogram.New(1, 1000, 4), "coarser": hdrhistogram.New(1, Highest, 2),
	} {
		text, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(Encoded{HDR: parse(t, string(text))}); err == nil || !strings.Contains(err.Error(), "geometry") {
			t.Errorf("%s: error %v, want one about the geometry", name, err)
		}
	}
}

// parse is a text as it is kept.
func parse(t *testing.T, text string) HDR {
	t.Helper()
	h, err := ParseHDR(text)
	if err != nil {
		t.Fatal(err)
	}
	if h.Text() != text {
		t.Errorf("text %q became %q", text, h.Text())
	}
	return h
}

func TestRecordDoesNotAllocate(t *testing.T) {
	h := New()
	if n := testing.AllocsPerRun(1000, func() { h.Record(123_456) }); n != 0 {
		t.Errorf("%v allocations a record, want 0", n)
	}
}

func FuzzDecode(f *testing.F) {
	e, err := filled([]int64{5, 500, 50_000}).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(e.HDR), e.Count)
	f.Add([]byte{}, int64(0))
	f.Fuzz(func(t *testing.T, hdr []byte, count int64) {
		h, err := Decode(Encoded{HDR: hdr, Count: count})
		if err == nil && h.Count() != count {
			t.Errorf("decoded %d values of %d", h.Count(), count)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	h := New()
	b.ReportAllocs()
	for b.Loop() {
		h.Record(654_321)
	}
}
func TestQuantilesInOnePassAreThose(t *testing.T) {
	h := New()
	for i := range int64(1000) {
		h.Record(i * i)
	}
	var qs []float64
	for k := range 100 {
		qs = append(qs, float64(k)/100, float64(k)/100+0.0005)
	}
	got := h.Quantiles(qs, 1100)
	for i, q := range qs {
		want, ok := h.Quantile(q, 1100)
		if ok != (i < len(got)) || ok && got[i] != want {
			t.Fatalf("quantile %g: %d of %d, want %d %t", q, i, len(got), want, ok)
		}
	}
	if len(got) == 0 || len(got) == len(qs) {
		t.Errorf("%d of %d quantiles", len(got), len(qs))
	}
}

// A value counts where its quantile does, so that a limit on a quantile and the share
// above it never disagree.
func TestAtLeastCountsWhatQuantilesSayIsThere(t *testing.T) {
	values := random(7, 1000)
	h := filled(values)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
		at, _ := h.Quantile(q, h.Count())
		if n := h.AtLeast(at); n < h.Count()-Rank(q, h.Count())+1 {
			t.Errorf("q %g: %d of %d at least %d ns, want %d or more", q, n, h.Count(), at, h.Count()-Rank(q, h.Count())+1)
		}
		if n := h.AtLeast(at + 1); n > h.Count()-Rank(q, h.Count()) {
			t.Errorf("q %g: %d of %d above %d ns, want %d at most", q, n, h.Count(), at, h.Count()-Rank(q, h.Count()))
		}
	}
	if h.AtLeast(0) != 1000 || h.AtLeast(h.Max()+1) != 0 || New().AtLeast(0) != 0 {
		t.Errorf("%d from 0, %d above the largest, %d of none", h.AtLeast(0), h.AtLeast(h.Max()+1), New().AtLeast(0))
	}
}
