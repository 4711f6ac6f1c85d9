package report

import (
	"fmt"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// trade is what a compressor gives and takes.
type trade struct {
	group, arm string // not safe to print
	text       string
}

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
				ts = append(ts, trade{g.Name, label(g, a), b.trade(g, a, control)})
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
func (b book) trade(g plan.Group, a, control *result.Arm) string {
	if a.SentBytes == nil || a.ReceivedBytes == nil || control.SentBytes == nil || control.ReceivedBytes == nil {
		return absent
	}
	saved := *control.SentBytes + *control.ReceivedBytes - *a.SentBytes - *a.ReceivedBytes
	if saved <= 0 {
		return "saves nothing: " + amount(-saved) + " B a call more"
	}
	text := "saves " + amount(saved) + " B a call"
	added, how := codecCPU(a), "codec CPU"
	if c := b.comparisons[[3]string{g.Name, a.Name, "latency_p50"}]; c != nil && c.Ratio != nil &&
		c.Verdict == "slower" && control.Latency.P50 != nil {
		added, how = float64(*control.Latency.P50)*(*c.Ratio-1), "p50"
	}
	if added <= 0 {
		return text + ", no cost was seen"
	}
	return fmt.Sprintf("%s, costs %s (%s): pays below %s Mbit/s", text, duration(added), how, rate(8*saved/(added/1e3)))
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
