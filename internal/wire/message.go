package wire

import (
	"encoding/binary"

	"grpcbench/internal/cause"
	"grpcbench/internal/code"
	"grpcbench/internal/load"
)

// prefixLen is the length of a message's prefix: the compressed flag and four
// bytes of length (gRPC over HTTP/2, "Length-Prefixed-Message").
const prefixLen = 5

// messages follows the length-prefixed messages of one response through its DATA
// frames, however they are cut. The zero value is at the beginning of the first.
type messages struct {
	prefix     [prefixLen]byte
	have       uint8 // of the prefix
	compressed bool
	n          uint32 // messages whose prefix is complete
	length     uint32 // of the latest
	left       uint32 // of it, still to come
	keep       int    // how many bytes of the first message to keep at most
	packed     bool   // keep them of a compressed one alone
	kept       []byte
}

// appendMessage appends a message with its prefix.
func appendMessage(dst, message []byte, compressed bool) []byte {
	flag := byte(0)
	if compressed {
		flag = 1
	}
	dst = append(dst, flag)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(message)))
	return append(dst, message...)
}

// take reads the next bytes of DATA; failed is how the call has ended, or empty.
func (m *messages) take(b []byte, limit uint32) (failed load.End) {
	for len(b) > 0 {
		if m.left > 0 {
			n := min(uint32(len(b)), m.left)
			if room := m.keep - len(m.kept); room > 0 && m.n == 1 && (m.compressed || !m.packed) {
				m.kept = append(m.kept, b[:min(int(n), room)]...)
			}
			m.left -= n
			b = b[n:]
			continue
		}
		n := copy(m.prefix[m.have:], b)
		m.have += uint8(n)
		b = b[n:]
		if m.have < prefixLen {
			return load.End{}
		}
		m.have = 0
		m.compressed = m.prefix[0] == 1
		m.length = binary.BigEndian.Uint32(m.prefix[1:])
		switch {
		case m.length > limit: // grpc-go, too, asks for this first
			return load.End{Code: code.ResourceExhausted, Cause: cause.MessageLimit}
		case m.prefix[0] > 1:
			return broken
		}
		m.left = m.length
		m.n++
	}
	return load.End{}
}

// whole says whether no message is cut off.
func (m *messages) whole() bool { return m.left == 0 && m.have == 0 }
