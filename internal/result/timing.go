package result

import (
	"fmt"
	"math"
)

const closedLoop = "closed loop: a caller waits for its answer before it sends again"

// askTiming holds the three distributions together. Of each ok call
//
//	done − intended = (done − sent) + (sent − intended)
//
// so the sums must agree too: Σ latency = Σ service time + Σ lag, but for the lag
// of started calls that were not ok, which is at most their number times the
// largest lag. A generator that times from the actual start breaks the sum, or
// calls the actual start intended: then lag is zero.
func askTiming(q *question) {
	if !q.r.openLoop() {
		q.skip(closedLoop)
		return
	}
	for _, a := range q.r.Arms {
		lat, service, lag := a.Latency, a.ServiceTime, a.Lag
		if lag.Valued == 0 {
			continue
		}
		if lag.Min == 0 && lag.P50 != nil && *lag.P50 == 0 {
			q.invalid(a.Name, "lag is zero: the intended starts are the actual ones, so calls that a stall delayed are not counted as late")
			continue
		}
		high := service.Sum + lag.Sum
		low := high
		if lag.Max != nil {
			low -= float64(a.Ledger.Started-a.Ledger.OK) * float64(*lag.Max)
		}
		// Sums of float64 round by less than 1e-6 of themselves, clock readings by 1 ns.
		slack := 1e-6*high + float64(lag.Valued)
		if lat.Sum < low-slack || lat.Sum > high+slack {
			q.find(finding{verdict: Invalid, arm: a.Name,
				text: fmt.Sprintf("latencies sum to %s, service times and lags to %s: latency is not timed from the intended start",
					seconds(lat.Sum), seconds(high)),
				values: map[string]float64{"latency_sum_ns": lat.Sum, "service_and_lag_sum_ns": high}})
		}
	}
}

func seconds(ns float64) string { return fmt.Sprintf("%.6g s", ns/1e9) }

// askLittle holds the histograms' Σ(done − sent) against the loop's own. By
// Little's law the mean number of calls in flight is that sum over the window
// (Little 1961), so a sample that is missing from either shows.
//
// Both add up the same clock readings of the same ok calls and differ by rounding
// alone, below 1e-9. A tenth of a percent leaves no honest explanation; a percent
// is one lost sample in a hundred, and two of a hundred dropped are above it
// unless they were the shortest.
func askLittle(q *question) {
	l := limits{degraded: 0.001, invalid: 0.01}
	for _, a := range q.r.Arms {
		var busy float64
		for _, e := range a.Epochs {
			busy += e.Generator.BusySum
		}
		if busy == 0 && a.ServiceTime.Sum == 0 {
			continue
		}
		residual := math.Abs(busy-a.ServiceTime.Sum) / max(busy, a.ServiceTime.Sum)
		if v, found := l.judge(residual); found {
			q.find(finding{verdict: v, arm: a.Name,
				text: fmt.Sprintf("the loop was busy for %s, service times sum to %s (%s apart): samples are missing",
					seconds(busy), seconds(a.ServiceTime.Sum), percent(residual)),
				values: map[string]float64{"residual": residual}})
		}
	}
}

func askLag(q *question) {
	if !q.r.openLoop() {
		q.skip(closedLoop)
		return
	}
	for _, a := range q.r.Arms {
		for _, k := range []struct {
			name         string
			lag, latency *int64
			limits
		}{
			{"p50", a.Lag.P50, a.Latency.P50, limits{degraded: 0.25, invalid: 0.50}},
			{"p99", a.Lag.P99, a.Latency.P99, limits{warn: 0.75}},
		} {
			if k.lag == nil || k.latency == nil || *k.latency == 0 {
				continue
			}
			share := float64(*k.lag) / float64(*k.latency)
			if v, found := k.judge(share); found {
				q.find(finding{verdict: v, arm: a.Name,
					text: fmt.Sprintf("%s of the latency %s is the generator's own lateness: lower --rate or free the machine",
						percent(share), k.name),
					values: map[string]float64{"share": share}})
			}
		}
	}
}

// askOverload looks at what was in flight at a window's end and not at its
// beginning: those calls' CPU and bytes fell outside the window that they are
// divided into. Five calls may be chance in any window.
func askOverload(q *question) {
	if !q.r.openLoop() {
		q.skip(closedLoop)
		return
	}
	for _, a := range q.r.Arms {
		var left, scheduled int64
		for _, e := range a.whole() {
			left += max(0, e.Generator.InFlight[1]-e.Generator.InFlight[0]-5)
			scheduled += e.Ledger.Scheduled
		}
		share := float64(left) / float64(max(1, scheduled))
		if share <= 0.02 {
			continue
		}
		v := Degraded
		if share > 0.2 {
			v = Invalid
		}
		q.find(finding{verdict: v, arm: a.Name,
			text:   fmt.Sprintf("%s of the RPCs were still in flight when their window ended: %s", percent(share), q.r.relief(a)),
			values: map[string]float64{"share": share}})
	}
}

// relief says why more of a was offered than was served, and what helps.
func (r *Result) relief(a Arm) string {
	if text := a.waitsForStreams(); text != "" && StreamsBound(a.Ledger) {
		return text + "; if that does not help, lower --rate"
	}
	if !r.bundled(a.Settings) {
		return "the TARGET answers more slowly than it is asked; lower --rate, or take --loop closed to see how much it can take"
	}
	if r.paired() {
		return "all arms together were offered more than this machine serves; lower --rate or vary less at once"
	}
	return "more was offered than this machine serves; lower --rate"
}

func askRate(q *question) {
	if !q.r.openLoop() {
		q.skip(closedLoop)
		return
	}
	// What the user allows to be lost is not held against the rate.
	invalid := min(0.98, 1-q.r.Plan.AllowFailures)
	for _, a := range q.r.Arms {
		offered, achieved := a.Offered, a.Achieved
		if whole := a.whole(); len(whole) < len(a.Epochs) {
			offered, achieved = 0, 0
			for _, e := range whole { // equally long, so rates may be added
				offered, achieved = offered+e.Offered/float64(len(whole)), achieved+e.Achieved/float64(len(whole))
			}
		}
		if offered <= 0 {
			continue
		}
		kept := achieved / offered
		v := Degraded
		switch {
		case kept >= 0.995:
			continue
		case kept < invalid:
			v = Invalid
		}
		q.find(finding{verdict: v, arm: a.Name,
			text:   fmt.Sprintf("%.4g of %.4g RPC/s were achieved (%s): see what became of the others, or lower --rate", achieved, offered, percent(kept)),
			values: map[string]float64{"share": kept}})
	}
}

// mean of the values that f finds in an arm's epochs; ok is false when one of
// them has none.
func epochMean(a Arm, f func(Generator) *float64) (mean float64, ok bool) {
	for _, e := range a.Epochs {
		v := f(e.Generator)
		if v == nil {
			return 0, false
		}
		mean += *v / float64(len(a.Epochs))
	}
	return mean, len(a.Epochs) > 0
}

func cpuShare(g Generator) *float64 {
	if g.CPUShare == 0 {
		return nil
	}
	return &g.CPUShare
}

func askGeneratorCPU(q *question) {
	if !q.r.openLoop() {
		q.skip(closedLoop)
		return
	}
	q.generators(cpuShare, limits{degraded: 0.50, invalid: 0.80},
		"the generator used %s of its cores, so its own queue is in the latency: lower --rate")
}

func askClientLimited(q *question) {
	if q.r.openLoop() {
		q.skip("open loop: see generator_busy")
		return
	}
	q.generators(cpuShare, limits{warn: 0.90},
		"the generator used %s of its cores: the rate reached is the client's limit, not the server's")
}

func askGC(q *question) {
	l := limits{degraded: 0.05, invalid: 0.20}
	if !q.r.openLoop() { // what the client costs at full speed is measured, not in the way
		l = limits{warn: 0.05}
	}
	q.generators(gcShare, l,
		"garbage collection took %s of the CPUs that the generator may use: its pauses are in the latency")
}

// gcShare is that of the CPUs that the process may use. Of its own CPU time it would be
// large wherever there is little else to do; older tools stored more than all of it.
func gcShare(g Generator) *float64 {
	if g.GCCPUShare == nil || g.CPUShare == 0 {
		return nil
	}
	return new(min(1, *g.GCCPUShare) * g.CPUShare)
}

// generators judges a share of each generator, the mean over its epochs, which
// are equally long.
func (q *question) generators(share func(Generator) *float64, l limits, format string) {
	q.skip(unknown)
	for _, a := range q.r.Arms {
		x, ok := epochMean(a, share)
		if !ok {
			continue
		}
		q.skip("")
		if v, found := l.judge(x); found {
			q.find(finding{verdict: v, arm: a.Name, text: fmt.Sprintf(format, percent(x)), values: map[string]float64{"share": x}})
		}
	}
}
