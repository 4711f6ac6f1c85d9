package report

import (
	"fmt"
	"io"
	"math"
	"strings"

	"grpcbench/internal/result"
)

// HGRM writes the latency of each arm as HdrHistogram prints percentiles, in
// milliseconds, for its plotter and the tools that read the same. Each arm begins
// with a comment "#[arm …]". The error is that of w, or says which histogram
// cannot be read.
//
// Percentiles are of all scheduled RPCs, as everywhere: those that did not end
// well rank above the last line, which then ends below 100 %. A ceiling is refused.
func HGRM(w io.Writer, r result.Result) error {
	if ceilings(r) {
		return fmt.Errorf("write percentiles of %s: must not be a ceiling, whose latencies are of many loads; --format csv has those of each", clean(r.ID))
	}
	var b strings.Builder
	for i, a := range r.Arms {
		if i > 0 {
			b.WriteByte('\n')
		}
		d, of := a.Latency, "latency in ms of %d RPCs"
		if opened(r) {
			d, of = result.Distribution{}, "time to open each of %d connections, in ms"
			if h := measuredOf(&a); h.Phases != nil {
				d = h.Phases.Total
			}
		}
		fmt.Fprintf(&b, "#[arm %s]\n#["+of+", run %s, %s]\n", clean(a.Name), d.Count, clean(r.ID), headline(r, clean))
		if err := percentiles(&b, d); err != nil {
			return fmt.Errorf("write percentiles of arm %s: %w", clean(a.Name), err)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// ticksPerHalf is how many percentiles are printed between 0 and 50 %, between
// 50 and 75 %, and so on; HdrHistogram's own choice.
const ticksPerHalf = 5

// percentiles writes d. Values have six decimals, which are nanoseconds: the
// three of HdrHistogram's tools are a hundredth of a latency on loopback.
func percentiles(b *strings.Builder, d result.Distribution) error {
	h, err := d.Histogram()
	if err != nil {
		return err
	}
	if lost := d.Count - d.Valued; lost > 0 {
		fmt.Fprintf(b, "#[%d RPCs did not end well: they rank above the last line]\n", lost)
	}
	fmt.Fprintf(b, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")
	for _, p := range h.HDR().CumulativeDistributionWithTicks(ticksPerHalf) {
		if d.Valued == 0 { // of an empty histogram the library makes one line
			break
		}
		// p is of the RPCs that have a latency.
		share := p.Quantile / 100 * float64(d.Valued) / float64(d.Count)
		inverse := "inf"
		if share < 1 {
			inverse = fmt.Sprintf("%.2f", 1/(1-share))
		}
		fmt.Fprintf(b, "%12.6f %14.12f %10d %14s\n", float64(min(p.ValueAt, h.Max()))/1e6, share, p.Count, inverse)
	}
	mean, deviation, largest := h.Mean(), h.HDR().StdDev(), float64(h.Max())
	if d.Beyond {
		mean, deviation, largest = math.Inf(1), math.Inf(1), math.Inf(1)
	}
	fmt.Fprintf(b, "#[Mean    = %12.6f, StdDeviation   = %12.6f]\n", mean/1e6, deviation/1e6)
	fmt.Fprintf(b, "#[Max     = %12.6f, Total count    = %12d]\n", largest/1e6, d.Count)
	return nil
}
