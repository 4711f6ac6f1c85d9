package wire

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"grpcbench/internal/code"
	"grpcbench/internal/load"
)

// misdeed is what a server may not do, by its frames.
type misdeed struct {
	name   string
	frames func(s *server) []byte
	code   http2.ErrCode // of our GOAWAY
	reason string        // part of what the user reads
}

func raw(length int, kind http2.FrameType, flags http2.Flags, stream uint32, payload ...byte) []byte {
	return append(appendFrameHeader(nil, length, byte(kind), byte(flags), stream), payload...)
}

// misdeeds come while one RPC, on stream 1, is open and none has been answered.
func misdeeds() []misdeed {
	repeated := func(n int, frame []byte) []byte { return []byte(strings.Repeat(string(frame), n)) }
	const protocol, size, flow, calm = http2.ErrCodeProtocol, http2.ErrCodeFrameSize, http2.ErrCodeFlowControl, http2.ErrCodeEnhanceYourCalm
	data := func(stream uint32) func(*server) []byte {
		return func(s *server) []byte { return s.wrote(s.WriteData(stream, false, []byte("x"))) }
	}
	return []misdeed{
		{"a frame above the limit", func(*server) []byte { return raw(maxFrame+1, http2.FrameData, 0, 1) }, size, "a frame of 16385 bytes"},
		{"DATA on stream 0", data(0), protocol, "stream 0, which is not open"},
		{"DATA on a stream of the server's", data(2), protocol, "stream 2, which is not open"},
		{"DATA on a stream that was never begun", data(3), protocol, "stream 3, which is not open"},
		{"DATA before HEADERS", data(1), protocol, "DATA before HEADERS"},
		{"DATA shorter than its padding", func(*server) []byte { return raw(2, http2.FrameData, http2.FlagDataPadded, 1, 9, 0) }, protocol, "padding longer"},
		{"HEADERS on a stream that was never begun", func(s *server) []byte { return s.opening(5) }, protocol, "stream 5, which is not open"},
		{"HEADERS too short for their priority", func(*server) []byte {
			return raw(2, http2.FrameHeaders, http2.FlagHeadersPriority|http2.FlagHeadersEndHeaders, 1, 0, 0)
		}, size, "too short for its priority"},
		{"a header block that is none", func(s *server) []byte {
			return s.wrote(s.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0xff, 0xff, 0xff, 0xff, 0x7f}, EndHeaders: true}))
		}, http2.ErrCodeCompression, "does not decode"},
		{"a header block that ends in a field", func(s *server) []byte {
			return s.wrote(s.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x40, 5, 'a'}, EndHeaders: true}))
		}, http2.ErrCodeCompression, "in the middle of a field"},
		{"CONTINUATION without HEADERS", func(s *server) []byte { return s.wrote(s.WriteContinuation(1, true, nil)) }, protocol, "CONTINUATION without HEADERS"},
		{"DATA between HEADERS and CONTINUATION", func(s *server) []byte {
			return s.wrote(s.WriteHeaders(http2.HeadersFrameParam{StreamID: 1}), s.WriteData(1, false, nil))
		}, protocol, "frames between HEADERS"},
		{"CONTINUATION of another stream", func(s *server) []byte {
			return s.wrote(s.WriteHeaders(http2.HeadersFrameParam{StreamID: 1}), s.WriteContinuation(3, true, nil))
		}, protocol, "CONTINUATION of another stream"},
		{"CONTINUATION without end", func(s *server) []byte {
			return append(s.wrote(s.WriteHeaders(http2.HeadersFrameParam{StreamID: 1})), repeated(10, s.wrote(s.WriteContinuation(1, false, make([]byte, 10_000))))...)
		}, calm, "a header block above"},
		{"empty CONTINUATION without end", func(s *server) []byte {
			return append(s.wrote(s.WriteHeaders(http2.HeadersFrameParam{StreamID: 1})), repeated(1000, s.wrote(s.WriteContinuation(1, false, nil)))...)
		}, calm, "a header block above"},
		{"PUSH_PROMISE", func(s *server) []byte {
			return s.wrote(s.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true}))
		}, protocol, "PUSH_PROMISE"},
		{"RST_STREAM of 3 bytes", func(*server) []byte { return raw(3, http2.FrameRSTStream, 0, 1, 0, 0, 0) }, size, "RST_STREAM of 3 bytes"},
		{"RST_STREAM of a stream that was never begun", func(s *server) []byte { return s.wrote(s.WriteRSTStream(7, http2.ErrCodeCancel)) }, protocol, "stream 7"},
		{"SETTINGS on a stream", func(*server) []byte { return raw(0, http2.FrameSettings, 0, 1) }, protocol, "SETTINGS on a stream"},
		{"SETTINGS of 5 bytes", func(*server) []byte { return raw(5, http2.FrameSettings, 0, 0, 0, 0, 0, 0, 0) }, size, "SETTINGS of 5 bytes"},
		{"SETTINGS that acknowledge with a payload", func(*server) []byte {
			return raw(6, http2.FrameSettings, http2.FlagSettingsAck, 0, 0, 0, 0, 0, 0, 0)
		}, size, "SETTINGS with ACK"},
		{"SETTINGS that allow push", func(s *server) []byte { return s.settings(http2.Setting{ID: http2.SettingEnablePush, Val: 1}) }, protocol, "SETTINGS_ENABLE_PUSH 1"},
		{"SETTINGS with a window above the limit", func(s *server) []byte {
			return s.settings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31})
		}, flow, "SETTINGS_INITIAL_WINDOW_SIZE 2147483648"},
		{"SETTINGS with frames below the limit", func(s *server) []byte { return s.settings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 100}) }, protocol, "SETTINGS_MAX_FRAME_SIZE 100"},
		{"SETTINGS that overflow an open stream's window", func(s *server) []byte {
			return append(s.wrote(s.WriteWindowUpdate(1, 1<<30)), s.settings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})...)
		}, flow, "a window above 2^31-1"},
		{"10 001 SETTINGS", func(s *server) []byte { return repeated(maxReplies+1, s.settings()) }, calm, "more than 10000 PING and SETTINGS"},
		{"10 001 PING", func(s *server) []byte { return repeated(maxReplies+1, s.wrote(s.WritePing(false, [8]byte{}))) }, calm, "more than 10000 PING and SETTINGS"},
		{"10 001 informational headers", func(s *server) []byte { return repeated(maxReplies+1, s.headers(1, false, ":status", "100")) }, calm, "or informational headers"},
		{"PING between informational headers", func(s *server) []byte {
			return repeated(maxReplies/2+1, append(s.wrote(s.WritePing(false, [8]byte{})), s.headers(1, false, ":status", "100")...))
		}, calm, "or informational headers"},
		{"PING of 7 bytes", func(*server) []byte { return raw(7, http2.FramePing, 0, 0, 0, 0, 0, 0, 0, 0, 0) }, size, "PING of 7 bytes"},
		{"PING on a stream", func(*server) []byte { return raw(8, http2.FramePing, 0, 1, make([]byte, 8)...) }, protocol, "PING on a stream"},
		{"GOAWAY of 7 bytes", func(*server) []byte { return raw(7, http2.FrameGoAway, 0, 0, make([]byte, 7)...) }, protocol, "a malformed GOAWAY"},
		{"GOAWAY on a stream", func(*server) []byte { return raw(8, http2.FrameGoAway, 0, 1, make([]byte, 8)...) }, protocol, "a malformed GOAWAY"},
		{"WINDOW_UPDATE of 3 bytes", func(*server) []byte { return raw(3, http2.FrameWindowUpdate, 0, 0, 0, 0, 0) }, size, "WINDOW_UPDATE of 3 bytes"},
		{"WINDOW_UPDATE by 0", func(s *server) []byte { return s.wrote(s.WriteWindowUpdate(1, 0)) }, protocol, "WINDOW_UPDATE by 0"},
		{"WINDOW_UPDATE above the connection's limit", func(s *server) []byte { return s.wrote(s.WriteWindowUpdate(0, 1<<31-1)) }, flow, "a window above 2^31-1"},
		{"WINDOW_UPDATE above the stream's limit", func(s *server) []byte { return s.wrote(s.WriteWindowUpdate(1, 1<<31-1)) }, flow, "a window above 2^31-1"},
		{"WINDOW_UPDATE of a stream that was never begun", func(s *server) []byte { return s.wrote(s.WriteWindowUpdate(9, 1)) }, protocol, "stream 9"},
	}
}

// TestAViolationEndsTheConnectionByName.
//
//	fault:   what HTTP/2 forbids a server: frames, sizes, numbers, windows, floods, header blocks
//	promise: the connection ends with GOAWAY and the cause in words; the RPC on it is one failure
//	figure:  38 misdeeds: as many GOAWAYs of the right code, as many RPCs UNAVAILABLE
func TestAViolationEndsTheConnectionByName(t *testing.T) {
	for _, m := range misdeeds() {
		t.Run(m.name, func(t *testing.T) {
			c := newClient(t, Request{})
			c.start(0, 1)
			c.frames(t)
			_, err := c.received(c.conn, m.frames(c.server))
			var v *Violation
			if !errors.As(err, &v) || !strings.Contains(v.Error(), m.reason) {
				t.Fatalf("error %v, want a violation that says %q", err, m.reason)
			}
			c.Channel.dialing = true // this test is no server to reconnect to
			c.lost(c.conn, err)
			if c.told.codes[0] != code.Unavailable || !c.out.closed {
				t.Errorf("RPC ended with %q, closed: %t, want %s and the end of the connection", c.told.codes[0], c.out.closed, code.Unavailable)
			}
			all := c.frames(t)
			last := all[len(all)-1]
			if last.Type != http2.FrameGoAway || http2.ErrCode(binary.BigEndian.Uint32(last.payload[4:])) != m.code {
				t.Errorf("last frame %v %x, want GOAWAY with %v", last, last.payload, m.code)
			}
			if c.Channel.words.Said != v.Error() {
				t.Errorf("a preflight would say %q, want %q", c.Channel.words.Said, v.Error())
			}
		})
	}
	if n := len(misdeeds()); n != 38 {
		t.Errorf("%d misdeeds, the figure above says 38", n)
	}
}

// The first frame of a server is SETTINGS (RFC 9113, 3.4).
func TestAServerThatDoesNotBeginWithSettingsIsNone(t *testing.T) {
	for name, say := range map[string]func(s *server) []byte{
		"PING":           func(s *server) []byte { return s.wrote(s.WritePing(false, [8]byte{})) },
		"acknowledgment": func(s *server) []byte { return s.wrote(s.WriteSettingsAck()) },
		"HTTP/1":         func(*server) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") },
	} {
		c := newClient(t, Request{})
		c.connect()
		if _, err := c.received(c.conn, say(c.server)); err == nil {
			t.Errorf("%s: accepted as the first frame", name)
		}
	}
}

// What a server may do that this client has no use for, and what comes late on a
// stream that has been closed, changes nothing: the next RPC succeeds.
func TestWhatIsAllowedChangesNothing(t *testing.T) {
	for name, say := range map[string]func(s *server) []byte{
		"PRIORITY":                          func(s *server) []byte { return s.wrote(s.WritePriority(3, http2.PriorityParam{Weight: 1})) },
		"a frame of a kind that is unknown": func(*server) []byte { return raw(3, 0x42, 0xff, 3, 1, 2, 3) },
		"PING answered that was not sent":   func(s *server) []byte { return s.wrote(s.WritePing(true, [8]byte{})) },
		"PING":                              func(s *server) []byte { return s.wrote(s.WritePing(false, [8]byte{1})) },
		"a setting that is unknown":         func(s *server) []byte { return s.settings(http2.Setting{ID: 0x99, Val: 1}) },
		"DATA of a closed stream":           func(s *server) []byte { return s.wrote(s.WriteData(1, true, []byte("late"))) },
		"HEADERS of a closed stream":        func(s *server) []byte { return s.headers(1, true, "x-late", "indexed", "grpc-status", "9") },
		"RST_STREAM of a closed stream":     func(s *server) []byte { return s.wrote(s.WriteRSTStream(1, http2.ErrCodeNo)) },
		"WINDOW_UPDATE of a closed stream":  func(s *server) []byte { return s.wrote(s.WriteWindowUpdate(1, 100)) },
		"informational headers":             func(s *server) []byte { return s.headers(3, false, ":status", "103", "link", "</a>") },
		"HEADERS with padding and priority": func(s *server) []byte {
			return s.wrote(s.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: s.fields(":status", "100"), EndHeaders: true,
				PadLength: 7, Priority: http2.PriorityParam{StreamDep: 1, Weight: 3}}))
		},
		"HEADERS in three pieces": func(s *server) []byte {
			block := s.fields(":status", "102", "x-piece", "of many")
			return s.wrote(s.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: block[:2]}), s.WriteContinuation(3, false, block[2:5]), s.WriteContinuation(3, true, block[5:]))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, Request{Length: 0})
			c.start(0, 1)
			c.must(t, c.ok(1))
			c.start(1, 1)
			c.must(t, say(c.server))
			c.must(t, c.ok(3))
			if c.told.codes[0] != load.OK || c.told.codes[1] != load.OK {
				t.Errorf("outcomes %v, want both ok", c.told.codes)
			}
		})
	}
}
