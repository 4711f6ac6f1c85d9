package runner_test

import (
	"context"
	"sync"
	"testing"

	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// Whatever a machine does, it does to all arms, which are alive together: two servers of
// which neither answers before the other is called too lose nothing. Of arms in blocks,
// one after the other, the first would wait for the second until its drain is over.
func TestArmsAreMeasuredTogether(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	first, second := newTarget(t, nil), newTarget(t, nil)
	var mu sync.Mutex
	calls, both := make(map[*target]int), make(chan struct{})
	for _, s := range []*target{first, second} {
		s.hold = func(ctx context.Context) {
			mu.Lock()
			calls[s]++
			probe := calls[s] == 1 // of the preflight, which asks one arm after the other
			if calls[s] == 2 && min(calls[first], calls[second]) >= 2 {
				close(both)
			}
			mu.Unlock()
			if probe {
				return
			}
			select {
			case <-both:
			case <-ctx.Done():
			}
		}
	}
	p := planOf(t, "--vary", "target="+first.addr+","+second.addr, "--tls", "off", "--aa", "off")
	p.Saturated = 0 // whose blocks take turns
	for _, a := range measure(t, t.Context(), p, runner.Options{}).Arms {
		if l := a.LedgerTotal; l.OK == 0 || l.OK != l.Scheduled {
			t.Errorf("%s: %+v, want all ok", a.Name, l)
		}
	}
}
