package hist

import (
	"math/rand/v2"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// What is written is what the library writes, to the byte: of none, of few values, of many,
// of the smallest and the largest.
func TestHistogramsAreEncodedAsTheLibraryDoes(t *testing.T) {
	d := rand.New(rand.NewPCG(1, 2))
	all := map[string]*Histogram{"none": New(), "zero": New(), "bounds": New(), "one": New()}
	all["zero"].Record(0)
	all["one"].Record(1)
	all["bounds"].Record(0)
	all["bounds"].Record(Highest)
	for _, n := range []int{10, 1000, 100_000} {
		h := New()
		for range n {
			h.Record(int64(d.ExpFloat64() * 300_000))
		}
		all["values"+string(rune('0'+n%7))] = h
	}
	for name, h := range all {
		want, err := h.h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
		if err != nil {
			t.Fatal(err)
		}
		got, err := h.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got.HDR.Text() != string(want) {
			t.Errorf("%s: encoded as\n%s, the library has\n%s", name, got.HDR.Text(), want)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	h := New()
	for i := range int64(500) {
		h.Record(300_000 + 1000*i)
	}
	b.Run("library", func(b *testing.B) {
		for b.Loop() {
			if _, err := h.h.Encode(hdrhistogram.V2CompressedEncodingCookieBase); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			if _, err := h.Encode(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
