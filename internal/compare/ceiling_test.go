package compare_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/compare"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// climbed is a ceiling of one arm: what step returns for each load in each epoch.
func climbed(c plan.Ceiling, epochs int, loads []result.Step, step func(epoch int, s result.Step) result.Step) result.Result {
	r := result.Result{Plan: plan.Plan{Kind: plan.KindCeiling, Ceiling: &c, Window: time.Second, Load: plan.Load{Loop: plan.Closed}}}
	if len(c.SLO) > 0 {
		r.Plan.Load.Loop = plan.Open
	}
	a := result.Arm{Name: "base"}
	for _, s := range loads {
		a.Levels = append(a.Levels, result.Level{Step: s, Windows: epochs})
	}
	for e := range epochs {
		epoch := result.Epoch{Index: e}
		for i, s := range loads {
			b := step(e, s)
			a.Levels[i].ClientShare, a.Levels[i].ServerShare = b.ClientShare, b.ServerShare
			epoch.Blocks = append(epoch.Blocks, result.Block{Step: b})
		}
		a.Epochs = append(a.Epochs, epoch)
	}
	r.Arms = []result.Arm{a}
	return r
}

// callersCurve achieves rate(callers) in every epoch, with a level of its own in each.
func callersCurve(epochs int, client, server float64, rate func(callers int) float64) result.Result {
	var loads []result.Step
	c := plan.Ceiling{MaxConcurrency: 32}
	for _, n := range c.Callers() {
		loads = append(loads, result.Step{Callers: n})
	}
	return climbed(c, epochs, loads, func(e int, s result.Step) result.Step {
		s.Achieved = rate(s.Callers) * (1 + 0.1*float64(e))
		cpu := 20_000.0
		s.ClientCPU, s.ServerCPU, s.ClientShare, s.ServerShare = &cpu, &cpu, &client, &server
		return s
	})
}

func TestTheCeilingIsTheLeastCountThatTwiceAsManyGainLittleOver(t *testing.T) {
	saturating := func(n int) float64 { return 1000 * float64(min(n, 8)) }
	r := callersCurve(8, 0.1, 0.95, saturating)
	compare.Ceilings(&r)
	c := r.Arms[0].Ceiling
	if c.Outcome != result.Reached || c.Callers != 8 || c.Bottleneck != "server_cpu" || !c.OfServer {
		t.Fatalf("%+v, want the server's ceiling with 8 callers", c)
	}
	// 8000 times the level 1 + e/10, whose pairs' geometric means have the middle 1.34.
	if c.Rate.Value < 8000*1.3 || c.Rate.Value > 8000*1.4 || c.Rate.Low == nil || *c.Rate.Low > c.Rate.Value || *c.Rate.High < c.Rate.Value {
		t.Errorf("rate %+v, want about %g inside its interval", c.Rate, 8000*1.35)
	}
	// The level of an epoch is in both counts, so the gain is exact.
	if g := r.Arms[0].Levels[0].Gain; math.Abs(g.Value-2) > 1e-9 || math.Abs(*g.High-2) > 1e-9 {
		t.Errorf("gain of 1 caller %+v, want exactly 2", g)
	}
	if e := r.Arms[0].Epochs[3]; e.CeilingRate == nil || math.Abs(*e.CeilingRate-8000*1.3) > 1e-6 || e.Saturated == nil {
		t.Errorf("epoch 3: ceiling %v, saturated %v, want 10400", e.CeilingRate, e.Saturated)
	}
	if !strings.HasPrefix(c.Text, "the server's ceiling: ") {
		t.Errorf("text %q", c.Text)
	}
}

func TestACeilingThatIsNotReachedSaysSo(t *testing.T) {
	r := callersCurve(8, 0.1, 0.5, func(n int) float64 { return 1000 * math.Pow(float64(n), 0.2) })
	compare.Ceilings(&r)
	c := r.Arms[0].Ceiling
	if c.Outcome != result.NotReached || c.Callers != 32 || !strings.HasPrefix(c.Text, "not reached: 32 callers achieve ") {
		t.Errorf("%+v, want not reached with 32 callers", c)
	}
}

// A ceiling that the server's limit of streams keeps from being reached names it.
func TestALimitOfStreamsIsNamedWhereNoCeilingIsReached(t *testing.T) {
	r := callersCurve(8, 0.1, 0.1, func(n int) float64 { return 1000 * math.Pow(float64(n), 0.2) })
	a := &r.Arms[0]
	a.Observed.Connections, a.Observed.ServerSettings = 1, []result.ServerSettings{result.SettingsOf(map[uint16]uint32{3: 20}, 8)}
	last := &a.Levels[len(a.Levels)-1].Ledger
	last.Started, last.StreamWaits = 100, 100
	compare.Ceilings(&r)
	if c := a.Ceiling; c.Outcome != result.NotReached || !strings.HasSuffix(c.Text, "the server allows 20 streams on its 1 connection: use more --connections") {
		t.Errorf("%+v, want the limit of streams", c)
	}
}

func TestTheGeneratorsCeilingIsNotCalledTheServers(t *testing.T) {
	flat := func(int) float64 { return 1000 }
	for _, u := range []struct {
		client, server float64
		want           string
	}{
		{0.52, 0.43, "the generator's ceiling, not the server's"},
		{0.43, 0.52, "the ceiling of server and generator together, not of the server alone"},
		{0.31, 0.48, "the ceiling of server and generator together, not of the server alone"},
		{0.1, 0.1, "a ceiling, of which it is not known whose"},
		{0.2, 0.75, "the server's ceiling"},
	} {
		r := callersCurve(8, u.client, u.server, flat)
		compare.Ceilings(&r)
		if c := r.Arms[0].Ceiling; !strings.HasPrefix(c.Text, u.want+": ") || c.OfServer != (u.want == "the server's ceiling") {
			t.Errorf("client %g, server %g: %q, of the server: %t; want %q", u.client, u.server, c.Text, c.OfServer, u.want)
		}
	}
}

func TestMoreThatIsGainedLaterIsTold(t *testing.T) {
	dip := map[int]float64{1: 1000, 2: 1010, 4: 1000, 8: 1500, 16: 1500, 32: 1500}
	r := callersCurve(8, 0.1, 0.95, func(n int) float64 { return dip[n] })
	compare.Ceilings(&r)
	if c := r.Arms[0].Ceiling; c.Callers != 1 || !strings.HasSuffix(c.Text, "; 8 callers achieve +50.0 % more") {
		t.Errorf("%+v, want 1 caller and what 8 gain", c)
	}
}

func TestTooFewWholeEpochsHaveNoCeiling(t *testing.T) {
	r := callersCurve(8, 0.1, 0.95, func(int) float64 { return 1000 })
	for e := 5; e < 8; e++ {
		r.Arms[0].Epochs[e].Interrupted = true
	}
	compare.Ceilings(&r)
	if c := r.Arms[0].Ceiling; c.Outcome != result.TooFew || c.Rate != nil || c.Text != "5 whole epochs: must be at least 6" {
		t.Errorf("%+v, want that 5 are too few", c)
	}
}

// sloCurve has share(rate) of 10 000 RPCs over the limit in each window.
func sloCurve(share func(rate float64) float64, rates ...float64) result.Result {
	c := plan.Ceiling{FirstRate: 100, MaxRate: rates[len(rates)-1], SLO: []plan.Threshold{{Metric: "latency_p99", Op: "<", Value: 5e6}}}
	var loads []result.Step
	for _, rate := range rates {
		loads = append(loads, result.Step{Rate: rate})
	}
	return climbed(c, 8, loads, func(e int, s result.Step) result.Step {
		s.Ledger.Scheduled = 10_000
		s.Over = []int64{int64(10_000 * min(1, share(s.Rate)*(1+0.02*float64(e))))}
		s.Achieved = s.Rate
		return s
	})
}

func TestTheHighestRateThatKeepsAnSLOIsBetweenTheMeasured(t *testing.T) {
	// ln(share) is straight in ln(rate), and 1 % at 1000 RPC/s.
	r := sloCurve(func(rate float64) float64 { return 0.01 * math.Pow(rate/1000, 8) }, 850, 950, 1050, 1150)
	compare.Ceilings(&r)
	c := r.Arms[0].Ceiling
	// Shares are 7 % higher in the mean of the epochs: 1000·1.07^(−1/8).
	if want := 1000 * math.Pow(1.07, -1.0/8); c.Outcome != result.Reached || math.Abs(c.Rate.Value/want-1) > 0.005 {
		t.Errorf("%s, want %.0f", c.Text, want)
	}
	if c.Rate.Low == nil || *c.Rate.Low > 950 || *c.Rate.High < 1050 {
		t.Errorf("%+v: the interval must reach to the rates beside it", c.Rate)
	}
	if c.At != 950 {
		t.Errorf("CPU is that of %g RPC/s, want 950", c.At)
	}
	if e := r.Arms[0].Epochs[0]; e.CeilingRate == nil || math.Abs(*e.CeilingRate/1000-1) > 0.005 {
		t.Errorf("epoch 0 crosses at %v, want 1000", e.CeilingRate)
	}
}

// Half of the epochs broke the limit at 950 RPC/s and went no further. All windows at 950
// together kept it, and those at 1050 too, but only because the worse half was not there.
func TestWhatOnlySomeEpochsCouldTakeIsNotTakenForAll(t *testing.T) {
	shares := map[float64]float64{850: 0.001, 950: 0.002, 1050: 0.005, 1150: 0.015}
	r := sloCurve(func(rate float64) float64 { return shares[rate] }, 850, 950, 1050, 1150)
	for i := range r.Arms[0].Epochs[:4] {
		e := &r.Arms[0].Epochs[i]
		e.Blocks = e.Blocks[:2]
		e.Blocks[1].Over = []int64{160}
	}
	compare.Ceilings(&r)
	if c := r.Arms[0].Ceiling; c.Rate.Value <= 950 || c.Rate.Value >= 1050 {
		t.Errorf("%s, want between 950 and 1050", c.Text)
	}
}

func TestAnSLOThatEveryRateOrNoneKeepsSaysSo(t *testing.T) {
	r := sloCurve(func(float64) float64 { return 0 }, 500, 750, 900, 1000)
	compare.Ceilings(&r)
	if c := r.Arms[0].Ceiling; c.Outcome != result.NotReached || c.Text != "not reached: every rate up to the cap of 1000 RPC/s (--max-rate) keeps latency_p99<5ms" || c.Rate.High != nil {
		t.Errorf("%+v", c)
	}
	r = sloCurve(func(float64) float64 { return 0.5 }, 10, 20)
	compare.Ceilings(&r)
	if c := r.Arms[0].Ceiling; c.Outcome != result.NoneKeeps || c.Text != "no rate keeps latency_p99<5ms: the lowest that was tried is 10 RPC/s" || c.Rate.Low != nil {
		t.Errorf("%+v", c)
	}
}

// What the search measured chose the rates: nothing is estimated from it.
func TestWindowsOfTheSearchCountInNothing(t *testing.T) {
	share := func(rate float64) float64 { return 0.01 * math.Pow(rate/1000, 8) }
	plain, searched := sloCurve(share, 850, 950, 1050, 1150), sloCurve(share, 850, 950, 1050, 1150)
	e := &searched.Arms[0].Epochs[0]
	e.Blocks = append([]result.Block{{Search: true, Step: result.Step{Rate: 950, Ledger: result.Ledger{Scheduled: 10_000}, Over: []int64{10_000}}}}, e.Blocks...)
	compare.Ceilings(&plain)
	compare.Ceilings(&searched)
	if diff := cmp.Diff(plain.Arms[0].Ceiling, searched.Arms[0].Ceiling); diff != "" {
		t.Errorf("without and with a search (-want +got):\n%s", diff)
	}
}

func TestArmsOfACeilingAreComparedByIt(t *testing.T) {
	r := callersCurve(8, 0.1, 0.95, func(n int) float64 { return 1000 * float64(min(n, 8)) })
	half := callersCurve(8, 0.1, 0.95, func(n int) float64 { return 500 * float64(min(n, 8)) })
	half.Arms[0].Name = "half"
	r.Arms = append(r.Arms, half.Arms[0])
	r.Groups = []plan.Group{{Name: "g", Control: "base", Arms: []string{"base", "half"}}}
	compare.Ceilings(&r)
	all := compare.Arms(&r)
	if len(all) != 3 || all[0].Metric != "ceiling_rpc_per_s" || all[0].Unit != "rpc/s" || math.Abs(*all[0].Ratio-0.5) > 1e-9 || all[0].Verdict != "faster" {
		t.Errorf("%+v, want the ceiling, half as high, and both CPUs", all)
	}
}

// Comparisons are of the ceilings, and a check is of the comparisons.
func TestWhatIsJudgedDependsOnWhatWasJudgedBefore(t *testing.T) {
	r := callersCurve(8, 0.1, 0.95, func(n int) float64 { return 1000 * float64(min(n, 8)) })
	aa := callersCurve(8, 0.1, 0.95, func(n int) float64 { return 500 * float64(min(n, 8)) })
	aa.Arms[0].Name, aa.Arms[0].AA = "aa", true
	r.Arms = append(r.Arms, aa.Arms[0])
	r.Groups = []plan.Group{{Name: "g", Control: "base", Arms: []string{"base", "aa"}}}
	compare.Judge(&r)
	if len(r.Comparisons) == 0 || r.Comparisons[0].Metric != "ceiling_rpc_per_s" {
		t.Fatalf("comparisons %+v, want that of the ceilings", r.Comparisons)
	}
	if !slices.ContainsFunc(r.Warnings, func(w result.Warning) bool { return w.Code == "control_differs_from_itself" }) {
		t.Errorf("warnings %+v, want one about the comparison with the A/A arm", r.Warnings)
	}
	once := r
	compare.Judge(&r)
	if diff := cmp.Diff(once.Comparisons, r.Comparisons) + cmp.Diff(once.Warnings, r.Warnings); diff != "" {
		t.Errorf("judged again (-once +twice):\n%s", diff)
	}
}

func TestResultsOfDifferentKindsAreNotCompared(t *testing.T) {
	a := callersCurve(8, 0.1, 0.95, func(int) float64 { return 1000 })
	b := result.Result{Plan: plan.Plan{Load: plan.Load{Loop: plan.Closed}}}
	for _, force := range []bool{false, true} {
		if _, err := compare.Results(&b, &a, force); !errors.Is(err, compare.ErrKinds) || err.Error() != "the results are of different kinds: base is of run, new of ceiling" {
			t.Errorf("force %t: error %v", force, err)
		}
	}
}
