// Command grpc-bench measures what TLS, metadata and compression cost a gRPC
// service. Each file holds one command: parse, validate, work, write.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitDone    = 0 // VALID or DEGRADED
	exitFailed  = 1 // the run could not be done
	exitUsage   = 2 // the command line or the plan is wrong
	exitInvalid = 4 // the result is INVALID
)

// usageError is a mistake in the command line or the plan.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitError ends the program with a code and without a further message.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var code exitError
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "grpc-bench:", err)
		return exitUsage
	}
	fmt.Fprintln(stderr, "grpc-bench:", err)
	return exitFailed
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "grpc-bench",
		Short: "Measures what TLS, metadata and compression cost a gRPC service",
		Long: `grpc-bench measures what TLS, metadata and compression cost a gRPC service: all
settings at once on the same machine, repeated, with intervals.

Exit codes: 0 done, 1 the run could not be done, 2 wrong command line or plan,
4 the result is INVALID, 130 and 143 interrupted with the partial result saved.`,
		Example: `  grpc-bench run                            what TLS, metadata and compression cost here
  grpc-bench run --vary tls=off,1.3         one question
  grpc-bench run localhost:1337 --cacert server.crt
  grpc-bench report ID --format markdown`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q: see grpc-bench --help", args[0])}
			}
			return c.Help()
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newRunCommand(), newReportCommand(), newServerCommand(), newCertsCommand(), newHostCommand(), newGeneratorCommand())
	return root
}
