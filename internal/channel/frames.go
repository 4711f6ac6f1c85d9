package channel

import (
	"encoding/binary"

	"grpcbench/internal/cause"
)

// Kinds of frames that are looked at, and the flag of one that ends its stream (RFC
// 9113, 6).
const (
	frameData      = 0x0
	frameRSTStream = 0x3
	frameGoAway    = 0x7
	flagEndStream  = 0x1
)

// frames follows what a server sends frame by frame, however reads cut it, and tells
// what grpc-go has as text alone. It holds no more than a few bytes of a frame. Only the
// one goroutine that reads the connection calls it.
type frames struct {
	head [9]byte // of the frame that is being read (RFC 9113, 4.1)
	have int     // of head
	left int     // of the payload
	code [8]byte // the beginning of the payload
	kept int     // of code

	seen func(kind byte, code [8]byte)
}

// read takes the next bytes.
func (f *frames) read(b []byte) {
	for len(b) > 0 {
		if f.have < len(f.head) {
			n := copy(f.head[f.have:], b)
			f.have += n
			b = b[n:]
			if f.have < len(f.head) {
				return
			}
			f.left, f.kept = int(f.head[0])<<16|int(f.head[1])<<8|int(f.head[2]), 0
		}
		n := min(len(b), f.left)
		if kind := f.head[3]; kind == frameRSTStream || kind == frameGoAway {
			f.kept += copy(f.code[f.kept:], b[:n])
		}
		f.left -= n
		b = b[n:]
		if f.left == 0 {
			f.end()
		}
	}
}

// end tells of a frame that is whole.
func (f *frames) end() {
	f.have = 0
	switch kind, flags := f.head[3], f.head[4]; {
	case kind == frameRSTStream && f.kept >= 4, kind == frameGoAway && f.kept == 8, kind == frameData && flags&flagEndStream != 0:
		f.seen(kind, f.code)
	}
}

// ends are what servers did to end streams and connections of a channel.
type ends struct {
	// resets counts streams, each of which stands for one RPC that failed by it: those that
	// were reset, by cause, and those that were cut.
	resets map[string]int64
	goAway bool
	gone   uint32 // the error code of the latest connection's first GOAWAY
}

// cut are streams that ended by DATA, as no response of gRPC does.
const cut = "cut"

// saw is told of the frames that end something.
func (s *settled) saw(kind byte, code [8]byte) {
	c := s.channel
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ends.resets == nil {
		c.ends.resets = map[string]int64{}
	}
	switch kind {
	case frameRSTStream:
		c.ends.resets[cause.RSTStream(binary.BigEndian.Uint32(code[:]))]++
	case frameData:
		c.ends.resets[cut]++
	case frameGoAway:
		if !s.goAway {
			s.goAway, c.ends.goAway = true, true
			c.ends.gone = binary.BigEndian.Uint32(code[4:])
		}
	}
}

// take uses up one of a count.
func take(counts map[string]int64, of string) bool {
	if counts[of] == 0 {
		return false
	}
	counts[of]--
	return true
}
