package compare_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"grpcbench/internal/compare"
	"grpcbench/internal/hist"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// run is a result of one group of arms, the first its control.
func run(id string, arms ...result.Arm) *result.Result {
	r := &result.Result{ID: id, Verdict: result.Valid, Arms: arms}
	g := plan.Group{Name: "g", Control: arms[0].Name}
	for _, a := range arms {
		g.Arms = append(g.Arms, a.Name)
		r.Plan.Arms = append(r.Plan.Arms, plan.Arm{Name: a.Name, Settings: a.Settings})
	}
	r.Groups, r.Plan.Groups = []plan.Group{g}, []plan.Group{g}
	r.Plan.Load = plan.Load{Rate: 1500, Arrival: plan.Poisson, Loop: plan.Open}
	r.Plan.Window = time.Second
	return r
}

func between(t *testing.T, base, new *result.Result) compare.Between {
	t.Helper()
	b, err := compare.Results(base, new, false)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// p88 is the smallest p that eight epochs beside eight can have: all of one above
// all of the other is 2 of the 16!/(8!·8!) = 12870 ways to choose eight of sixteen.
var p88 = 2.0 / 12870

func TestResultsJudgesTheChangeOfArmAgainstControl(t *testing.T) {
	// The machine is 1.4 times slower in the new run, and the arm 1.1 times.
	base := run("a", of("off", serverCPU, times(8, 100)...), of("1.3", serverCPU, times(8, 120)...))
	new := run("b", of("off", serverCPU, times(8, 140)...), of("1.3", serverCPU, times(8, 140*1.2*1.1)...))
	b := between(t, base, new)
	want := []compare.Change{{
		Group: "g", Arm: "1.3", Control: "off", Metric: "server_cpu_ns_per_rpc", Unit: "ns", BaseEpochs: 8, NewEpochs: 8,
		Base: ptr(1.2), New: ptr(1.32), Ratio: ptr(1.1), Low: ptr(1.1), High: ptr(1.1), P: &p88, Judged: true, Verdict: "slower", MDE: ptr(0), Delta: .03,
	}}
	if diff := cmp.Diff(want, b.Ratios, cmpopts.EquateApprox(1e-12, 1e-12)); diff != "" {
		t.Errorf("ratios (-want +got):\n%s", diff)
	}
	var got []string
	for _, c := range b.Absolutes {
		got = append(got, c.Arm+" "+c.Verdict+": "+c.Reason)
		if c.Judged || math.Abs(*c.P-p88) > 1e-12 || math.Abs(*c.Ratio-map[string]float64{"off": 1.4, "1.3": 1.54}[c.Arm]) > 1e-12 {
			t.Errorf("absolute %+v", c)
		}
	}
	const why = " inconclusive: absolute figures of two runs: the machine differs from run to run"
	if diff := cmp.Diff([]string{"off" + why, "1.3" + why}, got); diff != "" {
		t.Errorf("absolutes (-want +got):\n%s", diff)
	}
}

func TestResultsOfAMachineThatSlowedDownAreTheSame(t *testing.T) {
	off, tls := []float64{100, 103, 98, 101, 99, 104, 97, 102, 100, 101}, []float64{121, 123, 119, 120, 118, 126, 117, 122, 121, 120}
	slow := func(values []float64) (all []float64) {
		for _, v := range values {
			all = append(all, 1.4*v)
		}
		return all
	}
	b := between(t, run("a", of("off", serverCPU, off...), of("1.3", serverCPU, tls...)),
		run("b", of("off", serverCPU, slow(off)...), of("1.3", serverCPU, slow(tls)...)))
	if c := b.Ratios[0]; c.Verdict != "same" || math.Abs(*c.Ratio-1) > 1e-12 {
		t.Errorf("ratio %v, %s (%s); want 1 and same", *c.Ratio, c.Verdict, c.Reason)
	}
	for _, c := range b.Absolutes {
		if c.Judged || c.Verdict != "inconclusive" || math.Abs(*c.Ratio-1.4) > 1e-9 {
			t.Errorf("%s by itself: %+v, want +40 %% and no verdict", c.Arm, c)
		}
	}
}

func TestResultsSwappedChangesTheSignAlone(t *testing.T) {
	a := run("a", of("off", serverCPU, 100, 103, 98, 101, 99, 104, 97, 102), of("1.3", serverCPU, 121, 123, 119, 125, 118, 131, 117, 122))
	b := run("b", of("off", serverCPU, 90, 92, 95, 91, 93, 90, 94, 92, 91), of("1.3", serverCPU, 115, 113, 119, 112, 118, 110, 117, 116, 114))
	forth, back := between(t, a, b).Ratios[0], between(t, b, a).Ratios[0]
	if math.Abs(*forth.P-*back.P) > 1e-12 || math.Abs(*forth.MDE-*back.MDE) > 1e-12 {
		t.Errorf("p %v and mde %v, swapped %v and %v", *forth.P, *forth.MDE, *back.P, *back.MDE)
	}
	for _, pair := range [][2]*float64{{forth.Ratio, back.Ratio}, {forth.Low, back.High}, {forth.High, back.Low}} {
		if product := *pair[0] * *pair[1]; math.Abs(product-1) > 1e-12 {
			t.Errorf("ratio %v, swapped %v: product %v, want 1", *pair[0], *pair[1], product)
		}
	}
}

func handshake(f *result.Epoch, v float64) {
	f.Handshake = &result.Handshakes{Full: &result.Handshake{Count: 4, SentBytes: v, ReceivedBytes: 1000}}
}

// What a machine's state does not move is judged across runs.
func TestResultsJudgesBytesAndAllocationsOfAnArm(t *testing.T) {
	tests := []struct {
		name      string
		set       func(*result.Figures, float64)
		base, new float64
		metric    string
		verdict   string
	}{
		{"more bytes", sentBytes, 31, 53, "sent_bytes_per_rpc", "slower"},
		{"fewer bytes", sentBytes, 53, 31, "sent_bytes_per_rpc", "faster"},
		// 2.6 %, far above δ, but 0.8 bytes.
		{"less than a byte", sentBytes, 31, 31.8, "sent_bytes_per_rpc", "same"},
		{"more allocations", allocs, 100, 110, "client_allocs_per_rpc", "slower"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := between(t, run("a", of("x", tt.set, times(8, tt.base)...)), run("b", of("x", tt.set, times(8, tt.new)...)))
			if len(b.Absolutes) != 1 || len(b.Ratios) != 0 {
				t.Fatalf("%d absolutes and %d ratios, want 1 and none", len(b.Absolutes), len(b.Ratios))
			}
			if c := b.Absolutes[0]; c.Metric != tt.metric || c.Verdict != tt.verdict || !c.Judged || c.Reason != "" {
				t.Errorf("%+v, want %s %s", c, tt.metric, tt.verdict)
			}
		})
	}
}

// What an arm announces is part of every request, and decides how it is answered. A result
// of an older tool, which announced every codec, has no setting of it.
func TestBytesOfArmsThatAnnounceOtherCodecsAreNotCompared(t *testing.T) {
	announcing := func(id, accepts string, bytes float64) *result.Result {
		a := of("x", sentBytes, times(8, bytes)...)
		a.Settings.AcceptCompression = accepts
		for i := range a.Epochs {
			a.Epochs[i].ClientAllocs = ptr(100.0)
		}
		return run(id, a)
	}
	const reason = "not compared: the arms announce other codecs"
	for _, tt := range []struct {
		base, new string
		compared  bool
	}{{"", "none", false}, {"gzip", "none", false}, {"none", "gzip,deflate", false}, {"none", "none", true}, {"", "", true}} {
		base, now := announcing("a", tt.base, 31), announcing("b", tt.new, 30)
		b, err := compare.Results(base, now, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range b.Absolutes {
			wants := tt.compared || c.Metric != "sent_bytes_per_rpc"
			if c.Judged && (c.Ratio != nil) != wants || !wants && c.Reason != reason {
				t.Errorf("%q and %q: %+v, want compared: %v", tt.base, tt.new, c, wants)
			}
		}
		for _, g := range compare.Gates(plan.Gates{Regressions: []string{"sent_bytes_per_rpc"}}, now, &b) {
			if g.NotJudged == tt.compared || (g.Outcome == result.Pass) != tt.compared {
				t.Errorf("%q and %q: gate %+v, want judged: %v", tt.base, tt.new, g, tt.compared)
			}
		}
	}
}

func TestResultsJudgesTheBytesOfHandshakes(t *testing.T) {
	of := func(id string, sent float64) *result.Result {
		r := run(id, of("x", allocs, times(8, 100)...))
		for i := range r.Arms[0].Epochs {
			handshake(&r.Arms[0].Epochs[i], sent)
		}
		return r
	}
	got := map[string]string{}
	for _, c := range between(t, of("a", 306), of("b", 1490)).Absolutes {
		got[c.Metric] = c.Verdict
	}
	want := map[string]string{"client_allocs_per_rpc": "same", "handshake_full_sent_bytes": "slower", "handshake_full_received_bytes": "same"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
}

func TestResultsGivesNoVerdictOnBytesThatScatterAboutZero(t *testing.T) {
	b := between(t, run("a", of("x", sentBytes, 992, 1008, 992, 1008, 992, 1008, 992, 1008)), run("b", of("x", sentBytes, 1008, 992, 1008, 992, 1008, 992, 1008, 992)))
	if got := b.Absolutes[0].Verdict; got != "inconclusive" {
		t.Errorf("verdict %q, want inconclusive", got)
	}
}

func TestResultsSaysWhyThereIsNoVerdict(t *testing.T) {
	pair := func(id string, set func(*result.Figures, float64), n int) *result.Result {
		return run(id, of("off", set, times(n, 1000)...), of("1.3", set, times(n, 1200)...))
	}
	partial := pair("b", serverCPU, 9)
	partial.Arms[1].Epochs[3].ServerCPU = nil
	partial.Arms[0].Epochs[8].Interrupted, partial.Arms[1].Epochs[8].Interrupted = true, true
	without := pair("b", serverCPU, 8)
	for i := range without.Arms[1].Epochs {
		without.Arms[0].Epochs[i].ServerCPU, without.Arms[1].Epochs[i].ServerCPU = nil, nil
	}
	few := pair("b", latencyP50, 8)
	few.Arms[1].Epochs[2].Latency.Count = 39 // p50 is rank 20, with 19 above
	tests := map[string]struct {
		base, new *result.Result
		ratio     bool
		reason    string
	}{
		"five epochs":          {pair("a", serverCPU, 10), pair("b", serverCPU, 5), true, "epochs 5: an interval needs 6, a verdict 8"},
		"seven epochs":         {pair("a", serverCPU, 7), pair("b", serverCPU, 10), true, "epochs 7: a verdict needs 8"},
		"an epoch without it":  {pair("a", serverCPU, 8), partial, true, "new epoch 3 has no value; epochs 7: a verdict needs 8"},
		"a run without it":     {pair("a", serverCPU, 8), without, false, "the new result does not have it"},
		"too few observations": {pair("a", latencyP50, 8), few, false, "an epoch has 19 observations above the quantile, a comparison needs 20"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := between(t, tt.base, tt.new)
			if len(b.Ratios) != 1 {
				t.Fatalf("%d ratios, want 1", len(b.Ratios))
			}
			if c := b.Ratios[0]; (c.Ratio != nil) != tt.ratio || c.Verdict != "inconclusive" || c.Reason != tt.reason {
				t.Errorf("ratio %v, %s, %q; want one: %t, inconclusive, %q", c.Ratio, c.Verdict, c.Reason, tt.ratio, tt.reason)
			}
		})
	}
}

func TestResultsThatMayNotBeUsedAreShownWithoutAVerdict(t *testing.T) {
	set := func(verdict result.Verdict, v float64) *result.Result {
		r := run("x", of("off", sentBytes, times(8, 30)...), of("1.3", sentBytes, times(8, v)...))
		r.Verdict = verdict
		return r
	}
	for _, tt := range []struct {
		base, new result.Verdict
		reason    string
	}{
		{result.Invalid, result.Valid, "the base result is INVALID"},
		{result.Degraded, result.Partial, "the new result is PARTIAL"},
		{result.Partial, result.Invalid, "the base result is PARTIAL; the new result is INVALID"},
	} {
		b := between(t, set(tt.base, 50), set(tt.new, 60))
		if b.Base.Verdict != tt.base || b.New.Verdict != tt.new {
			t.Errorf("sides %s and %s, want %s and %s", b.Base.Verdict, b.New.Verdict, tt.base, tt.new)
		}
		for _, c := range append(b.Ratios, b.Absolutes...) {
			if c.Ratio == nil || c.Judged || c.Verdict != "inconclusive" || c.Reason != tt.reason {
				t.Errorf("%s %s: %+v, want inconclusive, %q", tt.base, tt.new, c, tt.reason)
			}
		}
	}
}

func TestUnlikePlansAreRefusedWithWhatDiffers(t *testing.T) {
	arms := func() []result.Arm {
		return []result.Arm{of("off", serverCPU, times(8, 100)...), of("1.3", serverCPU, times(8, 120)...)}
	}
	base := run("a", arms()...)
	new := run("b", append(arms(), of("1.2", serverCPU, times(8, 110)...))...)
	new.Plan.Load.Rate, new.Plan.Window = 300, 3*time.Second
	new.Plan.Arms[1].Settings.Deadline = 50 * time.Millisecond
	new.Plan.Seed, new.Plan.Tags = 7, map[string]string{"commit": "1a2b"} // differ from run to run
	_, err := compare.Results(base, new, false)
	const want = "the plans are unlike: arms.1.2: base none, new present; arms.1.3.settings.deadline: base none, new 50ms; " +
		`groups.g.arms: base ["off","1.3"], new ["off","1.3","1.2"]; load.rate_rpc_per_s: base 1500, new 300; window: base 1s, new 3s`
	if !errors.Is(err, compare.ErrUnlike) || err.Error() != want {
		t.Errorf("error %q,\nwant  %q", err, want)
	}
	b, err := compare.Results(base, new, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Unlike) != 5 || len(b.Ratios) != 1 || b.Ratios[0].Arm != "1.3" || len(b.Absolutes) != 2 {
		t.Errorf("forced: %d differences, ratios %+v, %d absolutes; want 5, that of 1.3 and 2", len(b.Unlike), b.Ratios, len(b.Absolutes))
	}
	if got := between(t, new, new).Unlike; len(got) != 0 {
		t.Errorf("a plan is unlike itself: %v", got)
	}
}

// TestUnlikePlansNameWhatOlderArmsAnnounced: none is a choice of its own, and not what it is
// called where a plan does not say it.
func TestUnlikePlansNameWhatOlderArmsAnnounced(t *testing.T) {
	base, new := run("a", of("x", allocs, 1)), run("b", of("x", allocs, 1))
	new.Plan.Arms[0].Settings.AcceptCompression = "none"
	_, err := compare.Results(base, new, false)
	if want := "the plans are unlike: arms.x.settings.accept_compression: base gzip,deflate,zstd, new none"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestManyDifferencesAreCutShort(t *testing.T) {
	base, new := run("a", of("x", allocs, 1)), run("b", of("x", allocs, 1))
	for i := range 30 {
		new.Plan.Arms = append(new.Plan.Arms, plan.Arm{Name: strings.Repeat("y", i+1)})
	}
	if _, err := compare.Results(base, new, false); err == nil || !strings.HasSuffix(err.Error(), "; and 10 more") {
		t.Errorf("error %v, want 20 differences and how many more", err)
	}
}

func TestResultsWithoutAnythingInCommonAreRefusedEvenIfForced(t *testing.T) {
	arm := func(name string) result.Arm { return of(name, serverCPU, times(8, 100)...) }
	for name, new := range map[string]*result.Result{
		"no common arm":     run("b", arm("c"), arm("d")),
		"another control":   run("b", arm("b"), arm("a")),
		"the control alone": run("b", arm("a"), arm("c")),
	} {
		if _, err := compare.Results(run("a", arm("a"), arm("b")), new, true); !errors.Is(err, compare.ErrNothingCommon) {
			t.Errorf("%s: error %v, want %v", name, err, compare.ErrNothingCommon)
		}
	}
}

func TestArmsNamedByTheirAddressesAreMatchedByPosition(t *testing.T) {
	set := func(id, a, b string, second float64) *result.Result {
		arms := []result.Arm{of("target="+a, serverCPU, times(8, 100)...), of("target="+b, serverCPU, times(8, second)...)}
		arms[0].Settings, arms[1].Settings = plan.Settings{Target: a}, plan.Settings{Target: b}
		return run(id, arms...)
	}
	b := between(t, set("a", "stable:1", "canary1:1", 100), set("b", "stable:1", "canary2:1", 110))
	if len(b.Ratios) != 1 || b.Ratios[0].Arm != "target=canary2:1" || b.Ratios[0].Verdict != "slower" {
		t.Errorf("ratios %+v, want canary2 slower than canary1 was", b.Ratios)
	}
	want := []compare.Difference{{What: "target", Arms: []string{"target=canary2:1"}, Base: "canary1:1", New: "canary2:1"}}
	if diff := cmp.Diff(want, b.Fingerprint); diff != "" {
		t.Errorf("fingerprint (-want +got):\n%s", diff)
	}
	// The same two servers in another order are not each other.
	_, err := compare.Results(set("a", "a:1", "b:1", 100), set("b", "b:1", "a:1", 110), false)
	if want := "the plans are unlike: order of arms: base target=a:1, target=b:1, new target=b:1, target=a:1"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestTheFingerprintIsWhatElseDiffers(t *testing.T) {
	set := func(id, kernel, group string, memory int64) *result.Result {
		r := run(id, of("off", serverCPU, times(8, 100)...), of("1.3", serverCPU, times(8, 120)...), of("A/A", serverCPU, times(8, 100)...))
		r.Tool = result.Tool{Version: "v1", Revision: "aa", Go: "go1.26.8", GRPCGo: "v1.85.0"}
		r.Machine = result.Machine{OS: "linux", Arch: "amd64", Kernel: kernel, CPUs: 2, GOMAXPROCS: 2, MemBytes: memory, Environment: map[string]string{"GODEBUG": group}}
		r.Arms[1].Observed, r.Arms[2].Observed = result.Observed{Group: group, TLSVersion: "1.3"}, result.Observed{Group: group}
		r.Arms[0].Observed.ServerSHA256 = "sum of " + kernel
		return r
	}
	base, new := set("a", "6.18", "x25519", 4<<30), set("b", "6.19", "x25519mlkem768", 4<<30+4096)
	new.Machine.CgroupCPUs, new.Tool.GRPCGo = 1.5, "v1.86.0"
	new.Machine.Environment["GOGC"] = "50"
	want := []compare.Difference{
		{What: "grpc-go", Base: "v1.85.0", New: "v1.86.0"},
		{What: "kernel", Base: "6.18", New: "6.19"},
		{What: "cgroup CPUs", New: "1.5"},
		{What: "environment GODEBUG", Base: "x25519", New: "x25519mlkem768"},
		{What: "environment GOGC", New: "50"},
		{What: "server binary (SHA-256)", Arms: []string{"off"}, Base: "sum of 6.18", New: "sum of 6.19"},
		{What: "key exchange", Arms: []string{"1.3", "A/A"}, Base: "x25519", New: "x25519mlkem768"},
	}
	if diff := cmp.Diff(want, between(t, base, new).Fingerprint); diff != "" {
		t.Errorf("fingerprint (-want +got):\n%s", diff)
	}
}

// withLatencies gives an arm n RPCs of which values ended well.
func withLatencies(t *testing.T, a *result.Arm, n int64, values ...int64) {
	t.Helper()
	h := hist.New()
	for _, v := range values {
		h.Record(v)
	}
	d, err := result.Summarize(h, n, true)
	if err != nil {
		t.Fatal(err)
	}
	a.Latency = d
}

// upTo are the numbers from 1 to n, times unit.
func upTo(n, unit int64) (values []int64) {
	for i := range n {
		values = append(values, (i+1)*unit)
	}
	return values
}

func TestDistributionsAreComparedQuantileByQuantile(t *testing.T) {
	base, new := run("a", of("x", allocs, 1)), run("b", of("x", allocs, 1))
	// Of 1000 values 10 lie above the p99, and 1 above the p999. In the new result 15
	// of 1000 never ended well: rank 990 is among them, and so is the largest.
	withLatencies(t, &base.Arms[0], 1000, upTo(1000, 1)...)
	withLatencies(t, &new.Arms[0], 1000, upTo(985, 1)...)
	at := func(q float64, base int64, new *int64) compare.QuantileShift {
		return compare.QuantileShift{Quantile: q, Base: &base, New: new}
	}
	both := func(q float64, ns int64) compare.QuantileShift { return at(q, ns, &ns) } // below 2048 ns every value has its bucket
	want := []compare.Distribution{{Arm: "x", Shifts: []compare.QuantileShift{
		both(0.01, 10), both(0.05, 50), both(0.1, 100), both(0.25, 250), both(0.5, 500), both(0.75, 750), both(0.9, 900), both(0.95, 950),
		at(0.99, 990, nil), at(1, 1000, nil),
	}}}
	if diff := cmp.Diff(want, between(t, base, new).Distributions); diff != "" {
		t.Errorf("distributions (-want +got):\n%s", diff)
	}
}

// TestHistogramsOfOtherGeometryAreNotCompared.
//
//	fault:   a result whose histograms have other bounds or digits
//	promise: refused with the arm and the geometry that it must have
//	figure:  1 of 1
func TestHistogramsOfOtherGeometryAreNotCompared(t *testing.T) {
	base, new := run("a", of("x", allocs, 1)), run("b", of("x", allocs, 1))
	withLatencies(t, &base.Arms[0], 10, upTo(10, 1)...)
	withLatencies(t, &new.Arms[0], 10, upTo(10, 1)...)
	new.Arms[0].Latency.HDR = twoDigits
	_, err := compare.Results(base, new, true)
	if want := `new arm "x": decode histogram: must be of the geometry 1 ns to 1 h, 3 digits`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestMoreEpochsThanAPlanCanHaveAreRefused(t *testing.T) {
	base := run("a", of("x", allocs, times(plan.MaxEpochs+1, 1)...))
	if _, err := compare.Results(base, base, false); err == nil || err.Error() != `arm "x": 1001 epochs, must be at most 1000` {
		t.Errorf("error %v, want one that names the arm and the limit", err)
	}
}

func TestResultsChangesNeither(t *testing.T) {
	base := run("a", of("off", serverCPU, times(9, 100)...), of("1.3", serverCPU, times(9, 120)...))
	base.Arms[0].Epochs[8].Interrupted = true
	before, err := json.Marshal(base)
	if err != nil {
		t.Fatal(err)
	}
	between(t, base, base)
	if after, err := json.Marshal(base); err != nil || string(after) != string(before) {
		t.Errorf("the result changed (%v)", err)
	}
}

// twoDigits is the encoding of a histogram of 1 to 10 ns with bounds of 1 ns to 1 h
// and 2 digits.
const twoDigits = "HISTFAAAACh42pJpmSzMwMDAzQABTFCakYGB2c1gxwIG+w8wGTgABAAA//9/oARp"

// Whatever a file holds, comparing it with itself and with a sound result ends with
// an answer.
func FuzzResults(f *testing.F) {
	sound := run("a", of("off", serverCPU, times(8, 100)...), of("1.3", serverCPU, times(8, 120)...))
	data, err := json.Marshal(sound)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"arms":[{"name":"off","latency_ns":{"count":-1,"max":-1,"hdr":"HISTFAAAAA=="},"epochs":[{"index":-1,"handshake":{"full":null}}]}],"groups":[{"control":"x","arms":["off"]}]}`))
	f.Add([]byte(`{"plan":{"arms":[{"name":"off"},{"name":"off"}]},"arms":[{"name":"off","epochs":[{"latency_ns":{"count":9e18,"p50":-1}}]},{"name":"off"}]}`))
	f.Add([]byte(`{"plan":{"arms":[{"name":"off"}]},"groups":[],"arms":[{"name":"off","epochs":[{"server_cpu_ns_per_rpc":1e308},{"server_cpu_ns_per_rpc":1e-308}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r result.Result
		if json.Unmarshal(data, &r) != nil {
			return
		}
		for _, pair := range [][2]*result.Result{{&r, &r}, {sound, &r}, {&r, sound}} {
			b, err := compare.Results(pair[0], pair[1], true)
			if err != nil {
				continue
			}
			if _, err := json.Marshal(b); err != nil {
				t.Errorf("cannot be written: %v", err)
			}
		}
	})
}
