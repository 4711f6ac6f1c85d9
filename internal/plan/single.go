package plan

import (
	"slices"

	"github.com/spf13/pflag"
)

// SingleFlags registers the flags that say what one RPC is and where to make it.
// Those of load, time and results are not among them.
func (c *Config) SingleFlags(fs *pflag.FlagSet) {
	c.register(fs, func(name string) bool { return slices.Contains(singleNames(), name) })
}

func singleNames() []string {
	return []string{
		"tls", "mtls", "key", "group", "resumption",
		"compression", "response-compression", "accept-compression", "metadata", "metadata-size", "payload", "response-payload", "method", "request",
		"deadline", "windows", "connect-timeout", "expect", "max-message",
		"cacert", "cert", "key-file", "allow-readable-key", "server-name", "authority", "insecure-skip-verify", "allow-no-alpn", "allow-cleartext-credentials",
	}
}

// Single checks c and returns a plan of one arm: what was asked, or Foo on a
// bundled server. The error joins every mistake.
func (c Config) Single() (Plan, error) {
	var m mistakes
	r := newRequest(c.kind)
	c.overlay(&r, &m)
	p := r.plan(&m)
	if err := m.err(); err != nil {
		return Plan{}, err
	}
	return p, nil
}
