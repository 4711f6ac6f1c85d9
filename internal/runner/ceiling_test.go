package runner_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"grpcbench/internal/ceiling"
	"grpcbench/internal/compare"
	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// ceilingPlan is the plan of a command line of ceiling with short windows and as many
// epochs as said: the command itself refuses fewer than eight.
func ceilingPlan(t *testing.T, epochs int, args ...string) plan.Plan {
	t.Helper()
	var c plan.Config
	flags := pflag.NewFlagSet("ceiling", pflag.ContinueOnError)
	c.CeilingFlags(flags)
	if err := flags.Parse(append([]string{"--window", "100ms", "--warmup", "20ms", "--drain", "3s"}, args...)); err != nil {
		t.Fatal(err)
	}
	c.TargetArg = flags.Arg(0)
	p, err := c.Plan()
	if err != nil {
		t.Fatalf("ceiling %q: %v", args, err)
	}
	p.Epochs = plan.Epochs{Min: epochs, Max: epochs}
	return p
}

// climbed measures a ceiling and works it out as the command does.
func climbed(t *testing.T, ctx context.Context, p plan.Plan, o runner.Options) result.Result {
	t.Helper()
	if o.Command == nil {
		o.Command = newChildren(t).command(t)
	}
	r, err := runner.Run(ctx, p, o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Machine.Epochs { // what else runs beside these tests is not theirs
		r.Machine.Epochs[i].CompetingShare, r.Machine.Epochs[i].StealShare = nil, nil
	}
	compare.Judge(r)
	wantSums(t, *r)
	wantStorable(t, *r)
	return *r
}

// wantAccount fails unless a ceiling's windows add up.
func wantAccount(t *testing.T, r result.Result) {
	t.Helper()
	for _, c := range r.Checks {
		if slices.Contains([]string{"blocks_do_not_add_up", "epochs_do_not_add_up", "windows_do_not_add_up", "histogram_disagrees", "samples_missing", "settings_not_observed", "server_disagrees"}, c.Code) && c.Verdict != result.Valid && c.Skipped == "" {
			t.Errorf("%+v", c)
		}
	}
}

func TestACeilingMeasuresEveryCountOfEveryArmOnceAnEpoch(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	p := ceilingPlan(t, 2, "--max-concurrency", "4", "--vary", "tls=off,1.3", "--aa", "off", "--seed", "7")
	r := climbed(t, t.Context(), p, runner.Options{})
	wantAccount(t, r)
	var orders []string
	for _, a := range r.Arms {
		if len(a.Levels) != 3 || len(a.Epochs) != 2 {
			t.Fatalf("%s: %d levels in %d epochs, want 3 in 2", a.Name, len(a.Levels), len(a.Epochs))
		}
		for _, e := range a.Epochs {
			var order []string
			for _, b := range e.Blocks {
				order = append(order, b.Name())
				if b.Ledger.OK == 0 || b.Search {
					t.Errorf("%s epoch %d at %s: %+v", a.Name, e.Index, b.Name(), b.Ledger)
				}
			}
			orders = append(orders, strings.Join(order, " "))
			slices.Sort(order)
			if got := strings.Join(order, ", "); got != "1 callers, 2 callers, 4 callers" {
				t.Errorf("%s epoch %d: %s", a.Name, e.Index, got)
			}
		}
		if c := a.Ceiling; c == nil || c.Outcome != result.TooFew {
			t.Errorf("%s: %+v, want that two epochs are too few", a.Name, c)
		}
	}
	slices.Sort(orders)
	if len(slices.Compact(orders)) < 2 {
		t.Errorf("every epoch has the order %s", orders[0])
	}
}

// The target keeps the SLO at every rate that the cap allows.
func TestASearchKeepsToItsCap(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	s := newTarget(t, nil)
	p := ceilingPlan(t, 1, s.addr, "--tls", "off", "--slo", "p90<3s", "--slo", "failed<50%", "--max-rate", "400", "--first-rate", "100")
	r := climbed(t, t.Context(), p, runner.Options{})
	wantAccount(t, r)
	searched := 0
	for _, b := range r.Arms[0].Epochs[0].Blocks {
		length := time.Duration(b.Length) // 50 RPCs, and not the 10 of the plan's windows
		if length != p.WindowAt(b.Rate) || float64(b.Ledger.Scheduled) < 0.5*b.Rate*length.Seconds() {
			t.Errorf("at %g RPC/s a window of %v with %d RPCs, want %v", b.Rate, length, b.Ledger.Scheduled, p.WindowAt(b.Rate))
		}
		if b.Rate > 400 {
			t.Errorf("a window at %g RPC/s, above the cap of 400", b.Rate)
		}
		if b.Search {
			searched++
		}
	}
	if searched < 6 { // twice 100, 200 and 400, or more on a machine that stalls
		t.Errorf("%d windows of the search, want 6", searched)
	}
	var rates []float64
	for _, l := range r.Arms[0].Levels {
		rates = append(rates, l.Rate)
	}
	for _, want := range []float64{200, 300, 360, 400} {
		if !slices.Contains(rates, want) {
			t.Errorf("levels %v, want %g among them", rates, want)
		}
	}
}

// stolen is a machine whose hypervisor takes all CPUs between two looks at them, as long as
// steals says so of the n-th look.
func stolen(t *testing.T, steals func(n int) bool) probe.Machine {
	t.Helper()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "proc"), 0o700); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	n, ticks := 0, 0
	return probe.Machine{Root: root, Wall: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		if n++; steals(n) {
			ticks += 100_000
		}
		var b strings.Builder
		for cpu := range 256 {
			fmt.Fprintf(&b, "cpu%d 0 0 0 0 0 0 0 %d 0 0\n", cpu, ticks)
		}
		if err := os.WriteFile(filepath.Join(root, "proc", "stat"), []byte(b.String()), 0o600); err != nil {
			t.Error(err)
		}
		return time.Now()
	}}
}

// The machine is looked at once for the epoch and twice for each window: CPUs are taken in the
// second window and in each fifth after it.
func TestADisturbedWindowIsMeasuredAgain(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	s := newTarget(t, nil)
	p := ceilingPlan(t, 1, s.addr, "--tls", "off", "--slo", "p50<3s", "--slo", "failed<50%", "--max-rate", "400", "--first-rate", "100")
	r := climbed(t, t.Context(), p, runner.Options{Machine: stolen(t, func(n int) bool { return n%5 == 0 })})
	wantAccount(t, r)
	blocks := r.Arms[0].Epochs[0].Blocks
	again := 0
	for i, b := range blocks {
		if stolen := slices.Contains(b.Disturbed, ceiling.Steal); b.Again && !stolen {
			t.Errorf("window %d at %s was measured again, disturbed by %v", i, b.Name(), b.Disturbed)
		}
		if b.Again {
			if again++; i+1 == len(blocks) || blocks[i+1].Rate != b.Rate {
				t.Errorf("window %d at %s must be followed by another one", i, b.Name())
			}
		}
	}
	if again < len(blocks)/5 || again > len(blocks)/2 {
		t.Errorf("%d of %d windows were measured again, want one in five", again, len(blocks))
	}
	if !slices.ContainsFunc(r.Warnings, func(w result.Warning) bool { return w.Code == "windows_disturbed" }) {
		t.Errorf("warnings %+v, want one of disturbed windows", r.Warnings)
	}
	for _, l := range r.Arms[0].Levels {
		if l.Windows != 1 {
			t.Errorf("%s: %d windows count, want one", l.Name(), l.Windows)
		}
	}
}

func TestAServerThatDiesInASearchIsNoCeiling(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	s := newTarget(t, nil)
	var steps atomic.Int64
	p := ceilingPlan(t, 1, s.addr, "--tls", "off", "--slo", "p50<3s", "--slo", "failed<50%", "--max-rate", "1000000", "--first-rate", "100")
	r := climbed(t, t.Context(), p, runner.Options{Progress: func(now runner.Progress) {
		if strings.Contains(now.Step, "RPC/s") && steps.Add(1) == 4 {
			s.stop()
		}
	}})
	if r.Verdict != result.Invalid || !strings.Contains(r.Failure, "the server was gone: none of ") {
		t.Errorf("verdict %s, failure %q, want INVALID and that the server was gone", r.Verdict, r.Failure)
	}
	if e := r.Arms[0].Epochs; len(e) != 1 || !e[0].Interrupted || len(e[0].Blocks) != 4 {
		t.Errorf("%d epochs, want one that was cut short after four windows", len(e))
	}
}

func TestAServerKilledInACeilingIsNamed(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	c := newChildren(t)
	var steps atomic.Int64
	r := climbed(t, t.Context(), ceilingPlan(t, 1, "--max-concurrency", "4"), runner.Options{Command: c.command(t), Progress: func(now runner.Progress) {
		if strings.Contains(now.Step, "callers") && steps.Add(1) == 2 {
			c.kill(t, runner.Host)
		}
	}})
	if r.Verdict != result.Invalid || !strings.Contains(r.Failure, "server of arm") {
		t.Errorf("verdict %s, failure %q, want INVALID and the server named", r.Verdict, r.Failure)
	}
}

func TestAnInterruptedCeilingKeepsTheWindowsThatItHas(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	for _, slo := range []bool{false, true} {
		args := []string{"--max-concurrency", "8"}
		if slo {
			args = []string{"--slo", "p50<3s", "--slo", "failed<50%", "--max-rate", "400"}
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		windows := 0
		r := climbed(t, ctx, ceilingPlan(t, 1, args...), runner.Options{Progress: func(now runner.Progress) {
			if strings.Contains(now.Step, " at ") || strings.Contains(now.Step, " with ") {
				if windows++; windows == 3 {
					time.AfterFunc(60*time.Millisecond, func() { cancel(errStop) })
				}
			}
		}})
		wantAccount(t, r)
		e := r.Arms[0].Epochs[0]
		if r.Verdict != result.Partial || r.Interrupted != "SIGINT" || !e.Interrupted || len(e.Blocks) < 3 {
			t.Errorf("slo %t: verdict %s by %q with %d windows, want PARTIAL with three", slo, r.Verdict, r.Interrupted, len(e.Blocks))
			for _, c := range r.Checks {
				if c.Verdict == result.Invalid {
					t.Logf("%+v", c)
				}
			}
		}
		if r.Arms[0].Ceiling.Outcome != result.TooFew {
			t.Errorf("slo %t: %+v, want no ceiling", slo, r.Arms[0].Ceiling)
		}
	}
}

// TestACeilingEndsWithItsTime:
//
//	fault:   --max-time is up in the first epoch of a ceiling
//	promise: the epoch ends there; the flag is named; INVALID, or no result where no window had time
//	figure:  0 whole epochs
func TestACeilingEndsWithItsTime(t *testing.T) {
	lane.Long(t, "starts processes")
	p := ceilingPlan(t, 1, "--tls", "off")
	p.MaxTime = p.WindowAt(0) + p.Warmup + 20*time.Millisecond // one window, if the processes took no time
	said := ""
	r, err := runner.Run(t.Context(), p, runner.Options{Command: newChildren(t).command(t)})
	if err != nil {
		said = err.Error()
	} else {
		compare.Judge(r)
		if said = r.Failure; r.Verdict != result.Invalid || len(r.Arms[0].Epochs[0].Blocks) > 1 {
			t.Errorf("verdict %s after %d windows, want INVALID after one at most", r.Verdict, len(r.Arms[0].Epochs[0].Blocks))
		}
	}
	if want := "was up in the first epoch, before there was a whole one: raise it, or use a shorter --window"; !strings.Contains(said, want) {
		t.Errorf("%q, want %q", said, want)
	}
}
