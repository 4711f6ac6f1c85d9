package floor

import (
	"io"
	"net"

	"golang.org/x/net/http2"
)

// Serve is the sink: it answers every call on n with an empty message and OK until
// the connection ends.
func Serve(n net.Conn) error {
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(n, preface); err != nil {
		return err
	}
	answer, again := answers()
	out := appendOpening(nil)
	return frames(n, func(kind http2.FrameType, flags http2.Flags, frame []byte) error {
		if kind != http2.FrameData {
			out = appendReply(out, kind, flags, frame)
		} else if flags.Has(http2.FlagDataEndStream) {
			out = appendStamped(out, answer, streamOf(frame))
			answer = again
		}
		return nil
	}, func() error { return write(n, &out) })
}

// answers are the frames of a connection's first answer and of all others.
func answers() (first, again []byte) {
	e := newEncoder()
	answer := func() []byte {
		b := appendFrame(nil, http2.FrameHeaders, http2.FlagHeadersEndHeaders, e.block(":status", "200", "content-type", "application/grpc"))
		b = appendFrame(b, http2.FrameData, 0, emptyMessage())
		return appendFrame(b, http2.FrameHeaders, http2.FlagHeadersEndHeaders|http2.FlagHeadersEndStream, e.block("grpc-status", "0", "grpc-message", ""))
	}
	return answer(), answer()
}
