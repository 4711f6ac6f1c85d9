package verify

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	serverpb "grpcbench/proto"
	"grpcbench/testing/lane"
)

// calls makes n RPCs, so that the server has something to count.
func calls(t *testing.T, address string, n int) {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range n {
		if _, err := serverpb.NewServerClient(conn).Foo(t.Context(), &serverpb.Empty{}); err != nil {
			t.Fatal(err)
		}
	}
}

const made = 3 // RPCs that are really made

// truthful is what a tool that measures well finds of the server that args are for.
// before counts the measurements made already.
func truthful(args []string, before int) result.Result {
	ns := func(ms float64) *int64 { return new(int64(ms * 1e6)) }
	a := result.Arm{Name: "base", Figures: result.Figures{
		LedgerTotal: result.Ledger{Scheduled: made, Started: made, OK: made}, SentBytes: new(30.0), ReceivedBytes: new(36.0),
		Latency: result.Distribution{P50: ns(0.3), P90: ns(0.5), P99: ns(1)}, Lag: result.Distribution{P50: ns(.05), P99: ns(.2)},
		ServerCPU: new(1e5),
	}, Epochs: []result.Epoch{{Generator: result.Generator{ReleaseP50: 500, ReleaseP99: 100_000}}}, Windows: []result.Window{{OK: 200}}}
	a.Observed.Reconnects = 20
	line := strings.Join(args, " ")
	switch {
	case strings.Contains(line, "--vary"):
		return beside(a, line, before)
	case strings.Contains(line, "--window 8s --warmup 0s"): // the restart
		a.LedgerTotal.Scheduled, a.LedgerTotal.Started, a.LedgerTotal.Failed = made+200, made+200, map[string]int64{"UNAVAILABLE": 200}
	case strings.Contains(line, "--window 8s"): // the stall
		a.Latency.P90, a.Latency.P99 = ns(400), ns(490)
	case strings.Contains(line, "--window 6s"): // two modes
		a.Latency.P99 = ns(500)
	case strings.Contains(line, "--rate 400") && before == 1: // −5 ms · ln(1 − q)
		a.Latency.P50, a.Latency.P90 = ns(.3+3.466), ns(.5+11.513)
	}
	return result.Result{Arms: []result.Arm{a}}
}

// beside is what a tool that measures well finds of two servers, and of the A/A arm: the
// second is ./s {addr} 50001, or works more. Every other run after the first is
// disturbed by a neighbour where the servers are equal.
func beside(a result.Arm, line string, before int) result.Result {
	r := result.Result{
		Plan: plan.Plan{Arms: []plan.Arm{{Name: "base"}, {Name: "more"}, {Name: "A/A", AA: true}}}, Arms: []result.Arm{a},
		Machine: result.Machine{CPUs: 2, Epochs: []result.MachineEpoch{{CompetingShare: new(.01)}}},
	}
	ratio, width := 1.0, 1.02
	switch {
	case !strings.Contains(line, "50001") && strings.Contains(line, "8..40"):
		ratio = 1.05
	case !strings.Contains(line, "50001"):
		ratio = 1.1
	case before%2 == 1:
		width, r.Machine.Epochs[0].CompetingShare = 1.04, new(.21)
	}
	for _, arm := range r.Plan.Arms[1:] {
		for _, metric := range []string{"latency_p50", "latency_p90", "client_cpu_ns_per_rpc", "server_cpu_ns_per_rpc", "saturated_server_cpu_ns_per_rpc"} {
			c := result.Comparison{Arm: arm.Name, Metric: metric, Epochs: 9, Ratio: new(1.0), P: new(.5), Low: new(1 / width), High: new(width), Verdict: "same"}
			if !arm.AA && metric == "server_cpu_ns_per_rpc" && ratio != 1 {
				c.Ratio, c.P, c.Verdict = new(ratio), new(.001), "slower"
			}
			r.Comparisons = append(r.Comparisons, c)
		}
	}
	return r
}

// of returns what is wrong with the comparison of one metric of one arm.
func of(arm, metric string, wrong func(*result.Comparison)) func(*result.Result) {
	return func(r *result.Result) {
		for i := range r.Comparisons {
			if c := &r.Comparisons[i]; c.Arm == arm && c.Metric == metric {
				wrong(c)
			}
		}
	}
}

// proven runs the proof of that name with what a tool finds that is wrong in one thing.
func proven(t *testing.T, about string, wrong func(*result.Result)) []Row {
	t.Helper()
	all := proofs(true)
	i := slices.IndexFunc(all, func(p proof) bool { return p.about == about })
	if i < 0 {
		t.Fatalf("no proof %q", about)
	}
	before := 0
	neighbours := 0
	a, err := all[i].prove(t.Context(), Options{Self: "./s {addr} %d", Neighbour: func() (func(), error) {
		neighbours++
		return func() { neighbours-- }, nil
	}, Run: func(_ context.Context, args ...string) (result.Result, error) {
		if !strings.HasPrefix(args[0], "--") {
			calls(t, args[0], made)
		}
		r := truthful(args, before)
		before++
		wrong(&r)
		return r, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if neighbours != 0 {
		t.Errorf("%d neighbours are left", neighbours)
	}
	return a.rows(about, 1)
}

func TestATruthfulToolPassesEveryProof(t *testing.T) {
	for _, p := range proofs(true) {
		t.Run(p.about, func(t *testing.T) {
			t.Parallel()
			for _, r := range proven(t, p.about, func(*result.Result) {}) {
				if r.Outcome != Pass {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

const (
	twentieth = "a twentieth more work, again and again"
	equal     = "equal servers, again and again"
)

// Each way to be wrong fails the row that is there for it.
func TestAToolThatIsWrongFails(t *testing.T) {
	arm := func(f func(*result.Arm)) func(*result.Result) { return func(r *result.Result) { f(&r.Arms[0]) } }
	for _, c := range []struct {
		about, what string
		wrong       func(*result.Result)
	}{
		{"stall, engine grpc", "p90, ms", arm(func(a *result.Arm) { a.Latency.P90 = new(int64(1e6)) })}, // timed from the actual start
		{"stall, engine wire", "p99, ms", arm(func(a *result.Arm) { a.Latency.P99 = new(int64(470e6)) })},
		{"stall, engine wire", "p99, ms", arm(func(a *result.Arm) { a.Latency.P99 = nil })},
		{"two modes, engine grpc", "p90, ms", arm(func(a *result.Arm) { a.Latency.P90 = new(int64(300e6)) })}, // corrected for what was not omitted
		{"two modes, engine wire", "p99, ms", arm(func(a *result.Arm) { a.Latency.P99 = new(int64(2e6)) })},   // the slow calls dropped
		{"known delay", "p50, of what it is", arm(func(a *result.Arm) { a.Latency.P50 = new(int64(3e6)) })},
		{"known delay", "p90, of what it is", arm(func(a *result.Arm) { a.Latency.P90 = new(int64(1e6)) })},
		{"pacer and bytes", "release − intended p50, µs", arm(func(a *result.Arm) { a.Epochs[0].Generator.ReleaseP50 = 400_000 })},
		{"pacer and bytes", "release − intended p99, µs", arm(func(a *result.Arm) { a.Epochs[0].Generator.ReleaseP99 = 900_000 })},
		{"pacer and bytes", "release − intended p99, µs", arm(func(a *result.Arm) { a.Epochs = nil })},
		{"pacer and bytes", "lag p50, µs", arm(func(a *result.Arm) { a.Lag.P50 = new(int64(400_000)) })},
		{"pacer and bytes", "lag p99, µs", arm(func(a *result.Arm) { a.Lag.P99 = nil })},
		{"pacer and bytes", "bytes out of an RPC", arm(func(a *result.Arm) { a.SentBytes = new(31.0) })},
		{"pacer and bytes", "bytes in of an RPC", arm(func(a *result.Arm) { a.ReceivedBytes = nil })},
		{"connections ended by GOAWAY", "RPCs not accounted for by both sides", arm(func(a *result.Arm) { a.LedgerTotal.Scheduled++ })},
		{"connections ended by GOAWAY", "RPCs not accounted for by both sides", arm(func(a *result.Arm) { a.LedgerTotal.OK, a.LedgerTotal.Scheduled = made+1, made+1 })}, // ok without an answer
		{"connections ended by GOAWAY", "RPCs not accounted for by both sides", arm(func(a *result.Arm) { a.LedgerTotal = result.Ledger{Scheduled: 2, Started: 2, OK: 2} })},
		{"connections ended by GOAWAY", "RPCs lost", arm(func(a *result.Arm) {
			a.LedgerTotal.Failed, a.LedgerTotal.Scheduled = map[string]int64{"UNAVAILABLE": 1}, made+1
		})},
		{"connections ended by GOAWAY", "connections opened again", arm(func(a *result.Arm) { a.Observed.Reconnects = 0 })},
		{"server restarted", "RPCs lost, of a second's", arm(func(a *result.Arm) {
			a.LedgerTotal.Failed, a.LedgerTotal.Scheduled = nil, made
		})},
		{"server restarted", "RPCs ok in the last second", arm(func(a *result.Arm) { a.Windows[0].OK = 0 })},
		{"server restarted", "RPCs ok in the last second", arm(func(a *result.Arm) { a.Windows = nil })},
		{"a tenth more work", "server CPU/RPC, % of the control's", of("more", "server_cpu_ns_per_rpc", func(c *result.Comparison) { c.Ratio = new(1.0) })},
		{"a tenth more work", "server CPU/RPC, % of the control's", of("more", "server_cpu_ns_per_rpc", func(c *result.Comparison) { c.Ratio = nil })},
		{"a tenth more work", "p of the difference", func(r *result.Result) { r.Comparisons = nil }},
		{"a tenth more work", "verdicts on equal arms (A/A)", func(r *result.Result) { r.Comparisons = nil }},
		{"a tenth more work", "p of the difference", of("more", "server_cpu_ns_per_rpc", func(c *result.Comparison) { c.P = new(.2) })},
		{"a tenth more work", "verdicts on equal arms (A/A)", of("A/A", "server_cpu_ns_per_rpc", func(c *result.Comparison) { c.Verdict = "slower" })},
		{twentieth, "runs of 10 that find it", of("more", "server_cpu_ns_per_rpc", func(c *result.Comparison) { c.Verdict = "inconclusive" })},
		{twentieth, "runs of 10 that find it", of("more", "server_cpu_ns_per_rpc", func(c *result.Comparison) { c.Verdict = "faster" })},
		{twentieth, "server CPU/RPC, median, % of control", of("more", "server_cpu_ns_per_rpc", func(c *result.Comparison) { c.Ratio = new(1.2) })},
		{twentieth, "epochs that it took, median", of("more", "server_cpu_ns_per_rpc", func(c *result.Comparison) { c.Epochs = 41 })},
		{equal, "verdicts in all", func(r *result.Result) { r.Comparisons = r.Comparisons[:2] }},
		{equal, "wrong verdicts, %", of("more", "latency_p90", func(c *result.Comparison) { c.Verdict = "faster" })},
		{equal, "wrong verdicts, %", of("A/A", "saturated_server_cpu_ns_per_rpc", func(c *result.Comparison) { c.Verdict = "slower" })},
		{equal, "wrong verdicts beside a neighbour, %", func(r *result.Result) {
			if *r.Machine.Epochs[0].CompetingShare > .1 {
				r.Comparisons[0].Verdict = "slower"
			}
		}},
		{equal, "the neighbour's CPU, cores", func(r *result.Result) { r.Machine.Epochs[0].CompetingShare = new(.01) }},
		{equal, "intervals beside it, times as wide", func(r *result.Result) {
			if *r.Machine.Epochs[0].CompetingShare > .1 {
				for i := range r.Comparisons {
					r.Comparisons[i].Low, r.Comparisons[i].High = new(.99), new(1.01)
				}
			}
		}},
	} {
		t.Run(c.about+": "+c.what, func(t *testing.T) {
			t.Parallel()
			rows := proven(t, c.about, c.wrong)
			if !slices.ContainsFunc(rows, func(r Row) bool { return r.What == c.what && r.Outcome == Fail }) {
				t.Errorf("%+v, want %q to fail", rows, c.what)
			}
		})
	}
}

func TestTheLongProofsAreAskedFor(t *testing.T) {
	short := proofs(false)
	for i, p := range proofs(true) {
		if long := p.about == twentieth || p.about == equal; long != (i >= len(short)) {
			t.Errorf("%s: long %t, number %d of %d short ones", p.about, long, i, len(short))
		}
	}
}

func TestANeighbourThatDoesNotStartEndsTheProof(t *testing.T) {
	lane.Long(t, "starts processes")
	_, err := proveEqual(t.Context(), Options{Self: "./s {addr} %d",
		Run:       func(_ context.Context, args ...string) (result.Result, error) { return truthful(args, 0), nil },
		Neighbour: func() (func(), error) { return StartNeighbour(filepath.Join(t.TempDir(), "none")) }})
	if err == nil || !strings.HasPrefix(err.Error(), "start a neighbour: ") {
		t.Errorf("%v, want that the neighbour does not start", err)
	}
}

// A neighbour ends with its standard input, and stop has waited for it.
func TestANeighbourEnds(t *testing.T) {
	lane.Long(t, "starts processes")
	end := filepath.Join(t.TempDir(), "end")
	stop, err := StartNeighbour("sh", "-c", `cat; touch "$0"`, end)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err := os.Stat(end); err != nil {
		t.Errorf("it has not ended: %v", err)
	}
	Burn(strings.NewReader("")) // so does what it is meant to do
}

func TestADisturbedMachineMakesAFailureVoid(t *testing.T) {
	disturb := func(r *result.Result) {
		r.Checks = []result.Check{{Code: "steal", Verdict: result.Degraded, Text: "stolen"}, {Code: "rate_not_reached", Verdict: result.Degraded, Text: "slow"}}
	}
	rows := proven(t, "two modes, engine grpc", func(r *result.Result) { disturb(r); r.Arms[0].Latency.P90 = new(int64(300e6)) })
	for _, r := range rows {
		want := Pass
		if r.What == "p90, ms" {
			want = Void
		}
		if r.Outcome != want || (r.Reason == "stolen") != (want == Void) {
			t.Errorf("%+v, want %s", r, want)
		}
	}
}

// The pacer is not held to 500 µs where a thread that only sleeps is half as late.
func TestAPacerIsNoWorseThanTheMachineLetsItBe(t *testing.T) {
	for late, want := range map[time.Duration]Outcome{250 * time.Microsecond: Fail, 260 * time.Microsecond: Void} {
		rows := proven(t, "pacer and bytes", func(r *result.Result) {
			r.Arms[0].Epochs[0].Generator.ReleaseP99, r.Arms[0].SentBytes = 700_000, new(31.0)
			r.Machine.Epochs = []result.MachineEpoch{{HiccupP99NS: new(int64(late))}}
		})
		for _, r := range rows {
			must := Pass
			switch r.What {
			case "release − intended p99, µs":
				must = want
			case "bytes out of an RPC": // which no wake moves
				must = Fail
			}
			if r.Outcome != must {
				t.Errorf("%v: %+v, want %s", late, r, must)
			}
		}
	}
}

// TestADisturbedProofIsTriedAgain: as often as it is disturbed and wrong, but no oftener
// than it may, and never where the machine was quiet.
func TestADisturbedProofIsTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		wrong, disturbed int // in how many tries, from the first on
		tries            int
		outcome          Outcome
	}{
		"quiet and right":       {0, 0, 1, Pass},
		"disturbed and right":   {0, 9, 1, Pass},
		"quiet and wrong":       {1, 0, 1, Fail},
		"disturbed once":        {1, 1, 2, Pass},
		"disturbed twice":       {2, 2, 3, Pass},
		"wrong without as well": {2, 1, 2, Fail},
		"never quiet":           {9, 9, 3, Void},
	} {
		t.Run(name, func(t *testing.T) {
			try := 0
			p := proof{"it", func(context.Context, Options) (a account, err error) {
				a.want("figure", min(1, float64(max(0, c.wrong-try))), 0, 0)
				if try < c.disturbed {
					a.disturbed = "stolen"
				}
				try++
				return a, nil
			}, 3}
			rows, err := p.settle(t.Context(), Options{})
			if err != nil || len(rows) != 1 || rows[0].Outcome != c.outcome || rows[0].Tries != c.tries || try != c.tries {
				t.Errorf("%+v, %v after %d tries, want %s after %d", rows, err, try, c.outcome, c.tries)
			}
		})
	}
}

func TestWithoutTheCPUTimeOfServersNothingIsCalibrated(t *testing.T) {
	a := &account{}
	_, err := a.calibrate(t.Context(), Options{Self: "./s {addr} %d", Run: func(context.Context, ...string) (result.Result, error) {
		return result.Result{Arms: []result.Arm{{Name: "base"}}}, nil
	}}, 0.1)
	if err == nil || err.Error() != "the CPU time of a server cannot be read here" {
		t.Errorf("%v, want that it cannot be read", err)
	}
}

func TestAServerThatWasNotMeasuredIsNoProof(t *testing.T) {
	a := &account{}
	_, err := a.against(t.Context(), Options{Run: func(context.Context, ...string) (result.Result, error) { return truthful(nil, 0), nil }}, &specimen{wait: prompt}, nil)
	if err == nil || err.Error() != "the server saw no RPC" {
		t.Errorf("%v, want that the server saw none", err)
	}
}

// The exact quantiles of the exponential distribution: of 400, the mean is 5 ms and the
// median 5 · ln 2.
func TestTheKnownDelayIsKnown(t *testing.T) {
	delays := delays()
	var sum float64
	for _, d := range delays {
		sum += d.Seconds() * 1e3
	}
	slices.Sort(delays)
	if mean := sum / float64(len(delays)); math.Abs(mean-5) > .02 {
		t.Errorf("mean %.3f ms, want 5", mean)
	}
	if p50 := delays[200].Seconds() * 1e3; math.Abs(p50-5*math.Ln2) > .02 {
		t.Errorf("median %.3f ms, want %.3f", p50, 5*math.Ln2)
	}
}
