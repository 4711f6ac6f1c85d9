package runner_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"grpcbench/internal/channel"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// churnOf are the replacements of the window and of the whole life, and holds what is
// true of them whatever was asked.
func churnOf(t *testing.T, a result.Arm) (window result.Churn, life result.Replaced) {
	t.Helper()
	if a.Churn == nil || a.Observed.Replaced == nil {
		t.Fatalf("churn %v, replaced %v: must be there", a.Churn, a.Observed.Replaced)
	}
	c, r := *a.Churn, *a.Observed.Replaced
	if c.Due != c.Opened+c.Missed+sum(c.Failed) || r.Due != r.Opened+r.Missed+sum(r.Failed) || c.Due > r.Due {
		t.Errorf("churn %+v in the window and %+v in all: what was due must be opened, missed or failed", c, r)
	}
	return c, r
}

func sum(counts map[string]int64) (n int64) {
	for _, k := range counts {
		n += k
	}
	return n
}

// replaced wants so many replacements due in the window, and none of them failed. On a
// machine that is slow some may be missed; how many there are then is not for a test in
// real time.
func replaced(window int64) func(*testing.T, seen) {
	return func(t *testing.T, s seen) {
		c, life := churnOf(t, s.arm)
		if c.Due != window || c.Opened == 0 {
			t.Errorf("%+v in the window, want %d due and some opened", c, window)
		}
		witnessed(t, s, life)
	}
}

// witnessed holds what a server saw of the connections that were opened in place of
// others.
func witnessed(t *testing.T, s seen, life result.Replaced) {
	t.Helper()
	if n := s.arm.Observed.Reconnects; n != 0 || len(life.Failed) != 0 {
		t.Errorf("%d reconnects, %+v: nothing was lost, and no handshake failed", n, life)
	}
	if s.target == nil {
		if life.Accepted == nil || *life.Accepted != life.Opened {
			t.Errorf("the server accepted %v connections after the first, the client replaced %d", life.Accepted, life.Opened)
		}
		return
	}
	// A connection that was replaced soon, or is one of the last, may have had no RPC.
	if n, most := int64(len(s.target.peers)), 4+life.Opened; n > most || n <= 4 {
		t.Errorf("RPCs came on %d connections, want more than the first 4, and %d at most", n, most)
	}
}

// filled wants so many replacements in all, of connections that had so many RPCs.
func filled(rpcs, life int64) func(*testing.T, seen) {
	return func(t *testing.T, s seen) {
		_, r := churnOf(t, s.arm)
		witnessed(t, s, r)
		if r.Due != life || r.Opened != life || r.MostRPCs != rpcs {
			t.Errorf("%+v, want %d connections replaced and %d RPCs at most on one", r, life, rpcs)
		}
	}
}

func churnRows() []row {
	return []row{
		// 20 a second for 1 s, wherever in 50 ms they begin.
		{option: "churn", args: "--churn 20/s --window 1s", target: secure(nil), check: replaced(20)},
		{option: "churn", args: "--churn 20/s --window 1s --tls off", check: replaced(20)},
		{option: "churn", args: "--churn 20/s --window 1s --mtls on --loop closed --concurrency 4", check: replaced(20)},
		// A connection is resumed each time: the first four, and each that takes its place.
		{option: "churn", args: "--churn 20/s --window 1s --resumption on", check: resumedEach},
		{option: "churn", args: "--churn 20/s --window 1s --resumption on --tls 1.2", check: resumedEach},
		// The block of 300 ms goes on replacing, and the warm-up of 50 ms has begun to.
		{option: "churn", args: "--churn 100/s --tls off", saturated: true, check: func(t *testing.T, s seen) {
			replaced(10)(t, s)
			if r := s.arm.Observed.Replaced; r.Due != 45 {
				t.Errorf("%d replacements in all, want 5 of the warm-up, 10 of the window and 30 of the block", r.Due)
			}
		}},
		{option: "churn", args: "--churn none", check: func(t *testing.T, s seen) {
			if s.arm.Churn != nil || s.arm.Observed.Replaced != nil {
				t.Error("connections were replaced unasked")
			}
		}},
		// Each of four connections every 200 ms.
		{option: "connection-age", args: "--connection-age 200ms --window 1s", target: secure(nil), check: replaced(20)},
		// 13 RPCs of the first connection, the probe with them, and 11 of each other, which
		// begin with 0, 2, 5 and 7 of 10 used up, or 0, 1, 2 and 3 of 5.
		{option: "max-rpcs-per-connection", args: "--max-rpcs-per-connection 10 --arrival uniform", check: filled(10, 4)},
		{option: "max-rpcs-per-connection", args: "--max-rpcs-per-connection 5 --arrival uniform --tls off", check: filled(5, 8)},
		{option: "max-rpcs-per-connection", args: "--max-rpcs-per-connection 1 --arrival uniform", target: plaintext, check: func(t *testing.T, s seen) {
			filled(1, 46)(t, s)
			if got := len(s.target.peers); got != 46 {
				t.Errorf("46 RPCs came on %d connections, want one each", got)
			}
		}},
		{option: "max-rpcs-per-connection", args: "--max-rpcs-per-connection 10 --arrival uniform --tls off", saturated: true, check: func(t *testing.T, s seen) {
			c, life := churnOf(t, s.arm)
			if life.MostRPCs != 10 || life.Opened <= c.Opened {
				t.Errorf("%+v, want connections of 10 RPCs, replaced in the saturated block too", life)
			}
		}},
	}
}

func resumedEach(t *testing.T, s seen) {
	replaced(20)(t, s)
	_, life := churnOf(t, s.arm)
	if got, want := s.arm.Observed.Resumed, 4+life.Opened; got != want {
		t.Errorf("%d connections were resumed, want %d", got, want)
	}
	if c := s.arm.Churn; c.Handshake == nil || c.Handshake.Full != nil || c.Handshake.Resumed == nil || c.Handshake.Resumed.Count != c.Opened || c.Handshake.Resumed.TLS <= 0 {
		t.Errorf("%+v with handshakes %+v, want them resumed", c, c.Handshake)
	}
}

// TestAServersOwnGoAwayIsNoChurn: the server ends each connection after 100 ms by
// GOAWAY, the client replaces 20 a second.
//
//	fault:   GOAWAY on every connection while connections are replaced
//	promise: no RPC is lost, none counted twice; what was lost is not taken for what was replaced
//	figure:  failed = 0; 20 of 20 due in 1 s
func TestAServersOwnGoAwayIsNoChurn(t *testing.T) {
	lane.Long(t, "starts processes")
	eachEngine(t, func(t *testing.T, engine string) {
		s := newTarget(t, nil, grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: 100 * time.Millisecond}))
		r := measure(t, t.Context(), planOf(t, "--engine", engine, "--tls", "off", "--churn", "20/s", "--window", "1s", s.addr), runner.Options{})
		a := r.Arms[0]
		c, life := churnOf(t, a)
		if a.LedgerTotal.Lost() != 0 || int64(s.rpcs()) != a.LedgerTotal.OK {
			t.Errorf("ledger %+v, the server saw %d RPCs: all must be ok, each once", a.LedgerTotal, s.rpcs())
		}
		if c.Due != 20 || c.Opened == 0 || len(life.Failed) != 0 || a.Observed.Reconnects == 0 {
			t.Errorf("%+v and %d reconnects, want 20 due in the window, none failed, and the server's beside them", c, a.Observed.Reconnects)
		}
		if got := checkOf(t, r, "settings_not_observed"); got.Verdict != result.Valid {
			t.Errorf("settings not observed: %s", got.Text)
		}
	})
}

// TestHandshakesThatFailDuringChurnFailNoRPC: after a while the server lets nobody in
// that is new.
//
//	fault:   a server that lets no new connection in while connections are replaced
//	promise: RPCs go on where they were; the handshakes are counted by class; INVALID as it is not the churn that was asked for
//	figure:  failed RPCs = 0; due = opened + missed + failed
func TestHandshakesThatFailDuringChurnFailNoRPC(t *testing.T) {
	lane.Long(t, "starts processes")
	eachEngine(t, func(t *testing.T, engine string) {
		s := newTarget(t, nil)
		p := planOf(t, "--engine", engine, "--tls", "off", "--churn", "50/s", "--window", "1s", s.addr)
		r := measure(t, t.Context(), p, runner.Options{Progress: whenever("measuring", 1, middle, func() { s.shut.Store(true) })})
		a := r.Arms[0]
		c, _ := churnOf(t, a)
		if a.LedgerTotal.Lost() != 0 || int64(s.rpcs()) != a.LedgerTotal.OK {
			t.Errorf("ledger %+v, the server saw %d RPCs: all must be ok", a.LedgerTotal, s.rpcs())
		}
		if c.Due != 50 || c.Opened == 0 || c.Failed[channel.Reset] == 0 || len(c.Failed) != 1 {
			t.Errorf("%+v, want 50 due, of which some were opened and the others reset", c)
		}
		if got := checkOf(t, r, "churn_incomplete"); got.Verdict != result.Invalid || !strings.Contains(got.Text, channel.Reset) {
			t.Errorf("churn_incomplete: %s %s", got.Verdict, got.Text)
		}
		if got := checkOf(t, r, "settings_not_observed"); got.Verdict != result.Valid {
			t.Errorf("settings not observed: %s", got.Text)
		}
	})
}

// TestAServerThatEndsDuringChurn stops a target that was not started by the run.
//
//	fault:   a server that ends while connections are replaced
//	promise: RPCs that fail and handshakes that fail are counted, each as what it is; INVALID
//	figure:  due = opened + missed + failed
func TestAServerThatEndsDuringChurn(t *testing.T) {
	lane.Long(t, "starts processes")
	for _, churn := range []string{"--churn 50/s", "--max-rpcs-per-connection 5"} {
		t.Run(churn, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine string) {
				s := newTarget(t, nil)
				args := append(strings.Fields(churn), "--engine", engine, "--tls", "off", "--window", "1s", s.addr)
				r := measure(t, t.Context(), planOf(t, args...), runner.Options{Progress: whenever("measuring", 1, middle, s.stop)})
				a := r.Arms[0]
				c, _ := churnOf(t, a)
				if l := a.LedgerTotal; l.OK == 0 || l.Failed["UNAVAILABLE"] == 0 || len(l.Failed) != 1 {
					t.Errorf("ledger %+v, want RPCs that were ok and RPCs that found no server", l)
				}
				if c.Opened == 0 || sum(c.Failed) == 0 && strings.Contains(churn, "churn") {
					t.Errorf("%+v, want connections that were opened and handshakes that failed", c)
				}
				if r.Verdict != result.Invalid {
					t.Errorf("verdict %s", r.Verdict)
				}
			})
		})
	}
}

// TestBytesUnderChurnAreRPCsAndHandshakes: what an RPC takes is that of an arm without
// churn and its share of the handshakes, whose bytes are counted apart, give or take what
// each connection spells out in its first RPC and what closes it.
func TestBytesUnderChurnAreRPCsAndHandshakes(t *testing.T) {
	lane.Long(t, "starts processes")
	eachEngine(t, func(t *testing.T, engine string) {
		r := measure(t, t.Context(), planOf(t, "--engine", engine, "--arrival", "uniform", "--vary", "churn=none,20/s", "--aa", "off",
			"--rate", "400", "--window", "1s", "--windows", "static"), runner.Options{})
		still, churned := r.Arms[0], r.Arms[1]
		h := churned.Churn.Handshake.Full
		if h == nil || h.Count != churned.Churn.Opened || h.Count < 2 {
			t.Fatalf("handshakes %+v, want those of %+v", churned.Churn.Handshake, churned.Churn)
		}
		each := float64(h.Count) / float64(churned.Ledger.Scheduled) // handshakes an RPC
		for _, b := range []struct {
			name                   string
			still, churned, opened float64
			least                  float64 // of one handshake
		}{
			{"sent", *still.SentBytes, *churned.SentBytes, h.SentBytes, 1400}, // X25519MLKEM768's share has 1184 (FIPS 203)
			{"received", *still.ReceivedBytes, *churned.ReceivedBytes, h.ReceivedBytes, 1400},
		} {
			more := b.churned - b.still - each*b.opened
			// A first RPC's headers and the good-byes are 400 bytes at most.
			if b.opened < b.least || more < -2 || more > 400*each {
				t.Errorf("%s: %.1f bytes an RPC without churn, %.1f with it, a handshake took %.0f: %.1f are left", b.name, b.still, b.churned, b.opened, more)
			}
		}
	})
}
