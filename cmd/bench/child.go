package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"grpcbench/internal/runner"
	"grpcbench/internal/worker"
)

// newHostCommand is a run's bundled server: it takes orders on standard input.
func newHostCommand() *cobra.Command {
	return &cobra.Command{Use: runner.Host, Hidden: true, Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		ignoreInterrupts()
		return worker.Host(c.Context(), c.InOrStdin(), c.OutOrStdout())
	}}
}

// newGeneratorCommand is a run's generator: it takes orders on standard input.
func newGeneratorCommand() *cobra.Command {
	return &cobra.Command{Use: runner.Generator, Hidden: true, Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		ignoreInterrupts()
		return worker.Generate(c.Context(), c.InOrStdin(), c.OutOrStdout())
	}}
}

// ignoreInterrupts leaves them to the parent: a terminal sends them to the whole
// group, and a child ends when its parent says so or is gone.
func ignoreInterrupts() { signal.Ignore(os.Interrupt, syscall.SIGTERM) }
