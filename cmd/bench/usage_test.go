package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"grpcbench/testing/lane"
)

func TestMistakesAreRefusedWithASentenceAndNoLoad(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("not.pem", "no certificate\n")
	write("suite.yaml", "groups:\n  - name: TLS\n    control: {tls: \"off\"}\n    arms: [{tls: \"1.3\", metdata-size: 1KiB}]\n")
	if code, _, stderr := command(t, "certs", "--ca"); code != exitDone {
		t.Fatal(stderr)
	}
	if code, _, stderr := command(t, "certs", "--ca", "--dir", mkdir(t, "other")); code != exitDone {
		t.Fatal(stderr)
	}
	for _, of := range mistakes() {
		t.Run(of.args, func(t *testing.T) {
			code, stdout, stderr := command(t, strings.Fields(of.args)...)
			if code != exitUsage || stdout != "" {
				t.Errorf("exit code %d and %q on stdout, want %d and nothing", code, stdout, exitUsage)
			}
			if !strings.Contains(stderr, of.says) || strings.Contains(stderr, "epoch 1 of") {
				t.Errorf("stderr %q: must say %q before any load", stderr, of.says)
			}
		})
	}
	if _, err := os.Stat("results"); err == nil {
		t.Error("a refused run made a results directory")
	}
}

// mistake is a command line that is wrong, and what is said of it.
type mistake struct{ args, says string }

func mistakes() []mistake {
	return []mistake{
		{"run --rate fast", `--rate "fast": must be RPC/s`},
		{"run --rate -5", `--rate "-5": must be RPC/s`},
		{"handshake --window 1s", `--window is not a flag of grpc-bench handshake: it is one of ceiling, run`},
		{"handshake --connect-timeout 1s", `--connect-timeout is not a flag of grpc-bench handshake: it is one of call, ceiling, run`},
		{"call --connect-timeout 0", `--connect-timeout "0": must be a duration in [10ms, 10m0s]`},
		{"ceiling --connect-timeout soon", `--connect-timeout "soon": must be a duration in [10ms, 10m0s]`},
		{"handshake --threshold p99<5ms", `--threshold is not a flag of grpc-bench handshake: it is one of compare, run`},
		{"handshake --fail-on-regression", `--fail-on-regression is not a flag of grpc-bench handshake: it is one of compare, run`},
		{"--tls off", `--tls: must come after a command that has it: call, ceiling, handshake, run, server`},
		{"ceiling --treshold p99<5ms", `unknown flag: --treshold`},
		{"handshake --handshakes 0", `--handshakes "0": must be`},
		{"handshake --timeout 0s", `--timeout "0s": must be a duration`},
		{"handshake --vary compression=none,gzip", `--vary compression: cannot be used in a handshake plan`},
		{"handshake --suite overheads", `--suite "overheads"`},
		{"handshake h:1 --concurrency 4", `--concurrency 4: cannot be used with a TARGET`},
		{"handshake h:1 --handshakes 5000", `connections to a TARGET are more than 10000`},
		{"handshake a b", `TARGET: must be one HOST:PORT`},
		{"run --window 0s", `--window "0s": must be a duration`},
		{"run --epochs 9..3", `--epochs "9..3": must be N or N..M`},
		{"run --tls 1.1", `--tls "1.1": must be`},
		{"run --compression lz4", `--compression "lz4": must be`},
		{"run --compression gzip:12", `--compression "gzip:12": must be`},
		{"run --payload 5MiB", `--payload "5MiB": must be at most 4MiB`},
		{"run --connections 0", `--connections "0": must be`},
		{"run --metadata foo", `--metadata: must be NAME=VALUE`},
		{"run --metadata grpc-x=1", `must not be one that gRPC or HTTP/2 uses`},
		{"run --metadata-size 61KiB", `must be at most 61440 bytes of header list`},
		{"run --seed 1 --seed 2", `--seed: must be given once`},
		{"run --tls off --key p256", `--key "p256": cannot be used with --tls off`},
		{"run --tls off --resumption on", `--resumption on: must be off with --tls off`},
		{"run --loop closed --rate 5", `--rate "5": cannot be used with --loop closed`},
		{"run --group x25519mlkem768 --tls 1.2", `must go with --tls 1.3`},
		{"run --method /a.B/C --payload 1KiB", `must be 0 with --method`},
		{"run --request @not.pem", `must come with --method`},
		{"run --aa on --tls off", `must be off with one arm`},
		{"run --vary nope=1,2", `--vary "nope"`},
		{"run --vary tls=off", `must have two values or more`},
		{"run --vary tls=off,1.3 --tls 1.2", `--tls: must be omitted or be the first value`},
		{"run --vary tls=off,off", `must have two different arms`},
		{"run --suite suite.yaml", `suite.yaml:4:25: key "metdata-size": must be a known name, such as metadata-size`},
		{"run --suite nope.yaml", `--suite "nope.yaml"`},
		{"run --suite suite.yaml --vary tls=off,1.3", `must be given without --suite`},
		{"run localhost", `TARGET: must be HOST:PORT`},
		{"run https://localhost:1", `must be HOST:PORT`},
		{"run a:1 b:2", `TARGET: must be one HOST:PORT, got 2`},
		{"run --cacert ca.crt", `cannot be used without a TARGET`},
		{"run a:1 --cacert nope.crt", `--cacert "nope.crt"`},
		{"run a:1 --cacert not.pem", `--cacert "not.pem": must hold a certificate`},
		{"run a:1 --cert client.crt", `must be given together`},
		{"run a:1 --cert client.crt --key-file other/client.key", `must be the key of certificate client.crt`},
		{"run a:1 --key p256", `cannot be used with a TARGET`},
		{"run a:1 --tls off --cacert ca.crt", `cannot be used with --tls off`},
		{"run a:1 --insecure-skip-verify --cacert ca.crt", `cannot be used with --cacert`},
		// Announced, and not in this version.
		{"run --engine wire --windows dynamic", `--windows dynamic: must be static with --engine wire`},
		{"run --vary server-binary=a,b", `must hold {addr}`},
		{"run --server-binary a", `must hold {addr}`},
		{"run --gate p99<5ms", `--gate is not supported by this version`},
		{"compare a b --format hgrm", `--format "hgrm": must be one of text, markdown, html, json, csv`},
		{"compare a", `compare: must be given BASE and NEW, got 1`},
		{"compare a b c", `compare: must be given BASE and NEW, got 3`},
		{"run --format yaml", `--format "yaml": must be one of text, markdown, json, html, csv, bench, hgrm`},
		{"ceiling a:1 --slo p99<5ms", `--max-rate: must be given for a TARGET`},
		{"ceiling a:1", `--slo: must be given for a TARGET, with --max-rate`},
		{"ceiling a:1 b:2", `TARGET: must be one HOST:PORT, got 2 arguments`},
		{"ceiling --slo p98<5ms", `--slo "p98<5ms": must be about latency_p50, latency_p90, latency_p99, latency_p999 or failed`},
		{"ceiling --slo p99<5ms --slo p99<6ms", `must be the one limit on latency_p99`},
		{"ceiling --slo p99<5ms --max-rate 50", `--max-rate 50: must be at least the first rate, 100`},
		{"ceiling --rate 50", `--rate is not a flag of grpc-bench ceiling: it is one of handshake, run`},
		{"ceiling --slo p99<5ms --first-rate 5000000", `--first-rate 5000000: must be at most --max-rate 1000000`},
		{"ceiling --slo wibble<5ms", `--slo "wibble<5ms": must be about latency_p50, latency_p90, latency_p99, latency_p999 or failed`},
		{"run --slo p99<5ms", `--slo is not a flag of grpc-bench run: it is one of ceiling`},
		{"server --listen :1337", `--listen ":1337"`},
		{"ui --listen :1337", `--listen ":1337": must be 127.0.0.1:PORT or [::1]:PORT`},
		{"certs --key rsa1024", `--key "rsa1024"`},
		{"certs --days 0", `--days 0`},
	}
}

func mkdir(t *testing.T, name string) string {
	t.Helper()
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestNoSentenceRepeatsAMetadataValue(t *testing.T) {
	for _, value := range []string{"Foo=s3cr3t-value", "foo=s3cr3t-value\x01", "s3cr3t-value", "foo=@/s3cr3t/\x00", "x-bench-0=s3cr3t"} {
		_, stdout, stderr := command(t, "run", "--metadata", value)
		if strings.Contains(stdout+stderr, "s3cr3t-value") {
			t.Errorf("--metadata %q: the value is in %q", value, stderr)
		}
	}
	_, _, stderr := command(t, "run", "--vary", "metadata=Foo=s3cr3t-value,none")
	if strings.Contains(stderr, "s3cr3t") {
		t.Errorf("--vary metadata: the value is in %q", stderr)
	}
}

func TestEveryCommandHasHelpWithExamples(t *testing.T) {
	for _, name := range []string{"run", "ceiling", "call", "report", "server", "certs", "ui"} {
		code, stdout, stderr := command(t, name, "--help")
		if code != exitDone || stderr != "" {
			t.Errorf("%s --help: exit code %d, stderr %q", name, code, stderr)
		}
		for _, want := range []string{"Usage:\n  grpc-bench " + name, "Examples:\n  grpc-bench " + name, "Flags:"} {
			if !strings.Contains(stdout, want) {
				t.Errorf("%s --help: must hold %q", name, want)
			}
		}
	}
	_, stdout, _ := command(t)
	for _, want := range []string{"Exit codes: 0", "\n  run ", "\n  call ", "\n  report ", "\n  server ", "\n  certs ", "\n  completion "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("help: must hold %q", want)
		}
	}
	for _, hidden := range []string{"\n  host ", "\n  generator "} {
		if strings.Contains(stdout, hidden) {
			t.Errorf("help: must not offer %q, which is for a run's children", hidden)
		}
	}
}

func TestEveryShellHasACompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if code, stdout, stderr := command(t, "completion", shell); code != exitDone || !strings.Contains(stdout, "grpc-bench") || stderr != "" {
			t.Errorf("completion %s: exit code %d, %d bytes, stderr %q", shell, code, len(stdout), stderr)
		}
	}
	// What the scripts ask for.
	_, stdout, _ := command(t, "__complete", "run", "--compress")
	if !strings.Contains(stdout, "--compression") {
		t.Errorf("completion of --compress: %q, want --compression", stdout)
	}
}

func TestAResultsDirectoryThatCannotBeWrittenIsFoundBeforeTheLoad(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	results := filepath.Join(t.TempDir(), "results")
	if err := os.WriteFile(results, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := command(t, short(results, "1")...)
	if code != exitFailed || stdout != "" || strings.Contains(stderr, "epoch 1 of") || !strings.Contains(stderr, "results directory") {
		t.Errorf("exit code %d, stdout %q, stderr %q: must fail before the first epoch, by the directory", code, stdout, stderr)
	}
}
