package wire

import (
	"encoding/binary"

	"grpcbench/internal/channel"
	"grpcbench/internal/h2code"
)

// What this client announces and holds its server to.
const (
	// window is the flow-control window of each stream and of the connection.
	window = 1 << 20
	// maxFrame is the largest payload of a frame: the initial value, never raised.
	maxFrame = 1 << 14
	// maxHeaderList bounds a header list, and its encoded block.
	maxHeaderList = 64 << 10
	// headerTable is the size of either side's table unless the server asks for less.
	headerTable = 4096
)

// defaultWindow is a window before SETTINGS and WINDOW_UPDATE (RFC 9113, 6.9.2).
const defaultWindow = 1<<16 - 1

const maxWindow = 1<<31 - 1

// settings are what the server announced.
type settings struct {
	headerTable   uint32
	maxConcurrent uint32
	initialWindow int64
	maxFrame      int
	maxHeaderList uint64
}

// initialSettings hold until the server says otherwise (RFC 9113, 6.5.2).
func initialSettings() settings {
	return settings{headerTable: headerTable, maxConcurrent: 1<<32 - 1, initialWindow: defaultWindow, maxFrame: maxFrame, maxHeaderList: 1<<64 - 1}
}

// apply reads the payload of a SETTINGS frame.
func (s *settings) apply(payload []byte) error {
	if len(payload)%6 != 0 {
		return violation(h2code.FrameSizeError, "SETTINGS of %d bytes", len(payload))
	}
	for ; len(payload) > 0; payload = payload[6:] {
		id, value := binary.BigEndian.Uint16(payload), binary.BigEndian.Uint32(payload[2:])
		if reason, code := channel.WrongSetting(id, value); reason != "" {
			return violation(code, "%s", reason)
		}
		switch id {
		case h2code.SettingHeaderTableSize:
			s.headerTable = value
		case h2code.SettingMaxConcurrentStreams:
			s.maxConcurrent = value
		case h2code.SettingInitialWindowSize:
			s.initialWindow = int64(value)
		case h2code.SettingMaxFrameSize:
			s.maxFrame = int(value)
		case h2code.SettingMaxHeaderListSize:
			s.maxHeaderList = uint64(value)
		}
	}
	return nil
}

// preface is what a client sends first (RFC 9113, 3.4), with our SETTINGS and the
// connection's window.
func preface() []byte {
	b := []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	own := [...]struct {
		id    uint16
		value uint32
	}{{h2code.SettingEnablePush, 0}, {h2code.SettingInitialWindowSize, window}, {h2code.SettingMaxHeaderListSize, maxHeaderList}}
	b = appendFrameHeader(b, 6*len(own), h2code.FrameSettings, 0, 0)
	for _, s := range own {
		b = binary.BigEndian.AppendUint16(b, s.id)
		b = binary.BigEndian.AppendUint32(b, s.value)
	}
	return appendUint32Frame(b, h2code.FrameWindowUpdate, 0, window-defaultWindow)
}
