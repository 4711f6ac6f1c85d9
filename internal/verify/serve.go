package verify

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"
)

// MeanDelay is the mean of the delays of the server "exponential".
const MeanDelay = meanDelay

// Waits returns the servers whose latencies are known, by name: how each holds up a call.
//
//   - prompt: not at all
//   - stall: all calls together, in the first half of every second
//   - bimodal: one call in 50 for half a second, and no other
//   - exponential: by the mid-quantiles of the exponential distribution, in random order
func Waits() map[string]func() {
	return map[string]func(){"prompt": prompt, "stall": stall, "bimodal": twoModes(), "exponential": exponential()}
}

// Serve is a server on address that spends the given CPU time in each RPC, until ctx is
// done. Its first line on out is HOST:PORT.
func Serve(ctx context.Context, address string, work time.Duration, out io.Writer) error {
	return ServeWait(ctx, address, func() { spend(work) }, out) // none too: to look at the clock costs something
}

// ServeWait is as Serve, of a server that calls wait in each RPC.
func ServeWait(ctx context.Context, address string, wait func(), out io.Writer) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s := &specimen{wait: wait}
	stop := s.serve(l)
	defer stop()
	if _, err := fmt.Fprintln(out, l.Addr()); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
