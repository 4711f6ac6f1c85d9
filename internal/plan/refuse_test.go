package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"grpcbench/internal/plan"
)

// refusal is a command line and all that is said about it.
type refusal struct{ args, want string }

func checkRefusals(t *testing.T, rows []refusal) {
	t.Helper()
	for _, row := range rows {
		_, err := planOf(t, strings.Fields(row.args)...)
		if err == nil {
			t.Errorf("run %s: accepted, want %s", row.args, row.want)
		} else if diff := cmp.Diff(row.want, err.Error()); diff != "" {
			t.Errorf("run %s (-want +got):\n%s", row.args, diff)
		}
	}
}

func TestOptionsOutOfBoundsAreRefused(t *testing.T) {
	checkRefusals(t, []refusal{
		{"--rate -1", `--rate "-1": must be RPC/s, above 0 and at most 10000000`},
		{"--accept-compression brotli", `--accept-compression "brotli": must be default, none, or some of gzip, deflate and zstd, as in gzip+zstd`},
		{"--compression gzip --accept-compression none", `--accept-compression none: must name gzip, which the arm uses`},
		{"--max-message 1MiB", `--max-message "1MiB": must be a size in [4MiB, 256MiB]`},
		{"--max-message 1GiB", `--max-message "1GiB": size must be whole bytes below 2 GiB as in 4096, 1KiB, 1kB or 4MiB`},
		{"--expect NOT_FOUND", `--expect "NOT_FOUND": must be code= and codes of gRPC, as in code=OK,NOT_FOUND: OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, RESOURCE_EXHAUSTED, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS, UNAUTHENTICATED`},
		{"--rate NaN", `--rate "NaN": must be RPC/s, above 0 and at most 10000000`},
		{"--window 99ms", `--window "99ms": must be a duration in [100ms, 1h0m0s] as in 2.5s`},
		{"--epochs 0", `--epochs "0": must be N or N..M with N <= M in [1, 1000]`},
		{"--epochs 1000", "--epochs 1000: the result would take about 63 MiB, and at most 12 are stored: use fewer epochs, a shorter --window or fewer arms"},
		{"--epochs 9..8", `--epochs "9..8": must be N or N..M with N <= M in [1, 1000]`},
		{"--quick=maybe", `--quick "maybe": must be true or false`},
		{"--seed 9007199254740992", `--seed "9007199254740992": must be a whole number in [0, 9007199254740991]`},
		{"--allow-failures 1.5", `--allow-failures "1.5": must be a share in [0, 1]`},
		{"--tag commit", `--tag "commit": must be KEY=VALUE, printable, of at most 200 bytes`},
		{"--tag a=1 --tag a=2", `--tag "a=2": key must be given once, and was "1" before`},
		{"--max-time 3s", `--max-time 3s: must be at least an epoch, 4s`},
		{"--connect-timeout 0s", `--connect-timeout "0s": must be a duration in [10ms, 10m0s] as in 2.5s`},
		{"h:1 --connect-timeout never", `--connect-timeout "never": must be a duration in [10ms, 10m0s] as in 2.5s`},
		{"--connect-timeout 11m", `--connect-timeout "11m": must be a duration in [10ms, 10m0s] as in 2.5s`},
		{"--arrival bursty", `--arrival "bursty": must be poisson or uniform`},
		{"--name a\x1b[31m", `--name "a\x1b[31m": must be printable text of 1 to 200 bytes`},
	})
}

func TestSettingsThatCannotBeReadAreRefused(t *testing.T) {
	const codecs = "must be none, or gzip, deflate or zstd with :none, :low, :medium, :high or :1 to :9"
	checkRefusals(t, []refusal{
		{"--tls 1.1", `--tls "1.1": must be off, 1.2 or 1.3`},
		{"--mtls yes", `--mtls "yes": must be on or off`},
		{"--compression gzip:11", `--compression "gzip:11": ` + codecs},
		{"--response-compression brotli", `--response-compression "brotli": must be mirror or as for compression: none, gzip, deflate or zstd with :none, :low, :medium, :high or :1 to :9`},
		{"--connections 0", `--connections "0": must be a whole number in [1, 10000]`},
		{"--connections 10001", `--connections "10001": must be a whole number in [1, 10000]`},
		{"--deadline 999ns", `--deadline "999ns": must be none or a duration in [1µs, 1h] as in 50ms`},
		{"--payload 4097KiB", `--payload "4097KiB": must be at most 4MiB`},
		{"--payload @/nonexistent", `--payload "@/nonexistent": open /nonexistent: no such file or directory`},
		{"--response-payload @/etc/hostname", `--response-payload "@/etc/hostname": size must be whole bytes below 2 GiB as in 4096, 1KiB, 1kB or 4MiB`},
		{"--engine wire --windows dynamic", `--windows dynamic: must be static with --engine wire`},
		{"--method Foo", `--method "Foo": must be /PKG.SERVICE/METHOD`},
	})
}

func TestChurnThatCannotBeDoneIsRefused(t *testing.T) {
	const unit = "must be none or connections a second with their unit, above 0 and at most 1000, as in 5/s"
	const both = "must not come together, since each would hide what the other replaces"
	checkRefusals(t, []refusal{
		{"--churn 0/s", `--churn "0/s": ` + unit},
		{"--churn 5", `--churn "5": ` + unit},
		{"--churn -5/s", `--churn "-5/s": ` + unit},
		{"--churn 1e2/s", `--churn "1e2/s": ` + unit},
		{"--churn Inf/s", `--churn "Inf/s": ` + unit},
		{"--churn /s", `--churn "/s": ` + unit},
		{"--churn 1001/s", `--churn "1001/s": ` + unit},
		{"--max-rpcs-per-connection 0", `--max-rpcs-per-connection "0": must be none or a whole number in [1, 2147483647]`},
		{"--connection-age 99ms", `--connection-age "99ms": must be none or a duration in [100ms, 24h] as in 30s`},
		{"--connection-age 30", `--connection-age "30": must be none or a duration in [100ms, 24h] as in 30s`},
		{"--churn 5/s --connection-age 1s", `--churn 5/s, --connection-age 1s: ` + both},
		{"--vary churn=none,5/s --max-rpcs-per-connection 9", `arm churn=5/s: --churn 5/s, --max-rpcs-per-connection 9: ` + both},
		{"--connections 1001 --connection-age 1s", `--connection-age 1s: must be at least 1.001s with --connections 1001, which is 1000 connections a second`},
		// A window of 3 s: nothing could be observed of less.
		{"--churn 0.3/s", `--churn 0.3/s: must be at least 0.333/s, so that each --window 3s sees a connection replaced`},
		{"--connection-age 12001ms", `--connection-age 12.001s: must be at most 12s with --connections 4, so that each --window 3s sees a connection replaced`},
		{"--max-rpcs-per-connection 4501", `--max-rpcs-per-connection 4501: must be at most 4500, which is what an arm offers in a window, so that each --window 3s sees a connection replaced`},
		{"--vary max-rpcs-per-connection=none,1501", `arm max-rpcs-per-connection=1501: --max-rpcs-per-connection 1501: must be at most 1500, which is what an arm offers in a window, so that each --window 3s sees a connection replaced`},
	})
}

// TestChurnNamesArms: the values are settings like any others.
func TestChurnNamesArms(t *testing.T) {
	p, err := planOf(t, "--vary", "churn=none,5.0/s,0.5/s", "--vary", "connection-age=none,1500ms", "--vary", "max-rpcs-per-connection=none,100")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range p.Arms {
		names = append(names, a.Name)
	}
	want := []string{"base", "churn=5/s", "churn=0.5/s", "connection-age=1.5s", "max-rpcs-per-connection=100", "A/A"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	if s := p.Arms[3].Settings; s.Replacements() != 4/1.5 || !s.Churns() || p.Arms[0].Settings.Churns() || !p.Arms[4].Settings.Churns() {
		t.Errorf("%v connections of the arm are replaced a second, want each of 4 every 1.5 s", s.Replacements())
	}
}

func TestContradictionsAreRefused(t *testing.T) {
	checkRefusals(t, []refusal{
		{"--tls off --mtls on", `--mtls on: must be off with --tls off`},
		{"--tls off --resumption on", `--resumption on: must be off with --tls off`},
		{"--tls off --group p256", `--group "p256": cannot be used with --tls off`},
		{"--tls off --key p256", `--key "p256": cannot be used with --tls off`},
		{"--tls 1.2 --group x25519mlkem768", `--group x25519mlkem768: must go with --tls 1.3`},
		{"--method /a/b --response-compression none", `--response-compression none: must be mirror with --method /a/b, which cannot ask for it`},
		{"--request @refuse_test.go", `--request @refuse_test.go: must come with --method`},
		{"--method /a/b --payload 1KiB", `--payload 1KiB:text, --response-payload 0: must be 0 with --method /a/b, whose message is --request`},
		{"--response-compression gzip", `--response-compression gzip:medium: must come with a --payload or --response-payload, since Foo(Empty) cannot ask for it`},
		{"--concurrency 3", `--concurrency 3: must be at least --connections 4`},
		{"--loop closed --rate 5", `--rate "5": cannot be used with --loop closed`},
		{"--loop closed --arrival uniform --max-in-flight 9", `--arrival "uniform": cannot be used with --loop closed
--max-in-flight "9": cannot be used with --loop closed`},
		{"--metadata-size 61400", `--metadata, --metadata-size 61400: must be at most 61440 bytes of header list, not 61441`},
		{"--tls 1.2 --tls 1.3", `--tls: must be given once, not as "1.2" and "1.3"`},
		{"--tls 1.3 --aa on", `--aa on: must be off with one arm, which has nothing to be compared with`},
	})
}

func TestTargetsThatCannotBeMeasuredAreRefused(t *testing.T) {
	checkRefusals(t, []refusal{
		{"localhost", `TARGET: must be HOST:PORT, as in localhost:1337 or [::1]:1337, or unix:PATH`},
		{"dns:///h:1", `TARGET "dns:///h:1": must be HOST:PORT, as in localhost:1337 or [::1]:1337, or unix:PATH`},
		{"unix:", `TARGET "unix:": must be unix:PATH with the path of a socket`},
		{"unix://host/s", `TARGET "unix://host/s": must be unix:PATH, or unix:///PATH with an absolute path`},
		{"unix-abstract:", `TARGET "unix-abstract:": must be unix-abstract:NAME with the name of a socket`},
		{"h:0", `TARGET "h:0": port must be in [1, 65535]`},
		{"user:secret@h:1", `TARGET: must be HOST:PORT, as in localhost:1337 or [::1]:1337, or unix:PATH`},
		{"secret@h:1", `TARGET: must be HOST:PORT without scheme, user or path`},
		{"h:1 --key p256", `--key "p256": cannot be used with a TARGET, whose server has its key already`},
		{"h:1 --concurrency 9", `--concurrency 9: cannot be used with --loop open and a TARGET, where nothing waits`},
		{"h:1 --mtls on", `--mtls on: must come with --cert and --key-file for a TARGET`},
		{"h:1 --tls off --server-name x", `--server-name "x": cannot be used with --tls off`},
		{"h:1 --server-name a:443", `--server-name "a:443": must be a host name or an IP address in ASCII, without a port`},
		{"h:1 --authority user@h", `--authority "…@h": must be HOST or HOST:PORT in ASCII, without @, commas, spaces and slashes, of at most 261 bytes`},
		{"h:1 --authority grüße", `--authority "grüße": must be HOST or HOST:PORT in ASCII, without @, commas, spaces and slashes, of at most 261 bytes`},
		{"h:1 --authority https://h", `--authority "https://h": must be HOST or HOST:PORT in ASCII, without @, commas, spaces and slashes, of at most 261 bytes`},
		{"--authority h", `--authority "h": cannot be used without a TARGET`},
		{"--allow-no-alpn", `--allow-no-alpn "true": cannot be used without a TARGET`},
		{"h:1 --allow-readable-key", `--allow-readable-key: must come with --key-file`},
		{"--allow-readable-key", `--allow-readable-key "true": cannot be used without a TARGET`},
		{"h:1 --tls off --allow-no-alpn", `--allow-no-alpn "true": cannot be used with --tls off`},
		{"h:1 --server-pid 0", `--server-pid "0": must be a whole number in [1, 2147483647]`},
		{"h:1 --server-pid -1", `--server-pid "-1": must be a whole number in [1, 2147483647]`},
		{"h:1 --server-pid 2147483648", `--server-pid "2147483648": must be a whole number in [1, 2147483647]`},
		{"h:1 --server-pid nginx", `--server-pid "nginx": must be a whole number in [1, 2147483647]`},
		{"--cacert x", `--cacert "x": cannot be used without a TARGET`},
		{"h:1 --vary tls=1.2,1.3 --server-pid 7", `--server-pid 7: cannot be used with several arms, whose shares of one process cannot be told apart`},
		{"--vary target=a:1,b:1 --server-pid 7", `--server-pid 7: cannot be used with several targets, which are several processes`},
		{"h:1 --insecure-skip-verify --cacert /nonexistent", `--cacert "/nonexistent": open /nonexistent: no such file or directory
--insecure-skip-verify: cannot be used with --cacert, which is for verifying`},
		{"h:1 --cert /nonexistent --mtls off", `--cert "/nonexistent": open /nonexistent: no such file or directory
--cert "/nonexistent" and --key-file "": must be given together`},
	})
}

func TestVaryAndSuiteRefuseWhatTheyCannotSetApart(t *testing.T) {
	checkRefusals(t, []refusal{
		{"--vary tls", `--vary: must be SETTING=VALUE,VALUE…`},
		{"--vary tls=off", `--vary tls: must have two values or more, separated by commas`},
		{"--vary tls=off,off", `--vary tls: must have two different arms`},
		{"--vary tls=off,1.4", `--vary tls "1.4": must be off, 1.2 or 1.3`},
		{"--vary conections=1,2", `--vary "conections": must be a known name, such as connections`},
		{"--vary server-binary=a,b", `--vary server-binary "a": must hold {addr}, the address to listen on
--vary server-binary "b": must hold {addr}, the address to listen on`},
		{"--vary tls=off,1.2 --vary tls=off,1.3", `--vary tls "off,1.2": must be off, 1.2 or 1.3
--vary tls "off,1.3": must be off, 1.2 or 1.3`},
		{"--vary tls=off,1.3 --tls 1.2", `--tls: must be omitted or be the first value of --vary tls`},
		{"--vary metadata=none,auth=secret --suite overheads", `--vary metadata: must be given without --suite, which says itself what is varied`},
		{"--vary tls=off,1.3 --suite overheads", `--vary tls: must be given without --suite, which says itself what is varied`},
		{"--vary tls=1.3,off --mtls on", `arm tls=off: --mtls on: must be off with --tls off`},
		{"--suite overheads --tls 1.3", `--tls: cannot be used, since group "TLS" of overheads sets it too`},
		{"--suite /nonexistent.yaml", `--suite "/nonexistent.yaml": open /nonexistent.yaml: no such file or directory`},
	})
}

func TestAllMistakesAreToldAtOnce(t *testing.T) {
	_, err := planOf(t, "--rate", "x", "--window", "0s", "--tls", "2", "--payload", "much", "--tag", "=")
	if err == nil {
		t.Fatal("accepted")
	}
	for _, flag := range []string{"--rate", "--window", "--tls", "--payload", "--tag"} {
		if !strings.Contains(err.Error(), flag+" ") {
			t.Errorf("%s is not named in:\n%v", flag, err)
		}
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != 5 {
		t.Errorf("%d sentences, want 5:\n%v", lines, err)
	}
}

func TestValidateSaysWhatPlanSays(t *testing.T) {
	var c plan.Config
	c.Flags(pflag.NewFlagSet("run", pflag.ContinueOnError))
	if err := c.Validate(); err != nil {
		t.Errorf("no flags: %v", err)
	}
	c.TargetArg = "nowhere"
	if c.Validate() == nil {
		t.Error("a TARGET without a port is valid")
	}
}

func TestOutputFlagsAreGivenOnce(t *testing.T) {
	for _, flag := range []string{"--suite", "--results", "--format"} {
		var c plan.Config
		fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
		c.Flags(fs)
		if err := fs.Parse([]string{flag, "a", flag, "a"}); err != nil {
			t.Errorf("%s a %s a: %v", flag, flag, err)
		}
		if fs.Parse([]string{flag, "b"}) == nil {
			t.Errorf("%s a %s b: accepted", flag, flag)
		}
	}
}

// The canary stands for a token: a sentence that repeats it would put it into a
// build's log.
func TestNoSentenceRepeatsAMetadataValue(t *testing.T) {
	const canary = "s3cr3t-c4n4ry"
	t.Setenv("CANARY", canary+"\x01")
	file := writeFile(t, "token", canary+"\nmore")
	suite := writeFile(t, "s.yaml", "settings: {metadata: [authorization="+canary+"\u00e9, "+canary+"]}\ngroups: [{name: A, control: {metadata: &a "+canary+"}, arms: [{tls: off}]}]\n")
	for _, args := range [][]string{
		{"--metadata", canary},
		{"--metadata", "authorization=" + canary + "\n"},
		{"--metadata", "Authorization=" + canary},
		{"--metadata", "authorization=@" + file},
		{"--metadata", "authorization=env:CANARY"},
		{"--metadata", "grpc-timeout=" + canary},
		{"--vary", "metadata=a=" + canary},
		{"--vary", "metadata=a=" + canary + ",b=" + canary + " "},
		{"--vary", canary},
		{"--vary", "metadata=none,a=b", "--metadata", "a=" + canary},
		{"--suite", suite},
		{"--suite", writeFile(t, "k.yaml", "settings: {authorization="+canary+": x}\ngroups: []\n")},
		{"--metadata", "authorization=@" + canary}, // not a file
		{canary}, {"authorization=" + canary}, {"user:" + canary + "@h:1"}, {"Bearer " + canary + ":1"}, // slipped to TARGET
		{"--vary", "target=" + canary + ",h:1"},
	} {
		_, err := planOf(t, args...)
		if err == nil {
			t.Errorf("run %q: accepted", args)
		} else if strings.Contains(err.Error(), canary) {
			t.Errorf("run %q says the value: %v", args, err)
		}
	}
}
