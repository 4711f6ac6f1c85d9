package runner_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// warned is the text of a warning; "" if it was not given.
func warned(r result.Result, code string) string {
	for _, w := range r.Warnings {
		if w.Code == code {
			return w.Text
		}
	}
	return ""
}

// Callers that wait in the client for one of a server's few streams are named, by both
// engines, and with enough connections none waits.
//
//	fault:   a server that allows fewer streams on a connection than there are callers
//	promise: the RPCs that waited in the client are counted and warned of with the limit and what to change; with enough connections none waits
//	figure:  16 callers, 2 streams on each of 1 or 8 connections, both engines
func TestCallersThatWaitForAStreamAreWarnedOf(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	for _, engine := range []string{"grpc", "wire"} {
		for connections, waits := range map[string]bool{"1": true, "8": false} {
			t.Run(engine+" on "+connections, func(t *testing.T) {
				t.Parallel()
				s := newTarget(t, nil, grpc.MaxConcurrentStreams(2))
				s.hold = waiting(5 * time.Millisecond)
				r := measure(t, t.Context(), planOf(t, s.addr, "--tls", "off", "--engine", engine, "--loop", "closed", "--concurrency", "16",
					"--connections", connections, "--warmup", "100ms", "--window", "400ms", "--epochs", "1"), runner.Options{})
				a := r.Arms[0]
				text := warned(r, "waited_for_streams")
				if (a.Ledger.StreamWaits > 0) != waits || (text != "") != waits || a.Ledger.OK != a.Ledger.Scheduled {
					t.Errorf("ledger %+v, warned %q; want waits: %t", a.Ledger, text, waits)
				}
				if waits && !strings.HasSuffix(text, "of the RPCs waited for one of the server's 2 streams on its 1 connection: raise --connections") {
					t.Errorf("warned %q", text)
				}
				if o := a.Observed.ServerSettings; len(o) != 1 || o[0].MaxConcurrentStreams == nil || *o[0].MaxConcurrentStreams != 2 {
					t.Errorf("settings %+v", o)
				}
			})
		}
	}
}

// Connections that a server ends in regular order are counted and said, by both engines.
//
//	fault:   a server that ends each connection by GOAWAY in regular order
//	promise: the connections that it ended are counted by code and warned of
//	figure:  both engines, an age of 50 ms
func TestConnectionsThatAServerEndsAreCounted(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	for _, engine := range []string{"grpc", "wire"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := newTarget(t, nil, grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: 50 * time.Millisecond, MaxConnectionAgeGrace: time.Minute}))
			r := measure(t, t.Context(), planOf(t, s.addr, "--tls", "off", "--engine", engine, "--loop", "closed", "--concurrency", "4",
				"--connections", "2", "--warmup", "100ms", "--window", "400ms", "--epochs", "1"), runner.Options{})
			a := r.Arms[0]
			var n int64
			for _, g := range a.Observed.GoAways {
				n += g.Connections
				if g.Code != "NO_ERROR" {
					t.Errorf("%+v, want NO_ERROR", g)
				}
			}
			if text := warned(r, "connections_ended"); n == 0 || n < a.Observed.Reconnects || !strings.Contains(text, "by GOAWAY NO_ERROR") {
				t.Errorf("%d GOAWAYs, %d reconnects, warned %q", n, a.Observed.Reconnects, text)
			}
		})
	}
}
