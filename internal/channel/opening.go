package channel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"grpcbench/internal/h2code"
)

// mostOpening is how many bytes of what a server sends first are looked at: a GOAWAY with a
// reason, or four settings.
const mostOpening = 9 + 8 + longestReason + 1

// maxFrame is the longest frame that is taken (RFC 9113, 6.5.2), which this client leaves as it is.
const maxFrame = 1 << 14

// misfit is what a server sent first that HTTP/2 does not allow: SETTINGS have to be first
// (RFC 9113, 3.4). It is ErrNotHTTP2.
type misfit struct {
	reason  string // holds nothing that the server wrote, but for numbers
	speaks  string // the protocol that it is; "": it is HTTP/2
	refused string // by a GOAWAY, which this tells; "": it was not
}

func (m *misfit) Error() string { return ErrNotHTTP2.Error() + ": " + m.reason }
func (m *misfit) Unwrap() error { return ErrNotHTTP2 }

const notFirst = "SETTINGS were not its first frame"

// Misfit is why b, the beginning of what a server has sent, is not that of HTTP/2; nil: it
// is, or there is too little of it to tell.
func Misfit(b []byte) error {
	if m := misfitIn(b); m != nil {
		return m
	}
	return nil
}

func misfitIn(b []byte) *misfit {
	if len(b) >= 2 && b[0] >= 0x14 && b[0] <= 0x17 && b[1] == 3 { // as a frame it would be too long
		return &misfit{reason: notFirst, speaks: "TLS"}
	}
	if len(b) < 9 {
		return nil
	}
	kind, flags := b[3], b[4]
	length, stream := int(b[0])<<16|int(b[1])<<8|int(b[2]), binary.BigEndian.Uint32(b[5:])&^(1<<31)
	switch {
	case kind == h2code.FrameGoAway && stream == 0 && length >= 8 && length <= maxFrame:
		if len(b) < min(9+length, mostOpening) {
			return nil
		}
		g := goAwayOf(b[9:min(len(b), 9+length)])
		said := "GOAWAY " + g.Code
		if g.Reason != "" {
			said += " (" + g.Reason + ")"
		}
		return &misfit{reason: notFirst, refused: said}
	case kind != h2code.FrameSettings || flags&h2code.FlagAck != 0:
		return &misfit{reason: notFirst, speaks: protocolOf(b)}
	case length > maxFrame:
		return &misfit{reason: fmt.Sprintf("a frame of %d bytes", length)}
	case stream != 0:
		return &misfit{reason: "SETTINGS on a stream"}
	case length%6 != 0:
		return &misfit{reason: fmt.Sprintf("SETTINGS of %d bytes", length)}
	}
	for entry := range slices.Chunk(b[9:min(len(b), 9+length)], 6) {
		if len(entry) < 6 {
			break
		}
		if reason, _ := WrongSetting(binary.BigEndian.Uint16(entry), binary.BigEndian.Uint32(entry[2:])); reason != "" {
			return &misfit{reason: reason}
		}
	}
	return nil
}

// protocolOf names a protocol by what its servers say first; "": none of these.
func protocolOf(b []byte) string {
	for _, p := range []struct{ begins, name string }{
		{"HTTP/1.", "HTTP/1"}, {"SSH-", "SSH"}, {"220 ", "SMTP or FTP"}, {"220-", "SMTP or FTP"}, {"+OK", "POP3"}, {"* OK", "IMAP"}, {"-ERR", "Redis"},
	} {
		if bytes.HasPrefix(b, []byte(p.begins)) {
			return p.name
		}
	}
	return ""
}

// advise says what a misfit means and what to change.
func (m *misfit) advise(e Endpoint) string {
	over, secure := "in plaintext", "; a port of HTTPS needs --tls 1.2 or 1.3"
	if e.TLS != nil {
		over, secure = "over TLS", ""
	}
	switch {
	case m.refused != "":
		return "the server refused the connection by " + m.refused + " (see its log: it may be stopping or overloaded, or limit connections)"
	case m.speaks == "TLS":
		return "the server speaks TLS (use --tls 1.2 or 1.3)"
	case m.speaks == "HTTP/1":
		return fmt.Sprintf("the server speaks HTTP/1 %s, and gRPC needs HTTP/2 (check TARGET, or turn HTTP/2 on there%s)", over, secure)
	case m.speaks != "":
		return fmt.Sprintf("the server speaks %s (check TARGET)", m.speaks)
	case strings.HasPrefix(m.reason, notFirst):
		return fmt.Sprintf("the server does not speak HTTP/2 %s (%s)", over, e.needs())
	}
	return "the server breaks a rule of HTTP/2 (check TARGET, or see the log of the server or of the proxy before it)"
}
