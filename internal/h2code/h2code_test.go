package h2code

import (
	"slices"
	"testing"

	"golang.org/x/net/http2"
)

// TestNamesAreThoseOfTheRFC: as another implementation of it has them.
func TestNamesAreThoseOfTheRFC(t *testing.T) {
	const most = http2.ErrCodeHTTP11Required
	for code := range most + 1 {
		if n, ok := Number(code.String()); n != uint32(code) || !ok {
			t.Errorf("%v: %d, %t, want %d", code, n, ok, uint32(code))
		}
		if got := Name(uint32(code)); got != code.String() || !Known(uint32(code)) {
			t.Errorf("%d: %s, known: %t, want %v", code, got, Known(uint32(code)), code)
		}
	}
	for _, code := range []uint32{uint32(most) + 1, 1<<32 - 1} {
		if got := Name(code); got != Other || Known(code) {
			t.Errorf("%d: %s, known: %t, want %s", code, got, Known(code), Other)
		}
	}
	for constant, code := range map[uint32]http2.ErrCode{NoError: http2.ErrCodeNo, ProtocolError: http2.ErrCodeProtocol, InternalError: http2.ErrCodeInternal,
		FlowControlError: http2.ErrCodeFlowControl, SettingsTimeout: http2.ErrCodeSettingsTimeout, StreamClosed: http2.ErrCodeStreamClosed,
		FrameSizeError: http2.ErrCodeFrameSize, RefusedStream: http2.ErrCodeRefusedStream, Cancel: http2.ErrCodeCancel, CompressionError: http2.ErrCodeCompression,
		ConnectError: http2.ErrCodeConnect, EnhanceYourCalm: http2.ErrCodeEnhanceYourCalm, InadequateSecurity: http2.ErrCodeInadequateSecurity,
		HTTP11Required: http2.ErrCodeHTTP11Required} {
		if constant != uint32(code) {
			t.Errorf("%v is %d, want %d", code, constant, uint32(code))
		}
	}
}

// TestFramesAndSettingsAreThoseOfTheRFC: as another implementation of it has them.
func TestFramesAndSettingsAreThoseOfTheRFC(t *testing.T) {
	for constant, kind := range map[http2.FrameType]http2.FrameType{FrameData: http2.FrameData, FrameHeaders: http2.FrameHeaders, FramePriority: http2.FramePriority,
		FrameRSTStream: http2.FrameRSTStream, FrameSettings: http2.FrameSettings, FramePushPromise: http2.FramePushPromise, FramePing: http2.FramePing,
		FrameGoAway: http2.FrameGoAway, FrameWindowUpdate: http2.FrameWindowUpdate, FrameContinuation: http2.FrameContinuation} {
		if constant != kind {
			t.Errorf("%v is %d, want %d", kind, constant, kind)
		}
	}
	for constant, id := range map[http2.SettingID]http2.SettingID{SettingHeaderTableSize: http2.SettingHeaderTableSize, SettingEnablePush: http2.SettingEnablePush,
		SettingMaxConcurrentStreams: http2.SettingMaxConcurrentStreams, SettingInitialWindowSize: http2.SettingInitialWindowSize, SettingMaxFrameSize: http2.SettingMaxFrameSize,
		SettingMaxHeaderListSize: http2.SettingMaxHeaderListSize, SettingEnableConnectProtocol: http2.SettingEnableConnectProtocol, SettingNoRFC7540Priorities: http2.SettingNoRFC7540Priorities} {
		if constant != id {
			t.Errorf("%v is %d, want %d", id, constant, id)
		}
	}
	const ack, endStream, endHeaders, padded, priority = http2.FlagSettingsAck, http2.FlagDataEndStream, http2.FlagHeadersEndHeaders, http2.FlagDataPadded, http2.FlagHeadersPriority
	if got, want := []http2.Flags{FlagAck, FlagEndStream, FlagEndHeaders, FlagPadded, FlagPriority}, []http2.Flags{ack, endStream, endHeaders, padded, priority}; !slices.Equal(got, want) {
		t.Errorf("flags %v, want %v", got, want)
	}
}
