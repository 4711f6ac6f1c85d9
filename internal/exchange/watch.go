package exchange

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/stats"
)

// watch sees the RPC pass through its channel. It counts nothing: an RPC that
// gRPC sends again by itself is the one that was sent last.
type watch struct {
	mu    sync.Mutex
	began time.Time
	seen  Exchange // the parts that fill hands on

	attempts []Attempt
	failures []error // of attempts
	more     int     // attempts that are not kept
	open     bool    // the latest attempt has not ended
}

var _ stats.Handler = (*watch)(nil)

// fill hands on what was seen.
func (w *watch) fill(e *Exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e.Request, e.Response = w.seen.Request, w.seen.Response
	e.Sent, e.Header, e.Trailer = w.seen.Sent, w.seen.Header, w.seen.Trailer
	e.Moments, e.Attempts, e.MoreAttempts = w.seen.Moments, w.attempts, w.more
}

// HandleRPC implements stats.Handler.
func (w *watch) HandleRPC(_ context.Context, event stats.RPCStats) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &w.seen
	switch event := event.(type) {
	case *stats.Begin:
		if w.began.IsZero() {
			w.began = event.BeginTime
		}
	case *stats.OutHeader:
		*s = Exchange{Sent: event.Header}
		s.Request.Announced = event.Compression
		w.attempt(event)
	case *stats.OutPayload:
		s.Request.message(event.Length, event.CompressedLength)
		s.Moments.Sent = time.Since(w.began)
	case *stats.InHeader:
		s.Header = event.Header
		s.Response.Announced = event.Compression
		s.Moments.Header = time.Since(w.began)
	case *stats.InPayload:
		s.Response.message(event.Length, event.CompressedLength)
		s.Moments.Message = time.Since(w.began)
	case *stats.InTrailer:
		s.Trailer = event.Trailer
	case *stats.End:
		s.Moments.End = event.EndTime.Sub(w.began)
		w.over(event)
	}
}

func (m *Message) message(length, wire int) {
	m.Present, m.Bytes, m.Wire = true, length, wire
}

// TagRPC implements stats.Handler.
func (*watch) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// TagConn implements stats.Handler.
func (*watch) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (*watch) HandleConn(context.Context, stats.ConnStats) {}
