package servercmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/spf13/cobra"

	"grpcbench/internal/benchserver"
	"grpcbench/internal/codec"
	benchv1 "grpcbench/proto/bench/v1"
)

// New returns the command that runs the bundled server until its context ends,
// under the name that a program gives it. Its errors about the command line are
// passed through usage, which lets a program tell them from failures of the work;
// that includes what the flag parser says.
//
// Running it installs the codecs of the process, so it is run once.
func New(name string, usage func(error) error) *cobra.Command {
	var c config
	cmd := &cobra.Command{
		Use:   name,
		Short: "Serve Server.Foo, bench.v1, gRPC's benchmark call and health",
		Long: `Serve the methods that are measured: Server.Foo of the published example,
bench.v1.Bench.Echo with messages of any size, the unary call of gRPC's own
benchmark service, and health. bench.v1.Control tells what the server saw.

It listens on this machine alone, unless --listen names another address. SIGTERM
and SIGINT let RPCs in flight end for as long as --grace.

The first line on stdout is HOST:PORT, where it listens. The last one, written when it has
stopped, is a line of JSON with what it counted of the measured methods: instance,
started, ok, failed (by status code), panics, and connections that were accepted.`,
		Example: fmt.Sprintf(`  %[1]s
  %[1]s --tls off --listen '[::1]:0'
  %[1]s --tls 1.3 --cert server.crt --key-file server.key --client-ca ca.crt
  %[1]s --response-compression-level gzip:low --reflection`, example(name)),
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.NoArgs(cmd, args); err != nil {
				return usage(err)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.validate(cmd.Flags().Changed); err != nil {
				return usage(err)
			}
			return run(cmd.Context(), c, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	c.register(cmd.Flags())
	return cmd
}

// example returns the command line that runs the command called name.
func example(name string) string {
	const program = "grpc-bench"
	if name == "server" {
		return program + " " + name
	}
	return name
}

// run serves until ctx ends. The first line on stdout says where, once a client
// can connect.
func run(ctx context.Context, c config, stdout, stderr io.Writer) error {
	spec, _ := c.responses() // validated
	tlsConfig, err := c.tlsConfig()
	if err != nil {
		return err
	}
	options := benchserver.Options{
		TLS:            tlsConfig,
		Reflection:     c.reflection,
		Counters:       codec.Install(codec.Names(), spec),
		MaxConnections: c.maxConnections,
	}
	if c.windows == "static" {
		options.StaticWindow = staticWindow
	}
	server, err := benchserver.New(options)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return err // "listen tcp ADDRESS: cause"
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if err := announce(listener.Addr(), c, stdout, stderr); err != nil {
		server.Stop(0)
		<-served
		return err
	}
	select {
	case err = <-served:
		server.Stop(0)
	case <-ctx.Done():
		server.Stop(c.grace)
		err = <-served
	}
	return errors.Join(err, tell(server.Snapshot(), stdout))
}

// account is what a server tells of itself in the end.
type account struct {
	Instance    string            `json:"instance"`
	Started     uint64            `json:"started"`
	OK          uint64            `json:"ok"`
	Failed      map[string]uint64 `json:"failed"`
	Panics      uint64            `json:"panics"`
	Connections uint64            `json:"connections"`
}

func tell(s *benchv1.SnapshotResponse, stdout io.Writer) error {
	a := account{
		Instance: s.GetInstanceId(), Started: s.GetRpcs().GetStarted(), OK: s.GetRpcs().GetOk(), Failed: s.GetRpcs().GetFailed(),
		Panics: s.GetRpcs().GetPanics(), Connections: s.GetConnections().GetAccepted(),
	}
	if err := json.NewEncoder(stdout).Encode(a); err != nil {
		return fmt.Errorf("write counters: %w", err)
	}
	return nil
}

// announce says where the server listens, for programs by the address alone, and
// warns if others can reach it.
func announce(addr net.Addr, c config, stdout, stderr io.Writer) error {
	if _, err := fmt.Fprintln(stdout, addr); err != nil {
		return fmt.Errorf("write address: %w", err)
	}
	if _, err := fmt.Fprintf(stderr, "listening on %s (%s)\n", addr, c.security()); err != nil {
		return fmt.Errorf("write address: %w", err)
	}
	if a, ok := addr.(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		_, err := fmt.Fprintf(stderr, "warning: other machines can reach %s\n", addr)
		if err != nil {
			return fmt.Errorf("write warning: %w", err)
		}
	}
	return nil
}
