package plan_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"grpcbench/internal/plan"
)

// planFrom is the plan that a command line asks for, its first word being the command.
func planFrom(t *testing.T, words []string) plan.Plan {
	t.Helper()
	var c plan.Config
	fs := pflag.NewFlagSet(words[0], pflag.ContinueOnError)
	switch words[0] {
	case "run":
		c.Flags(fs)
	case "handshake":
		c.HandshakeFlags(fs)
	case "ceiling":
		c.CeilingFlags(fs)
	default:
		t.Fatalf("command %q", words[0])
	}
	if err := fs.Parse(words[1:]); err != nil {
		t.Fatalf("parse %q: %v", words, err)
	}
	if c.TargetArg = fs.Arg(0); fs.NArg() > 1 {
		t.Fatalf("%q: two arguments", words)
	}
	p, err := c.Plan()
	if err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	return p
}

// What the command of a report asks for is the plan of the report. Labels and process ids
// are those of one run; metadata values are stored nowhere.
func TestArgsAskForTheSamePlan(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, content := range map[string]string{"body.bin": "abc", "request.bin": "\x0a\x01x",
		"my suite.yaml": "rate: 700\ngroups:\n  - name: g\n    control: {tls: \"off\"}\n    arms:\n      - {tls: \"1.3\"}\nthresholds:\n  - p99<5ms\n"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{
		"run",
		"run --quick",
		"run --vary tls=off,1.2,1.3 --aa off --epochs 8..20 --max-time 3m",
		"run --tls off --rate 123.5 --arrival uniform --max-in-flight 7 --window 2s --warmup 0s --drain 1s",
		"run --loop closed --concurrency 32 --connections 8",
		"run --compression gzip:9 --response-compression none --accept-compression gzip+zstd --payload 4KiB:json --response-payload 1KiB",
		"run --payload @body.bin --vary deadline=none,1s --vary churn=none,5/s",
		"run --max-rpcs-per-connection 100",
		"run --connection-age 2s",
		"run --churn 2/s --group x25519mlkem768 --key ed25519 --mtls on --resumption on",
		"run --vary compression=none,gzip:1,zstd --windows dynamic --metadata-size 1KiB:unique:2keys",
		"run 127.0.0.1:1 --tls off --method /p.S/M --request @request.bin --expect code=OK,NOT_FOUND --max-message 5MiB --authority a.example --connect-timeout 7s",
		"run 127.0.0.1:1 --insecure-skip-verify --server-name x.example --allow-no-alpn --allow-failures 0.5",
		"run unix:/tmp/x.sock --tls off --concurrency 5 --loop closed",
		"run --vary target=127.0.0.1:1,127.0.0.1:2 --tls off",
		"run --threshold p99<5ms --threshold server_cpu_ns_per_rpc<+3% --fail-on-regression --inconclusive fail --allow-degraded --vary tls=off,1.3",
		"run --fail-on-regression=latency_p50 --baseline main --vary tls=off,1.3",
		"run --suite", // my suite.yaml
		"handshake",
		"handshake --quick --vary key=p256,rsa2048 --rate 20 --timeout 2s --concurrency 4",
		"handshake 127.0.0.1:1 --handshakes 10 --epochs 9",
		"ceiling --max-concurrency 16",
		"ceiling --slo p99<5ms --slo failed<0.1% --first-rate 50 --max-rate 9000 --arrival uniform --engine wire --max-in-flight 9",
		"ceiling 127.0.0.1:1 --tls off --slo p50<1ms --max-rate 500 --allow-failures 0.02",
	} {
		words := strings.Fields(line)
		if words[len(words)-1] == "--suite" {
			words = append(words, "my suite.yaml")
		}
		for i, w := range words {
			if w == "--server-binary" {
				words[i+1] = strings.ReplaceAll(words[i+1], "_", " ")
			}
		}
		want := planFrom(t, words)
		args := want.Args()
		if diff := cmp.Diff(want, planFrom(t, args)); diff != "" {
			t.Errorf("%q: %q asks for another plan (-want +got):\n%s", words, args, diff)
		}
		if again := planFrom(t, args).Args(); !slices.Equal(again, args) {
			t.Errorf("%q: %q, and then %q", words, args, again)
		}
	}
}

func TestArgsHoldCommandsAndNoSecrets(t *testing.T) {
	words := []string{"run", "--vary", "server-binary=taskset -c 0,1 ./a {addr}", "--vary", "server-binary=./b {addr}",
		"--metadata", "authorization=Bearer s3cret", "--metadata", "a=b", "--server-start-timeout", "20s", "--server-in-place", "--tls", "off"}
	p := planFrom(t, words)
	got := strings.Join(p.Args(), "|")
	for _, want := range []string{"--vary|server-binary=taskset -c 0,1 ./a {addr}|--vary|server-binary=./b {addr}|",
		"|--metadata|authorization=@(13 bytes)|--metadata|a=@(1 bytes)|", "|--server-start-timeout|20s|--server-in-place"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q, want it to hold %q", got, want)
		}
	}
	if strings.Contains(got, "s3cret") {
		t.Errorf("%q holds a metadata value", got)
	}
	if _, err := planOf(t, p.Args()[1:]...); err == nil || strings.Count(err.Error(), "no such file") != 2 {
		t.Errorf("%v, want a refusal until the values are given", err)
	}
}

// A suite file is named, as is a built-in suite.
func TestArgsNameTheSuite(t *testing.T) {
	p := plan.Plan{Suite: "a b", SuiteFile: "a b.yaml"}
	if got := strings.Join(p.Args(), "|"); !strings.HasPrefix(got, "run|--suite|a b.yaml|") {
		t.Errorf("%q, want the file", got)
	}
	p.SuiteFile = ""
	if got := strings.Join(p.Args(), "|"); !strings.HasPrefix(got, "run|--suite|a b|") {
		t.Errorf("%q, want the suite's name", got)
	}
}
