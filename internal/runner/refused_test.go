package runner_test

import (
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/faultproxy"
	"grpcbench/testing/lane"
)

// A stream that is refused is an RPC made again: it is no failure, and it is not passed over.
func TestRefusedStreamsAreCounted(t *testing.T) {
	lane.Long(t, "starts processes")
	eachEngine(t, func(t *testing.T, engine string) {
		p, err := faultproxy.NewPeer(func(s *faultproxy.Stream) {
			if s.Number%10 == 5 {
				s.Reset(http2.ErrCodeRefusedStream)
				return
			}
			s.Answer(nil)
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		plan := planOf(t, "--engine", engine, "--tls", "off", "--loop", "closed", "--concurrency", "1", "--connections", "1", p.Address())
		r := measure(t, t.Context(), plan, runner.Options{})
		a := r.Arms[0]
		if l := a.LedgerTotal; l.OK == 0 || l.OK != l.Started {
			t.Errorf("ledger %+v, want every RPC ok", l)
		}
		if refused := p.Counts().Refused; a.Observed.RefusedStreams != refused || refused == 0 {
			t.Errorf("%d streams refused, and the server refused %d", a.Observed.RefusedStreams, refused)
		}
		if c := checkOf(t, r, "streams_refused"); c.Verdict != result.Valid || !strings.Contains(c.Text, "REFUSED_STREAM") {
			t.Errorf("check %+v, want a warning", c)
		}
	})
}
