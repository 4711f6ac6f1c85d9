// Package servercmd is the command that runs the bundled server, once for the
// two programs that have it: flags, certificates and the server's life.
package servercmd

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"grpcbench/internal/benchserver"
	"grpcbench/internal/certs"
	"grpcbench/internal/codec"
)

// Where the published example has its server and its certificate.
const (
	defaultListen = "127.0.0.1:1337"
	defaultCert   = "server.crt"
	defaultKey    = "server.key"
)

// staticWindow is the flow-control window of --windows static, in bytes.
const staticWindow = 1 << 20

// config is what the flags say.
type config struct {
	listen         string
	cert, key      string // file names
	readableKey    bool   // of others than the owner
	tls            string // off, 1.2, 1.3 or default
	clientCA       string // file name; "" asks no client for a certificate
	windows        string // static or dynamic
	level          string // as codec.Parse reads it; "" means medium for every codec
	reflection     bool
	maxConnections int
	grace          time.Duration
}

func (c *config) register(fs *pflag.FlagSet) {
	fs.StringVar(&c.listen, "listen", defaultListen, "`ADDRESS` to listen on; port 0 takes a free one")
	fs.StringVar(&c.cert, "cert", defaultCert, "PEM `FILE` of the server's certificate")
	fs.StringVar(&c.key, "key-file", defaultKey, "PEM `FILE` of the certificate's private key")
	fs.BoolVar(&c.readableKey, "allow-readable-key", false, "accept a --key-file that group and others may read, as in a Kubernetes secret")
	fs.StringVar(&c.tls, "tls", "default", "TLS version: off, 1.2, 1.3 or default (1.2 and 1.3)")
	fs.StringVar(&c.clientCA, "client-ca", "", "PEM `FILE` of the authorities whose certificate every client must show (mutual TLS)")
	fs.StringVar(&c.windows, "windows", "static", "HTTP/2 flow-control windows: static (1 MiB) or dynamic (grpc-go measures and resizes them)")
	fs.StringVar(&c.level, "response-compression-level", "",
		"`CODEC:LEVEL` of compressed responses: gzip, deflate or zstd with low, medium, high or 1..9; other codecs work at medium")
	fs.BoolVar(&c.reflection, "reflection", false, "serve the reflection service")
	fs.IntVar(&c.maxConnections, "max-connections", benchserver.DefaultMaxConnections, "connections that may be open; one more is closed at once")
	fs.DurationVar(&c.grace, "grace", 5*time.Second, "how long RPCs in flight may take to end after SIGTERM or SIGINT")
}

// validate returns every mistake that can be seen without opening anything. set
// tells whether a flag was given.
func (c config) validate(set func(flag string) bool) error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	err := checkListen(c.listen)
	check(err == nil, "--listen %q: must be HOST:PORT: %w", c.listen, err)
	_, _, known := versions(c.tls)
	check(known, "--tls %q: must be off, 1.2, 1.3 or default", c.tls)
	for _, flag := range []string{"cert", "key-file", "allow-readable-key", "client-ca"} {
		check(c.tls != "off" || !set(flag), "--%s: must not be given with --tls off", flag)
	}
	check(c.cert != "", `--cert "": must name a file`)
	check(c.key != "", `--key-file "": must name a file`)
	check(c.clientCA != "" || !set("client-ca"), `--client-ca "": must name a file`)
	check(c.windows == "static" || c.windows == "dynamic", "--windows %q: must be static or dynamic", c.windows)
	_, err = c.responses()
	check(err == nil, "--response-compression-level: %w", err)
	check(c.maxConnections > 0, "--max-connections %d: must be > 0", c.maxConnections)
	check(c.grace >= 0, "--grace %v: must be >= 0", c.grace)
	return errors.Join(errs...)
}

// checkListen refuses an address without a host: all interfaces are asked for by
// name.
func checkListen(address string) error {
	host, port, err := net.SplitHostPort(address)
	if e, ok := errors.AsType[*net.AddrError](err); ok {
		return errors.New(e.Err)
	}
	if err != nil {
		return err
	}
	if host == "" {
		return errors.New("the host must not be empty; 0.0.0.0 and [::] are every address of this machine")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return errors.New("the port must be in [0, 65535]")
	}
	return nil
}

// versions returns the lowest and highest TLS version of a --tls value; both are
// 0 without TLS.
func versions(name string) (lowest, highest uint16, ok bool) {
	switch name {
	case "off":
		return 0, 0, true
	case "1.2":
		return tls.VersionTLS12, tls.VersionTLS12, true
	case "1.3":
		return tls.VersionTLS13, tls.VersionTLS13, true
	case "default":
		return tls.VersionTLS12, tls.VersionTLS13, true
	}
	return 0, 0, false
}

// responses returns the codec whose level is fixed. A level none is refused: it
// belongs to a response, not to a process, and a request asks for it.
func (c config) responses() (codec.Spec, error) {
	if c.level == "" {
		return codec.Spec{Name: codec.None}, nil
	}
	spec, err := codec.Parse(c.level)
	if err != nil {
		return codec.Spec{}, err
	}
	if !spec.Compresses() {
		return codec.Spec{}, fmt.Errorf("%q: must be gzip, deflate or zstd with a level above none", c.level)
	}
	return spec, nil
}

// tlsConfig reads the files; nil means plaintext.
func (c config) tlsConfig() (*tls.Config, error) {
	lowest, highest, _ := versions(c.tls)
	if highest == 0 {
		return nil, nil
	}
	load := certs.LoadPair
	if c.readableKey {
		load = certs.LoadReadablePair
	}
	pair, err := load(c.cert, c.key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: make both files with `make gen_key` or `grpc-bench certs`, or serve plaintext with --tls off", err)
	}
	if err != nil {
		return nil, err
	}
	t := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: lowest, MaxVersion: highest}
	if c.clientCA != "" {
		var roots *x509.CertPool
		if roots, err = certs.LoadRoots(c.clientCA); err != nil {
			return nil, err
		}
		t.ClientCAs, t.ClientAuth = roots, tls.RequireAndVerifyClientCert
	}
	return t, nil
}

// security describes the connections for people.
func (c config) security() string {
	s := map[string]string{
		"off": "plaintext", "1.2": "TLS 1.2", "1.3": "TLS 1.3", "default": "TLS 1.2 and 1.3",
	}[c.tls]
	if c.clientCA != "" {
		s += ", client certificate required"
	}
	return s
}
