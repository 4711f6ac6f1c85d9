package channel_test

import (
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"grpcbench/internal/channel"
)

// A server that accepts no connection fills its backlog, of which the system tells at once.
func TestABacklogThatIsFullIsNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: "s"}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for {
		c, err := net.Dial("unix", "s")
		if err != nil {
			break
		}
		defer c.Close()
	}
	c, err := channel.Open(t.Context(), channel.Options{Address: "unix:s", Authority: "localhost"})
	if err == nil {
		_ = c.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "backlog") || channel.Class(err) != channel.Refused {
		t.Errorf("%v of class %s, want a refusal that names the backlog", err, channel.Class(err))
	}
	c, err = channel.Open(t.Context(), channel.Options{Address: "unix:" + filepath.Join("none", "s"), Authority: "localhost"})
	if err == nil {
		_ = c.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "there is no such socket") || channel.Class(err) != channel.Refused {
		t.Errorf("%v of class %s, want a refusal that names the socket", err, channel.Class(err))
	}
}
