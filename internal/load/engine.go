package load

import (
	"context"
	"sync"
	"time"
)

// Op is an RPC on its way. Times are offsets from the common start.
type Op struct {
	Seq      int64 // numbers the RPCs of a run from 0
	Conn     int   // connection that it is made on
	Intended time.Duration
	Sent     time.Duration // set by the engine
	Waited   bool          // for one of the streams that the server allows; likewise
}

// An Engine makes RPCs. Start and Flush are called from one goroutine at a time and
// return at once: an engine that waited for its server would hold up the schedule.
type Engine interface {
	// Bind comes first: it says whom to tell.
	Bind(Turns)
	// Start begins an RPC, which need not be on its way before the next Flush.
	Start(Op)
	Flush()
	// Cancel ends the RPCs in flight soon; it is called when the drain is over.
	Cancel()
}

// Turns is what an engine tells its loop of each RPC, and asks it. Its methods may be
// called from any goroutine; now is the time of the call as the engine knows it, which
// may read the clock once for all RPCs that it finds ended together.
type Turns interface {
	Now() time.Duration
	// Sent is told right before an RPC is made; the engine has noted when.
	Sent(op Op)
	// Ended is told of every RPC that Sent was told of, once.
	Ended(op Op, end End, now time.Duration)
	// Next is asked after Ended: is there another RPC to make on this connection? An
	// engine asks when it can make it, so that a dead connection is not asked as fast
	// as a processor can fail.
	Next(after Op, now time.Duration) (Op, bool)
}

// Callers is an Engine that makes each RPC by a function that returns when it has
// ended, in a goroutine of its own.
type Callers struct {
	call         Call
	afterFailure func(ctx context.Context, conn int)
	// Enter, when not nil, is told of each RPC before it is made, and says whether it waits
	// for a stream; what it returns is told when the RPC has ended. It is set before Bind.
	Enter func(conn int) (Stream, bool)

	turns  Turns
	ctx    context.Context // ends calls in flight
	cancel context.CancelFunc
	once   sync.Once
	idle   chan Op // to a caller that has nothing to do
}

// Stream is an RPC's part in the account of its connection.
type Stream interface{ Leave() }

// NewCallers returns an engine for one loop. afterFailure, when not nil, is called by
// a caller whose RPC failed, before it asks for the next.
func NewCallers(call Call, afterFailure func(ctx context.Context, conn int)) *Callers {
	c := &Callers{call: call, afterFailure: afterFailure, idle: make(chan Op)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Bind implements Engine.
func (c *Callers) Bind(t Turns) { c.turns = t }

// Flush implements Engine: every RPC is on its way.
func (c *Callers) Flush() {}

// Start implements Engine: a parked caller takes the RPC, or a new one if all are busy.
func (c *Callers) Start(op Op) {
	select {
	case c.idle <- op:
	default:
		go func() {
			c.turn(op)
			for op := range c.idle {
				c.turn(op)
			}
		}()
	}
}

// Cancel implements Engine; callers that are parked end.
func (c *Callers) Cancel() {
	c.once.Do(func() {
		c.cancel()
		close(c.idle)
	})
}

// turn makes an RPC, and the ones that follow it in a closed loop.
func (c *Callers) turn(op Op) {
	for more := true; more; op, more = c.turns.Next(op, c.turns.Now()) {
		op.Sent = c.turns.Now()
		c.turns.Sent(op)
		end := c.made(&op)
		c.turns.Ended(op, end, c.turns.Now())
		if !end.Good() && c.afterFailure != nil {
			c.afterFailure(c.ctx, op.Conn)
		}
	}
}

// made makes an RPC.
func (c *Callers) made(op *Op) End {
	if c.Enter == nil {
		return c.call(c.ctx, op.Conn, op.Seq)
	}
	stream, waits := c.Enter(op.Conn)
	op.Waited = waits
	defer stream.Leave()
	return c.call(c.ctx, op.Conn, op.Seq)
}
