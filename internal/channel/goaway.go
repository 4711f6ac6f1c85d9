package channel

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strconv"

	"grpcbench/internal/h2code"
)

// GoAway is how many connections a server ended by GOAWAY in one way (RFC 9113, 6.8).
type GoAway struct {
	Code   string `json:"code"`             // of the latest GOAWAY of a connection: its name, or its number in hexadecimal
	Reason string `json:"reason,omitempty"` // debug data that has a meaning; "" for any other, and for none
	// Connections is how many were ended so. Of Counted of them the GOAWAY named the last
	// stream: they had RPCs altogether that the server took.
	Connections int64 `json:"connections"`
	Counted     int64 `json:"counted"`
	RPCs        int64 `json:"rpcs"`
	// Refused is how many streams were above the last one of those: each is an RPC that the
	// server did not take and that is made again, once.
	Refused int64 `json:"refused"`
}

// reasons are the debug data of GOAWAY that servers are known to send: grpc-go, C core and
// grpc-java. Nothing else that they write is kept.
var reasons = []string{"too_many_pings", "max_age", "max_idle", "graceful_stop", "app_requested", "Server shutdown"}

// longestReason is the length of the longest of them.
const longestReason = 15

const (
	noLastStream = 1<<31 - 1 // of a GOAWAY that announces another
	mostGoAways  = 16        // that are told apart
	otherGoAway  = h2code.Other
)

// MostDebug is how many bytes of a GOAWAY's debug data are kept for a sentence.
const MostDebug = 256

// goAwayOf is one connection's GOAWAY, of at least eight bytes. Debug data may be cut off
// after one byte more than the longest reason.
func goAwayOf(payload []byte) GoAway {
	code, last := binary.BigEndian.Uint32(payload[4:]), int64(binary.BigEndian.Uint32(payload)&^(1<<31))
	g := GoAway{Code: h2code.Name(code), Connections: 1}
	if !h2code.Known(code) {
		g.Code = "0x" + strconv.FormatUint(uint64(code), 16)
	}
	if said := string(payload[8:min(len(payload), 8+longestReason+1)]); slices.Contains(reasons, said) {
		g.Reason = said
	}
	if last < noLastStream {
		g.Counted, g.RPCs = 1, (last+1)/2
	}
	return g
}

// of is g of one connection on which so many streams were opened, and had ended when it
// came: some servers name stream 0 whatever they have answered.
func (g GoAway) of(opened, ended int64) GoAway {
	if g.Counted > 0 {
		g.Refused = max(0, opened-max(g.RPCs, ended))
	}
	return g
}

// GoAways are the connections that were ended so, by code and reason. The zero value is
// none. A copy does not change with it.
type GoAways []GoAway

// Add counts more of them.
func (g *GoAways) Add(more ...GoAway) {
	all := slices.Clone(*g)
	for _, m := range more {
		i := slices.IndexFunc(all, func(o GoAway) bool { return o.Code == m.Code && o.Reason == m.Reason })
		if i < 0 && len(all) >= mostGoAways-1 {
			m.Code, m.Reason = otherGoAway, ""
			i = slices.IndexFunc(all, func(o GoAway) bool { return o.Code == otherGoAway })
		}
		if i < 0 {
			all, i = append(all, GoAway{Code: m.Code, Reason: m.Reason}), len(all)
		}
		all[i].Connections += m.Connections
		all[i].Counted += m.Counted
		all[i].RPCs += m.RPCs
		all[i].Refused += m.Refused
	}
	*g = slices.DeleteFunc(all, func(o GoAway) bool { return o.Connections == 0 })
	slices.SortFunc(*g, func(a, b GoAway) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Reason, b.Reason))
	})
}

// Replace counts a connection that has had another GOAWAY by that one, whose payload it
// takes, and returns how it is counted now. before is how it was; the zero value: not yet.
// Of it so many streams were opened and have ended.
func (g *GoAways) Replace(before GoAway, payload []byte, opened, ended int64) GoAway {
	return g.change(before, goAwayOf(payload).of(opened, ended))
}

// change counts a connection in another way than before.
func (g *GoAways) change(before, now GoAway) GoAway {
	before.Connections, before.Counted, before.RPCs, before.Refused = -before.Connections, -before.Counted, -before.RPCs, -before.Refused
	if before.Connections == 0 {
		g.Add(now)
	} else {
		g.Add(now, before)
	}
	return now
}

// GoAways are the connections of the channel that the server has ended by GOAWAY so far.
func (c *Channel) GoAways() GoAways {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.goAways
}

// GoAwayDebug is the beginning of the debug data of the latest connection's first GOAWAY, as
// the server wrote it.
func (c *Channel) GoAwayDebug() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ends.debug
}

// GoAwayDebug is that of the first channel of the chain that has some.
func (c *Chain) GoAwayDebug() (debug string) {
	c.some(func(m *member) bool {
		debug = m.GoAwayDebug()
		return debug != ""
	})
	return debug
}

// Refused is how many streams the server has refused so far, of RPCs that it had not begun:
// each is made again, once (RFC 9113, 8.7).
func (c *Channel) Refused() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused
}

// Refused is that of all channels.
func (c *Chain) Refused() int64 { return c.sum().refused }

// GoAways are those of all channels.
func (c *Chain) GoAways() GoAways { return c.sum().goAways }
