package channel

import (
	"bytes"
	"encoding/binary"
	"net"
	"slices"
	"testing"

	"golang.org/x/net/http2"

	"grpcbench/internal/h2code"
)

// saying is a connection from which what a server says is read, a piece at a time.
type saying struct {
	net.Conn
	said bytes.Buffer
}

func (s *saying) Read(b []byte) (int, error)  { return s.said.Read(b) }
func (s *saying) Write(b []byte) (int, error) { return len(b), nil }
func (s *saying) Close() error                { return nil }

// speech is a channel and what servers say on its connections.
type speech struct {
	*Channel
	t testing.TB
}

func newSpeech(t testing.TB) speech {
	c := &Channel{}
	c.streams.Store(newStreams())
	return speech{c, t}
}

// connect makes a connection.
func (s speech) connect() (*settled, *saying) {
	server, made := &saying{}, &Connection{}
	conn := &settled{Conn: server, channel: s.Channel, made: made, heard: make(chan struct{})}
	conn.frames.seen, conn.frames.setting, conn.frames.settled = conn.saw, conn.setting, conn.hasSettings
	s.connected(made)
	return conn, server
}

// hear has the connection read what the server writes.
func (s speech) hear(c *settled, from *saying, write func(w *http2.Framer) error) {
	s.t.Helper()
	if err := write(http2.NewFramer(&from.said, nil)); err != nil {
		s.t.Fatal(err)
	}
	for from.said.Len() > 0 {
		if _, err := c.Read(make([]byte, 5)); err != nil {
			s.t.Fatal(err)
		}
	}
}

func limit(n uint32) func(*http2.Framer) error {
	return func(w *http2.Framer) error {
		return w.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: n})
	}
}

// enter begins RPCs and returns their streams and which of them waited.
func (s speech) enter(n int) (all []*Streams, waited []bool) {
	for range n {
		one, waits := s.Enter()
		all, waited = append(all, one), append(waited, waits)
	}
	return all, waited
}

// An RPC waits if as many as the server allows are in flight on its connection, whatever
// the server has allowed before, and on other connections.
func TestAWaitIsCountedByTheLimitOfTheMoment(t *testing.T) {
	s := newSpeech(t)
	want := func(when string, n int, waits ...bool) []*Streams {
		t.Helper()
		all, got := s.enter(n)
		if !slices.Equal(got, waits) {
			t.Errorf("%s: %d RPCs waited %v, want %v", when, n, got, waits)
		}
		return all
	}
	early := want("before there is a connection", 2, false, false)
	first, said := s.connect()
	s.hear(first, said, limit(3))
	third := want("a limit of 3, and 2 were waiting for the connection", 2, false, true)
	s.hear(first, said, limit(5))
	want("raised to 5", 2, false, true)
	s.hear(first, said, limit(0))
	last := want("none for a moment", 1, true)
	s.hear(first, said, func(w *http2.Framer) error { return w.WriteSettings() })
	want("SETTINGS that do not name it change nothing", 1, true)
	for _, e := range slices.Concat(early, third, last) {
		e.Leave()
	}
	s.hear(first, said, limit(4))
	want("five have ended, three are left", 2, false, true)

	s.hear(first, said, func(w *http2.Framer) error { return w.WriteGoAway(5, http2.ErrCodeNo, nil) })
	want("the connection is draining: the next one has none in flight", 1, false)
	second, said := s.connect()
	s.hear(second, said, func(w *http2.Framer) error { return w.WriteSettings() })
	want("no limit", 2, false, false)
	s.hear(second, said, limit(3))
	want("four on this one", 1, true)
	_ = second.Close() // returns nil
	want("lost", 1, false)
	third2, said := s.connect()
	s.hear(third2, said, limit(1))
	want("the one that waited for it", 1, true)
	if got := s.Settings(); len(got) != 1 || got[h2code.SettingMaxConcurrentStreams] != 1 {
		t.Errorf("settings %v, want those of the latest connection", got)
	}
}

// A server's SETTINGS are known, those with and those without a name, and no more than a
// few of them are kept.
func TestSettingsAreKept(t *testing.T) {
	s := newSpeech(t)
	if s.Settings() != nil {
		t.Error("settings before there are any")
	}
	c, said := s.connect()
	s.hear(c, said, func(w *http2.Framer) error { return w.WriteSettings() })
	if got := s.Settings(); got == nil || len(got) != 0 {
		t.Errorf("settings %v, want none, and not nil", got)
	}
	s.hear(c, said, func(w *http2.Framer) error { return w.WriteSettingsAck() })
	s.hear(c, said, func(w *http2.Framer) error {
		for id := range uint16(1000) {
			if err := w.WriteSettings(http2.Setting{ID: http2.SettingID(id + 1), Val: uint32(id)}, http2.Setting{ID: http2.SettingID(8), Val: 7}); err != nil {
				return err
			}
		}
		return nil
	})
	if got := s.Settings(); len(got) != mostSettings || got[h2code.SettingMaxFrameSize] != 4 || got[h2code.SettingEnableConnectProtocol] != 7 {
		t.Errorf("settings %v", got)
	}
}

// Connections that the server ends are counted by code and reason, each once, with the RPCs
// that it took; of what a server writes nothing else is kept.
func TestGoAwaysAreCounted(t *testing.T) {
	s := newSpeech(t)
	for _, said := range []struct {
		last  uint32
		code  http2.ErrCode
		debug string
	}{
		{1999, http2.ErrCodeNo, ""}, {1999, http2.ErrCodeNo, "secret"}, {1<<31 - 1, http2.ErrCodeNo, ""},
		{9, http2.ErrCodeEnhanceYourCalm, "too_many_pings"}, {9, http2.ErrCodeEnhanceYourCalm, "too_many_pings, and more"}, {0, 0xbeef, ""},
	} {
		c, from := s.connect()
		s.hear(c, from, limit(1))
		s.hear(c, from, func(w *http2.Framer) error { return w.WriteGoAway(said.last, said.code, []byte(said.debug)) })
	}
	c, from := s.connect()
	s.hear(c, from, limit(1))
	for _, last := range []uint32{1<<31 - 1, 4001} { // in two steps
		s.hear(c, from, func(w *http2.Framer) error { return w.WriteGoAway(last, http2.ErrCodeNo, []byte("max_age")) })
	}
	want := GoAways{{"0xbeef", "", 1, 1, 0, 0}, {"ENHANCE_YOUR_CALM", "", 1, 1, 5, 0}, {"ENHANCE_YOUR_CALM", "too_many_pings", 1, 1, 5, 0},
		{"NO_ERROR", "", 3, 2, 2000, 0}, {"NO_ERROR", "max_age", 1, 1, 2001, 0}}
	if got := s.GoAways(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Streams above the last that a server has taken are refused; some servers name stream 0
// whatever they have answered, and one may be opened while GOAWAY is on its way.
func TestStreamsThatAGoAwayRefusesAreCounted(t *testing.T) {
	for _, of := range []struct {
		last                uint32
		before, ended, late int64
		want                int64
	}{
		{last: 9, before: 5}, {last: 9, before: 5, ended: 5}, {last: 9, before: 8, want: 3}, {last: 9, before: 8, ended: 2, want: 3},
		{last: 9, before: 8, late: 2, want: 5}, {last: 0, before: 8, ended: 6, want: 2}, {last: 0, before: 8, want: 8},
		{last: 1<<31 - 1, before: 8, late: 1}, {last: 99, before: 8},
	} {
		s := newSpeech(t)
		c, from := s.connect()
		c.sent = sentFrames()
		var sent bytes.Buffer
		sent.WriteString(http2.ClientPreface)
		open := func(n int64) {
			w := http2.NewFramer(&sent, nil)
			for range n {
				_ = w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true}) // to memory
				_ = w.WriteData(1, true, make([]byte, 5))
			}
			for piece := range slices.Chunk(sent.Bytes(), 7) {
				if _, err := c.Write(piece); err != nil {
					t.Fatal(err)
				}
			}
			sent.Reset()
		}
		open(of.before)
		for range of.ended {
			s.hear(c, from, func(w *http2.Framer) error {
				return w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, EndStream: true})
			})
		}
		s.hear(c, from, func(w *http2.Framer) error { return w.WriteGoAway(of.last, http2.ErrCodeNo, nil) })
		open(of.late)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if got := s.GoAways(); len(got) != 1 || got[0].Refused != of.want {
			t.Errorf("%+v: counted %+v", of, got)
		}
	}
}

// A server may end connections with any of 2^32 codes.
func TestGoAwaysTakeBoundedMemory(t *testing.T) {
	var g GoAways
	for i := range uint32(1000) {
		payload := binary.BigEndian.AppendUint32(make([]byte, 4), 1000+i)
		g.Replace(GoAway{}, payload, 0, 0)
	}
	var n int64
	for _, one := range g {
		n += one.Connections
	}
	if len(g) != mostGoAways || n != 1000 {
		t.Errorf("%d kinds, %d connections", len(g), n)
	}
	before := slices.Clone(g)
	other := g
	other.Add(GoAway{Code: "NO_ERROR", Connections: 1})
	if !slices.Equal(g, before) {
		t.Error("a copy changed what it was copied from")
	}
}

// FuzzFrames holds the reader of frames against x/net's, however the bytes are cut.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 9, 7, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 11, 'x'}, uint8(1))
	f.Add([]byte{0, 0, 1, 1, 5, 0, 0, 0, 1, 'x', 0, 0, 0, 1, 4, 0, 0, 0, 3, 0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8}, uint8(200))
	f.Add(append([]byte{0, 0, 5, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0}, 0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8), uint8(3))
	f.Add([]byte{0, 0, 0, 1, 5, 0, 0, 0, 1}, uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		want := map[string]int{}
		rest := b
		for len(rest) >= 9 {
			length := int(rest[0])<<16 | int(rest[1])<<8 | int(rest[2])
			kind, flags, payload := rest[3], rest[4], rest[9:]
			if len(payload) < length {
				break
			}
			payload, rest = payload[:length], payload[length:]
			switch {
			case kind == h2code.FrameSettings:
				for ; len(payload) >= 6; payload = payload[6:] {
					want["setting "+string(payload[:6])]++
				}
				if flags&h2code.FlagAck == 0 {
					want["settled"]++
				}
			case kind == h2code.FrameRSTStream && length >= 4:
				want["reset "+string(payload[:4])]++
			case kind == h2code.FrameGoAway && length >= 8:
				want["goaway "+string(payload[:8])]++
			case kind == h2code.FrameData && flags&h2code.FlagEndStream != 0:
				want["end"]++
			case kind == h2code.FrameHeaders:
				want["open"]++
				if flags&h2code.FlagEndStream != 0 {
					want["over"]++
				}
				if length == 0 && flags == h2code.FlagEndStream|h2code.FlagEndHeaders {
					want["bare"]++
				}
			}
		}
		whole := b[:len(b)-len(rest)]
		got := map[string]int{}
		r := frames{settled: func() { got["settled"]++ },
			setting: func(id uint16, value uint32) {
				got["setting "+string(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(nil, id), value))]++
			},
			seen: func(kind byte, code [8]byte) {
				switch kind {
				case h2code.FrameRSTStream:
					got["reset "+string(code[:4])]++
				case h2code.FrameGoAway:
					got["goaway "+string(code[:])]++
				case h2code.FrameHeaders:
					got["bare"]++
				default:
					got["end"]++
				}
			}}
		for piece := range slices.Chunk(whole, max(1, int(size))) {
			r.read(piece)
		}
		for name, n := range map[string]int64{"open": r.open, "over": r.over} {
			if n > 0 {
				got[name] = int(n)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("saw %v, want %v", got, want)
		}
		for k, n := range want {
			if got[k] != n {
				t.Errorf("%q: %d, want %d", k, got[k], n)
			}
		}
	})
}
