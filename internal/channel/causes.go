package channel

import (
	"slices"
	"strconv"
	"strings"

	"grpcbench/internal/cause"
)

// remembered is how many errors of its connections a channel keeps. An RPC fails with
// one of the latest.
const remembered = 4

// fate is an error of a connection as grpc-go's texts quote it, and its cause.
type fate struct{ text, cause string }

// remember keeps err, with which a connection ended or could not be made. c.mu is held.
func (c *Channel) remember(err error) {
	quoted := strconv.Quote(err.Error())
	f := fate{quoted[1 : len(quoted)-1], Cause(err)}
	if slices.Contains(c.fates, f) {
		return
	}
	if len(c.fates) == remembered {
		c.fates = slices.Delete(c.fates, 0, 1)
	}
	c.fates = append(c.fates, f)
}

// CauseOf is that of the first channel of the chain that has one.
func (c *Chain) CauseOf(text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for m := range c.live {
		if found := m.CauseOf(text); found != "" {
			return found
		}
	}
	return ""
}

// CauseOf is the cause of an RPC that failed with UNAVAILABLE and a text of grpc-go's
// transport, as far as connections of this channel have ended or could not be made; "":
// none that the text can be about. A server that writes such a text, as a gateway does
// that hands on what its own client was told, does not end a connection by it, and does
// not know what the error of a system call here would be.
func (c *Channel) CauseOf(text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.fates) == 0 && !c.broken {
		return ""
	}
	if _, name, ok := strings.Cut(text, ", received prior goaway: code: "); ok {
		name, _, _ = strings.Cut(name, ",")
		return cause.Named(cause.GoAway, name)
	}
	for _, f := range slices.Backward(c.fates) {
		if strings.Contains(text, ": "+f.text) {
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
