package stats_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"grpcbench/internal/stats"
	"grpcbench/testing/lane"
)

// nominated reports whether a tracker that looks at the last 60 values of y at each commit,
// from the first one on, finds a change with p <= 0.001 by at least the size least.
func nominated(y []float64, first int, least float64) bool {
	for n := first; n <= len(y); n++ {
		window := y[max(0, n-60):n]
		for _, s := range stats.Shifts(window, 0.001) {
			if math.Abs(stats.MedianShift(window[:s.At], window[s.At:])) >= least {
				return true
			}
		}
	}
	return false
}

// around1 are sources of a series with a coefficient of variation of 2 %, but for heavy
// tails, or for outliers on one side in one of 20 values.
func around1() []source {
	normal, t3 := sources()[0].draw, sources()[1].draw
	return []source{
		{"normal", func(rng *rand.Rand) float64 { return 1 + 0.02*normal(rng) }},
		{"t3", func(rng *rand.Rand) float64 { return 1 + 0.02*t3(rng) }},
		{"one in 20 an outlier", func(rng *rand.Rand) float64 {
			v := 1 + 0.02*normal(rng)
			if rng.IntN(20) == 0 {
				v += 0.1
			}
			return v
		}},
	}
}

// Changes of any size count. 4 standard errors of 2000 series at 2 % are 1.3 points.
func TestASeriesThatDoesNotChangeIsSeldomNominatedIn100Commits(t *testing.T) {
	lane.Long(t, "simulates more than 10 000 draws")
	const series = 2000
	rng := rand.New(rand.NewPCG(21, 1))
	for _, s := range around1() {
		var wrong float64
		for range series {
			if nominated(sample(rng, 100, s.draw), 1, 0) {
				wrong++
			}
		}
		got := wrong / series
		t.Logf("%s: nominated in %.2f %% of series", s.name, 100*got)
		if got > 0.03 {
			t.Errorf("%s: nominated in %.4f of series, want at most 0.03", s.name, got)
		}
	}
}

// With fewer than 40 commits before the step it is less, 76 % with 15. A change counts
// from half of a δ of 3 %.
func TestAStepOfFivePercentIsNominatedWithinEightCommits(t *testing.T) {
	lane.Long(t, "simulates more than 10 000 draws")
	const series = 5000
	rng := rand.New(rand.NewPCG(22, 1))
	normal := around1()[0].draw
	for _, before := range []int{40, 60, 100} {
		var found float64
		for range series {
			y := sample(rng, before+8, normal)
			for i := range y[before:] {
				y[before+i] *= 1.05
			}
			if nominated(y, before+1, 0.015) {
				found++
			}
		}
		got := found / series
		t.Logf("after %d commits: nominated in %.1f %% of series", before, 100*got)
		if got < 0.85 {
			t.Errorf("after %d commits: nominated in %.4f of series, want at least 0.85", before, got)
		}
	}
}

// A series and its reverse have the same ranks and the same clearest split, and with ties
// each call draws its random orders anew.
func TestTheSameSeriesHasTheSameAnswer(t *testing.T) {
	lane.Long(t, "simulates more than 10 000 draws")
	reversed := slices.Clone(discoveries)
	slices.Reverse(reversed)
	first, _ := stats.RankMax(discoveries)
	for _, y := range [][]float64{discoveries, reversed} {
		if again, _ := stats.RankMax(y); again.P != first.P {
			t.Errorf("p %v, then %v", first.P, again.P)
		}
	}
}
