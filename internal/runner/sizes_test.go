package runner_test

import (
	"testing"

	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// A message of any size goes both ways through flow control, whole: the bundled
// server and the client check its length.
func TestEverySizeArrivesWhole(t *testing.T) {
	lane.Long(t, "starts processes")
	for _, size := range []string{"1", "16KiB", "64KiB", "1MiB", "4MiB"} {
		t.Run(size, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine string) {
				p := planOf(t, "--engine", engine, "--tls", "1.3", "--payload", size+":random", "--response-payload", size+":random",
					"--rate", "20", "--window", "500ms", "--connections", "1", "--drain", "30s") // a machine may be busy
				p.Saturated = 0
				r := measure(t, t.Context(), p, runner.Options{})
				a := r.Arms[0]
				if a.Ledger.OK == 0 || a.LedgerTotal.Lost() != 0 {
					t.Errorf("ledger %+v, want every RPC ok", a.LedgerTotal)
				}
			})
		})
	}
}
