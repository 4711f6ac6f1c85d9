package cause

import (
	"testing"

	"grpcbench/internal/h2code"
)

// TestTheListIsClosed: a result has a counter for each cause.
func TestTheListIsClosed(t *testing.T) {
	all := map[string]bool{}
	for n := range 1 << 16 {
		all[HTTP(n-1000)] = true
		all[GoAway(uint32(n))] = true
		all[RSTStream(uint32(n))] = true
	}
	all[GoAway(1<<32-1)] = true
	for _, c := range fixed {
		all[c] = true
	}
	for c := range all {
		if !Known(c) {
			t.Errorf("%q is not known", c)
		}
	}
	if want := len(fixed) + 500 + 2*len(h2code.Names()); len(all) != want {
		t.Errorf("%d causes, want %d", len(all), want)
	}
	for _, c := range []string{"", "HTTP 99", "HTTP 600", "HTTP +200", "HTTP 0200", "HTTP 200 ", "HTTP ", "GOAWAY", "GOAWAY x", "RST_STREAM no_error", "connection refused\n"} {
		if Known(c) {
			t.Errorf("%q is known", c)
		}
	}
}

func TestWhereNoServerWasIsTold(t *testing.T) {
	for _, c := range []string{Refused, Reset, Ended, Timeout, Unreachable, Unresolved, TLS, NoConnect, GoAway(0)} {
		if !Gone(c) {
			t.Errorf("%q: a server was there", c)
		}
	}
	for _, c := range []string{Status, Violation, Deadline, MessageLimit, NoResources, HTTP(502), RSTStream(7), ""} {
		if Gone(c) {
			t.Errorf("%q: no server was there", c)
		}
	}
}
