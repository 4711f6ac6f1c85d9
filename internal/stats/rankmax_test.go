package stats_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"grpcbench/internal/stats"
)

var (
	// The Nile at Aswan 1871–1970, 10⁸ m³ a year (Cobb, Biometrika 65, 1978).
	nile = []float64{
		1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960, 1180, 799, 958, 1140,
		1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833, 701, 916, 692, 1020, 1050, 969,
		831, 726, 456, 824, 702, 1120, 1100, 832, 764, 821, 768, 845, 864, 862, 698, 845, 744, 796, 1040, 759,
		781, 865, 845, 944, 984, 897, 822, 1010, 771, 676, 649, 846, 812, 742, 801, 1040, 860, 874, 848, 890,
		744, 749, 838, 1050, 918, 986, 797, 923, 975, 815, 1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740,
	}
	// Passenger miles of US airlines 1937–1960 (Brown, Smoothing, Forecasting and Prediction, 1963).
	airmiles = []float64{
		412, 480, 683, 1052, 1385, 1418, 1634, 2178, 3362, 5948, 6109, 5981, 6753, 8003, 10566, 12528, 14760, 16769, 19819, 22362,
		25340, 25343, 29269, 30514,
	}
	// Great discoveries a year 1900–1959, many ties (The World Almanac, 1975).
	discoveries = []float64{
		5, 2, 2, 4, 0, 4, 2, 5, 2, 3, 3, 6, 5, 8, 3, 6, 6, 0, 5, 2,
		2, 2, 6, 3, 4, 4, 2, 2, 4, 7, 5, 3, 3, 0, 2, 2, 2, 1, 3, 4,
		2, 2, 1, 1, 1, 2, 1, 4, 4, 3, 2, 1, 4, 1, 1, 1, 0, 0, 2, 0,
	}
	// Distances to stop in the order of the cars' speed, feet (Ezekiel, Methods of Correlation Analysis, 1930).
	stopping = []float64{
		2, 10, 4, 22, 16, 10, 18, 26, 34, 17, 28, 14, 20, 24, 28, 26, 34, 34, 46, 26,
		36, 60, 80, 20, 26, 54, 32, 40, 32, 40, 50, 42, 56, 76, 84, 36, 46, 68, 32, 48,
		52, 56, 64, 66, 54, 70, 92, 93, 120, 85,
	}
	// Rain of 40 US cities, inches, in the order of their names (McNeil, Interactive Data Analysis, 1977).
	rain = []float64{
		67, 54.7, 7, 48.5, 14, 17.2, 20.7, 13, 43.4, 40.2, 38.9, 54.5, 59.8, 48.3, 22.9, 11.5, 34.4, 35.1, 38.7, 30.8,
		30.6, 43.1, 56.8, 40.8, 41.8, 42.5, 31, 31.7, 30.2, 25.9, 49.2, 37, 35.9, 15, 30.2, 7.2, 36.2, 45.5, 7.8, 33.4,
	}
	// Waiting for the Old Faithful geyser, minutes (Azzalini and Bowman, Applied Statistics 39, 1990).
	geyser = []float64{
		79, 54, 74, 62, 85, 55, 88, 85, 51, 85, 54, 84, 78, 47, 83, 52, 62, 84, 52, 79,
		51, 47, 78, 69,
	}
)

// R 4 with coin: maxstat_test(y ~ x, ytrafo = rank, minprob = 5/n, maxprob = 1 - 5/n)
// with x = 1 … n and 1 000 000 random orders for p. The year of Cobb's Nile is known:
// 28 is 1898.
func TestRankMaxEqualsR(t *testing.T) {
	for _, c := range []struct {
		name string
		y    []float64
		at   int
		p    float64
	}{
		{"Nile", nile, 28, 0},
		{"airmiles", airmiles, 12, 0.000001},
		{"discoveries", discoveries, 33, 0.000428},
		{"stopping distances", stopping, 16, 0},
		{"rain", rain, 33, 0.535979},
		{"geyser", geyser, 13, 0.405844},
	} {
		got, ok := stats.RankMax(c.y)
		// Five standard errors of 20 000 orders, and the least p there is.
		near := 5*math.Sqrt(c.p*(1-c.p)/20_000) + 1.0/20_001
		if !ok || got.At != c.at || math.Abs(got.P-c.p) > near {
			t.Errorf("%s: %+v %v, want a change at %d with p %v ± %v", c.name, got, ok, c.at, c.p, near)
		}
	}
}

// Ten values can be cut in one place only, where the test is that of Wilcoxon's rank
// sum; the chance of the two most extreme of C(10,5) = 252 sums is 2/252.
func TestRankMaxOfTenValuesIsTheRankSumTest(t *testing.T) {
	got, ok := stats.RankMax([]float64{3, 1, 2, 5, 4, 9, 8, 6, 10, 7})
	if want := 2.0 / 252; !ok || got.At != 5 || math.Abs(got.P-want) > 5*math.Sqrt(want/20_000) {
		t.Errorf("%+v %v, want a change at 5 with p %v", got, ok, want)
	}
}

func TestRankMaxDependsOnTheOrderOfValuesAlone(t *testing.T) {
	logs := make([]float64, len(nile))
	for i, v := range nile {
		logs[i] = 3*math.Log(v) - 7
	}
	a, _ := stats.RankMax(nile)
	if b, _ := stats.RankMax(logs); a != b {
		t.Errorf("%+v, of the logarithms %+v", a, b)
	}
}

func TestRankMaxRefusesWhatItCannotJudge(t *testing.T) {
	for name, y := range map[string][]float64{
		"nine values": integers(9),
		"all equal":   repeat(1, 20),
		"NaN":         append(integers(20), math.NaN()),
		"none":        nil,
	} {
		if s, ok := stats.RankMax(y); ok {
			t.Errorf("%s: %+v, want none", name, s)
		}
	}
}

// Three levels, 20 values each: both changes are found where they are.
func TestShiftsFindsEachChange(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	var y []float64
	for _, level := range []float64{0, 1, 0.4} {
		for range 20 {
			y = append(y, level+0.05*random.NormFloat64())
		}
	}
	var at []int
	for _, s := range stats.Shifts(y, 0.001) {
		at = append(at, s.At)
	}
	if want := []int{20, 40}; !slices.Equal(at, want) {
		t.Errorf("changes at %v, want %v", at, want)
	}
	if got := stats.Shifts(rain, 0.001); len(got) != 0 {
		t.Errorf("changes %v in a series without one", got)
	}
}
