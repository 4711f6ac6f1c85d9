package report

import (
	"math"

	"grpcbench/internal/metric"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// trade is what a compressor gives and takes.
type trade struct {
	arm   string // not safe to print
	cells []string
}

// tradeHead heads the cells of a trade.
func tradeHead() []string { return []string{"bytes a call", "time a call", "bandwidth"} }

// trades lists the arms whose messages were compressed against controls whose
// were not.
func (b book) trades() []trade {
	var ts []trade
	for _, g := range b.Groups {
		control := b.arms[g.Control]
		if control == nil || compressed(control) {
			continue
		}
		for _, a := range b.members(g) {
			if compressed(a) {
				ts = append(ts, trade{b.key(g).strip(a), b.trade(g, a, control)})
			}
		}
	}
	return ts
}

func compressed(a *result.Arm) bool { return a.Compressed > 0 || a.ResponseCompressed > 0 }

// trade says what a saves and costs beside control.
//
// The compressor pays on a link slow enough to need longer for the bytes saved
// than compressing took:
//
//	bandwidth = 8 · bytes saved / time added
//
// in Mbit/s if the time is in µs. The time added is the difference of the median
// latencies if they differ for certain, because that is what a caller waits;
// else the CPU time that both codecs took.
func (b book) trade(g plan.Group, a, control *result.Arm) []string {
	if a.SentBytes == nil || a.ReceivedBytes == nil || control.SentBytes == nil || control.ReceivedBytes == nil {
		return []string{absent, absent, absent}
	}
	out, in := *control.SentBytes-*a.SentBytes, *control.ReceivedBytes-*a.ReceivedBytes
	saved := out + in
	way := ways(out, in)
	added, how := codecCPU(a), "codec CPU"
	c := b.comparisons[[3]string{g.Name, a.Name, metric.LatencyP50}]
	if c != nil && c.Ratio != nil && c.Verdict == "slower" && control.Latency.P50 != nil {
		added, how = float64(*control.Latency.P50)*(*c.Ratio-1), "p50"
	}
	cost := "costs " + duration(added) + " (" + how + ")"
	if added <= 0 {
		cost = "no cost was seen"
	}
	switch {
	case saved <= 0:
		return []string{"adds " + amount(-saved) + " B" + way, cost, "never pays"}
	case added <= 0:
		return []string{"saves " + amount(saved) + " B" + way, cost, "always pays"}
	}
	return []string{"saves " + amount(saved) + " B" + way, cost, "pays below " + rate(8*saved/(added/1e3)) + " Mbit/s"}
}

// ways says in which direction bytes were saved, or added: a server that does not
// compress its responses saves none of theirs. Headers differ by a few bytes all the same.
func ways(out, in float64) string {
	const little = 0.05 // of both
	all := math.Abs(out) + math.Abs(in)
	switch {
	case math.Abs(in) <= little*all:
		return " out"
	case math.Abs(out) <= little*all:
		return " in"
	}
	return " both ways"
}

// codecCPU is the CPU time that the compressors of both sides took for a call,
// in nanoseconds; 0 if it was not measured.
func codecCPU(a *result.Arm) float64 {
	var sum float64
	for _, ns := range []*float64{a.CodecCPU, a.ServerCodecCPU} {
		if ns != nil {
			sum += *ns
		}
	}
	return sum
}
