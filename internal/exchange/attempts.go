package exchange

import (
	"google.golang.org/grpc/stats"

	"grpcbench/internal/cause"
	"grpcbench/internal/channel"
)

// Attempt is one stream that was begun for the RPC.
type Attempt struct {
	Local string // address of its connection on this side
	// Cause is why it failed, of package cause; "": it did not, or it is not known.
	Cause string
}

// mostAttempts is how many are kept, the first of them. gRPC makes an RPC again once, and again where a
// connection ends before it got a stream there, which is no attempt.
const mostAttempts = 8

// attempt notes that a stream was begun.
func (w *watch) attempt(h *stats.OutHeader) {
	local := ""
	if h.LocalAddr != nil {
		local = h.LocalAddr.String()
	}
	if len(w.attempts) < mostAttempts {
		w.attempts, w.failures = append(w.attempts, Attempt{Local: local}), append(w.failures, nil)
	} else {
		w.more++
	}
	w.open = true
}

// over notes how it ended.
func (w *watch) over(end *stats.End) {
	if n := len(w.failures); w.open && n > 0 && w.more == 0 {
		w.failures[n-1] = end.Error
	}
	w.open = false
}

// causes says why attempts failed that were made on c, of an RPC that ended as end has it.
func (w *watch) causes(c *channel.Channel, end Status) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, err := range w.failures {
		if err == nil {
			continue
		}
		if i+1 == len(w.failures) && w.more == 0 { // the RPC's own end
			if end.Cause != cause.Status && end.Cause != cause.Expected {
				w.attempts[i].Cause = end.Cause
			}
			continue
		}
		w.attempts[i].Cause = channel.AttemptCause(err, c)
	}
}
