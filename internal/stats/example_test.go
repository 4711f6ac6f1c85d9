package stats_test

import (
	"fmt"
	"math"

	"grpcbench/internal/stats"
)

// An arm was about a tenth slower than its control in each of ten epochs, whatever else the
// machine did to both; 3 % would matter.
func ExampleJudge() {
	var d []float64
	for _, ratio := range []float64{1.10, 1.12, 1.07, 1.09, 1.11, 1.08, 1.13, 1.10, 1.06, 1.12} {
		d = append(d, math.Log(ratio))
	}
	e, err := stats.Judge(d, 0.03)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%+.1f %% [%+.1f, %+.1f], %s\n", 100*(math.Exp(e.LogRatio)-1), 100*(math.Exp(e.Lo95)-1), 100*(math.Exp(e.Hi95)-1), e.Verdict)
	// Output: +10.0 % [+8.0, +11.5], slower
}
