// Command grpc-bench measures what TLS, metadata and compression cost a gRPC
// service. Each file holds one command: parse, validate, work, write.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"grpcbench/internal/mask"
	"grpcbench/internal/probe"
)

// Exit codes.
const (
	exitDone    = 0 // VALID or DEGRADED
	exitFailed  = 1 // the run could not be done
	exitUsage   = 2 // the command line or the plan is wrong
	exitGate    = 3 // a gate failed
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
	}
	say(stderr, err)
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

// say prints err, a line for each of those that were joined. What a server or a
// file wrote into it does not act on the terminal.
func say(w io.Writer, err error) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintln(w, "grpc-bench:", mask.Harmless(line))
	}
}

// What is announced and not in this version is refused by name.
var (
	laterCommands = []string{"merge", "render"}
	laterFlags    = []string{"gate"}
)

// flagError is what the flag parser says, as a mistake in the command line. Of
// what is not a flag only the name is repeated: a value may be secret.
func flagError(c *cobra.Command, err error) error {
	if _, ok := errors.AsType[*pflag.InvalidSyntaxError](err); ok {
		return usageError{errors.New("flag: must be --NAME or --NAME VALUE")}
	}
	e, ok := errors.AsType[*pflag.NotExistError](err)
	switch {
	case !ok:
		return usageError{err}
	case slices.Contains(laterFlags, e.GetSpecifiedName()):
		return usageError{fmt.Errorf("--%s is not supported by this version", e.GetSpecifiedName())}
	case e.GetSpecifiedShortnames() != "":
		return usageError{fmt.Errorf("unknown flag -%s: must be --NAME, with two dashes%s", nameIn(e.GetSpecifiedName()), didYouMean(c, e.GetSpecifiedShortnames()))}
	}
	switch others := having(c.Root(), e.GetSpecifiedName()); {
	case len(others) > 0 && c.HasParent():
		return usageError{fmt.Errorf("--%s is not a flag of grpc-bench %s: it is one of %s", e.GetSpecifiedName(), c.Name(), strings.Join(others, ", "))}
	case len(others) > 0:
		return usageError{fmt.Errorf("--%s: must come after a command that has it: %s", e.GetSpecifiedName(), strings.Join(others, ", "))}
	}
	hint := didYouMean(c, e.GetSpecifiedName())
	if name := nameIn(e.GetSpecifiedName()); name != "" {
		hint = ": --" + name + hint
	}
	return usageError{errors.New("unknown flag" + hint)}
}

// having lists the commands under root that have a flag.
func having(root *cobra.Command, flag string) (names []string) {
	for _, c := range root.Commands() {
		if !c.Hidden && c.Flags().Lookup(flag) != nil {
			names = append(names, c.Name())
		}
	}
	return names
}

// nameIn is what text begins with that may be the name of a flag or a command.
func nameIn(text string) string {
	end := strings.IndexFunc(text, func(c rune) bool { return c != '-' && (c < 'a' || c > 'z') })
	if end < 0 {
		end = len(text)
	}
	return text[:min(end, 40)]
}

// version is what --version prints: what makes a difference to a measurement.
func version() string {
	b := probe.Tool()
	return fmt.Sprintf("%s %s (%s, grpc-go %s)", b.Version, b.Revision, b.Go, b.GRPCGo)
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "grpc-bench",
		Short: "Measures what TLS, metadata and compression cost a gRPC service",
		Long: `grpc-bench measures what TLS, metadata and compression cost a gRPC service: all
settings at once on the same machine, repeated, with intervals.

Exit codes: 0 done, 1 the run could not be done, 2 wrong command line or plan,
3 a gate failed or could not be judged, 4 the result is INVALID, 130 and 143 interrupted with the partial result saved.`,
		Example: `  grpc-bench run                            what TLS, metadata and compression cost here
  grpc-bench run --vary tls=off,1.3         one question
  grpc-bench run localhost:1337 --cacert server.crt
  grpc-bench handshake                      what a connection costs
  grpc-bench call localhost:1337 --cacert server.crt --metadata foo=bar
  grpc-bench ceiling --slo 'p99<5ms'        how much can it take?
  grpc-bench report ID --format markdown
  grpc-bench compare baseline:main ID       did it get slower?
  grpc-bench track                          since when?
  grpc-bench ui                             all of it in a browser`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 && slices.Contains(laterCommands, args[0]) {
				return usageError{fmt.Errorf("command %q is not supported by this version", args[0])}
			}
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q: see grpc-bench --help", nameIn(args[0]))}
			}
			return c.Help()
		},
	}
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newRunCommand(), newHandshakeCommand(), newCeilingCommand(), newCallCommand(), newReportCommand(), newCompareCommand(), newTrackCommand(), newUICommand(), newServerCommand(), newCertsCommand(), newVerifyCommand(), newSpecimenCommand(), newHostCommand(), newGeneratorCommand())
	return root
}
