//go:build unix

package certs_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/certs"
)

func TestFileModesDoNotDependOnTheUmask(t *testing.T) {
	pairs := []certs.Named{{Name: "server", Pair: newSet(t).Server}}
	for _, umask := range []int{0o000, 0o077, 0o777} {
		t.Run(fmt.Sprintf("%03o", umask), func(t *testing.T) {
			dir := t.TempDir()
			old := syscall.Umask(umask)
			defer syscall.Umask(old)
			if err := certs.WriteFiles(dir, pairs, false); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"server.crt 0644", "server.key 0600"}, listing(t, dir)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}
