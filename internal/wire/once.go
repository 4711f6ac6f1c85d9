package wire

import (
	"context"
	"time"

	"grpcbench/internal/load"
)

// Once makes one RPC, numbered seq, and returns its code and what the server said of
// it. It comes before the channel is bound to a loop, or after one has ended.
func (c *Channel) Once(ctx context.Context, seq int64) (code, said string) {
	one := &once{start: time.Now(), code: make(chan string, 1)}
	c.Bind(one)
	c.mu.Lock()
	c.said = ""
	c.mu.Unlock()
	c.Start(load.Op{Seq: seq})
	c.Flush()
	select {
	case code = <-one.code:
	case <-ctx.Done():
		c.Abandon(codeDeadlineExceeded)
		code = <-one.code
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return code, percentDecode(c.said)
}

// once is told of one RPC.
type once struct {
	start time.Time
	code  chan string
}

func (o *once) Now() time.Duration                                { return time.Since(o.start) }
func (o *once) Sent(load.Op)                                      {}
func (o *once) Ended(_ load.Op, code string, _ time.Duration)     { o.code <- code }
func (o *once) Next(load.Op, time.Duration) (op load.Op, ok bool) { return op, false }
