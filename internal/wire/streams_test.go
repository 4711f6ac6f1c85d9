package wire

import (
	"math/rand/v2"
	"testing"
)

// Against a map: streams are opened in order and closed in any, a few stay for long.
func TestTheTableHoldsWhatAMapHolds(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var table streams
	open := map[uint32]int64{}
	id := uint32(1)
	for range 200_000 {
		if r.IntN(2) == 0 || len(open) == 0 {
			table.add(id).op.Seq = int64(id) * 7
			open[id] = int64(id) * 7
			id += 2
			continue
		}
		for k := range open { // any
			if k%1001 == 0 && len(open) < 200 { // a stream that stays
				break
			}
			table.remove(table.get(k))
			delete(open, k)
			break
		}
	}
	if table.open != len(open) {
		t.Fatalf("%d open, want %d", table.open, len(open))
	}
	for k, seq := range open {
		if s := table.get(k); s == nil || s.op.Seq != seq {
			t.Fatalf("stream %d: %+v, want op %d", k, s, seq)
		}
	}
	seen := 0
	table.all(func(s *stream) {
		if _, ok := open[s.id]; !ok {
			t.Errorf("stream %d is not open", s.id)
		}
		seen++
	})
	if seen != len(open) {
		t.Errorf("%d streams listed, want %d", seen, len(open))
	}
}

// One RPC that hangs while a million others pass it: the table stays as it is.
func TestAStreamThatHangsDoesNotMakeTheTableGrow(t *testing.T) {
	var table streams
	table.add(1).op.Seq = 42
	for id := uint32(3); id < 2_000_000; id += 2 {
		table.add(id)
		table.remove(table.get(id))
	}
	if len(table.slots) > leastSlots {
		t.Errorf("%d places for 2 streams at once, want %d", len(table.slots), leastSlots)
	}
	if s := table.get(1); s == nil || s.op.Seq != 42 {
		t.Errorf("the first stream is %+v", s)
	}
}

func TestDeadlinesAreThoseOfOpenStreams(t *testing.T) {
	var d deadlines
	open := map[uint32]*stream{}
	get := func(id uint32) *stream { return open[id] }
	for id := uint32(1); id < 100_000; id += 2 {
		open[id] = &stream{id: id}
		d.push(due{id: id, at: 1}, get)
		delete(open, id-20) // ten at once
	}
	if n := len(d.queue) - d.first; n > 20 || cap(d.queue) > 100 {
		t.Errorf("%d deadlines in room for %d, with ten streams open", n, cap(d.queue))
	}
	if got, want := d.head().id, uint32(99_999-20); got != want {
		t.Errorf("the first deadline is that of stream %d, want %d", got, want)
	}
}

// Nor do the deadlines of the RPCs that pass one that hangs, ten at once.
func TestAStreamThatHangsKeepsNoDeadlinesBehindIt(t *testing.T) {
	var d deadlines
	open := map[uint32]*stream{}
	get := func(id uint32) *stream { return open[id] }
	for id := uint32(1); id < 100_000; id += 2 {
		open[id] = &stream{id: id}
		d.push(due{id: id, at: 1}, get)
		if id > 21 {
			delete(open, id-20)
		}
	}
	if cap(d.queue) > 100 {
		t.Errorf("room for %d deadlines, with %d streams open", cap(d.queue), len(open))
	}
	if got := d.head().id; got != 1 {
		t.Errorf("the first deadline is that of stream %d, want 1", got)
	}
}
