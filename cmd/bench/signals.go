package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"grpcbench/internal/servercmd"
)

var (
	errInterrupt = errors.New("SIGINT")
	errTerminate = errors.New("SIGTERM")
)

// exitInterrupted are the codes of an interrupted run: 128 and the signal.
var exitInterrupted = map[error]exitError{errInterrupt: 130, errTerminate: 143}

// untilSignal returns a context that the first SIGINT or SIGTERM ends, with a
// cause that names it. A second one ends the program, unless it is the same stop.
//
// Whoever reads the output may be gone: that ends no measurement, and is an error
// when the answer cannot be printed.
func untilSignal(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	signal.Ignore(syscall.SIGPIPE)
	quit := make(chan struct{})
	go watch(signals, quit, cancel, func(cause error) { os.Exit(int(exitInterrupted[cause])) })
	return ctx, func() { signal.Stop(signals); signal.Reset(syscall.SIGPIPE); close(quit); cancel(nil) }
}

// watch calls stop at the first signal and exit at each later one that is no repetition of
// the first, until quit is closed.
func watch(signals <-chan os.Signal, quit <-chan struct{}, stop, exit func(cause error)) {
	var first error
	var at time.Time
	for {
		select {
		case s := <-signals:
			cause := errInterrupt
			if s == syscall.SIGTERM {
				cause = errTerminate
			}
			switch {
			case first == nil:
				first, at = cause, time.Now()
				stop(cause)
			case cause != first || time.Since(at) >= servercmd.OneStop:
				exit(cause)
			}
		case <-quit:
			return
		}
	}
}
