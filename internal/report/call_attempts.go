package report

import (
	"fmt"

	"grpcbench/internal/result"
)

// attempts says that the RPC was made more than once, on which connections, and why.
func (v callView) attempts() {
	n := len(v.Attempts) + v.MoreAttempts
	if n < 2 {
		return
	}
	label := "made twice"
	if n > 2 {
		label = fmt.Sprintf("made %d times", n)
	}
	for i, a := range v.Attempts {
		text := "on the connection from " + a.Local
		if i > 0 && a.Local == v.Attempts[i-1].Local {
			text = "again on the same one"
		} else if i > 0 {
			text = "again " + text
		}
		switch {
		case a.Cause != "":
			text += ": " + a.Cause
		case i+1 < n:
			text += ": not answered"
		default:
			text += ": " + v.Status.Code
		}
		v.fact(label, text)
		label = ""
	}
	if v.MoreAttempts > 0 {
		v.fact("", "and "+plural(v.MoreAttempts, "time")+" more")
	}
}

// protocol writes what the server said in SETTINGS and GOAWAY.
func (v callView) protocol() {
	if v.ServerSettings != nil {
		s := result.SettingsOf(v.ServerSettings, 0)
		v.fact("settings", append([]string{s.Streams()}, s.Rest()...)...)
	}
	label := "ended"
	for _, g := range v.GoAways {
		text := "by GOAWAY " + g.Code
		if g.Reason != "" {
			text += " (" + g.Reason + ")"
		}
		if g.Connections > 1 {
			text += ", " + plural(int(g.Connections), "connection")
		}
		v.fact(label, text)
		label = ""
	}
}
