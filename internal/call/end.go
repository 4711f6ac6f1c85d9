package call

import (
	"context"
	"errors"
	"slices"
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

// witnessOf is what is known of a channel.
func witnessOf(conn grpc.ClientConnInterface) channel.Witness {
	if w, ok := conn.(channel.Witness); ok {
		return w
	}
	return gullible{}
}

// gullible is a channel of which nothing is known.
type gullible struct{}

func (gullible) CauseOf(string) string { return "" }
func (gullible) WasReset(string) bool  { return true }
func (gullible) WasCut() bool          { return true }
func (gullible) WasBare() bool         { return false }
func (gullible) GoAwayDebug() string   { return "" }
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
	switch {
	case cause.HTTPStatus(f.Cause) != 0:
		f.Server = productIn(channel.Page(err))
	case cause.Gone(f.Cause):
		f.Debug = witnessOf(conn).GoAwayDebug()
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

// came says that the server sent headers of gRPC, or trailers with more than a status,
// neither of which the client makes up.
func (a *answer) came() channel.Came {
	if a == nil {
		return channel.Came{}
	}
	return channel.Came{Headers: len(a.header) > 0, Trailers: len(a.trailer) > 0}
}

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
	code := status.Code(err)
	found := own(ctx, code)
	if found == "" {
		found = channel.Told(err, witnessOf(conn), a.came())
	}
	switch {
	case found == cause.NoResources:
		return load.End{Code: load.ClientLimit, Cause: found}
	case found == "" && (a == nil || a.came() != channel.Came{}):
		found = cause.Status
	}
	return load.End{Code: codeName(code), Cause: found}
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
