package call

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"grpcbench/internal/cause"
	"grpcbench/internal/channel"
	"grpcbench/internal/load"
)

// causer is a channel that knows what became of its connections and of streams on them.
type causer interface {
	// CauseOf is what a text of grpc-go tells of it; "": nothing that has happened.
	CauseOf(text string) string
	// WasReset and WasCut say whether a stream ended so of which nobody was told.
	WasReset(name string) bool
	WasCut() bool
	// MaxMessage is the largest message that it takes, in bytes.
	MaxMessage() int
}

// gullible is a channel of which nothing is known.
type gullible struct{}

func (gullible) CauseOf(string) string { return "" }
func (gullible) WasReset(string) bool  { return true }
func (gullible) WasCut() bool          { return true }
func (gullible) MaxMessage() int       { return channel.MaxMessage }

// answer is what a server has sent of an RPC beside its message. Trailers that have a
// grpc-status are the server's own end of it, and where it sent neither headers nor
// trailers it had no way to send one.
type answer struct{ header, trailer metadata.MD }

// options make an RPC fill a.
func (a *answer) options() []grpc.CallOption {
	return []grpc.CallOption{grpc.Header(&a.header), grpc.Trailer(&a.trailer)}
}

// failure is how an RPC of a preflight failed, with what grpc-go's text tells of it.
func failure(ctx context.Context, err error, conn grpc.ClientConnInterface, a *answer) *Failure {
	f := &Failure{End: end(ctx, err, conn, a), Err: err}
	switch text := status.Convert(err).Message(); {
	case cause.HTTPStatus(f.Cause) != 0:
		_, body, _ := strings.Cut(text, "data: ")
		f.Server = productIn(body)
	case cause.Gone(f.Cause):
		if _, debug, ok := strings.Cut(text, ", debug data: "); ok {
			f.Debug, _ = strconv.Unquote(debug) // what is not quoted is not told
		}
	}
	return f
}

// productIn is the name that a web server or proxy puts below its pages of errors;
// grpc-go has no header of such an answer.
func productIn(page string) string {
	words := strings.FieldsFunc(page, func(c rune) bool {
		return !strings.ContainsRune("./-_", c) && !unicode.IsLetter(c) && !unicode.IsDigit(c)
	})
	for _, word := range words {
		name, _, _ := strings.Cut(strings.ToLower(word), "/")
		if slices.Contains([]string{"nginx", "openresty", "tengine", "apache", "haproxy", "caddy", "envoy", "cloudflare", "lighttpd", "traefik", "varnish", "h2o"}, name) {
			return word
		}
	}
	return ""
}

// begun says that the server sent headers of gRPC; ended, that it sent trailers with more
// than a status, which the client never makes up.
func (a *answer) begun() bool { return a != nil && len(a.header) > 0 }
func (a *answer) ended() bool { return a != nil && len(a.trailer) > 0 }

// Failure is an RPC that failed: how, and the error that gRPC gave, or would have given,
// whose text a server may have written.
type Failure struct {
	load.End
	Err error
	// Server names what has answered with no gRPC, as it names itself, and Debug is the
	// debug data of a GOAWAY; "": none is known. Both are as a server wrote them.
	Server, Debug string
}

// EndOf is how an RPC ended whose error is a *Failure; of any other error its code alone.
// err is not nil.
func EndOf(err error) load.End {
	var f *Failure
	if errors.As(err, &f) {
		return f.End
	}
	return load.End{Code: codeName(status.Code(err))}
}

// Error implements error.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns the error that gRPC gave.
func (f *Failure) Unwrap() error { return f.Err }

// GRPCStatus is what package status makes of it.
func (f *Failure) GRPCStatus() *status.Status { return status.Convert(f.Err) }

// examined makes an RPC and looks at what the server sent of it if it fails. This costs a
// few allocations, so it is done where a cause may be nothing but a server's words: once
// an RPC has failed by what a stream's own end was said to be.
func examined(ctx context.Context, once unary, conn int, on grpc.ClientConnInterface) load.End {
	var a answer
	if err := once(ctx, conn, a.options()...); err != nil {
		return end(ctx, err, on, &a)
	}
	return load.Good
}

// byStream says whether a cause is one that grpc-go's text alone tells from the server's
// own status.
func byStream(c string) bool {
	return c != cause.Status && c != cause.Deadline && c != cause.Cancelled && !cause.Gone(c)
}

// end is how an RPC on conn ended, which ctx bounded and which returned err; a is what
// the server sent of it, nil if that is not known.
func end(ctx context.Context, err error, conn grpc.ClientConnInterface, a *answer) load.End {
	if errors.Is(err, ErrBadPayload) {
		return load.End{Code: load.BadPayload, Cause: cause.Response}
	}
	s := status.Convert(err)
	found := own(ctx, s.Code())
	if found == "" && !a.ended() {
		c, ok := conn.(causer)
		if !ok {
			c = gullible{}
		}
		found = told(s.Code(), s.Message(), c)
		if a.begun() && cause.HTTPStatus(found) != 0 {
			found = "" // what has headers of gRPC has no other status than its own
		}
	}
	switch found {
	case "":
		found = cause.Status
	case cause.NoResources:
		return load.End{Code: load.ClientLimit, Cause: found}
	}
	return load.End{Code: codeName(s.Code()), Cause: found}
}

// own is the cause of an RPC that the client's context ended; "": it did not.
func own(ctx context.Context, code codes.Code) string {
	switch at, ok := ctx.Deadline(); {
	case code == codes.DeadlineExceeded && ok && !time.Now().Before(at):
		return cause.Deadline
	case code == codes.Canceled && errors.Is(ctx.Err(), context.Canceled):
		return cause.Cancelled
	}
	return ""
}

// told is the cause that a text of grpc-go's transport names with this code; "": it is
// none of them.
//
// A stream's reset and a connection's end are believed where c has seen one.
func told(code codes.Code, text string, c causer) string {
	if name, ok := strings.CutPrefix(text, "stream terminated by RST_STREAM with error code: "); ok && c.WasReset(name) {
		return cause.Named(cause.RSTStream, name)
	}
	if code == codes.Unavailable {
		if found := c.CauseOf(text); found != "" {
			return found
		}
	}
	if text == "server closed the stream without sending trailers" && c.WasCut() {
		return cause.Violation
	}
	if rest, ok := strings.CutPrefix(text, "unexpected HTTP status code received from server: "); ok {
		digits, _, _ := strings.Cut(rest, " ")
		if n, err := strconv.Atoi(digits); err == nil {
			return cause.HTTP(n)
		}
	}
	if code == codes.ResourceExhausted && limited(text, c.MaxMessage()) {
		return cause.MessageLimit
	}
	for _, known := range texts {
		if code == known.code && strings.HasPrefix(text, known.prefix) {
			return known.cause
		}
	}
	return ""
}

// texts are those that grpc-go gives an RPC by itself, beside those with a number, and
// of which a server has no reason to write the same.
var texts = []struct {
	code          codes.Code
	prefix, cause string
}{
	{codes.Internal, "header list size to send violates the maximum size", cause.HeaderLimit},
	{codes.Internal, "peer header list size exceeded limit", cause.HeaderLimit},
	{codes.Internal, "a HEADERS frame cannot appear in the middle of a stream", cause.Violation},
	{codes.Internal, "malformed header: ", cause.Violation},
	{codes.Internal, "transport: malformed ", cause.Violation},
	{codes.Unknown, "transport: malformed ", cause.Violation},
	{codes.Internal, "protocol error: ", cause.Violation},
	{codes.Internal, "cardinality violation: ", cause.Violation},
	{codes.Internal, "unexpected EOF", cause.Violation},
	{codes.Internal, "grpc: received unexpected payload format ", cause.Violation},
	{codes.Internal, "grpc: Decompressor is not installed ", cause.Encoding},
	{codes.Internal, "grpc: failed to decompress the received message: ", cause.Response},
	{codes.Internal, "grpc: failed to unmarshal the received message: ", cause.Response},
	{codes.ResourceExhausted, "trying to send message larger than max ", cause.MessageLimit},
	{codes.ResourceExhausted, "grpc: received message after decompression larger than max ", cause.MessageLimit},
}

// limited says whether a text is of a response above this client's own limit: a server
// says the same of a request, with a limit of its own.
func limited(text string, most int) bool {
	return strings.HasPrefix(text, "grpc: received message larger than max ") &&
		strings.HasSuffix(text, " vs. "+strconv.Itoa(most)+")")
}
