package main

import (
	"github.com/spf13/cobra"

	"grpcbench/internal/servercmd"
)

// newServerCommand runs the bundled server until a signal, which is its ordinary
// end.
func newServerCommand() *cobra.Command {
	cmd := servercmd.New("server", func(err error) error { return usageError{err} })
	serve := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, stop := untilSignal(cmd.Context())
		defer stop()
		cmd.SetContext(ctx)
		return serve(cmd, args)
	}
	return cmd
}
