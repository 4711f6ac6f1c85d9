package plan

import (
	"testing"

	"github.com/spf13/pflag"
)

// single is the plan of a call's command line.
func single(t *testing.T, target string, args ...string) (Plan, error) {
	t.Helper()
	var c Config
	flags := pflag.NewFlagSet("call", pflag.ContinueOnError)
	c.SingleFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	c.TargetArg = target
	return c.Single()
}

func TestASinglePlanIsOneArmAndNoSuite(t *testing.T) {
	for _, target := range []string{"", "localhost:1337"} {
		p, err := single(t, target)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Arms) != 1 || p.Suite != "" || p.Arms[0].Settings.Target != target {
			t.Errorf("target %q: %d arms of suite %q, want one that calls it", target, len(p.Arms), p.Suite)
		}
	}
	p, err := single(t, "", "--tls", "1.2", "--metadata", "foo=bar", "--payload", "1KiB")
	if err != nil {
		t.Fatal(err)
	}
	if a := p.Arms[0]; a.Settings.TLS != TLS12 || len(a.Secrets) != 1 || a.Secrets[0] != "bar" || a.Settings.Payload.Bytes != 1024 {
		t.Errorf("arm %+v, want what was asked", a)
	}
}

func TestEveryFlagOfASingleCallIsOneOfARun(t *testing.T) {
	var c Config
	flags := pflag.NewFlagSet("call", pflag.ContinueOnError)
	c.SingleFlags(flags)
	for _, name := range singleNames() {
		if flags.Lookup(name) == nil {
			t.Errorf("--%s: must be a setting or an option", name)
		}
	}
}

func TestNamesOfCredentialsAreKnownByTheirWords(t *testing.T) {
	for name, want := range map[string]bool{
		"authorization": true, "proxy-authorization": true, "cookie": true, "set-cookie": true, "x-api-key": true, "apikey": true,
		"x-amz-security-token": true, "client-secret": true, "db-password": true, "x-session-id": true, "aws-credentials": true,
		"foo": false, "trace-bin": false, "user-agent": false, "content-type": false, "x-bench-0": false, "request-id": false,
	} {
		if got := Credential(name); got != want {
			t.Errorf("%s: credential %t, want %t", name, got, want)
		}
	}
}
