package result

import (
	"testing"
	"time"

	"grpcbench/internal/hist"
	"grpcbench/internal/plan"
)

const (
	openedEpochs = 8
	openedCount  = 50
)

// opened is the result of a handshake plan: TLS 1.3, without and with resumption.
func opened(t *testing.T) Result {
	t.Helper()
	r := Result{Schema: Schema, ID: "20261128T010203Z-k3f2q2xa", Created: time.Date(2026, 11, 28, 1, 2, 3, 0, time.UTC),
		Tool: Tool{Version: "v0.1.0", Go: "go1.26.8", GRPCGo: "v1.85.0"}, Machine: Machine{OS: "linux", Arch: "amd64", CPUs: 2, GOMAXPROCS: 2},
		Plan: plan.Plan{Kind: plan.KindHandshake, Handshakes: &plan.Handshakes{Count: openedCount, Timeout: 5 * time.Second},
			Load:   plan.Load{Loop: plan.Closed, Concurrency: 8},
			Epochs: plan.Epochs{Min: openedEpochs, Max: openedEpochs}, Saturated: 300 * time.Millisecond, AllowFailures: 0.01},
		Groups: []plan.Group{{Name: "resumption", Control: "resumption=off", Arms: []string{"resumption=off", "resumption=on"}}}}
	for range openedEpochs {
		r.Machine.Epochs = append(r.Machine.Epochs, MachineEpoch{OursShare: 0.4})
	}
	for _, resumption := range []bool{false, true} {
		s := plan.Settings{TLS: plan.TLS13, Key: plan.P256, Resumption: resumption, Connections: 1, Engine: plan.GRPC, Windows: plan.Static,
			ResponseCompression: plan.ResponseCodec{Mirror: true}}
		a := Arm{Name: "resumption=off", Settings: s, Windows: []Window{}}
		a.Observed = Observed{TLSVersion: "1.3", ALPN: "h2", ServerKey: plan.P256, Cipher: "TLS_AES_128_GCM_SHA256", Group: "x25519mlkem768",
			Method: "/Server/Foo", ServerInstances: openedEpochs, MetadataKeys: new(0.0), MetadataBytes: new(0.0)}
		if resumption {
			a.Name, a.Observed.Resumed = "resumption=on", openedCount*openedEpochs
		}
		a.Handshake = openedHandshakes(t, openedEpochs, resumption)
		for i := range openedEpochs {
			a.Epochs = append(a.Epochs, Epoch{Index: i, Start: r.Created, Handshake: openedHandshakes(t, 1, resumption)})
		}
		r.Arms = append(r.Arms, a)
		r.Plan.Arms = append(r.Plan.Arms, plan.Arm{Name: a.Name, Settings: s})
	}
	r.Plan.Groups = r.Groups
	Examine(&r)
	return r
}

// openedHandshakes are those of so many epochs; 200 more in each saturated block.
func openedHandshakes(t *testing.T, epochs int64, resumption bool) *Handshakes {
	t.Helper()
	n := openedCount * epochs
	h := &Handshakes{Ledger: &HandshakeLedger{Planned: n, Full: n}, LedgerTotal: &HandshakeLedger{Planned: n + 200*epochs, Full: n + 200*epochs},
		Full: openedKind(t, n), Saturated: &SaturatedHandshakes{Achieved: 800, ClientCPU: new(600e3), ServerCPU: new(500e3), PerCore: new(909.0)}}
	if resumption {
		h.Ledger = &HandshakeLedger{Planned: 2 * n, Full: n, Resumed: n}
		h.LedgerTotal = &HandshakeLedger{Planned: 2*n + 200*epochs, Full: n + 8*epochs, Resumed: n + 192*epochs}
		h.Resumed = openedKind(t, n)
	}
	h.ServerLedger = &ServerHandshakes{Accepted: h.LedgerTotal.Planned, Full: h.LedgerTotal.Full, Resumed: h.LedgerTotal.Resumed}
	return h
}

func openedKind(t *testing.T, n int64) *Handshake {
	t.Helper()
	took := hist.New()
	for i := range n {
		took.Record(1e6 + i)
	}
	d, err := Summarize(took, n, true)
	if err != nil {
		t.Fatal(err)
	}
	return &Handshake{Count: n, TCP: 1e6, TLS: 1e6, HTTP2: 1e6, Total: 1e6, SentBytes: 1649, ReceivedBytes: 1963, ClientCPU: new(900e3), ServerCPU: new(800e3),
		FirstRPC: new(2e5),
		Phases:   &Phases{Resolve: d, Connect: d, TLS: d, HTTP2: d, Total: d, FirstRPC: d, SteadyRPC: d}}
}

func connectionMutations() map[string][]mutation {
	second := func(r *Result) *Handshakes { return r.Arms[1].Handshake }
	return map[string][]mutation{
		"nothing_measured": {
			{"no connection", func(r *Result) { r.Arms[0].Handshake.Full = nil }, Invalid, true},
			{"as it is", nothing, Valid, false},
		},
		"connections_unaccounted": {
			{"one lost in the arm", func(r *Result) { second(r).Ledger.Full-- }, Invalid, true},
			{"one lost in an epoch", func(r *Result) { r.Arms[0].Epochs[3].Handshake.Ledger.Full-- }, Invalid, true},
			{"one counted twice in the whole life", func(r *Result) { second(r).LedgerTotal.Resumed++ }, Invalid, true},
			{"one timed that was not made", func(r *Result) { second(r).Resumed.Count++ }, Invalid, true},
			{"a phase of one is missing", func(r *Result) { second(r).Resumed.Phases.TLS.Valued-- }, Invalid, true},
			{"an RPC of a cause too many", func(r *Result) {
				second(r).RPCCauses = map[string]map[string]int64{"UNAVAILABLE": {"connection ended": 1}}
			}, Invalid, true},
			{"an RPC that nobody made", func(r *Result) { second(r).RPCFailed = map[string]int64{"UNAVAILABLE": 1} }, Invalid, true},
			{"a quantile that is not the histogram's", func(r *Result) { second(r).Full.Phases.Total.P50 = new(int64(7)) }, Invalid, true},
			{"no account", func(r *Result) { r.Arms[0].Handshake.Ledger = nil }, Invalid, true},
			{"a negative count that balances", func(r *Result) {
				second(r).Ledger.Failed, second(r).Ledger.NotStarted = map[string]int64{"OTHER": -1}, 1
			}, Invalid, true},
			{"as it is", nothing, Valid, false},
		},
		"resumptions_disagree": {
			{"one was full that was to be resumed", func(r *Result) { second(r).Ledger.Full++; second(r).Ledger.Resumed-- }, Invalid, true},
			{"one was resumed that was to be full", func(r *Result) {
				r.Arms[0].Handshake.Ledger.Full--
				r.Arms[0].Handshake.Ledger.Resumed++
			}, Invalid, true},
			{"resumed at full speed where none was to be", func(r *Result) { r.Arms[0].Handshake.LedgerTotal.Resumed = 1 }, Invalid, true},
			{"refused at full speed", func(r *Result) { second(r).LedgerTotal.Full += 2 }, Invalid, true},
			{"fewer than planned", func(r *Result) { r.Plan.Handshakes.Count++ }, Invalid, true},
			{"as it is", nothing, Valid, false},
		},
		"server_saw_other_handshakes": {
			{"fewer than were made", func(r *Result) { r.Arms[0].Epochs[0].Handshake.ServerLedger.Full -= 1 }, Invalid, true},
			{"more than were begun", func(r *Result) { r.Arms[0].Epochs[0].Handshake.ServerLedger.Accepted++ }, Invalid, true},
			{"it did not resume what the client resumed", func(r *Result) {
				s := r.Arms[1].Epochs[0].Handshake.ServerLedger
				s.Resumed, s.Full = s.Resumed-1, s.Full+1
			}, Invalid, true},
			{"it did not tell", func(r *Result) { r.Arms[0].Epochs[0].Handshake.ServerLedger = nil }, Degraded, true},
			{"as it is", nothing, Valid, false},
		},
		"connections_lost": {
			{"one of 400", func(r *Result) { fail(r, 1) }, Degraded, true},
			{"more than allowed", func(r *Result) { fail(r, 5) }, Invalid, true},
			{"a few that are allowed", func(r *Result) {
				fail(r, 1)
				r.Plan.Handshakes.Count = 5000
				r.Arms[0].Handshake.Ledger.Planned = 40_000
			}, Valid, true},
			{"at full speed, more than allowed", func(r *Result) { failRushed(r, 20) }, Invalid, true},
			{"at full speed, some", func(r *Result) { failRushed(r, 2) }, Degraded, true},
			{"at full speed, when it was interrupted", func(r *Result) {
				e := &r.Arms[0].Epochs[7]
				e.Interrupted = true
				for _, h := range []*Handshakes{e.Handshake, r.Arms[0].Handshake} {
					h.LedgerTotal.Fail("INTERRUPTED", 20)
				}
			}, Valid, false},
			{"their RPCs failed", func(r *Result) { r.Arms[0].Handshake.RPCFailed = map[string]int64{"UNAVAILABLE": 5} }, Invalid, true},
			{"as it is", nothing, Valid, false},
		},
		"settings_not_observed": {
			{"another version", func(r *Result) { r.Arms[0].Observed.TLSVersion = "1.2" }, Invalid, true},
			{"another key", func(r *Result) { r.Arms[0].Observed.ServerKey = "rsa2048" }, Invalid, true},
			{"another group", func(r *Result) { r.Arms[0].Settings.Group = plan.X25519 }, Invalid, true},
			{"a client certificate unasked", func(r *Result) { r.Arms[0].Observed.ClientCertificate = true }, Invalid, true},
			{"as it is", nothing, Valid, false},
		},
	}
}

func fail(r *Result, n int64) {
	l := r.Arms[0].Handshake.Ledger
	l.Full -= n
	l.Fail("TIMEOUT_TLS", n)
}

func failRushed(r *Result, n int64) {
	l := r.Arms[0].Handshake.LedgerTotal
	l.Full -= n
	l.Fail("CLIENT_LIMIT", n)
}

func TestChecksOfConnectionsFindWhatIsWrong(t *testing.T) {
	for code, mutations := range connectionMutations() {
		for _, m := range mutations {
			r := opened(t)
			m.change(&r)
			Examine(&r)
			for _, c := range r.Checks {
				if c.Code != code {
					continue
				}
				if c.Verdict != m.want || (c.Text != "") != m.warns {
					t.Errorf("%s, %s: %q %q %q, want %s", code, m.name, c.Verdict, c.Text, c.Skipped, m.want)
				}
			}
		}
	}
}

// A check is asked of the plans that it is about, and says why not of others.
func TestChecksAreAskedOfTheirKindOfPlan(t *testing.T) {
	for _, c := range checks() {
		load, handshakes := good(t), opened(t)
		if q := c.askOf(&load); c.of == ofHandshakes && q.check().Skipped == "" {
			t.Errorf("%s is asked of a load", c.code)
		}
		if q := c.askOf(&handshakes); c.of == ofRuns && q.check().Skipped == "" {
			t.Errorf("%s is asked of a handshake plan", c.code)
		} else if c.of == ofHandshakes && q.check().Skipped != "" {
			t.Errorf("%s is not asked of a handshake plan: %s", c.code, q.check().Skipped)
		}
	}
}

func TestAHandshakeResultIsStoredAndReadBack(t *testing.T) {
	r := opened(t)
	path, err := Write(t.TempDir(), r)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Read("", path)
	if err != nil {
		t.Fatal(err)
	}
	if back.Plan.Kind != plan.KindHandshake || back.Arms[1].Handshake.Ledger.Resumed != openedCount*openedEpochs {
		t.Errorf("read back: kind %q, %+v", back.Plan.Kind, back.Arms[1].Handshake.Ledger)
	}
	if err := Recheck(back); err != nil {
		t.Error(err)
	}
}
