package main

import (
	"github.com/spf13/cobra"

	"grpcbench/internal/plan"
)

func newCeilingCommand() *cobra.Command {
	var config plan.Config
	c := &cobra.Command{
		Use:   "ceiling [TARGET]",
		Short: "Says how much a server can take, and what limits it",
		Long: `Ceiling says how much a server can take, and which side was the limit.

Without --slo callers of a closed loop are doubled: the ceiling is the least number
of callers from which twice as many gain less than 5 %, by the 95 % interval over
the epochs. With --slo it is the highest rate of an open loop that keeps every
limit, counted from when each RPC was due: the rate is doubled, then bisected, and
every epoch measures again around what was found.

A TARGET needs --slo and --max-rate: nobody's server is overloaded by accident.
Settings, --vary and suites are those of run; each arm has a ceiling of its own.`,
		Example: `  grpc-bench ceiling
  grpc-bench ceiling --engine wire --slo 'p99<5ms'
  grpc-bench ceiling --slo 'p99<5ms' --slo 'failed<0.1%' --vary tls=off,1.3
  grpc-bench ceiling localhost:1337 --cacert server.crt --slo 'p99<20ms' --max-rate 2000`,
		Args: oneTarget,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				config.TargetArg = args[0]
			}
			return runPlan(c.Context(), config, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	config.CeilingFlags(c.Flags())
	offerPlan(c)
	offer(c, "format", formatNames())
	return c
}
