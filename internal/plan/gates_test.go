package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"grpcbench/internal/plan"
)

func TestThresholds(t *testing.T) {
	for text, want := range map[string]plan.Threshold{
		"latency_p99<5ms":                        {Metric: "latency_p99", Op: "<", Value: 5e6},
		"p99 <= 300us":                           {Metric: "latency_p99", Op: "<=", Value: 3e5},
		"p(99.9)<1s":                             {Metric: "latency_p999", Op: "<", Value: 1e9},
		"server_cpu_ns_per_rpc<20000":            {Metric: "server_cpu_ns_per_rpc", Op: "<", Value: 20000},
		"server_cpu_ns_per_rpc<+3%":              {Metric: "server_cpu_ns_per_rpc", Op: "<", Value: .03, Relative: true},
		"saturated_client_cpu_ns_per_rpc<=+2.5%": {Metric: "saturated_client_cpu_ns_per_rpc", Op: "<=", Value: .025, Relative: true},
		"failed<0.1%":                            {Metric: "failed", Op: "<", Value: .001},
		"failed<0.001":                           {Metric: "failed", Op: "<", Value: .001},
		"achieved>=1499.5":                       {Metric: "achieved", Op: ">=", Value: 1499.5},
		"sent_bytes_per_rpc<3KiB":                {Metric: "sent_bytes_per_rpc", Op: "<", Value: 3072},
		"received_bytes_per_rpc > 36.5":          {Metric: "received_bytes_per_rpc", Op: ">", Value: 36.5},
		"client_allocs_per_rpc<+0%":              {Metric: "client_allocs_per_rpc", Op: "<", Relative: true},
	} {
		got, err := plan.ParseThreshold(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		if again, err := plan.ParseThreshold(got.String()); err != nil || again != got {
			t.Errorf("%s reads back as %v, %v, want %v", got, again, err, got)
		}
	}
}

func TestThresholdsThatMeanNothing(t *testing.T) {
	const change = "must be a change for the worse of +0% to +1000%, as in +3%"
	for text, want := range map[string]string{
		"":              "must be METRIC OP VALUE with OP one of < <= > >=, as in p99<5ms or server_cpu_ns_per_rpc<+3%",
		"p99=5ms":       "must be METRIC OP VALUE with OP one of < <= > >=, as in p99<5ms or server_cpu_ns_per_rpc<+3%",
		"p98<5ms":       `metric "p98": must be a known one, such as latency_p90`,
		"p(99<5ms":      `metric "p(99": must be a known one, such as latency_p99`,
		"p(9.9)<5ms":    `metric "p(9.9)": must be a known one, such as latency_p99`,
		"p99<":          `value "": must be a duration as in 5ms, or a change as in +3%`,
		"p99<5":         `value "5": must have its unit, as in 5ms`,
		"p(99)<=0.5":    `value "0.5": must have its unit, as in 0.5ms`,
		"p99<-5ms":      `value "-5ms": ` + change,
		"p99<NaN":       `value "NaN": must be a duration as in 5ms, or a change as in +3%`,
		"p99<3%":        `value "3%": must be a duration as in 5ms, or a change as in +3%`,
		"p99<-3%":       `value "-3%": ` + change,
		"p99<+3":        `value "+3": ` + change,
		"p99<+2000%":    `value "+2000%": ` + change,
		"p99>+3%":       "latency_p99>+3%: must have < or <=: a change is limited from above",
		"p999<+3%":      "latency_p999 +3%: must be an absolute value: the metric is not compared with a control",
		"failed<+3%":    "failed +3%: must be an absolute value: the metric is not compared with a control",
		"failed<101%":   `value "101%": must be a share as in 0.1%`,
		"failed<2":      `value "2": must be a share as in 0.1%`,
		"p50<5ms<6ms":   `value "5ms<6ms": must be a duration as in 5ms, or a change as in +3%`,
		"achieved<1e99": `value "1e99": must be a number`,
	} {
		if got, err := plan.ParseThreshold(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, %v, want %s", text, got, err, want)
		}
	}
}

func FuzzThreshold(f *testing.F) {
	for _, seed := range []string{"p99<5ms", "failed<=0.1%", "server_cpu_ns_per_rpc<+3%", "sent_bytes_per_rpc>3KiB", "p(99.9)<1s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := plan.ParseThreshold(text)
		if err != nil {
			return
		}
		if again, err := plan.ParseThreshold(got.String()); err != nil || again != got {
			t.Errorf("%q is %s, which reads back as %s, %v", text, got, again, err)
		}
	})
}

func TestGatesAskForTheEpochsTheyNeed(t *testing.T) {
	for _, row := range []struct {
		args string
		want string // epochs
	}{
		// 2·m/2ⁿ ≤ .01: 8 for one comparison, 11 for seven of one arm, 12 for 14 of two.
		{"--vary tls=off,1.3 --threshold p50<+3%", "10"},
		{"--vary tls=off,1.3 --threshold p50<+3% --quick", "8"},
		{"--vary tls=off,1.3 --fail-on-regression", "11"},
		{"--vary tls=off,1.3 --fail-on-regression --threshold p50<+3%", "11"},
		{"--vary tls=off,1.2,1.3 --fail-on-regression", "12"},
		{"--vary tls=off,1.3 --fail-on-regression --epochs 8..40", "8..40"},
		{"--vary tls=off,1.3 --fail-on-regression --baseline main", "10"}, // its epochs count too
		{"--vary tls=off,1.3 --threshold p50<5ms --epochs 2", "2"},
	} {
		p, err := planOf(t, strings.Fields(row.args)...)
		if err != nil || p.Epochs.String() != row.want {
			t.Errorf("%s: %s epochs, %v, want %s", row.args, p.Epochs, err, row.want)
		}
	}
}

func TestGatesThatCannotBeAnsweredAreRefused(t *testing.T) {
	const tls = "--vary tls=off,1.3 "
	const another = "another arm (--vary server-binary=OLD,NEW or --vary target=OLD,NEW), and there is one arm"
	const alone = "of two runs only arm/control is compared, because the machine differs; measure both builds in one run " +
		"(--vary server-binary=OLD,NEW or --vary target=OLD,NEW), add an arm that does not change, or gate what one arm can be judged by: --fail-on-regression="
	for args, want := range map[string]string{
		tls + "--fail-on-regression --epochs 8..10":                                                      "--epochs 8..10: must allow 11 epochs, which 7 gated comparisons need, or fewer be gated",
		"--tls off --threshold p50<+3%":                                                                  "--threshold p50<+3%: must be compared with " + another,
		"--tls off --fail-on-regression":                                                                 "--fail-on-regression default: must be compared with " + another,
		"--tls off --threshold sent_bytes_per_rpc<+3%":                                                   "--threshold sent_bytes_per_rpc<+3%: must be compared with " + another + "; or with a --baseline",
		tls + "--baseline main":                                                                          `--baseline "main": must come with a gate that compares: --fail-on-regression, or a relative --threshold`,
		tls + "--baseline main --threshold p50<5ms":                                                      `--baseline "main": must come with a gate that compares: --fail-on-regression, or a relative --threshold`,
		tls + "--inconclusive fail":                                                                      "--inconclusive fail: must come with a gate: --threshold or --fail-on-regression",
		tls + "--allow-degraded":                                                                         "--allow-degraded true: must come with a gate: --threshold or --fail-on-regression",
		tls + "--inconclusive maybe --threshold p50<5ms":                                                 `--inconclusive "maybe": must be fail, warn or pass`,
		tls + "--fail-on-regression=p999":                                                                `--fail-on-regression "p999": metric "p999": must be one that is compared with a control`,
		tls + "--fail-on-regression=p50,":                                                                `--fail-on-regression "p50,": metric "": must be a known one, such as failed`,
		tls + "--baseline m --fail-on-regression=p50 --epochs 4":                                         "--epochs 4: must allow 8 epochs, which 1 gated comparisons need, or fewer be gated",
		"--tls off --baseline m --fail-on-regression=p50":                                                "--baseline: one arm cannot be judged by latency_p50: " + alone + "client_allocs_per_rpc,sent_bytes_per_rpc,received_bytes_per_rpc",
		"--tls off --baseline m --fail-on-regression":                                                    "--baseline: one arm cannot be judged by latency_p50, client_cpu_ns_per_rpc, server_cpu_ns_per_rpc: " + alone + "client_allocs_per_rpc,server_allocs_per_rpc,sent_bytes_per_rpc,received_bytes_per_rpc",
		"h:1 --tls off --baseline m --fail-on-regression":                                                "--baseline: one arm cannot be judged by latency_p50, client_cpu_ns_per_rpc: " + alone + "client_allocs_per_rpc,sent_bytes_per_rpc,received_bytes_per_rpc",
		"h:1 --tls off --server-pid 1 --baseline m --fail-on-regression":                                 "--baseline: one arm cannot be judged by latency_p50, client_cpu_ns_per_rpc, server_cpu_ns_per_rpc: " + alone + "client_allocs_per_rpc,sent_bytes_per_rpc,received_bytes_per_rpc",
		"h:1 --tls off --baseline m --threshold p99<+10%":                                                "--baseline: one arm cannot be judged by latency_p99: " + alone + "client_allocs_per_rpc,sent_bytes_per_rpc,received_bytes_per_rpc",
		"h:1 " + tls + "--fail-on-regression=server_cpu_ns_per_rpc":                                      "--fail-on-regression server_cpu_ns_per_rpc: cannot be judged: the CPU of a TARGET is measured with one arm and --server-pid alone",
		"h:1 --tls off --threshold server_cpu_ns_per_rpc<1ms":                                            "--threshold server_cpu_ns_per_rpc<1ms: cannot be judged: the CPU of a TARGET is measured with one arm and --server-pid alone",
		"h:1 " + tls + "--threshold server_allocs_per_rpc<+3%":                                           "--threshold server_allocs_per_rpc<+3%: cannot be judged: only the bundled server counts its allocations",
		"h:1 --tls off --threshold saturated_client_cpu_ns_per_rpc<1ms":                                  "--threshold saturated_client_cpu_ns_per_rpc<1ms: cannot be judged: it is measured in saturated blocks, which need --loop open and no TARGET",
		tls + "--loop closed --fail-on-regression=saturated_server_cpu_ns_per_rpc":                       "--fail-on-regression saturated_server_cpu_ns_per_rpc: cannot be judged: it is measured in saturated blocks, which need --loop open and no TARGET",
		"--server-binary ./s{addr} --tls off --vary connections=1,2 --threshold server_allocs_per_rpc<9": "--threshold server_allocs_per_rpc<9: cannot be judged: only the bundled server counts its allocations",
		tls + "--threshold handshake_resumed_sent_bytes<2KiB":                                            "--threshold handshake_resumed_sent_bytes<2048: cannot be judged: no connection resumes a session without --resumption on",
		tls + "--fail-on-regression=handshake_full_sent_bytes":                                           "handshake_full_sent_bytes: must come with --baseline: within a run arms differ in it by what they are",
		tls + "--baseline m --fail-on-regression=saturated_server_cpu_ns_per_rpc":                        "--baseline: saturated_server_cpu_ns_per_rpc must be left to gates within a run: of two runs of one server 6 in 100 differ in it",
	} {
		if p, err := planOf(t, strings.Fields(args)...); err == nil || err.Error() != want {
			t.Errorf("%s: %v, %v, want %s", args, p.Gates, err, want)
		}
	}
}

func TestABaselineOfTooFewEpochsIsRefused(t *testing.T) {
	p, err := planOf(t, "--vary", "tls=off,1.3", "--fail-on-regression=p50", "--baseline", "main", "--epochs", "8..12")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := p.EpochsBeside(8); err != nil || n != 8 { // of 8 and 8 the least p is 2/C(16, 8) = .00016
		t.Errorf("beside 8 epochs %d are needed, %v, want 8", n, err)
	}
	want := "must have 8 epochs or more, which a verdict needs, and has 7"
	if _, err := p.EpochsBeside(7); err == nil || err.Error() != want {
		t.Errorf("beside 7 epochs: %v, want %s", err, want)
	}
	many := p
	for i := range 40 { // 80 comparisons: 2·80/C(16, 8) = .012, and 2·80/C(17, 8) = .0066
		many.Groups = append(many.Groups, plan.Group{Name: fmt.Sprint(i), Control: p.Arms[0].Name, Arms: []string{p.Arms[0].Name, p.Arms[1].Name}})
	}
	many.Gates.Regressions = []string{"latency_p50", "latency_p90"}
	many.Groups = many.Groups[1:]
	if n, err := many.EpochsBeside(8); err != nil || n != 9 {
		t.Errorf("80 comparisons beside 8 epochs: %d are needed, %v, want 9", n, err)
	}
	many.Epochs.Max = 8
	want = "--epochs 8: must be more, or fewer metrics be gated: beside a baseline of 8 epochs no p-value, times the number of gated comparisons, 80, can be 0.01 or less"
	if _, err := many.EpochsBeside(8); err == nil || err.Error() != want {
		t.Errorf("80 comparisons, 8 epochs beside 8: %v, want %s", err, want)
	}
}

// Of one arm what lasts can be held against a baseline, if it is named: without names
// latency and CPU are asked for too, and refused (see above).
func TestOneArmIsHeldAgainstABaselineByWhatLasts(t *testing.T) {
	p, err := planOf(t, "--tls", "off", "--baseline", "main", "--fail-on-regression=sent_bytes_per_rpc", "--threshold", "client_allocs_per_rpc<+3%", "--threshold", "p99<5ms")
	if err != nil || !slices.Equal(p.Gates.Regressions, []string{"sent_bytes_per_rpc"}) || len(p.Gates.Thresholds) != 2 {
		t.Errorf("%+v, %v", p.Gates, err)
	}
}

// A group whose only arm is its control compares nothing.
func TestALimitOfAGroupThatComparesNothingIsRefused(t *testing.T) {
	path := writeFile(t, "suite.yaml", `groups:
- name: A
  control: {tls: off}
  arms: [{tls: 1.3}]
- name: B
  control: {connections: 2}
  arms: [{connections: 2}]
  thresholds: ["p50<+10%"]
`)
	want := `threshold latency_p50<+10% of group "B": cannot be judged: the group has no arm beside its control`
	if _, err := planOf(t, "--suite", path); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// For stored results it counts who named the metrics.
func TestGatesForStoredResultsSayWhetherTheirMetricsWereNamed(t *testing.T) {
	for args, want := range map[string]bool{"--fail-on-regression": true, "--fail-on-regression=p50": false, "--threshold p99<5ms": false} {
		var c plan.Config
		flags := pflag.NewFlagSet("compare", pflag.ContinueOnError)
		c.GateFlags(flags)
		if err := flags.Parse(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		if g, err := c.Gates(); err != nil || g.Defaulted != want {
			t.Errorf("%s: %+v, %v, want defaulted %t", args, g, err, want)
		}
	}
}

func TestGatesOfASuite(t *testing.T) {
	path := writeFile(t, "suite.yaml", `thresholds: [p99<5ms]
inconclusive: fail
fail-on-regression: p50
groups:
- name: A
  control: {tls: off}
  arms: [{tls: 1.3}]
  thresholds: ["server_cpu_ns_per_rpc<+10%"]
`)
	p, err := planOf(t, "--suite", path, "--allow-degraded")
	if err != nil {
		t.Fatal(err)
	}
	want := plan.Gates{
		Thresholds: []plan.Threshold{
			{Metric: "latency_p99", Op: "<", Value: 5e6},
			{Group: "A", Metric: "server_cpu_ns_per_rpc", Op: "<", Value: .1, Relative: true},
		},
		Regressions: []string{"latency_p50"}, Inconclusive: plan.InconclusiveFails, AllowDegraded: true,
	}
	if diff := cmp.Diff(want, p.Gates); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	ungated := p
	ungated.Gates = plan.Gates{}
	if p.Hash() != ungated.Hash() {
		t.Error("gates must not change the hash: they change nothing of what is measured")
	}
}

func TestTheDefaultMetricsOfARegressionAreThoseMeasured(t *testing.T) {
	const allocs, cpu = "server_allocs_per_rpc", "server_cpu_ns_per_rpc"
	for args, want := range map[string][2]bool{ // allocations and CPU of the server
		"":                          {true, true},
		"--server-binary ./s{addr}": {false, true},
		"host:1":                    {false, false},
	} {
		p, err := planOf(t, append(strings.Fields(args), "--tls", "off", "--vary", "connections=1,2", "--fail-on-regression")...)
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		if got := [2]bool{slices.Contains(p.Gates.Regressions, allocs), slices.Contains(p.Gates.Regressions, cpu)}; got != want {
			t.Errorf("%s: %v, want allocations and CPU of the server %v", args, p.Gates.Regressions, want)
		}
		if got := [2]bool{!slices.Contains(p.Gates.NotMeasured, allocs), !slices.Contains(p.Gates.NotMeasured, cpu)}; got != want {
			t.Errorf("%s: %v are named as not measured, want the others", args, p.Gates.NotMeasured)
		}
	}
}
