package certs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/certs"
)

// newSet returns a CA, a server and a client.
func newSet(t *testing.T) certs.Set {
	t.Helper()
	set, err := certs.Authority(certs.Options{Key: certs.Ed25519, Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// listing returns what dir holds, as "NAME MODE".
func listing(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %04o", e.Name(), info.Mode().Perm()))
	}
	return all
}

func content(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestFilesArePairsThatLoadAgain(t *testing.T) {
	dir, set := t.TempDir(), newSet(t)
	if err := certs.WriteFiles(dir, set.Named(), false); err != nil {
		t.Fatal(err)
	}
	want := []string{"ca.crt 0644", "ca.key 0600", "client.crt 0644", "client.key 0600", "server.crt 0644", "server.key 0600"}
	if diff := cmp.Diff(want, listing(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for _, named := range set.Named() {
		base := filepath.Join(dir, named.Name)
		if content(t, base+".crt") != string(named.Pair.CertPEM) || content(t, base+".key") != string(named.Pair.KeyPEM) {
			t.Errorf("%s: files differ from the pair", named.Name)
		}
		pair, err := certs.LoadPair(base+".crt", base+".key")
		if err != nil || !pair.Leaf.Equal(parse(t, named.Pair)) {
			t.Errorf("%s: LoadPair: %v", named.Name, err)
		}
	}
}

func TestWithoutForceAnyExistingFileStopsAllWriting(t *testing.T) {
	for _, exists := range []string{"ca.crt", "client.key", "server.crt", "server.key"} {
		dir := t.TempDir()
		path := filepath.Join(dir, exists)
		if err := os.WriteFile(path, []byte("mine"), 0o640); err != nil {
			t.Fatal(err)
		}
		err := certs.WriteFiles(dir, newSet(t).Named(), false)
		if want := "write " + path + ": file already exists; give --force to replace it"; err == nil || err.Error() != want {
			t.Errorf("error %v, want %q", err, want)
		}
		if !errors.Is(err, fs.ErrExist) {
			t.Errorf("error %v is no fs.ErrExist", err)
		}
		if diff := cmp.Diff([]string{exists + " 0640"}, listing(t, dir)); diff != "" || content(t, path) != "mine" {
			t.Errorf("%s: directory changed (-want +got):\n%s", exists, diff)
		}
	}
}

// Two pairs of one name reach the same path twice: the second is there when the
// check of all names has already passed, as if another process had made it.
func TestAFileThatAppearsMeanwhileIsKeptAndTheRestTakenBack(t *testing.T) {
	dir, set := t.TempDir(), newSet(t)
	pairs := []certs.Named{{Name: "server", Pair: set.Server}, {Name: "server", Pair: set.Client}}
	if err := certs.WriteFiles(dir, pairs, false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error %v, want fs.ErrExist", err)
	}
	if got := listing(t, dir); len(got) != 0 {
		t.Errorf("directory holds %q after a failure, want nothing", got)
	}
}

func TestForceReplacesFilesAndTheirModes(t *testing.T) {
	dir, set := t.TempDir(), newSet(t)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	for _, path := range []string{filepath.Join(dir, "server.key"), elsewhere} {
		if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(elsewhere, filepath.Join(dir, "server.crt")); err != nil {
		t.Fatal(err)
	}
	if err := certs.WriteFiles(dir, []certs.Named{{Name: "server", Pair: set.Server}}, true); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"server.crt 0644", "server.key 0600"}, listing(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if content(t, dir, "server.key") != string(set.Server.KeyPEM) || content(t, dir, "server.crt") != string(set.Server.CertPEM) {
		t.Error("files do not hold the new pair")
	}
	if got := content(t, elsewhere); got != "old" {
		t.Errorf("the file behind a link became %q", got)
	}
}

func TestWhatCannotBeWrittenLeavesNothing(t *testing.T) {
	set := newSet(t)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "server.key"), 0o755); err != nil {
		t.Fatal(err)
	}
	err := certs.WriteFiles(dir, set.Named(), true)
	if err == nil || !strings.HasSuffix(err.Error(), "server.key: must not be a directory") {
		t.Errorf("error %v, want one about the directory", err)
	}
	if diff := cmp.Diff([]string{"server.key 0755"}, listing(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	missing := filepath.Join(dir, "missing")
	want := "write " + filepath.Join(missing, "ca.crt") + ": open: no such file or directory"
	if err := certs.WriteFiles(missing, set.Named(), false); err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
	if slices.Contains(listing(t, dir), "missing") {
		t.Error("the missing directory was made")
	}
}
