package channel

import (
	"net"
	"syscall"
)

// inode is that of a connection's socket; 0 if it has none to tell.
func inode(conn net.Conn) (n uint64) {
	s, ok := conn.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { // closed: none
		var stat syscall.Stat_t
		if syscall.Fstat(int(fd), &stat) == nil {
			n = stat.Ino
		}
	})
	return n
}
