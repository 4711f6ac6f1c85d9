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
	if flags&h2code.FlagPadded == 0 {
		return payload, nil
	}
	if len(payload) == 0 || int(payload[0]) > len(payload)-1 {
		return nil, violation(h2code.ProtocolError, "padding longer than its frame")
	}
	return payload[1 : len(payload)-int(payload[0])], nil
}

// unprioritize takes the priority fields off a HEADERS payload (RFC 9113, 6.2).
func unprioritize(flags byte, payload []byte) ([]byte, error) {
	if flags&h2code.FlagPriority == 0 {
		return payload, nil
	}
	if len(payload) < 5 {
		return nil, violation(h2code.FrameSizeError, "HEADERS too short for its priority")
	}
	return payload[5:], nil
}
