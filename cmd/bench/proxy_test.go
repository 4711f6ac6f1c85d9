package main

import (
	"strings"
	"testing"

	"grpcbench/testing/lane"
)

// A proxy of the environment is not used, which is said once, by the names of the variables
// and without what they hold; not where no proxy would be used, and not without a TARGET.
//
//	fault:   a proxy in the environment (HTTPS_PROXY, grpc_proxy and the like), which is not used
//	promise: one sentence names the variable and the target, and not its value
//	figure:  1 sentence; none for this machine and what NO_PROXY excepts
func TestAProxyThatIsNotUsedIsSaidOnce(t *testing.T) {
	lane.Long(t, "starts processes")
	for _, name := range []string{"grpc_proxy", "https_proxy", "HTTP_PROXY", "http_proxy", "all_proxy", "NO_PROXY", "no_proxy", "no_grpc_proxy"} {
		t.Setenv(name, "")
	}
	t.Setenv("HTTPS_PROXY", "http://user:s3cr3t@proxy.example:3128")
	t.Setenv("ALL_PROXY", "socks5://proxy.example")
	const says = "grpc-bench: proxies are not used, though the environment has HTTPS_PROXY, ALL_PROXY: connections go to api.invalid:1 directly (NO_PROXY can except it)\n"
	for args, want := range map[string]int{
		"run api.invalid:1 --tls 1.2":                         1,
		"run api.invalid:1 --vary tls=1.2,1.3":                1,
		"handshake api.invalid:1":                             1,
		"ceiling api.invalid:1 --slo p99<5ms --max-rate 1000": 1,
		"call api.invalid:1":                                  1,
		"call 127.0.0.1:1":                                    0,
		"run localhost:1":                                     0,
		"run api.invalid:1 --nothing":                         0,
		"call --payload 9EiB":                                 0,
	} {
		t.Run(args, func(t *testing.T) {
			words := strings.Fields(args)
			if words[0] != "call" {
				words = append(words, "--results", t.TempDir())
			}
			code, stdout, stderr := command(t, words...)
			if code == exitDone || strings.Count(stderr, says) != want || strings.Count(stderr, "proxies") != want {
				t.Errorf("exit code %d, stderr %q, want %d times %q", code, stderr, want, says)
			}
			for _, text := range []string{"s3cr3t", "proxy.example", "user"} {
				if strings.Contains(stdout+stderr, text) {
					t.Errorf("the value of a variable is shown: %q", stderr)
				}
			}
		})
	}
	t.Setenv("NO_PROXY", ".invalid")
	if _, _, stderr := command(t, "call", "api.invalid:1"); strings.Contains(stderr, "proxies") {
		t.Errorf("stderr %q, want nothing of proxies", stderr)
	}
}
