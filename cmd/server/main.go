// Command grpc-bench-server runs the bundled server. It is the same as
// grpc-bench server.
//
// Exit codes: 0 stopped by a signal, 1 the server could not run, 2 the command
// line is wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"grpcbench/internal/mask"
	"grpcbench/internal/servercmd"
)

// usageError marks a mistake in the command line.
type usageError struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	secondEnds(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// secondEnds calls stop, from when on a second signal ends the process, once ctx has ended
// and what is still the same stop has passed.
func secondEnds(ctx context.Context, stop func()) {
	context.AfterFunc(ctx, func() { time.AfterFunc(servercmd.OneStop, stop) })
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cmd := servercmd.New("grpc-bench-server", func(err error) error { return usageError{err} })
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "grpc-bench-server:", mask.Harmless(err.Error()))
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	return 1
}
