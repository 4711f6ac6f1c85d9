package plan_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"grpcbench/internal/plan"
)

// ceilingOf is the plan of a command line of ceiling.
func ceilingOf(t *testing.T, args ...string) (plan.Plan, error) {
	t.Helper()
	var c plan.Config
	fs := pflag.NewFlagSet("ceiling", pflag.ContinueOnError)
	c.CeilingFlags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatalf("parse %q: %v", args, err)
	}
	c.TargetArg = fs.Arg(0)
	return c.Plan()
}

func mustCeiling(t *testing.T, args ...string) plan.Plan {
	t.Helper()
	p, err := ceilingOf(t, args...)
	if err != nil {
		t.Fatalf("ceiling %q: %v", args, err)
	}
	return p
}

func TestACeilingWithoutAnSLODoublesCallers(t *testing.T) {
	p := mustCeiling(t, "--seed", "1")
	if p.Kind != plan.KindCeiling || len(p.Arms) != 1 || p.Suite != "" {
		t.Errorf("kind %q, %d arms, suite %q, want one arm of a ceiling", p.Kind, len(p.Arms), p.Suite)
	}
	if got, want := p.Ceiling.Callers(), []int{1, 2, 4, 8, 16, 32, 64, 128}; !slices.Equal(got, want) {
		t.Errorf("callers %v, want %v", got, want)
	}
	want := plan.Load{Loop: plan.Closed, Concurrency: 128}
	if p.Load != want || p.Epochs != (plan.Epochs{Min: 8, Max: 8}) || p.Window != time.Second || p.Warmup != 250*time.Millisecond || p.Saturated != 0 {
		t.Errorf("%+v, %v epochs of %v after %v", p.Load, p.Epochs, p.Window, p.Warmup)
	}
}

func TestACeilingWithAnSLOSearchesRates(t *testing.T) {
	p := mustCeiling(t, "--slo", "p99<5ms", "--max-rate", "4000", "--allow-failures", "0.02")
	want := plan.Ceiling{FirstRate: 100, MaxRate: 4000, SLO: []plan.Threshold{
		{Metric: "latency_p99", Op: "<", Value: 5e6}, {Metric: "failed", Op: "<=", Value: 0.02},
	}}
	if diff := cmp.Diff(want, *p.Ceiling); diff != "" {
		t.Error(diff)
	}
	if p.Load.Loop != plan.Open || p.Load.Arrival != plan.Poisson || p.Ceiling.Callers() != nil {
		t.Errorf("%+v with callers %v, want an open loop", p.Load, p.Ceiling.Callers())
	}
	if got := p.LeastRate(); math.Abs(got-500.0/30) > 1e-9 {
		t.Errorf("least rate %g, want 500 RPCs in half a minute", got)
	}
	// A quarter of a second of 100 000 RPC/s; twice the limit of a slow SLO; what was asked.
	if got := p.SearchInFlight(100_000); got != 25_000 {
		t.Errorf("%d in flight at most, want 25000", got)
	}
	if got := mustCeiling(t, "--slo", "p99<2s").SearchInFlight(1000); got != 4000 {
		t.Errorf("%d in flight at most with p99<2s, want 4000", got)
	}
	if got := mustCeiling(t, "--slo", "p99<2s", "--max-in-flight", "7").SearchInFlight(1000); got != 7 {
		t.Errorf("%d in flight at most, want the 7 asked for", got)
	}
}

func TestAnSLOWithFailuresIsTheOneOnFailures(t *testing.T) {
	p := mustCeiling(t, "--slo", "failed<0.1%", "--slo", "p(99.9)<=1s", "--slo", "failed<0.1%")
	want := []plan.Threshold{{Metric: "failed", Op: "<", Value: 0.001}, {Metric: "latency_p999", Op: "<=", Value: 1e9}}
	if diff := cmp.Diff(want, p.Ceiling.SLO); diff != "" {
		t.Error(diff)
	}
}

func TestAllowsIsTheShareAboveAQuantile(t *testing.T) {
	for metric, want := range map[string]float64{"latency_p50": 0.5, "latency_p90": 0.1, "latency_p99": 0.01, "latency_p999": 0.001, "failed": 0.25} {
		if got := (plan.Threshold{Metric: metric, Value: 0.25}).Allows(); got != want {
			t.Errorf("%s allows %g, want %g", metric, got, want)
		}
	}
	if got := (plan.Threshold{Metric: "offered"}).Allows(); !math.IsNaN(got) {
		t.Errorf("offered allows %g, want no number", got)
	}
}

func TestACeilingRefusesWhatItCannotObey(t *testing.T) {
	const target = "must be given for a TARGET"
	for _, row := range []refusal{
		{"a:1 --tls off", `--slo: ` + target + `, with --max-rate: callers of a closed loop take all that a server has, and nobody's server is overloaded by accident`},
		{"a:1 --tls off --slo p99<5ms", `--max-rate: ` + target + `: nobody's server is overloaded by accident`},
		{"--slo p99<5ms --max-rate 50", `--max-rate 50: must be at least the first rate, 100 (--first-rate)`},
		{"--slo p99<5ms --first-rate 2000000", `--first-rate 2000000: must be at most --max-rate 1000000`},
		{"--max-rate 50", `--max-rate "50": must come with --slo: a closed loop offers what is answered`},
		{"--arrival uniform", `--arrival "uniform": must come with --slo: a closed loop offers what is answered`},
		{"--slo p99<5ms --max-concurrency 8", `--max-concurrency 8: cannot be used with --slo, which offers rates`},
		{"--max-concurrency 100", `--max-concurrency 100: must be a power of two, such as 64`},
		{"--max-concurrency 1", `--max-concurrency "1": must be a whole number in [2, 65536]`},
		{"--epochs 7", `--epochs 7: must be one number with grpc-bench ceiling, 8 or more`},
		{"--epochs 8..20", `--epochs 8..20: must be one number with grpc-bench ceiling, 8 or more`},
		{"--vary churn=none,5/s", `--churn, --max-rpcs-per-connection, --connection-age: must be none with grpc-bench ceiling, whose windows are of many loads`},
		{"--slo p98<5ms", `--slo "p98<5ms": must be about latency_p50, latency_p90, latency_p99, latency_p999 or failed`},
		{"--slo offered>5", `--slo "offered>5": must be about latency_p50, latency_p90, latency_p99, latency_p999 or failed`},
		{"--slo p99<+5%", `--slo latency_p99<+5%: must be an absolute value: a rate is compared with nothing`},
		{"--slo p99>5ms", `--slo latency_p99>5ms: must have < or <=: a rate is limited from above`},
		{"--slo p99<0s", `--slo latency_p99<0s: must be a limit that can be kept`},
		{"--slo failed<0", `--slo failed<0%: must be a limit that can be kept`},
		{"--slo failed<100%", `--slo failed<100%: must be below 100%, which every rate keeps`},
		{"--slo p99<5ms --slo p99<9ms", `--slo latency_p99<9ms: must be the one limit on latency_p99, and contradicts latency_p99<5ms`},
		{"--slo failed<1% --allow-failures 0.1", `--allow-failures 0.1: cannot be used, since --slo failed<1% says it`},
	} {
		_, err := ceilingOf(t, strings.Fields(row.args)...)
		if err == nil {
			t.Errorf("ceiling %s: accepted, want %s", row.args, row.want)
		} else if diff := cmp.Diff(row.want, err.Error()); diff != "" {
			t.Errorf("ceiling %s (-want +got):\n%s", row.args, diff)
		}
	}
}

func TestASuiteHasTheOptionsOfItsCommandAlone(t *testing.T) {
	file := writeFile(t, "suite.yaml", "rate: 7\ngroups:\n  - {name: g, control: {tls: \"off\"}, arms: [{tls: \"1.3\"}]}\n")
	if _, err := ceilingOf(t, "--suite", file); err == nil || !strings.Contains(err.Error(), `key "rate"`) {
		t.Errorf("error %v, want that ceiling has no rate", err)
	}
	file = writeFile(t, "suite.yaml", "slo: p99<5ms\ngroups:\n  - {name: g, control: {tls: \"off\"}, arms: [{tls: \"1.3\"}]}\n")
	if _, err := planOf(t, "--suite", file); err == nil || !strings.Contains(err.Error(), `key "slo"`) {
		t.Errorf("error %v, want that run has no slo", err)
	}
	p := mustCeiling(t, "--suite", file)
	if len(p.Arms) != 3 || p.Ceiling.SLO[0].Metric != "latency_p99" {
		t.Errorf("%d arms, SLO %v, want two arms and their A/A with the suite's SLO", len(p.Arms), p.Ceiling.SLO)
	}
}

func TestTheQuestionOfACeilingIsAnother(t *testing.T) {
	run := mustPlan(t, "--tls", "1.3")
	callers := mustCeiling(t)
	slo := mustCeiling(t, "--slo", "p99<5ms")
	if run.Hash() == callers.Hash() || callers.Hash() == slo.Hash() || slo.Hash() == mustCeiling(t, "--slo", "p99<6ms").Hash() {
		t.Error("plans that ask for something else have one hash")
	}
	if slo.Hash() != mustCeiling(t, "--slo", "p99<5ms", "--epochs", "9").Hash() {
		t.Error("the number of epochs changes the question")
	}
}

// Five RPCs beyond the limit that asks most.
func TestAWindowIsAsLongAsItsLimitsNeed(t *testing.T) {
	for _, c := range []struct {
		args  []string
		rate  float64
		want  time.Duration
		least float64
	}{
		{[]string{"--slo", "p99<5ms"}, 10_000, time.Second, 500.0 / 30},
		{[]string{"--slo", "p99<5ms"}, 500, time.Second, 500.0 / 30},
		{[]string{"--slo", "p99<5ms"}, 499, 1100 * time.Millisecond, 500.0 / 30},
		{[]string{"--slo", "p99<5ms"}, 49, 10300 * time.Millisecond, 500.0 / 30},
		{[]string{"--slo", "p99<5ms", "--window", "20s"}, 49, 20 * time.Second, 500.0 / 30},
		{[]string{"--slo", "p999<5ms"}, 1000, 5 * time.Second, 100}, // 5000 in half a minute are 167 RPC/s
		{[]string{"--slo", "p50<5ms", "--slo", "failed<50%"}, 10, time.Second, 10},
		{[]string{"--slo", "p50<5ms"}, 100, 5 * time.Second, 500.0 / 30}, // 1 % may fail
		{[]string{"--slo", "p99<5ms", "--first-rate", "2"}, 2, 250 * time.Second, 2},
	} {
		p := mustCeiling(t, c.args...)
		if got := p.WindowAt(c.rate); got != c.want {
			t.Errorf("%q at %g RPC/s: windows of %v, want %v", c.args, c.rate, got, c.want)
		}
		if got := p.LeastRate(); math.Abs(got-c.least) > 1e-9 {
			t.Errorf("%q: least rate %g, want %g", c.args, got, c.least)
		}
	}
	if got := mustCeiling(t).WindowAt(0); got != time.Second {
		t.Errorf("windows of a closed loop of %v, want 1s", got)
	}
}
