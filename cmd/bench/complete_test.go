package main

import (
	"strings"
	"testing"

	"grpcbench/testing/lane"
)

func TestValuesOfAClosedSetAreCompleted(t *testing.T) {
	// The shell itself chooses those that begin with what was typed.
	for _, tt := range []struct {
		args []string
		want string // lines, then the directive: 4, no files, plus 2, no space behind it
	}{
		{[]string{"run", "--tls"}, "off 1.2 1.3 :4"},
		{[]string{"run", "--loop"}, "open closed :4"},
		{[]string{"run", "--format"}, "text markdown json html csv bench hgrm :4"},
		{[]string{"run", "--compression"}, "gzip:none gzip:low gzip:medium gzip:high deflate"},
		{[]string{"run", "--vary"}, "metadata= metadata-size= payload="},
		{[]string{"run", "--vary"}, "windows= churn= max-rpcs-per-connection= connection-age= :6"},
		{[]string{"report", "--format"}, "text markdown json html csv bench hgrm :4"},
		{[]string{"compare", "--format"}, "text markdown html json csv :4"},
		{[]string{"call", "--mtls"}, "on off :4"},
		{[]string{"run", "--threshold"}, "latency_p999< failed< offered<"},
		{[]string{"run", "--threshold"}, "handshake_resumed_received_bytes< :6"},
		{[]string{"run", "--fail-on-regression="}, "default latency_p50 latency_p90 latency_p99 client_cpu_ns_per_rpc"},
		{[]string{"ceiling", "--slo"}, "latency_p50< latency_p90< latency_p99< latency_p999< failed< :6"},
		{[]string{"track", "--metric"}, "usual all latency_p50 latency_p90"},
		{[]string{"certs", "--key"}, "rsa2048 p256 ed25519 :4"},
	} {
		args := append([]string{"__complete"}, tt.args...)
		if !strings.HasSuffix(args[len(args)-1], "=") { // the value is an argument of its own
			args = append(args, "")
		}
		code, stdout, _ := command(t, args...)
		if got := strings.Join(strings.Fields(stdout), " "); code != exitDone || !strings.Contains(got, tt.want) {
			t.Errorf("%q: exit code %d, %q, want %q", tt.args, code, got, tt.want)
		}
	}
}

func TestTheHelpNamesEveryFormat(t *testing.T) {
	_, run, _ := command(t, "run", "--help")
	_, report, _ := command(t, "report", "--help")
	for _, name := range formatNames() {
		if !strings.Contains(run, name) || !strings.Contains(report, "\n  "+name+" ") {
			t.Errorf("the help of run or report does not name %s", name)
		}
	}
}

// One table with one head can be read at once, whatever the number of results.
func TestSeveralResultsAreOneTable(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results := t.TempDir()
	if code, _, stderr := command(t, short(results, "1")...); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	id := onlyResult(t, results)
	_, one, _ := command(t, "report", id, "--results", results, "--format", "csv")
	code, two, stderr := command(t, "report", id, "20260102T030405Z-aaaaaaaa", id, "--results", results, "--format", "csv")
	if code != exitFailed || !strings.Contains(stderr, "20260102T030405Z-aaaaaaaa") {
		t.Errorf("exit code %d, stderr %q: must name the result that cannot be read", code, stderr)
	}
	head, rows, _ := strings.Cut(one, "\n")
	if want := head + "\n" + rows + rows; two != want {
		t.Errorf("two results are %d bytes, want one head and %d rows twice", len(two), strings.Count(rows, "\n"))
	}
}
