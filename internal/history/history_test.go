package history

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/compare"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

var ratioKey = Key{"tls", "tls=1.3", "tls=off", "server_cpu_ns_per_rpc", "ns", 0.03}

// runs are records of one plan, a day apart, with one figure each.
func runs(values ...float64) (records []record) {
	for i, v := range values {
		records = append(records, record{
			Run: Run{
				ID: fmt.Sprintf("20260101T000000Z-%08d", i), Created: time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC), Verdict: result.Valid,
				Commit: fmt.Sprintf("c%d", i), Plan: "p",
			},
			keys: []Key{ratioKey}, values: []triple{{float32(v), float32(v * .98), float32(v * 1.02)}},
		})
	}
	return records
}

// noisy are n ratios about a level with a standard deviation of 2 %, some of them
// disturbed tenfold.
func noisy(random *rand.Rand, n int, level, disturbed float64) (values []float64) {
	for range n {
		noise := 0.02
		if random.Float64() < disturbed {
			noise = 0.2
		}
		values = append(values, level*math.Exp(noise*random.NormFloat64()))
	}
	return values
}

func history(records []record) History {
	return historyOf(ordered(records), nil)
}

func TestAStepIsNominatedBetweenTheRunsAroundIt(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	h := history(runs(append(noisy(random, 20, 1.2, 0), noisy(random, 20, 1.2*1.1, 0)...)...))
	if len(h.Series) != 1 || len(h.Series[0].Shifts) != 1 {
		t.Fatalf("series %+v, want one with one shift", h.Series)
	}
	s := h.Series[0].Shifts[0]
	if s.Before != 19 || s.After != 20 || math.Abs(s.Ratio-1.1) > .02 || s.P > alpha {
		t.Errorf("%+v, want +10 %% between runs 19 and 20", s)
	}
}

// Half of the runs are of a machine that needs 1.4 times as long for everything: the
// figures of each arm have that step, arm/control has not.
func TestAMachineThatSlowedDownIsNoStep(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	var records []record
	for i, ratio := range noisy(random, 60, 1.2, 0) {
		took := func(ns float64) result.Figures {
			ns *= 1 + .4*float64(i/30)
			p50 := int64(ns)
			return result.Figures{Latency: result.Distribution{Count: 1000, P50: &p50}, ClientCPU: &ns, ServerCPU: &ns, SentBytes: new(31.0)}
		}
		low, high := .98*ratio, 1.02*ratio
		r := result.Result{
			ID: fmt.Sprintf("20260101T000000Z-%08d", i), Created: time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC), Verdict: result.Valid,
			Plan:   plan.Plan{Arms: []plan.Arm{{Name: "tls=off"}, {Name: "tls=1.3"}}},
			Arms:   []result.Arm{{Name: "tls=off", Figures: took(1e5)}, {Name: "tls=1.3", Figures: took(1e5 * ratio)}},
			Groups: []plan.Group{{Name: "tls", Control: "tls=off", Arms: []string{"tls=off", "tls=1.3"}}},
			Comparisons: []result.Comparison{{Group: "tls", Arm: "tls=1.3", Control: "tls=off", Metric: "server_cpu_ns_per_rpc", Unit: "ns",
				Delta: .03, Ratio: &ratio, Low: &low, High: &high}},
		}
		records = append(records, recordOf(&r, ""))
	}
	h := history(records)
	ratios := 0
	for _, s := range h.Series {
		if s.Control != "" {
			ratios++
		}
		if len(s.Points) != 60 || len(s.Shifts) != 0 {
			t.Errorf("%s of %s: %d points, shifts %+v, want 60 and none", s.Metric, s.Arm, len(s.Points), s.Shifts)
		}
	}
	if ratios != 1 {
		t.Errorf("%d ratios to a control, want 1", ratios)
	}
}

// A step of a thousandth is as clear as any in figures that do not scatter, and does not
// matter.
func TestAStepThatDoesNotMatterIsNotNominated(t *testing.T) {
	var values []float64
	for i := range 40 {
		values = append(values, 1.2+float64(i%3)*1e-5+float64(i/20)*.001)
	}
	if shifts := history(runs(values...)).Series[0].Shifts; len(shifts) != 0 {
		t.Errorf("%+v, want none of 0.1 %%", shifts)
	}
}

func TestTheOrderOfFilesIsOfNoAccount(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	records := runs(append(noisy(random, 20, 1.2, .05), noisy(random, 20, 1.3, .05)...)...)
	want := history(slices.Clone(records))
	random.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
	if diff := cmp.Diff(want, history(records)); diff != "" {
		t.Errorf("(-in order +shuffled):\n%s", diff)
	}
}

func TestRunsThatMayNotBeUsedAreGaps(t *testing.T) {
	records := runs(1.1, 5, 5, 1.2)
	records[1].Verdict, records[2].Verdict = result.Invalid, result.Partial
	var got []float64
	for _, p := range history(records).Series[0].Points {
		got = append(got, p.Value)
	}
	if diff := cmp.Diff([]float64{float64(float32(1.1)), 0, 0, float64(float32(1.2))}, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestAFigureThatARunDoesNotHaveIsAGap(t *testing.T) {
	records := runs(1.1, 1.2, 1.3)
	other := ratioKey
	other.Metric = "latency_p50"
	records[1].keys = []Key{other}
	h := history(records)
	want := map[string][]bool{"server_cpu_ns_per_rpc": {true, false, true}, "latency_p50": {false, true, false}}
	for _, s := range h.Series {
		var have []bool
		for _, p := range s.Points {
			have = append(have, p.Value > 0)
		}
		if diff := cmp.Diff(want[s.Metric], have); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.Metric, diff)
		}
	}
}

func TestABaselineIsNoSecondRun(t *testing.T) {
	records := runs(1.1, 1.2)
	records[1].ID, records[1].Created, records[1].Baseline = records[0].ID, records[0].Created, "main"
	if h := history(records); len(h.Runs) != 1 || h.Runs[0].Baseline != "" {
		t.Errorf("runs %+v, want the run and not its baseline", h.Runs)
	}
}

func TestPlansHaveSeriesOfTheirOwnTheLatestFirst(t *testing.T) {
	records := append(runs(1.1, 1.2), runs(1.3)...)
	records[2].Plan, records[2].ID, records[2].Created = "q", "z", records[1].Created.Add(time.Hour)
	h := history(records)
	if len(h.Series) != 2 || h.Series[0].Plan != "q" || h.Series[1].Plan != "p" || len(h.Series[1].Points) != 2 {
		t.Errorf("%+v, want the series of q and then that of p", h.Series)
	}
}

// Of a series that wanders every change of direction looks like a step: with a
// correlation of .9 and p at most .001 nearly all have one.
func TestASeriesThatDriftsSaysSoAndAsksForMore(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	drifting, marked := 0, 0
	for range 40 {
		var values []float64
		y := 0.0
		for range 60 {
			y = .9*y + .02*random.NormFloat64()
			values = append(values, math.Exp(y))
		}
		s := history(runs(values...)).Series[0]
		if s.Drifts {
			drifting++
		}
		for _, shift := range s.Shifts {
			if s.Drifts && shift.P > driftAlpha {
				t.Errorf("%+v nominated in a series that drifts", shift)
			}
		}
		if !s.Drifts && len(s.Shifts) > 0 {
			marked++
		}
	}
	if drifting < 30 || marked > 4 {
		t.Errorf("%d of 40 series are said to drift, %d others have a nomination", drifting, marked)
	}
}

func TestAStepIsNoDrift(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	for range 20 {
		if s := history(runs(append(noisy(random, 30, 1.2, 0), noisy(random, 30, 1.4, 0)...)...)).Series[0]; s.Drifts || len(s.Shifts) == 0 {
			t.Fatalf("drifts %v, shifts %v, want a shift and no drift", s.Drifts, s.Shifts)
		}
	}
}

func TestWhatIsKeptOfAResult(t *testing.T) {
	settings := func(binary string) plan.Settings { return plan.Settings{TLS: "off", ServerBinary: binary} }
	r := &result.Result{
		ID: "id", Created: time.Unix(1, 0).UTC(), Verdict: result.Valid,
		Plan: plan.Plan{Tags: map[string]string{"commit": "abc"}, Suite: "s", Arms: []plan.Arm{
			{Name: "server-binary=./v1", Settings: settings("./v1 {addr}")}, {Name: "server-binary=./v2", Settings: settings("./v2 {addr}")},
			{Name: "A/A", Settings: settings("./v1 {addr}"), AA: true},
		}},
		Comparisons: []result.Comparison{
			{Group: "g", Arm: "server-binary=./v2", Control: "server-binary=./v1", Metric: "latency_p50", Unit: "ns", Delta: .05, Ratio: new(1.5), Low: new(1.25), High: new(1.75)},
			{Group: "g", Arm: "A/A", Control: "server-binary=./v1", Metric: "latency_p50", Unit: "ns", Delta: .05, Ratio: new(1.5)},
		},
		Machine: result.Machine{OS: "linux", Arch: "amd64", CPU: "Example 9", CPUs: 4, CgroupCPUs: 1.5},
		Arms:    []result.Arm{{Name: "server-binary=./v1", Figures: result.Figures{SentBytes: new(31.0)}}, {Name: "A/A", AA: true}},
	}
	want := record{
		Run: Run{ID: "id", Created: r.Created, Verdict: result.Valid, Commit: "abc", Suite: "s", Plan: r.Plan.Hash(), Arms: 2, Tags: r.Plan.Tags},
		keys: []Key{
			{"g", "server-binary=#1", "server-binary=#0", "latency_p50", "ns", .05},
			{"", "server-binary=#0", "", "client_allocs_per_rpc", "count", .03}, {"", "server-binary=#0", "", "server_allocs_per_rpc", "count", .03},
			{"", "server-binary=#0", "", "sent_bytes_per_rpc", "bytes", .005}, {"", "server-binary=#0", "", "received_bytes_per_rpc", "bytes", .005},
		},
		values: []triple{{1.5, 1.25, 1.75}, {}, {}, {31}, {}},
		facts:  []armFacts{{"", compare.RunFacts(r)}, {"server-binary=#0", compare.ArmFacts(&r.Arms[0])}},
	}
	want.System = System{OS: "linux", Arch: "amd64", CPU: "Example 9", CPUs: 4, CgroupCPUs: 1.5}
	if diff := cmp.Diff(want, recordOf(r, ""), cmp.AllowUnexported(record{}, armFacts{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
