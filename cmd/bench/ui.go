package main

import (
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"grpcbench/internal/ui"
)

// newUICommand serves until a signal, which is its ordinary end.
func newUICommand() *cobra.Command {
	var dir, listen string
	c := &cobra.Command{
		Use:   "ui",
		Short: "Shows all stored results in a browser on this machine",
		Long: `Ui shows the directory of results in a browser: the list of all runs, each as its
report.html does, any two compared as compare does, and the history as track
does. What is stored while it serves appears when a page is loaded. It changes
nothing.

The first line on stdout is the address to open. It holds a key that is new each
time: without it nobody is told anything, and no other machine is answered at
all. SIGINT and SIGTERM are its ordinary end.`,
		Example: `  grpc-bench ui
  grpc-bench ui --results /srv/results --listen 127.0.0.1:8080`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("ui: must be given no arguments, got %d", len(args))}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			address, err := ui.Address(listen)
			if err != nil {
				return usageError{fmt.Errorf("--listen %w", err)}
			}
			ctx, stop := untilSignal(c.Context())
			defer stop()
			recoverRuns(dir, c.ErrOrStderr())
			server, err := ui.New(dir, placesIn(ctx, dir))
			if err != nil {
				return fmt.Errorf("--results: %w", err)
			}
			listener, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(address))
			if err != nil {
				return err // "listen tcp ADDRESS: cause"
			}
			if _, err := fmt.Fprintln(c.OutOrStdout(), server.URL(listener.Addr().(*net.TCPAddr).AddrPort())); err != nil {
				_ = listener.Close()
				return fmt.Errorf("write address: %w", err)
			}
			fmt.Fprintf(c.ErrOrStderr(), "showing %s until Ctrl-C\n", dir)
			return server.Serve(ctx, listener)
		},
	}
	c.Flags().StringVar(&dir, "results", "results", "`directory` of the results")
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "loopback `HOST:PORT` to listen on; port 0 is one that is free")
	return c
}
