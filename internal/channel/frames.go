package channel

import (
	"encoding/binary"
	"slices"

	"grpcbench/internal/cause"
	"grpcbench/internal/h2code"
)

// prefaceLen is the length of what a client sends before its first frame (RFC 9113, 3.4).
const prefaceLen = 24

// frames follows what a server sends frame by frame, however reads cut it, and tells
// what grpc-go has as text alone. It holds the beginning of a frame and no more. Only the
// one goroutine that reads the connection calls it.
type frames struct {
	head [9]byte         // of the frame that is being read (RFC 9113, 4.1)
	have int             // of head
	left int             // of the payload
	code [8]byte         // the beginning of the payload, or of the entry of SETTINGS that is being read
	kept int             // of code
	open int64           // streams, by HEADERS
	over int64           // streams, by HEADERS that end them
	said [MostDebug]byte // the beginning of a GOAWAY's debug data
	long int             // of said

	seen    func(kind byte, code [8]byte)
	setting func(id uint16, value uint32) // of one entry of SETTINGS
	settled func()                        // SETTINGS are whole
}

// sentFrames follows what a client sends, from its preface on.
func sentFrames() frames {
	return frames{have: 9, left: prefaceLen, seen: func(byte, [8]byte) {}}
}

// telling says whether a frame is one of which more than its head is looked at, or whose
// end is told of.
func telling(kind, flags byte) bool {
	return kind == h2code.FrameRSTStream || kind == h2code.FrameGoAway || kind == h2code.FrameSettings || kind == h2code.FrameData && flags&h2code.FlagEndStream != 0
}

// read takes the next bytes.
func (f *frames) read(b []byte) {
	for len(b) > 0 {
		if f.have == 0 && len(b) >= len(f.head) && !telling(b[3], b[4]) { // most are, and whole
			if n := len(f.head) + int(b[0])<<16 + int(b[1])<<8 + int(b[2]); n <= len(b) && n > len(f.head) {
				f.count(b[3], b[4])
				b = b[n:]
				continue
			}
		}
		if f.have < len(f.head) {
			n := copy(f.head[f.have:], b)
			f.have += n
			b = b[n:]
			if f.have < len(f.head) {
				return
			}
			f.left, f.kept, f.long = int(f.head[0])<<16|int(f.head[1])<<8|int(f.head[2]), 0, 0
			f.count(f.head[3], f.head[4])
		}
		n := min(len(b), f.left)
		switch f.head[3] {
		case h2code.FrameRSTStream:
			f.kept += copy(f.code[f.kept:], b[:n])
		case h2code.FrameGoAway:
			k := copy(f.code[f.kept:], b[:n])
			f.kept += k
			f.long += copy(f.said[f.long:], b[k:n])
		case h2code.FrameSettings:
			f.settings(b[:n])
		}
		f.left -= n
		b = b[n:]
		if f.left == 0 {
			f.end()
		}
	}
}

// count counts the streams that a frame opens and ends.
func (f *frames) count(kind, flags byte) {
	if kind == h2code.FrameHeaders {
		f.open++
		f.over += int64(flags & h2code.FlagEndStream)
	}
}

// settings takes bytes of a SETTINGS frame.
func (f *frames) settings(b []byte) {
	if f.setting == nil {
		return
	}
	for len(b) > 0 {
		n := copy(f.code[f.kept:6], b)
		f.kept += n
		if b = b[n:]; f.kept == 6 {
			f.kept = 0
			f.setting(binary.BigEndian.Uint16(f.code[:]), binary.BigEndian.Uint32(f.code[2:]))
		}
	}
}

// end tells of a frame that is whole.
func (f *frames) end() {
	f.have = 0
	switch kind, flags := f.head[3], f.head[4]; {
	case kind == h2code.FrameSettings && flags&h2code.FlagAck == 0 && f.settled != nil:
		f.settled()
	case kind == h2code.FrameRSTStream && f.kept >= 4, kind == h2code.FrameGoAway && f.kept == 8, kind == h2code.FrameData && flags&h2code.FlagEndStream != 0:
		f.seen(kind, f.code)
	case kind == h2code.FrameHeaders && f.head[2] == 0 && flags == h2code.FlagEndStream|h2code.FlagEndHeaders && f.head[1] == 0 && f.head[0] == 0:
		f.seen(kind, f.code) // without a field
	}
}

// ends are what servers did to end streams and connections of a channel.
type ends struct {
	// resets counts streams, each of which stands for one RPC that failed by it: those that
	// were reset, by cause, those that were cut, and those whose trailers were bare.
	resets map[string]int64
	goAway bool
	// gone and debug are the error code and the beginning of the debug data of the latest
	// connection's first GOAWAY.
	gone  uint32
	debug string
}

// cut are streams that ended by DATA, as no response of gRPC does.
const cut = "cut"

// bare are streams that ended by HEADERS without a field.
const bare = "bare"

// saw is told of the frames that end something.
func (s *settled) saw(kind byte, code [8]byte) {
	c := s.channel
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ends.resets == nil {
		c.ends.resets = map[string]int64{}
	}
	switch kind {
	case h2code.FrameRSTStream:
		if binary.BigEndian.Uint32(code[:]) == h2code.RefusedStream {
			c.refused++
		}
		c.ends.resets[cause.RSTStream(binary.BigEndian.Uint32(code[:]))]++
	case h2code.FrameData:
		c.ends.resets[cut]++
	case h2code.FrameHeaders:
		c.ends.resets[bare]++
	case h2code.FrameGoAway:
		s.ended = s.frames.over
		s.gone = c.goAways.Replace(s.gone, append(slices.Clone(code[:]), s.frames.said[:s.frames.long]...), s.opened.Load(), s.ended)
		c.leave(s.streams)
		if !s.goAway {
			s.goAway, c.ends.goAway = true, true
			c.ends.gone, c.ends.debug = binary.BigEndian.Uint32(code[4:]), string(s.frames.said[:s.frames.long])
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

// setting takes one entry of the server's SETTINGS.
func (s *settled) setting(id uint16, value uint32) {
	c := s.channel
	c.mu.Lock()
	defer c.mu.Unlock()
	s.settings()
	s.channel.settings.Set(id, value)
	if id == h2code.SettingMaxConcurrentStreams {
		s.streams.limit.Store(int64(value))
	}
}

// hasSettings is told of SETTINGS, which may be empty.
func (s *settled) hasSettings() {
	s.channel.mu.Lock()
	defer s.channel.mu.Unlock()
	s.settings()
	s.whole = true
}

// settings makes room for the server's SETTINGS. The channel is locked.
func (s *settled) settings() {
	if s.streams == nil {
		s.streams, s.channel.settings = s.channel.take(), Settings{}
	}
}
