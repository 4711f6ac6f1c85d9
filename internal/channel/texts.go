package channel

import (
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"grpcbench/internal/cause"
)

// What grpc-go's texts tell of an RPC stands in this file and in CauseOf, and nowhere
// else. grpc-go gives an RPC's caller a code and a text, and has no other form for what
// became of a stream.

// Witness knows what became of connections and of streams on them.
type Witness interface {
	// CauseOf is what a text of grpc-go tells of a connection; "": nothing that has happened.
	CauseOf(text string) string
	// WasReset, WasCut and WasBare say whether a stream ended so of which nobody was told.
	WasReset(name string) bool
	WasCut() bool
	WasBare() bool
	// GoAwayDebug is the beginning of the debug data of a GOAWAY; "": there is none.
	GoAwayDebug() string
	// MaxMessage is the largest message that is taken, in bytes.
	MaxMessage() int
}

// Came is what is known to have come from a server of an RPC. The zero value is nothing.
type Came struct{ Headers, Trailers bool }

// Told is the cause that the error of an RPC names which grpc-go has failed; "": none, so
// that it is the server's own status. A stream's reset and a connection's end are believed
// where w has seen one.
func Told(err error, w Witness, came Came) string {
	s := status.Convert(err)
	code, text := s.Code(), s.Message()
	if found := among(ofTrailers, code, text); found != "" {
		return found
	}
	if !came.Trailers { // they are the end of a stream, and nothing else has ended it
		if found := ofStream(code, text, w, came); found != "" {
			return found
		}
	}
	if came.Trailers && !came.Headers {
		return "" // one header block, in which there is no message to fail by
	}
	if code == codes.ResourceExhausted && limited(text, w.MaxMessage()) {
		return cause.MessageLimit
	}
	return among(ofMessages, code, text)
}

// ofStream is the cause of an RPC whose stream has ended, or never begun, in another way
// than by trailers with a status.
func ofStream(code codes.Code, text string, w Witness, came Came) string {
	if name, ok := resetName(text); ok && w.WasReset(name) {
		return cause.Named(cause.RSTStream, name)
	}
	if code == codes.Unavailable {
		if found := w.CauseOf(text); found != "" {
			return found
		}
	}
	if text == "server closed the stream without sending trailers" && w.WasCut() || code == codes.Unknown && text == "" && w.WasBare() {
		return cause.Violation
	}
	if !came.Headers { // what has headers of gRPC has no other status than its own
		if n, ok := httpStatus(text); ok {
			return cause.HTTP(n)
		}
	}
	if code == codes.Internal && strings.Contains(text, "-bytes data exceeding the limit ") {
		return cause.Violation // of a flow-control window
	}
	return among(ofStreams, code, text)
}

// AttemptCause is the cause of an attempt after which gRPC made the RPC again by itself,
// as no server's own status makes it do; "": none is known.
func AttemptCause(err error, w Witness) string {
	if name, ok := resetName(status.Convert(err).Message()); ok {
		return cause.Named(cause.RSTStream, name)
	}
	return w.CauseOf(status.Convert(err).Message())
}

// resetName is the name of the error code with which a stream was reset.
func resetName(text string) (string, bool) {
	return strings.CutPrefix(text, "stream terminated by RST_STREAM with error code: ")
}

// httpStatus is that of an answer which is not gRPC's.
func httpStatus(text string) (int, bool) {
	rest, ok := strings.CutPrefix(text, "unexpected HTTP status code received from server: ")
	digits, _, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil
}

// Page is the beginning of the body of an answer that is not gRPC's, quoted, which the
// error of an RPC holds; "": there is none.
func Page(err error) string {
	_, body, _ := strings.Cut(status.Convert(err).Message(), "data: ")
	return body
}

// known is a text that grpc-go gives an RPC by itself, and of which a server has no reason
// to write the same.
type known struct {
	code          codes.Code
	prefix, cause string
}

// ofTrailers are the texts of trailers that cannot be taken, or come too early.
var ofTrailers = []known{
	{codes.Internal, "cardinality violation: received no response message", cause.Violation},
	{codes.Internal, "grpc-status-details-bin mismatch: ", cause.Violation},
}

// ofStreams are the texts of streams that ended without a status or never began;
// "invalid header field" to "mix of" are those of a header block in golang.org/x/net/http2.
var ofStreams = []known{
	{codes.Internal, "header list size to send violates the maximum size", cause.HeaderLimit},
	{codes.Internal, "peer header list size exceeded limit", cause.HeaderLimit},
	{codes.Internal, "a HEADERS frame cannot appear in the middle of a stream", cause.Violation},
	{codes.Internal, "malformed header: ", cause.Violation},
	{codes.Internal, "transport: malformed ", cause.Violation},
	{codes.Unknown, "transport: malformed ", cause.Violation},
	{codes.Internal, "protocol error: ", cause.Violation},
	{codes.Internal, "invalid header field ", cause.Violation},
	{codes.Internal, "invalid pseudo-header ", cause.Violation},
	{codes.Internal, "duplicate pseudo-header ", cause.Violation},
	{codes.Internal, "pseudo header field after regular", cause.Violation},
	{codes.Internal, "mix of request and response pseudo headers", cause.Violation},
	{codes.Internal, "received invalid frame", cause.Violation},
	{codes.ResourceExhausted, "trying to send message larger than max ", cause.MessageLimit},
}

// ofMessages are the texts of responses that are not one message that can be read, whatever
// status came after it.
var ofMessages = []known{
	{codes.Internal, "cardinality violation: ", cause.Violation},
	{codes.Internal, "unexpected EOF", cause.Violation},
	{codes.Internal, "grpc: received unexpected payload format ", cause.Violation},
	{codes.Internal, "grpc: compressed flag set with identity or empty encoding", cause.Violation},
	{codes.Internal, "grpc: Decompressor is not installed ", cause.Encoding},
	{codes.Internal, "grpc: failed to decompress the message: ", cause.Response},
	{codes.Internal, "grpc: failed to decompress the received message: ", cause.Response},
	{codes.Internal, "grpc: failed to read decompressed data: ", cause.Response},
	{codes.Internal, "grpc: failed to unmarshal the received message: ", cause.Response},
	{codes.ResourceExhausted, "grpc: received message after decompression larger than max ", cause.MessageLimit},
	{codes.ResourceExhausted, "grpc: message after decompression larger than max ", cause.MessageLimit},
}

func among(all []known, code codes.Code, text string) string {
	for _, k := range all {
		if code == k.code && strings.HasPrefix(text, k.prefix) {
			return k.cause
		}
	}
	return ""
}

// limited says whether a text is of a response above this client's own limit: a server
// says the same of a request, with a limit of its own.
func limited(text string, most int) bool {
	return text == "grpc: received message after decompression larger than max "+strconv.Itoa(most) ||
		strings.HasPrefix(text, "grpc: received message larger than max ") && strings.HasSuffix(text, " vs. "+strconv.Itoa(most)+")")
}
