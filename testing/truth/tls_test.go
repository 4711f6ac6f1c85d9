//go:build truth && linux

package truth

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"grpcbench/internal/result"
)

// cell is one choice of everything that a handshake depends on.
type cell struct {
	version, key, group string
	resumption          string
}

func (c cell) String() string {
	return fmt.Sprintf("{tls: %q, key: %s, group: %s, resumption: %q}", c.version, c.key, c.group, c.resumption)
}

// cells are all that there are of a version. TLS 1.2 has no post-quantum groups.
func cells(version string) []cell {
	groups := []string{"default", "x25519", "p256"}
	if version == "1.3" {
		groups = append(groups, "x25519mlkem768")
	}
	var all []cell
	for _, key := range []string{"rsa2048", "p256", "ed25519"} {
		for _, group := range groups {
			for _, resumption := range []string{"off", "on"} {
				all = append(all, cell{version, key, group, resumption})
			}
		}
	}
	return all
}

// suite is a plan with the cells as its arms, in order.
func suite(cells []cell) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "groups:\n  - name: CELLS\n    control: %v\n    arms:\n", cells[0])
	for _, c := range cells[1:] {
		fmt.Fprintf(&b, "      - %v\n", c)
	}
	return []byte(b.String())
}

// Every version × key × group × resumption is what was negotiated, and the full and
// the resumed handshakes are those that were asked for, each counted.
func TestTruthOfTheTLSCells(t *testing.T) {
	const connections, epochs = 3, 2
	b := build(t)
	for _, version := range []string{"1.2", "1.3"} {
		t.Run(version, func(t *testing.T) {
			all := cells(version)
			file := write(t, filepath.Join(t.TempDir(), "suite.yaml"), suite(all))
			r := b.run("--suite", file, "--connections", fmt.Sprint(connections), "--epochs", fmt.Sprint(epochs),
				"--rate", "300", "--warmup", "100ms", "--window", "1s", "--aa", "off")
			if found(r, "settings_not_observed") || found(r, "handshakes_disagree") {
				t.Errorf("checks: %+v", r.Checks)
			}
			if len(r.Arms) != len(all) {
				t.Fatalf("%d arms of %d cells", len(r.Arms), len(all))
			}
			for i, c := range all {
				c.check(t, r.Arms[i], connections*epochs)
			}
		})
	}
}

// check holds an arm against its cell; n is the number of its connections.
func (c cell) check(t *testing.T, a result.Arm, n int64) {
	t.Helper()
	o := a.Observed
	if o.TLSVersion != c.version || o.ServerKey != c.key || o.ALPN != "h2" || c.group != "default" && o.Group != c.group {
		t.Errorf("%v: observed %s, %s, %s, %s", c, o.TLSVersion, o.ServerKey, o.Group, o.ALPN)
	}
	// Each connection is opened once in full, for its ticket or to be used.
	full, resumed := n, int64(0)
	if c.resumption == "on" {
		resumed = n
	}
	if got := a.Handshake.Full; got == nil || got.Count != full {
		t.Errorf("%v: full handshakes %+v, want %d", c, got, full)
	}
	if got := a.Handshake.Resumed; (got == nil) != (resumed == 0) || got != nil && got.Count != resumed {
		t.Errorf("%v: resumed handshakes %+v, want %d", c, got, resumed)
	}
	if o.Resumed != resumed {
		t.Errorf("%v: %d connections resumed, want %d", c, o.Resumed, resumed)
	}
}

// ML-KEM-768 keys are 1184 bytes up and ciphertexts 1088 down (FIPS 203, table 3).
// Go's own list offers X25519 beside X25519MLKEM768, 32 bytes more of key and some
// of framing. An RSA-2048 signature costs far more than one of ECDSA P-256; the
// rest of a handshake, the same for both, dilutes that.
func TestTruthOfWhatHandshakesCost(t *testing.T) {
	b := build(t)
	measured(t, func(f *findings) {
		r := b.run("--tls", "1.3", "--vary", "key=p256,rsa2048", "--vary", "group=x25519,x25519mlkem768,default",
			"--connections", "60", "--epochs", "2", "--rate", "200", "--warmup", "100ms", "--window", "1s", "--aa", "off")
		full := func(name string) *result.Handshake { return arm(t, r, name).Handshake.Full }
		base, rsa, pinned, list := full("base"), full("key=rsa2048"), full("group=x25519mlkem768"), full("group=default")
		f.between("bytes up of ML-KEM", pinned.SentBytes-base.SentBytes, 1184-8, 1184+8)
		f.between("bytes down of ML-KEM", pinned.ReceivedBytes-base.ReceivedBytes, 1088-8, 1088+8)
		f.between("bytes up of Go's own list", list.SentBytes-base.SentBytes, 1232-8, 1232+8)
		f.between("server CPU of RSA-2048 over P-256", *rsa.ServerCPU / *base.ServerCPU, 2.2, 20)
	})
}
