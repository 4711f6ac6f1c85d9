package result

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"grpcbench/internal/h2code"
)

// ServerSettings are the SETTINGS of HTTP/2 that a server sent (RFC 9113, 6.5.2): the
// latest value of each, absent where it sent none.
type ServerSettings struct {
	// Connections is how many connections of all epochs had these: 0 of a single one.
	Connections           int64   `json:"connections,omitempty"`
	MaxConcurrentStreams  *uint32 `json:"max_concurrent_streams,omitempty"` // absent: no limit
	InitialWindowSize     *uint32 `json:"initial_window_size,omitempty"`
	MaxFrameSize          *uint32 `json:"max_frame_size,omitempty"`
	MaxHeaderListSize     *uint32 `json:"max_header_list_size,omitempty"`
	HeaderTableSize       *uint32 `json:"header_table_size,omitempty"`
	EnableConnectProtocol *uint32 `json:"enable_connect_protocol,omitempty"` // RFC 8441
	// Others are by their number.
	Others map[string]uint32 `json:"others,omitempty"`
}

// SettingsOf are the settings of n connections, by their identifiers.
func SettingsOf(sent map[uint16]uint32, n int64) ServerSettings {
	s := ServerSettings{Connections: n}
	known := map[uint16]**uint32{h2code.SettingHeaderTableSize: &s.HeaderTableSize, h2code.SettingMaxConcurrentStreams: &s.MaxConcurrentStreams,
		h2code.SettingInitialWindowSize: &s.InitialWindowSize, h2code.SettingMaxFrameSize: &s.MaxFrameSize,
		h2code.SettingMaxHeaderListSize: &s.MaxHeaderListSize, h2code.SettingEnableConnectProtocol: &s.EnableConnectProtocol}
	for id, value := range sent {
		if to := known[id]; to != nil {
			*to = &value
			continue
		}
		if s.Others == nil {
			s.Others = map[string]uint32{}
		}
		s.Others[strconv.Itoa(int(id))] = value
	}
	return s
}

// Streams says how many streams the server allows at once on a connection.
func (s ServerSettings) Streams() string {
	if n, ok := s.streamLimit(); ok {
		return streams(n)
	}
	return "no limit of streams"
}

// streamLimit is how many streams the server allows at once on a connection; !ok: as many as
// a connection can have (RFC 9113, 5.1.1), which some servers write as the largest number.
func (s ServerSettings) streamLimit() (n uint32, ok bool) {
	if s.MaxConcurrentStreams == nil || *s.MaxConcurrentStreams >= 1<<31-1 {
		return 0, false
	}
	return *s.MaxConcurrentStreams, true
}

func streams(n uint32) string {
	if n == 1 {
		return "1 stream"
	}
	return fmt.Sprintf("%d streams", n)
}

// Rest lists what else the server sent, besides how many streams it allows.
func (s ServerSettings) Rest() []string {
	var all []string
	for _, k := range []struct {
		value  *uint32
		format string
	}{
		{s.InitialWindowSize, "window %d B"}, {s.MaxFrameSize, "frames up to %d B"}, {s.MaxHeaderListSize, "header list up to %d B"},
		{s.HeaderTableSize, "header table %d B"}, {s.EnableConnectProtocol, "ENABLE_CONNECT_PROTOCOL %d"},
	} {
		if k.value != nil {
			all = append(all, fmt.Sprintf(k.format, *k.value))
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(s.Others), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	}) {
		all = append(all, fmt.Sprintf("setting %s: %d", id, s.Others[id]))
	}
	return all
}

// GoAway is how many connections a server ended by GOAWAY in one way (RFC 9113, 6.8), all
// epochs.
type GoAway struct {
	Code string `json:"code"` // name of RFC 9113, or number in hexadecimal, or OTHER
	// Reason is the debug data if it is of a closed list, as too_many_pings is.
	Reason      string `json:"reason,omitempty"`
	Connections int64  `json:"connections"`
	// Counted is how many of them named the last stream that the server took: they had
	// RPCs altogether.
	Counted int64 `json:"counted_connections,omitempty"`
	RPCs    int64 `json:"rpcs,omitempty"`
	// Refused is how many streams were above the last one: each is an RPC that was made
	// again, once.
	Refused int64 `json:"refused_streams,omitempty"`
}

// String says it in a clause.
func (g GoAway) String() string {
	text := "the server ended " + plural(g.Connections, "connection") + " by GOAWAY " + g.Code
	if g.Reason != "" {
		text += " (" + g.Reason + ")"
	}
	if g.Counted > 0 && g.RPCs > 0 { // haproxy names stream 0 whatever it has answered
		text += g.after()
	}
	if g.Refused > 0 {
		text += ", and refused " + plural(g.Refused, "stream") + ": each is an RPC that was made again, once, and lost where it was refused twice"
	}
	return text
}

// after says how many RPCs such a connection had.
func (g GoAway) after() (text string) {
	if g.Counted < g.Connections {
		text = fmt.Sprintf(", %d of them", g.Counted)
	}
	each, about := g.RPCs/g.Counted, ""
	if g.RPCs%g.Counted != 0 {
		about = "about "
	}
	text += fmt.Sprintf(" after %s%s", about, plural(each, "RPC"))
	if g.Counted > 1 {
		text += " each"
	}
	return text
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// StreamLimit says how many streams the server allows on a connection of the arm: "its 100
// streams" as a part of a sentence. Connections may differ, and a limit may have been lifted.
func (o Observed) StreamLimit() string {
	least, most, known := uint32(0), uint32(0), false
	for _, s := range o.ServerSettings {
		n, ok := s.streamLimit()
		switch {
		case !ok:
		case !known:
			least, most, known = n, n, true
		default:
			least, most = min(least, n), max(most, n)
		}
	}
	switch {
	case !known || most == 0:
		return "streams"
	case least == most:
		return streams(most)
	}
	return fmt.Sprintf("%d to %s", least, streams(most))
}

// waitsForStreams says how many of an arm's RPCs waited for a stream, and what helps; ""
// if none did.
func (a Arm) waitsForStreams() string {
	l := a.Ledger
	if l.StreamWaits == 0 {
		return ""
	}
	where := ""
	switch n := a.Observed.Connections; {
	case n == 1:
		where = " on its 1 connection"
	case n > 1:
		where = fmt.Sprintf(" on each of %d connections", n)
	}
	limit := a.Observed.StreamLimit()
	if slices.ContainsFunc(a.Observed.ServerSettings, func(s ServerSettings) bool { return s.MaxConcurrentStreams != nil && *s.MaxConcurrentStreams == 0 }) {
		return fmt.Sprintf("%s of the RPCs waited for a stream of a server that allows 0 of them: it is stopping, or takes no RPCs at present (see its log)",
			percent(float64(l.StreamWaits)/float64(max(1, l.Started))))
	}
	if limit != streams(1) {
		limit = "one of the server's " + limit
	} else {
		limit = "the server's " + limit
	}
	return fmt.Sprintf("%s of the RPCs waited for %s%s: raise --connections", percent(float64(l.StreamWaits)/float64(max(1, l.Started))), limit, where)
}

// noSettings is why nothing can be asked of a result of an older tool, or of one without a
// connection.
const noSettings = "what servers sent in SETTINGS and GOAWAY is not known"

// StreamsBound says whether most of a ledger's RPCs waited for a stream.
func StreamsBound(l Ledger) bool { return 2*l.StreamWaits > l.Started }

// askStreams looks for waits inside the client that are no slowness of the server.
func askStreams(q *question) {
	q.skip(noSettings)
	for _, a := range q.r.Arms {
		if len(a.Observed.ServerSettings) == 0 {
			continue
		}
		q.skip("")
		if text := a.waitsForStreams(); text != "" {
			q.find(finding{verdict: Valid, arm: a.Name, text: text,
				values: map[string]float64{"stream_waits": float64(a.Ledger.StreamWaits), "share": float64(a.Ledger.StreamWaits) / float64(max(1, a.Ledger.Started))}})
		}
	}
}

// askRefused tells of streams that the server refused. Their RPCs were made again, and took
// longer; those that were refused twice are among the failed.
func askRefused(q *question) {
	q.skip(noSettings)
	for _, a := range q.r.Arms {
		if len(a.Observed.ServerSettings) > 0 {
			q.skip("")
		}
		if n := a.Observed.RefusedStreams; n > 0 {
			q.find(finding{verdict: Valid, arm: a.Name,
				text: fmt.Sprintf("the server refused %s (REFUSED_STREAM) beside %d RPCs: each RPC was made again, once, and the time for that is in its latency",
					plural(n, "stream"), a.LedgerTotal.Started),
				values: map[string]float64{"refused": float64(n)}})
		}
	}
}

// askGoAways tells of connections that the server ended. Each is made again, and what is
// lost with it is in the ledger.
func askGoAways(q *question) {
	q.skip(noSettings)
	for _, a := range q.r.Arms {
		if len(a.Observed.ServerSettings) > 0 {
			q.skip("")
		}
		if len(a.Observed.GoAways) == 0 {
			continue
		}
		var all []string
		var n int64
		for _, g := range a.Observed.GoAways {
			all = append(all, g.String())
			n += g.Connections
		}
		q.find(finding{verdict: Valid, arm: a.Name, text: strings.Join(all, "; "), values: map[string]float64{"connections": float64(n)}})
	}
}
