package compare_test

import (
	"strings"
	"testing"

	"grpcbench/internal/compare"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// limited is a ceiling beside others of which use says what each side used of 4 CPUs.
type limited struct {
	client         float64
	server, others *float64
	target         *plan.Target
	local          bool
}

func (l limited) apply(r *result.Result) {
	r.Plan.Target = l.target
	a := &r.Arms[0]
	a.Observed.Local = &l.local
	r.Machine.Epochs = []result.MachineEpoch{{CompetingShare: l.others}}
	for i := range a.Levels {
		v := &a.Levels[i]
		v.ClientShare, v.ServerShare, v.ServerCPU, v.Offered = &l.client, l.server, nil, 1000
		if l.server != nil {
			v.ServerCPU = new(*l.server * 4 * 1e9 / v.Offered)
		}
	}
}

// A ceiling is the server's only if its own CPU was seen to be used up; what is known
// instead is said, with the figure and what to try.
func TestTheServersCeilingNeedsTheServersCPU(t *testing.T) {
	target := &plan.Target{Address: "example.com:443"}
	withPID := &plan.Target{Address: "example.com:443", ServerPID: 7}
	for _, c := range []struct {
		name       string
		use        limited
		bottleneck string
		texts      []string
	}{
		{"a target on this machine", limited{client: 0.37, others: new(0.32), target: target, local: true}, "",
			[]string{"a ceiling, of which it is not known whose: ", "use --server-pid (other processes, with the server, used 32 % of the CPUs)"}},
		{"a target elsewhere", limited{client: 0.1, others: new(0.01), target: target}, "",
			[]string{"a ceiling, of which it is not known whose: ", "run the generator with --server-pid on the server's machine"}},
		{"a target elsewhere, beside busy others", limited{client: 0.1, others: new(0.7), target: target}, "", []string{"not known whose"}},
		{"a pid that shows nothing", limited{client: 0.1, target: withPID, local: true}, "", []string{"the processes of --server-pid used none that could be read"}},
		{"an own server that shows nothing", limited{client: 0.1}, "", []string{"the server's CPU could not be read"}},
		{"one worker", limited{client: 0.1, server: new(0.248), target: withPID, local: true}, "neither",
			[]string{"not known whose: ", "the server used 0.99 CPUs, about one of several: its limit may be one worker or a lock: try more --connections, and a profile of the server"}},
		{"one worker beside a busy generator", limited{client: 0.4, server: new(0.25), target: withPID, local: true}, "neither", []string{"about one of several"}},
		{"a handler that sleeps", limited{client: 0.02, server: new(0.011), others: new(0.03), target: withPID, local: true}, "neither",
			[]string{"not known whose: ", "the server used only 1.1 % of its CPUs", "more --connections, and a profile"}},
		{"others above both", limited{client: 0.11, server: new(0.1), others: new(0.63), target: withPID, local: true}, "neither",
			[]string{"nobody's ceiling: others used more of the CPUs", "others used 63 % of the CPUs: stop them"}},
		{"together", limited{client: 0.3, server: new(0.4), target: withPID, local: true}, "neither", []string{"of server and generator together"}},
		{"the server", limited{client: 0.1, server: new(0.86), target: withPID, local: true}, "server_cpu", []string{"the server's ceiling: "}},
		{"the generator", limited{client: 0.86, target: target}, "client_cpu", []string{"the generator's ceiling, not the server's: "}},
	} {
		for _, slo := range []bool{false, true} {
			r := callersCurve(8, 0, 0, func(int) float64 { return 1000 })
			if slo {
				r = sloCurve(func(rate float64) float64 { return 0.01 * rate * rate / 1e6 }, 850, 950, 1050, 1150)
			}
			c.use.apply(&r)
			compare.Ceilings(&r)
			f := r.Arms[0].Ceiling
			if f.Bottleneck != c.bottleneck || f.OfServer != (c.bottleneck == "server_cpu") || f.OfServer != strings.HasPrefix(f.Text, "the server's ceiling") {
				t.Errorf("%s, SLO %t: %q, of the server %t: %s", c.name, slo, f.Bottleneck, f.OfServer, f.Text)
			}
			for _, want := range c.texts {
				if !strings.Contains(f.Text, want) {
					t.Errorf("%s, SLO %t: %q, want %q in it", c.name, slo, f.Text, want)
				}
			}
		}
	}
}

// A generator that was late broke the SLO itself, which is no use of its CPU; beside busy
// others it is nobody's ceiling.
func TestALateGeneratorIsNotCalledShortOfCPU(t *testing.T) {
	withPID := &plan.Target{Address: "127.0.0.1:1337", ServerPID: 7}
	for _, c := range []struct {
		name       string
		use        limited
		bottleneck string
		text       string
	}{
		{"an idle machine", limited{client: 0.109, server: new(0.1), others: new(0.02), target: withPID, local: true}, "generator_lag",
			"not the server's ceiling: the generator was late: "},
		{"the server not known", limited{client: 0.109, others: new(0.02), target: &plan.Target{Address: "h:1"}}, "generator_lag", "at 1050 RPC/s the generator was late by 6.00 ms (p99)"},
		{"others above both", limited{client: 0.109, server: new(0.1), others: new(0.635), target: withPID, local: true}, "neither", "nobody's ceiling: "},
		{"others and the server above it", limited{client: 0.109, others: new(0.635), target: &plan.Target{Address: "localhost:1"}, local: true}, "", "use --server-pid"},
		{"its CPU used up", limited{client: 0.9, others: new(0.02), target: withPID, local: true}, "client_cpu", "the generator's ceiling"},
	} {
		r := sloCurve(func(rate float64) float64 { return 0.01 * rate * rate / 1e6 }, 850, 950, 1050, 1150)
		c.use.apply(&r)
		for i := range r.Arms[0].Levels {
			l := &r.Arms[0].Levels[i]
			l.Lag.P99, l.Latency.P99 = new(int64(6e6)), new(int64(10e6))
		}
		compare.Ceilings(&r)
		if f := r.Arms[0].Ceiling; f.Bottleneck != c.bottleneck || f.OfServer || !strings.Contains(f.Text, c.text) {
			t.Errorf("%s: %q: %s, want %q with %q", c.name, f.Bottleneck, f.Text, c.bottleneck, c.text)
		}
	}
}

// The level above the ceiling, where the SLO broke, has the bottleneck: what is said of the
// CPUs is of that level, whose rate is stored beside it.
func TestTheBottleneckAndTheSharesAreOfOneLevel(t *testing.T) {
	r := sloCurve(func(rate float64) float64 { return 0.01 * rate * rate / 1e6 }, 850, 950, 1050, 1150)
	limited{client: 0.09, server: new(0.10), others: new(0.30), target: &plan.Target{Address: "127.0.0.1:1", ServerPID: 7}, local: true}.apply(&r)
	for i := range r.Arms[0].Levels {
		if l := &r.Arms[0].Levels[i]; l.Rate > 1000 {
			l.ClientShare, l.ServerShare = new(0.11), new(0.13)
		}
	}
	compare.Ceilings(&r)
	f := r.Arms[0].Ceiling
	if f.At != 950 || f.LimitAt != 1050 || *f.ClientShare != 0.11 || *f.ServerShare != 0.13 {
		t.Errorf("at %g, limit at %g, shares %g and %g, want those of 1050 RPC/s", f.At, f.LimitAt, *f.ClientShare, *f.ServerShare)
	}
	if !strings.Contains(f.Text, "nobody's ceiling") || f.OfServer {
		t.Errorf("%q, want that others used more than either side", f.Text)
	}
}
