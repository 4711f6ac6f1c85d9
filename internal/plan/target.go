package plan

import (
	"crypto/x509"
	"path/filepath"
	"slices"

	"grpcbench/internal/certs"
)

// maxPEMBytes bounds a file of certificates or a key. A system's whole list of
// authorities is a fifth of it.
const maxPEMBytes = 1 << 20

// completeTarget reads the files for a TARGET, and refuses them without one.
func (r request) completeTarget(d *draft, m *mistakes) {
	if !r.hasTarget() {
		for _, o := range targetOptions() {
			for _, v := range r.options[o.name] {
				m.add("%s %q: cannot be used without a TARGET", v.where, v.shown())
			}
		}
		return
	}
	t := &d.target
	t.Address = d.plan.Arms[0].Settings.Target
	d.plan.Target = t
	readPEM := func(flag, path string) []byte {
		if path == "" {
			return nil
		}
		data, err := readFile(path, maxPEMBytes)
		if err != nil {
			m.add("--%s %q: %w", flag, path, err)
		}
		return data
	}
	base := func(path string) string {
		if path == "" {
			return ""
		}
		return filepath.Base(path)
	}
	t.CACert, t.Cert, t.KeyFile = base(d.files.caCert), base(d.files.cert), base(d.files.key)
	t.CACertPEM = readPEM("cacert", d.files.caCert)
	t.CertPEM, t.KeyPEM = readPEM("cert", d.files.cert), readPEM("key-file", d.files.key)
	r.checkTarget(d, m)
}

// checkTarget refuses what contradicts itself about a TARGET.
func (r request) checkTarget(d *draft, m *mistakes) {
	t, f := d.target, d.files
	secure := slices.ContainsFunc(d.plan.Arms, func(a Arm) bool { return a.Settings.TLS != Off })
	mutual := slices.ContainsFunc(d.plan.Arms, func(a Arm) bool { return a.Settings.MTLS })
	if !secure {
		for _, name := range []string{"cacert", "cert", "key-file", "server-name", "allow-readable-key", "insecure-skip-verify", "allow-no-alpn"} {
			for _, v := range r.options[name] {
				m.add("%s %q: cannot be used with --tls off", v.where, v.shown())
			}
		}
	}
	if t.InsecureSkipVerify && f.caCert != "" {
		m.add("--insecure-skip-verify: cannot be used with --cacert, which is for verifying")
	}
	checkCredentials(d.plan.Arms, t, m)
	if (f.cert == "") != (f.key == "") {
		m.add("--cert %q and --key-file %q: must be given together", f.cert, f.key)
	}
	if t.AllowReadableKey && f.key == "" {
		m.add("--allow-readable-key: must come with --key-file")
	}
	if mutual && f.cert == "" {
		m.add("--mtls on: must come with --cert and --key-file for a TARGET")
	}
	if secure && f.cert != "" && f.key != "" && !mutual {
		m.add("--cert %q: must come with --mtls on", f.cert)
	}
	if t.CACertPEM != nil && !x509.NewCertPool().AppendCertsFromPEM(t.CACertPEM) {
		m.add("--cacert %q: must hold a certificate in PEM form", f.caCert)
	}
	if t.CertPEM != nil && t.KeyPEM != nil {
		load := certs.LoadPair
		if t.AllowReadableKey {
			load = certs.LoadReadablePair
		}
		if _, err := load(f.cert, f.key); err != nil {
			m.add("--cert %q and --key-file %q: %w", f.cert, f.key, err)
		}
	}
	if t.ServerPID > 0 && slices.ContainsFunc(d.plan.Arms, func(a Arm) bool { return a.Settings.Target != t.Address }) {
		m.add("--server-pid %d: cannot be used with several targets, which are several processes", t.ServerPID)
	} else if t.ServerPID > 0 && len(d.plan.Arms) > 1 {
		m.add("--server-pid %d: cannot be used with several arms, whose shares of one process cannot be told apart", t.ServerPID)
	}
}

// targetFiles are the paths of a TARGET's files.
type targetFiles struct {
	caCert, cert, key string
}
