package channel

import (
	"fmt"
	"maps"

	"grpcbench/internal/h2code"
)

// Identifiers of settings that have names here (RFC 9113, 6.5.2; RFC 8441, 3; RFC 9218, 2.1).
const (
	SettingHeaderTableSize       = 0x1
	SettingEnablePush            = 0x2
	SettingMaxConcurrentStreams  = 0x3
	SettingInitialWindowSize     = 0x4
	SettingMaxFrameSize          = 0x5
	SettingMaxHeaderListSize     = 0x6
	SettingEnableConnectProtocol = 0x8
	SettingNoRFC7540Priorities   = 0x9
)

// Settings are what a server has sent of its SETTINGS on one connection, the latest value
// of each by its identifier. What it has not sent is absent; nil: no SETTINGS have come.
type Settings map[uint16]uint32

// WrongSetting is why a server may not have sent a setting with this value, and the error
// code of the connection that it ends (RFC 9113, 6.5.2); "": it may.
func WrongSetting(id uint16, value uint32) (reason string, code uint32) {
	switch {
	case id == SettingEnablePush && value != 0:
		return fmt.Sprintf("SETTINGS_ENABLE_PUSH %d from a server", value), h2code.ProtocolError
	case id == SettingInitialWindowSize && value > 1<<31-1:
		return fmt.Sprintf("SETTINGS_INITIAL_WINDOW_SIZE %d", value), h2code.FlowControlError
	case id == SettingMaxFrameSize && (value < 1<<14 || value > 1<<24-1):
		return fmt.Sprintf("SETTINGS_MAX_FRAME_SIZE %d", value), h2code.ProtocolError
	}
	return "", 0
}

// mostSettings is how many settings of one connection are kept at most: a server may send
// any of 65 536.
const mostSettings = 16

// Set keeps a value. s is not nil.
func (s Settings) Set(id uint16, value uint32) {
	if _, known := s[id]; known || len(s) < mostSettings {
		s[id] = value
	}
}

// Clone is a copy; nil of nil.
func (s Settings) Clone() Settings { return maps.Clone(s) }
