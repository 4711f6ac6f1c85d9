//go:build truth && linux

package truth

import (
	"fmt"
	"strings"
	"testing"

	"grpcbench/internal/result"
)

// With a neighbour that takes a core for 0.2 s of every 0.5 s the built-in suite is
// still usable, and still finds that TLS costs: in nine of ten runs at least. It
// takes a quarter of an hour and is asked for by its name.
func TestNoiseLeavesTheSuiteUsable(t *testing.T) {
	const runs, enough = 10, 9
	idle(t)
	b := build(t)
	start(t, "burn", "0", "200", "500")
	usable, finds := 0, 0
	for i := range runs {
		r := b.run()
		slower, said := slowerWithTLS(r)
		t.Logf("run %d: %s, TLS: %s; warnings %v", i, r.Verdict, said, r.Warnings)
		if r.Verdict == result.Valid || r.Verdict == result.Degraded {
			usable++
		}
		if slower {
			finds++
		}
	}
	if usable < enough || finds < enough {
		t.Errorf("%d of %d runs usable, %d find TLS, want at least %d of each", usable, runs, finds, enough)
	}
}

// slowerWithTLS says whether TLS is found to cost anything: an arm with TLS is
// slower than the one without, by p50 or by either side's CPU, and none is faster.
// One version alone is not asked for: what it costs an empty RPC at this rate, about
// 4 %, is what ten epochs just can see.
func slowerWithTLS(r result.Result) (slower bool, said string) {
	faster := false
	for _, c := range r.Comparisons {
		switch c.Metric {
		case "latency_p50", "client_cpu_ns_per_rpc", "server_cpu_ns_per_rpc":
		default:
			continue
		}
		if c.Control != "tls=off" || !strings.HasPrefix(c.Arm, "tls=") || c.Ratio == nil || c.P == nil {
			continue
		}
		slower = slower || c.Verdict == "slower"
		faster = faster || c.Verdict == "faster"
		said += fmt.Sprintf("%s %s × %.3f, p %.3f, %s; ", c.Arm, c.Metric, *c.Ratio, *c.P, c.Verdict)
	}
	return slower && !faster, strings.TrimSuffix(said, "; ")
}
