package runner

import (
	"strings"
	"testing"
	"time"

	"grpcbench/internal/plan"
)

func TestConnectionsBeyondTheMachinesLimitsAreRefused(t *testing.T) {
	arms := func(target string, connections ...int) plan.Plan {
		var p plan.Plan
		for i, n := range connections {
			p.Arms = append(p.Arms, plan.Arm{Name: string(rune('a' + i)), Settings: plan.Settings{Target: target, Connections: n}})
		}
		return p
	}
	for _, c := range []struct {
		name  string
		plan  plan.Plan
		files uint64
		ports int
		want  string // in the error; "": none
	}{
		{"as many files as are needed", arms("", 36), 100, 0, ""},
		{"one file short", arms("", 37), 100, 0, "--connections 37: must be at most 36"},
		{"no file for any", arms("", 4), 60, 0, "--connections 4: needs a limit of 68 open files, and it is 60 (raise it with ulimit -n)"},
		{"80 of 100 ports", arms("h:1", 40, 40), 0, 100, ""},
		{"81 of 100 ports", arms("h:1", 40, 41), 0, 100, "--connections 41: must be at most 80"},
		{"servers with ports of their own", arms("", 60, 60), 0, 100, ""},
		{"unknown limits", arms("h:1", 10000), 0, 0, ""},
	} {
		err := limits(c.plan, c.files, c.ports)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

func TestChurnBeyondTheMachinesPortsIsRefused(t *testing.T) {
	churned := func(target string, epochs int, window time.Duration, s plan.Settings) plan.Plan {
		s.Target, s.Connections = target, 4
		return plan.Plan{Arms: []plan.Arm{{Name: "a", Settings: s}}, Epochs: plan.Epochs{Min: epochs, Max: epochs}, Window: window,
			Load: plan.Load{Loop: plan.Open, Rate: 100}}
	}
	second := time.Second
	for _, c := range []struct {
		name  string
		plan  plan.Plan
		files uint64
		want  string // in the error; "": none
	}{
		{"4 and 76 in a window", churned("", 100, 19*second, plan.Settings{Churn: 4}), 0, ""},
		{"4 and 80 in a window", churned("", 100, 20*second, plan.Settings{Churn: 4}), 0, "--churn 4/s: replaces 80 connections"},
		{"the same in ten windows of one server", churned("h:1", 10, 2*second, plan.Settings{Churn: 4}), 0, "--churn 4/s: replaces 80 connections"},
		{"a minute of hours", churned("h:1", 1, 10*3600*second, plan.Settings{Churn: 1}), 0, ""},
		{"each connection every 2 s for a minute", churned("h:1", 1, 60*second, plan.Settings{ConnectionAge: 2 * second}), 0, "--connection-age 2s: replaces 120"},
		{"100 RPC/s, a connection each", churned("", 1, second, plan.Settings{MaxRPCs: 1}), 0, "--max-rpcs-per-connection 1: replaces 100"},
		{"100 RPC/s, a connection for two", churned("", 1, second, plan.Settings{MaxRPCs: 2}), 0, ""},
		{"files for 4 and their successors", churned("", 1, second, plan.Settings{Churn: 1}), 72, ""},
		{"a file short", churned("", 1, second, plan.Settings{Churn: 1}), 71, "--connections 4: must be at most 3 when they are replaced"},
	} {
		err := limits(c.plan, c.files, 100)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

func TestHandshakesBeyondTheMachinesLimitsAreRefused(t *testing.T) {
	shaken := func(target string, count, epochs, concurrency int, rate float64, resumption bool) plan.Plan {
		return plan.Plan{Kind: plan.KindHandshake, Handshakes: &plan.Handshakes{Count: count, Rate: rate}, Load: plan.Load{Concurrency: concurrency},
			Epochs: plan.Epochs{Min: epochs, Max: epochs}, Arms: []plan.Arm{{Name: "a", Settings: plan.Settings{Target: target, Resumption: resumption}}}}
	}
	for _, c := range []struct {
		name  string
		plan  plan.Plan
		files uint64
		ports int
		want  string // in the error; "": none
	}{
		{"as many files as are needed", shaken("", 10, 1, 36, 0, false), 100, 0, ""},
		{"one file short", shaken("", 10, 1, 37, 0, false), 100, 0, "--concurrency 37: must be at most 36 with a limit of 100 open files, or the limit be 101"},
		{"80 of 100 ports", shaken("h:1", 80, 1, 1, 0, false), 0, 100, ""},
		{"81 of 100 ports", shaken("h:1", 81, 1, 1, 0, false), 0, 100, "--handshakes 81: needs 81 local ports to one address, and of 100 there may be 80 used"},
		{"tickets take ports too", shaken("h:1", 41, 1, 1, 0, true), 0, 100, "needs 82 local ports"},
		{"each epoch of a bundled server has a port of its own", shaken("", 80, 10, 1, 0, false), 0, 100, ""},
		{"those of a target have one", shaken("h:1", 10, 10, 1, 0, false), 0, 100, "needs 100 local ports"},
		{"ports are free again after a minute", shaken("h:1", 10, 10, 1, 1, false), 0, 100, ""},
		{"unknown limits", shaken("h:1", 10000, 1, 64, 0, false), 0, 0, ""},
	} {
		err := limits(c.plan, c.files, c.ports)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}
