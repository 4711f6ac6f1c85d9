// Package h2code has the numbers of HTTP/2: frames, their flags, settings, and the error
// codes with which a peer ends a stream by RST_STREAM or a connection by GOAWAY (RFC 9113).
package h2code

import "slices"

// Error codes (RFC 9113, 7).
const (
	NoError            = 0x0
	ProtocolError      = 0x1
	InternalError      = 0x2
	FlowControlError   = 0x3
	SettingsTimeout    = 0x4
	StreamClosed       = 0x5
	FrameSizeError     = 0x6
	RefusedStream      = 0x7
	Cancel             = 0x8
	CompressionError   = 0x9
	ConnectError       = 0xa
	EnhanceYourCalm    = 0xb
	InadequateSecurity = 0xc
	HTTP11Required     = 0xd
)

var names = [...]string{
	NoError: "NO_ERROR", ProtocolError: "PROTOCOL_ERROR", InternalError: "INTERNAL_ERROR", FlowControlError: "FLOW_CONTROL_ERROR",
	SettingsTimeout: "SETTINGS_TIMEOUT", StreamClosed: "STREAM_CLOSED", FrameSizeError: "FRAME_SIZE_ERROR", RefusedStream: "REFUSED_STREAM",
	Cancel: "CANCEL", CompressionError: "COMPRESSION_ERROR", ConnectError: "CONNECT_ERROR", EnhanceYourCalm: "ENHANCE_YOUR_CALM",
	InadequateSecurity: "INADEQUATE_SECURITY", HTTP11Required: "HTTP_1_1_REQUIRED",
}

// Other is what Name gives for every code that RFC 9113 does not name.
const Other = "OTHER"

// Known says whether RFC 9113 names a code.
func Known(code uint32) bool { return code < uint32(len(names)) }

// Name is the name of a code.
func Name(code uint32) string {
	if Known(code) {
		return names[code]
	}
	return Other
}

// Number is the code of that name; false if RFC 9113 has none.
func Number(name string) (uint32, bool) {
	i := slices.Index(names[:], name)
	return uint32(max(i, 0)), i >= 0
}

// Names are those that Name gives, by number, with Other as the last.
func Names() []string { return append(slices.Clone(names[:]), Other) }
