package wire

import "grpcbench/internal/load"

// stream is one RPC on a connection. It is open from its HEADERS until its
// outcome.
type stream struct {
	id       uint32 // 0: the place is free
	op       load.Op
	response messages
	answered bool   // response headers came
	http     int    // their HTTP status
	encoding string // of the response
	unsent   int    // bytes of the request's message that wait for a window
	window   int64  // what the server lets us send on it
	unacked  int    // bytes received since the last WINDOW_UPDATE
	last     bool   // it is not made again if it is refused
}

// streams are the open ones of a connection: a table indexed by the low bits of
// the stream number. Numbers are handed out in order (RFC 9113, 5.1.1), so that
// two want the same place only when one has outlived as many as the table holds.
// Such a stray is kept aside: one RPC that hangs must not make the table grow with
// every RPC that passes it.
type streams struct {
	slots  []stream
	strays map[uint32]*stream
	open   int
}

const leastSlots = 16

func (t *streams) place(id uint32) *stream { return &t.slots[int(id>>1)&(len(t.slots)-1)] }

// get is the open stream of that number; nil if there is none. It is valid until
// the next add.
func (t *streams) get(id uint32) *stream {
	if t.open == 0 || id == 0 {
		return nil
	}
	if s := t.place(id); s.id == id {
		return s
	}
	return t.strays[id]
}

// add opens a stream.
func (t *streams) add(id uint32) *stream {
	if t.open >= len(t.slots)/2 {
		t.grow()
	}
	s := t.place(id)
	if s.id != 0 {
		t.setAside(*s)
	}
	kept := s.response.kept[:0] // its memory is used again
	if s.id != 0 {
		kept = nil
	}
	*s = stream{id: id}
	s.response.kept = kept
	t.open++
	return s
}

func (t *streams) setAside(s stream) {
	if t.strays == nil {
		t.strays = map[uint32]*stream{}
	}
	t.strays[s.id] = &s
}

func (t *streams) grow() {
	old := t.slots
	t.slots = make([]stream, max(leastSlots, 2*len(old)))
	for _, s := range old {
		if s.id == 0 {
			continue
		}
		if to := t.place(s.id); to.id == 0 {
			*to = s
		} else {
			t.setAside(s)
		}
	}
}

// remove closes a stream.
func (t *streams) remove(s *stream) {
	if t.place(s.id) != s {
		delete(t.strays, s.id)
	}
	s.id = 0
	t.open--
}

// all calls f with every open stream; f may remove it and must add none.
func (t *streams) all(f func(*stream)) {
	for i := range t.slots {
		if t.slots[i].id != 0 {
			f(&t.slots[i])
		}
	}
	for _, s := range t.strays {
		f(s)
	}
}
