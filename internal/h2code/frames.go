package h2code

// Kinds of frames (RFC 9113, 6).
const (
	FrameData         = 0x0
	FrameHeaders      = 0x1
	FramePriority     = 0x2
	FrameRSTStream    = 0x3
	FrameSettings     = 0x4
	FramePushPromise  = 0x5
	FramePing         = 0x6
	FrameGoAway       = 0x7
	FrameWindowUpdate = 0x8
	FrameContinuation = 0x9
)

// Flags of frames; ACK and END_STREAM share a bit.
const (
	FlagEndStream  = 0x1
	FlagAck        = 0x1
	FlagEndHeaders = 0x4
	FlagPadded     = 0x8
	FlagPriority   = 0x20
)

// Identifiers of settings (RFC 9113, 6.5.2; RFC 8441, 3; RFC 9218, 2.1).
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
