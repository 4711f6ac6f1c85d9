package exchange

import (
	"net"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"grpcbench/internal/cause"
	"grpcbench/internal/channel"
)

// The first attempts are kept as they were, and the others counted.
func TestManyAttemptsAreCounted(t *testing.T) {
	const extra = 3
	w := &watch{}
	for n := range mostAttempts + extra {
		code := "REFUSED_STREAM"
		if n >= mostAttempts {
			code = "CANCEL"
		}
		w.HandleRPC(t.Context(), &stats.OutHeader{LocalAddr: &net.TCPAddr{Port: n + 1}})
		w.HandleRPC(t.Context(), &stats.End{Error: status.Error(codes.Unavailable, "stream terminated by RST_STREAM with error code: "+code)})
	}
	w.causes(&channel.Channel{}, Status{Code: "CANCELLED", Cause: cause.Named(cause.RSTStream, "CANCEL")})
	var e Exchange
	w.fill(&e)
	if len(e.Attempts) != mostAttempts || e.MoreAttempts != extra {
		t.Fatalf("%d attempts and %d more, want %d and %d", len(e.Attempts), e.MoreAttempts, mostAttempts, extra)
	}
	for n, a := range e.Attempts {
		want := Attempt{Local: (&net.TCPAddr{Port: n + 1}).String(), Cause: "RST_STREAM REFUSED_STREAM"}
		if a != want {
			t.Errorf("attempt %d: %+v, want %+v", n+1, a, want)
		}
	}
}
