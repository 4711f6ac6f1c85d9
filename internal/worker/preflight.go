package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"grpcbench/internal/call"
	"grpcbench/internal/cause"
	"grpcbench/internal/channel"
	"grpcbench/internal/h2code"
	"grpcbench/internal/load"
	"grpcbench/internal/mask"
)

const (
	// patience bounds the preflight's RPC where RPCs have no deadline. A server is not told
	// of it.
	patience = 5 * time.Second
	// coldCalls is how many RPCs of the preflight may run into --deadline before the load
	// begins all the same: a server's first calls may be slower than any later one.
	coldCalls = 3
)

// ErrPatience is the cause of a context of [Patient] that has ended by its limit.
var ErrPatience = errors.New("no answer")

// ProbeLimit is how long the preflight of an arm takes at most.
func ProbeLimit(deadline time.Duration) time.Duration { return max(patience, coldCalls*deadline) }

// NotAccepted returns an error if a server names the codecs that it accepts, and that of o is
// not among them: what it answers then is to a message that it could not read.
func NotAccepted(o call.Options, heard call.Heard) error {
	if c := o.Compression; c.Announced() && heard.Lacks(c.Name) {
		return fmt.Errorf("call %s: the server accepts %s, and not %s: it may take a compressed message for the message itself (change --compression)",
			o.Name(), strings.Join(heard.Accepts, ", "), c.Name)
	}
	return nil
}

// probe makes one RPC and explains its failure. RPCs that run into --deadline do not end a
// run: the load counts them, and its checks judge them.
func (g *generator) probe(ctx context.Context) (Probed, error) {
	if err := g.prepare(); err != nil {
		return Probed{}, err
	}
	for n := 1; ; n++ {
		heard, err := g.probeOnce(ctx)
		unread := NotAccepted(g.options, heard)
		switch {
		case unread != nil:
			return Probed{}, unread
		case err == nil:
			return Probed{ResponseBytes: heard.Size}, nil
		case errors.Is(err, ErrPatience):
			return Probed{}, err
		case g.options.Deadline == 0 || call.EndOf(err).Cause != cause.Deadline:
			return Probed{}, Explain(g.options, g.trial.Confidential(), err)
		case n == coldCalls && allowsNoStreams(g.channels[0].Settings()):
			return Probed{}, Unanswered(g.options, g.channels[0].Settings(), fmt.Sprintf("within --deadline %v, %d times", g.options.Deadline, n), "raise it, or try again later")
		case n == coldCalls:
			return Probed{ResponseBytes: -1}, nil
		}
	}
}

// probeOnce makes one RPC and books it like any other. It has the deadline of the load's
// RPCs, and without one an end that the server does not hear of.
func (g *generator) probeOnce(ctx context.Context) (call.Heard, error) {
	within, cancel := Patient(ctx, g.options.Deadline, patience)
	defer cancel()
	heard, err := g.engine.once(within, g.channels[0])
	l := load.Ledger{Scheduled: 1, Started: 1}
	if err == nil {
		l.OK = 1
		if heard.Expected != "" {
			l.OKByCode = map[string]int64{heard.Expected: 1}
		}
	} else {
		l.Fail(call.EndOf(err), 1)
	}
	g.total.Add(l)
	if err != nil && context.Cause(within) == ErrPatience {
		err = NoAnswer(g.options, g.channels[0].Settings(), patience)
	}
	return heard, err
}

// NoAnswer is the error of an RPC without a deadline that has ended by the limit of [Patient].
func NoAnswer(o call.Options, server channel.Settings, limit time.Duration) error {
	return Unanswered(o, server, fmt.Sprintf("within %v", limit), "is the server frozen? a method that takes longer needs --deadline")
}

// Unanswered is the error of an RPC that had no answer within a limit, and what to change
// unless the server's SETTINGS tell why.
func Unanswered(o call.Options, server channel.Settings, within, change string) error {
	window, announced := server[h2code.SettingInitialWindowSize]
	switch {
	case allowsNoStreams(server):
		change = "try again when it takes RPCs, or raise its limit of streams"
		return fmt.Errorf("call %s: %w %s: the server allows no streams (SETTINGS_MAX_CONCURRENT_STREAMS 0), as one that starts or is overloaded may (%s)", o.Name(), ErrPatience, within, change)
	case announced && window == 0:
		return fmt.Errorf("call %s: %w %s: the server lets no byte of a message through until it opens a window (SETTINGS_INITIAL_WINDOW_SIZE 0) (%s)", o.Name(), ErrPatience, within, change)
	}
	return fmt.Errorf("call %s: %w %s (%s)", o.Name(), ErrPatience, within, change)
}

// allowsNoStreams reports whether the server's latest SETTINGS let no RPC be made.
func allowsNoStreams(server channel.Settings) bool {
	limit, announced := server[h2code.SettingMaxConcurrentStreams]
	return announced && limit == 0
}

// Patient is ctx with the RPC's deadline, or without one with an end after limit that the
// server does not hear of.
func Patient(ctx context.Context, deadline, limit time.Duration) (context.Context, context.CancelFunc) {
	if deadline > 0 {
		return context.WithTimeout(ctx, deadline)
	}
	within, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(limit, func() { cancel(ErrPatience) })
	return within, func() { timer.Stop(); cancel(nil) }
}

// Explain says what a first failed RPC means and which flag to change. What the
// server wrote is shown without any of the secrets, which it may echo.
func Explain(o call.Options, secrets []string, err error) error {
	s := status.Convert(err)
	text := mask.New(secrets...).Clean(s.Message())
	method := o.Name()
	what := fmt.Sprintf("call %s: %s", method, call.Code(err))
	var f *call.Failure
	if errors.As(err, &f) {
		if why := explainCause(o, f, mask.New(secrets...)); why != "" {
			return fmt.Errorf("%s: %s", what, why)
		}
	}
	lower := strings.ToLower(s.Message())
	advice, failed := "", call.EndOf(err).Cause
	switch {
	case s.Code() == codes.Unimplemented && (strings.Contains(lower, "encoding") || strings.Contains(lower, "compress")):
		advice = "the server does not know the compressor (change --compression)"
	case s.Code() == codes.Unimplemented && method == call.Echo:
		advice = "--payload and --response-payload need a server that answers bench.v1, such as grpc-bench server (or use --method with --request)"
	case s.Code() == codes.Unimplemented:
		advice = "the server does not have this method (change --method)"
	case failed == cause.HeaderLimit && strings.HasPrefix(lower, "peer "):
		advice = "the headers of the response are larger than this client takes (let the server send less)"
	case failed == cause.MessageLimit && strings.Contains(lower, "received message"):
		advice = "the response is larger than this client takes (raise --max-message, or reduce --response-payload)"
	case failed == cause.Violation:
		advice = "what the server sends breaks a rule of HTTP/2 or gRPC (is TARGET a gRPC server?)"
	case failed == cause.Response && o.Method != "":
		advice = "the response does not decompress (change --compression)"
	case strings.Contains(lower, "header list size"), s.Code() == codes.ResourceExhausted && strings.Contains(lower, "header"):
		advice = "the metadata is larger than the server takes (reduce --metadata-size or --metadata)"
	case s.Code() == codes.ResourceExhausted && strings.Contains(lower, "message"):
		advice = "a message is larger than its receiver takes (reduce --payload, --response-payload or --request)"
	case failed == cause.Response, o.Method == "" && (errors.Is(err, call.ErrBadPayload) || s.Code() == codes.Internal && strings.Contains(lower, "unmarshal the received message")):
		// grpc-go says so at both ends. Only with --method can it be the request: then
		// the response is taken as it is.
		advice = "the server's response is not the message that the method has here (name it by --method, which takes any)"
	case (s.Code() == codes.Internal || s.Code() == codes.InvalidArgument && o.Method != "") && (strings.Contains(lower, "unmarshal") || strings.Contains(lower, "deserializ")):
		advice = "the server cannot read the request message (change --request)"
		if o.Compression.Announced() { // gRPC's C core hands on what it cannot decompress
			advice = "the server cannot read the request message (change --request, or --compression if it does not know the compressor)"
		}
	case s.Code() == codes.DeadlineExceeded:
		advice = "the server ran into a deadline, its own or the one of --deadline (raise it, or see its log)"
	case s.Code() == codes.Unauthenticated, s.Code() == codes.PermissionDenied:
		advice = "the server refuses the caller (add --metadata)"
	case failed == cause.Status && o.Method != "":
		advice = fmt.Sprintf("the server's own answer (use --expect code=%s if it is the right one)", call.Code(err))
	}
	switch {
	case advice == "" && strings.TrimSpace(text) == "":
		return fmt.Errorf("%s, without a message of the server", what)
	case advice == "":
		return fmt.Errorf("%s: %s", what, text)
	case strings.TrimSpace(text) == "":
		return fmt.Errorf("%s: %s", what, advice)
	}
	return fmt.Errorf("%s: %s: %s", what, advice, text)
}
