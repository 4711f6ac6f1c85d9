package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"grpcbench/internal/plan"
)

func TestNamesOfCredentialsAreKnownByTheirWords(t *testing.T) {
	for name, want := range map[string]bool{
		"authorization": true, "proxy-authorization": true, "cookie": true, "set-cookie": true, "x-auth-token": true, "token-bin": true,
		"x-api-key": true, "api_key": true, "client-secret": true, "password": true, "credentials": true, "session-id": true, "x-amz-security-token": true,
		"foo": false, "x-request-id": false, "traceparent": false, "accept-language": false,
	} {
		if got := plan.Credential(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// TestCredentialsGoOnlyWhereNobodyElseReadsThem: the name tells a credential.
//
//	fault:   credentials asked to be sent in plaintext or unverified
//	promise: refused for a target that is not this machine, unless it is allowed
//	figure:  9 ways refused in one sentence, 13 that are safe or allowed accepted
func TestCredentialsGoOnlyWhereNobodyElseReadsThem(t *testing.T) {
	const off, skip = "with --tls off, readable to all on the way (use --tls 1.3, or --allow-cleartext-credentials)",
		"with --insecure-skip-verify, to whoever answers there (use --cacert, or --allow-cleartext-credentials)"
	for _, row := range []struct{ args, name, to, how string }{
		{"api.example:443 --tls off --metadata authorization=x", "authorization", "api.example:443", off},
		{"192.0.2.1:443 --tls off --metadata foo=bar --metadata x-api-key=x", "x-api-key", "192.0.2.1:443", off},
		{"[2001:db8::1]:443 --tls off --metadata cookie=x", "cookie", "[2001:db8::1]:443", off},
		{"0.0.0.0:1 --tls off --metadata token-bin=x", "token-bin", "0.0.0.0:1", off},
		{"localhost.example:1 --tls off --metadata password=x", "password", "localhost.example:1", off},
		{"api.example:443 --insecure-skip-verify --metadata authorization=x", "authorization", "api.example:443", skip},
		{"api.example:443 --vary tls=1.3,off --metadata authorization=x", "authorization", "api.example:443", off},
		{"--vary target=127.0.0.1:1,api.example:1 --tls off --metadata session=x", "session", "api.example:1", off},
		{"api.example:443 --tls off --vary metadata=none,secret=x", "secret", "api.example:443", off},
	} {
		_, err := planOf(t, strings.Fields(row.args)...)
		want := fmt.Sprintf("--metadata %s: must not go to %s %s", row.name, row.to, row.how)
		if err == nil || err.Error() != want {
			t.Errorf("run %s: %v, want\n%s", row.args, err, want)
		}
	}
	for _, args := range []string{
		"localhost:1 --tls off --metadata authorization=x", "LOCALHOST:1 --tls off --metadata authorization=x",
		"127.0.0.1:1 --tls off --metadata authorization=x", "127.8.9.1:1 --tls off --metadata authorization=x",
		"[::1]:1 --tls off --metadata authorization=x", "[::ffff:127.0.0.1]:1 --tls off --metadata authorization=x",
		"unix:/s --tls off --metadata authorization=x",
		"127.0.0.1:1 --insecure-skip-verify --metadata authorization=x",
		"api.example:443 --metadata authorization=x", "api.example:443 --tls off --metadata foo=bar",
		"--tls off --metadata authorization=x", // the bundled server
		"--vary tls=off,1.3 --metadata authorization=x",
		"api.example:443 --tls off --metadata authorization=x --allow-cleartext-credentials",
		"api.example:443 --insecure-skip-verify --metadata authorization=x --allow-cleartext-credentials",
	} {
		mustPlan(t, strings.Fields(args)...)
	}
}

func TestASuiteFileIsHeldToTheRuleOfCredentials(t *testing.T) {
	const body = "settings: {target: \"api.example:1\", metadata: [authorization=x]}\n" +
		"groups: [{name: TLS, control: {tls: \"off\"}, arms: [{tls: \"1.3\"}]}]\n"
	if _, err := planOf(t, "--suite", writeFile(t, "s.yaml", body)); err == nil || !strings.Contains(err.Error(), "must not go to api.example:1 with --tls off") {
		t.Errorf("%v: must refuse authorization in plaintext", err)
	}
	p := mustPlan(t, "--suite", writeFile(t, "s.yaml", "allow-cleartext-credentials: true\n"+body))
	if !p.Target.AllowCleartextCredentials {
		t.Error("the plan does not say that it was allowed")
	}
}

func TestAllowingCredentialsAsksTheSameQuestion(t *testing.T) {
	asked := mustPlan(t, "api.example:1", "--tls", "off", "--metadata", "foo=x")
	allowed := mustPlan(t, "api.example:1", "--tls", "off", "--metadata", "foo=x", "--allow-cleartext-credentials")
	if asked.Hash() != allowed.Hash() {
		t.Error("the flag changes the plan's identity: the two measure the same")
	}
}
