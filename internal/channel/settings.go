package channel

import (
	"fmt"
	"maps"

	"grpcbench/internal/h2code"
)

// Settings are what a server has sent of its SETTINGS on one connection, the latest value
// of each by its identifier. What it has not sent is absent; nil: no SETTINGS have come.
type Settings map[uint16]uint32

// WrongSetting is why a server may not have sent a setting with this value, and the error
// code of the connection that it ends (RFC 9113, 6.5.2); "": it may.
func WrongSetting(id uint16, value uint32) (reason string, code uint32) {
	switch {
	case id == h2code.SettingEnablePush && value != 0:
		return fmt.Sprintf("SETTINGS_ENABLE_PUSH %d from a server", value), h2code.ProtocolError
	case id == h2code.SettingInitialWindowSize && value > 1<<31-1:
		return fmt.Sprintf("SETTINGS_INITIAL_WINDOW_SIZE %d", value), h2code.FlowControlError
	case id == h2code.SettingMaxFrameSize && (value < 1<<14 || value > 1<<24-1):
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
