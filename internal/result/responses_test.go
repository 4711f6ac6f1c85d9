package result

import (
	"testing"

	"grpcbench/internal/load"
	"grpcbench/internal/plan"
)

// TestResponsesAreThoseThatCame: what a server ended with another code has none, and what
// is held against an RPC may be its response.
func TestResponsesAreThoseThatCame(t *testing.T) {
	a := Arm{Figures: Figures{LedgerTotal: Ledger{OK: 10, OKByCode: map[string]int64{"NOT_FOUND": 7},
		Failed: map[string]int64{load.UnexpectedOK: 20, load.BadPayload: 40, "UNAVAILABLE": 80}, Abandoned: 160}}}
	if got := a.Responses(); got != 63 {
		t.Errorf("%d responses, want 3 that are ok, 20 that were not to be and 40 of another content", got)
	}
}

func encodingMutations() map[string][]mutation {
	return map[string][]mutation{
		"responses_not_as_asked": {
			{"a control's", foreign(func(r *Result) {
				first(r).Observed.Responses = &Responses{Compressed: 3, ByEncoding: map[string]int64{"gzip": 3}}
			}), Valid, true},
			{"a compressed arm's", foreign(func(r *Result) {
				a := arm(r, "compression=gzip:low")
				a.Observed.Responses = &Responses{Compressed: 3, ByEncoding: map[string]int64{"gzip": 3}}
			}), Valid, false},
			{"a compressor that is not mirrored", foreign(func(r *Result) {
				a := arm(r, "compression=gzip:low")
				a.Observed.Responses, a.Settings.ResponsePayload.Bytes = &Responses{}, 4096
			}), Valid, true},
			{"a compressor and empty responses", foreign(func(r *Result) {
				a := arm(r, "compression=gzip:low")
				a.Observed.Responses, a.Settings.ResponsePayload.Bytes = &Responses{}, 0
			}), Valid, false},
			{"a compressor and no response", foreign(func(r *Result) {
				a := arm(r, "compression=gzip:low")
				a.Observed.Responses, a.Settings.Method = &Responses{}, "/p.S/M"
				a.LedgerTotal.OKByCode = map[string]int64{"NOT_FOUND": a.LedgerTotal.OK}
			}), "", false},
			{"a compressor and nothing ok", foreign(func(r *Result) {
				a := arm(r, "compression=gzip:low")
				a.Observed.Responses, a.Settings.Method = &Responses{}, "/p.S/M"
				a.LedgerTotal.OK, a.LedgerTotal.Failed = 0, map[string]int64{"UNAVAILABLE": a.LedgerTotal.OK}
			}), "", false},
			{"a compressor and one response", foreign(func(r *Result) {
				a := arm(r, "compression=gzip:low")
				a.Observed.Responses, a.Settings.Method = &Responses{}, "/p.S/M"
				a.LedgerTotal.OKByCode = map[string]int64{"NOT_FOUND": a.LedgerTotal.OK - 1}
			}), Valid, true},
			{"none", foreign(func(r *Result) { first(r).Observed.Responses = &Responses{} }), Valid, false},
			{"not counted", foreign(nothing), "", false},
			{"bundled", func(r *Result) { first(r).Observed.Responses = &Responses{Compressed: 3} }, "", false},
		},
		"responses_differ": {
			{"two sizes", sizes(102, 32), Valid, true},
			{"one size", sizes(102, 102), Valid, false},
			{"one known", sizes(102, -1), "", false},
			{"Foo", nothing, "", false},
		},
	}
}

// foreign makes the servers a TARGET's.
func foreign(change func(*Result)) func(*Result) {
	return func(r *Result) { r.Plan.Target = &plan.Target{Address: "h:1"}; change(r) }
}

// sizes gives the first arms responses of these sizes to one message; -1: not known.
func sizes(bytes ...int64) func(*Result) {
	return func(r *Result) {
		for i, n := range bytes {
			r.Arms[i].Settings.Method = "/p.S/M"
			if n >= 0 {
				r.Arms[i].Observed.ResponseBytes = &n
			}
		}
	}
}

// reached is a busy machine with a target whose connections went to this machine, or not.
func reached(address string, here bool) func(*Result) {
	return func(r *Result) {
		r.Plan.Target = &plan.Target{Address: address}
		shares(func(e *MachineEpoch) { e.CompetingShare = new(0.4) })(r)
		for i := range r.Arms {
			r.Arms[i].Observed.Local = &here
		}
	}
}

func processMutations() map[string][]mutation {
	return map[string][]mutation{
		"metadata_not_indexed": {
			{"none", nothing, "", false},
			{"of one RPC each", func(r *Result) {
				r.Arms[3].Settings.MetadataSize = plan.MetadataSize{Bytes: 4000, Keys: 1, Unique: true}
			}, "", false},
			{"in the table", func(r *Result) { first(r).Settings.MetadataSize = plan.MetadataSize{Bytes: 3000, Keys: 1} }, Valid, false},
			{"beyond it", func(r *Result) {
				first(r).Settings.MetadataSize = plan.MetadataSize{Bytes: 4000, Keys: 1}
				*first(r).SentBytes = 2600
			}, Valid, true},
			{"of the user's, beyond it", func(r *Result) {
				first(r).Settings.Metadata = []plan.MetadataKey{{Name: "a", Bytes: 2000}, {Name: "b", Bytes: 2500}}
				*first(r).SentBytes = 4700
			}, Valid, true},
			{"beside a message", func(r *Result) {
				first(r).Settings.MetadataSize, first(r).Settings.Payload.Bytes = plan.MetadataSize{Bytes: 4000, Keys: 1}, 1000
				*first(r).SentBytes = 5000
			}, "", false},
		},
		"server_pid_unseen": {
			{"seen", func(r *Result) { first(r).Observed.ServerPIDSeen = new(true) }, Valid, false},
			{"seen, and idle", alone(func(r *Result) { first(r).Observed.ServerPIDSeen, first(r).ServerCPU = new(true), nil }), Valid, true},
			{"seen, of a ceiling, whose CPU is that of its levels", alone(climbing(func(r *Result) {
				first(r).Observed.ServerPIDSeen, first(r).ServerCPU, first(r).Levels[0].ServerCPU = new(true), nil, new(5.0)
			})), Valid, false},
			{"not seen", func(r *Result) { first(r).Observed.ServerPIDSeen = new(false) }, Valid, true},
			{"not named", nothing, "", false},
		},
		"competing_cpu": {
			{"a name that reached this machine", reached("example.org:1337", true), "", false},
			{"a local name that reached another machine", reached("localhost:1337", false), Degraded, true},
		},
	}
}
