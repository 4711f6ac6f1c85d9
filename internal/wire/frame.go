package wire

import (
	"encoding/binary"

	"grpcbench/internal/h2code"
)

// frameHeader begins every frame (RFC 9113, 4.1).
type frameHeader struct {
	length int
	kind   byte
	flags  byte
	stream uint32
}

const frameHeaderLen = 9

// Kinds of frames (RFC 9113, 6).
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	framePriority     = 0x2
	frameRSTStream    = 0x3
	frameSettings     = 0x4
	framePushPromise  = 0x5
	framePing         = 0x6
	frameGoAway       = 0x7
	frameWindowUpdate = 0x8
	frameContinuation = 0x9
)

// Flags of frames; ACK and END_STREAM share a bit.
const (
	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20
)

// Error codes that this client sends or tells apart (RFC 9113, 7).
const (
	codeNoError         = h2code.NoError
	codeProtocolError   = h2code.ProtocolError
	codeFlowControl     = h2code.FlowControlError
	codeFrameSize       = h2code.FrameSizeError
	codeRefusedStream   = h2code.RefusedStream
	codeCancel          = h2code.Cancel
	codeCompression     = h2code.CompressionError
	codeEnhanceYourCalm = h2code.EnhanceYourCalm
)

// parseFrameHeader reads the first nine bytes of b.
func parseFrameHeader(b []byte) frameHeader {
	_ = b[8]
	return frameHeader{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		kind:   b[3],
		flags:  b[4],
		stream: binary.BigEndian.Uint32(b[5:]) &^ (1 << 31), // the reserved bit is ignored
	}
}

func appendFrameHeader(dst []byte, length int, kind, flags byte, stream uint32) []byte {
	return append(dst, byte(length>>16), byte(length>>8), byte(length), kind, flags,
		byte(stream>>24), byte(stream>>16), byte(stream>>8), byte(stream))
}

// appendUint32Frame appends a frame whose payload is one number: RST_STREAM or
// WINDOW_UPDATE.
func appendUint32Frame(dst []byte, kind byte, stream, value uint32) []byte {
	dst = appendFrameHeader(dst, 4, kind, 0, stream)
	return binary.BigEndian.AppendUint32(dst, value)
}

// unpad takes the padding off a DATA or HEADERS payload (RFC 9113, 6.1).
func unpad(flags byte, payload []byte) ([]byte, error) {
	if flags&flagPadded == 0 {
		return payload, nil
	}
	if len(payload) == 0 || int(payload[0]) > len(payload)-1 {
		return nil, violation(codeProtocolError, "padding longer than its frame")
	}
	return payload[1 : len(payload)-int(payload[0])], nil
}

// unprioritize takes the priority fields off a HEADERS payload (RFC 9113, 6.2).
func unprioritize(flags byte, payload []byte) ([]byte, error) {
	if flags&flagPriority == 0 {
		return payload, nil
	}
	if len(payload) < 5 {
		return nil, violation(codeFrameSize, "HEADERS too short for its priority")
	}
	return payload[5:], nil
}
