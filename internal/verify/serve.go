package verify

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"
)

// Serve is a server on address that spends the given CPU time in each RPC, until ctx is
// done. Its first line on out is HOST:PORT.
func Serve(ctx context.Context, address string, work time.Duration, out io.Writer) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s := &specimen{wait: func() { spend(work) }} // none too: to look at the clock costs something
	stop := s.serve(l)
	defer stop()
	if _, err := fmt.Fprintln(out, l.Addr()); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
