package result

import (
	"slices"
	"strings"
	"testing"
)

// What helps depends on who is short of what.
func TestTheAdviceIsOneThatTheUserCanFollow(t *testing.T) {
	overloaded, throttled := left(0.21), func(r *Result) { *r.Machine.Epochs[0].ThrottledNS = 400_000_000 }
	target := func(r *Result) {
		for i := range r.Arms {
			r.Arms[i].Settings.Target = "api.example:443"
		}
	}
	for _, tt := range []struct {
		name, code string
		change     []func(*Result)
		says, not  string
	}{
		{"several arms on one machine", "overloaded", []func(*Result){overloaded}, "vary less at once", "TARGET"},
		{"one arm", "overloaded", []func(*Result){alone(overloaded)}, "this machine serves; lower --rate", "vary"},
		{"a TARGET", "overloaded", []func(*Result){overloaded, target}, "take --loop closed", "machine"},
		{"a quota in an open loop", "throttled", []func(*Result){throttled}, "for 400 ms: raise the quota or lower --rate", "--concurrency"},
		{"a quota in a closed loop", "throttled", []func(*Result){closedLoopOf(throttled)}, "lower --concurrency", "--rate"},
	} {
		r := good(t)
		for _, change := range tt.change {
			change(&r)
		}
		q := checks()[slices.IndexFunc(checks(), func(c check) bool { return c.code == tt.code })].askOf(&r)
		if !strings.Contains(q.text, tt.says) || strings.Contains(q.text, tt.not) {
			t.Errorf("%s: %q, must say %q and nothing of %q", tt.name, q.text, tt.says, tt.not)
		}
	}
}
