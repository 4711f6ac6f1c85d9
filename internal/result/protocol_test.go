package result

import (
	"slices"
	"strings"
	"testing"

	"grpcbench/internal/plan"
)

func limited(limits ...uint32) (all []ServerSettings) {
	for _, n := range limits {
		all = append(all, SettingsOf(map[uint16]uint32{3: n}, 1))
	}
	return all
}

// A wait for a stream is named with its share, the limit, and what to change.
func TestAWaitForAStreamHasItsSentence(t *testing.T) {
	for _, of := range []struct {
		settings    []ServerSettings
		connections int
		want        string
	}{
		{limited(100), 1, "25 % of the RPCs waited for one of the server's 100 streams on its 1 connection: raise --connections"},
		{limited(1), 4, "25 % of the RPCs waited for the server's 1 stream on each of 4 connections: raise --connections"},
		{limited(128, 100), 2, "25 % of the RPCs waited for one of the server's 100 to 128 streams on each of 2 connections: raise --connections"},
		{limited(100, 1<<32-1), 2, "25 % of the RPCs waited for one of the server's 100 streams on each of 2 connections: raise --connections"},
		{limited(0), 1, "25 % of the RPCs waited for a stream of a server that allows 0 of them: it is stopping, or takes no RPCs at present (see its log)"},
		{[]ServerSettings{{Connections: 1}}, 1, "25 % of the RPCs waited for one of the server's streams on its 1 connection: raise --connections"},
	} {
		a := Arm{Observed: Observed{Connections: of.connections, ServerSettings: of.settings}}
		a.Ledger.Started, a.Ledger.StreamWaits = 200, 50
		if got := a.waitsForStreams(); got != of.want {
			t.Errorf("%q, want %q", got, of.want)
		}
	}
}

// Where RPCs were left over because they waited for a stream the TARGET is not called slow.
func TestARunThatWaitedForStreamsIsNotBlamedOnTheTarget(t *testing.T) {
	r := &Result{Plan: plan.Plan{Target: &plan.Target{Address: "other.example:443"}}}
	a := Arm{Observed: Observed{Connections: 1, ServerSettings: limited(100)}}
	a.Ledger.Started, a.Ledger.StreamWaits = 100, 90
	if got := r.relief(a); !strings.HasPrefix(got, "90 % of the RPCs waited for one of the server's 100 streams") || strings.Contains(got, "TARGET") {
		t.Errorf("%q", got)
	}
	a.Ledger.StreamWaits = 10
	if got := r.relief(a); !strings.HasPrefix(got, "the TARGET answers more slowly than it is asked") {
		t.Errorf("%q", got)
	}
}

func TestAGoAwayHasItsSentence(t *testing.T) {
	for _, of := range []struct {
		GoAway
		want string
	}{
		{GoAway{"NO_ERROR", "", 5, 5, 5000, 0}, "the server ended 5 connections by GOAWAY NO_ERROR after 1000 RPCs each"},
		{GoAway{"NO_ERROR", "", 5, 5, 5000, 71}, "the server ended 5 connections by GOAWAY NO_ERROR after 1000 RPCs each, and refused 71 streams: each is an RPC that was made again, once, and lost where it was refused twice"},
		{GoAway{"NO_ERROR", "max_age", 1, 1, 1, 0}, "the server ended 1 connection by GOAWAY NO_ERROR (max_age) after 1 RPC"},
		{GoAway{"NO_ERROR", "", 3, 2, 2001, 0}, "the server ended 3 connections by GOAWAY NO_ERROR, 2 of them after about 1000 RPCs each"},
		{GoAway{"INTERNAL_ERROR", "", 20, 20, 0, 0}, "the server ended 20 connections by GOAWAY INTERNAL_ERROR"},
		{GoAway{"ENHANCE_YOUR_CALM", "too_many_pings", 2, 0, 0, 0}, "the server ended 2 connections by GOAWAY ENHANCE_YOUR_CALM (too_many_pings)"},
	} {
		if got := of.String(); got != of.want {
			t.Errorf("%q, want %q", got, of.want)
		}
	}
}

func TestSettingsHaveTheirNames(t *testing.T) {
	s := SettingsOf(map[uint16]uint32{1: 4096, 3: 128, 4: 65536, 5: 16384, 6: 9000, 8: 1, 9: 1, 4660: 7}, 2)
	want := []string{"128 streams", "window 65536 B", "frames up to 16384 B", "header list up to 9000 B", "header table 4096 B",
		"ENABLE_CONNECT_PROTOCOL 1", "setting 9: 1", "setting 4660: 7"}
	if got := append([]string{s.Streams()}, s.Rest()...); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if none := SettingsOf(nil, 1); none.Streams() != "no limit of streams" || limited(1<<31 - 1)[0].Streams() != "no limit of streams" || len(none.Rest()) != 0 {
		t.Errorf("%q, %q", none.Streams(), none.Rest())
	}
}

// protocolMutations are those of what servers said of their connections.
func protocolMutations() map[string][]mutation {
	return map[string][]mutation{
		"waited_for_streams": {
			{"one RPC", func(r *Result) { first(r).Ledger.StreamWaits = 1 }, Valid, true},
			{"none", nothing, Valid, false},
			{"an older tool", func(r *Result) {
				for i := range r.Arms {
					r.Arms[i].Observed.ServerSettings = nil
				}
			}, "", false},
		},
		"streams_refused": {
			{"one", func(r *Result) { first(r).Observed.RefusedStreams = 1 }, Valid, true},
			{"none", nothing, Valid, false},
		},
		"connections_ended": {
			{"one", func(r *Result) { first(r).Observed.GoAways = []GoAway{{Code: "NO_ERROR", Connections: 1}} }, Valid, true},
			{"none", nothing, Valid, false},
		},
	}
}
