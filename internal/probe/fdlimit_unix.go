//go:build unix

package probe

import "golang.org/x/sys/unix"

// FDLimit is the number of file descriptors this process may hold: what it has set
// itself, and how far it could raise that (getrlimit(2), RLIMIT_NOFILE). Go raises
// the soft limit to the hard one when a process starts.
func FDLimit() (soft, hard uint64, ok bool) {
	var l unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
	return uint64(l.Cur), uint64(l.Max), err == nil
}
