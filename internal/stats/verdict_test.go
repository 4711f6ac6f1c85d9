package stats_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/stats"
)

func TestJudgeGivesTheVerdictOfTheRule(t *testing.T) {
	for _, c := range []struct {
		name  string
		d     []float64
		delta float64
		want  stats.Verdict
	}{
		// p = 2/2⁷ = 1.6 % can never be below 1 %.
		{"seven epochs, however clear", repeat(0.5, 7), 0.03, stats.Inconclusive},
		{"seven epochs, however equal", repeat(0, 7), 0.03, stats.Inconclusive},
		{"eight epochs, all higher", []float64{0.04, 0.05, 0.06, 0.05, 0.03, 0.07, 0.05, 0.04}, 0.03, stats.Slower},
		{"eight epochs, all lower", []float64{-0.04, -0.05, -0.06, -0.05, -0.03, -0.07, -0.05, -0.04}, 0.03, stats.Faster},
		// T− = 1: p = 4/2⁸ = 1.6 %.
		{"eight epochs, one disagrees", []float64{0.04, 0.05, 0.06, 0.05, -0.01, 0.07, 0.05, 0.04}, 0.03, stats.Inconclusive},
		{"no difference at all, as of bytes", repeat(0, 10), 0.005, stats.Same},
		{"noise within delta", []float64{0.01, -0.01, 0.004, -0.006, 0.002, -0.003, 0.008, -0.009}, 0.03, stats.Same},
		{"noise beyond delta", []float64{0.1, -0.1, 0.04, -0.06, 0.02, -0.03, 0.08, -0.09}, 0.03, stats.Inconclusive},
		{"sure but too small to matter", repeat(0.001, 10), 0.03, stats.Same},
		{"half of delta", repeat(math.Log1p(0.015), 8), 0.03, stats.Slower},
		{"just below half of delta", repeat(math.Log1p(0.01499), 8), 0.03, stats.Same},
		// The 90 % interval of eight ends at the sixth average from above
		// (P(W <= 5) = 10/2⁸): of 0.75 0.725 0.7 0.7 0.675 0.675 that is 0.675,
		// inside ln 2 = 0.69; 0.1 more is outside, though below delta itself.
		{"inside ln(1+delta)", []float64{0.75, 0.7, 0.65, 0.6, 0.1, 0, -0.1, -0.2}, 1, stats.Same},
		{"between ln(1+delta) and delta", []float64{0.85, 0.8, 0.75, 0.7, 0.1, 0, -0.1, -0.2}, 1, stats.Inconclusive},
		{"the same below zero", []float64{-0.85, -0.8, -0.75, -0.7, -0.1, 0, 0.1, 0.2}, 1, stats.Inconclusive},
	} {
		got, err := stats.Judge(c.d, c.delta)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got.Verdict != c.want {
			t.Errorf("%s: %s, want %s (%+v)", c.name, got.Verdict, c.want, got)
		}
	}
}

// Values 1 … 8 hundredths: averages of pairs run from 0.01 to 0.08 around 0.045;
// McCornack's 3 makes the 95 % interval end at the fourth average from each side,
// (1+1)/2, (1+2)/2, (1+3)/2, (2+2)/2; the variance is n(n+1)/12 = 6.
func TestJudgeFillsTheEstimate(t *testing.T) {
	d := []float64{0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08}
	got, err := stats.Judge(d, 0.03)
	if err != nil {
		t.Fatal(err)
	}
	want := stats.Estimate{
		N: 8, LogRatio: 0.045, Lo95: 0.02, Hi95: 0.07, HasInterval: true,
		P: 2.0 / 256, MDE: 1.92 * math.Sqrt(6) / 100, Verdict: stats.Slower,
	}
	if diff := cmp.Diff(want, got, closeTo(1e-12)); diff != "" {
		t.Errorf("estimate (-want +got):\n%s", diff)
	}
}

func TestJudgeOfFewEpochsHasNoInterval(t *testing.T) {
	got, err := stats.Judge([]float64{0.1, 0.2, 0.3, 0.2, 0.2}, 0.03)
	if err != nil {
		t.Fatal(err)
	}
	want := stats.Estimate{
		N: 5, LogRatio: 0.2, Lo95: math.Inf(-1), Hi95: math.Inf(1),
		P: 2.0 / 32, MDE: math.Inf(1), Verdict: stats.Inconclusive,
	}
	if diff := cmp.Diff(want, got, closeTo(1e-12)); diff != "" {
		t.Errorf("estimate (-want +got):\n%s", diff)
	}
}

func TestJudgeChangesSignIfArmAndControlAreExchanged(t *testing.T) {
	d := []float64{0.031, 0.052, -0.004, 0.043, 0.067, 0.071, 0.012, 0.055, 0.048, 0.039}
	forth, err := stats.Judge(d, 0.03)
	if err != nil {
		t.Fatal(err)
	}
	back, err := stats.Judge(minus(repeat(0, len(d)), d), 0.03)
	if err != nil {
		t.Fatal(err)
	}
	want := forth
	want.LogRatio, want.Lo95, want.Hi95, want.Verdict = -forth.LogRatio, -forth.Hi95, -forth.Lo95, stats.Faster
	if diff := cmp.Diff(want, back, closeTo(1e-15)); diff != "" || forth.Verdict != stats.Slower {
		t.Errorf("%s, exchanged (-want +got):\n%s", forth.Verdict, diff)
	}
}

func TestJudgeRefusesWhatCannotBeEstimated(t *testing.T) {
	bad := func(v float64) []float64 { return append(integers(9), v) }
	for _, c := range []struct {
		d     []float64
		delta float64
		want  string
	}{
		{nil, 0.03, "epochs 0: must be > 0"},
		{bad(math.NaN()), 0.03, "log-ratio NaN of epoch 9: must be finite"},
		{bad(math.Log(0)), 0.03, "log-ratio -Inf of epoch 9: must be finite"},
		{bad(math.Inf(1)), 0.03, "log-ratio +Inf of epoch 9: must be finite"},
		{integers(10), 0, "delta 0: must be > 0"},
		{integers(10), -0.03, "delta -0.03: must be > 0"},
		{integers(10), math.NaN(), "delta NaN: must be > 0"},
		{integers(10), math.Inf(1), "delta +Inf: must be > 0 and finite"},
	} {
		got, err := stats.Judge(c.d, c.delta)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v, delta %v: error %v, want %q", c.d, c.delta, err, c.want)
		}
		if diff := cmp.Diff(stats.Estimate{}, got); diff != "" {
			t.Errorf("%v, delta %v: estimate beside an error (-want +got):\n%s", c.d, c.delta, diff)
		}
	}
}

func closeTo(tolerance float64) cmp.Option {
	return cmp.Comparer(func(a, b float64) bool { return a == b || math.Abs(a-b) <= tolerance })
}

// spreadOut returns n values about centre, 0.001 apart.
func spreadOut(n int, centre float64) []float64 {
	d := integers(n)
	for i := range d {
		d[i] = centre + (d[i]-float64(n+1)/2)/1000
	}
	return d
}

func TestJudgeShiftGivesTheVerdictOfTheRule(t *testing.T) {
	for _, c := range []struct {
		name      string
		base, new []float64
		delta     float64
		want      stats.Verdict
	}{
		{"new is higher", spreadOut(8, 0.1), spreadOut(8, 0.15), 0.03, stats.Slower},
		{"new is lower", spreadOut(8, 0.1), spreadOut(8, 0.05), 0.03, stats.Faster},
		{"seven new epochs, however clear", spreadOut(40, 0.1), spreadOut(7, 0.9), 0.03, stats.Inconclusive},
		{"seven base epochs, however equal", repeat(0, 7), repeat(0, 40), 0.03, stats.Inconclusive},
		{"no difference at all, as of bytes", repeat(0.53, 8), repeat(0.53, 10), 0.005, stats.Same},
		{"sure but too small to matter", repeat(0, 10), repeat(0.001, 10), 0.03, stats.Same},
		{"half of delta", repeat(0, 8), repeat(math.Log1p(0.015), 8), 0.03, stats.Slower},
		{"just below half of delta", repeat(0, 8), repeat(math.Log1p(0.01499), 8), 0.03, stats.Same},
		// qwilcox(0.05, 8, 8) is 16: the 90 % interval ends at the 16th of the 64
		// differences i−j, of which d lies 8−|d| times. 0+1+2+3+4+5 = 15 are below
		// −2 thousandths, so that is the end.
		{"noise within delta", spreadOut(8, 0), spreadOut(8, 0), 0.0021, stats.Same},
		{"noise beyond delta", spreadOut(8, 0), spreadOut(8, 0), 0.0019, stats.Inconclusive},
	} {
		got, err := stats.JudgeShift(c.base, c.new, c.delta)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got.Verdict != c.want {
			t.Errorf("%s: %s, want %s (%+v)", c.name, got.Verdict, c.want, got)
		}
	}
}

// The differences are 50 + (i−j) thousandths. 13 is qwilcox(0.025, 8, 8) of R less one:
// 1+2+3+4 = 10 are below −3 about the centre, so the 14th is −3. No order of C(16, 8) =
// 12 870 is more extreme, and one is as much. The variance of each is 8·9/12 = 6; g = 8.
func TestJudgeShiftFillsTheEstimate(t *testing.T) {
	got, err := stats.JudgeShift(spreadOut(8, 0.1), spreadOut(8, 0.15), 0.03)
	if err != nil {
		t.Fatal(err)
	}
	want := stats.Estimate{
		N: 8, LogRatio: 0.05, Lo95: 0.047, Hi95: 0.053, HasInterval: true,
		P: 2.0 / 12870, MDE: 3.42 / math.Sqrt(0.955) * (1 + 0.9/8 + 5.0/64) * math.Sqrt(6.0/8*2) / 1000,
		Verdict: stats.Slower,
	}
	if diff := cmp.Diff(want, got, closeTo(1e-12)); diff != "" {
		t.Errorf("estimate (-want +got):\n%s", diff)
	}
}

func TestJudgeShiftOfFewEpochsHasNoInterval(t *testing.T) {
	for _, c := range []struct {
		base, new   int
		hasInterval bool
	}{{5, 40, false}, {40, 5, false}, {6, 6, true}, {1, 1, false}} {
		got, err := stats.JudgeShift(spreadOut(c.base, 0), spreadOut(c.new, 0.5), 0.03)
		if err != nil {
			t.Fatal(err)
		}
		whole := math.IsInf(got.Lo95, -1) && math.IsInf(got.Hi95, 1)
		if got.HasInterval != c.hasInterval || whole == c.hasInterval || got.Verdict != stats.Inconclusive || !math.IsInf(got.MDE, 1) {
			t.Errorf("%d and %d: %+v, want interval %v, no mde and no verdict", c.base, c.new, got, c.hasInterval)
		}
		if got.N != min(c.base, c.new) || math.Abs(got.LogRatio-0.5) > 1e-12 {
			t.Errorf("%d and %d: N %d, estimate %v; want the smaller number and 0.5", c.base, c.new, got.N, got.LogRatio)
		}
	}
}

func TestJudgeShiftChangesSignIfTheRunsAreExchanged(t *testing.T) {
	forth, err := stats.JudgeShift(plants, plantsSecond, 0.03)
	if err != nil {
		t.Fatal(err)
	}
	back, err := stats.JudgeShift(plantsSecond, plants, 0.03)
	if err != nil {
		t.Fatal(err)
	}
	want := forth
	want.LogRatio, want.Lo95, want.Hi95 = -forth.LogRatio, -forth.Hi95, -forth.Lo95
	if diff := cmp.Diff(want, back, closeTo(1e-12)); diff != "" {
		t.Errorf("exchanged (-want +got):\n%s", diff)
	}
}

func TestJudgeShiftRefusesWhatCannotBeEstimated(t *testing.T) {
	for _, c := range []struct {
		base, new []float64
		delta     float64
		want      string
	}{
		{nil, integers(9), 0.03, "epochs of base 0: must be > 0"},
		{integers(9), nil, 0.03, "epochs of new 0: must be > 0"},
		{[]float64{1, math.NaN()}, integers(9), 0.03, "base: log-ratio NaN of epoch 1: must be finite"},
		{integers(9), []float64{math.Inf(-1)}, 0.03, "new: log-ratio -Inf of epoch 0: must be finite"},
		{integers(9), integers(9), 0, "delta 0: must be > 0 and finite"},
	} {
		got, err := stats.JudgeShift(c.base, c.new, c.delta)
		if err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %q", err, c.want)
		}
		if diff := cmp.Diff(stats.Estimate{}, got); diff != "" {
			t.Errorf("%s: estimate beside an error (-want +got):\n%s", c.want, diff)
		}
	}
}

func TestSizeIsTheLargestLevelBelowOnePercent(t *testing.T) {
	// Subsets of 1 … n with a sum of at most k, twice, over 2ⁿ:
	// n = 8: k = 0: 1. n = 9: k = 1: 2. n = 10: k = 3: 1+1+1+2 = 5.
	for n, want := range map[int]float64{-1: 0, 7: 0, 8: 2.0 / 256, 9: 4.0 / 512, 10: 10.0 / 1024} {
		if got := stats.Size(n); got != want {
			t.Errorf("Size(%d) = %v, want %v", n, got, want)
		}
	}
	for n := 11; n < 100; n++ {
		if got := stats.Size(n); got <= 0.007 || got > 0.01 {
			t.Errorf("Size(%d) = %v, want just below 0.01", n, got)
		}
	}
}
