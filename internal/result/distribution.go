package result

import (
	"fmt"
	"slices"

	"grpcbench/internal/hist"
	"grpcbench/internal/metric"
)

// MinAbove is how many observations there must be above a quantile for it to be shown or
// held against a limit: with fewer it is one or two RPCs.
const MinAbove = 10

// Distribution is a summary of a histogram, in nanoseconds. Observations without
// a value (RPCs that failed or were never sent) rank above all that have one: a
// quantile whose rank falls among them is null, and so are then mean and max;
// Beyond says that this is so. Of an empty distribution they are null too.
type Distribution struct {
	Count  int64    `json:"count"`  // observations, those without a value included
	Valued int64    `json:"valued"` // those with a value: what HDR holds
	Min    int64    `json:"min"`    // 0 when there is no value
	Mean   *float64 `json:"mean"`
	P50    *int64   `json:"p50"`
	P90    *int64   `json:"p90"`
	P99    *int64   `json:"p99"`
	P999   *int64   `json:"p999"`
	Max    *int64   `json:"max"`
	Beyond bool     `json:"beyond,omitempty"`
	// Sum is the exact sum of the values; Clamped of them lay outside the histogram.
	Sum     float64 `json:"sum"`
	Clamped int64   `json:"clamped,omitempty"`
	HDR     string  `json:"hdr,omitempty"` // base64 of the V2 compressed HDR encoding; absent in epochs
}

// Summarize describes the n observations of which h holds those that have a
// value. withHDR keeps the histogram itself beside the summary. It fails when n
// is less than the values that h holds.
func Summarize(h *hist.Histogram, n int64, withHDR bool) (Distribution, error) {
	if n < h.Count() {
		return Distribution{}, fmt.Errorf("observations %d: must be at least the %d values recorded", n, h.Count())
	}
	d := Distribution{
		Count: n, Valued: h.Count(), Min: h.Min(), Sum: float64(h.Sum()), Clamped: h.Clamped(),
		Beyond: n > h.Count(),
	}
	for _, q := range d.quantiles() {
		if v, ok := h.Quantile(q.q, n); ok {
			*q.value = &v
		}
	}
	if n > 0 && !d.Beyond {
		mean, largest := h.Mean(), h.Max()
		d.Mean, d.Max = &mean, &largest
	}
	if withHDR {
		e, err := h.Encode()
		if err != nil {
			return Distribution{}, err
		}
		d.HDR = e.HDR.Text()
	}
	return d, nil
}

// quantile is one stored quantile of a distribution.
type quantile struct {
	name  string
	q     float64 // in (0, 1)
	value **int64
}

// quantiles lists the stored quantiles in rising order.
func (d *Distribution) quantiles() []quantile {
	var all []quantile
	fields := []**int64{&d.P50, &d.P90, &d.P99, &d.P999}
	for i, q := range metric.Stored() {
		all = append(all, quantile{metric.QuantileName(q), q, fields[i]})
	}
	return all
}

// Quantile reads the quantile q, in (0, 1]: a stored one, or any where there is the
// histogram.
func (d Distribution) Quantile(q float64) Reading {
	r := Reading{Count: d.Count, Above: d.Count - hist.Rank(q, d.Count)}
	if d.Count == 0 {
		return Reading{}
	}
	var value *int64
	i := slices.Index(metric.Stored(), q)
	switch {
	case q == 1:
		value = d.Max
	case i >= 0:
		value = *d.quantiles()[i].value
	case hist.Rank(q, d.Count) <= d.Valued:
		h, err := d.Histogram()
		if err != nil {
			return Reading{}
		}
		v, ok := h.Quantile(q, d.Count)
		if !ok { // there is no histogram
			return Reading{}
		}
		value = &v
	}
	if value == nil {
		r.State = Beyond
		return r
	}
	r.State, r.Value = Known, float64(*value)
	return r
}

// Histogram decodes HDR. The largest value is exact unless Max is null; then it
// is the upper edge of its bucket.
func (d Distribution) Histogram() (*hist.Histogram, error) {
	raw, err := hist.ParseHDR(d.HDR)
	if err != nil {
		return nil, err
	}
	e := hist.Encoded{HDR: raw, Count: d.Valued, Min: d.Min, Sum: int64(d.Sum), Clamped: d.Clamped}
	if d.Max != nil {
		e.Max = *d.Max
		return hist.Decode(e)
	}
	h, err := hist.Decode(e)
	if err != nil || d.Valued == 0 {
		return h, err
	}
	e.Max = h.HDR().Max()
	return hist.Decode(e)
}
