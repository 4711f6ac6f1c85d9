package result

import (
	"fmt"
	"math"
	"slices"
	"time"

	"grpcbench/internal/stats"
)

// warmingFall is the least fall of latency p50 from the first to the last second of a
// window, as a share, that is called warming up.
const warmingFall = 0.10

// warmingChance bounds how often the check of one arm is wrong about a steady server.
const warmingChance = 0.005

// askWarming looks for a server that is still getting faster in the windows: its latency
// p50 falls from their first second to their last. Of a steady server each of the two is
// as likely to be the lower one, so that it falls in k or more of n epochs by chance with
// the tail of the binomial distribution; the check asks for one below warmingChance, and
// for a fall in the middle of at least warmingFall.
func askWarming(q *question) {
	q.skip("windows of two seconds or more, and 8 epochs, are needed to see a server warm up")
	for _, a := range q.r.Arms {
		falls := a.falls(time.Duration(q.r.Plan.Window))
		if len(falls) < stats.MinVerdict {
			continue
		}
		q.skip("")
		down := 0
		for _, f := range falls {
			if f > 0 {
				down++
			}
		}
		slices.Sort(falls)
		middle := falls[(len(falls)-1)/2]
		if middle < warmingFall || signTail(down, len(falls)) > warmingChance {
			continue
		}
		q.find(finding{verdict: Valid, arm: a.Name,
			text: fmt.Sprintf("latency p50 fell by %s from the first to the last second of the window, and in %d of %d epochs: the server, or what is before it, is still warming up: raise --warmup (%v)",
				percent(middle), down, len(falls), q.r.Plan.Warmup),
			values: map[string]float64{"fall": middle, "epochs": float64(down)}})
	}
}

// falls are, of each whole epoch, the share by which latency p50 is lower in the last
// whole second of the window than in the first.
func (a Arm) falls(window time.Duration) []float64 {
	var falls []float64
	for _, e := range a.whole() {
		var first, last *int64
		for _, w := range a.Windows {
			switch start := time.Duration(w.Start); {
			case w.Epoch != e.Index || w.P50 == nil || *w.P50 <= 0:
			case start == 0:
				first = w.P50
			case start+time.Second <= window:
				last = w.P50
			}
		}
		if first != nil && last != nil {
			falls = append(falls, 1-float64(*last)/float64(*first))
		}
	}
	return falls
}

// signTail is the chance of k heads or more in n throws of a fair coin: the sign test,
// one-sided.
func signTail(k, n int) float64 {
	var sum, ways float64 = 0, 1 // ways is n over i
	for i := 0; i <= n; i++ {
		if i >= k {
			sum += ways
		}
		ways = ways * float64(n-i) / float64(i+1)
	}
	return sum * math.Pow(0.5, float64(n))
}
