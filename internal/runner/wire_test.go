package runner_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// row is one value of an option, and how a server shows that it was obeyed.
type row struct {
	option string // the flag
	args   string // of the command line, separated by spaces
	// target makes a server of the test's own, whose address and files are added
	// to args; nil: the run's bundled server.
	target func(t *testing.T) (s *target, args []string)
	// saturated keeps the saturated block, which otherwise is left out.
	saturated bool
	// engine is the only one that the row is of; "": each.
	engine string
	check  func(t *testing.T, s seen)
}

// seen is what a run of one arm showed.
type seen struct {
	result.Result
	arm    result.Arm
	target *target // nil with a bundled server
}

func TestEachOptionReachesTheWire(t *testing.T) {
	lane.Long(t, "starts processes")
	for _, engine := range []string{plan.GRPC, plan.Wire} {
		for _, r := range rows() {
			if r.engine != "" && r.engine != engine {
				continue
			}
			t.Run(strings.TrimSpace(engine+" --"+r.option+" "+r.args), func(t *testing.T) {
				t.Parallel()
				r.run(t, "--engine", engine)
			})
		}
	}
}

// run measures an arm with the row's option and checks what its server saw.
func (r row) run(t *testing.T, args ...string) {
	var s seen
	args = append(args, strings.Fields(r.args)...)
	if r.target != nil {
		var more []string
		s.target, more = r.target(t)
		args = slices.Concat(args, more)
		if s.target != nil {
			args = append(args, s.target.addr)
		}
	}
	p := planOf(t, args...)
	if len(p.Arms) != 1 {
		t.Fatalf("%d arms, want the one of the row", len(p.Arms))
	}
	if !r.saturated {
		p.Saturated = 0
	}
	s.Result = measure(t, t.Context(), p, runner.Options{})
	s.arm = s.Arms[0]
	if c := checkOf(t, s.Result, "settings_not_observed"); c.Verdict != result.Valid {
		t.Errorf("settings not observed: %s%s", c.Text, c.Skipped)
	}
	if l := s.arm.Ledger; l.OK == 0 || s.arm.LedgerTotal.Failures() != 0 {
		t.Errorf("ledger %+v, want every RPC ok", s.arm.LedgerTotal)
	}
	if s.target != nil {
		if got := int64(s.target.rpcs()); got != s.arm.LedgerTotal.Started {
			t.Errorf("the server saw %d RPCs, started were %d", got, s.arm.LedgerTotal.Started)
		}
		s.target.mu.Lock()
		defer s.target.mu.Unlock()
	}
	r.check(t, s)
}

// Options that decide nothing about what a server sees.
var unseen = []string{
	"aa", "allow-cleartext-credentials", "allow-degraded", "allow-failures", "baseline", "connect-timeout", "drain", "epochs", "fail-on-regression", "format", "inconclusive",
	"max-time", "name", "quick", "results", "save-baseline", "server-in-place", "server-start-timeout", "suite", "tag", "threshold", "vary", "warmup", "window",
}

func TestEveryOptionHasARow(t *testing.T) {
	covered := map[string]bool{}
	for _, r := range rows() {
		covered[r.option] = true
	}
	var c plan.Config
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	c.Flags(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		if !covered[f.Name] && !slices.Contains(unseen, f.Name) {
			t.Errorf("--%s: must have a row in the table of options, or be named as one that no server sees", f.Name)
		}
	})
	settings := reflect.TypeFor[plan.Settings]()
	for i := range settings.NumField() {
		// The JSON names are the flags' names with underscores, and a unit.
		name, _, _ := strings.Cut(settings.Field(i).Tag.Get("json"), ",")
		flag := strings.ReplaceAll(strings.TrimSuffix(strings.TrimSuffix(name, "_ns"), "_per_s"), "_", "-")
		if !covered[flag] {
			t.Errorf("Settings.%s: must have a row %q in the table of options", settings.Field(i).Name, flag)
		}
	}
}

func rows() []row {
	return slices.Concat(securityRows(), identityRows(), compressionRows(), responseRows(), metadataRows(), messageRows(), channelRows(), churnRows(), loadRows())
}
