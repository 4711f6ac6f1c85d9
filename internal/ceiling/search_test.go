package ceiling_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"grpcbench/internal/ceiling"
)

// exact keeps every rate up to a limit, and notes what it was asked.
func exact(limit float64, asked *[]float64) func(float64) (bool, error) {
	return func(rate float64) (bool, error) {
		*asked = append(*asked, rate)
		return rate <= limit, nil
	}
}

func TestFindDoublesThenHalves(t *testing.T) {
	s := ceiling.Search{First: 100, Least: 10, Most: 1e6}
	var asked []float64
	b, err := s.Find(exact(730, &asked))
	if err != nil {
		t.Fatal(err)
	}
	// √(400·800) = 566, √(566·800) = 673, √(673·800) = 734, √(673·734) = 703, within a twentieth.
	want := []float64{100, 100, 200, 200, 400, 400, 800, 800, 566, 566, 673, 673, 734, 734, 703, 703, 734, 734}
	if !slices.Equal(asked, want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
	if b != (ceiling.Bracket{Kept: 703, Broken: 734}) {
		t.Errorf("found %+v, want 703 kept, 734 broken", b)
	}
}

func TestFindStopsAtTheEndsThatItIsGiven(t *testing.T) {
	s := ceiling.Search{First: 100, Least: 10, Most: 700}
	for _, c := range []struct {
		limit float64
		want  ceiling.Bracket
		asked []float64 // the last two rates
	}{
		{1e9, ceiling.Bracket{Kept: 700}, []float64{700, 700}},
		{0, ceiling.Bracket{Broken: 10}, []float64{10, 10}},
		{30, ceiling.Bracket{Kept: 29.7, Broken: 31}, nil},
	} {
		var asked []float64
		got, err := s.Find(exact(c.limit, &asked))
		if err != nil || got != c.want {
			t.Errorf("limit %g: found %+v, %v, want %+v", c.limit, got, err, c.want)
		}
		for _, rate := range asked {
			if rate < s.Least || rate > s.Most {
				t.Errorf("limit %g: asked for %g RPC/s, outside [%g, %g]", c.limit, rate, s.Least, s.Most)
			}
		}
		if n := len(c.asked); n > 0 && !slices.Equal(asked[len(asked)-n:], c.asked) {
			t.Errorf("limit %g: asked last for %v, want %v", c.limit, asked[len(asked)-n:], c.asked)
		}
	}
}

// A stall that breaks some windows in a row neither sends the search down for good nor
// keeps it below a rate.
func TestAStallDoesNotKeepTheSearchDown(t *testing.T) {
	for from := range 12 {
		for length := range 10 { // one that is there still when the rate is asked again is not seen
			i := 0
			s := ceiling.Search{First: 5000, Least: 34, Most: 20_000}
			b, err := s.Find(func(rate float64) (bool, error) {
				i++
				stalled := i > from && i <= from+length
				return rate <= 7700 && !stalled, nil
			})
			// The grid reaches to 1.3 times what was found: the ceiling is well inside.
			if err != nil || b.Kept < 7700/1.1 || b.Kept > 7700 {
				t.Errorf("a stall of %d windows after %d: %+v, %v, want about 7700", length, from, b, err)
			}
		}
	}
}

func TestMostOfThreeWindowsDecide(t *testing.T) {
	s := ceiling.Search{First: 100, Least: 100, Most: 100}
	for votes, kept := range map[string]bool{"kk": true, "bb": false, "kbk": true, "bkk": true, "bkb": false, "kbb": false} {
		i := 0
		b, err := s.Find(func(float64) (bool, error) {
			i++
			return votes[i-1] == 'k', nil
		})
		if err != nil || (b.Kept == 100) != kept || i != len(votes) {
			t.Errorf("%s: found %+v after %d windows, want kept: %t", votes, b, i, kept)
		}
	}
}

func TestAnErrorEndsTheSearch(t *testing.T) {
	gone := errors.New("gone")
	for after := range 12 {
		i := 0
		_, err := ceiling.Search{First: 100, Least: 10, Most: 1e4}.Find(func(rate float64) (bool, error) {
			if i++; i > after {
				return false, gone
			}
			return rate < 550, nil
		})
		if !errors.Is(err, gone) || i != after+1 {
			t.Errorf("after %d windows: error %v after %d", after, err, i)
		}
	}
}

func TestGridSurroundsWhatWasFoundInsideTheEnds(t *testing.T) {
	s := ceiling.Search{First: 100, Least: 10, Most: 1000}
	for _, c := range []struct {
		b    ceiling.Bracket
		want string
	}{
		{ceiling.Bracket{Kept: 400, Broken: 400}, "[200 300 360 384 400 416 440 520]"},
		{ceiling.Bracket{Kept: 900, Broken: 990}, "[472 708 850 906 944 982 1000]"},
		{ceiling.Bracket{Kept: 1000}, "[500 750 900 1000]"},
		{ceiling.Bracket{Broken: 10}, "[10 20]"},
	} {
		if got := fmt.Sprint(s.Grid(c.b)); got != c.want {
			t.Errorf("grid of %+v is %s, want %s", c.b, got, c.want)
		}
	}
}

func TestCrossingIsWhereTheCurveCrosses(t *testing.T) {
	at := func(margins ...float64) (points []ceiling.Point) {
		for i, m := range margins {
			points = append(points, ceiling.Point{Rate: 100 * math.Pow(2, float64(i)), Windows: 1, Margin: m})
		}
		return points
	}
	for _, c := range []struct {
		name   string
		points []ceiling.Point
		rate   float64
		side   ceiling.Side
	}{
		{"in the middle", at(-0.5, 0.5), 100 * math.Sqrt2, ceiling.Between},
		{"nearer to the closer one", at(-0.25, 0.75), 100 * math.Pow(2, 0.25), ceiling.Between},
		{"the limit itself is kept", at(-1.6, 0, 2), 200, ceiling.Between},
		{"what is hopeless is bounded", at(-1.5, math.Inf(1)), 100 * math.Sqrt2, ceiling.Between},
		{"what is nothing is bounded", at(math.Inf(-1), 1.5), 100 * math.Sqrt2, ceiling.Between},
		// −0.2 and −0.6 are pooled to −0.4, so that the curve does not fall; the last is
		// too far to be on a line with them.
		{"one that falls is pooled", at(-0.2, -0.6, 2), 200 * math.Pow(2, 0.4/1.9), ceiling.Between},
		// The line through (0, −1), (1, −0.6), (2, 0.4) crosses at 1.57 doublings.
		{"three that are near make a line", at(-1, -0.6, 0.4), 100 * math.Pow(2, 1+0.4/0.7), ceiling.Between},
		{"all kept", at(-1, -0.5), 200, ceiling.Above},
		{"all broken", at(0.1, 0.5), 100, ceiling.Below},
		{"none", nil, 0, ceiling.Between},
	} {
		points := slices.Clone(c.points)
		slices.Reverse(points)
		if got := ceiling.Crossing(points); math.Abs(got.Rate-c.rate) > 1e-9*c.rate || got.Side != c.side {
			t.Errorf("%s: %+v, want %g, %v", c.name, got, c.rate, c.side)
		}
	}
}

// Pooled by their windows 0.2·1 and −0.6·3 are −0.4: without weights it were −0.2.
func TestAPointCountsAsOftenAsItWasMeasured(t *testing.T) {
	points := []ceiling.Point{{100, 1, 0.2}, {200, 3, -0.6}, {400, 1, 1.5}}
	if got := ceiling.Crossing(points); math.Abs(got.Rate-200*math.Pow(2, 0.4/1.9)) > 1e-9 || got.From != 200 || got.To != 400 {
		t.Errorf("crossing %+v, want at %g", got, 200*math.Pow(2, 0.4/1.9))
	}
}

func TestFurtherExtendsUntilTheCeilingIsBetween(t *testing.T) {
	s := ceiling.Search{First: 100, Least: 50, Most: 400}
	for _, c := range []struct {
		points []ceiling.Point
		rate   float64
		ok     bool
	}{
		{[]ceiling.Point{{200, 1, -1}, {220, 1, 1}}, 0, false},
		{[]ceiling.Point{{180, 1, -1}, {200, 1, -1}}, 260, true},
		{[]ceiling.Point{{180, 1, -1}, {320, 1, -1}}, 400, true},
		{[]ceiling.Point{{180, 1, -1}, {400, 1, -1}}, 400, false},
		{[]ceiling.Point{{60, 1, 1}, {200, 1, 1}}, 50, true},
		{[]ceiling.Point{{50, 1, 1}, {200, 1, 1}}, 50, false},
	} {
		if rate, ok := s.Further(c.points); ok != c.ok || rate != c.rate {
			t.Errorf("%v: further %g, %t, want %g, %t", c.points, rate, ok, c.rate, c.ok)
		}
	}
}

func TestLimitNamesTheSideThatIsUsedUp(t *testing.T) {
	share := func(v float64) *float64 { return &v }
	for _, c := range []struct {
		name    string
		use     ceiling.Use
		want    ceiling.Bottleneck
		servers bool
	}{
		{"nothing is known", ceiling.Use{Shared: true}, "", false},
		{"server alone", ceiling.Use{Client: share(0.05), Server: share(0.93), Shared: true}, ceiling.ServerCPU, true},
		{"client alone", ceiling.Use{Client: share(0.95), Server: share(0.02), Shared: true}, ceiling.ClientCPU, false},
		{"together, a small generator", ceiling.Use{Client: share(0.2), Server: share(0.75), Shared: true}, ceiling.ServerCPU, true},
		{"together, server more", ceiling.Use{Client: share(0.44), Server: share(0.53), Shared: true}, ceiling.ServerCPU, false},
		{"together, client more", ceiling.Use{Client: share(0.53), Server: share(0.44), Shared: true}, ceiling.ClientCPU, false},
		{"others fill up the rest", ceiling.Use{Client: share(0.1), Server: share(0.5), Others: share(0.35), Shared: true}, ceiling.ServerCPU, true},
		{"others more than either", ceiling.Use{Client: share(0.22), Server: share(0.22), Others: share(0.6), Shared: true}, ceiling.Neither, false},
		{"room left, contended", ceiling.Use{Client: share(0.3), Server: share(0.5), Shared: true}, ceiling.Neither, false},
		{"room left, a small generator", ceiling.Use{Client: share(0.2), Server: share(0.5), Shared: true}, ceiling.Neither, false},
		{"one CPU of several", ceiling.Use{Client: share(0.05), Server: share(0.25), Shared: true}, ceiling.Neither, false},
		{"idle", ceiling.Use{Client: share(0.2), Server: share(0.2), Shared: true}, ceiling.Neither, false},
		{"idle, others a little more", ceiling.Use{Client: share(0.01), Server: share(0.01), Others: share(0.02), Shared: true}, ceiling.Neither, false},
		{"not known", ceiling.Use{Client: share(0.5)}, "", false},
		{"not known, an idle generator", ceiling.Use{Client: share(0.05), Others: share(0.01)}, "", false},
		{"not known, beside busy others", ceiling.Use{Client: share(0.11), Others: share(0.63)}, "", false},
		{"not known, a generator at its end", ceiling.Use{Client: share(0.91)}, ceiling.ClientCPU, false},
	} {
		if got, servers := ceiling.Limit(c.use); got != c.want || servers != c.servers {
			t.Errorf("%s: %q, the server's: %t; want %q, %t", c.name, got, servers, c.want, c.servers)
		}
	}
}

func TestMarginIsTheShareAgainstWhatIsAllowed(t *testing.T) {
	for _, c := range []struct {
		bad, of int64
		allowed float64
		want    float64
	}{
		{0, 999, 0.01, math.Log(0.001)},
		{100, 9999, 0.01, math.Log(1.0001)},
		{0, 0, 0.01, 0},
		{10, 1000, 0.01, 0},
		{0, 9, 0.01, math.Log(0.1)},
		{0, 999, 0, math.Inf(-1)},
		{1, 999, 0, math.Inf(1)},
	} {
		if got := ceiling.Margin(c.bad, c.of, c.allowed); got != c.want && math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%d of %d with %g allowed: %g, want %g", c.bad, c.of, c.allowed, got, c.want)
		}
	}
}

func TestPooledHasNoEndWhereTheCeilingIsNotHeld(t *testing.T) {
	points := func(low, high float64) func(int) []ceiling.Point {
		return func(without int) []ceiling.Point {
			if without == 3 {
				return []ceiling.Point{{98, 7, low}, {102, 7, high}}
			}
			return []ceiling.Point{{98, 8, -0.1}, {102, 8, 0.1}}
		}
	}
	e, _, low, high := ceiling.Pooled(8, points(-0.1, 0.1))
	if !low || !high || !e.HasInterval || math.Abs(e.Low-98) > 1e-9 || math.Abs(e.High-102) > 1e-9 {
		t.Errorf("%+v, ends %t, %t: want the rates beside the crossing", e, low, high)
	}
	if _, _, low, high := ceiling.Pooled(8, points(-0.2, -0.1)); !low || high {
		t.Errorf("above without an epoch: ends %t, %t, want the lower one alone", low, high)
	}
	if _, _, low, high := ceiling.Pooled(8, points(0.1, 0.2)); low || !high {
		t.Errorf("below without an epoch: ends %t, %t, want the upper one alone", low, high)
	}
}

// In doublings of 100 RPC/s: the whole is pooled to −0.7 at 0, 1 and 2, and crosses at
// 2.7; the line through its points crosses at 5.25, beyond them. Without epoch 3 the line
// would cross at 2.42, and the curve does at 2.25: the pseudo-value is 8·2.7 − 7·2.25.
func TestLeavingOutAnEpochMakesNoStraightLineOfACurve(t *testing.T) {
	at := func(margins ...float64) (points []ceiling.Point) {
		for i, m := range margins {
			points = append(points, ceiling.Point{Rate: 100 * math.Pow(2, float64(i)), Windows: 1, Margin: m})
		}
		return points
	}
	e, _, _, _ := ceiling.Pooled(8, func(without int) []ceiling.Point {
		if without == 3 {
			return at(-1.4, -1, -0.1, 0.3)
		}
		return at(-0.1, -1, -1, 0.3)
	})
	if value, high := math.Log2(e.Value/100), math.Log2(e.High/100); math.Abs(value-2.7) > 1e-9 || math.Abs(high-5.85) > 1e-9 {
		t.Errorf("2^%.3f up to 2^%.3f, want 2^2.7 up to 2^5.85", value, high)
	}
}

func TestStandInIsTheLastRateOnThatSide(t *testing.T) {
	for _, c := range []struct {
		rate, want float64
		ok         bool
	}{{300, 300, true}, {500, 400, true}, {100, 200, true}, {250, 0, false}} {
		if got, ok := ceiling.StandIn([]float64{400, 200, 300}, c.rate); got != c.want || ok != c.ok {
			t.Errorf("for %g: %g, %t, want %g, %t", c.rate, got, ok, c.want, c.ok)
		}
	}
	if _, ok := ceiling.StandIn(nil, 100); ok {
		t.Error("an epoch that measured nothing stands in for something")
	}
}

func TestReachedIsTheFirstGainThatIsSurelySmall(t *testing.T) {
	gain := func(low, high float64) ceiling.Estimate {
		return ceiling.Estimate{Value: math.Sqrt(low * high), Low: low, High: high, HasInterval: true, Epochs: 8}
	}
	for _, c := range []struct {
		gains []ceiling.Estimate
		want  int
	}{
		{[]ceiling.Estimate{gain(1.6, 1.9), gain(1.0, 1.06), gain(0.98, 1.04), gain(0.9, 1.01)}, 2},
		{[]ceiling.Estimate{gain(1.6, 1.9), gain(1.04, 1.05)}, -1},
		{[]ceiling.Estimate{{Value: 1, Epochs: 5}}, -1},
		{nil, -1},
	} {
		if got := ceiling.Reached(c.gains); got != c.want {
			t.Errorf("%+v: %d, want %d", c.gains, got, c.want)
		}
	}
}

func TestGainPairsTheEpochsThatHaveBoth(t *testing.T) {
	once, twice := []float64{100, 200, math.NaN(), 400, 0}, []float64{150, 300, 500, 600, 7}
	if got := ceiling.Gain(once, twice); got.Epochs != 3 || math.Abs(got.Value-1.5) > 1e-12 || got.HasInterval {
		t.Errorf("%+v, want 1.5 of 3 epochs, too few for an interval", got)
	}
}
