package wire

import (
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"grpcbench/internal/cause"
	"grpcbench/internal/code"
	"grpcbench/internal/load"
)

// ends is when each RPC ended, by its number.
type ends struct {
	*told
	at map[int64]time.Duration
}

func (e ends) Ended(op load.Op, end load.End, now time.Duration) {
	e.told.Ended(op, end, now)
	e.at[op.Seq] = now
}

// newTimed is a client that notes when RPCs end.
func newTimed(t *testing.T, r Request) (*client, map[int64]time.Duration) {
	c := newClient(t, r)
	e := ends{c.told, map[int64]time.Duration{}}
	c.Bind(e)
	return c, e.at
}

const patient = 200 * time.Millisecond

// Three callers of a closed loop whose RPCs began 50 ms apart, and a server that
// never answers: the next RPC of the first does not put off the deadlines of the rest.
func TestTheDeadlineOfACallerDoesNotHangOnAnothers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, ended := newTimed(t, Request{Deadline: patient})
		c.told.again = 6
		for i := range int64(3) {
			c.start(i, 1)
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(10 * patient)
		synctest.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		for i := range int64(9) { // RPC 1000·k + i is the k-th of caller i
			seq := 1000*(i/3) + i%3
			want := 50*time.Millisecond*time.Duration(i%3) + patient*time.Duration(1+i/3)
			if ended[seq] != want || c.told.codes[seq] != code.DeadlineExceeded {
				t.Errorf("RPC %d ended after %v with %q, want %v and %s", seq, ended[seq], c.told.codes[seq], want, code.DeadlineExceeded)
			}
		}
	})
}

// An RPC that is made again stands behind younger ones: its deadline does not.
func TestADeadlineCountsFromTheFirstAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, ended := newTimed(t, Request{Deadline: patient})
		c.start(0, 1)
		time.Sleep(50 * time.Millisecond)
		c.start(1, 1)
		time.Sleep(50 * time.Millisecond)
		c.must(t, c.wrote(c.WriteRSTStream(1, http2.ErrCodeRefusedStream)))
		time.Sleep(patient)
		synctest.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		if ended[0] != patient || ended[1] != patient+50*time.Millisecond {
			t.Errorf("RPCs begun at 0 and 50 ms ended at %v and %v, want %v later each", ended[0], ended[1], patient)
		}
	})
}

// A connection that has been replaced holds one RPC, which runs out of time: what its
// caller asks for next is sent on the new connection, and the old one is closed.
func TestACallerWhoseDeadlinePassedOnAnOldConnectionGoesOn(t *testing.T) {
	for range 20 { // the order of two connections is random
		synctest.Test(t, func(t *testing.T) {
			c, _ := newTimed(t, Request{Deadline: patient, Length: 0})
			c.told.again = 1
			c.start(0, 1)
			c.Channel.dialing = true
			c.must(t, c.goAway(1))
			old := c.out
			c.connect()
			c.must(t, c.settings())
			c.mu.Lock()
			c.frames(t)
			c.mu.Unlock()
			time.Sleep(patient)
			synctest.Wait()
			c.mu.Lock()
			_, blocks, _ := sentOn(t, c.frames(t), maxFrame)
			c.mu.Unlock()
			if len(blocks) != 1 || !old.closed {
				t.Errorf("%d RPCs sent on the new connection, the old one closed: %t; want 1 and true", len(blocks), old.closed)
			}
		})
	}
}

// A server that keeps the deadline too ends the RPC by a status or by a reset; from the deadline
// on it is the client's, and before it the server's own.
func TestWhatAServerSaysOfTheDeadlineIsTheClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const deadline = 20 * time.Millisecond
		c := newClient(t, Request{Deadline: deadline})
		op := load.Op{Sent: c.Channel.turns.Now()}
		status := load.End{Code: code.DeadlineExceeded, Cause: cause.Status}
		reset := load.End{Code: code.Cancelled, Cause: cause.RSTStream(8)}
		other := load.End{Code: code.Unavailable, Cause: cause.Status}
		for _, end := range []load.End{status, reset, other} {
			if got := c.Channel.late(op, end); got != end {
				t.Errorf("before the deadline: %+v, want %+v", got, end)
			}
		}
		time.Sleep(deadline)
		for end, want := range map[load.End]load.End{status: pastDeadline, reset: pastDeadline, other: other} {
			if got := c.Channel.late(op, end); got != want {
				t.Errorf("after the deadline: %+v is %+v, want %+v", end, got, want)
			}
		}
	})
}
