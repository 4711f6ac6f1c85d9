package channel

import (
	"slices"
	"strconv"
	"strings"

	"grpcbench/internal/cause"
)

// remembered is how many errors of its connections a channel keeps. An RPC fails with
// one of the latest; a connection may have one of reading and one of writing.
const remembered = 8

// fate is an error of a connection as grpc-go's texts quote it, and its cause.
type fate struct{ text, cause string }

// remember keeps err, with which a connection ended or could not be made, and which means
// why. c.mu is held.
func (c *Channel) remember(err, why error) {
	quoted := strconv.Quote(err.Error())
	f := fate{quoted[1 : len(quoted)-1], Cause(why)}
	if slices.Contains(c.fates, f) {
		return
	}
	if len(c.fates) == remembered {
		c.fates = slices.Delete(c.fates, 0, 1)
	}
	c.fates = append(c.fates, f)
}

// CauseOf is that of the first channel of the chain that has one.
func (c *Chain) CauseOf(text string) (found string) {
	c.some(func(m *member) bool {
		found = m.CauseOf(text)
		return found != ""
	})
	return found
}

// WasReset is true if it is of a channel of the chain.
func (c *Chain) WasReset(name string) bool {
	return c.some(func(m *member) bool { return m.WasReset(name) })
}

// WasCut is true if it is of a channel of the chain.
func (c *Chain) WasCut() bool { return c.some((*member).WasCut) }

// WasBare is true if it is of a channel of the chain.
func (c *Chain) WasBare() bool { return c.some((*member).WasBare) }

func (c *Chain) some(is func(*member) bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for m := range c.live {
		if is(m) {
			return true
		}
	}
	return slices.ContainsFunc(c.past, is)
}

// CauseOf is the cause of an RPC that failed with a text of grpc-go's transport, as far as
// what the text tells of has happened on a connection of this channel; "": it tells of
// nothing that has. A server may write such a text as its own, as a gateway does that
// hands on what its own client was told, but ends no stream and no connection by it, and
// does not know what the error of a system call here would be.
func (c *Channel) CauseOf(text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ends.goAway && slices.Contains(draining, text) {
		return cause.GoAway(c.ends.gone)
	}
	if _, name, ok := strings.Cut(text, ", received prior goaway: code: "); ok && c.ends.goAway {
		name, _, _ = strings.Cut(name, ",")
		return cause.Named(cause.GoAway, name)
	}
	for _, f := range slices.Backward(c.fates) {
		if text == f.text || strings.Contains(text, ": "+f.text) {
			return f.cause
		}
	}
	if !c.broken {
		return ""
	}
	switch _, read, ok := strings.Cut(text, "error reading from server: "); {
	case ok && read != "":
		return cause.Violation // what was read was no HTTP/2: the connection itself had no error
	case text == "transport is closing", strings.HasPrefix(text, "connection error: desc = "), strings.HasPrefix(text, "closing transport due to: "):
		return cause.NoConnect
	}
	return ""
}

// draining are the texts of a stream that a GOAWAY left out.
var draining = []string{"the connection is draining", "the stream is rejected because server is draining the connection"}

// WasReset says whether a stream was reset with an error code of that name of which no
// RPC was told to have ended so, and counts it as told.
func (c *Channel) WasReset(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return take(c.ends.resets, cause.Named(cause.RSTStream, name))
}

// WasCut says whether a stream ended by DATA of which no RPC was told to have ended so,
// and counts it as told: a page of a web server, or a response without trailers.
func (c *Channel) WasCut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return take(c.ends.resets, cut)
}

// WasBare says whether a stream ended by trailers without a single field, and so without a
// status, of which no RPC was told to have ended so, and counts it as told.
func (c *Channel) WasBare() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return take(c.ends.resets, bare)
}
