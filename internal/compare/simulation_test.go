package compare_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"grpcbench/internal/compare"
	"grpcbench/internal/result"
	"grpcbench/testing/lane"
)

// A machine is a shared computer: its level drifts (autoregressive, 0.9 from epoch to
// epoch), each figure has noise of its own, and one in twenty is disturbed.
type machine struct {
	rng   *rand.Rand
	level float64
}

// drift moves the level by an epoch.
func (m *machine) drift() { m.level = 0.9*m.level + 0.03*m.rng.NormFloat64() }

// figure returns the server CPU of an arm at the level there is, in nanoseconds.
func (m *machine) figure() float64 {
	v := m.level + 0.02*m.rng.NormFloat64()
	if m.rng.IntN(20) == 0 {
		v += 0.2 * m.rng.ExpFloat64()
	}
	return 100_000 * math.Exp(v)
}

// together measures two arms that are alive in the same n epochs.
func (m *machine) together(n int) (control, arm []float64) {
	for range n {
		m.drift()
		control, arm = append(control, m.figure()), append(arm, m.figure())
	}
	return control, arm
}

// inTurn measures n epochs of the control, and then n of the arm.
func (m *machine) inTurn(n int) (control, arm []float64) {
	both := make([]float64, 2*n)
	for i := range both {
		m.drift()
		both[i] = m.figure()
	}
	return both[:n], both[n:]
}

// requests measures 20 single requests of each arm in each of n/2 epochs, and takes each
// for an epoch.
func (m *machine) requests(n int) (control, arm []float64) {
	a, b := m.together(n / 2)
	for i := range a {
		for range 20 {
			control = append(control, a[i]*math.Exp(0.05*m.rng.NormFloat64()))
			arm = append(arm, b[i]*math.Exp(0.05*m.rng.NormFloat64()))
		}
	}
	return control, arm
}

// falsePositives returns how often the p of two equal arms that measure returns is at most
// 1 percent, and how often they are called slower or faster.
func falsePositives(t *testing.T, sets int, measure func(n int) (control, arm []float64)) (p, verdicts float64) {
	t.Helper()
	for range sets {
		control, arm := measure(10)
		c := one(t, of("a", serverCPU, control...), of("b", serverCPU, arm...))
		if *c.P <= 0.01 {
			p += 1 / float64(sets)
		}
		if c.Verdict == "slower" || c.Verdict == "faster" {
			verdicts += 1 / float64(sets)
		}
	}
	return p, verdicts
}

// The exact size at n = 10 is 0.98 %; 4 standard errors of 10 000 sets are 0.39 %. Figures
// that were paired with those of other epochs are found too: the drift is then in the
// differences, and 0.1 % is left.
func TestArmsKeepsTheNominalErrorOnADriftingMachine(t *testing.T) {
	lane.Long(t, "simulates more than 10 000 draws")
	m := &machine{rng: rand.New(rand.NewPCG(9, 9))}
	p, verdicts := falsePositives(t, 10_000, m.together)
	t.Logf("false positives %.2f %%, verdicts %.2f %%", 100*p, 100*verdicts)
	if p < 0.006 || p > 0.014 || verdicts > p {
		t.Errorf("false positives %.4f, verdicts %.4f; want 0.0098 ± 0.004, and no more verdicts", p, verdicts)
	}
}

// What Arms is given has to be of epochs in which both arms were alive: it cannot know.
func TestArmsOfBlocksOrOfSingleRequestsIsWrongOneTimeInFive(t *testing.T) {
	lane.Long(t, "simulates more than 10 000 draws")
	m := &machine{rng: rand.New(rand.NewPCG(10, 9))}
	_, blocks := falsePositives(t, 2000, m.inTurn)
	_, requests := falsePositives(t, 2000, m.requests)
	t.Logf("false verdicts: blocks %.1f, requests %.1f %%", 100*blocks, 100*requests)
	if blocks < 0.2 || requests < 0.2 {
		t.Errorf("false verdicts: blocks %.4f, requests %.4f; want both above 0.2", blocks, requests)
	}
}

// adaptive counts the verdicts on an arm that differs by effect from its control, if
// epochs are added from 8 to 40 until Resolved says that they are enough. The log-ratios
// are effect plus draw. mean is the mean number of epochs.
func adaptive(effect float64, draw func() float64) (share map[string]float64, mean float64) {
	sets := make([][]float64, lane.Draws(3000, 12_000))
	for k := range sets {
		ratios := make([]float64, 40)
		for i := range ratios {
			ratios[i] = 100_000 * math.Exp(effect+draw())
		}
		sets[k] = ratios
	}
	control := of("a", serverCPU, times(40, 100_000)...)
	verdicts, epochs := make([]string, len(sets)), make([]int, len(sets))
	var next atomic.Int64 // all that is drawn is drawn: what is left is the same on any processor
	var judges sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		judges.Go(func() {
			for k := next.Add(1) - 1; int(k) < len(sets); k = next.Add(1) - 1 {
				verdicts[k], epochs[k] = enough(control, of("b", serverCPU, sets[k]...))
			}
		})
	}
	judges.Wait()
	share = map[string]float64{}
	for k, v := range verdicts {
		share[v] += 1 / float64(len(sets))
		mean += float64(epochs[k]) / float64(len(sets))
	}
	return share, mean
}

// enough adds epochs from 8 to 40 until Resolved says that they are enough, or until there
// is more or less than the one comparison that the simulation is of.
func enough(control, arm result.Arm) (verdict string, n int) {
	for n = 8; ; n++ {
		a, b := control, arm
		a.Epochs, b.Epochs = a.Epochs[:n], b.Epochs[:n]
		c := both(a, b)
		if len(c) != 1 {
			return "not one comparison", n
		}
		if n == 40 || compare.Resolved(c) {
			return c[0].Verdict, n
		}
	}
}

// To stop on the width of the interval does not spoil the verdict. With more than one
// metric runs are longer than here, and the width of each matters less. 4 standard
// errors of 3000 sets are 0.5 points of each false verdict, and 1.6 of same. make full has
// 12 000, of which half as much.
func TestARangeOfEpochsKeepsTheErrorRates(t *testing.T) {
	lane.Long(t, "simulates more than 10 000 draws")
	rng := rand.New(rand.NewPCG(11, 9))
	t3 := func() float64 {
		var squares float64
		for range 3 {
			z := rng.NormFloat64()
			squares += z * z
		}
		return rng.NormFloat64() / math.Sqrt(squares/3)
	}
	for _, c := range []struct {
		name string
		sd   float64
		draw func() float64
	}{
		{"normal", 0.01, rng.NormFloat64},
		{"normal", 0.02, rng.NormFloat64},
		{"normal", 0.03, rng.NormFloat64},
		{"normal", 0.04, rng.NormFloat64},
		{"t3", 0.02, t3},
	} {
		draw := func() float64 { return c.sd * c.draw() }
		equal, mean := adaptive(0, draw)
		t.Logf("%s %v: %v %v", c.name, c.sd, equal, mean)
		if n := equal["not one comparison"]; n > 0 {
			t.Errorf("%s, scale %v: %v of the sets had none or several comparisons", c.name, c.sd, n)
		}
		if equal["slower"] > 0.012 || equal["faster"] > 0.012 {
			t.Errorf("%s, scale %v: %v, want at most 0.012 of slower and of faster", c.name, c.sd, equal)
		}
		// The bound is on what has a difference of exactly δ.
		apart, mean := adaptive(math.Log1p(0.03), draw)
		t.Logf("%s %v: %v %v", c.name, c.sd, apart, mean)
		if apart["same"] > 0.06 {
			t.Errorf("%s, scale %v: %v, want at most 0.06 of same", c.name, c.sd, apart)
		}
	}
}
