// Package hist is a histogram of durations in nanoseconds: record, merge, read
// quantiles, encode. It wraps an HDR histogram (Tene, HdrHistogram) of one fixed
// geometry, so that any two of them can be merged exactly, and keeps beside the
// buckets what buckets lose: exact minimum, maximum and sum, and how many values
// did not fit.
//
// It knows nothing of RPCs, clocks or files.
package hist

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The one geometry: 1 ns to 1 h at three significant digits. A bucket is at
// most 1/1024 of its value wide.
const (
	// Lowest is the smallest value told apart from zero, in nanoseconds.
	Lowest = 1
	// Highest is the largest value recorded as it is, in nanoseconds (1 h).
	Highest = 3_600_000_000_000
	// Digits is the number of significant decimal digits kept.
	Digits = 3
)

// Histogram counts durations. The zero value is not usable; call New.
// It is not safe for concurrent use.
type Histogram struct {
	h        *hdrhistogram.Histogram
	min, max int64
	sum      int64
	clamped  int64
}

// New returns an empty histogram; about 270 kB of address space, of which only
// the touched buckets become resident.
func New() *Histogram {
	return &Histogram{h: hdrhistogram.New(Lowest, Highest, Digits), min: math.MaxInt64, max: math.MinInt64}
}

// Record counts one duration of ns nanoseconds. A value outside [0, Highest] is
// counted in the nearest bucket and in Clamped, never lost. It does not allocate.
func (h *Histogram) Record(ns int64) {
	v := ns
	if v < 0 || v > Highest {
		v = min(max(v, 0), Highest)
		h.clamped++
	}
	// v is inside the geometry, so the library has no reason to refuse it; if it
	// did, Count would fall behind the ledger and the run would be INVALID.
	_ = h.h.RecordValue(v)
	h.min, h.max = min(h.min, ns), max(h.max, ns)
	h.sum += ns
}

// Count is the number of recorded values, clamped ones included.
func (h *Histogram) Count() int64 { return h.h.TotalCount() }

// Clamped is the number of values that lay outside the geometry.
func (h *Histogram) Clamped() int64 { return h.clamped }

// Min is the smallest recorded value in nanoseconds, exact; 0 when empty.
func (h *Histogram) Min() int64 {
	if h.Count() == 0 {
		return 0
	}
	return h.min
}

// Max is the largest recorded value in nanoseconds, exact; 0 when empty.
func (h *Histogram) Max() int64 {
	if h.Count() == 0 {
		return 0
	}
	return h.max
}

// Sum is the sum of the recorded values in nanoseconds.
func (h *Histogram) Sum() int64 { return h.sum }

// Mean is the arithmetic mean in nanoseconds, exact; 0 when empty.
func (h *Histogram) Mean() float64 {
	if h.Count() == 0 {
		return 0
	}
	return float64(h.sum) / float64(h.Count())
}

// Quantile returns the value at rank ceil(q·n), the smallest recorded value that
// at least a share q of all n observations do not exceed, in nanoseconds.
//
// n may be larger than Count: the n − Count observations that have no value
// (calls that failed or were never sent) rank above every recorded one. ok is
// false when the rank falls among them, or when n is 0. q is in (0, 1].
func (h *Histogram) Quantile(q float64, n int64) (ns int64, ok bool) {
	rank := Rank(q, n)
	if rank < 1 || rank > h.Count() {
		return 0, false
	}
	// The library rounds percent/100·count to the nearest rank, so asking for
	// exactly rank/count returns the value of that rank.
	v := h.h.ValueAtPercentile(100 * float64(rank) / float64(h.Count()))
	return min(max(v, h.Min()), h.Max()), true
}

// AtLeast is the number of recorded values of ns nanoseconds or more; like quantiles,
// values count as the largest of their bucket.
func (h *Histogram) AtLeast(ns int64) (n int64) {
	for _, b := range h.h.Distribution() {
		if min(max(b.To, h.Min()), h.Max()) >= ns {
			n += b.Count
		}
	}
	return n
}

// Rank is ceil(q·n), at least 1 when n > 0, without the rounding error that
// q·n carries (0.9·10 is rank 9, not 10).
func Rank(q float64, n int64) int64 {
	if n <= 0 {
		return 0
	}
	r := q * float64(n)
	if nearest := math.Round(r); math.Abs(r-nearest) < 1e-9*float64(n) {
		r = nearest
	}
	return max(1, int64(math.Ceil(r)))
}

// Merge adds the counts of o. Order and grouping of merges do not matter.
func (h *Histogram) Merge(o *Histogram) error {
	if dropped := h.h.Merge(o.h); dropped != 0 {
		return fmt.Errorf("merge histogram: %d values do not fit", dropped)
	}
	if o.Count() > 0 {
		h.min, h.max = min(h.min, o.min), max(h.max, o.max)
	}
	h.sum += o.sum
	h.clamped += o.clamped
	return nil
}

// Reset empties the histogram and keeps its memory.
func (h *Histogram) Reset() {
	h.h.Reset()
	h.min, h.max, h.sum, h.clamped = math.MaxInt64, math.MinInt64, 0, 0
}

// Encoded is a histogram to be kept or sent: HDR is HdrHistogram's V2 compressed
// encoding, the rest is what that does not hold. Times in nanoseconds.
type Encoded struct {
	HDR     HDR   `json:"hdr"`
	Count   int64 `json:"count"`
	Min     int64 `json:"min"`
	Max     int64 `json:"max"`
	Sum     int64 `json:"sum"`
	Clamped int64 `json:"clamped,omitempty"`
}

// HDR is HdrHistogram's V2 compressed encoding. Memory and JSON differ: it is kept
// as it is, and written in base64.
type HDR []byte

// Text is the base64 that HdrHistogram's own tools read.
func (h HDR) Text() string { return base64.StdEncoding.EncodeToString(h) }

// ParseHDR is the inverse of Text.
func ParseHDR(text string) (HDR, error) {
	if len(text) > maxEncoded {
		return nil, fmt.Errorf("decode histogram: %d bytes, must be at most %d", len(text), maxEncoded)
	}
	h, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("decode histogram: %w", err)
	}
	return h, nil
}

// Encode returns what can be decoded to the same histogram.
func (h *Histogram) Encode() (Encoded, error) {
	raw, err := encode(h.h.Export().Counts)
	if err != nil {
		return Encoded{}, err
	}
	return Encoded{HDR: raw, Count: h.Count(), Min: h.Min(), Max: h.Max(), Sum: h.sum, Clamped: h.clamped}, nil
}

// Join is the encoded histogram of the values of a and b; the zero Encoded has none. Order
// and grouping do not matter.
func Join(a, b Encoded) (Encoded, error) {
	switch {
	case a.Count == 0 && len(a.HDR) == 0:
		return b, nil
	case b.Count == 0 && len(b.HDR) == 0:
		return a, nil
	}
	h, err := Decode(a)
	if err != nil {
		return Encoded{}, err
	}
	more, err := Decode(b)
	if err != nil {
		return Encoded{}, err
	}
	if err := h.Merge(more); err != nil {
		return Encoded{}, err
	}
	return h.Encode()
}

// maxEncoded bounds what Decode reads; a full histogram takes less than a tenth.
const maxEncoded = 4 << 20

// Decode is the inverse of Encode. It refuses what is too long, another
// geometry, and a count that does not agree with the buckets.
func Decode(e Encoded) (*Histogram, error) {
	if len(e.HDR) > maxEncoded {
		return nil, fmt.Errorf("decode histogram: %d bytes, must be at most %d", len(e.HDR), maxEncoded)
	}
	if err := checkGeometry(e.HDR); err != nil {
		return nil, fmt.Errorf("decode histogram: %w", err)
	}
	d, err := hdrhistogram.Decode([]byte(e.HDR.Text()))
	if err != nil {
		return nil, fmt.Errorf("decode histogram: %w", err)
	}
	if d.TotalCount() != e.Count {
		return nil, fmt.Errorf("decode histogram: buckets hold %d values, the count says %d", d.TotalCount(), e.Count)
	}
	h := &Histogram{h: d, min: e.Min, max: e.Max, sum: e.Sum, clamped: e.Clamped}
	if e.Count == 0 {
		h.min, h.max = math.MaxInt64, math.MinInt64
	}
	return h, nil
}

// checkGeometry reads the header of an encoded histogram. It comes before the
// library's decoder, which allocates whatever geometry a header asks for.
//
// It is cookie and length, 4 bytes each, and a zlib stream that
// begins with cookie, payload length, normalizing offset and digits, 4 bytes
// each, then the lowest and the highest value, 8 bytes each (HdrHistogram, V2
// encoding).
func checkGeometry(raw HDR) error {
	if len(raw) < 8 {
		return fmt.Errorf("%d bytes, must be at least 8", len(raw))
	}
	z, err := zlib.NewReader(bytes.NewReader(raw[8:]))
	if err != nil {
		return err
	}
	var header struct {
		Cookie, Length, Offset, Digits int32
		Lowest, Highest                int64
	}
	if err := binary.Read(z, binary.BigEndian, &header); err != nil {
		return err
	}
	if header.Digits != Digits || header.Lowest != Lowest || header.Highest != Highest {
		return errors.New("must be of the geometry 1 ns to 1 h, 3 digits")
	}
	return nil
}

// HDR returns the histogram behind h, for writers of HdrHistogram's own formats.
// It is shared, not copied.
func (h *Histogram) HDR() *hdrhistogram.Histogram { return h.h }

// Quantiles returns what Quantile does for each of qs, which rise, in one pass. It
// is shorter than qs if the rest lies among the n − Count observations without a
// value.
func (h *Histogram) Quantiles(qs []float64, n int64) []int64 {
	var percents []float64
	for _, q := range qs {
		rank := Rank(q, n)
		if rank < 1 || rank > h.Count() {
			break
		}
		percents = append(percents, 100*float64(rank)/float64(h.Count()))
	}
	values := h.h.ValueAtPercentilesSlice(percents)
	for i, v := range values {
		values[i] = min(max(v, h.Min()), h.Max())
	}
	return values
}
