package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/testing/lane"
)

// eight is a short run of eight epochs, which a verdict needs, with one RPC at a time:
// then TLS adds 22 bytes of record to the 30 of every RPC, whatever the machine does.
func eight(results string, more ...string) []string {
	args := short(results, "8", more...)
	args[slices.Index(args, "--concurrency")+1] = "1"
	return args
}

// A gate of one byte in a hundred fails, one against a run of the same kind passes.
func TestGatesDecideTheExitCode(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results := t.TempDir()
	code, stdout, stderr := command(t, eight(results, "--threshold", "sent_bytes_per_rpc<+1%", "--threshold", "failed<1%", "--allow-degraded", "--save-baseline", "main")...)
	if code != exitGate {
		t.Fatalf("exit code %d, want %d\n%s", code, exitGate, stderr)
	}
	for _, part := range []string{"GATES · 3 gates asked, 3 judged: 2 passed, 1 failed\n", "✗ sent_bytes_per_rpc<+1%: tls=1.3 is +73", "✓ failed<1%: tls=off has 0%"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("the report does not say %q:\n%s", part, stdout)
		}
	}
	if said := "grpc-bench: gate failed: sent_bytes_per_rpc<+1%: tls=1.3 is +73"; strings.Count(stderr, said) != 1 {
		t.Errorf("stderr must say once %q:\n%s", said, stderr)
	}
	if said := "grpc-bench: 3 gates asked, 3 judged: 2 passed, 1 failed\n"; strings.Count(stderr, said) != 1 {
		t.Errorf("stderr must say once %q:\n%s", said, stderr)
	}
	if !strings.Contains(stderr, "grpc-bench: saved "+filepath.Join(results, result.Baselines, "main")+"\n") {
		t.Errorf("stderr does not say what was saved:\n%s", stderr)
	}

	against := []string{"--baseline", "main", "--fail-on-regression=sent_bytes_per_rpc,server_allocs_per_rpc", "--allow-degraded"}
	code, stdout, stderr = command(t, eight(results, append(against, "--format", "json")...)...)
	var r result.Result
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("exit code %d, %v\n%s", code, err, stderr)
	}
	outcomes := map[string]string{}
	for _, g := range r.Gates {
		outcomes[g.Metric+" "+g.Arm] = g.Outcome
		if g.Against != "baseline main" {
			t.Errorf("%+v: must be against baseline main", g)
		}
	}
	for _, arm := range []string{"tls=off", "tls=1.3"} {
		if outcomes["sent_bytes_per_rpc "+arm] != result.Pass || outcomes["server_allocs_per_rpc "+arm] == "" {
			t.Errorf("gates %v: sent bytes of %s must pass, and allocations be there", outcomes, arm)
		}
	}

	for args, want := range map[string]int{
		"--fail-on-regression=sent_bytes_per_rpc --allow-degraded": exitDone,
		"--threshold failed<1% --allow-degraded":                   exitDone,
		"--threshold failed>1% --allow-degraded":                   exitGate,
		"--threshold p99<+1% --inconclusive fail --allow-degraded": exitGate,
		"--threshold server_allocs_per_rpc<0.1 --allow-degraded":   exitGate,
		"--threshold p98<5ms":                                      exitUsage,
		"--inconclusive fail":                                      exitUsage,
		"--fail-on-regression=saturated_server_cpu_ns_per_rpc":     exitUsage,
	} {
		if code, _, stderr := command(t, append([]string{"compare", "baseline:main", r.ID, "--results", results}, strings.Fields(args)...)...); code != want {
			t.Errorf("compare %s: exit code %d, want %d\n%s", args, code, want, stderr)
		}
	}
}

// What a gate says is not hidden by a baseline that is not saved, nor what a result is
// by either.
func TestTheExitCodeIsOfWhatMattersMost(t *testing.T) {
	gate, unsaved := exitError(exitGate), exitError(exitFailed)
	for _, c := range []struct {
		verdict     result.Verdict
		told, saved error
		want        error
	}{
		{result.Valid, nil, nil, nil},
		{result.Valid, gate, nil, gate},
		{result.Degraded, nil, unsaved, unsaved},
		{result.Degraded, gate, unsaved, gate},
		{result.Invalid, gate, unsaved, exitError(exitInvalid)},
	} {
		if got := exitOf(result.Result{Verdict: c.verdict}, nil, c.told, c.saved); got != c.want {
			t.Errorf("%s, gates %v, saved %v: %v, want %v", c.verdict, c.told, c.saved, got, c.want)
		}
	}
}

// A range of epochs goes on until a gate can fail, however narrow the intervals are.
func TestARangeOfEpochsGoesOnUntilAGateCanFail(t *testing.T) {
	for epochs, want := range map[int]bool{7: false, 8: true} {
		r := result.Result{Machine: result.Machine{Epochs: make([]result.MachineEpoch, epochs)}}
		if got := enough(plan.Plan{}, 8)(&r); got != want {
			t.Errorf("%d epochs of at least 8 are enough: %t, want %t", epochs, got, want)
		}
	}
}

func TestWhatGatesNeedIsAskedBeforeAnyLoad(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results := t.TempDir()
	if code, _, stderr := command(t, short(results, "1", "--save-baseline", "main", "--allow-degraded")...); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	before := filesIn(t, results)
	for args, want := range map[string]string{
		"--save-baseline main":                                  "--save-baseline: baseline main: must be new: " + filepath.Join(results, "baselines/main") + " is there, and nothing is overwritten",
		"--save-baseline ../x":                                  `--save-baseline: baseline "../x": must be of letters`,
		"--baseline none --fail-on-regression":                  "--baseline none: read " + filepath.Join(results, "baselines/none/result.json") + ": no such file or directory",
		"--baseline main --fail-on-regression --payload 1KiB":   "--baseline main: the plans are unlike: ",
		"--baseline main --fail-on-regression --allow-degraded": "--baseline main: must have 8 epochs or more, which a verdict needs, and has 1",
	} {
		code, stdout, stderr := command(t, short(results, "8", strings.Fields(args)...)...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want %q", args, code, stdout, stderr, want)
		}
	}
	if after := filesIn(t, results); len(after) != len(before) {
		t.Errorf("results %v, were %v: nothing must be measured", after, before)
	}
}

// oneArmBaseline is a stored result of one arm, and the baseline main of another.
func oneArmBaseline(t *testing.T) (results string, r result.Result) {
	t.Helper()
	results = t.TempDir()
	for hour := range 2 {
		var err error
		if r, err = result.Read("", "../../internal/result/testdata/overheads.json"); err != nil {
			t.Fatal(err)
		}
		r.Created = r.Created.Add(time.Duration(hour) * time.Hour)
		r.ID, r.Comparisons = result.NewID(r.Created), nil
		r.Arms, r.Plan.Arms = r.Arms[:1], r.Plan.Arms[:1]
		r.Groups = []plan.Group{{Name: "base", Control: r.Arms[0].Name, Arms: []string{r.Arms[0].Name}}}
		r.Plan.Groups = r.Groups
		result.Examine(&r)
		if hour == 0 {
			_, err = result.SaveBaseline(results, "main", r)
		} else {
			_, err = result.Write(results, r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return results, r
}

// TestOneArmBesideABaselineIsNotGreen: a build that may be slower, measured alone.
//
//	fault:   `run --baseline` and `compare` with one arm and gates on latency and CPU, which two runs do not have in common
//	promise: `run` refuses before the load, exit code 2, and names what can be run instead; `compare` fails as not judged, exit code 3; what can be judged passes, and is counted
//	figure:  exit codes, sentences and counts
func TestOneArmBesideABaselineIsNotGreen(t *testing.T) {
	results, r := oneArmBaseline(t)
	one := []string{"run", "--results", results, "--tls", "off", "--baseline", "main", "--fail-on-regression"}
	before := filesIn(t, results)
	want := "--baseline: one arm cannot be judged by latency_p50, client_cpu_ns_per_rpc, server_cpu_ns_per_rpc: "
	if code, stdout, stderr := command(t, one...); code != exitUsage || stdout != "" || !strings.Contains(stderr, want) {
		t.Errorf("run: exit code %d, stdout %q, stderr %q, want %q", code, stdout, stderr, want)
	}
	if after := filesIn(t, results); len(after) != len(before) {
		t.Errorf("results %v, were %v: nothing must be measured", after, before)
	}
	for args, row := range map[string]struct {
		code int
		said string
	}{
		"--fail-on-regression":                              {exitGate, "grpc-bench: 7 gates asked, 4 judged: 4 passed, 0 failed; 3 not judged: latency_p50 not slower, client_cpu_ns_per_rpc not slower, server_cpu_ns_per_rpc not slower\n"},
		"--fail-on-regression --inconclusive pass":          {exitGate, "; 3 not judged: latency_p50 not slower"},
		"--threshold p50<+3%":                               {exitGate, "grpc-bench: gate not judged, which fails: latency_p50<+3%: every arm could not be compared: no arm has a control"},
		"--fail-on-regression=sent_bytes_per_rpc":           {exitDone, "grpc-bench: 1 gate asked, 1 judged: 1 passed, 0 failed\n"},
		"--threshold handshake_resumed_sent_bytes<1KiB":     {exitGate, "; 1 not judged: handshake_resumed_sent_bytes<1024 of "},
		"--fail-on-regression=handshake_resumed_sent_bytes": {exitGate, "1 gate asked, 0 judged"},
	} {
		all := append([]string{"compare", "baseline:main", r.ID, "--results", results, "--allow-degraded"}, strings.Fields(args)...)
		if code, _, stderr := command(t, all...); code != row.code || !strings.Contains(stderr, row.said) {
			t.Errorf("compare %s: exit code %d, want %d and %q\n%s", args, code, row.code, row.said, stderr)
		}
	}
}

func TestAnUnusableResultIsNoBaseline(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results := t.TempDir()
	code, stdout, stderr := command(t, short(results, "1", "--deadline", "1us", "--save-baseline", "main", "--fail-on-regression=sent_bytes_per_rpc", "--epochs", "1")...)
	if code != exitUsage { // one epoch cannot fail a gate that compares
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	code, stdout, stderr = command(t, short(results, "1", "--deadline", "1us", "--save-baseline", "main", "--threshold", "failed<1%")...)
	if code != exitInvalid || !strings.Contains(stderr, "--save-baseline main: not saved: the result must be VALID") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	if !strings.Contains(stdout, "✗ VALID: the result is INVALID, and only a VALID one passes") {
		t.Errorf("the report does not say that the gates failed:\n%s", stdout)
	}
	if said := "grpc-bench: 3 gates asked, 1 judged: 0 passed, 1 failed; 2 not judged: failed<1% of tls=off, failed<1% of tls=1.3\n"; !strings.Contains(stderr, said) {
		t.Errorf("stderr does not say %q:\n%s", said, stderr)
	}
	if names := filesIn(t, filepath.Join(results)); len(names) != 1 {
		t.Errorf("results %v, want the one result and no baseline", names)
	}
}
