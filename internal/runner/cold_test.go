package runner_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"

	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// cold is a target whose first calls are held until their deadline, if they have one.
func cold(t *testing.T, first int64) (s *target, came *atomic.Int64) {
	t.Helper()
	s, came = newTarget(t, nil), &atomic.Int64{}
	s.hold = func(ctx context.Context) {
		if method, _ := grpc.Method(ctx); strings.HasPrefix(method, "/bench.v1.") {
			return // the question whether it has bench.v1.Control
		}
		if came.Add(1) <= first {
			<-ctx.Done()
		}
	}
	return s, came
}

// A server whose first call is slow is measured like any other: the deadline is that of the
// load's RPCs, not of a preflight.
func TestAColdFirstCallDoesNotEndARun(t *testing.T) {
	lane.Long(t, "starts processes")
	eachEngine(t, func(t *testing.T, engine string) {
		for name, first := range map[string]int64{"one": 1, "more than the preflight makes": 5} {
			t.Run(name, func(t *testing.T) {
				s, _ := cold(t, first)
				p := planOf(t, "--engine", engine, "--tls", "off", "--deadline", "200ms", "--connections", "1", "--rate", "100", s.addr)
				l := measure(t, t.Context(), p, runner.Options{}).Arms[0].LedgerTotal
				// How many RPCs are held is the server's to say: a deadline may pass on the way to it.
				if late := l.Failed["DEADLINE_EXCEEDED"]; l.OK == 0 || late == 0 || l.OK+late != l.Started {
					t.Errorf("ledger %+v, want some DEADLINE_EXCEEDED and the rest ok", l)
				}
			})
		}
	})
}

// deadlines notes which RPCs had one.
type deadlines struct {
	stats.Handler
	without, with atomic.Int64
}

func (d *deadlines) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	if strings.HasPrefix(info.FullMethodName, "/bench.v1.") { // the question whether it counts
		return ctx
	}
	if _, ok := ctx.Deadline(); ok {
		d.with.Add(1)
	} else {
		d.without.Add(1)
	}
	return ctx
}
func (*deadlines) HandleRPC(context.Context, stats.RPCStats)                         {}
func (*deadlines) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (*deadlines) HandleConn(context.Context, stats.ConnStats)                       {}

// The preflight has the deadline that was asked for, and no other.
func TestThePreflightHasTheDeadlineOfTheLoad(t *testing.T) {
	lane.Long(t, "starts processes")
	eachEngine(t, func(t *testing.T, engine string) {
		for _, asked := range []bool{false, true} {
			d := &deadlines{}
			s := newTarget(t, nil, grpc.StatsHandler(d))
			args := []string{"--engine", engine, "--tls", "off", s.addr}
			if asked {
				args = append(args, "--deadline", "30s")
			}
			p := planOf(t, args...)
			l := measure(t, t.Context(), p, runner.Options{}).Arms[0].LedgerTotal
			if with, without := d.with.Load(), d.without.Load(); asked && (with != l.Started || without != 0) || !asked && (with != 0 || without != l.Started) {
				t.Errorf("deadline asked for: %v; of %d RPCs %d had one and %d had none", asked, l.Started, with, without)
			}
		}
	})
}
