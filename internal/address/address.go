// Package address knows what the text of a server's address means: HOST:PORT, or the path
// of a Unix socket as gRPC writes it (grpc/doc/naming.md): unix:PATH or unix:///PATH.
package address

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"unicode"
)

// Local is the host of a Unix socket: what :authority is, and what a certificate must
// hold, where nothing else is given. grpc-go does likewise.
const Local = "localhost"

const scheme = "unix:"

// maxPath is the longest path in bytes that a socket can have: sun_path has 108 on Linux
// with the NUL at its end, 104 on macOS.
const maxPath = 107

// IsUnix reports whether text is the address of a Unix socket.
func IsUnix(text string) bool { return strings.HasPrefix(text, scheme) }

// Dial is what text means to [net.Dial].
func Dial(text string) (network, address string) {
	path, unix := strings.CutPrefix(text, scheme)
	if !unix {
		return "tcp", text
	}
	return "unix", strings.TrimPrefix(path, "//") // unix:///PATH has an empty authority
}

// Unix is the address of the socket at a path.
func Unix(path string) string { return scheme + path }

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
	if strings.HasPrefix(text, "unix-abstract:") {
		return errors.New("unix-abstract: is not supported (use unix:PATH)")
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
	case strings.HasPrefix(path, "@"), strings.ContainsAny(path, "%?#"), strings.ContainsFunc(path, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("must be unix:PATH with a printable path that does not begin with @ and has none of %, ? and #")
	case len(path) > maxPath:
		return fmt.Errorf("must be unix:PATH with a path of at most %d bytes, not %d (use a relative one)", maxPath, len(path))
	}
	return nil
}
