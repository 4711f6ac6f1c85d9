package result

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"grpcbench/internal/ceiling"
	"grpcbench/internal/metric"
	"grpcbench/internal/plan"
)

// Step is one number of callers of a closed loop, or one rate of an open one, and what
// was measured at it.
type Step struct {
	Callers  int          `json:"callers,omitempty"`        // 0 in an open loop
	Rate     float64      `json:"rate_rpc_per_s,omitempty"` // asked for; 0 in a closed loop
	Ledger   Ledger       `json:"ledger"`
	Offered  float64      `json:"offered_rpc_per_s"`
	Achieved float64      `json:"achieved_rpc_per_s"`
	Latency  Distribution `json:"latency_ns"` // as in [Figures]; in a closed loop it is the service time
	Lag      Distribution `json:"lag_ns"`

	ClientCPU *float64 `json:"client_cpu_ns_per_rpc,omitempty"` // pacer taken out
	ServerCPU *float64 `json:"server_cpu_ns_per_rpc,omitempty"`
	// ClientShare and ServerShare are of the CPUs that each may use.
	ClientShare *float64 `json:"client_cpu_share,omitempty"`
	ServerShare *float64 `json:"server_cpu_share,omitempty"`
	// Over counts the scheduled RPCs that broke each limit of the plan's SLO, in its
	// order.
	Over []int64 `json:"over,omitempty"`
	// Growth is how many more RPCs were in flight at the end of windows than at their
	// beginning; below 0 it counts as 0.
	Growth int64 `json:"in_flight_growth"`
	// Sums are what the figures are worked out of; nil: of an older tool.
	Sums *Sums `json:"sums,omitempty"`
}

// Block is one window of a ceiling.
type Block struct {
	Step
	// Search says that it served to find the rates that every epoch measures: nothing is
	// estimated from it.
	Search bool `json:"search,omitempty"`
	// Disturbed is what disturbed it: "stall", "steal" or "competing_cpu".
	Disturbed []ceiling.Disturbance `json:"disturbed_by,omitempty"`
	// Again says that it was disturbed and measured again: nothing is estimated from it.
	Again       bool  `json:"measured_again,omitempty"`
	Start       int64 `json:"start_ns"`            // of its window, after that of the epoch's first
	Length      int64 `json:"window_ns,omitempty"` // 0: the plan's window
	Interrupted bool  `json:"interrupted,omitempty"`
}

// Counts says whether b is of a level: a window of the search is not, nor one that was
// measured again.
func (b Block) Counts() bool { return !b.Search && !b.Again }

// length is how long b's window was.
func (b Block) length(p plan.Plan) time.Duration {
	if b.Length > 0 {
		return time.Duration(b.Length)
	}
	return time.Duration(p.Window)
}

// Level is a step over the epochs; only windows that count are in it, see [Block.Counts].
type Level struct {
	Step
	Windows int `json:"windows"`
	// Kept is how many of them kept the SLO; 0 without one.
	Kept int `json:"kept"`
	// Throughput is the rate achieved, over epochs.
	Throughput *Estimate `json:"throughput_rpc_per_s,omitempty"`
	// Gain is what twice as many callers gain: the ratio of the rates achieved.
	Gain *Estimate `json:"gain_ratio,omitempty"`
}

// Estimate is a figure with its 95 % interval.
type Estimate struct {
	Value  float64  `json:"estimate"`
	Low    *float64 `json:"ci_low,omitempty"` // absent: not known
	High   *float64 `json:"ci_high,omitempty"`
	Epochs int      `json:"epochs"`
}

// What became of looking for a ceiling.
const (
	Reached    = "reached"
	NotReached = "not_reached" // it is higher than anything that was tried
	NoneKeeps  = "none_keeps"  // even the lowest rate breaks the SLO
	TooFew     = "unknown"     // there are too few whole epochs
)

// Ceiling is how much an arm's server can take.
type Ceiling struct {
	Outcome string `json:"outcome"` // "reached", "not_reached", "none_keeps" or "unknown"
	// Rate is the ceiling. If it was not reached it is what was achieved at the most
	// callers, or the highest rate that was tried; if no rate keeps the SLO, the lowest.
	// Absent: not known.
	Rate    *Estimate `json:"rate_rpc_per_s,omitempty"`
	Callers int       `json:"callers,omitempty"` // at which it is achieved; 0 with an SLO
	// At is the rate of the level that the CPU times are of, with an SLO.
	At float64 `json:"at_rpc_per_s,omitempty"`
	// LimitAt is the rate of the level that the bottleneck and the shares are of, where the
	// SLO broke; 0: At.
	LimitAt   float64   `json:"limit_at_rpc_per_s,omitempty"`
	ClientCPU *Estimate `json:"client_cpu_ns_per_rpc,omitempty"`
	ServerCPU *Estimate `json:"server_cpu_ns_per_rpc,omitempty"`
	// Bottleneck is "client_cpu", "server_cpu", "streams", "generator_lag" or "neither";
	// "" is not known.
	Bottleneck string `json:"bottleneck,omitempty"`
	// OfServer says that the ceiling is the server's, and not that of the generator or
	// of both on one machine.
	OfServer bool `json:"of_server"`
	// ClientShare and ServerShare are of the CPUs that each may use, OthersShare of those
	// that either may.
	ClientShare *float64 `json:"client_cpu_share,omitempty"`
	ServerShare *float64 `json:"server_cpu_share,omitempty"`
	OthersShare *float64 `json:"others_cpu_share,omitempty"`
	Text        string   `json:"text"` // what was found, one sentence
}

// More RPCs in flight at a window's end than at its beginning are a queue that grows, if
// they are more than this share of the scheduled and these few.
const (
	growthAllowed = 0.02
	growthFree    = 5
)

// Sustained says how many RPCs of s piled up, and the share of the scheduled that may.
func (s Step) Sustained() (bad int64, allowed float64) {
	return max(0, s.Growth-growthFree), growthAllowed
}

// Point is how far s is from an SLO: at its farthest limit, or at what piles up. windows
// is how many were measured.
func (s Step) Point(slo []plan.Threshold, windows int) ceiling.Point {
	bad, allowed := s.Sustained()
	p := ceiling.Point{Rate: s.Rate, Windows: windows, Margin: ceiling.Margin(bad, s.Ledger.Scheduled, allowed)}
	for i, t := range slo {
		if i < len(s.Over) {
			p.Margin = max(p.Margin, ceiling.Margin(s.Over[i], s.Ledger.Scheduled, t.Allows()))
		}
	}
	return p
}

// Keeps says whether every limit of an SLO was kept, and the load sustained.
func (s Step) Keeps(slo []plan.Threshold) bool {
	n := s.Ledger.Scheduled
	for i, t := range slo {
		if i >= len(s.Over) || float64(s.Over[i]) > (t.Allows()+1e-12)*float64(n) {
			return false
		}
		if t.Metric == metric.Failed && t.Op == "<" && float64(s.Over[i]) >= t.Value*float64(n) && n > 0 {
			return false
		}
	}
	bad, allowed := s.Sustained()
	return float64(bad) <= allowed*float64(n)
}

// seeksCeiling says whether r looks for a ceiling: its windows are of many loads, and
// overloaded on purpose.
func (r *Result) seeksCeiling() bool { return r.Plan.Kind == plan.KindCeiling }

func askBlocks(q *question) {
	for _, a := range q.r.Arms {
		levels := map[string]int64{}
		for _, e := range a.Epochs {
			sum := map[string]int64{}
			for _, b := range e.Blocks {
				where := fmt.Sprintf("epoch %d: window at %s", e.Index, b.Name())
				if err := b.Ledger.Check(); err != nil {
					q.invalid(a.Name, "%s: %v", where, err)
				}
				for name, n := range b.counts() {
					sum[name] += n
					if b.Counts() {
						levels[b.Name()+" "+name] += n
					}
				}
			}
			want := map[string]int64{"latency count": e.Latency.Count, "latency values": e.Latency.Valued, "lag count": e.Lag.Count}
			for name, n := range counters(e.Ledger) {
				want[name] = n
			}
			sameCounts(q, a.Name, sum, want)
		}
		want := map[string]int64{}
		for _, l := range a.Levels {
			for name, n := range l.counts() {
				want[l.Name()+" "+name] += n
			}
		}
		sameCounts(q, a.Name, levels, want)
	}
}

// counts are what adds up of s.
func (s Step) counts() map[string]int64 {
	m := counters(s.Ledger)
	m["latency count"], m["latency values"], m["lag count"] = s.Latency.Count, s.Latency.Valued, s.Lag.Count
	return m
}

// Name says which step it is.
func (s Step) Name() string {
	if s.Callers > 0 {
		return fmt.Sprintf("%d callers", s.Callers)
	}
	return fmt.Sprintf("%.6g RPC/s", s.Rate)
}

// Use is what each side used of the CPUs, where the limit is looked for. A server whose CPU
// is known is on this machine; both share CPUs unless it was observed that they do not.
func (c *Ceiling) Use(o Observed) ceiling.Use {
	shared := c.ServerShare != nil && (o.CPUsShared == nil || *o.CPUsShared)
	return ceiling.Use{Client: c.ClientShare, Server: c.ServerShare, Others: c.OthersShare, Shared: shared}
}

// ServerAmongOthers says whether a's server is on this machine and its CPU is counted with
// that of other processes, because nothing said which process it is.
func (r *Result) ServerAmongOthers(a *Arm) bool {
	return r.Plan.Target != nil && r.Plan.Target.ServerPID == 0 && r.local(*a)
}

// askJudged holds against a ceiling that nothing can be said of it, which is what it was
// measured for. One that was interrupted is PARTIAL for that.
func askJudged(q *question) {
	for _, a := range q.r.Arms {
		text := "nothing was measured to the end"
		if a.Ceiling != nil {
			text = a.Ceiling.Text
		}
		if a.Ceiling == nil || a.Ceiling.Outcome == TooFew {
			v := Invalid
			if q.r.Interrupted != "" || q.r.Unfinished {
				v = Partial
			}
			q.find(finding{verdict: v, arm: a.Name, text: "the ceiling is not judged: " + text})
		}
	}
}

func askWhoseCeiling(q *question) {
	for i := range q.r.Arms {
		a := &q.r.Arms[i]
		c := a.Ceiling
		if c == nil || c.Outcome == TooFew || c.OfServer {
			continue
		}
		advice := "take --engine wire, or give the generator a machine of its own"
		if a.Settings.Engine == plan.Wire {
			advice = "give the generator a machine of its own"
		}
		v, text := Valid, ""
		switch {
		case c.Bottleneck == string(ceiling.ClientCPU):
			v, text = Degraded, "the generator was the limit: this is not the server's ceiling, which is higher; "
		case c.Bottleneck == string(ceiling.Lag):
			v, text = Degraded, "the generator was late, and this alone broke the SLO: it is not the server's ceiling; "
		case c.Bottleneck == string(ceiling.Streams):
			text, advice = fmt.Sprintf("the RPCs waited for one of the server's %s on a connection: the server could take more; ", a.Observed.StreamLimit()), "use more --connections"
		case c.Use(a.Observed).OthersMost() && q.r.ServerAmongOthers(a):
			text, advice = "other processes, and the server among them, used more of the CPUs than the generator: ", "use --server-pid, which tells them apart"
		case c.Use(a.Observed).OthersMost():
			text, advice = "others used more of the CPUs than generator or server: these would take more without; ", "end them, or measure elsewhere"
		case c.Use(a.Observed).Contended() && c.Bottleneck != "":
			text = "generator and server wait for each other on the CPUs that they share: the server alone would take more; "
		default:
			continue
		}
		q.find(finding{verdict: v, arm: a.Name, text: text + advice})
	}
}

// askDisturbed says which windows the machine disturbed, and what became of these.
func askDisturbed(q *question) {
	if c := q.r.Plan.Ceiling; c == nil || len(c.SLO) == 0 {
		q.skip("only windows of a search by --slo are measured again")
		return
	}
	windows, again, kept := 0, 0, 0
	causes := map[ceiling.Disturbance]int{}
	for _, a := range q.r.Arms {
		for _, e := range a.Epochs {
			for _, b := range e.Blocks {
				windows++
				switch {
				case len(b.Disturbed) == 0 || !b.Again && !b.Counts(): // of the search, and not again
					continue
				case b.Again:
					again++
				default:
					kept++
				}
				for _, by := range b.Disturbed {
					causes[by]++
				}
			}
		}
	}
	if again+kept == 0 {
		return
	}
	text := fmt.Sprintf("%d of %d windows were disturbed (%s); %d of them were measured again", again+kept, windows, disturbances(causes), again)
	if kept > 0 {
		text += fmt.Sprintf(", and %d count, disturbed three times or like most others: the ceiling may be higher", kept)
	}
	q.find(finding{verdict: Valid, text: text})
}

// disturbances lists what disturbed windows and how many, the most frequent first.
func disturbances(n map[ceiling.Disturbance]int) string {
	names := map[ceiling.Disturbance]string{ceiling.Stall: "stall of the machine", ceiling.Steal: "CPU taken by the hypervisor", ceiling.Others: "CPU used by other processes"}
	by := slices.SortedFunc(maps.Keys(n), func(a, b ceiling.Disturbance) int {
		return cmp.Or(n[b]-n[a], strings.Compare(string(a), string(b)))
	})
	var parts []string
	for _, d := range by {
		parts = append(parts, fmt.Sprintf("%s %d", cmp.Or(names[d], string(d)), n[d]))
	}
	return strings.Join(parts, ", ")
}

// secondLength is how much of a's window lies in the second w: a second, or what is left at its end.
func (r *Result) secondLength(a *Arm, w Window) time.Duration {
	left := time.Duration(r.Plan.Window) - time.Duration(w.Start)
	for _, e := range a.Epochs {
		if e.Index != w.Epoch {
			continue
		}
		for _, b := range e.Blocks {
			if b.Start <= w.Start {
				left = max(0, time.Duration(b.Start-w.Start)+b.length(r.Plan))
			}
		}
	}
	return min(time.Second, left)
}

// blocksLength is how long all windows of a ceiling took together, ns.
func (r *Result) blocksLength() (sum float64) {
	for _, a := range r.Arms {
		for _, e := range a.Epochs {
			for _, b := range e.Blocks {
				sum += float64(b.length(r.Plan))
			}
		}
	}
	return sum
}
