package runner_test

import (
	"maps"
	"strings"
	"testing"

	"grpcbench/internal/runner"
	"grpcbench/testing/faultproxy"
	"grpcbench/testing/lane"
)

// lookups is a server that knows every second key. Its first stream is the question whether
// it has bench.v1.Control.
func lookups(t *testing.T) (address string) {
	t.Helper()
	p, err := faultproxy.NewPeer(func(s *faultproxy.Stream) {
		if s.Number%2 == 0 {
			s.Begin()
			s.Status(5, "no such key")
			return
		}
		s.Answer(nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p.Address()
}

// An RPC that ends as was expected is good: it has a latency, and its code is kept.
func TestAnExpectedCodeIsGood(t *testing.T) {
	lane.Long(t, "starts processes")
	eachEngine(t, func(t *testing.T, engine string) {
		p := planOf(t, "--engine", engine, "--tls", "off", "--expect", "code=OK,NOT_FOUND", "--connections", "1", lookups(t))
		a := measure(t, t.Context(), p, runner.Options{}).Arms[0]
		l := a.LedgerTotal
		if l.OK == 0 || l.OK != l.Started || l.OKByCode["NOT_FOUND"] != (l.Started+1)/2 || len(l.OKByCode) != 1 {
			t.Errorf("ledger %+v, want every RPC ok, every second one with NOT_FOUND", l)
		}
		if a.Latency.Valued != a.Ledger.OK {
			t.Errorf("%d latencies of %d RPCs that were ok", a.Latency.Valued, a.Ledger.OK)
		}
	})
}

// Where OK is not expected it is no success.
func TestAnUnexpectedOKIsAFailure(t *testing.T) {
	lane.Long(t, "starts processes")
	eachEngine(t, func(t *testing.T, engine string) {
		p := planOf(t, "--engine", engine, "--tls", "off", "--expect", "code=NOT_FOUND", "--allow-failures", "1", "--connections", "1", lookups(t))
		l := measure(t, t.Context(), p, runner.Options{}).Arms[0].LedgerTotal
		if want := map[string]int64{"UNEXPECTED_OK": l.Started / 2}; !maps.Equal(l.Failed, want) || l.OKByCode["NOT_FOUND"] != l.OK {
			t.Errorf("ledger %+v, want failed %v and the rest NOT_FOUND", l, want)
		}
	})
}

// A code that no server has sent is not expected: the connection was lost.
func TestOnlyAServersOwnStatusIsExpected(t *testing.T) {
	lane.Long(t, "starts processes")
	eachEngine(t, func(t *testing.T, engine string) {
		p, err := faultproxy.NewPeer((*faultproxy.Stream).HangUp)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		refused := refusal(t, engine, []string{"--tls", "off", "--expect", "code=UNAVAILABLE", p.Address()})
		if !strings.Contains(refused.Error(), "UNAVAILABLE") {
			t.Errorf("error %q, want UNAVAILABLE", refused)
		}
		refused = refusal(t, engine, []string{"--tls", "off", "--expect", "code=NOT_FOUND", newTarget(t, nil).addr})
		if want := "UNEXPECTED_OK: the server answered OK, where NOT_FOUND was expected (change --expect)"; !strings.Contains(refused.Error(), want) {
			t.Errorf("error %q, want %q", refused, want)
		}
	})
}
