package hist_test

import (
	"fmt"
	"time"

	"grpcbench/internal/hist"
)

// Of four RPCs three were answered: the fourth has no latency, and ranks above all that have
// one.
func ExampleHistogram_Quantile() {
	h := hist.New()
	for _, d := range []time.Duration{time.Millisecond, 2 * time.Millisecond, 3 * time.Millisecond} {
		h.Record(int64(d))
	}
	const scheduled = 4
	p50, ok := h.Quantile(0.50, scheduled)
	fmt.Println(time.Duration(p50).Round(10*time.Microsecond), ok)
	_, ok = h.Quantile(0.99, scheduled)
	fmt.Println("p99 known:", ok)
	// Output:
	// 2ms true
	// p99 known: false
}

// Histograms of two epochs, or machines, add up as they are stored.
func ExampleJoin() {
	encoded := func(values ...int64) hist.Encoded {
		h := hist.New()
		for _, v := range values {
			h.Record(v)
		}
		e, err := h.Encode()
		if err != nil {
			fmt.Println(err)
		}
		return e
	}
	sum, err := hist.Join(encoded(100, 200), encoded(300))
	fmt.Println(sum.Count, sum.Min, sum.Max, sum.Sum, err)
	// Output: 3 100 300 600 <nil>
}
