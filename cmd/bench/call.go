package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"grpcbench/internal/exchange"
	"grpcbench/internal/plan"
	"grpcbench/internal/report"
	"grpcbench/internal/runner"
)

func newCallCommand() *cobra.Command {
	var config plan.Config
	var showSecrets bool
	c := &cobra.Command{
		Use:   "call [TARGET]",
		Short: "Makes one RPC and shows all of it",
		Long: `Call makes one RPC and shows all of it: what was negotiated, the metadata both
ways, compression, status and details, times and bytes, and what the server saw
if it tells. Without TARGET (HOST:PORT, unix:PATH or unix-abstract:NAME) it starts
the bundled server.

Nothing is stored. Values of metadata are shown, but those of -bin names and of
names that look like credentials by their size alone, unless --show-secrets.

A call without --deadline is given up after 30 seconds. The exit code is 1 if
the RPC fails.`,
		Example: `  grpc-bench call
  grpc-bench call localhost:1337 --cacert server.crt --metadata foo=bar --compression gzip:low
  grpc-bench call --payload 4KiB:json --compression zstd:high --tls 1.2
  grpc-bench call api:443 --method /pkg.Service/Get --request @get.bin --show-secrets`,
		Args: oneTarget,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				config.TargetArg = args[0]
			}
			p, err := config.Single()
			if err != nil {
				return usageError{err}
			}
			sayProxies(c.ErrOrStderr(), p)
			return callOnce(c.Context(), p, c.OutOrStdout(), report.CallOptions{
				TextOptions: textOptions(c.OutOrStdout()), ShowSecrets: showSecrets,
			})
		},
	}
	config.SingleFlags(c.Flags())
	offerPlan(c)
	c.Flags().BoolVar(&showSecrets, "show-secrets", false, "show the values of -bin names and credentials too")
	return c
}

// callOnce makes the RPC of p's only arm and prints it.
func callOnce(ctx context.Context, p plan.Plan, stdout io.Writer, o report.CallOptions) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	e, err := exchangeOf(ctx, p, self)
	if code, ok := exitInterrupted[context.Cause(ctx)]; ok {
		return code
	}
	if err != nil {
		return err
	}
	if err := report.Call(stdout, e, o); err != nil {
		return fmt.Errorf("print call: %w", err)
	}
	return e.Failure
}

func exchangeOf(ctx context.Context, p plan.Plan, self string) (exchange.Exchange, error) {
	s, err := runner.OpenSingle(ctx, p, []string{self})
	if err != nil {
		return exchange.Exchange{}, err
	}
	defer s.Close()
	return exchange.Do(ctx, s.Trial)
}
