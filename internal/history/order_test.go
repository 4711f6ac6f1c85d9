package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/compare"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/stats"
)

// commits are the hashes of a history, in order.
func commits(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%040x", i+1))
	}
	return all
}

// line says where commits of a line of n stand.
func line(n int) Places {
	return func([]string) map[string]int {
		at := make(map[string]int)
		for i, c := range commits(n) {
			at[c] = i
		}
		return at
	}
}

// forged is a stored result of two arms, the nth that was made, of a commit.
func forged(n int, commit string, ratio float64) result.Result {
	arms := []plan.Arm{{Name: "tls=off"}, {Name: "tls=1.3", Settings: plan.Settings{TLS: "1.3"}}}
	at := time.Date(2026, 1, 1, n, 0, 0, 0, time.UTC)
	r := result.Result{
		Schema: result.Schema, ID: at.Format("20060102T150405Z") + "-" + strings.Map(func(c rune) rune { return c - '0' + 'a' }, fmt.Sprintf("%08d", n)), Created: at, Verdict: result.Valid,
		Plan:        plan.Plan{Arms: arms, Tags: map[string]string{"commit": commit}},
		Tool:        result.Tool{Version: "v1", Go: "go1.26.8", GRPCGo: "v1.85.0"},
		Machine:     result.Machine{OS: "linux", Arch: "amd64", CPU: "AMD EPYC", CPUs: 2},
		Arms:        []result.Arm{{Name: "tls=off"}, {Name: "tls=1.3", Observed: result.Observed{Cipher: "TLS_AES_128_GCM_SHA256"}}},
		Groups:      []plan.Group{{Name: "tls", Control: "tls=off", Arms: []string{"tls=off", "tls=1.3"}}},
		Comparisons: []result.Comparison{{Group: "tls", Arm: "tls=1.3", Control: "tls=off", Metric: "server_cpu_ns_per_rpc", Unit: "ns", Delta: .03, Ratio: &ratio}},
	}
	return r
}

// tracked is the history of results that were made in this order, and its series of the
// ratio.
func tracked(results []result.Result, places Places) (h History, ratios []Series) {
	var records []record
	for _, r := range results {
		records = append(records, recordOf(&r, ""))
	}
	h = historyOf(ordered(records), places)
	for _, s := range h.Series {
		if s.Control != "" {
			ratios = append(ratios, s)
		}
	}
	return h, ratios
}

// TestAnotherMachineIsNoChangeOfACommit: runs of one plan on two machines.
//
//	fault:   from some run on results come from another CPU, another number of CPUs, another limit, system or architecture, and all figures are higher there
//	promise: `track` has a series of each machine, and blames no commit for the other one
//	figure:  no nomination; two series
func TestAnotherMachineIsNoChangeOfACommit(t *testing.T) {
	for name, move := range map[string]func(*result.Machine){
		"CPU":     func(m *result.Machine) { m.CPU = "Other CPU 9000" },
		"CPUs":    func(m *result.Machine) { m.CPUs = 64 },
		"limit":   func(m *result.Machine) { m.CgroupCPUs = 1.5 },
		"system":  func(m *result.Machine) { m.OS = "darwin" },
		"machine": func(m *result.Machine) { m.Arch = "arm64" },
	} {
		random := rand.New(rand.NewPCG(7, 7))
		noise := append(noisy(random, 20, 1.2, 0), noisy(random, 20, 1.44, 0)...)
		var results []result.Result
		for i, c := range commits(40) {
			r := forged(i, c, noise[i])
			if i >= 20 {
				move(&r.Machine)
			}
			results = append(results, r)
		}
		_, series := tracked(results, line(40))
		if len(series) != 2 || series[0].System == series[1].System || len(series[0].Shifts)+len(series[1].Shifts) != 0 {
			t.Errorf("%s: %d series, %+v, want two systems and no nomination", name, len(series), series)
			continue
		}
		for _, s := range series {
			if len(s.Points) != 20 || s.Usable != 20 || !s.Judged {
				t.Errorf("%s: %d points, %d usable, judged %t, want the 20 of one system", name, len(s.Points), s.Usable, s.Judged)
			}
		}
	}
}

// What compare calls fingerprint, and no system of its own, is named where a level changed:
// of the run and of the two arms, not of others.
func TestWhatElseChangedIsNamedAtANomination(t *testing.T) {
	var results []result.Result
	for i, c := range commits(40) {
		r := forged(i, c, 1.2+float64(i%5)*.001)
		if i >= 20 {
			r = forged(i, c, 1.4+float64(i%5)*.001)
			r.Tool.Revision, r.Tool.Go, r.Machine.Environment = "abc", "go1.27.0", map[string]string{"GODEBUG": "cpu.aes=off"}
			r.Arms[1].Observed.Cipher = "TLS_CHACHA20_POLY1305_SHA256"
		}
		if i%2 == 0 {
			r.Arms = append(r.Arms, result.Arm{Name: "other", Observed: result.Observed{Cipher: fmt.Sprint(i)}})
			r.Plan.Arms = append(r.Plan.Arms, plan.Arm{Name: "other"})
		} else {
			r.Arms = append(r.Arms, result.Arm{Name: "other"})
			r.Plan.Arms = append(r.Plan.Arms, plan.Arm{Name: "other"})
		}
		results = append(results, r)
	}
	_, series := tracked(results, line(40))
	if len(series) != 1 || len(series[0].Shifts) != 1 {
		t.Fatalf("%+v, want one series with one nomination", series)
	}
	want := []compare.Difference{
		{What: "grpc-bench", Base: "v1", New: "v1 abc"}, {What: "Go", Base: "go1.26.8", New: "go1.27.0"},
		{What: "environment GODEBUG", New: "cpu.aes=off"},
		{What: "cipher", Arms: []string{"tls=1.3"}, Base: "TLS_AES_128_GCM_SHA256", New: "TLS_CHACHA20_POLY1305_SHA256"},
	}
	if diff := cmp.Diff(want, series[0].Shifts[0].Facts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Noise may put a change a run or two away from what made it; farther away nothing is named.
func TestWhatChangedNearANominationIsNamedToo(t *testing.T) {
	for at, want := range map[int]int{17: 0, 18: 1, 19: 1, 20: 1, 21: 1, 22: 1, 23: 0} {
		var results []result.Result
		for i, c := range commits(40) {
			r := forged(i, c, 1.2+.2*float64(i/20)+.001*float64(i%5))
			if i >= at {
				r.Machine.Kernel = "7.0"
			}
			results = append(results, r)
		}
		_, series := tracked(results, line(40))
		if got := series[0].Shifts[0].Facts; len(got) != want || want == 1 && (got[0].What != "kernel" || got[0].New != "7.0") {
			t.Errorf("a kernel that is new from run %d on, beside a change at 20: %+v", at, got)
		}
	}
}

// late lists the places of runs that are.
func late(h History) (at []int) {
	for i, r := range h.Runs {
		if r.Late {
			at = append(at, i)
		}
	}
	return at
}

// TestRunsStandWhereTheirCommitsDo: commits measured in another order than they were made in.
//
//	fault:   every second commit is measured later, or old commits after new ones
//	promise: `track` has them in order of their commits, nominates the commit that was slower, and marks what was measured after a successor
//	figure:  the runs of the nomination; every late run
func TestRunsStandWhereTheirCommitsDo(t *testing.T) {
	const n = 40
	all := commits(n)
	ratio := func(i int) float64 { // slower from the 21st commit on
		return 1.2 + .3*float64(i/20) + .001*float64(i%5)
	}
	var every, backfilled []int
	for i := 0; i < n; i += 2 {
		every = append(every, i)
	}
	for i := 1; i < n; i += 2 {
		every = append(every, i)
	}
	for i := range n {
		backfilled = append(backfilled, (i+10)%n) // the first ten last
	}
	lateEvery, lateBackfilled := []int{}, []int{}
	for i := 1; i < n-1; i += 2 {
		lateEvery = append(lateEvery, i)
	}
	for i := range 10 {
		lateBackfilled = append(lateBackfilled, i)
	}
	for name, row := range map[string]struct{ order, late []int }{"every second": {every, lateEvery}, "backfilled": {backfilled, lateBackfilled}} {
		var results []result.Result
		for k, i := range row.order {
			results = append(results, forged(k, all[i], ratio(i)))
		}
		h, series := tracked(results, line(n))
		if h.Placed != n || len(series) != 1 || len(series[0].Shifts) != 1 {
			t.Fatalf("%s: %d placed, %+v, want one nomination", name, h.Placed, series)
		}
		s := series[0].Shifts[0]
		if h.Runs[s.Before].Commit != all[19] || h.Runs[s.After].Commit != all[20] {
			t.Errorf("%s: nominated between %s and %s, want the 20th and the 21st", name, h.Runs[s.Before].Commit, h.Runs[s.After].Commit)
		}
		if diff := cmp.Diff(row.late, late(h)); diff != "" {
			t.Errorf("%s: late (-want +got):\n%s", name, diff)
		}
		byTime, other := tracked(results, nil)
		if byTime.Placed != 0 || len(late(byTime)) != 0 || name == "every second" && len(other[0].Shifts) == 1 && other[0].Shifts[0].P == s.P {
			t.Errorf("%s: without a history runs are in order of time: %+v", name, other[0].Shifts)
		}
	}
}

// A run without a commit that is known stands where the history had got to; one of a
// changed working tree where its commit does; a tag that is no hash is not asked about.
func TestRunsWithoutAKnownCommitStandWhereTheyWereMade(t *testing.T) {
	all := commits(5)
	made := []string{"", all[1], "deadbeef", all[4], "my build", all[0], all[2] + "+dirty", "--all"}
	var results []result.Result
	for i, c := range made {
		results = append(results, forged(i, c, 1.2))
	}
	var asked []string
	h, _ := tracked(results, func(c []string) map[string]int {
		asked = c
		return line(5)(c)
	})
	var got []string
	for _, r := range h.Runs {
		got = append(got, r.Commit)
	}
	want := []string{"", all[0], all[1], "deadbeef", all[2] + "+dirty", all[4], "my build", "--all"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{1, 4}, late(h)); diff != "" || h.Placed != 4 {
		t.Errorf("%d placed, late (-want +got):\n%s", h.Placed, diff)
	}
	if want := []string{all[1], "deadbeef", all[4], all[0], all[2]}; !slices.Equal(asked, want) {
		t.Errorf("git was asked for %q, want %q", asked, want)
	}
}

// A later commit of another plan, or on another system, makes no run late.
func TestARunIsLateAmongThoseOfItsSeries(t *testing.T) {
	all := commits(3)
	results := []result.Result{forged(0, all[1], 1.2), forged(1, all[2], 1.2), forged(2, all[0], 1.2)}
	results[0].Plan.Arms = append(slices.Clone(results[0].Plan.Arms), plan.Arm{Name: "x"})
	results[0].Arms = append(results[0].Arms, result.Arm{Name: "x"})
	results[1].Machine.CPUs = 8
	if h, _ := tracked(results, line(3)); len(late(h)) != 0 {
		t.Errorf("late %v, want none", late(h))
	}
}

// Of fewer runs than are said to be needed nothing is nominated, however clear it is.
func TestANominationNeedsAsManyRunsAsIsSaid(t *testing.T) {
	step := func(before, after int) (y []float64) {
		for i := range before + after {
			v := 1 + 1e-6*float64(i)
			if i >= before {
				v += 9
			}
			y = append(y, v)
		}
		return y
	}
	for alpha, needed := range map[float64]int{alpha: MinRuns, driftAlpha: minDriftRuns} {
		if len(stats.Shifts(step(needed/2, needed/2), alpha)) != 1 {
			t.Errorf("p %g: %d runs before and %d after give no nomination", alpha, needed/2, needed/2)
		}
		for n := range needed {
			for before := range n {
				if len(stats.Shifts(step(before, n-before), alpha)) != 0 {
					t.Errorf("p %g: %d runs before and %d after give a nomination", alpha, before, n-before)
				}
			}
		}
	}
	for n, want := range map[int]bool{0: false, 1: false, MinRuns - 1: false, MinRuns: true} {
		var results []result.Result
		for i := range n + 1 {
			results = append(results, forged(i, commits(i + 1)[i], 1.2+.001*float64(i%3*i%4)))
		}
		results[0].Verdict = result.Invalid // a gap
		if _, s := tracked(results, nil); s[0].Judged != want || s[0].Usable != n {
			t.Errorf("%d usable runs and a gap: %d usable, judged %t, want %t", n, s[0].Usable, s[0].Judged, want)
		}
	}
}

// What an index holds is what the files do: systems and facts too, which runs share.
func TestSystemsAndFactsPassThroughTheIndex(t *testing.T) {
	dir := t.TempDir()
	for i, c := range commits(4) {
		r := forged(i, c, 1.2)
		r.Tool.Revision = fmt.Sprint(i / 2)
		result.Examine(&r)
		if _, err := result.Write(dir, r); err != nil {
			t.Fatal(err)
		}
	}
	want, err := readRecords(dir)
	if err != nil || len(want) != 4 || want[0].System.CPU != "AMD EPYC" || len(want[0].facts) != 3 {
		t.Fatalf("%+v, %v", want, err)
	}
	got, err := readRecords(dir)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(record{}, armFacts{})); diff != "" || err != nil {
		t.Errorf("%v (-from files +from the index):\n%s", err, diff)
	}
	for from, records := range map[string][]record{"files": want, "the index": got} {
		if &records[0].facts[0].list[0] != &records[1].facts[0].list[0] || &records[0].facts[2].list[0] != &records[3].facts[2].list[0] {
			t.Errorf("from %s: facts that are the same must be one list", from)
		}
	}
}
