package runner_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"grpcbench/internal/load"
	"grpcbench/internal/plan"
)

func channelRows() []row {
	bytesBelow := func(limit float64, below bool) func(*testing.T, seen) {
		return func(t *testing.T, s seen) {
			sent, received := s.arm.SentBytes, s.arm.ReceivedBytes
			if sent == nil || received == nil || (*sent < limit) != below || (*received < limit) != below {
				t.Errorf("%v bytes sent and %v received an RPC; must they be below %v: %v", deref(sent), deref(received), limit, below)
			}
		}
	}
	return []row{
		{option: "target", target: plaintext, check: onlyMethod("/Server/Foo")},
		{option: "server-binary", target: func(t *testing.T) (*target, []string) {
			return nil, []string{"--tls", "off", "--server-binary", binary(t, "{addr}")}
		}, check: func(t *testing.T, s seen) {
			if s.arm.ServerLedger != nil || s.arm.Observed.ServerInstances != 0 || len(s.arm.Observed.ServerSHA256) != 64 {
				t.Errorf("observed %+v, want the file's digest and nothing of a bundled server", s.arm.Observed)
			}
		}},
		{option: "connections", args: "--connections 7", target: plaintext, check: func(t *testing.T, s seen) {
			if got := len(s.target.peers); got != 7 {
				t.Errorf("RPCs came on %d connections, want 7", got)
			}
		}},
		// Beyond 3 s a generator hands its seconds over while it measures.
		{option: "window", args: "--window 6s --rate 100", target: plaintext, check: func(t *testing.T, s seen) {
			if got := len(s.arm.Windows); got != 6 {
				t.Fatalf("%d seconds, want 6", got)
			}
			for i, w := range s.arm.Windows {
				if w.Start != int64(i)*int64(time.Second) || w.OK == 0 {
					t.Errorf("second %d begins at %v with %d ok", i, time.Duration(w.Start), w.OK)
				}
				if w.Failed == nil || *w.Failed != 0 || w.NotStarted == nil || *w.NotStarted != 0 || w.LagP99 == nil || *w.LagP99 <= 0 {
					t.Errorf("second %d has %v failed, %v not started, lag %v", i, w.Failed, w.NotStarted, w.LagP99)
				}
			}
		}},
		{option: "connections", args: "--connections 1", check: func(t *testing.T, s seen) {
			if got := s.arm.Observed.Connections; got != 1 {
				t.Errorf("%d connections, want 1", got)
			}
		}},
		{option: "deadline", args: "--deadline 1h", target: plaintext, check: func(t *testing.T, s seen) {
			within := func(d time.Duration) bool { return d > 50*time.Minute && d <= time.Hour }
			n := int64(0)
			for _, d := range s.target.timeouts {
				if within(d) {
					n++
				}
			}
			// The probe of the preflight may have a limit of its own.
			if started := s.arm.LedgerTotal.Started; n < started-1 || n > started {
				t.Errorf("%d of %d RPCs had the deadline", n, started)
			}
		}},
		{option: "max-message", args: "--max-message 8MiB", target: plaintext, check: func(*testing.T, seen) {}}, // see TestMessagesUpToTheLimit…
		{option: "expect", args: "--expect code=OK,NOT_FOUND", target: plaintext, check: func(t *testing.T, s seen) {
			if l := s.arm.LedgerTotal; l.OK != l.Started {
				t.Errorf("ledger %+v, want every RPC ok", l)
			}
		}},
		{option: "deadline", target: plaintext, check: func(t *testing.T, s seen) {
			if n := len(s.target.timeouts); n > 1 { // the probe's
				t.Errorf("%d RPCs had a deadline", n)
			}
		}},
		// 30 bytes go out and 36 come back for Foo on a connection whose header
		// tables are warm; dynamic windows add a PING and its answer each way, 34
		// bytes, and WINDOW_UPDATEs of 13.
		{option: "windows", args: "--tls off --window 1s --windows static", check: bytesBelow(50, true)},
		{option: "windows", args: "--tls off --window 1s --windows dynamic", engine: plan.GRPC, check: bytesBelow(50, false)},
		{option: "engine", engine: plan.GRPC, target: plaintext, check: agent("grpc-go/")},
		{option: "engine", engine: plan.Wire, target: plaintext, check: agent("grpc-bench-wire")},
		{option: "server-pid", args: "--server-pid " + strconv.Itoa(os.Getpid()), target: plaintext, check: func(t *testing.T, s seen) {
			if got := s.arm.ServerCPU; got == nil || *got <= 0 {
				t.Errorf("server CPU %v, want that of the process", deref(got))
			}
		}},
	}
}

// agent wants every RPC to come from that client.
func agent(prefix string) func(*testing.T, seen) {
	return func(t *testing.T, s seen) {
		agents := s.target.metadata["user-agent"]
		for agent := range agents {
			if !strings.HasPrefix(agent, prefix) {
				t.Errorf("user-agent %q, want that of %s", agent, prefix)
			}
		}
		if len(agents) == 0 {
			t.Error("no user-agent")
		}
	}
}

// arrivals is what an open loop's plan says that the server must see in warm-up
// and window together.
func arrivals(p plan.Plan) int64 {
	var s load.Schedule = load.Poisson{Rate: p.Load.Rate, Duration: p.Warmup + p.Window, Seed: plan.ArmSeed(p.Seed, 0, "base")}
	if p.Load.Arrival == plan.Uniform {
		s = load.Uniform{Rate: p.Load.Rate, Duration: p.Warmup + p.Window}
	}
	var n int64
	for range s.Arrivals() {
		n++
	}
	return n
}

func loadRows() []row {
	scheduled := func(t *testing.T, s seen) {
		const probe = 1
		if got, want := s.arm.LedgerTotal.OK, arrivals(s.Plan)+probe; got != want {
			t.Errorf("%d RPCs, want %d by the schedule", got, want)
		}
	}
	exactly := func(n int64) func(*testing.T, seen) {
		return func(t *testing.T, s seen) {
			scheduled(t, s)
			if got := s.arm.LedgerTotal.OK - 1; got != n {
				t.Errorf("%d RPCs beside the probe, want %d", got, n)
			}
		}
	}
	// slowly is a target on which callers meet.
	slowly := func(t *testing.T) (*target, []string) {
		s, args := plaintext(t)
		s.hold = waiting(20 * time.Millisecond)
		return s, args
	}
	most := func(n int) func(*testing.T, seen) {
		return func(t *testing.T, s seen) {
			if s.target.most != n {
				t.Errorf("%d RPCs in flight at most, want %d", s.target.most, n)
			}
		}
	}
	return []row{
		// Evenly spaced, 150 ms hold 45 arrivals of 300/s and 150 of 1000/s.
		{option: "arrival", args: "--arrival uniform", target: plaintext, check: exactly(45)},
		{option: "rate", args: "--arrival uniform --rate 1000", target: plaintext, check: exactly(150)},
		{option: "arrival", args: "--arrival poisson", target: plaintext, check: scheduled},
		{option: "seed", args: "--seed 1", target: plaintext, check: scheduled},
		{option: "seed", args: "--seed 2 --tls 1.2", check: scheduled},
		{option: "loop", args: "--loop closed --concurrency 6", target: slowly, check: most(6)},
		{option: "concurrency", args: "--loop closed --concurrency 9", target: slowly, check: most(9)},
		{option: "concurrency", args: "--concurrency 4 --tls off", saturated: true, check: func(t *testing.T, s seen) {
			if got := s.arm.Saturated; got == nil || got.Achieved <= 0 || s.arm.ServerLedger.OK <= arrivals(s.Plan)+1 {
				t.Errorf("saturated block %+v, server counted %+v: must have had RPCs beside the schedule's", got, s.arm.ServerLedger)
			}
		}},
		// While the server is at work for 20 ms, 40 of 2000 arrivals a second are due.
		{option: "max-in-flight", args: "--max-in-flight 5 --rate 2000", target: slowly, check: func(t *testing.T, s seen) {
			most(5)(t, s)
			if s.arm.Ledger.NotStarted[load.MaxInFlight] == 0 {
				t.Errorf("ledger %+v: must hold arrivals that were not started", s.arm.Ledger)
			}
		}},
	}
}
