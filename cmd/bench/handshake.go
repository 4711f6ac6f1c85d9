package main

import (
	"github.com/spf13/cobra"

	"grpcbench/internal/plan"
)

func newHandshakeCommand() *cobra.Command {
	var config plan.Config
	c := &cobra.Command{
		Use:   "handshake [TARGET]",
		Short: "Measures what opening a connection costs, and stores and prints the result",
		Long: `Handshake opens connections, each for its own sake: name resolution, TCP, TLS,
HTTP/2 until the server's SETTINGS have come, a first RPC and a later one. It
measures what each part takes and what client and server spend on it.

The arms' connections are opened one at a time in random order; each epoch
repeats that with fresh processes, and ends with a block of each arm in which
connections are opened at full speed. With resumption each connection is opened
once for its ticket, closed and opened again.

Without arguments it measures the built-in suite "handshakes": TLS versions,
keys, key exchange groups, resumption and mutual TLS. A TARGET (HOST:PORT,
unix:PATH or unix-abstract:NAME) is asked for 20 connections a second unless
--rate says otherwise, and never saturated.`,
		Example: `  grpc-bench handshake
  grpc-bench handshake --quick
  grpc-bench handshake --vary group=x25519,x25519mlkem768
  grpc-bench handshake --key rsa2048 --vary resumption=off,on --engine wire
  grpc-bench handshake localhost:1337 --cacert server.crt --vary tls=1.2,1.3`,
		Args: oneTarget,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				config.TargetArg = args[0]
			}
			return runPlan(c.Context(), config, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	config.HandshakeFlags(c.Flags())
	offerPlan(c)
	offer(c, "format", formatNames())
	return c
}
