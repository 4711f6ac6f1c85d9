package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"grpcbench/internal/certs"
	"grpcbench/internal/plan"
)

// certsFlags are the flags of certs as they were given.
type certsFlags struct {
	key   string
	days  int
	sans  []string
	ca    bool
	force bool
	dir   string
}

func newCertsCommand() *cobra.Command {
	var f certsFlags
	c := &cobra.Command{
		Use:   "certs",
		Short: "Makes keys and certificates for TLS and mutual TLS",
		Long: `certs writes server.crt, a self-signed certificate that clients trust as their
root, and server.key. With --ca it writes three pairs for mutual TLS: ca, and
server and client signed by it. Keys have mode 0600, certificates 0644. What
exists already is not overwritten without --force: then nothing is written.`,
		Example: `  grpc-bench certs                                server.crt and server.key for localhost
  grpc-bench certs --key p256 --days 30 --force
  grpc-bench certs --san bench.example --san 10.0.0.7
  grpc-bench certs --ca --dir tls                 a CA, a server and a client`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("certs %q: must be given flags only", args[0])}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			options, err := f.options()
			if err != nil {
				return usageError{err}
			}
			return f.write(c.OutOrStdout(), options)
		},
	}
	c.Flags().StringVar(&f.key, "key", string(certs.RSA2048), "`type` of the keys: rsa2048, p256 or ed25519")
	c.Flags().IntVar(&f.days, "days", 365, "`days` the certificates are valid")
	c.Flags().StringArrayVar(&f.sans, "san", certs.DefaultSANs(), "DNS `name` or IP address of the server; repeatable, replaces the default list")
	c.Flags().BoolVar(&f.ca, "ca", false, "write a CA, and a server and a client certificate signed by it")
	c.Flags().BoolVar(&f.force, "force", false, "replace files that exist")
	c.Flags().StringVar(&f.dir, "dir", ".", "`directory` to write to; must exist")
	offer(c, "key", plan.Offers()["key"])
	return c
}

// options returns what the flags ask for, or the first mistake under the name
// of its flag.
func (f certsFlags) options() (certs.Options, error) {
	o := certs.Options{Key: certs.KeyType(f.key), Days: f.days, SANs: f.sans}
	if err := o.Validate(); err != nil {
		return certs.Options{}, fmt.Errorf("--%w", err) // Validate names options as flags are named
	}
	return o, nil
}

// write makes the pairs, writes their files and says what they are.
func (f certsFlags) write(w io.Writer, o certs.Options) error {
	pairs, err := f.pairs(o)
	if err != nil {
		return err
	}
	if err := certs.WriteFiles(f.dir, pairs, f.force); err != nil {
		return err
	}
	for _, p := range pairs {
		if err := describePair(w, f.dir, p); err != nil {
			return err
		}
	}
	return nil
}

func (f certsFlags) pairs(o certs.Options) ([]certs.Named, error) {
	if f.ca {
		set, err := certs.Authority(o)
		return set.Named(), err
	}
	server, err := certs.SelfSigned(o)
	return []certs.Named{{Name: "server", Pair: server}}, err
}

// describePair prints the names of a pair's files, and of its certificate the
// last date and the fingerprint, as openssl x509 -fingerprint -sha256 has it
// but without colons.
func describePair(w io.Writer, dir string, p certs.Named) error {
	block, _ := pem.Decode(p.Pair.CertPEM)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fmt.Errorf("read certificate %s: %w", p.Name, err)
	}
	base := filepath.Join(dir, p.Name)
	_, err = fmt.Fprintf(w, "%s.crt  valid until %s\n  SHA-256 %X\n%s.key  private key\n",
		base, cert.NotAfter.UTC().Format("2006-01-02 15:04:05 MST"), sha256.Sum256(cert.Raw), base)
	return err
}
