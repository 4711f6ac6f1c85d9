// Package address knows what the text of a server's address means: HOST:PORT, or a Unix
// socket as gRPC writes it (grpc/doc/naming.md): unix:PATH, unix:///PATH or, on Linux,
// unix-abstract:NAME, which no file stands for.
package address

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unicode"
)

// Local is the host of a Unix socket: what :authority is, and what a certificate must
// hold, where nothing else is given. grpc-go does likewise.
const Local = "localhost"

const (
	scheme         = "unix:"
	abstractScheme = "unix-abstract:"
)

// maxPath is the longest path in bytes that a socket can have, as a NUL follows it, and the
// longest abstract name, as a NUL comes before it.
const maxPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// maxHost is the longest name that a host can have (RFC 1035, 2.3.4).
const maxHost = 255

// IsUnix reports whether text is the address of a Unix socket.
func IsUnix(text string) bool {
	return strings.HasPrefix(text, scheme) || strings.HasPrefix(text, abstractScheme)
}

// Dial is what text means to [net.Dial], for which @ stands before an abstract name.
func Dial(text string) (network, address string) {
	if name, abstract := strings.CutPrefix(text, abstractScheme); abstract {
		return "unix", "@" + strings.TrimPrefix(name, "//")
	}
	path, unix := strings.CutPrefix(text, scheme)
	if !unix {
		return "tcp", text
	}
	return "unix", strings.TrimPrefix(path, "//") // unix:///PATH has an empty authority
}

// Unix is the address of the socket that [Dial] gives an address of.
func Unix(path string) string {
	scheme := scheme
	if name, abstract := strings.CutPrefix(path, "@"); abstract {
		scheme, path = abstractScheme, name
	}
	if strings.HasPrefix(path, "//") {
		scheme += "//" // or Dial would take the path's own for it
	}
	return scheme + path
}

// Host is the host of an address; "" if it has none.
func Host(text string) string {
	if IsUnix(text) {
		return Local
	}
	host, _, err := net.SplitHostPort(text)
	if err != nil {
		return ""
	}
	return host
}

// Check returns why text is no address that connections can be made to. The error does not
// repeat it.
func Check(text string) error {
	if strings.HasPrefix(text, abstractScheme) {
		return checkName(text, runtime.GOOS)
	}
	if IsUnix(text) {
		return checkPath(text)
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" {
		return errors.New("must be HOST:PORT, as in localhost:1337 or [::1]:1337, or unix:PATH")
	}
	if strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("/@?#", r) }) {
		return errors.New("must be HOST:PORT without scheme, user or path")
	}
	if len(host) > maxHost {
		return fmt.Errorf("host must be at most %d bytes, not %d", maxHost, len(host))
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n < 1 {
		return errors.New("port must be in [1, 65535]")
	}
	return nil
}

func checkPath(text string) error {
	_, path := Dial(text)
	after := strings.TrimPrefix(text, scheme)
	switch {
	case strings.HasPrefix(after, "//") && !strings.HasPrefix(path, "/"):
		return errors.New("must be unix:PATH, or unix:///PATH with an absolute path")
	case strings.Trim(path, "/") == "":
		return errors.New("must be unix:PATH with the path of a socket")
	case strings.HasPrefix(path, "@"), unlike(path):
		return errors.New("must be unix:PATH with a printable path that does not begin with @ and has none of %, ? and # (an abstract socket is unix-abstract:NAME)")
	case len(path) > maxPath:
		return fmt.Errorf("must be unix:PATH with a path of at most %d bytes, not %d (use a relative one)", maxPath, len(path))
	}
	return nil
}

// checkName is Check of an abstract socket on an operating system.
func checkName(text, system string) error {
	_, at := Dial(text)
	name := at[1:]
	after := strings.TrimPrefix(text, abstractScheme)
	switch {
	case system != "linux":
		return errors.New("unix-abstract: is of Linux alone (use unix:PATH)")
	case strings.HasPrefix(after, "//") && !strings.HasPrefix(name, "/"):
		return errors.New("must be unix-abstract:NAME, or unix-abstract:///NAME, whose name begins with /")
	case strings.Trim(name, "/") == "":
		return errors.New("must be unix-abstract:NAME with the name of a socket")
	case strings.HasPrefix(name, "@"), unlike(name):
		return errors.New("must be unix-abstract:NAME with a printable name, without the @ that stands for its NUL, that has none of %, ? and #")
	case len(name) > maxPath:
		return fmt.Errorf("must be unix-abstract:NAME with a name of at most %d bytes, not %d", maxPath, len(name))
	}
	return nil
}

// unlike reports whether others would read path otherwise: gRPC takes it out of a URL.
func unlike(path string) bool {
	return strings.ContainsAny(path, "%?#") || strings.ContainsFunc(path, func(r rune) bool { return !unicode.IsPrint(r) })
}
