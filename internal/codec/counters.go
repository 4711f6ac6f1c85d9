package codec

import (
	"math"
	"runtime"
	"sync/atomic"
	"time"
)

// sampleEvery is the distance between messages whose CPU time is read. Reading
// it costs up to a microsecond of system calls a message; one in eight keeps
// that below the noise and still samples a window of a second hundreds of times.
const sampleEvery = 8

// Counters counts the work of the compressors that Install registered. It is
// safe for concurrent use, and counting does not allocate.
type Counters struct {
	compress, decompress tally
	received             map[string]*atomic.Int64 // messages decompressed, by encoding
}

func newCounters(names []string) *Counters {
	cost := clockCost()
	c := &Counters{compress: tally{clockCost: cost}, decompress: tally{clockCost: cost}, received: make(map[string]*atomic.Int64)}
	for _, name := range names {
		c.received[name] = new(atomic.Int64)
	}
	return c
}

// Received returns how many messages were decompressed since Install, by encoding; those
// that none came in are left out.
func (c *Counters) Received() map[string]int64 {
	by := make(map[string]int64)
	for name, n := range c.received {
		if n := n.Load(); n > 0 {
			by[name] = n
		}
	}
	return by
}

// Counts is a Counters at one instant. Messages in work at that instant are in
// none of its numbers or in some.
type Counts struct {
	Compress   Work // messages sent
	Decompress Work // messages received
}

// Work is what one direction of the codec did. Bytes are those of messages,
// without the 5-byte gRPC prefix; a message that failed is not counted.
type Work struct {
	Messages   int64         // messages really compressed, or decompressed
	BytesIn    int64         // before the codec
	BytesOut   int64         // after the codec
	Sampled    int64         // messages whose CPU time was read; 0 where it cannot be
	SampledCPU time.Duration // CPU time of the sampled messages
}

// Snapshot returns the counts since Install.
func (c *Counters) Snapshot() Counts {
	return Counts{Compress: c.compress.work(), Decompress: c.decompress.work()}
}

// Sub returns what happened between an earlier snapshot and c.
func (c Counts) Sub(earlier Counts) Counts {
	return Counts{
		Compress:   c.Compress.sub(earlier.Compress),
		Decompress: c.Decompress.sub(earlier.Decompress),
	}
}

func (w Work) sub(earlier Work) Work {
	return Work{
		Messages:   w.Messages - earlier.Messages,
		BytesIn:    w.BytesIn - earlier.BytesIn,
		BytesOut:   w.BytesOut - earlier.BytesOut,
		Sampled:    w.Sampled - earlier.Sampled,
		SampledCPU: w.SampledCPU - earlier.SampledCPU,
	}
}

// CPU estimates the CPU time of all messages from the sampled ones,
//
//	SampledCPU · Messages / Sampled
//
// and is exact to the sampling if messages are alike. ok is false if none was
// sampled: too few messages, or a system without a CPU clock for threads.
func (w Work) CPU() (cpu time.Duration, ok bool) {
	if w.Sampled == 0 {
		return 0, false
	}
	perMessage := float64(w.SampledCPU) / float64(w.Sampled)
	return time.Duration(perMessage * float64(w.Messages)), true
}

// tally counts one direction.
type tally struct {
	clockCost  time.Duration
	started    atomic.Uint64 // decides which message is sampled
	messages   atomic.Int64
	bytesIn    atomic.Int64
	bytesOut   atomic.Int64
	sampled    atomic.Int64
	sampledCPU atomic.Int64 // nanoseconds
}

// startMessage returns the meter of a new message. The first message of a
// process is sampled, so that a single call has a CPU time.
func (t *tally) startMessage() meter {
	return meter{on: (t.started.Add(1)-1)%sampleEvery == 0, clockCost: t.clockCost}
}

func (t *tally) endMessage(bytesIn, bytesOut int64, m meter) {
	t.messages.Add(1)
	t.bytesIn.Add(bytesIn)
	t.bytesOut.Add(bytesOut)
	if m.on {
		t.sampled.Add(1)
		t.sampledCPU.Add(int64(m.cpu))
	}
}

func (t *tally) work() Work {
	return Work{
		Messages:   t.messages.Load(),
		BytesIn:    t.bytesIn.Load(),
		BytesOut:   t.bytesOut.Load(),
		Sampled:    t.sampled.Load(),
		SampledCPU: time.Duration(t.sampledCPU.Load()),
	}
}

// meter adds up the CPU time of one message's codec work, if it is on. The
// goroutine is bound to its thread between begin and end, since the clock is
// the thread's; a clock that cannot be read turns the meter off.
type meter struct {
	on        bool
	clockCost time.Duration // what an empty begin and end would add
	start     time.Duration
	cpu       time.Duration
}

func (m *meter) begin() {
	if !m.on {
		return
	}
	runtime.LockOSThread()
	if m.start, m.on = threadCPU(); !m.on {
		runtime.UnlockOSThread()
	}
}

func (m *meter) end() {
	if !m.on {
		return
	}
	var now time.Duration
	now, m.on = threadCPU()
	runtime.UnlockOSThread()
	m.cpu += max(0, now-m.start-m.clockCost)
}

// clockCost returns the CPU time between two readings with nothing between
// them: the least of a few, so that what is subtracted for it is never work.
func clockCost() time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	least := time.Duration(math.MaxInt64)
	for range 32 {
		start, _ := threadCPU()
		end, ok := threadCPU()
		if !ok {
			return 0
		}
		least = min(least, end-start)
	}
	return least
}
