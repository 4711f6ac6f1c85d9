package runner

import (
	"context"
	"fmt"

	"grpcbench/internal/result"
	"grpcbench/internal/worker"
	benchv1 "grpcbench/proto/bench/v1"
)

// look has each generator ask the server of a TARGET what it has counted, before the
// first RPC. That a server does not tell is no error.
func (r *run) look(ctx context.Context, e *epoch) error {
	for _, a := range e.arms {
		if a.arm.Settings.Target == "" {
			continue
		}
		if err := a.gen.ask(ctx, worker.Order{Do: worker.DoLook}, orderLimit, nil); err != nil {
			return r.armErr(a.arm.Name, fmt.Errorf("ask bench.v1.Control: %w", err))
		}
	}
	return nil
}

// attribute takes what a server that is not bundled counted for an arm's own, if it can
// be no other's in any epoch. Else it returns, by arm, what there is of it.
func (r *run) attribute() []*result.ServerCount {
	counts := make([]*result.ServerCount, len(r.plan.Arms))
	for i := range counts {
		c, own := &result.ServerCount{}, true
		for _, e := range r.epochs {
			a := e.arms[i]
			if a.bundled() || a.counted == nil || a.finished == nil {
				c, own = nil, false
				break
			}
			s, l := a.counted.GetRpcs(), a.finished.Total
			c.Started += int64(s.GetStarted())
			c.Shared = c.Shared || e.shared(a)
			own = own && !c.Shared && fits(s, l)
		}
		if !own {
			counts[i] = c
			continue
		}
		for _, e := range r.epochs {
			e.arms[i].snapshot = e.arms[i].counted
		}
	}
	return counts
}

// shared reports whether another arm's server is the same one as a's.
func (e *epoch) shared(a *armEpoch) bool {
	for _, o := range e.arms {
		if o != a && o.counted.GetInstanceId() == a.counted.GetInstanceId() {
			return true
		}
	}
	return false
}

// fits reports whether a server that counted s may have had the RPCs of l and no others.
func fits(s *benchv1.Rpcs, l result.Ledger) bool {
	started, ok := int64(s.GetStarted()), int64(s.GetOk())
	return l.OK <= ok && l.OK <= started && started <= l.Started
}
