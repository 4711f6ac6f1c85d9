package wire

import (
	"slices"
	"time"
)

// due is when a stream must have ended.
type due struct {
	id uint32
	at time.Duration
}

// deadlines are those of a connection's streams, the first at the head. All RPCs have
// the same time, so that they expire in the order they began; only one that is made
// again, or has waited, comes before some that are queued already.
type deadlines struct {
	queue []due
	first int
}

func (d *deadlines) empty() bool { return d.first == len(d.queue) }

func (d *deadlines) head() due { return d.queue[d.first] }

func (d *deadlines) pop() {
	if d.first++; d.first == len(d.queue) {
		d.queue, d.first = d.queue[:0], 0
	}
}

// push adds a deadline and drops the first ones whose streams have ended, so that
// the queue is about as long as there are streams.
func (d *deadlines) push(x due, open func(uint32) *stream) {
	for !d.empty() && open(d.head().id) == nil {
		d.pop()
	}
	if len(d.queue) == cap(d.queue) {
		d.compact(open)
	}
	d.queue = append(d.queue, x)
	for i := len(d.queue) - 1; i > d.first && d.queue[i-1].at > x.at; i-- {
		d.queue[i-1], d.queue[i] = x, d.queue[i-1]
	}
}

// compact drops all whose streams have ended: behind one that hangs there may be any
// number. It leaves room for as many as stay, so that it is seldom called.
func (d *deadlines) compact(open func(uint32) *stream) {
	kept := d.queue[:0]
	for _, x := range d.queue[d.first:] {
		if open(x.id) != nil {
			kept = append(kept, x)
		}
	}
	d.queue, d.first = slices.Grow(kept, len(kept)), 0
}
