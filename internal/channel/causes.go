package channel

import (
	"slices"
	"strconv"
	"strings"
)

// remembered is how many errors of its connections a channel keeps. An RPC fails with
// one of the latest.
const remembered = 4

// fate is an error of a connection as grpc-go's texts quote it, and its cause.
type fate struct{ text, cause string }

// remember keeps err. c.mu is held.
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

// CauseOf is the cause of an RPC that failed with a text of grpc-go in which an error of
// one of the latest connections is quoted; "": in it there is none. The error of a system
// call names both ends of a connection, so that no server can write the like of it.
func (c *Channel) CauseOf(text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range slices.Backward(c.fates) {
		if strings.Contains(text, ": "+f.text) {
			return f.cause
		}
	}
	return ""
}
