package worker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"grpcbench/internal/benchserver"
	"grpcbench/internal/channel"
	"grpcbench/internal/codec"
	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
	benchv1 "grpcbench/proto/bench/v1"
)

// Host serves orders for a server, the bundled one or a server binary, until in ends.
func Host(ctx context.Context, in io.Reader, out io.Writer) error {
	h := &host{}
	defer h.stop()
	return obey(ctx, in, out, h.handle, h.interrupt)
}

type host struct {
	server  *benchserver.Server
	command *command // instead of server
	runtime probe.Runtime
	interruptible
}

func (h *host) stop() {
	if h.server != nil {
		h.server.Stop(time.Second)
	}
	if h.command != nil {
		h.command.stop()
	}
}

func (h *host) handle(ctx context.Context, o Order, _ func(part any) error) (any, error) {
	switch {
	case o.Do == DoServe && o.Serve != nil && h.server == nil && h.command == nil:
		if o.Serve.Settings.ServerBinary == "" {
			return h.serve(*o.Serve)
		}
		var at Listening
		var err error
		h.command, at, err = startCommand(ctx, *o.Serve)
		return at, err
	case h.command != nil && o.Do == DoMark && o.Mark != nil:
		return h.mark(ctx, o.Mark.At, func() (Reading, error) { return h.command.read(), h.command.failure() })
	case h.server == nil:
		return nil, fmt.Errorf("order %q: must come after serve", o.Do)
	case o.Do == DoMark && o.Mark != nil:
		// It collects garbage first, so that every arm's window begins at the same point
		// between two collections: few fall into a window, and one more or less is a
		// percent of CPU.
		runtime.GC()
		return h.mark(ctx, o.Mark.At, func() (Reading, error) { return read(&h.runtime), nil })
	case o.Do == DoSnapshot:
		return Snapshot{h.server.Snapshot()}, nil
	}
	return nil, fmt.Errorf("order %q: not known to a host", o.Do)
}

// Snapshot is the server's own account, as JSON of its protobuf message.
type Snapshot struct{ *benchv1.SnapshotResponse }

// MarshalJSON implements json.Marshaler.
func (s Snapshot) MarshalJSON() ([]byte, error) { return protojson.Marshal(s.SnapshotResponse) }

// UnmarshalJSON implements json.Unmarshaler.
func (s *Snapshot) UnmarshalJSON(b []byte) error {
	s.SnapshotResponse = &benchv1.SnapshotResponse{}
	return protojson.Unmarshal(b, s.SnapshotResponse)
}

func (h *host) serve(s Serve) (any, error) {
	config, err := serverTLS(s)
	if err != nil {
		return nil, err
	}
	spec := ResponseSpec(s.Settings)
	o := benchserver.Options{
		TLS: config, Counters: codec.Install(codec.Names(), spec),
		// Connections that are being replaced are open beside the new ones.
		MaxConnections: max(benchserver.DefaultMaxConnections, 2*s.Settings.Connections),
	}
	if s.Settings.Windows == "static" {
		o.StaticWindow = channel.StaticWindow
	}
	server, err := benchserver.New(o)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen on loopback: %w", err)
	}
	h.server = server
	go func() { _ = server.Serve(listener) }() // ends with Stop; before that every call would fail, and be counted
	return Listening{Address: listener.Addr().String(), Codec: spec.Implementation()}, nil
}

// ResponseSpec is the compressor and level that the arm's server answers with.
func ResponseSpec(s plan.Settings) codec.Spec {
	if s.ResponseCompression.Mirror {
		return s.Compression
	}
	return s.ResponseCompression.Spec
}

func serverTLS(s Serve) (*tls.Config, error) {
	if s.Settings.TLS == "off" {
		return nil, nil
	}
	pair, err := tls.X509KeyPair(s.CertPEM, s.KeyPEM)
	if err != nil {
		return nil, fmt.Errorf("load server certificate: %w", err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if s.Settings.MTLS {
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(s.ClientCAPEM) {
			return nil, errors.New("load client authority: no certificate")
		}
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// mark reads the server's clocks at each of the given instants.
func (h *host) mark(ctx context.Context, at []int64, read func() (Reading, error)) (any, error) {
	ctx, cancel := h.until(ctx)
	defer cancel()
	readings := make([]Reading, 0, len(at))
	for _, t := range at {
		timer := time.NewTimer(time.Duration(t - probe.Monotonic()))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
		reading, err := read()
		if err != nil {
			return nil, err
		}
		readings = append(readings, reading)
	}
	return readings, nil
}

// read is what this process has used so far.
func read(r *probe.Runtime) Reading {
	var reading Reading
	if ns, ok := probe.ProcessCPU(); ok {
		reading.CPU = &ns
	}
	r.Read()
	reading.Allocs, _ = r.Allocs()
	_, gc := r.GC()
	reading.GCCPU = int64(gc)
	return reading
}
