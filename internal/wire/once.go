package wire

import (
	"context"
	"time"

	"grpcbench/internal/load"
)

// Heard is what a server showed of one RPC beside its outcome.
type Heard struct {
	Accepts string // grpc-accept-encoding; "": not sent
	Size    int64  // of the response message; -1: not known, or compressed
}

// Once makes one RPC, numbered seq, and returns how it ended, what was written of it, and
// what else the server showed. It comes before the channel is bound to a loop, or after one
// has ended.
func (c *Channel) Once(ctx context.Context, seq int64) (end load.End, words Words, heard Heard) {
	one := &once{start: time.Now(), end: make(chan load.End, 1), heard: Heard{Size: -1}}
	c.Bind(one)
	c.mu.Lock()
	c.words = Words{}
	c.mu.Unlock()
	c.Start(load.Op{Seq: seq})
	c.Flush()
	select {
	case end = <-one.end:
	case <-ctx.Done():
		by := pastDeadline
		if ctx.Err() == context.Canceled {
			by = cancelled
		}
		c.Abandon(by)
		end = <-one.end
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return end, c.words.decoded(), one.heard
}

// Words are what was written of an RPC that failed, as it was written: it may hold
// anything.
type Words struct {
	Said   string // grpc-message, or why this client failed it
	Server string // the field `server` of an answer that was not gRPC's
	Debug  string // the beginning of the debug data of the latest GOAWAY

	encoded string // grpc-message as it came, which becomes Said where somebody reads it
}

// decoded is w with all that was said.
func (w Words) decoded() Words {
	if w.encoded != "" {
		w.Said, w.encoded = percentDecode(w.encoded), ""
	}
	return w
}

// once is told of one RPC.
type once struct {
	start time.Time
	end   chan load.End
	heard Heard // guarded by the channel's lock
}

func (o *once) Now() time.Duration                                { return time.Since(o.start) }
func (o *once) Sent(load.Op)                                      {}
func (o *once) Ended(_ load.Op, end load.End, _ time.Duration)    { o.end <- end }
func (o *once) Next(load.Op, time.Duration) (op load.Op, ok bool) { return op, false }

// hear notes what a header block and the message before it show, if one RPC alone is made.
func (c *Channel) hear(s *stream, m *meaning) {
	one, ok := c.turns.(*once)
	if !ok {
		return
	}
	if m.accepts != "" {
		one.heard.Accepts = m.accepts
	}
	if s.response.n == 1 && !s.response.compressed {
		one.heard.Size = int64(s.response.length)
	}
}
