package runner

import (
	"strings"
	"testing"

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
