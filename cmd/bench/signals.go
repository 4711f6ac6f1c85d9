package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

var (
	errInterrupt = errors.New("SIGINT")
	errTerminate = errors.New("SIGTERM")
)

// exitInterrupted are the codes of an interrupted run: 128 and the signal.
var exitInterrupted = map[error]exitError{errInterrupt: 130, errTerminate: 143}

// untilSignal returns a context that the first SIGINT or SIGTERM ends, with a
// cause that names it. The second ends the program.
//
// Whoever reads the output may be gone: that ends no measurement, and is an error
// when the answer cannot be printed.
func untilSignal(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	signal.Ignore(syscall.SIGPIPE)
	quit := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case s := <-signals:
				cause := errInterrupt
				if s == syscall.SIGTERM {
					cause = errTerminate
				}
				if n > 0 {
					os.Exit(int(exitInterrupted[cause]))
				}
				cancel(cause)
			case <-quit:
				return
			}
		}
	}()
	return ctx, func() { signal.Stop(signals); signal.Reset(syscall.SIGPIPE); close(quit); cancel(nil) }
}
