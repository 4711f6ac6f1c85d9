package wire

import (
	"grpcbench/internal/load"
)

// Engine is a load.Engine on channels: an RPC's Conn is an index of them.
type Engine struct {
	Channels []*Channel
	// First is added to the number of an RPC where its own metadata is made, so that
	// no unique value comes again in another loop.
	First int64
}

// Bind implements load.Engine.
func (e Engine) Bind(t load.Turns) {
	for _, c := range e.Channels {
		c.mu.Lock()
		c.turns, c.firstSeq = t, e.First
		c.mu.Unlock()
	}
}

// Start implements load.Engine.
func (e Engine) Start(op load.Op) { e.Channels[op.Conn].Start(op) }

// Flush implements load.Engine.
func (e Engine) Flush() {
	for _, c := range e.Channels {
		c.Flush()
	}
}

// Cancel implements load.Engine.
func (e Engine) Cancel() {
	for _, c := range e.Channels {
		c.Abandon(cancelled)
	}
}
